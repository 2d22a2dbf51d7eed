// What two members of an ECDSA key share besides the key: made inside the key generation, for one certificate
// (docs/ecdsa.md, Setup).
#pragma once
#include "crypto/ot/base_ot.h"
#include "session/per_party.h"

namespace quorate {

struct PairSecrets {
  PartyId peer;
  ot::ReceiverKeys as_A;  // I put values in, the peer's are random
  ot::SenderKeys as_B;
  Secret<Bytes32> seed;  // zero shares
  static auto fields(auto& m) { return std::tie(m.peer, m.as_A, m.as_B, m.seed); }
};
// One per other member, in ascending order.
using Pairwise = Bounded<PairSecrets, limits::kMaxParties - 1, WipingAllocator<PairSecrets>>;

// Its parts of the key generation's messages.
struct SetupRound1 {          // i → j
  ot::BaseOtRequest request;  // i as A
  static auto fields(auto& m) { return std::tie(m.request); }
};
struct SetupRound2 {      // i → j
  ot::BaseOtReply reply;  // i as B
  Secret<Bytes32> s;      // i's part of the pair's seed
  static auto fields(auto& m) { return std::tie(m.reply, m.s); }
};

// i's side of all its pairs, between the rounds.
class PairwiseSetup {
 public:
  PairwiseSetup(const Digest& sid, PartyId i, PartySet peers, Rng& rng);
  SetupRound1 round1(PartyId j) const;
  // Takes j's request. False: j cheated.
  bool take(PartyId j, const SetupRound1& theirs, Rng& rng);
  SetupRound2 round2(PartyId j) const;  // after take(j)
  // After round 2 from every peer.
  Pairwise finish(const PerPeer<SetupRound2>& theirs) &&;

 private:
  struct Pair {
    std::optional<ot::BaseOtReceiver> receiver;
    std::optional<ot::BaseOtSent> sent;
    Secret<Bytes32> s;
  };
  Digest sid_;
  PartyId i_;
  PerPeer<Pair> pairs_;
};

}  // namespace quorate

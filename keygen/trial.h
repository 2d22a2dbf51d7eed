// Test signatures of a new committee, before its members sign its certificate: what pairwise secrets are worth shows
// only when they are used. Enough signer sets that every member has signed once; each set signs in a session of its
// own, inside the reshare's.
#pragma once
#include <memory>
#include <vector>

#include "keygen/dkg_setup.h"
#include "session/session.h"

namespace quorate {

// A session that makes one signature with what I have prepared, which outlives it. It has a result only if the
// signature verifies, and sends one message in each of its rounds, two (FROST) or three (ECDSA), to each of its peers.
template <class P>
using StartTrial = std::unique_ptr<AnySession> (*)(const SessionConfig& config, const P& prepared);

// Sets of t consecutive members, the last one filled up from the first. Two members are together in at most two.
std::vector<PartySet> trial_sets(PartySet members, std::size_t t);

inline constexpr std::size_t kMaxTrialsTogether = 2;
inline constexpr std::size_t kMaxTrialPart = 64 * 1024;  // bytes; ECDSA's longest message for one digest has 41 KB

// ---- messages, i → j: of the sessions that have both, in the order of the sets

struct TrialMessage {
  Bounded<BoundedSecretBytes<kMaxTrialPart>, kMaxTrialsTogether> parts;
  static auto fields(auto& m) { return std::tie(m.parts); }
};
struct ReshareTrial1 : TrialMessage {
  static constexpr std::string_view tag = "reshare/trial-1/1";
};
struct ReshareTrial2 : TrialMessage {
  static constexpr std::string_view tag = "reshare/trial-2/1";
};
struct ReshareTrial3 : TrialMessage {  // ECDSA
  static constexpr std::string_view tag = "reshare/trial-3/1";
};

// A part of reshare(), among the new members: returns once all sets that have me have signed, and aborts as a session
// that signs does. The signatures are dropped. Nothing needs to be stored: whoever stops here stores no share. prepared
// outlives the task.
template <class C, class Setup>
Task<void> try_out(Party self, PartySet members, std::size_t t, StartTrial<typename Setup::template Prepared<C>> start,
                   const typename Setup::template Prepared<C>& prepared);

extern template Task<void> try_out<Secp256k1, NoSetup>(Party, PartySet, std::size_t,
                                                       StartTrial<PreparedShare<Secp256k1>>,
                                                       const PreparedShare<Secp256k1>&);
extern template Task<void> try_out<Ed25519, NoSetup>(Party, PartySet, std::size_t, StartTrial<PreparedShare<Ed25519>>,
                                                     const PreparedShare<Ed25519>&);
extern template Task<void> try_out<Secp256k1, EcdsaSetup>(Party, PartySet, std::size_t, StartTrial<PreparedEcdsaShare>,
                                                          const PreparedEcdsaShare&);

}  // namespace quorate

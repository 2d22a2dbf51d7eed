#include "keygen/pairwise.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/transcript.h"

namespace quorate {

namespace {

// seed_ij = H(sid, min, max, s_min, s_max)
Secret<Bytes32> seed_of(const Digest& sid, PartyId i, const Secret<Bytes32>& s_i, PartyId j,
                        const Secret<Bytes32>& s_j) {
  Transcript t("quorate/ecdsa/seed/1");
  t.absorb(sid).absorb(std::min(i, j)).absorb(std::max(i, j));
  t.absorb(i < j ? s_i : s_j).absorb(i < j ? s_j : s_i);
  const auto wide = t.wide();
  Secret<Bytes32> seed;
  std::copy_n(wide.expose().begin(), seed.expose().size(), seed.expose().begin());
  return seed;
}

}  // namespace

PairwiseSetup::PairwiseSetup(const Digest& sid, PartyId i, PartySet peers, Rng& rng) : sid_(sid), i_(i), pairs_(peers) {
  for (const PartyId j : peers) {
    pairs_[j].receiver.emplace(ot::Direction{sid, i, j}, rng);
    pairs_[j].s = rng.secret<32>();
  }
}

SetupRound1 PairwiseSetup::round1(PartyId j) const { return {pairs_[j].receiver->request()}; }

bool PairwiseSetup::take(PartyId j, const SetupRound1& theirs, Rng& rng) {
  QUORATE_ASSERT(!pairs_[j].sent);
  pairs_[j].sent = ot::base_ot_send(ot::Direction{sid_, j, i_}, theirs.request, rng);
  return pairs_[j].sent.has_value();
}

SetupRound2 PairwiseSetup::round2(PartyId j) const {
  QUORATE_ASSERT(pairs_[j].sent);
  return {pairs_[j].sent->reply, pairs_[j].s.copy()};
}

Pairwise PairwiseSetup::finish(const PerPeer<SetupRound2>& theirs) && {
  Pairwise pairwise(theirs.parties().size());
  auto secrets = pairwise.begin();
  for (const PartyId j : pairs_.parties()) {
    Pair& pair = pairs_[j];
    QUORATE_ASSERT(pair.receiver && pair.sent);
    secrets->peer = j;
    secrets->as_A = std::move(*pair.receiver).finish(theirs[j].reply);
    secrets->as_B = std::move(pair.sent->keys);
    secrets->seed = seed_of(sid_, i_, pair.s, j, theirs[j].s);
    ++secrets;
  }
  return pairwise;
}

}  // namespace quorate

// ECDSA keys and pairwise secrets made at once by a dealer: what a key generation would leave, without its base OTs.
#pragma once
#include <map>

#include "keygen/key_share.h"
#include "keygen/pairwise.h"
#include "tests/support/committees.h"

namespace quorate::test {

// The secrets of every pair in `parties`, consistent with each other.
inline std::map<PartyId, Pairwise> deal_pairs(PartySet parties, Rng& rng) {
  std::map<PartyId, Pairwise> pairs;
  const auto find = [&](PartyId i, PartyId j) -> PairSecrets& { return pairs[i][parties.without(i).position(j)]; };
  for (const PartyId i : parties) {
    pairs[i].resize(parties.size() - 1);
    for (const PartyId j : parties.without(i)) find(i, j).peer = j;
  }
  for (const PartyId i : parties)
    for (const PartyId j : parties.without(i)) {
      ot::ReceiverKeys& A = find(i, j).as_A;
      ot::SenderKeys& B = find(j, i).as_B;
      A.delta = rng.secret<16>();
      for (std::size_t k = 0; k < ot::kKappa; ++k) {
        B.k[k][0] = rng.secret<32>();
        B.k[k][1] = rng.secret<32>();
        const bool delta_k = ((A.delta.expose()[k / 8] >> (k % 8)) & 1) != 0;
        A.k[k] = B.k[k][delta_k].copy();
      }
      if (i < j) {
        find(i, j).seed = rng.secret<32>();
        find(j, i).seed = find(i, j).seed.copy();
      }
    }
  return pairs;
}

template <class C>
std::map<PartyId, KeyShare<C>> deal_shares(std::size_t t, unsigned n, Algorithm algorithm, Rng& rng) {
  const auto committee = Committee::make(static_cast<std::uint8_t>(t), random_members(n, rng)).value();
  const auto f = Polynomial<C>::random(t, rng, Scalar<C>::random(rng));
  std::map<PartyId, KeyShare<C>> shares;
  Bounded<Point<C>, limits::kMaxParties> X;
  for (const PartyId j : committee.parties()) X.push_back(Point<C>::base(f.at(j)));
  for (const PartyId i : committee.parties()) {
    KeyShare<C>& share = shares[i];
    share.me = i;
    share.number = 1;
    share.algorithm = algorithm;
    share.committee = committee;
    share.Y = Point<C>::base(f.coefficient(0));
    share.X = X;
    share.x_i = f.at(i);
  }
  return shares;
}

}  // namespace quorate::test

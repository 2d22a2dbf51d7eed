// The last steps by themselves: what no honest run hits by chance. // attack 37
#include <algorithm>

#include "tests/signing/ecdsa_world.h"

namespace quorate::test {
namespace {

using ecdsa::finish;
using ecdsa::normalized;

bool odd(const Point<K>& P) { return P.bytes()[0] == 3; }

// The point with x = q + k, of which nobody knows the logarithm, if there is one.
std::optional<Point<K>> at_q_plus(std::uint8_t k, bool odd_y) {
  ByteArray<33> encoded;
  (-Scalar<K>::one()).wire_put(encoded.data() + 1);  // q − 1 ends in 0x40
  encoded[0] = odd_y ? 3 : 2;
  encoded[32] = static_cast<std::uint8_t>(encoded[32] + 1 + k);
  return Point<K>::parse(encoded);
}
Point<K> with_high_x(bool odd_y, Rng& rng) {
  for (;;)
    if (const auto P = at_q_plus(static_cast<std::uint8_t>(1 + rng.below(100)), odd_y)) return *P;
}

// For any R and s there is a key under which they sign the digest: Q = (s·R − m̂·G)/r_x.
Point<K> key_for(const Point<K>& R, const Scalar<K>& s, const Digest& digest) {
  const Scalar<K> inverse = ecdsa::x_mod_q(R).inverse();
  return Point<K>::base_and(-(ecdsa::digest_scalar(digest) * inverse), s * inverse, R);
}

TEST(EcdsaSignature, EveryRecoveryIdRecoversTheKey) {
  SeededRng rng(71);
  std::map<std::uint8_t, int> seen;
  for (int n = 0; n < 10'000; ++n) {
    const Digest digest = rng.bytes<32>();
    const Scalar<K> s = Scalar<K>::random(rng);
    const bool high_x = n % 2 == 1;
    const Point<K> R = high_x ? with_high_x(n % 4 == 1, rng) : Point<K>::base(Scalar<K>::random(rng));
    const Point<K> Q = key_for(R, s, digest);
    const auto signature = finish(Q, digest, R, Scalar<K>::one(), s);
    ASSERT_TRUE(signature);
    ++seen[signature->recovery_id];
    EXPECT_EQ(signature->recovery_id >= 2, high_x);
    for (std::uint8_t other = 0; other < 4; ++other)
      EXPECT_EQ(recover_key(digest, signature->rs, other) == Q.bytes(), other == signature->recovery_id);
    // −s with −R is the same signature.
    EXPECT_EQ(normalized(-R, -s), *signature);
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST(EcdsaSignature, SIsLowAndFlipsTheParity) {
  SeededRng rng(72);
  Digest half;  // (q − 1)/2, the highest low s
  (-Scalar<K>::one() * Scalar<K>::from_u64(2).inverse()).wire_put(half.data());
  const Scalar<K> low = Scalar<K>::parse(half).value(), high = low + Scalar<K>::one();
  for (const bool y : {false, true}) {
    Point<K> R = Point<K>::base(Scalar<K>::random(rng));
    if (odd(R) != y) R = -R;
    EXPECT_EQ(normalized(R, low).recovery_id, y ? 1 : 0);
    EXPECT_EQ(normalized(R, high).recovery_id, y ? 0 : 1);
    EXPECT_TRUE(std::equal(half.begin(), half.end(), normalized(R, low).rs.begin() + 32));
    EXPECT_TRUE(std::equal(half.begin(), half.end(), normalized(R, high).rs.begin() + 32));  // q − high = low
  }
}

TEST(EcdsaSignature, ZeroAndWrongSumsAreRefused) {
  SeededRng rng(73);
  const Digest digest = rng.bytes<32>();
  const Scalar<K> s = Scalar<K>::random(rng), zero, one = Scalar<K>::one();
  const Point<K> R = Point<K>::base(Scalar<K>::random(rng)), Q = key_for(R, s, digest);
  ASSERT_TRUE(finish(Q, digest, R, one, s));
  ASSERT_TRUE(finish(Q, digest, R, s, s * s));
  EXPECT_FALSE(finish(Q, digest, R, zero, s));
  EXPECT_FALSE(finish(Q, digest, R, one, zero));
  EXPECT_FALSE(finish(Q, digest, R, zero, zero));
  EXPECT_FALSE(finish(Q, digest, R, one, s + one));
  EXPECT_FALSE(finish(-Q, digest, R, one, s));
  EXPECT_FALSE(finish(Q, rng.bytes<32>(), R, one, s));
}

TEST(EcdsaSignature, DigestsAreReducedModQ) {
  Digest q_minus_1, q, all;
  (-Scalar<K>::one()).wire_put(q_minus_1.data());
  q = q_minus_1;
  ++q[31];
  all.fill(0xff);
  EXPECT_TRUE(ecdsa::digest_scalar(Digest{}).is_zero());
  EXPECT_TRUE(ecdsa::digest_scalar(q).is_zero());
  EXPECT_TRUE(ecdsa::digest_scalar(q_minus_1).equals(-Scalar<K>::one()));
  // 2^256 − 1 − q
  EXPECT_EQ(to_hex(ecdsa::digest_scalar(all).bytes().expose()),
            "000000000000000000000000000000014551231950b75fc4402da1732fc9bebe");
}

TEST(EcdsaSignature, AKeyThatDerivesToTheIdentityIsRefused) {
  SeededRng rng(74);
  const Scalar<K> y = Scalar<K>::random(rng), tau = Scalar<K>::random(rng);
  const Point<K> Y = Point<K>::base(y);
  EXPECT_FALSE(ecdsa::effective_key(Y, -y));
  EXPECT_EQ(ecdsa::effective_key(Y, Scalar<K>()).value().Q, Y);
  EXPECT_EQ(ecdsa::effective_key(Y, tau).value().Q, Point<K>::base(y + tau));
}

// ---- states are used once

struct TwoSigners {
  EcdsaWorld world{PartySet::first(2), 2, 2};
  std::map<PartyId, ecdsa::Signing> signing;
  std::map<PartyId, ecdsa::Begun> begun;
  std::map<PartyId, ecdsa::Multiplied> states;
  PerPeer<ecdsa::Round1> first_of(PartyId i) {
    return PerPeer<ecdsa::Round1>(world.T.without(i), [&](PartyId j) { return begun.at(j).messages[i]; });
  }
  TwoSigners() {
    SeededRng rng(75);
    const Digest sid = rng.bytes<32>();
    for (const PartyId i : world.T) {
      signing[i] = {sid, world.T, i, world.keys, world.digests};
      begun.emplace(i, ecdsa::begin(signing[i], world.pairs.at(i), rng));
    }
    for (const PartyId i : world.T)
      states.emplace(i, ecdsa::key_parts(signing[i], std::move(begun.at(i).nonces), world.shares.at(i).x_i,
                                         world.pairs.at(i), begun.at(i).messages, first_of(i)));
  }
};

TEST(EcdsaSteps, KeyPartsSumToTheKeyAndHideBehindZeroShares) {
  TwoSigners s;
  const Scalar<K> sk_1 = s.states.at(P1).sk[0], sk_2 = s.states.at(P2).sk[0];
  EXPECT_EQ(Point<K>::base(sk_1 + sk_2), s.world.keys[0].Q);
  EXPECT_FALSE(sk_1.equals(lagrange<K>(s.world.T, P1) * s.world.shares.at(P1).x_i));  // ζ_1 ≠ 0
  EXPECT_EQ(s.states.at(P1).echo, s.states.at(P2).echo);
  EXPECT_EQ(s.states.at(P1).pair[P2], s.states.at(P2).pair[P1]);
}

TEST(EcdsaSteps, AnIdentityOrAZeroXIsRefused) {
  TwoSigners s;
  PerPeer<ecdsa::Round2> theirs(PartySet{P2});
  theirs[P2].R = {s.states.at(P2).nonces.R[0]};
  EXPECT_TRUE(ecdsa::totals(s.signing[P1], s.states.at(P1), theirs));
  theirs[P2].R = {-s.states.at(P1).nonces.R[0]};
  EXPECT_FALSE(ecdsa::totals(s.signing[P1], s.states.at(P1), theirs));
  // r_x = 0: x(R) = q
  theirs[P2].R = {at_q_plus(0, false).value() - s.states.at(P1).nonces.R[0]};
  EXPECT_FALSE(ecdsa::totals(s.signing[P1], s.states.at(P1), theirs));
}

using EcdsaStepsDeathTest = testing::Test;

TEST(EcdsaStepsDeathTest, WhatWasMovedFromSignsNothing) {
  TwoSigners s;
  SeededRng rng(1);
  const ecdsa::Signing& signing = s.signing[P1];
  const Pairwise& pairs = s.world.pairs.at(P1);
  EXPECT_DEATH(ecdsa::key_parts(signing, std::move(s.begun.at(P1).nonces), s.world.shares.at(P1).x_i, pairs,
                                s.begun.at(P1).messages, s.first_of(P1)),
               "live");
  ecdsa::Multiplied taken = std::move(s.states.at(P1));
  const ot::Columns q = ecdsa::check_extension(signing, pairs, P2, s.begun.at(P2).messages[P1]).value();
  EXPECT_DEATH(ecdsa::multiply(signing, s.states.at(P1), pairs, P2, q, rng), "live");
  EXPECT_DEATH(ecdsa::share(signing, std::move(s.states.at(P1)), {}, PerPeer<ecdsa::Round2>(PartySet{P2}),
                            PerPeer<ecdsa::PerInstance<ot::OleShares>>(PartySet{P2})),
               "live");
  ecdsa::multiply(signing, taken, pairs, P2, q, rng);
  EXPECT_DEATH(ecdsa::multiply(signing, taken, pairs, P2, q, rng), "empty");  // two products with one choice
}

// attack 42: one key, one scheme.
TEST(EcdsaStepsDeathTest, AShareOfAnotherSchemeIsOurOwnBug) {
  EcdsaWorld world(PartySet::first(2), 2, 2);
  world.shares.at(PartyId(1)).algorithm = Algorithm::schnorr_secp256k1;
  SeededRng rng(1);
  const auto session = world.start(SessionConfig{Digest{1}, world.T, PartyId(1), rng});
  EXPECT_DEATH(session->resume(), "algorithm");
}

TEST(EcdsaStepsDeathTest, AKeyThatTheShareDoesNotSignForIsOurOwnBug) {
  EcdsaWorld world(PartySet::first(2), 2, 2, 2);
  const Point<K> other = world.keys[0].Q + Point<K>::base(Scalar<K>::one());
  world.keys[1] = ecdsa::effective_key(other, Scalar<K>::zero()).value();
  SeededRng rng(1);
  const auto session = world.start(SessionConfig{Digest{1}, world.T, PartyId(1), rng});
  EXPECT_DEATH(session->resume(), "belong_to");
}

}  // namespace
}  // namespace quorate::test

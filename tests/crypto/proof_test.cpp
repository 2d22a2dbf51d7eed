// Schnorr proofs, polynomials, Lagrange.
#include <gtest/gtest.h>

#include <map>

#include "crypto/polynomial.h"
#include "crypto/schnorr.h"

namespace quorate {
namespace {

template <class C>
struct ProofTest : testing::Test {
  SeededRng rng{31};
  Scalar<C> x = Scalar<C>::random(rng);
  Point<C> X = Point<C>::base(x);
  static Transcript context(unsigned sid = 1, unsigned prover = 1) {
    Transcript t("quorate/test/a/1");
    t.absorb(Digest{static_cast<std::uint8_t>(sid)}).absorb(PartyId(prover));
    return t;
  }
};
using Curves = testing::Types<Secp256k1, Ed25519>;
TYPED_TEST_SUITE(ProofTest, Curves);

TYPED_TEST(ProofTest, VerifiesForItsStatement) {
  using C = TypeParam;
  const auto proof = SchnorrProof<C>::prove(this->x, this->X, this->context(), this->rng);
  EXPECT_TRUE(proof.verify(this->X, this->context()));
  EXPECT_FALSE(proof.verify(-this->X, this->context()));
  EXPECT_FALSE(proof.verify(this->X + Point<C>::generator(), this->context()));
  EXPECT_EQ(wire::max_size<SchnorrProof<C>>, 64u);
  EXPECT_TRUE(decode<SchnorrProof<C>>(encode(proof)).verify(this->X, this->context()));
}

// attack 2: as another party, session or type.
TYPED_TEST(ProofTest, IsBoundToItsContext) {
  using C = TypeParam;
  const auto proof = SchnorrProof<C>::prove(this->x, this->X, this->context(1, 1), this->rng);
  EXPECT_FALSE(proof.verify(this->X, this->context(2, 1)));
  EXPECT_FALSE(proof.verify(this->X, this->context(1, 2)));
  Transcript other("quorate/test/b/1");
  other.absorb(Digest{1}).absorb(PartyId(1));
  EXPECT_FALSE(proof.verify(this->X, other));
}

TYPED_TEST(ProofTest, RefusesAlteredOnes) {
  using C = TypeParam;
  const auto proof = SchnorrProof<C>::prove(this->x, this->X, this->context(), this->rng);
  for (int field = 0; field < 2; ++field)
    for (const Scalar<C>& by : {Scalar<C>::one(), -Scalar<C>::one(), this->x}) {
      auto altered = proof;
      (field == 0 ? altered.c : altered.s) += by;
      EXPECT_FALSE(altered.verify(this->X, this->context()));
    }
  EXPECT_FALSE(SchnorrProof<C>{}.verify(this->X, this->context()));
}

// attack 17: x = 0 has valid proofs by the equation alone.
TYPED_TEST(ProofTest, RefusesTheIdentity) {
  using C = TypeParam;
  EXPECT_FALSE(SchnorrProof<C>{}.verify(Point<C>(), this->context()));
  SchnorrProof<C> any;
  any.c = this->x, any.s = this->x;
  EXPECT_FALSE(any.verify(Point<C>(), this->context()));
}

TYPED_TEST(ProofTest, NoncesDifferUnderABrokenGenerator) {
  using C = TypeParam;
  struct Constant final : Rng {
    void fill(std::span<std::uint8_t> out) override { std::fill(out.begin(), out.end(), std::uint8_t{4}); }
  } broken;
  const auto a = SchnorrProof<C>::prove(this->x, this->X, this->context(1), broken);
  const auto b = SchnorrProof<C>::prove(this->x, this->X, this->context(2), broken);
  const Scalar<C> k_a = a.s - a.c * this->x, k_b = b.s - b.c * this->x;
  EXPECT_FALSE(k_a.equals(k_b));
}

template <class C>
struct PolynomialTest : ProofTest<C> {};
TYPED_TEST_SUITE(PolynomialTest, Curves);

TYPED_TEST(PolynomialTest, CommitmentsMatchValues) {
  using C = TypeParam;
  for (const std::size_t t : {2u, 3u, 5u}) {
    const auto f = Polynomial<C>::random(t, this->rng, this->x);
    ASSERT_EQ(f.size(), t);
    EXPECT_TRUE(f.coefficient(0).equals(this->x));
    EXPECT_FALSE(f.coefficient(t - 1).is_zero());
    const auto F = f.commit();
    ASSERT_EQ(F.size(), t);
    for (const PartyId j : PartySet::first(32)) EXPECT_EQ(evaluate_commitment<C>(F, j), Point<C>::base(f.at(j)));
  }
  EXPECT_DEATH(Polynomial<C>::random(1, this->rng, this->x), "t >=");
}

TYPED_TEST(PolynomialTest, LagrangeInterpolates) {
  using C = TypeParam;
  const auto f = Polynomial<C>::random(4, this->rng, this->x);
  for (const PartySet set : {PartySet::first(4), PartySet{PartyId(1), PartyId(2), PartyId(31), PartyId(32)},
                             PartySet{PartyId(3), PartyId(7), PartyId(8), PartyId(20), PartyId(32)}}) {
    Scalar<C> at_zero, at_9, ones;
    for (const PartyId i : set) {
      at_zero += lagrange<C>(set, i) * f.at(i);
      at_9 += lagrange_at(Scalar<C>::from_u64(9), set, i) * f.at(i);
      ones += lagrange<C>(set, i);
    }
    EXPECT_TRUE(at_zero.equals(this->x));
    EXPECT_TRUE(at_9.equals(f.at(PartyId(9))));
    EXPECT_TRUE(ones.equals(Scalar<C>::one()));
  }
  // attack 20: t − 1 values say nothing of f(0).
  const PartySet few = PartySet::first(3);
  Scalar<C> at_zero;
  for (const PartyId i : few) at_zero += lagrange<C>(few, i) * f.at(i);
  EXPECT_FALSE(at_zero.equals(this->x));
  EXPECT_DEATH(static_cast<void>(lagrange<C>(few, PartyId(4))), "contains");
}

TYPED_TEST(PolynomialTest, OneDegreeOneConstantTerm) {
  using C = TypeParam;
  const auto f = Polynomial<C>::random(3, this->rng, this->x);
  const PartySet all{PartyId(1), PartyId(2), PartyId(4), PartyId(5), PartyId(9)};
  std::map<PartyId, Point<C>> shares;
  for (const PartyId j : all) shares[j] = Point<C>::base(f.at(j));
  const auto at = [&](PartyId j) { return shares.at(j); };
  EXPECT_TRUE(on_one_polynomial(all, 3, this->X, at));
  EXPECT_TRUE(on_one_polynomial(all, 4, this->X, at));
  EXPECT_FALSE(on_one_polynomial(all, 2, this->X, at));
  EXPECT_FALSE(on_one_polynomial(all, 6, this->X, at));
  EXPECT_FALSE(on_one_polynomial(all, 0, this->X, at));
  EXPECT_FALSE(on_one_polynomial(all, 3, this->X + Point<C>::generator(), at));
  for (const PartyId j : all) {
    const Point<C> right = shares[j];
    shares[j] = right + Point<C>::generator();
    EXPECT_FALSE(on_one_polynomial(all, 3, this->X, at));
    shares[j] = right;
  }
}

}  // namespace
}  // namespace quorate

// FROST's checks, for both suites.
#include "tests/signing/signing_support.h"

namespace quorate {
namespace {

template <class S>
struct FrostTest : testing::Test {
  using Curve = typename S::Curve;
  SeededRng rng{51};
  DealtKey<Curve> key{PartySet::first(5), 3, rng};
  frost::EffectiveKey<Curve> effective = root_key(key.Y);
  PartySet T{PartyId(1), PartyId(3), PartyId(4)};
  Bytes message = bytes_of("message");
  Signers<S> signers{T, key, rng};

  auto prepare(PartySet set, const frost::CommitmentList<Curve>& list, PartyId me) {
    const auto at = signers.pairs.find(me);
    return frost::prepare<S>(effective, set, list, message, me, at == signers.pairs.end() ? nullptr : &at->second);
  }
  frost::Round<S> round_of(PartyId me) { return std::get<frost::Round<S>>(prepare(T, signers.list, me)); }
  frost::Refused refusal(PartySet set, const frost::CommitmentList<Curve>& list, PartyId me) {
    const auto result = prepare(set, list, me);
    const auto* refused = std::get_if<frost::Refused>(&result);
    return refused != nullptr ? *refused : frost::Refused{};
  }
  std::vector<Scalar<Curve>> shares() {
    std::vector<Scalar<Curve>> z;
    for (const PartyId i : T) {
      const auto round = round_of(i);
      z.push_back(frost::sign_share<S>(std::move(signers.pairs.at(i)), round, effective, i, key.x.at(i)));
    }
    return z;
  }
  bool verifies(const Signature64& signature) const {
    return verify_signature(algorithm_of(S{}), public_key_of(effective.Q), message, signature);
  }
};
using Suites = testing::Types<FrostEd25519, FrostBip340>;
TYPED_TEST_SUITE(FrostTest, Suites);

TYPED_TEST(FrostTest, EverySignerSetSigns) {
  using S = TypeParam;
  using C = typename S::Curve;
  for (std::uint32_t bits = 1; bits < 32; ++bits) {
    PartySet set;
    for (unsigned i = 1; i <= 5; ++i)
      if ((bits >> (i - 1)) & 1) set.insert(PartyId(i));
    const auto signature = sign_with<S>(this->key, this->effective, set, this->message, this->rng);
    EXPECT_EQ(this->verifies(signature), set.size() >= 3) << bits;  // attack 20: t − 1 cannot, t + 1 can
  }
  const DealtKey<C> far(PartySet{PartyId(2), PartyId(31), PartyId(32)}, 2, this->rng);
  const auto far_key = root_key(far.Y);
  const auto signature = sign_with<S>(far, far_key, {PartyId(31), PartyId(32)}, this->message, this->rng);
  EXPECT_TRUE(verify_signature(algorithm_of(S{}), public_key_of(far_key.Q), this->message, signature));
}

TYPED_TEST(FrostTest, AllSeeTheSameRound) {
  const auto mine = this->round_of(PartyId(1));
  for (const PartyId i : {PartyId(3), PartyId(4), PartyId(2)}) {  // 2 looks on
    const auto theirs = this->round_of(i);
    EXPECT_EQ(theirs.R, mine.R);
    EXPECT_TRUE(theirs.c.equals(mine.c));
    EXPECT_EQ(theirs.negated, mine.negated);
  }
}

// attack 38
TYPED_TEST(FrostTest, TheListIsExactlyTheSignerSet) {
  const auto& list = this->signers.list;
  const auto refuses = [&](frost::CommitmentList<typename TypeParam::Curve> altered, PartyId me) {
    const auto refused = this->refusal(this->T, altered, me);
    EXPECT_EQ(refused.reason, Reason::bad_commitment_list);
    EXPECT_TRUE(refused.culprits.empty());
  };
  auto swapped = list;
  std::swap(swapped[1], swapped[2]);
  refuses(swapped, PartyId(1));
  auto twice = list;
  twice[2] = twice[1];
  refuses(twice, PartyId(1));
  auto shorter = list;
  shorter.pop_back();
  refuses(shorter, PartyId(1));
  auto longer = list;
  longer.push_back({PartyId(5), list[0].commitment});
  refuses(longer, PartyId(1));
  auto renamed = list;
  renamed[2].i = PartyId(5);
  refuses(renamed, PartyId(1));
  refuses({}, PartyId(1));
  EXPECT_EQ(this->refusal(this->T, list, PartyId(1)).reason, Reason::unset);
}

// attack 38
TYPED_TEST(FrostTest, OnesOwnCommitmentIsPresentAndEqual) {
  using C = typename TypeParam::Curve;
  auto altered = this->signers.list;
  altered[1].commitment.D = altered[1].commitment.D + Point<C>::generator();
  EXPECT_EQ(this->refusal(this->T, altered, PartyId(3)).reason, Reason::bad_commitment_list);
  EXPECT_EQ(this->refusal(this->T, altered, PartyId(1)).reason, Reason::unset);  // 1 cannot see it
  altered = this->signers.list;
  altered[1].commitment.E = altered[0].commitment.E;
  EXPECT_EQ(this->refusal(this->T, altered, PartyId(3)).reason, Reason::bad_commitment_list);

  // Not in the set at all, with a pair in hand.
  const auto pair = frost::commit<TypeParam>(this->key.x.at(PartyId(2)), Digest{}, this->message, this->rng);
  const auto result =
      frost::prepare<TypeParam>(this->effective, this->T, this->signers.list, this->message, PartyId(2), &pair);
  ASSERT_TRUE(std::holds_alternative<frost::Refused>(result));
}

TYPED_TEST(FrostTest, WhoSendsNoPointIsNamed) {
  using C = typename TypeParam::Curve;
  auto altered = this->signers.list;
  altered[1].commitment.E = UncheckedPoint<C>(typename Point<C>::Encoding{});
  auto refused = this->refusal(this->T, altered, PartyId(1));
  EXPECT_EQ(refused.reason, Reason::malformed);
  EXPECT_EQ(refused.culprits, PartySet{PartyId(3)});
  altered = this->signers.list;
  altered[2].commitment.D = Point<C>();
  refused = this->refusal(this->T, altered, PartyId(1));
  EXPECT_EQ(refused.reason, Reason::malformed);
  EXPECT_EQ(refused.culprits, PartySet{PartyId(4)});
}

// attack 17
TYPED_TEST(FrostTest, AnIdentityKeyIsRefused) {
  const frost::EffectiveKey<typename TypeParam::Curve> none;
  const auto result = frost::prepare<TypeParam>(none, this->T, this->signers.list, this->message, PartyId(1), nullptr);
  EXPECT_TRUE(std::holds_alternative<frost::Refused>(result));
}

TYPED_TEST(FrostTest, ABadShareIsFoundAndOnlyThat) {
  using C = typename TypeParam::Curve;
  const auto round = this->round_of(PartyId(2));
  const auto z = this->shares();
  ASSERT_TRUE(this->verifies(frost::aggregate<TypeParam>(round, z)));
  for (std::size_t bad = 0; bad < z.size(); ++bad) {
    auto altered = z;
    altered[bad] += Scalar<C>::one();
    EXPECT_FALSE(this->verifies(frost::aggregate<TypeParam>(round, altered)));
    std::size_t k = 0;
    for (const PartyId i : this->T) {
      EXPECT_EQ(frost::verify_share<TypeParam>(round, this->effective, i, this->key.X.at(i), altered[k]), k != bad);
      ++k;
    }
  }
  EXPECT_FALSE(frost::verify_share<TypeParam>(round, this->effective, PartyId(2), this->key.X.at(PartyId(2)), z[0]));
  EXPECT_FALSE(frost::verify_share<TypeParam>(round, this->effective, PartyId(1), this->key.X.at(PartyId(3)), z[0]));
}

// attack 38: the binding factor covers key, message and the whole list.
TYPED_TEST(FrostTest, BindingFactorsCoverEverything) {
  using C = typename TypeParam::Curve;
  const auto& list = this->signers.list;
  const auto rho = frost::compute_binding_factors<TypeParam>(this->effective.Q, list, this->message);
  EXPECT_FALSE(rho[0].equals(rho[1]));
  const auto differs = [&](const std::vector<Scalar<C>>& other) {
    for (std::size_t k = 0; k < rho.size(); ++k) EXPECT_FALSE(other[k].equals(rho[k]));
  };
  differs(frost::compute_binding_factors<TypeParam>(Point<C>::generator(), list, this->message));
  differs(frost::compute_binding_factors<TypeParam>(this->effective.Q, list, bytes_of("messagf")));
  for (std::size_t k = 0; k < list.size(); ++k) {
    auto altered = list;
    altered[k].commitment.D = Point<C>::generator();
    differs(frost::compute_binding_factors<TypeParam>(this->effective.Q, altered, this->message));
    altered = list;
    altered[k].commitment.E = UncheckedPoint<C>(Point<C>::generator());
    differs(frost::compute_binding_factors<TypeParam>(this->effective.Q, altered, this->message));
  }
}

// attack 32: the pair is gone with its share.
TYPED_TEST(FrostTest, ANoncePairSignsOnce) {
  auto& pair = this->signers.pairs.at(PartyId(1));
  const auto round = this->round_of(PartyId(1));
  EXPECT_FALSE(pair.is_spent());
  static_cast<void>(
      frost::sign_share<TypeParam>(std::move(pair), round, this->effective, PartyId(1), this->key.x.at(PartyId(1))));
  EXPECT_TRUE(pair.is_spent());
  EXPECT_DEATH(static_cast<void>(frost::sign_share<TypeParam>(std::move(pair), round, this->effective, PartyId(1),
                                                              this->key.x.at(PartyId(1)))),
               "spent");
  EXPECT_DEATH(this->round_of(PartyId(1)), "spent");
}

TYPED_TEST(FrostTest, APairSignsOnlyUnderItsOwnCommitment) {
  const auto round = this->round_of(PartyId(1));
  auto other = frost::commit<TypeParam>(this->key.x.at(PartyId(1)), Digest{}, this->message, this->rng);
  EXPECT_DEATH(static_cast<void>(frost::sign_share<TypeParam>(std::move(other), round, this->effective, PartyId(1),
                                                              this->key.x.at(PartyId(1)))),
               "commitment");
}

TYPED_TEST(FrostTest, NoncesAreHedged) {
  using C = typename TypeParam::Curve;
  const Secret<Bytes32> same;
  const auto a = frost::nonce_generate<TypeParam>(same, this->key.x.at(PartyId(1)));
  const auto b = frost::nonce_generate<TypeParam>(same, this->key.x.at(PartyId(2)));
  EXPECT_FALSE(a.equals(b));
  const auto pair = frost::commit<TypeParam>(this->key.x.at(PartyId(1)), Digest{}, this->message, this->rng);
  EXPECT_EQ(pair.commitment().E.check().has_value(), true);
  EXPECT_FALSE(*pair.commitment().E.check() == pair.commitment().D);
  static_assert(!std::is_copy_constructible_v<frost::NoncePair<C>>);
  static_assert(!std::is_move_assignable_v<frost::NoncePair<C>>);
}

// A generator that repeats itself repeats no nonce for another session, message or share.
TYPED_TEST(FrostTest, ARepeatingGeneratorRepeatsNoNonce) {
  const auto& x = this->key.x;
  const auto commitment = [&](PartyId i, Digest sid, std::string_view text) {
    SeededRng repeated(5);
    return frost::commit<TypeParam>(x.at(i), sid, view_of(text), repeated).commitment();
  };
  const auto first = commitment(PartyId(1), Digest{1}, "message");
  EXPECT_EQ(first, commitment(PartyId(1), Digest{1}, "message"));
  for (const auto& other : {commitment(PartyId(1), Digest{2}, "message"), commitment(PartyId(1), Digest{1}, "another"),
                            commitment(PartyId(2), Digest{1}, "message")}) {
    EXPECT_NE(first.D, other.D);
    EXPECT_FALSE(first.E == other.E);
  }
}

// d and e differ although both draws of the generator are the same.
TYPED_TEST(FrostTest, NoncesDifferUnderAConstantGenerator) {
  struct Constant final : Rng {
    void fill(std::span<std::uint8_t> out) override { std::fill(out.begin(), out.end(), std::uint8_t{7}); }
  } constant;
  const auto pair = frost::commit<TypeParam>(this->key.x.at(PartyId(1)), Digest{1}, this->message, constant);
  EXPECT_FALSE(UncheckedPoint<typename TypeParam::Curve>(pair.commitment().D) == pair.commitment().E);
}

}  // namespace
}  // namespace quorate

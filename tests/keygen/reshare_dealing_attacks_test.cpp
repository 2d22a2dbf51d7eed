// Dealers of a reshare that deviate, for each of the three algorithms: one test for each check. It is caught, whoever
// can be named is, and nothing changes.
#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

template <class A>
class ReshareDealingAttacks : public ReshareAttackTest<A> {};
TYPED_TEST_SUITE(ReshareDealingAttacks, Algorithms, AlgorithmNames);

// The deviating party without a plan is an honest one: what the tests below see comes from their plans.
TYPED_TEST(ReshareDealingAttacks, NoneIsFine) {
  this->expect_all(ResharePlan<typename TestFixture::Curve>{}, "finished");
}

// attack 45: the key is what it was
TYPED_TEST(ReshareDealingAttacks, AnotherConstantTermNamesItsDealer) {
  using C = typename TestFixture::Curve;
  const std::string expected = "dealer shares another value than its own!";
  const auto with = [&](std::function<Scalar<C>(PartyId)> constant) { return this->dealing(2, constant); };
  this->expect_all(with([&](PartyId i) { return this->lambda(i) * this->x(i); }), "finished");
  this->expect_all(with([&](PartyId i) { return this->lambda(i) * this->x(i) + Scalar<C>::one(); }), expected);
  this->expect_all(with([&](PartyId i) { return -(this->lambda(i) * this->x(i)); }), expected);
  // no λ (that of 3 is 1), and that of another T_old
  this->expect_all(typename TestFixture::Attack(this->world, this->P1, with([&](PartyId i) { return this->x(i); })),
                   expected);
  this->expect_all(with([&](PartyId i) {
                     PartySet other = this->world.parameters->dealers().without(this->P2);
                     other.insert(this->P4);
                     return lagrange<C>(other, i) * this->x(i);
                   }),
                   expected);
}

// attack 46: by a dealer that missed the last refresh, or has kept its share of before
TYPED_TEST(ReshareDealingAttacks, AShareOfTheEpochBeforeNamesItsDealer) {
  using W = typename TestFixture::World;
  const W refresh(4, 3, set_of({1, 2, 3}), PartySet::first(4), 3);
  Simulation<W> before(refresh, 1);
  const W now(refresh.after(before.run()), set_of({1, 2, 3}), set_of({1, 4, 5}), 2, 3);
  const auto deals = [&](const W& from) {
    return this->dealing(2, [&](PartyId i) { return this->lambda(i) * from.base->shares.at(i).x_i; });
  };
  for (const PartyId attacker : {this->P3, this->P1}) {
    this->expect_all(typename TestFixture::Attack(now, attacker, deals(now)), "finished");
    this->expect_all(typename TestFixture::Attack(now, attacker, deals(refresh)),
                     "dealer shares another value than its own!");
  }
}

// attack 14
TYPED_TEST(ReshareDealingAttacks, LongerOrShorterPolynomialsAndListsNameTheirDealer) {
  using C = typename TestFixture::Curve;
  const typename TestFixture::World three(4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 3);
  for (const std::size_t length : {2u, 4u}) {
    const auto plan = this->dealing(length, [&](PartyId i) { return this->lambda(i) * this->x(i); });
    this->expect_all(typename TestFixture::Attack(three, this->P3, plan), "list of a wrong length!");
  }
  for (const std::size_t proofs : {0u, 1u, 3u, 32u}) {
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.proofs.resize(proofs); };
    this->expect_all(plan, "list of a wrong length!");
  }
}

TYPED_TEST(ReshareDealingAttacks, AWrongProofNamesItsDealer) {
  using C = typename TestFixture::Curve;
  for (std::size_t k = 0; k < 2; ++k) {
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.proofs[k].s += Scalar<C>::one(); };
    this->expect_all(plan, "proof does not verify!");
  }
}

// attacks 14, 17: a leading coefficient of zero among them
TYPED_TEST(ReshareDealingAttacks, ABadPointNamesItsDealer) {
  using C = typename TestFixture::Curve;
  for (const auto& encoding : bad_encodings<C>())
    for (std::size_t k = 0; k < 2; ++k) {
      ResharePlan<C> plan;
      plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) {
        d.opening.F[k] = UncheckedPoint<C>(encoding);
      };
      this->expect_all(typename TestFixture::Attack(this->world, this->P3, plan), "proof does not verify!");
    }
}

TYPED_TEST(ReshareDealingAttacks, AnotherChainCodeNamesItsDealer) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.deal = [&](const SessionId&, PartyId, ReshareDealing<C>& d) { d.opening.chain_code.expose()[31] ^= 1; };
  this->expect_all(plan, "dealer hands on another chain code than the certified one!");
}

// Each part of what is opened is bound by the commitment.
TYPED_TEST(ReshareDealingAttacks, OpensSomethingElse) {
  using C = typename TestFixture::Curve;
  for (int part = 0; part < 5; ++part) {
    ResharePlan<C> plan;
    plan.round2 = [&](PartyId, ReshareRound2<C>& m) {
      if (part == 0) m.F[1] = UncheckedPoint<C>(Point<C>::generator());
      if (part == 1) m.proofs[0].s += Scalar<C>::one();
      if (part == 2) m.chain_code.expose()[0] ^= 1;
      if (part == 3) m.blind[0] ^= 1;
    };
    if (part == 4) plan.round1 = [&](PartyId, ReshareRound1& m) { m.C[0] ^= 1; };
    this->expect_all(plan, "opening does not match its commitment!");
  }
}

// attack 7: another commitment, opening and share for one, each consistent in itself
TYPED_TEST(ReshareDealingAttacks, AConsistentEquivocationIsFoundByTheEcho) {
  using C = typename TestFixture::Curve;
  for (const PartyId victim : {this->P2, this->P4, this->P5}) {
    SeededRng rng(11);
    std::optional<ReshareDealing<C>> other;
    ResharePlan<C> plan;
    plan.deal = [&](const SessionId& sid, PartyId me, ReshareDealing<C>&) {
      other.emplace(reshare_deal(sid, *this->world.parameters, this->world.base->shares.at(me), rng));
    };
    plan.round1 = [&](PartyId to, ReshareRound1& m) {
      if (to == victim) m.C = other->commitment;
    };
    plan.round2 = [&](PartyId to, ReshareRound2<C>& m) {
      if (to == victim) m = other->open();
    };
    plan.share = [&](const SessionId& sid, const Digest&, PartyId to, ReshareShare<C>& m) {
      if (to == victim) m = other->deal_to(sid, this->P3, to, this->world.base->identities.at(this->P3));
    };
    this->expect_all(typename TestFixture::Attack(this->world, this->P3, plan), "parties saw different broadcasts");
  }
}

// A wrong share that its dealer has signed convicts it for everyone, also for those who get no share.
TYPED_TEST(ReshareDealingAttacks, ASignedWrongShareConvictsItsDealer) {
  using C = typename TestFixture::Curve;
  for (const PartyId attacker : {this->P3, this->P1})
    for (const PartyId victim : {this->P4, this->P5}) {
      ResharePlan<C> plan;
      plan.share = [&](const SessionId& sid, const Digest& C_i, PartyId to, ReshareShare<C>& m) {
        if (to != victim) return;
        m.share += Scalar<C>::one();
        m.share_signature =
            this->world.base->identities.at(attacker).sign(share_message(sid, attacker, to, C_i, m.share));
      };
      this->expect_all(typename TestFixture::Attack(this->world, attacker, plan),
                       "share is not on its dealer's polynomial!");
    }
}

TYPED_TEST(ReshareDealingAttacks, AnUnsignedShareIsSeenByItsRecipientAlone) {
  using C = typename TestFixture::Curve;
  for (const bool wrong : {false, true}) {
    ResharePlan<C> plan;
    plan.share = [&](const SessionId&, const Digest&, PartyId to, ReshareShare<C>& m) {
      if (to != this->P5) return;
      if (wrong) m.share += Scalar<C>::one();
      if (!wrong) m.share_signature[5] ^= 1;
    };
    const typename TestFixture::Attack a(this->world, this->P3, plan);
    EXPECT_EQ(a.end(5), "share is not signed by its dealer!");
    EXPECT_EQ(a.end(1), "silent");
  }
}

// attack 17: X'_5 = 0. It takes a dealer who knows the others' coefficients, as no dealer does; this one has their
// seeds.
TYPED_TEST(ReshareDealingAttacks, ASumThatIsTheIdentityIsNoShare) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  Scalar<C> constant, slope;
  plan.deal = [&](const SessionId& sid, PartyId me, ReshareDealing<C>& d) {
    Scalar<C> others;
    for (const PartyId i : {this->P1, this->P2}) {
      SeededRng same = Simulation<typename TestFixture::World>::rng_of(i, 1);
      others += reshare_deal(sid, *this->world.parameters, this->world.base->shares.at(i), same).f.at(this->P5);
    }
    constant = d.f.coefficient(0);
    slope = -(others + constant) * scalar_of<C>(this->P5).inverse();  // f(5) = −others
    d.F[1] = Point<C>::base(slope);
    DkgOpening<C> shown;
    shown.F = {UncheckedPoint<C>(d.F[0]), UncheckedPoint<C>(d.F[1])};
    SeededRng rng(7);
    d.opening.F = shown.F;
    d.opening.proofs = {coefficient_proof(sid, me, 0, constant, shown, rng),
                        coefficient_proof(sid, me, 1, slope, shown, rng)};
  };
  plan.share = [&](const SessionId& sid, const Digest& C_i, PartyId to, ReshareShare<C>& m) {
    m.share = constant + slope * scalar_of<C>(to);
    m.share_signature = this->world.base->identities.at(this->P3).sign(share_message(sid, this->P3, to, C_i, m.share));
  };
  this->expect_all(typename TestFixture::Attack(this->world, this->P3, plan), "sum is the identity");
}

}  // namespace
}  // namespace quorate::test

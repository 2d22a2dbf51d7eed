// A dealer that follows the protocol except for one thing in what it deals: one test for each check.
#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

template <class C>
class DkgDealingAttack : public testing::Test {
 protected:
  const PartyId P1{1}, P2{2}, P3{3};
};
TYPED_TEST_SUITE(DkgDealingAttack, Curves, CurveNames);

// The deviating party without a plan is an honest one: what the tests below see comes from their plans.
TYPED_TEST(DkgDealingAttack, NoneIsFine) {
  const Plan<TypeParam> plan;
  const Attack<TypeParam> a(3, 2, plan);
  QUORATE_EXPECT_ALL(a, "finished");
}

// attack 14: a polynomial of another degree than the key's
TYPED_TEST(DkgDealingAttack, LongerOrShorterPolynomial) {
  using C = TypeParam;
  for (const auto& [length, proofs] :
       std::vector<std::pair<std::size_t, std::size_t>>{{2, 2}, {4, 4}, {2, 3}, {4, 3}}) {
    const std::size_t coefficients = length, proved = proofs;
    Plan<C> plan;
    plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>& d) {
      SeededRng rng(7);
      deal_instead(sid, me, d, Polynomial<C>::random(coefficients, rng, Scalar<C>::random(rng)), rng);
      d.opening.proofs.resize(proved);
    };
    const Attack<C> a(4, 3, plan);
    QUORATE_EXPECT_ALL(a, "list of a wrong length!");
  }
}

// attack 17: contributions that cancel. It takes a dealer who knows the others' coefficients, as no dealer does; this
// one has their seeds.
TYPED_TEST(DkgDealingAttack, AGroupKeyThatIsTheIdentityIsNoKey) {
  using C = TypeParam;
  Plan<C> plan;
  plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>& d) {
    Scalar<C> others;
    for (const PartyId i : {this->P1, this->P2}) {
      SeededRng same = Simulation<DkgWorld<C>>::rng_of(i, 1);
      others += dkg_deal<C>(sid, i, 2, same).f.coefficient(0);
    }
    SeededRng rng(7);
    deal_instead(sid, me, d, Polynomial<C>::random(2, rng, -others), rng);
  };
  const Attack<C> a(3, 2, plan);
  QUORATE_EXPECT_ALL(a, "sum is the identity");
}

// attack 6: proofs fewer or more than coefficients
TYPED_TEST(DkgDealingAttack, MissingOrSurplusProofs) {
  using C = TypeParam;
  for (const std::size_t length : {0u, 1u, 3u, 32u}) {
    Plan<C> plan;
    plan.deal = [&](const SessionId&, PartyId, DkgDealing<C>& d) { d.opening.proofs.resize(length); };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "list of a wrong length!");
  }
}

// attacks 2, 15: a coefficient that its dealer does not know
TYPED_TEST(DkgDealingAttack, WrongProofOfEachCoefficient) {
  using C = TypeParam;
  for (std::size_t k = 0; k < 2; ++k)
    for (const bool response : {false, true}) {
      Plan<C> plan;
      plan.deal = [&](const SessionId&, PartyId, DkgDealing<C>& d) {
        auto& proof = d.opening.proofs[k];
        (response ? proof.s : proof.c) += Scalar<C>::one();
      };
      const Attack<C> a(3, 2, plan);
      QUORATE_EXPECT_ALL(a, "proof does not verify!");
    }
}

// attack 2: a proof made for another session, party or coefficient, or for a neighbour in another list
TYPED_TEST(DkgDealingAttack, ProofFromAnotherPlace) {
  using C = TypeParam;
  enum { other_sid, other_party, other_coefficient, other_list };
  for (int what = other_sid; what <= other_list; ++what) {
    Plan<C> plan;
    plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>& d) {
      SeededRng rng(5);
      DkgOpening<C> other;
      other.F = d.opening.F;
      if (what == other_list) other.F[1] = UncheckedPoint<C>(Point<C>::generator());
      d.opening.proofs[0] =
          coefficient_proof(what == other_sid ? Digest{1} : sid, what == other_party ? PartyId(1) : me,
                            what == other_coefficient ? 1 : 0, d.f.coefficient(0), other, rng);
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "proof does not verify!");
  }
}

// attacks 10, 17, 40: committed to and opened, each with the best proof there is for it.
TYPED_TEST(DkgDealingAttack, ABadPointNamesItsDealer) {
  using C = TypeParam;
  for (const auto& encoding : bad_encodings<C>())
    for (std::size_t k = 0; k < 2; ++k) {
      Plan<C> plan;
      plan.deal = [&](const SessionId&, PartyId, DkgDealing<C>& d) { d.opening.F[k] = UncheckedPoint<C>(encoding); };
      const Attack<C> a(3, 2, plan);
      QUORATE_EXPECT_ALL(a, "proof does not verify!");
    }
}

// A part of order 8 vanishes from a proof whose challenge is a multiple of 8: only the check of the order finds it.
TEST(DkgDealingAttackEd25519, AMixedOrderPointWithAFittingProofNamesItsDealer) {
  using C = Ed25519;
  const auto small = array_from_hex<32>("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa").value();
  for (const bool mixed : {false, true}) {
    Plan<C> plan;
    plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>& d) {
      SeededRng rng(3);
      const Scalar<C> x = mixed ? d.f.coefficient(0) : Scalar<C>::zero();
      Bytes32 X = small;
      if (mixed) QUORATE_ASSERT(crypto_core_ed25519_add(X.data(), d.opening.F[0].bytes().data(), small.data()) == 0);
      d.opening.F[0] = UncheckedPoint<C>(X);
      for (;;) {
        const Scalar<C> r = Scalar<C>::random(rng);
        Transcript t("quorate/schnorr/challenge/1");
        t.absorb(proof_context(sid, me, 0, d.opening).wide()).absorb(C::name).absorb(X).absorb(Point<C>::base(r));
        const Scalar<C> c = t.scalar<C>();
        if (((-c).bytes().expose()[0] & 7) != 0) continue;  // the verifier multiplies by −c
        d.opening.proofs[0] = {c, r + c * x};
        break;
      }
      d.opening.proofs[1] = coefficient_proof(sid, me, 1, d.f.coefficient(1), d.opening, rng);
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "proof does not verify!");
  }
}

// Each part of what is opened is bound by the commitment.
TYPED_TEST(DkgDealingAttack, OpensSomethingElse) {
  using C = TypeParam;
  for (int part = 0; part < 5; ++part) {
    Plan<C> plan;
    plan.round2 = [&](const SessionId&, PartyId, PartyId, DkgRound2<C>& m) {
      auto& o = m.opening;
      switch (part) {
        case 0:
          o.F[1] = UncheckedPoint<C>(Point<C>::generator());
          break;
        case 1:
          o.proofs[0].s += Scalar<C>::one();
          break;
        case 2:
          o.rho[0] ^= 1;
          break;
        case 3:
          o.cc.expose()[0] ^= 1;
          break;
        default:
          o.blind[0] ^= 1;
      }
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "opening does not match its commitment!");
  }
}

// attacks 3, 15: a party that copies another one's commitment and then its opening
TYPED_TEST(DkgDealingAttack, CopiesAnothersDealing) {
  using C = TypeParam;
  const DkgWorld<C> world(3, 2);
  Simulation<DkgWorld<C>> sim(world, 3);
  sim.corrupt = {this->P3};
  // A rushing attacker hears P1 first: run once, then again with the same seed and P1's messages in its own place.
  std::map<std::string, Bytes> heard;
  sim.watch = [&](const Wire& w) {
    if (w.from == this->P1 && w.to == this->P2) heard[w.tag] = w.body;
  };
  sim.run();
  Simulation<DkgWorld<C>> again(world, 3);
  again.corrupt = {this->P3};
  again.tamper = [&](Wire& w) {
    if (w.tag == DkgRound1<>::tag || w.tag == DkgRound2<C>::tag) w.body = heard[w.tag];
  };
  const auto outcomes = again.run();
  ASSERT_TRUE(expect_safe(again, outcomes));
  for (const PartyId i : again.honest()) {
    ASSERT_TRUE(outcomes[i].abort);
    EXPECT_EQ(outcomes[i].abort->reason, Reason::bad_opening);
  }
}

template <class C>
void wrong_share(DkgRound2<C>& m) {
  m.share += Scalar<C>::one();
}

// A wrong share that its dealer has signed convicts the dealer for everyone, also for those who were dealt right ones.
TYPED_TEST(DkgDealingAttack, ASignedWrongShareConvictsItsDealer) {
  using C = TypeParam;
  for (const unsigned n : {3u, 5u})
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      DkgWorld<C> world(n, 2);  // for the dealer's key; the attack builds the same one
      Plan<C> plan;
      plan.round2 = [&](const SessionId& sid, PartyId me, PartyId to, DkgRound2<C>& m) {
        if (to != this->P2) return;
        wrong_share(m);
        const Digest C_i = commitment_of(sid, me, m.opening);
        m.share_signature = world.identity_of(me).sign(share_message(sid, me, to, C_i, m.share));
      };
      const Attack<C> a(n, 2, plan, seed);
      QUORATE_EXPECT_ALL(a, "share is not on its dealer's polynomial!");
    }
}

// Without a valid signature only its recipient learns of it.
TYPED_TEST(DkgDealingAttack, AnUnsignedShareIsSeenByItsRecipientAlone) {
  using C = TypeParam;
  for (const bool wrong : {false, true}) {
    Plan<C> plan;
    plan.round2 = [&](const SessionId&, PartyId, PartyId to, DkgRound2<C>& m) {
      if (to != this->P2) return;
      if (wrong)
        wrong_share(m);
      else
        m.share_signature[5] ^= 1;
    };
    const Attack<C> a(3, 2, plan);
    EXPECT_EQ(a.end(1), "silent");
    EXPECT_EQ(a.end(2), "share is not signed by its dealer!");
  }
}

// A signature that says anything else than (sid, i, j, share, C_i) is none.
TYPED_TEST(DkgDealingAttack, TheShareSignatureBindsEverything) {
  using C = TypeParam;
  for (int part = 0; part < 6; ++part) {
    DkgWorld<C> world(3, 2);
    Plan<C> plan;
    plan.round2 = [&](const SessionId& sid, PartyId me, PartyId to, DkgRound2<C>& m) {
      if (to != this->P2) return;
      const Digest C_i = commitment_of(sid, me, m.opening);
      const Digest message =
          share_message(part == 0 ? Digest{1} : sid, part == 1 ? this->P1 : me, part == 2 ? this->P1 : to,
                        part == 3 ? Digest{1} : C_i, part == 4 ? m.share + m.share : m.share);
      m.share_signature = world.identity_of(part == 5 ? this->P2 : me).sign(message);
    };
    const Attack<C> a(3, 2, plan);
    EXPECT_EQ(a.end(2), "share is not signed by its dealer!");
  }
}

}  // namespace
}  // namespace quorate::test

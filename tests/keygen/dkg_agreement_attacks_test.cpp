// A party that tells others different things, accuses without evidence or signs something else: one test for each
// check.
#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

template <class C>
class DkgAgreementAttack : public testing::Test {
 protected:
  const PartyId P1{1}, P2{2}, P3{3};
};
TYPED_TEST_SUITE(DkgAgreementAttack, Curves, CurveNames);

// attack 7: another commitment and opening for each recipient, each consistent in itself
TYPED_TEST(DkgAgreementAttack, AConsistentEquivocationIsFoundByTheEcho) {
  using C = TypeParam;
  DkgWorld<C> world(3, 2);
  SeededRng rng(11);
  std::optional<DkgDealing<C>> other;
  Plan<C> plan;
  plan.deal = [&](const SessionId& sid, PartyId me, DkgDealing<C>&) { other.emplace(dkg_deal<C>(sid, me, 2, rng)); };
  plan.round1 = [&](const SessionId&, PartyId, PartyId to, DkgRound1<>& m) {
    if (to == this->P2) m.C = other->commitment;
  };
  plan.round2 = [&](const SessionId& sid, PartyId me, PartyId to, DkgRound2<C>& m) {
    if (to == this->P2) m = {other->deal_to(sid, me, to, world.identity_of(me)), {}};
  };
  // ... even when it tells each honest party what that one wants to hear
  for (const bool lies : {false, true}) {
    std::map<PartyId, Digest> own_echo;
    if (lies) {
      Simulation<DkgWorld<C>> sim(world, 1);
      sim.replace(this->P3, [&](const SessionConfig& config) { return start_deviating(world, config, plan); });
      rng = SeededRng(11);
      sim.watch = [&](const Wire& w) {
        if (w.tag == DkgRound3<C>::tag && w.from != this->P3) own_echo[w.from] = decode<DkgRound3<C>>(w.body).seen;
      };
      sim.run();
      rng = SeededRng(11);
      plan.round3 = [&](const DkgDealt<C>&, PartyId to, DkgRound3<C>& m) { m.seen = own_echo.at(to); };
    }
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "parties saw different broadcasts");
  }
}

TYPED_TEST(DkgAgreementAttack, TwinsNeverMakeTwoKeysAndNameNobodyHonest) {
  using C = TypeParam;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const unsigned n = 3 + static_cast<unsigned>(seed % 3);
    const DkgWorld<C> world(n, 2);
    Simulation<DkgWorld<C>> sim(world, seed);
    sim.split_brain(this->P1);
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) ASSERT_NE(outcomes[i].end, End::finished);
  }
}

// A lie in the echo alone names nobody: the liar may be an honest party who was told something else.
TYPED_TEST(DkgAgreementAttack, AWrongEchoNamesNobody) {
  using C = TypeParam;
  Plan<C> plan;
  plan.round3 = [&](const DkgDealt<C>&, PartyId to, DkgRound3<C>& m) {
    if (to == this->P1) m.seen[0] ^= 1;
  };
  const Attack<C> a(3, 2, plan);
  EXPECT_EQ(a.end(1), "parties saw different broadcasts");
}

// ---- false complaints: the accuser is named, the accused never is

TYPED_TEST(DkgAgreementAttack, AFalseComplaintConvictsTheAccuser) {
  using C = TypeParam;
  enum { right_share, changed_share, no_signature, for_another, against_itself, against_a_stranger };
  for (int what = right_share; what <= against_a_stranger; ++what) {
    Plan<C> plan;
    plan.round3 = [&](const DkgDealt<C>& dealt, PartyId, DkgRound3<C>& m) {
      Complaint<C> c{this->P1, dealt.commitment[this->P1], dealt.share[this->P1], dealt.share_signature[this->P1]};
      switch (what) {
        case right_share:
          break;
        case changed_share:
          c.share += Scalar<C>::one();
          break;
        case no_signature:
          c.share_signature = {};
          break;
        case for_another:
          c.dealer = this->P2, c.commitment = dealt.commitment[this->P2];
          break;
        case against_itself:
          c.dealer = this->P3, c.commitment = dealt.commitment[this->P3];
          break;
        default:
          c.dealer = PartyId(9);
      }
      m.complaints.push_back(c);
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, "complaint without evidence!");
  }
}

// The evidence of one attempt convicts nobody in another, even under the same sid: a restarted node deals afresh.
TYPED_TEST(DkgAgreementAttack, EvidenceFromAnotherAttemptConvictsNobody) {
  using C = TypeParam;
  const DkgWorld<C> world(3, 2);
  SeededRng rng(99);
  const SessionId sid = Simulation<DkgWorld<C>>(world, 1).sid;
  const DkgDealing<C> earlier = dkg_deal<C>(sid, this->P1, 2, rng);
  const DkgDeal<C> dealt_then = earlier.deal_to(sid, this->P1, this->P3, world.identity_of(this->P1));
  for (const bool keep_commitment : {false, true}) {
    Plan<C> plan;
    plan.round3 = [&](const DkgDealt<C>& dealt, PartyId, DkgRound3<C>& m) {
      m.complaints.push_back({this->P1, keep_commitment ? earlier.commitment : dealt.commitment[this->P1],
                              dealt_then.share, dealt_then.share_signature});
    };
    const Attack<C> a(3, 2, plan);
    QUORATE_EXPECT_ALL(a, keep_commitment ? "parties saw different broadcasts" : "complaint without evidence!");
  }
}

// ---- certificate

TYPED_TEST(DkgAgreementAttack, SignsAnotherCertificate) {
  using C = TypeParam;
  DkgWorld<C> world(3, 2);
  for (int part = 0; part < 4; ++part) {
    Plan<C> plan;
    plan.round4 = [&](const CertificateBody& body, PartyId to, DkgRound4& m) {
      if (to != this->P2) return;
      CertificateBody other = body;
      switch (part) {
        case 0:
          m.signature[0] ^= 1;
          return;
        case 1:
          m.signature = world.identity_of(this->P1).sign(view_of("whatever"));
          return;
        case 2:
          other.name = "mine";
          break;
        default:
          other.number = 2;
      }
      m.signature = sign_certificate(other, world.identity_of(this->P3));
    };
    const Attack<C> a(3, 2, plan);
    EXPECT_EQ(a.end(1), "finished");
    EXPECT_EQ(a.end(2), "certificate signature does not verify!");
  }
}

// Honest parties whose hosts disagree on what is asked stop before anything is signed, and accuse nobody.
TYPED_TEST(DkgAgreementAttack, DifferentParametersNameNobody) {
  using C = TypeParam;
  for (int part = 0; part < 5; ++part) {
    const DkgWorld<C> world(3, 2);
    DkgWorld<C> other(3, 2);
    switch (part) {
      case 0:
        other.parameters.name = "other";
        break;
      case 1:
        other.parameters.policy_digest[0] ^= 1;
        break;
      case 2:
        other.parameters.request_digest[0] ^= 1;
        break;
      case 3:
        other.parameters.config_version = 4;
        break;
      default:
        other.parameters.cluster_id[0] ^= 1;
    }
    Simulation<DkgWorld<C>> sim(world, 1);
    sim.replace(this->P3,
                [&](const SessionConfig& config) -> std::unique_ptr<AnySession> { return other.start(config); });
    int signatures = 0;
    sim.watch = [&](const Wire& w) { signatures += w.tag == DkgRound4::tag; };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest()) {
      ASSERT_TRUE(outcomes[i].abort);
      EXPECT_EQ(outcomes[i].abort->reason, Reason::echo_mismatch);
    }
    EXPECT_EQ(signatures, 0);
  }
}

}  // namespace
}  // namespace quorate::test

// Test signatures of a new committee: what they find that nothing before them finds, and what is left when they fail.
#include "keygen/trial.h"

#include "tests/keygen/reshare_world.h"

namespace quorate::test {
namespace {

TEST(TrialSets, EverybodySignsAndNoPairMoreThanTwice) {
  for (unsigned n = 2; n <= limits::kMaxParties; ++n)
    for (unsigned t = 2; t <= n; ++t) {
      const PartySet members = PartySet::first(n);
      const std::vector<PartySet> sets = trial_sets(members, t);
      EXPECT_EQ(sets.size(), (n + t - 1) / t);
      PartySet signed_once;
      for (const PartySet T : sets) {
        EXPECT_EQ(T.size(), t);
        signed_once = signed_once | T;
      }
      EXPECT_EQ(signed_once, members);
      for (const PartyId a : members)
        for (const PartyId b : members.without(a)) {
          const auto both = [&](PartySet T) { return T.contains(a) && T.contains(b); };
          EXPECT_LE(std::count_if(sets.begin(), sets.end(), both), 2);
        }
    }
  EXPECT_EQ(trial_sets(set_of({2, 5, 7, 9, 30}), 3), (std::vector<PartySet>{set_of({2, 5, 7}), set_of({2, 9, 30})}));
}

template <class A>
class ReshareTrials : public ReshareAttackTest<A> {
 protected:
  using World = typename ReshareAttackTest<A>::World;
  static constexpr int kRounds = A::Setup::kPairwise ? 3 : 2;

  // No honest party has stored a share or signed a certificate: P1 is in every set.
  static void expect_nothing_left(const Simulation<World>& sim, int signatures) {
    EXPECT_EQ(signatures, 0);
    for (const PartyId i : sim.honest()) EXPECT_TRUE(sim.durable[i].empty()) << "party " << int(i.index());
  }
};
TYPED_TEST_SUITE(ReshareTrials, Algorithms, AlgorithmNames);

// Every member has signed before the first share is stored.
TYPED_TEST(ReshareTrials, ComeBeforeAnythingIsStored) {
  Simulation<typename TestFixture::World> sim(this->world, 1);
  std::map<PartyId, std::set<std::string>> sent;
  sim.watch = [&](const Wire& w) {
    if (w.tag.starts_with("reshare/trial-")) {
      sent[w.from].insert(w.tag);
      EXPECT_TRUE(sim.durable[w.from].empty());
    }
    if (w.tag == ReshareRound5::tag) {
      for (const PartyId j : this->world.parameters->members())
        if (j == w.from || w.from == this->P1) {
          EXPECT_EQ(sent[j].size(), static_cast<std::size_t>(TestFixture::kRounds));
        }
    }
  };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : this->world.parties()) EXPECT_EQ(outcomes[i].end, End::finished);
  EXPECT_EQ(sent.size(), 3u);  // not of dealers that leave
}

TYPED_TEST(ReshareTrials, WhoHasAnotherShareThanItsCertificateSaysIsFound) {
  using C = typename TestFixture::Curve;
  ResharePlan<C> plan;
  plan.prepared = [](PreparedShare<C>& p) { p.share.x_i += Scalar<C>::one(); };
  typename TestFixture::Attack attack(this->world, this->P1, plan);
  const std::string expected =
      TypeParam::Setup::kPairwise ? "key shares do not sum to the key!" : "signature share does not verify!";
  for (const unsigned member : {4, 5}) EXPECT_EQ(attack.end(member), expected);
  for (const unsigned leaver : {2, 3}) EXPECT_EQ(attack.end(leaver), "silent");
  this->expect_nothing_left(attack.sim, 0);
}

// What is inside the parts is the signing session's to judge.
TYPED_TEST(ReshareTrials, PartsThatAreMissingTooManyOrNothingAtAllNameTheirSender) {
  const auto change = [&](int round, const std::function<void(TrialMessage&)>& how, Reason expected) {
    Simulation<typename TestFixture::World> sim(this->world, 1);
    sim.corrupt = {this->P1};
    int signatures = 0;
    sim.watch = [&](const Wire& w) { signatures += w.tag == ReshareRound5::tag && w.from != this->P1; };
    sim.tamper = [&](Wire& w) {
      if (w.tag != "reshare/trial-" + std::to_string(round) + "/1") return;
      auto message = decode<TrialMessage>(w.body);
      how(message);
      const SecretBytes bytes = encode(message);
      w.body.assign(bytes.begin(), bytes.end());
    };
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId j : {this->P4, this->P5}) {
      ASSERT_TRUE(outcomes[j].abort) << round;
      EXPECT_EQ(outcomes[j].abort->culprits, PartySet{this->P1}) << round;
      EXPECT_EQ(outcomes[j].abort->reason, expected) << round;
    }
    this->expect_nothing_left(sim, signatures);
  };
  for (int round = 1; round <= TestFixture::kRounds; ++round) {
    change(
        round, [](TrialMessage& m) { m.parts.clear(); }, Reason::bad_length);
    change(
        round, [](TrialMessage& m) { m.parts.push_back(m.parts.front()); }, Reason::bad_length);
    change(
        round, [](TrialMessage& m) { m.parts.front().clear(); }, Reason::malformed);
    change(
        round, [](TrialMessage& m) { m.parts.front().push_back(0); }, Reason::malformed);
    // ECDSA's products for all the digests of a session are longer than this.
    const bool may_be_so_long = TypeParam::Setup::kPairwise && round == 2;
    change(
        round, [](TrialMessage& m) { m.parts.front().resize(kMaxTrialPart); },
        may_be_so_long ? Reason::malformed : Reason::oversized);
  }
}

// Two of three signers are together twice in 3-of-4: the parts of their messages go to the right session.
TYPED_TEST(ReshareTrials, TwoMembersMayBeInTwoSets) {
  const typename TestFixture::World of_four(3, 2, set_of({1, 2}), PartySet::first(4), 3);
  Simulation<typename TestFixture::World> sim(of_four, 1);
  std::size_t twice = 0;
  sim.watch = [&](const Wire& w) {
    if (w.tag == ReshareTrial1::tag) twice += decode<ReshareTrial1>(w.body).parts.size() == 2;
  };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : of_four.parties()) EXPECT_EQ(outcomes[i].end, End::finished);
  EXPECT_EQ(twice, 2u);  // 1 and 2
}

}  // namespace
}  // namespace quorate::test

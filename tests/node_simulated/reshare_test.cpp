// Refresh and reshare among whole nodes: the key stays, its shares change, and there is always one epoch that signs.
#include "node/desk.h"
#include "policy/document.h"
#include "tests/node_simulated/reshare_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

class ReshareOf : public testing::TestWithParam<const char*> {};

TEST_P(ReshareOf, RefreshChangesTheSharesAndNothingElse) {
  Reshare r(3, 1, {0, 1, 2}, 2, GetParam());
  std::vector<SecretBytes> before;
  for (std::size_t i = 0; i < 3; ++i) before.push_back(r.sim.store(i).active_share(r.first.id)->blob);
  const auto& s = r.sim.ask(1, r.refresh());
  ASSERT_TRUE(s.succeeded()) << why(s);
  EXPECT_EQ(Json::parse(s.record()->result.text)["key"]["epoch"], r.body(1).number);
  r.sim.settle();
  EXPECT_GT(r.body(0).number, 1'800'000'000'000u);  // milliseconds
  EXPECT_EQ(r.body(0).base_number, 1u);
  r.expect_one_epoch({0, 1, 2}, 2);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(r.sim.store(i).active_share(r.first.id)->blob, before[i]);
  r.sim.expect_safe();
  r.sim.expect_all_sets_sign();
}

TEST_P(ReshareOf, GrowShrinkReplace) {
  Reshare r(6, 2, {0, 1, 2}, 2, GetParam());
  struct Step {
    std::vector<std::size_t> members;
    unsigned t;
    std::size_t through;
  };
  for (const Step& step :
       {Step{{0, 1, 2, 3, 4}, 3, 0}, Step{{1, 3}, 2, 5}, Step{{0, 4, 5}, 2, 4}, Step{{0, 4, 5}, 3, 0}}) {
    const auto& s = r.sim.ask(step.through, r.reshare(step.t, step.members));
    ASSERT_TRUE(s.succeeded()) << why(s);
    r.sim.settle();
    r.expect_one_epoch(step.members, step.t);
    r.sim.expect_safe();
    r.sim.expect_all_sets_sign();
    r.sim.clock.advance(Seconds(1));
  }
}
INSTANTIATE_TEST_SUITE_P(, ReshareOf, testing::Values(kEd25519, kBip340, kEcdsa), [](const auto& of) {
  return std::string(of.param).substr(0, std::string_view(of.param).find('-'));
});

TEST(NodeReshare, WhoWasAwayLearnsOfItAndDeletesItsShare) {
  Reshare r(5, 3, {0, 1, 2}, 2);
  r.sim.kill(2);  // an old member that is to leave
  r.sim.kill(4);  // a node that has never had a share
  for (const unsigned t : {2u, 3u}) {
    const auto& s = r.sim.ask(0, r.reshare(t, {0, 1, 3}));
    ASSERT_TRUE(s.succeeded()) << s.code();
    r.sim.clock.advance(Seconds(1));
  }
  r.sim.settle();  // starts them again
  r.expect_one_epoch({0, 1, 3}, 3);
  r.sim.expect_all_sets_sign();
}

TEST(NodeReshare, OneDealerLessThanMembersIsEnough) {
  Reshare r(4, 4, {0, 1, 2}, 2);
  r.sim.kill(0);
  const auto& s = r.sim.ask(3, r.reshare(2, {1, 2, 3}));
  ASSERT_TRUE(s.succeeded()) << s.code();
  r.sim.settle();
  r.expect_one_epoch({1, 2, 3}, 2);
}

TEST(NodeReshare, EveryNewMemberMustBeThere) {
  Reshare r(4, 5, {0, 1, 2}, 2);
  r.sim.kill(3);
  const auto& s = r.sim.ask(0, r.reshare(2, {0, 1, 3}));
  ASSERT_NE(s.record(), nullptr);
  EXPECT_EQ(s.record()->code.text, "no_quorum");
  ASSERT_EQ(s.record()->silent.size(), 1u);
  EXPECT_EQ(s.record()->silent[0].text, "node4");
  r.sim.settle();
  EXPECT_EQ(r.body(0).number, 1u);
  r.sim.expect_all_sets_sign();
}

TEST(NodeReshare, ForACertificateThatIsNoLongerInForce) {
  Reshare r(3, 6, {0, 1, 2}, 2);
  const Json named{{"certificate", to_hex(r.body(0).digest())}};
  const auto& s = r.sim.ask(0, r.refresh(named));
  ASSERT_TRUE(s.succeeded()) << s.code();
  r.sim.settle();
  const std::uint64_t number = r.body(0).number;
  const auto& late = r.sim.ask(1, r.refresh(named));
  ASSERT_NE(late.refusal(), nullptr);
  EXPECT_EQ(late.refusal()->status, 409);
  EXPECT_EQ(late.refusal()->code, "other_certificate");
  r.sim.settle();
  EXPECT_EQ(r.body(2).number, number);
  // The request that has led to it is answered again as it was.
  const auto& again = r.sim.ask(2, s.original);
  EXPECT_TRUE(again.succeeded()) << again.code();
  EXPECT_EQ(r.body(2).number, number);
}

TEST(NodeReshare, WhoHasOnlyLearnedTheCertificateAnswersTheRequestAsServed) {
  Reshare r(4, 12, {0, 1, 2}, 2);
  r.sim.isolate({0, 1, 2});
  const auto request = r.refresh({{"certificate", to_hex(r.body(0).digest())}});
  const auto& s = r.sim.ask(0, request);
  ASSERT_TRUE(s.succeeded()) << why(s);
  r.sim.connect_all();
  r.sim.quiesce();
  ASSERT_EQ(r.body(3).number, r.body(0).number);
  const auto& again = r.sim.ask(3, request);
  EXPECT_TRUE(again.succeeded()) << why(again);
  ASSERT_NE(again.record(), nullptr);
  EXPECT_EQ(again.record()->result.text, s.record()->result.text);
  r.sim.settle();
  EXPECT_EQ(r.body(3).number, r.body(0).number);
}

TEST(NodeReshare, AResendThatThePolicyNoLongerAllowsIsDenied) {
  Reshare r(4, 15, {0, 1, 2}, 2);
  r.sim.isolate({0, 1, 2});
  const auto request = r.refresh();
  ASSERT_TRUE(r.sim.ask(0, request).succeeded());
  r.sim.connect_all();
  r.sim.quiesce();
  ASSERT_EQ(r.body(3).number, r.body(0).number);
  Json document = Json::parse(r.sim.documents.policy->jcs());
  document["rules"] = Json::array();
  const auto nothing = policy::PolicyDocument::parse(document.dump());
  r.sim.policies[3] = &nothing;
  r.sim.kill(3);
  r.sim.heal();
  const auto& s = r.sim.ask(3, request, Seconds(5));
  EXPECT_EQ(s.code(), "denied");
}

TEST(NodeReshare, WhoWasAwayForTheCreationAndTheReshareEndsAtTheNewest) {
  for (std::uint64_t seed = 0; seed < runs(20); ++seed) {
    NodeSimulation sim(5, 200 + seed);
    sim.kill(3);
    const auto& made = sim.ask(0, sim.create("hot", 2, {0, 1, 2}));
    ASSERT_TRUE(made.succeeded()) << why(made);
    sim.kill(4);
    sim.clock.advance(Seconds(1));
    ASSERT_TRUE(sim.ask(0, sim.request("/v1/keys/hot/refresh", Json::object())).succeeded());
    sim.start(3), sim.start(4);
    sim.connect_all();
    sim.isolate({0, 3});  // and 4 comes later
    sim.quiesce();
    const auto expect_newest_at = [&](std::size_t i) {
      const auto row = sim.store(i).key_by_name("hot");
      ASSERT_TRUE(row) << "seed " << seed << ", " << sim.name(i);
      EXPECT_GT(row->number, 1u) << "seed " << seed << ", " << sim.name(i);
    };
    expect_newest_at(3);
    sim.connect_all();
    sim.quiesce();
    expect_newest_at(4);
  }
}

// A node has examined a request with the old share, and has the new one when it is about to join.
class SwitchBeforeJoining : public testing::Test {
 public:
  // node2 has all but put the new certificate in force: the write is on its way to its slow disk.
  void reshare_until_node2_waits() {
    auto& s = r.sim.submit(0, r.refresh());
    for (bool slow = false; !s.answer || r.sim.store(1).waiting() == 0;) {
      if (!slow && r.sim.store(1).prepared_shares().size() == 1) slow = true, r.sim.slow_disk(1, true);
      if (!r.sim.step()) r.sim.tick();
    }
    ASSERT_EQ(r.body(1).number, 1u);
    ASSERT_NE(r.body(2).number, 1u);
  }
  void drop_refusals_to(const std::string& node) {
    r.sim.tap = [this, node](NodeSimulation::Sent s) {
      std::vector<NodeSimulation::Sent> out;
      if (s.envelope.tag == node::Refuse::tag) {
        codes.insert(s.from + " " + decode<node::Refuse>(s.envelope.body).code.text);
        if (s.to == node) return out;
      }
      if (s.envelope.tag == node::Replicate::tag) return out;  // the proposal shall be the first that node2 hears of it
      out.push_back(std::move(s));
      return out;
    };
  }
  void expect_no_damage() {
    for (const std::string& line : r.sim.log) EXPECT_EQ(line.find("cannot take part"), std::string::npos) << line;
  }
  Reshare r{4, 13, {0, 1, 2}, 3};
  std::set<std::string> codes;
};

TEST_F(SwitchBeforeJoining, AsCoordinator) {
  reshare_until_node2_waits();
  drop_refusals_to("node2");
  auto& s = r.sim.submit(1, r.sim.sign("hot", "x"));
  r.sim.quiesce();
  r.sim.slow_disk(1, false);
  r.sim.quiesce();
  ASSERT_NE(r.body(1).number, 1u);
  r.sim.tap = nullptr;
  r.sim.run_until([&] { return s.answer.has_value(); }, Seconds(20));
  EXPECT_TRUE(s.succeeded()) << why(s);
  expect_no_damage();
}

TEST_F(SwitchBeforeJoining, AsParticipant) {
  r.sim.slow_disk(3, true);  // node4 learns nothing of the new certificate
  reshare_until_node2_waits();
  drop_refusals_to("node4");
  auto& s = r.sim.submit(3, r.sim.sign("hot", "x"));
  r.sim.quiesce();
  r.sim.slow_disk(1, false);
  r.sim.quiesce();
  ASSERT_NE(r.body(1).number, 1u);
  EXPECT_TRUE(codes.contains("node2 other_certificate"));
  expect_no_damage();
  r.sim.tap = nullptr;
  r.sim.slow_disk(3, false);
  r.sim.run_until([&] { return s.answer.has_value(); }, Seconds(20));
  EXPECT_TRUE(s.succeeded()) << why(s);
}

// docs/runbook.md, "A backup was restored"
TEST(NodeReshare, AnOldDatabaseIsNoticed) {
  Reshare r(4, 14, {0, 1, 2}, 2);
  const auto old = r.sim.store(2).snapshot();
  ASSERT_TRUE(r.sim.ask(0, r.refresh()).succeeded());
  r.sim.settle();
  r.sim.kill(2);
  r.sim.store(2).restore(old);
  r.sim.log.clear();
  r.sim.heal();
  r.sim.quiesce();
  const auto says = [&](const std::string& text) {
    return std::any_of(r.sim.log.begin(), r.sim.log.end(), [&](const std::string& line) {
      return line.starts_with("node3 ") && line.find(text) != std::string::npos;
    });
  };
  EXPECT_TRUE(says("its database is an old copy"));
  EXPECT_EQ(r.body(2).number, 1u);
  const auto& alone = r.sim.ask(2, r.sim.sign("hot", "through it"));
  EXPECT_FALSE(alone.succeeded()) << "with whom?";
  for (int k = 0; k < 5; ++k) {
    const auto& s = r.sim.ask(0, r.sim.sign("hot", "without it " + std::to_string(k)));
    EXPECT_TRUE(s.succeeded()) << why(s);
  }
  r.sim.clock.advance(Seconds(1));
  const auto& without = r.sim.ask(0, r.reshare(2, {0, 1, 3}));
  ASSERT_TRUE(without.succeeded()) << why(without);
  r.sim.quiesce();
  r.sim.clock.advance(Seconds(1));
  const auto& with = r.sim.ask(0, r.reshare(2, {0, 1, 2}));
  ASSERT_TRUE(with.succeeded()) << why(with);
  r.sim.settle();
  r.expect_one_epoch({0, 1, 2}, 2);
  r.sim.expect_all_sets_sign();
}

TEST(NodeReshare, SigningGoesOnMeanwhile) {
  for (std::uint64_t seed = 0; seed < runs(20); ++seed) {
    Reshare r(5, 100 + seed, {0, 1, 2}, 2);
    r.sim.submit(seed % 5, r.reshare(seed % 2 + 2, {1, 2, 3, 4}));
    for (int k = 0; k < 12; ++k) {
      r.sim.submit(r.sim.rng().below(5), r.sim.sign("hot", "number " + std::to_string(k)));
      for (std::uint64_t steps = r.sim.rng().below(60); steps > 0; --steps) r.sim.step();
      if (k % 4 == 3) r.sim.tick();
    }
    r.sim.settle();
    for (const auto& s : r.sim.submissions) EXPECT_TRUE(s->succeeded()) << "seed " << seed << ": " << why(*s);
    r.expect_one_epoch({1, 2, 3, 4}, static_cast<unsigned>(seed % 2 + 2));
    r.sim.expect_safe();
  }
}

// The store's writer is a thread of its own: what a node reads in two steps may have changed between them.
TEST(NodeReshare, AnEpochMayEndBetweenAnyTwoReads) {
  for (std::uint64_t seed = 0; seed < runs(60); ++seed) {
    Reshare r(4, 300 + seed, {0, 1, 2}, 2);
    for (std::size_t i = 0; i < r.sim.size(); ++i)
      r.sim.store(i).before_read = [&r, i] {
        if (r.sim.rng().below(3) == 0) r.sim.store(i).land();
      };
    for (int k = 0; k < 4; ++k) {
      r.sim.submit(r.sim.rng().below(4), k % 2 == 0 ? r.reshare(2, {1, 2, 3}) : r.reshare(2, {0, 1, 2, 3}));
      r.sim.submit(r.sim.rng().below(4), r.sim.sign("hot", "number " + std::to_string(k)));
      for (std::uint64_t steps = r.sim.rng().below(600); steps > 0; --steps) r.sim.step();
      if (r.sim.rng().below(2) == 0) r.sim.kill(r.sim.rng().below(4));
      r.sim.tick();
      r.sim.heal();
      r.sim.settle();
      for (std::size_t i = 0; i < r.sim.size(); ++i)
        ASSERT_EQ(r.sim.desk(i).healer().lost_shares(), 0u) << "seed " << seed << ", " << r.sim.name(i);
      r.sim.clock.advance(Seconds(1));
    }
    for (std::size_t i = 0; i < r.sim.size(); ++i) r.sim.store(i).before_read = {};
    EXPECT_EQ(r.body(0).digest(), r.body(3).digest());
    r.sim.expect_safe();
    r.sim.expect_all_sets_sign();
  }
}

}  // namespace
}  // namespace quorate::test

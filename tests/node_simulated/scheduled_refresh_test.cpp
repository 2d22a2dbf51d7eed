// Refreshes that the policy has the nodes ask for: when their time has come, once, and nothing else.
#include "node/scheduled_refresh.h"
#include "tests/node_simulated/reshare_world.h"

namespace quorate::test {
namespace {

using std::chrono::hours;

struct Scheduled : Reshare {
  explicit Scheduled(std::uint64_t seed, const Json& every = {{"hot*", 30}, {"*", 60}})
      : Reshare(3, seed, {0, 1, 2}, 2) {
    Json document = Json::parse(sim.documents.policy->jcs());
    document["refresh_every_days"] = every;
    policy = policy::PolicyDocument::parse(document.dump());
    for (std::size_t i = 0; i < 3; ++i) {
      sim.policies[i] = &*policy;
      sim.kill(i);
    }
    sim.settle();
  }
  // Days pass; every node looks every minute or so of them.
  void pass(std::chrono::milliseconds time, Millis step = hours(1)) {
    for (Millis passed{0}; passed < time; passed += step) {
      sim.tick(step);
      sim.quiesce();
      sim.run_for(Seconds(3));
    }
    sim.settle();
  }
  std::size_t refreshes() {
    std::size_t n = 0;
    for (const auto& row : sim.store(0).requests({}, 1000, std::nullopt).items)
      n += row.kind == "refresh" && row.state == storage::RequestState::succeeded;
    return n;
  }
  bool says(const std::string& text) const {
    return std::any_of(sim.log.begin(), sim.log.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }
  http::SignedRequest from_node(std::size_t i, const std::string& target, const Json& body) {
    http::SignedRequest r;
    r.method = "POST";
    r.target = target;
    const std::string text = body.dump();
    r.body.assign(text.begin(), text.end());
    http::SignatureParameters p;
    p.user = "node:" + sim.name(i);
    p.cluster_id = sim.documents.cluster->id();
    p.created = unix_seconds(sim.clock.wall());
    p.nonce = to_hex(sim.rng().bytes<16>());
    return http::sign_request(std::move(r), p, sim.documents.identities[i]);
  }
  std::optional<policy::PolicyDocument> policy;
};

TEST(ScheduledRefreshes, HappenOnceWhenTheirTimeHasCome) {
  Scheduled s(1);
  s.pass(hours(29 * 24), hours(12));
  EXPECT_EQ(s.row(0).number, 1u);
  s.pass(hours(24 + 10));
  EXPECT_NE(s.row(0).number, 1u);
  EXPECT_EQ(s.refreshes(), 1u);
  s.expect_one_epoch({0, 1, 2}, 2);
  const auto number = s.row(0).number;
  s.pass(hours(29 * 24), hours(12));
  EXPECT_EQ(s.row(0).number, number);
  s.pass(hours(24 + 10));
  EXPECT_GT(s.row(0).number, number);
  s.expect_one_epoch({0, 1, 2}, 2);
  s.sim.expect_safe();
  s.sim.expect_all_sets_sign();
}

TEST(ScheduledRefreshes, AreSkippedAndReportedWhileANodeIsDown) {
  Scheduled s(2);
  s.sim.kill(1);
  for (int k = 0; k < 31 * 24 + 10; ++k) {
    s.sim.tick(hours(1));
    s.sim.quiesce();
  }
  EXPECT_EQ(s.row(0).number, 1u);
  EXPECT_TRUE(s.says("is due and waits for node2"));
  EXPECT_EQ(s.refreshes(), 0u);
  s.sim.heal();
  s.pass(hours(3));
  EXPECT_EQ(s.refreshes(), 1u);
  s.expect_one_epoch({0, 1, 2}, 2);
}

TEST(ScheduledRefreshes, NeedAPolicyThatSaysSo) {
  Scheduled s(3, {{"cold*", 1}});
  s.pass(hours(24 * 10), hours(6));
  EXPECT_EQ(s.row(0).number, 1u);
}

// A corrupt member asks for more than the policy has it ask for.
TEST(ScheduledRefreshes, ANodeMayAskForNothingElse) {
  Scheduled s(4);
  const std::string certificate = to_hex(s.body(0).digest());
  const auto code = [&](const http::SignedRequest& r, std::size_t at = 1) { return s.sim.ask(at, r).code(); };
  const std::string key = "/v1/keys/" + s.first.id;
  EXPECT_EQ(code(s.from_node(0, key + "/refresh", {{"certificate", certificate}})), "denied");  // too early
  s.sim.clock.advance(hours(31 * 24));
  EXPECT_EQ(code(s.from_node(0, key + "/refresh", Json::object())), "denied");
  EXPECT_EQ(code(s.from_node(0, key + "/reshare",
                             {{"certificate", certificate}, {"threshold", 2}, {"participants", {"node1", "node2"}}})),
            "denied");
  EXPECT_EQ(code(s.from_node(0, key + "/archive", Json::object())), "denied");
  EXPECT_EQ(code(s.from_node(0, key + "/signatures", {{"payload", {{"kind", "message"}, {"utf8", "x"}}}})), "denied");
  auto forged = s.from_node(0, key + "/refresh", {{"certificate", certificate}});
  forged.signature.text[10] = forged.signature.text[10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(code(forged), "signature_invalid");
  EXPECT_EQ(s.row(0).number, 1u);
  EXPECT_EQ(code(s.from_node(0, key + "/refresh", {{"certificate", certificate}})), "");
  s.sim.settle();
  EXPECT_NE(s.row(0).number, 1u);
  // The next one's time has not come.
  EXPECT_EQ(code(s.from_node(0, key + "/refresh", {{"certificate", to_hex(s.body(0).digest())}})), "denied");
  EXPECT_EQ(code(s.from_node(0, key + "/refresh", {{"certificate", certificate}})), "other_certificate");
}

TEST(ScheduledRefreshes, WhoWasAwayFollows) {
  Scheduled s(5);
  s.sim.clock.advance(hours(31 * 24));
  const Json body{{"certificate", to_hex(s.body(0).digest())}};
  s.sim.kill(2);
  s.sim.quiesce();
  const auto& without = s.sim.ask(0, s.from_node(0, "/v1/keys/" + s.first.id + "/refresh", body));
  EXPECT_EQ(without.code(), "no_quorum");
  s.sim.settle();
  const auto request = s.from_node(0, "/v1/keys/" + s.first.id + "/refresh", body);
  auto& submission = s.sim.submit(0, request);
  while (!submission.answer && s.sim.store(2).prepared_shares().empty()) ASSERT_TRUE(s.sim.step());
  s.sim.kill(2);  // it has agreed to it, and learns the rest later
  s.sim.run_for(Seconds(5));
  s.sim.settle();
  s.expect_one_epoch({0, 1, 2}, 2);
  s.sim.expect_all_sets_sign();
}

}  // namespace
}  // namespace quorate::test

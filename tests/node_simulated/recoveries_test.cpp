// New admins for those whose keys are lost, among whole nodes: by so many operators, after so long, unless an admin
// says no (docs/recovery.md).
#include "node/recoveries.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/api.h"
#include "tests/node_simulated/governance_world.h"

namespace quorate::test {
namespace {

using policy::Recovery;
using policy::RecoveryAsked;
using std::chrono::hours;
using storage::RequestState;

struct Lost : Governed {
  explicit Lost(std::uint64_t seed, unsigned n = 4) : Governed(n, seed) {}

  Digest state(std::size_t i = 0) { return node::in_force(sim.world(i)).digest(); }
  // eve, who was no admin, and zoe, who is new.
  RecoveryAsked asked() {
    SeededRng rng(9'000);
    RecoveryAsked a;
    a.cluster = sim.documents.cluster->id();
    a.state = state();
    a.created = unix_seconds(sim.clock.wall());
    a.threshold = 2;
    a.group = "rescue";
    a.min = 1;
    a.users.push_back(Json{{"id", "zoe"}, {"key", Ed25519SecretKey::generate(rng).public_key().to_text()}});
    a.members = {"eve"};
    return a;
  }
  Recovery signed_by_nodes(const RecoveryAsked& a, const std::vector<std::size_t>& nodes = {0, 1, 2}) {
    auto recovery = Recovery::make(a);
    for (const std::size_t i : nodes) recovery.add(sim.name(i), recovery.sign(sim.documents.identities[i]));
    return recovery;
  }
  using Answered = std::shared_ptr<std::optional<std::variant<Json, node::Refusal>>>;
  // Its state, or why it does not count: a code, or where the body is wrong.
  std::string told(const std::function<void(const node::Recoveries::Told&)>& ask) {
    const Answered answer = std::make_shared<std::optional<std::variant<Json, node::Refusal>>>();
    try {
      ask([answer](const std::variant<Json, node::Refusal>& a) { *answer = a; });
    } catch (const JsonError& e) {
      return e.pointer;
    }
    sim.run_until([&] { return answer->has_value(); }, Seconds(20));
    if (!*answer) return "no answer";
    if (const auto* refused = std::get_if<node::Refusal>(&**answer)) return refused->code;
    return std::get<Json>(**answer)["state"].get<std::string>();
  }
  std::string submit(std::size_t i, const Json& body) {
    return told([&](const auto& then) { sim.desk(i).recoveries().submit(body, then); });
  }
  http::SignedRequest veto_of(const std::string& id, const std::string& user) {
    http::SignedRequest r;
    r.method = "POST";
    r.target = "/v1/recoveries/" + id + "/veto";
    return signed_by(user, std::move(r), "{}");
  }
  std::string veto(std::size_t i, const std::string& id, const std::string& user) {
    return told([&](const auto& then) { sim.desk(i).recoveries().veto(id, veto_of(id, user), then); });
  }
  void tell(std::size_t from, std::size_t to, const Recovery& recovery,
            const std::optional<http::SignedRequest>& no = std::nullopt) {
    node::RecoveryTold message;
    const std::string text = recovery.text();
    message.body.assign(text.begin(), text.end());
    if (no) message.veto.push_back(*no);
    sim.raw_send(from, to, node::envelope_of(message));
    sim.run_for(Seconds(1));
  }
  // "", or the state of the only one there.
  std::string seen(std::size_t i) {
    const Json view = sim.desk(i).recoveries().view();
    return view.empty() ? "" : view[0]["state"].get<std::string>();
  }
  bool all_see(const std::string& what) {
    return sim.run_until(
        [&] {
          for (std::size_t i = 0; i < sim.size(); ++i)
            if (sim.up(i) && seen(i) != what) return false;
          return true;
        },
        Seconds(120));
  }
  std::size_t audited(std::size_t i, const std::string& kind) {
    std::size_t found = 0;
    for (const auto& record : sim.store(i).audit(0, 10'000)) found += record.entry.kind == kind;
    return found;
  }
  void restart_all() {
    for (std::size_t i = 0; i < sim.size(); ++i)
      if (sim.up(i)) sim.kill(i);
    sim.heal();
    sim.run_for(Seconds(5));
  }
  // Whether it never comes.
  void expect_stays(std::int64_t v, hours for_hours = hours(80)) {
    sim.clock.advance(for_hours);
    sim.run_for(Seconds(90));
    EXPECT_TRUE(everywhere(v));
  }
};

TEST(Recoveries, AfterThreeDaysTheNewAdminsDecide) {
  Lost g(1);
  const Json before = g.in_force(0);
  const auto recovery = g.signed_by_nodes(g.asked());
  EXPECT_EQ(g.submit(3, recovery.json()), "pending");
  EXPECT_EQ(g.submit(3, recovery.json()), "pending") << "it is there";
  ASSERT_TRUE(g.all_see("pending"));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(g.sim.desk(i).recoveries().pending()) << i;
    EXPECT_EQ(g.audited(i, "recovery_pending"), 1u) << i;
    const Json view = g.sim.desk(i).recoveries().view()[0];
    EXPECT_EQ(view["id"], recovery.id());
    EXPECT_EQ(view["signed_by"], (Json{"node1", "node2", "node3"}));
    EXPECT_EQ(view["users"], Json::array({"zoe"}));
  }
  g.sim.clock.advance(hours(71));
  g.restart_all();
  g.sim.run_for(Seconds(60));
  EXPECT_TRUE(g.everywhere(1));
  ASSERT_TRUE(g.all_see("pending")) << "after a restart";
  g.sim.clock.advance(hours(1));
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(60)));
  g.sim.run_for(Seconds(10));
  g.expect_one_policy();
  Json after = g.in_force(0);
  EXPECT_EQ(after["admins"], (Json{{"group", "rescue"}, {"min", 1}, {"delay_hours", before["admins"]["delay_hours"]}}));
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_FALSE(g.sim.desk(i).recoveries().pending()) << i;
    EXPECT_EQ(g.sim.desk(i).recoveries().view(), Json::array()) << i;
    EXPECT_EQ(g.audited(i, "policy_changed"), 1u) << i;
    const auto& policy = g.sim.world(i).policy;
    EXPECT_TRUE(policy->is_admin("eve") && policy->is_admin("zoe"));
    EXPECT_FALSE(policy->is_admin("ana") || policy->is_admin("ben"));
  }
  // All else is as it was.
  for (Json& user : after["users"])
    if (user["id"] == "eve") user["groups"].erase(user["groups"].size() - 1);
  after["users"].erase(after["users"].size() - 1);
  for (const char* member : {"version", "previous", "admins"}) after[member] = before[member];
  EXPECT_EQ(after, before);

  g.restart_all();
  EXPECT_TRUE(g.everywhere(2));
  EXPECT_TRUE(g.sim.ask(0, g.sim.sign("hot", "x")).succeeded());
  EXPECT_EQ(g.sim.ask(0, g.put(g.tighter(), "ana")).code(), "denied");
  const std::string id = g.propose(1, g.tighter(), "eve");
  EXPECT_NE(g.say(1, id, "eve"), "no answer");
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(3); }, Seconds(30)));
}

TEST(Recoveries, SoManyOperatorsMustHaveSigned) {
  Lost g(2);
  const auto refused = [&](const Recovery& recovery, const std::string& why) {
    EXPECT_EQ(g.submit(0, recovery.json()), why);
    g.tell(1, 0, recovery);
    EXPECT_EQ(g.seen(0), "") << why;
  };
  refused(g.signed_by_nodes(g.asked(), {0, 1}), "/signatures");
  RecoveryAsked four = g.asked();
  four.threshold = 4;
  refused(g.signed_by_nodes(four), "/signatures");
  auto stranger = g.signed_by_nodes(g.asked());
  stranger.add("node9", stranger.sign(g.sim.documents.identities[3]));
  refused(stranger, "/signatures/node9");
  auto twice = g.signed_by_nodes(g.asked(), {0, 1});
  twice.add("node3", twice.sign(g.sim.documents.identities[0]));
  refused(twice, "/signatures/node3");
  RecoveryAsked elsewhere = g.asked();
  elsewhere.cluster = std::string(64, 'a');
  refused(g.signed_by_nodes(elsewhere), "/recovery/cluster");
  Json policy = g.signed_by_nodes(g.asked()).json();
  policy["recovery"]["rules"] = Json::array();
  EXPECT_EQ(g.submit(0, policy), "/recovery/rules") << "nothing else of a policy";
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(g.asked(), {0, 1, 2, 3}).json()), "pending");
}

// What was counted with is the largest threshold: each node compares with what it knows, before it votes.
TEST(Recoveries, AKeysThresholdCounts) {
  Lost g(3);
  RecoveryAsked none = g.asked();
  none.threshold = 1;
  const auto recovery = g.signed_by_nodes(none);
  EXPECT_EQ(g.submit(0, recovery.json()), "too_few_signatures");
  g.tell(3, 0, recovery);
  ASSERT_TRUE(g.all_see("pending")) << "everybody hears of it";
  g.expect_stays(1);
  EXPECT_EQ(g.audited(0, "policy_vote"), 0u);
}

TEST(Recoveries, AnArchivedKeysThresholdCountsToo) {
  Lost g(13);
  storage::Batch archive;
  archive.set_key_state(g.sim.store(0).key_by_name("hot")->id, storage::KeyState::active, storage::KeyState::archived);
  ASSERT_TRUE(g.sim.store(0).commit_now(std::move(archive)).ok());
  RecoveryAsked none = g.asked();
  none.threshold = 1;
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(none).json()), "too_few_signatures");
}

// What is on its way to the disk when the other comes: the first one counts, and is not overwritten.
TEST(Recoveries, AVetoAndAVoteAtTheSameTime) {
  for (const bool veto_first : {true, false}) {
    Lost g(14);
    const auto recovery = g.signed_by_nodes(g.asked());
    const std::string id = recovery.id();
    EXPECT_EQ(g.submit(0, recovery.json()), "pending");
    for (const std::size_t i : {1u, 2u, 3u}) g.sim.kill(i);
    g.sim.run_for(Seconds(2));
    g.sim.slow_disk(0, true);
    std::optional<std::variant<Json, node::Refusal>> answer;
    const auto veto = [&] {
      g.sim.desk(0).recoveries().veto(id, g.veto_of(id, "ana"), [&](const auto& a) { answer = a; });
    };
    if (veto_first) veto();
    g.sim.clock.advance(hours(73));
    g.sim.run_for(Seconds(3));  // the vote is on its way, too
    if (!veto_first) veto();
    g.sim.slow_disk(0, false);
    ASSERT_TRUE(g.sim.run_until([&] { return answer.has_value(); }, Seconds(20)));
    EXPECT_EQ(g.audited(0, "policy_vote"), veto_first ? 0u : 1u);
    EXPECT_EQ(g.audited(0, "recovery_vetoed"), veto_first ? 1u : 0u);
    EXPECT_EQ(std::holds_alternative<Json>(*answer), veto_first);
    g.sim.kill(0);
    g.sim.start(0);
    g.sim.run_for(Seconds(5));
    EXPECT_EQ(g.seen(0), veto_first ? "vetoed" : "voted") << "after a restart";
    EXPECT_EQ(g.veto(0, id, "ben"), veto_first ? "vetoed" : "too_late");
  }
}

TEST(Recoveries, AnyAdminVetoesItForGood) {
  Lost g(4);
  const auto recovery = g.signed_by_nodes(g.asked());
  const std::string id = recovery.id();
  EXPECT_EQ(g.veto(0, id, "ana"), "unknown_recovery");
  EXPECT_EQ(g.submit(0, recovery.json()), "pending");
  ASSERT_TRUE(g.all_see("pending"));
  EXPECT_EQ(g.veto(1, id, "eve"), "denied");
  EXPECT_EQ(g.told([&](const auto& then) {
    g.sim.desk(1).recoveries().veto(id, g.veto_of("rec_" + std::string(32, '0'), "ana"), then);
  }),
            "denied");
  g.tell(0, 1, recovery, g.veto_of(id, "eve"));
  g.tell(0, 1, recovery, g.veto_of("rec_" + std::string(32, '0'), "ana"));
  EXPECT_EQ(g.seen(1), "pending");
  g.sim.clock.advance(hours(71));
  g.sim.kill(3);
  EXPECT_EQ(g.veto(2, id, "cem"), "vetoed");
  ASSERT_TRUE(g.all_see("vetoed"));
  EXPECT_EQ(g.veto(0, id, "ana"), "vetoed");
  g.restart_all();
  ASSERT_TRUE(g.all_see("vetoed")) << "also who was away";
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_FALSE(g.sim.desk(i).recoveries().pending()) << i;
    EXPECT_EQ(g.audited(i, "recovery_vetoed"), 1u) << i;
    EXPECT_EQ(g.sim.desk(i).recoveries().view()[0]["vetoed_by"], "cem") << i;
  }
  g.expect_stays(1, hours(2));
  EXPECT_EQ(g.submit(1, g.signed_by_nodes(g.asked(), {1, 2, 3}).json()), "pending") << "that is another one";
  EXPECT_EQ(g.submit(1, recovery.json()), "vetoed");
  const auto others = g.sim.desk(1).recoveries().view();
  for (const Json& other : others)
    if (other["id"] != id) {
      EXPECT_EQ(g.veto(1, other["id"].get<std::string>(), "ben"), "vetoed");
    }
  g.expect_stays(1);
}

TEST(Recoveries, WhoWasAwayCatchesUp) {
  Lost g(5);
  g.sim.kill(3);
  const auto recovery = g.signed_by_nodes(g.asked());
  EXPECT_EQ(g.submit(0, recovery.json()), "pending");
  ASSERT_TRUE(g.all_see("pending"));
  g.sim.clock.advance(hours(73));
  ASSERT_TRUE(
      g.sim.run_until([&] { return g.version(0) == 2 && g.version(1) == 2 && g.version(2) == 2; }, Seconds(60)));
  g.sim.heal();
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(60)));
  g.sim.run_for(Seconds(10));
  g.expect_one_policy();
  EXPECT_EQ(g.audited(3, "policy_changed"), 1u);
  g.restart_all();
  EXPECT_TRUE(g.everywhere(2));
}

// What a node checks that sees a step of the chain later.
TEST(Recoveries, AStepOfTheChainProvesItself) {
  Lost g(6);
  const auto before = node::in_force(g.sim.world(0));
  const auto follows = [&](const Recovery& recovery, const std::vector<std::size_t>& voters, const Digest& next) {
    node::PolicyLink link;
    link.original = node::request_of(recovery);
    for (const std::size_t i : voters)
      link.votes.push_back(node::sign_vote(g.sim.name(i), 0, next, before.digest(), g.sim.documents.cluster->id(),
                                           g.sim.documents.identities[i]));
    return std::holds_alternative<node::InForce>(node::follow(before, link));
  };
  const auto good = g.signed_by_nodes(g.asked());
  const Digest next = good.digest();
  EXPECT_TRUE(follows(good, {0, 1, 3}, next));
  EXPECT_FALSE(follows(good, {0, 1}, next));
  EXPECT_FALSE(follows(good, {0, 1, 3}, Digest{}));
  EXPECT_FALSE(follows(good, {0, 1, 3}, good.next(*before.policy).digest())) << "the policy, which others make as well";
  RecoveryAsked twin = g.asked();
  ++twin.created;
  EXPECT_FALSE(follows(g.signed_by_nodes(twin), {0, 1, 3}, next)) << "whose votes are those of another one";
  EXPECT_TRUE(follows(g.signed_by_nodes(twin), {0, 1, 3}, g.signed_by_nodes(twin).digest()));
  EXPECT_FALSE(follows(g.signed_by_nodes(g.asked(), {0, 1}), {0, 1, 3}, next));
  RecoveryAsked later = g.asked();
  later.state = Digest{};
  EXPECT_FALSE(follows(g.signed_by_nodes(later), {0, 1, 3}, g.signed_by_nodes(later).digest())) << "of another state";
  RecoveryAsked taken = g.asked();
  taken.group = "council";
  EXPECT_FALSE(follows(g.signed_by_nodes(taken), {0, 1, 3}, g.signed_by_nodes(taken).digest()));
}

TEST(Recoveries, AnotherChangeMakesItVoid) {
  Lost g(7);
  const auto recovery = g.signed_by_nodes(g.asked());
  EXPECT_EQ(g.submit(0, recovery.json()), "pending");
  ASSERT_TRUE(g.all_see("pending"));
  g.change(1, g.tighter());
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(30)));
  ASSERT_TRUE(g.all_see(""));
  EXPECT_EQ(g.submit(0, recovery.json()), "version_not_current");
  g.tell(1, 0, recovery);
  EXPECT_EQ(g.seen(0), "");
  g.restart_all();
  EXPECT_EQ(g.seen(0), "");
  g.expect_stays(2);
}

TEST(Recoveries, ItsTimesCount) {
  Lost g(8);
  RecoveryAsked a = g.asked();
  const auto now = a.created;
  a.created = now + 3600;
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(a).json()), "clock_skew");
  a.created = now - 15 * 24 * 3600;
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(a).json()), "expired");
  g.tell(1, 0, g.signed_by_nodes(a));
  EXPECT_EQ(g.seen(0), "");
  a.created = now - 12 * 24 * 3600;  // signed in secret long ago: the delay begins now, and ends too late
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(a).json()), "pending");
  ASSERT_TRUE(g.all_see("pending"));
  g.expect_stays(1, hours(47));
  g.expect_stays(1, hours(33));
  EXPECT_EQ(g.seen(0), "expired");
  EXPECT_FALSE(g.sim.desk(0).recoveries().pending());
}

TEST(Recoveries, ANodeKeepsSoMany) {
  Lost g(9);
  RecoveryAsked a = g.asked();
  for (std::size_t k = 0; k < limits::kMaxRecoveries; ++k) {
    --a.created;
    EXPECT_EQ(g.submit(0, g.signed_by_nodes(a).json()), "pending") << k;
  }
  --a.created;
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(a).json()), "busy");
  g.tell(1, 0, g.signed_by_nodes(a));
  EXPECT_EQ(g.sim.desk(0).recoveries().view().size(), limits::kMaxRecoveries);
  // Those that are worth nothing any more make room.
  g.sim.clock.advance(hours(15 * 24));
  RecoveryAsked fresh = g.asked();
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(fresh).json()), "pending");
  EXPECT_EQ(g.sim.desk(0).recoveries().view().size(), 1u);
  g.sim.kill(0);
  g.sim.heal();
  g.sim.run_for(Seconds(5));
  EXPECT_EQ(g.seen(0), "pending");
}

// Two nodes of four have not heard of the veto, and vote: that is no majority, and another change goes round it.
TEST(Recoveries, AVetoStopsThoseThatHaveNotVoted) {
  Lost g(10);
  const auto recovery = g.signed_by_nodes(g.asked());
  EXPECT_EQ(g.submit(0, recovery.json()), "pending");
  ASSERT_TRUE(g.all_see("pending"));
  g.sim.isolate({0, 1});
  for (const std::size_t i : {2u, 3u}) EXPECT_EQ(g.veto(i, recovery.id(), "ana"), "vetoed");
  g.sim.clock.advance(hours(73));
  ASSERT_TRUE(g.sim.run_until([&] { return g.seen(0) == "voted" && g.seen(1) == "voted"; }, Seconds(60)));
  EXPECT_EQ(g.veto(0, recovery.id(), "ben"), "too_late");
  EXPECT_EQ(g.audited(0, "recovery_vetoed"), 1u) << "the others are told even so";
  g.restart_all();
  ASSERT_TRUE(g.all_see("vetoed"));
  g.expect_stays(1);
  g.change(2, g.tighter());
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(60)));
  g.expect_one_policy();
  EXPECT_TRUE(g.sim.world(0).policy->is_admin("ana"));
}

TEST(Recoveries, ANodesKeyReadsAndRecoversAndNothingElse) {
  Lost g(12);
  node::NodeApi api(g.sim.world(0), g.sim.desk(0), g.sim.host(0));
  EXPECT_TRUE(api.user_key("node:node2") == g.sim.documents.identities[1].public_key());
  EXPECT_FALSE(api.user_key("node:node9"));
  EXPECT_FALSE(api.user_key("node2"));
  const http::SignedRequest original;
  const auto status = [&](http::Route route) {
    http::Call call{route, "", {}, Json::object(), original, {}, {}, {}};
    call.who.user = "node:node2";
    const auto answer = api.call(call);
    const auto* problem = std::get_if<http::Problem>(&answer);
    return problem == nullptr ? std::get<http::Reply>(answer).status : problem->status;
  };
  for (const auto route :
       {http::Route::show_policy, http::Route::show_node, http::Route::list_keys, http::Route::show_cluster})
    EXPECT_EQ(status(route), 200);
  for (const auto route : {http::Route::create_key, http::Route::sign, http::Route::change_policy, http::Route::freeze,
                           http::Route::veto, http::Route::list_audit, http::Route::list_requests, http::Route::inspect,
                           http::Route::cancel, http::Route::add_node, http::Route::simulate})
    EXPECT_EQ(status(route), 403) << static_cast<int>(route);
  EXPECT_EQ(api.ready().why["recovery"], "ok");
  EXPECT_EQ(g.submit(0, g.signed_by_nodes(g.asked()).json()), "pending");
  EXPECT_EQ(api.ready().why["recovery"], "pending");
  EXPECT_TRUE(api.ready().ok);
}

// A node whose database is an old copy may have forgotten a veto.
TEST(Recoveries, ANodeOnAnOldCopyDoesNotVote) {
  Lost g(11);
  const auto recovery = g.signed_by_nodes(g.asked());
  EXPECT_EQ(g.submit(0, recovery.json()), "pending");
  ASSERT_TRUE(g.all_see("pending"));
  g.sim.run_for(Seconds(5));
  const auto old = g.sim.store(3).snapshot();
  EXPECT_TRUE(g.sim.ask(3, g.sim.sign("hot", "x")).succeeded());
  g.sim.run_for(Seconds(120));  // the others know how far it had come
  g.sim.kill(3);
  g.sim.store(3).restore(old);
  g.sim.heal();
  g.sim.run_for(Seconds(5));
  g.sim.kill(0);
  g.sim.clock.advance(hours(80));
  g.sim.run_for(Seconds(90));
  EXPECT_EQ(g.audited(3, "policy_vote"), 0u);
  EXPECT_EQ(g.audited(1, "policy_vote"), 1u);
  EXPECT_EQ(g.version(1), 1);
}

}  // namespace
}  // namespace quorate::test

// The policy changes among whole nodes: by its admins, at one version after the other, everywhere the same (attacks 61,
// 64, 66).
#include "node/governance.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/node_simulated/governance_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using policy::Vote;
using std::chrono::hours;
using storage::RequestState;

TEST(Governance, TwoAdminsTightenAtOnce) {
  Governed g(4, 1);
  const std::string id = g.propose(3, g.tighter());
  g.sim.run_for(Seconds(1));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(g.state(i, id), RequestState::pending_approval) << i;
  EXPECT_EQ(g.say(0, id, "ana"), "pending_approval") << "who has asked counts once they approve";
  EXPECT_EQ(g.say(0, id, "eve"), "not_an_approver");
  g.sim.run_for(Seconds(30));
  EXPECT_TRUE(g.everywhere(1));
  EXPECT_NE(g.say(1, id, "ben"), "no answer");
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(20)));
  g.sim.run_for(Seconds(10));
  g.expect_one_policy();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(g.state(i, id), RequestState::succeeded) << i;
    const Json result = Json::parse(g.at(i, id).result.text);
    EXPECT_EQ(result["version"], 2);
    EXPECT_GE(result["applied_on"].size(), 3u);
  }
  EXPECT_TRUE(g.sim.ask(0, g.sim.sign("hot", "x")).succeeded());
  // It stays so, whatever the first document says.
  for (std::size_t i = 0; i < 4; ++i) g.sim.kill(i);
  g.sim.heal();
  g.sim.run_for(Seconds(5));
  EXPECT_TRUE(g.everywhere(2));
  EXPECT_TRUE(g.sim.ask(1, g.sim.sign("hot", "y")).succeeded());
  g.change(1, g.tighter("stop-2"));
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(3); }, Seconds(20)));
  // All that have been in force are known, also after a restart.
  const Digest last = g.sim.world(2).policy->digest();
  g.sim.kill(2);
  g.sim.heal();
  const auto& policy = g.sim.world(2).policy;
  for (std::int64_t v = 1; v <= 3; ++v) {
    ASSERT_NE(policy.version(v), nullptr) << v;
    EXPECT_EQ(policy.version(v)->version(), v);
    EXPECT_EQ(policy.of(policy.version(v)->digest())->version(), v);
  }
  EXPECT_EQ(policy.version(3)->digest(), last);
  EXPECT_EQ(policy.version(4), nullptr);
}

TEST(Governance, WhatLoosensWaits) {
  Governed g(3, 2);
  const std::string id = g.change(0, g.looser());
  g.sim.run_for(Seconds(5));
  const auto begun = g.sim.clock.wall();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(g.state(i, id), RequestState::scheduled) << i;
    const Json view = node::request_view(g.at(i, id), true);
    const auto effective = from_rfc3339(view["effective_at"].get<std::string>());
    ASSERT_TRUE(effective);
    EXPECT_GT(*effective, begun + hours(23));
    EXPECT_LE(*effective, begun + hours(24));
  }
  g.sim.clock.advance(hours(23));
  for (std::size_t i = 0; i < 3; ++i) g.sim.kill(i);
  g.sim.heal();
  g.sim.run_for(Seconds(30));
  EXPECT_TRUE(g.everywhere(1));
  g.sim.clock.advance(hours(1));
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(30)));
  g.sim.run_for(Seconds(5));
  EXPECT_EQ(g.state(0, id), RequestState::succeeded);
  EXPECT_EQ(g.cancel(0, id, "ben"), "already_final");
}

TEST(Governance, AnyAdminStopsWhatIsScheduledAndATighteningOvertakesIt) {
  Governed g(3, 3);
  const std::string one = g.change(0, g.looser());
  g.sim.run_for(Seconds(5));
  EXPECT_EQ(g.cancel(1, one, "eve"), "not_found");
  EXPECT_EQ(g.cancel(1, one, "ben"), "cancelled");
  g.sim.clock.advance(hours(25));
  g.sim.run_for(Seconds(20));
  EXPECT_TRUE(g.everywhere(1));

  const std::string two = g.change(0, g.looser());
  const std::string three = g.change(1, g.tighter());
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(20)));
  g.sim.run_for(Seconds(5));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(g.state(i, three), RequestState::succeeded);
    EXPECT_EQ(g.at(i, two).code.text, "superseded") << i;
  }
  g.sim.clock.advance(hours(25));
  g.sim.run_for(Seconds(20));
  EXPECT_TRUE(g.everywhere(2));
}

TEST(Governance, WhatDoesNotFollowIsRefused) {
  Governed g(3, 4);
  EXPECT_EQ(g.sim.ask(0, g.put(g.tighter(), "eve")).code(), "denied");
  EXPECT_EQ(g.sim.ask(0, g.put(g.tighter(), "ana", "2")).code(), "version_not_current");
  Json other = g.tighter();
  other["previous"] = std::string(64, '1');
  EXPECT_EQ(g.sim.ask(0, g.put(other)).code(), "malformed_body");
  other = g.tighter();
  other["version"] = 3;
  EXPECT_EQ(g.sim.ask(0, g.put(other, "ana", "1")).code(), "malformed_body");
  other = g.tighter();
  other["cluster"] = std::string(64, '1');
  EXPECT_EQ(g.sim.ask(0, g.put(other)).code(), "malformed_body");
  const std::string id = g.propose(0, g.tighter());
  EXPECT_EQ(g.say(0, id, "ben", Vote::reject), "rejected");
  g.sim.run_for(Seconds(20));
  EXPECT_TRUE(g.everywhere(1));
  g.change(0, g.tighter());
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(20)));
  EXPECT_EQ(g.sim.ask(0, g.put(g.tighter("y"), "ana", "1")).code(), "version_not_current");
}

TEST(Governance, ANodeThatWasAwayCatchesUp) {
  Governed g(4, 5);
  g.sim.kill(3);
  // Made under the first version, of which node4 hears under the third one.
  EXPECT_TRUE(g.sim.ask(0, g.refresh()).succeeded());
  g.change(0, g.tighter("a"));
  g.sim.run_until([&] { return g.version(0) == 2 && g.version(1) == 2 && g.version(2) == 2; }, Seconds(20));
  g.change(0, g.tighter("b"));
  g.sim.run_until([&] { return g.version(0) == 3 && g.version(1) == 3 && g.version(2) == 3; }, Seconds(20));
  g.sim.heal();
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(3); }, Seconds(20)));
  g.sim.run_for(Seconds(70));
  g.expect_one_policy();
  EXPECT_EQ(g.row(3).certificate, g.row(0).certificate);
}

// An old copy of a database: the others tell it.
TEST(Governance, AnOldDatabaseDoesNotBringBackAnOldPolicy) {
  Governed g(3, 6);
  const auto old = g.sim.store(2).snapshot();
  g.change(0, g.tighter());
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(20)));
  g.sim.kill(2);
  g.sim.store(2).restore(old);
  g.sim.heal();
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(20)));
}

// Half of the nodes have signed one, half another: the next round decides, for all the same.
TEST(Governance, OfTwoRivalsOneComesIntoForce) {
  for (std::uint64_t seed = 10; seed < 10 + runs(6); ++seed) {
    Governed g(4, seed);
    const std::string a = g.propose(0, g.tighter("a")), b = g.propose(3, g.tighter("b"));
    g.sim.run_for(Seconds(2));
    for (const auto& id : {a, b}) g.say(0, id, "ana");
    g.sim.run_for(Seconds(2));
    const bool split = seed % 2 == 0;
    if (split)
      for (std::size_t i : {0U, 1U})
        for (std::size_t k : {2U, 3U}) g.sim.net().cut(g.sim.name(i), g.sim.name(k));
    g.say(0, a, "cem");
    g.say(3, b, "cem");
    g.sim.run_for(Seconds(10));
    if (split) {
      EXPECT_TRUE(g.everywhere(1)) << "no half is a majority";
    }
    g.sim.heal();
    ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(60))) << seed;
    g.sim.run_for(Seconds(10));
    g.expect_one_policy();
    int succeeded = 0;
    for (const auto& id : {a, b}) succeeded += g.state(0, id) == RequestState::succeeded;
    EXPECT_EQ(succeeded, 1) << seed;
    g.change(0, g.tighter("c"));
    EXPECT_TRUE(g.sim.run_until([&] { return g.everywhere(3); }, Seconds(20))) << seed;
  }
}

TEST(Governance, AMajorityIsNeeded) {
  Governed g(4, 7);
  const std::string id = g.propose(0, g.tighter());
  g.say(0, id, "ana");
  g.sim.run_for(Seconds(2));
  g.sim.kill(2);
  g.sim.kill(3);
  g.say(0, id, "cem");
  g.sim.run_for(Seconds(60));
  EXPECT_EQ(g.version(0), 1);
  EXPECT_EQ(g.version(1), 1);
  g.sim.heal();
  EXPECT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(60)));
}

// One node dies at each of its writes, before or after it is on the disk.
TEST(Governance, KilledAtEveryWrite) {
  for (const auto point : {storage::MemoryStore::Point::before_durable, storage::MemoryStore::Point::after_durable})
    for (std::size_t victim : {0u, 2u})
      for (std::size_t k = 1; k <= runs(7); ++k) {
        Governed g(3, 100 + k);
        const std::string id = g.propose(0, g.tighter());
        g.say(1, id, "ana");
        g.sim.run_for(Seconds(2));
        g.sim.store(victim).fail_at(k, point);
        g.say(1, id, "cem");
        g.sim.run_for(Seconds(5));
        g.sim.store(victim).fail_at(0);
        g.sim.heal();
        ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(60))) << victim << " " << k;
        g.sim.run_for(Seconds(10));
        g.expect_one_policy();
        EXPECT_TRUE(g.sim.ask(0, g.sim.sign("hot", "x")).succeeded()) << victim << " " << k;
      }
}

// What waits for people is judged by the policy that has come into force, and its votes are over the old one.
TEST(Governance, WaitingRequestsAreJudgedAnew) {
  Governed g(3, 8);
  Json document = g.next();
  const Json ask{{"id", "two"},
                 {"if", {{"kind", "sign"}}},
                 {"then", {{"approve", {{{"group", "council"}, {"min", 2}}}}, {"expires_hours", 48}}}};
  document["rules"].insert(document["rules"].begin(), ask);
  g.change(0, document);
  g.sim.run_for(Seconds(5));
  g.sim.clock.advance(hours(25));
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(20)));
  auto& s = g.sim.submit(0, g.sim.sign("hot", "x"));
  g.sim.run_until([&] { return s.stored || s.answer; }, Seconds(20));
  ASSERT_TRUE(s.stored) << s.code();
  EXPECT_EQ(g.say(1, s.id, "ana"), "pending_approval");
  g.sim.run_for(Seconds(1));
  EXPECT_EQ(g.at(2, s.id).needs[0].have, 1u);
  g.change(0, g.tighter());
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(3); }, Seconds(20)));
  g.sim.run_for(Seconds(5));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(g.state(i, s.id), RequestState::pending_approval) << i;
    EXPECT_EQ(g.at(i, s.id).policy_version, 3u) << i;
    EXPECT_EQ(g.at(i, s.id).needs[0].have, 0u) << i;
  }
  g.say(1, s.id, "ana");
  g.say(2, s.id, "ben");
  g.sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << why(s);
}

// Attack 61: another policy is on the disk when the share would leave. Then none does.
TEST(Governance, NoShareLeavesUnderAPolicyThatHasChanged) {
  Governed g(3, 9);
  g.sim.kill(2);
  g.sim.run_for(Seconds(10));
  bool changed = false;
  g.sim.tap = [&](Sent sent) {
    if (!changed && sent.from == "node2" && !sent.envelope.tag.starts_with("node/")) {
      changed = true;
      storage::Batch batch;
      batch.put_meta(node::PolicyInForce::kHead, secret_bytes(Digest{}));
      EXPECT_TRUE(g.sim.store(1).commit_now(std::move(batch)).ok());
    }
    return std::vector<Sent>{std::move(sent)};
  };
  auto& s = g.sim.ask(0, g.sim.sign("hot", "x"));
  EXPECT_TRUE(changed);
  EXPECT_FALSE(s.succeeded());
  EXPECT_FALSE(g.sim.desk(1).requests().released(s.id));
}

// What a coordinator says of the end of a change counts for nothing: the admins' approvals and the nodes' votes do.
TEST(Governance, ACoordinatorThatLiesAboutTheOutcomeChangesNothing) {
  Governed g(3, 21);
  const auto lies = [&](const std::string& id, RequestState told) {
    node::Outcome lie;
    lie.request = id;
    lie.original = g.at(1, id).original;
    lie.state = static_cast<std::uint8_t>(told);
    lie.code = "denied";
    g.sim.raw_send(1, 0, node::envelope_of(lie));
    g.sim.run_for(Seconds(1));
  };
  const std::string waits = g.change(1, g.looser());
  g.sim.run_for(Seconds(5));
  const std::string asked = g.propose(1, g.tighter());
  g.sim.run_for(Seconds(1));
  for (const auto told : {RequestState::succeeded, RequestState::failed, RequestState::denied, RequestState::cancelled,
                          RequestState::rejected, RequestState::expired}) {
    for (const std::string& id : {waits, asked}) lies(id, told);
    EXPECT_EQ(g.state(0, waits), RequestState::scheduled);
    EXPECT_EQ(g.state(0, asked), RequestState::pending_approval);
    EXPECT_EQ(g.version(0), 1);
  }
  // Nor can it keep from the others what they know: it comes into force without it.
  g.sim.kill(1);
  EXPECT_NE(g.say(0, asked, "ana"), "no answer");
  EXPECT_NE(g.say(2, asked, "cem"), "no answer");
  ASSERT_TRUE(g.sim.run_until([&] { return g.version(0) == 2 && g.version(2) == 2; }, Seconds(60)));
  g.sim.heal();
  ASSERT_TRUE(g.sim.run_until([&] { return g.everywhere(2); }, Seconds(60)));
  lies(asked, RequestState::failed);
  EXPECT_EQ(g.state(0, asked), RequestState::succeeded);
}

// ---- steps that prove nothing

struct Chain : Governed {
  Chain() : Governed(3, 20) {
    before = sim.world(0).policy.now();
    request = put(tighter());
    link.original = request;
    approve("ana");
    approve("cem");
    vote(0);
    vote(1);
  }
  policy::Intent intent() {
    const auto examined = node::examine(link.original, sim.world(0), *before);
    return std::get<node::SharedExamined>(examined)->intent;
  }
  void approve(const std::string& user) {
    const Json json = policy::to_json(intent());
    link.original.approvals.push_back(
        {user, 1, admins().key_of(user).sign(view_of(policy::approval_text(Vote::approve, user, json)))});
  }
  Digest next() { return policy::PolicyDocument::parse(text_of(link.original.body)).digest(); }
  void vote(std::size_t i, std::uint32_t round = 0) {
    link.votes.push_back(node::sign_vote(sim.name(i), round, next(), before->digest(), sim.documents.cluster->id(),
                                         sim.documents.identities[i]));
  }
  bool follows() {
    const auto got = node::follow({before, sim.world(0).cluster.chain()}, link);
    return std::holds_alternative<node::InForce>(got);
  }
  // Nor does a node take it that is shown it.
  void expect_refused(const std::string& what) {
    EXPECT_FALSE(follows()) << what;
    node::PolicyStep step;
    step.version = 2;
    step.link = link;
    sim.raw_send(1, 0, node::envelope_of(step));
    sim.run_for(Seconds(1));
    EXPECT_EQ(version(0), 1) << what;
  }

  std::shared_ptr<const policy::PolicyDocument> before;
  http::SignedRequest request;
  node::PolicyLink link;
};

TEST(PolicyChain, AStepIsSignedByAdminsAndNodes) {
  Chain c;
  EXPECT_TRUE(c.follows());
  const auto good = c.link;
  const auto with = [&](const char* what, const std::function<void()>& change) {
    c.link = good;
    change();
    c.expect_refused(what);
  };
  with("an approval is missing", [&] { c.link.original.approvals.pop_back(); });
  with("one admin twice", [&] { c.link.original.approvals[1] = c.link.original.approvals[0]; });
  with("an approval of somebody else", [&] {
    c.link.original.approvals.pop_back();
    c.approve("eve");
  });
  with("an approval under another name", [&] { c.link.original.approvals[1].approver = "ben"; });
  with("a rejection", [&] { c.link.original.approvals[0].vote = 2; });
  with("approvals of another document", [&] {
    const auto approvals = c.link.original.approvals;
    c.link.original = c.put(c.tighter("other"));
    c.link.original.approvals = approvals;
    c.link.votes.clear();
    c.vote(0);
    c.vote(1);
  });
  with("a node is missing", [&] { c.link.votes.pop_back(); });
  with("one node twice", [&] { c.link.votes[1] = c.link.votes[0]; });
  with("of different rounds", [&] {
    c.link.votes.pop_back();
    c.vote(1, 1);
  });
  with("of another round", [&] { c.link.round = 1; });
  with("on another document", [&] {
    c.link.votes[1] = node::sign_vote("node2", 0, Digest{}, c.before->digest(), c.sim.documents.cluster->id(),
                                      c.sim.documents.identities[1]);
  });
  with("on what follows another version", [&] {
    c.link.votes[1] =
        node::sign_vote("node2", 0, c.next(), Digest{}, c.sim.documents.cluster->id(), c.sim.documents.identities[1]);
  });
  with("with another key", [&] {
    c.link.votes[1] = node::sign_vote("node2", 0, c.next(), c.before->digest(), c.sim.documents.cluster->id(),
                                      c.sim.documents.identities[2]);
  });
  with("a request that is not signed", [&] { c.link.original.signature = "sig1=:" + std::string(86, 'A') + "==:"; });
  with("a form to come", [&] { c.link.version = 2; });
  const auto all_of = [&](const http::SignedRequest& request) {
    c.link = {};
    c.link.original = request;
    const auto examined = node::examine(c.link.original, c.sim.world(0), *c.before);
    if (node::seen_in(examined) != nullptr) {
      c.approve("ana");
      c.approve("cem");
    }
    c.vote(0);
    c.vote(1);
    c.vote(2);
  };
  all_of(c.put(c.tighter()));
  EXPECT_TRUE(c.follows());
  all_of(c.put(c.tighter(), "eve"));
  c.expect_refused("asked for by somebody else");
  Json skipped = c.tighter();
  skipped["version"] = 3;
  all_of(c.put(skipped, "ana", "1"));
  c.expect_refused("a version is left out");
  Json wrong = c.tighter();
  wrong["previous"] = std::string(64, '2');
  all_of(c.put(wrong));
  c.expect_refused("another predecessor");
  all_of(c.put(c.tighter(), "ana", "7"));
  c.expect_refused("another version in If-Match");

  // In force; then it is no step any more, and a removed admin is none.
  all_of(c.put(c.tighter()));
  const auto first_link = c.link;
  node::PolicyStep step;
  step.version = 2;
  step.link = c.link;
  c.sim.raw_send(1, 0, node::envelope_of(step));
  ASSERT_TRUE(c.sim.run_until([&] { return c.everywhere(2); }, Seconds(20)));
  step.version = 3;
  c.sim.raw_send(1, 0, node::envelope_of(step));
  c.sim.run_for(Seconds(1));
  EXPECT_EQ(c.version(0), 2) << "a replay of an old one";
  Json without = c.Governed::next();
  for (Json& user : without["users"])
    if (user["id"] == "cem") user["groups"] = {"others"};
  c.change(0, without);
  c.sim.run_for(Seconds(5));
  c.sim.clock.advance(hours(25));
  ASSERT_TRUE(c.sim.run_until([&] { return c.everywhere(3); }, Seconds(20)));
  EXPECT_EQ(c.sim.ask(0, c.put(c.tighter("x"), "cem")).code(), "denied");
  const std::string id = c.propose(0, c.tighter("x"));
  EXPECT_EQ(c.say(0, id, "ana"), "pending_approval");
  EXPECT_EQ(c.say(0, id, "cem"), "not_an_approver");
}

// node2 has voted for two in one round: each of them has a majority. Every node keeps its own, and says so.
TEST(PolicyChain, AForkIsNoticed) {
  Chain c;
  const auto step_of = [&] {
    node::PolicyStep step;
    step.version = 2;
    step.link = c.link;
    return node::envelope_of(step);
  };
  const Envelope one = step_of();
  c.link = {};
  c.link.original = c.put(c.tighter("other"));
  c.approve("ana");
  c.approve("cem");
  c.vote(1);
  c.vote(2);
  const Envelope other = step_of();
  c.sim.isolate({0});
  c.sim.desk(0).on_envelope("node2", one);
  c.sim.desk(2).on_envelope("node2", other);
  c.sim.run_for(Seconds(1));
  EXPECT_EQ(c.version(0), 2);
  EXPECT_EQ(c.version(2), 2);
  const Json mine = c.in_force(0), theirs = c.in_force(2);
  ASSERT_NE(mine, theirs);
  const auto forks = [&] { return c.sim.desk(0).governance().fork() && c.sim.desk(2).governance().fork(); };
  EXPECT_FALSE(c.sim.desk(0).governance().fork());
  EXPECT_FALSE(c.sim.desk(2).governance().fork());
  c.sim.heal();
  ASSERT_TRUE(c.sim.run_until(forks, Seconds(60)));
  EXPECT_EQ(c.in_force(0), mine);
  EXPECT_EQ(c.in_force(2), theirs);
  // Who has the other document signs with nobody.
  ASSERT_TRUE(c.sim.run_until([&] { return c.version(1) == 2; }, Seconds(60)));
  c.sim.run_for(Seconds(10));
  const std::size_t alone = c.in_force(1) == mine ? 2 : 0;
  EXPECT_FALSE(c.sim.ask(alone, c.sim.sign("hot", "x")).succeeded());
  c.sim.kill(0);
  c.sim.heal();
  EXPECT_TRUE(c.sim.run_until(forks, Seconds(60))) << "also after a restart";
  EXPECT_EQ(c.in_force(0), mine);
}

TEST(PolicyChain, ARoundIsDeadWhenNothingCanWinAnyMore) {
  const Digest a{1}, b{2}, c{3};
  EXPECT_FALSE(node::is_dead({}, 3));
  EXPECT_FALSE(node::is_dead({a}, 3));
  EXPECT_FALSE(node::is_dead({a, b}, 3)) << "the third may make it two";
  EXPECT_TRUE(node::is_dead({a, b, c}, 3));
  EXPECT_FALSE(node::is_dead({a, a, b}, 3));
  EXPECT_TRUE(node::is_dead({a, a, b, b}, 4));
  EXPECT_FALSE(node::is_dead({a, a, b}, 4));
  EXPECT_TRUE(node::is_dead({a, b, b, c}, 4));
  EXPECT_TRUE(node::is_dead({a, b}, 2));
  EXPECT_FALSE(node::is_dead({a, a, b, b}, 5));
}

}  // namespace
}  // namespace quorate::test

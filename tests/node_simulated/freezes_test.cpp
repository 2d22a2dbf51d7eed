// Freezes among whole nodes: any admin makes one, a quorum lifts it after the delay, every node judges by itself what
// it is shown (attack 69).
#include "node/freezes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/node_simulated/governance_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using policy::Vote;
using std::chrono::hours;
using storage::MemoryStore;
using storage::RequestState;

struct Frost : Governed {
  explicit Frost(std::uint64_t seed = 1, unsigned n = 4) : Governed(n, seed) {}

  http::SignedRequest post(const std::string& target, const std::string& scope, const std::string& user,
                           std::int64_t ahead = 0) {
    http::SignedRequest r;
    r.method = "POST";
    r.target = target;
    return signed_by(user, std::move(r), Json{{"scope", scope}}.dump(), ahead);
  }
  http::SignedRequest freeze(const std::string& scope = "hot", const std::string& user = "ana",
                             std::int64_t ahead = 0) {
    return post("/v1/freeze", scope, user, ahead);
  }
  http::SignedRequest unfreeze(const std::string& scope = "hot", const std::string& user = "ana") {
    sim.clock.advance(Seconds(1));  // of one second the freeze counts
    return post("/v1/unfreeze", scope, user);
  }
  Json frozen(std::size_t i, const http::SignedRequest& original) {
    auto& s = sim.ask(i, original);
    EXPECT_TRUE(s.succeeded()) << why(s);
    return s.succeeded() ? Json::parse(s.record()->result.text) : Json();
  }
  // Asked for and approved by two.
  std::string approved(std::size_t i, const std::string& scope = "hot") {
    const std::string id = waiting(i, unfreeze(scope));
    EXPECT_EQ(say(i, id, "ana"), "pending_approval");
    EXPECT_NE(say(i, id, "cem"), "no answer");
    return id;
  }
  std::string scope_of(const std::string& scope) { return scope == "all" ? scope : first.id; }
  bool is_frozen(std::size_t i, const std::string& scope = "hot") {
    return sim.world(i).frozen->holds(scope_of(scope));
  }
  bool everywhere(bool yes, const std::string& scope = "hot") {
    for (std::size_t i = 0; i < sim.size(); ++i)
      if (!sim.up(i) || is_frozen(i, scope) != yes) return false;
    return true;
  }
  bool becomes(bool yes, const std::string& scope = "hot", Millis within = Seconds(30)) {
    return sim.run_until([&] { return everywhere(yes, scope); }, within);
  }
  std::string sign(std::size_t i = 0, const std::string& text = "x") {
    auto& s = sim.ask(i, sim.sign("hot", text));
    return s.succeeded() ? "signed" : s.code();
  }
  void restart_all() {
    for (std::size_t i = 0; i < sim.size(); ++i)
      if (sim.up(i)) sim.kill(i);
    sim.heal();
    sim.run_for(Seconds(5));
  }
  // As node `from` would show it; who has judged it by which version is its own word.
  void show(std::size_t from, std::size_t to, const http::SignedRequest& original, const Digest& policy) {
    node::FreezeTold told;
    told.freeze.policy = policy;
    told.freeze.original = node::ClientRequest(original);
    sim.raw_send(from, to, node::envelope_of(told));
    sim.run_for(Seconds(1));
  }
  Envelope told(const http::SignedRequest& original) {
    node::FreezeTold message;
    message.freeze.policy = policy();
    message.freeze.original = node::ClientRequest(original);
    return node::envelope_of(message);
  }
  Digest policy() { return sim.world(0).policy->digest(); }
};

TEST(Freeze, OneAdminStopsAKeyOnEveryNode) {
  Frost f;
  EXPECT_EQ(f.sim.ask(0, f.freeze("hot", "eve")).code(), "denied");
  EXPECT_EQ(f.sim.ask(0, f.freeze("cold")).code(), "unknown_key");
  EXPECT_EQ(f.sim.ask(0, f.unfreeze()).code(), "not_frozen");
  EXPECT_EQ(f.sign(), "signed");
  const Json result = f.frozen(3, f.freeze());
  EXPECT_EQ(result["scope"], f.first.id);
  EXPECT_EQ(result["applied_on"], (Json{"node1", "node2", "node3", "node4"}));
  EXPECT_EQ(result["not_yet"], Json::array());
  EXPECT_TRUE(f.everywhere(true));
  EXPECT_TRUE(f.everywhere(false, "all"));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(f.sign(i), "frozen") << i;
  EXPECT_EQ(f.sim.ask(0, f.refresh()).code(), "frozen");
  EXPECT_EQ(f.sim.ask(0, f.reshare(2, {0, 1, 3})).code(), "frozen");
  EXPECT_TRUE(f.sim.ask(0, f.sim.create("other", 2)).succeeded()) << "another key";
  const Json view = node::frozen_view(*f.sim.world(1).frozen);
  ASSERT_EQ(view.size(), 1u);
  EXPECT_EQ(view[0]["scope"], f.first.id);
  EXPECT_EQ(view[0]["by"], "ana");
  f.restart_all();
  EXPECT_TRUE(f.everywhere(true));
  EXPECT_EQ(f.sign(1), "frozen");
}

TEST(Freeze, OfAllKeysStopsThoseToComeToo) {
  Frost f(2);
  f.frozen(0, f.freeze("all", "ben"));
  ASSERT_TRUE(f.becomes(true, "all"));
  EXPECT_EQ(f.sign(2), "frozen");
  EXPECT_EQ(f.sim.ask(1, f.sim.create("other", 2)).code(), "frozen");
  // The policy can be changed, and keys archived, meanwhile; one key's freeze is another one.
  f.change(0, f.tighter());
  ASSERT_TRUE(f.sim.run_until([&] { return f.version(0) == 2; }, Seconds(20)));
  EXPECT_EQ(f.sim.ask(0, f.unfreeze("hot")).code(), "not_frozen");
  f.frozen(0, f.freeze("hot"));
  const std::string id = f.approved(0, "all");
  f.sim.run_for(Seconds(5));
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.becomes(false, "all"));
  f.sim.run_for(Seconds(5));
  EXPECT_EQ(f.state(0, id), RequestState::succeeded);
  EXPECT_EQ(f.sign(2), "frozen") << "the key's own freeze stays";
}

TEST(Freeze, IsLiftedByAQuorumAfterTheDelay) {
  Frost f(3);
  f.frozen(0, f.freeze("hot", "cem"));
  EXPECT_EQ(f.sim.ask(0, f.unfreeze("hot", "eve")).code(), "denied");
  const std::string id = f.waiting(1, f.unfreeze());
  EXPECT_EQ(f.say(1, id, "ana"), "pending_approval");
  EXPECT_EQ(f.say(1, id, "eve"), "not_an_approver");
  f.sim.clock.advance(hours(25));
  f.sim.run_for(Seconds(20));
  EXPECT_TRUE(f.everywhere(true)) << "one admin is too few";
  EXPECT_NE(f.say(2, id, "ben"), "no answer");
  f.sim.run_for(Seconds(5));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(f.state(i, id), RequestState::scheduled) << i;
  const Json view = node::request_view(f.at(0, id), true);
  EXPECT_GT(*from_rfc3339(view["effective_at"].get<std::string>()), f.sim.clock.wall() + hours(23));
  f.sim.clock.advance(hours(23));
  f.restart_all();
  f.sim.run_for(Seconds(20));
  EXPECT_TRUE(f.everywhere(true)) << "the delay is not over";
  EXPECT_EQ(f.sign(), "frozen");
  f.sim.clock.advance(hours(1));
  ASSERT_TRUE(f.becomes(false));
  f.sim.run_for(Seconds(5));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(f.state(i, id), RequestState::succeeded) << i;
  EXPECT_EQ(f.sign(2), "signed");
  EXPECT_EQ(f.cancel(0, id, "ben"), "already_final");
  f.restart_all();
  EXPECT_TRUE(f.everywhere(false));
  EXPECT_EQ(f.sign(0, "y"), "signed");
}

TEST(Freeze, AnyAdminStopsAnUnfreeze) {
  Frost f(4, 3);
  f.frozen(0, f.freeze());
  const std::string cancelled = f.approved(0);
  f.sim.run_for(Seconds(5));
  EXPECT_EQ(f.cancel(1, cancelled, "ben"), "cancelled");
  f.sim.clock.advance(hours(25));
  f.sim.run_for(Seconds(20));
  EXPECT_TRUE(f.everywhere(true));
  // Or freezes it again.
  const std::string overtaken = f.approved(0);
  f.sim.run_for(Seconds(5));
  f.frozen(2, f.freeze("hot", "ben"));
  f.sim.clock.advance(hours(25));
  f.sim.run_for(Seconds(20));
  EXPECT_TRUE(f.everywhere(true));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(f.at(i, overtaken).code.text, "superseded") << i;
}

TEST(Freeze, NodesThatWereAwayLearnIt) {
  Frost f(5);
  f.sim.kill(1);
  f.sim.kill(3);
  const Json result = f.frozen(0, f.freeze());
  EXPECT_EQ(result["applied_on"], (Json{"node1", "node3"}));
  EXPECT_EQ(result["not_yet"], (Json{"node2", "node4"}));
  f.sim.kill(2);
  f.sim.heal();
  ASSERT_TRUE(f.becomes(true));
  const std::string id = f.approved(0);
  f.sim.run_for(Seconds(5));
  f.sim.kill(1);
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.sim.run_until([&] { return !f.is_frozen(0) && !f.is_frozen(2) && !f.is_frozen(3); }, Seconds(30)));
  f.sim.heal();
  ASSERT_TRUE(f.becomes(false)) << "at once: the others have counted the delay";
  f.sim.run_for(Seconds(5));
  EXPECT_EQ(f.state(1, id), RequestState::succeeded);
  EXPECT_EQ(f.sign(1), "signed");
}

// A node that was away hears of it from one that was away, too, as does one whose database is an old copy.
TEST(Freeze, AnOldDatabaseDoesNotForgetIt) {
  Frost f(6, 3);
  const auto old = f.sim.store(2).snapshot();
  f.frozen(0, f.freeze());
  ASSERT_TRUE(f.becomes(true));
  f.sim.kill(2);
  f.sim.store(2).restore(old);
  f.sim.heal();
  EXPECT_TRUE(f.becomes(true));
}

// The share would be released next: known to the node, or on its disk alone.
TEST(Freeze, StopsTheSharesOfRunningSessions) {
  for (const bool on_disk : {true, false}) {
    Frost f(7, 3);
    f.sim.kill(2);
    f.sim.run_for(Seconds(10));
    bool done = false;
    f.sim.tap = [&](Sent sent) {
      if (!done && sent.from == "node2" && !sent.envelope.tag.starts_with("node/")) {
        done = true;
        if (!on_disk) f.sim.world(1).frozen->freeze(f.first.id, {});
        storage::Batch batch;
        batch.put_meta(node::Frozen::marker(f.first.id), secret_bytes(Digest{}));
        const bool stored = !on_disk || f.sim.store(1).commit_now(std::move(batch)).ok();
        EXPECT_TRUE(stored);
      }
      return std::vector<Sent>{std::move(sent)};
    };
    auto& s = f.sim.ask(0, f.sim.sign("hot", "x"));
    EXPECT_TRUE(done);
    EXPECT_FALSE(s.succeeded()) << on_disk;
    EXPECT_FALSE(f.sim.desk(1).requests().released(s.id)) << on_disk;
  }
}

TEST(Freeze, EndsWhatRuns) {
  for (const std::size_t told : {0u, 1u}) {  // the coordinator, the other signer
    Frost f(7, 3);
    f.sim.kill(2);
    f.sim.run_for(Seconds(10));
    const Envelope message = f.told(f.freeze());
    bool done = false;
    f.sim.tap = [&](Sent sent) {
      if (!done && sent.envelope.tag == node::Accept::tag) {
        done = true;
        f.sim.desk(told).on_envelope(f.sim.name(1 - told), message);
      }
      if (sent.envelope.tag == node::FreezeTold::tag) return std::vector<Sent>{};
      return std::vector<Sent>{std::move(sent)};
    };
    auto& s = f.sim.submit(0, f.sim.sign("hot", "x"));
    f.sim.run_for(Seconds(1));
    EXPECT_TRUE(done);
    EXPECT_EQ(f.sim.host(told).running(), 0u);
    if (told == 0) {
      ASSERT_TRUE(s.answer);
      EXPECT_EQ(s.code(), "frozen");
    }
    f.sim.run_for(Seconds(60));
    EXPECT_FALSE(s.succeeded()) << told;
  }
}

// It would outlast the unfreeze, which would end hours later for nothing.
TEST(Freeze, AnUnfreezeOfItsSecondIsToldToComeAgain) {
  Frost f(16, 3);
  ASSERT_TRUE(f.sim.ask(0, f.freeze()).succeeded());
  EXPECT_EQ(f.sim.ask(1, f.post("/v1/unfreeze", "hot", "ana")).code(), "superseded");
  EXPECT_TRUE(f.is_frozen(1));
  auto& s = f.sim.submit(1, f.unfreeze());
  f.sim.run_until([&] { return s.stored; }, Seconds(5));
  EXPECT_TRUE(s.stored);
}

// A coordinator that has not heard of it, or does not care, finds nobody who has.
TEST(Freeze, WhoKnowsItAcceptsNothing) {
  Frost f(14, 3);
  f.sim.kill(2);
  f.sim.run_for(Seconds(10));
  f.sim.tap = [&](Sent sent) {
    const bool tells = sent.envelope.tag == node::FreezeTold::tag || sent.envelope.tag == node::FreezeList::tag;
    return tells ? std::vector<Sent>{} : std::vector<Sent>{std::move(sent)};
  };
  f.sim.desk(1).on_envelope("node1", f.told(f.freeze()));
  f.sim.run_for(Seconds(1));
  EXPECT_TRUE(f.is_frozen(1));
  EXPECT_FALSE(f.is_frozen(0));
  auto& s = f.sim.ask(0, f.sim.sign("hot", "x"));
  EXPECT_FALSE(s.succeeded());
  EXPECT_EQ(s.code(), "no_quorum") << "node3 is down";
  EXPECT_NE(why(s).find("an admin has frozen the key"), std::string::npos) << why(s);
  for (const auto& entry : f.sim.store(1).audit(0, 1000))
    if (entry.entry.request == s.id) {
      EXPECT_NE(entry.entry.kind, "accepted");
    }
}

// It comes while a request is on its way to the coordinator's disk.
TEST(Freeze, NothingBeginsAfterIt) {
  Frost f(15, 3);
  int begun = 0;
  f.sim.tap = [&](Sent sent) {
    const bool proposes =
        sent.envelope.tag == node::Propose::tag && decode<node::Propose>(sent.envelope.body).key_id.text.empty();
    begun += sent.from == "node1" && (proposes || !sent.envelope.tag.starts_with("node/"));
    return std::vector<Sent>{std::move(sent)};
  };
  f.sim.slow_disk(0, true);
  auto& signing = f.sim.submit(0, f.sim.sign("hot", "x"));
  auto& creation = f.sim.submit(0, f.sim.create("other", 2));
  f.sim.desk(0).on_envelope("node2", f.told(f.freeze("all")));
  f.sim.run_for(Seconds(1));
  EXPECT_TRUE(f.is_frozen(0, "all")) << "before it is on the disk";
  f.sim.slow_disk(0, false);
  f.sim.run_for(Seconds(20));
  EXPECT_EQ(signing.code(), "frozen");
  EXPECT_EQ(creation.code(), "frozen");
  EXPECT_EQ(begun, 0);
}

// What people have approved waits until it is lifted.
TEST(Freeze, ApprovedRequestsWait) {
  Frost f(8, 3);
  Json document = f.next();
  const Json ask{{"id", "one"},
                 {"if", {{"kind", "sign"}}},
                 {"then", {{"approve", {{{"group", "council"}, {"min", 1}}}}, {"expires_hours", 72}}}};
  document["rules"].insert(document["rules"].begin(), ask);
  f.change(0, document);
  f.sim.run_for(Seconds(5));
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.sim.run_until([&] { return f.version(2) == 2; }, Seconds(20)));
  f.sim.run_for(Seconds(5));
  const std::string waits = f.waiting(0, f.sim.sign("hot", "x"));
  f.frozen(1, f.freeze());
  f.say(1, waits, "ben");
  f.sim.run_for(Seconds(60));
  EXPECT_EQ(f.state(0, waits), RequestState::queued);
  f.approved(0);
  f.sim.run_for(Seconds(5));
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.becomes(false));
  ASSERT_TRUE(f.sim.run_until([&] { return f.state(0, waits) == RequestState::succeeded; }, Seconds(700)));
}

// One node dies at each of its writes, before or after it is on the disk.
TEST(Freeze, KilledAtEveryWrite) {
  for (const auto point : {MemoryStore::Point::before_durable, MemoryStore::Point::after_durable})
    for (std::size_t victim : {0u, 2u})
      for (std::size_t k = 1; k <= runs(3); ++k) {
        Frost f(100 + k, 3);
        f.sim.store(victim).fail_at(k, point);
        f.sim.submit(1, f.freeze());
        f.sim.run_for(Seconds(5));
        f.sim.store(victim).fail_at(0);
        f.sim.heal();
        ASSERT_TRUE(f.becomes(true)) << victim << " " << k;
        f.approved(1);
        f.sim.run_for(Seconds(5));
        f.sim.clock.advance(hours(25));
        f.sim.store(victim).fail_at(k, point);
        f.sim.run_for(Seconds(5));
        f.sim.store(victim).fail_at(0);
        f.sim.heal();
        ASSERT_TRUE(f.becomes(false)) << victim << " " << k;
        EXPECT_EQ(f.sign(), "signed");
      }
}

// ---- what proves nothing

TEST(FreezeProof, IsAnAdminsOfItsVersion) {
  Frost f(9, 3);
  const auto refused = [&](const char* what, const http::SignedRequest& original, const Digest& policy) {
    f.show(1, 0, original, policy);
    EXPECT_FALSE(f.is_frozen(0)) << what;
  };
  refused("nobody's", f.freeze("hot", "eve"), f.policy());
  http::SignedRequest forged = f.freeze();
  forged.signature = "sig1=:" + std::string(86, 'A') + "==:";
  refused("not signed", forged, f.policy());
  refused("another request", f.unfreeze(), f.policy());
  refused("from the future", f.freeze("hot", "ana", 3600), f.policy());
  node::FreezeTold later;
  later.freeze.version = 2;
  later.freeze.policy = f.policy();
  later.freeze.original = node::ClientRequest(f.freeze());
  f.sim.raw_send(1, 0, node::envelope_of(later));
  f.sim.run_for(Seconds(1));
  EXPECT_FALSE(f.is_frozen(0)) << "a form to come";
  f.show(1, 0, f.freeze(), f.policy());
  EXPECT_TRUE(f.is_frozen(0));
  EXPECT_TRUE(f.becomes(true)) << "whoever knows it tells the others";
}

// A freeze stays what it was when its admin is none any more; but no new one can be made in an old version's name.
TEST(FreezeProof, OfAnAdminThatWasRemoved) {
  Frost f(10, 4);
  f.sim.kill(3);
  f.frozen(0, f.freeze("hot", "cem"));
  const Digest before = f.policy();
  Json without = f.next();
  for (Json& user : without["users"])
    if (user["id"] == "cem") user["groups"] = {"others"};
  f.change(0, without);
  f.sim.run_for(Seconds(5));
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.sim.run_until([&] { return f.version(0) == 2 && f.version(2) == 2; }, Seconds(20)));
  f.restart_all();
  ASSERT_TRUE(f.becomes(true)) << "also at node4, which has heard of it now";
  EXPECT_EQ(f.sim.ask(0, f.freeze("all", "cem")).code(), "denied");
  f.sim.clock.advance(hours(24 * 9));
  f.show(1, 0, f.freeze("all", "cem"), before);
  EXPECT_FALSE(f.is_frozen(0, "all"));
}

// A node that was cut off has frozen under a version that could not decide any more; it starts again, and tells it.
TEST(FreezeProof, OfACutOffNodeCountsByTheVersionInForce) {
  Frost f(17, 4);
  f.sim.isolate({0, 1, 2});
  f.change(0, f.tighter());
  ASSERT_TRUE(f.sim.run_until([&] { return f.version(0) == 2 && f.version(2) == 2; }, Seconds(20)));
  f.sim.clock.advance(hours(24 * 9));
  auto& s = f.sim.submit(3, f.freeze());
  f.sim.run_until([&] { return s.stored; }, Seconds(5));
  ASSERT_TRUE(f.is_frozen(3));
  EXPECT_EQ(f.version(3), 1);
  f.sim.heal();
  ASSERT_TRUE(f.becomes(true));
  ASSERT_TRUE(f.sim.run_until([&] { return f.everywhere(std::int64_t{2}); }, Seconds(30)));
  f.restart_all();
  EXPECT_TRUE(f.everywhere(true));
}

// Also of the nodes that have given their word for it.
TEST(LiftProof, AnotherPolicyAsksAnewAndTheDelayBeginsAnew) {
  for (const bool some : {false, true}) {
    SCOPED_TRACE(some ? "one node has given its word" : "all have");
    Frost f(18, 4);
    f.frozen(0, f.freeze());
    ASSERT_TRUE(f.becomes(true));
    const std::string id = f.approved(0);
    f.sim.run_for(Seconds(5));
    f.sim.tap = [&](Sent sent) {
      return sent.envelope.tag == node::LiftVotes::tag ? std::vector<Sent>{} : std::vector<Sent>{std::move(sent)};
    };
    const auto voted = [&] {
      std::size_t n = 0;
      for (std::size_t i = 0; i < 4; ++i)
        for (const auto& entry : f.sim.store(i).audit(0, SIZE_MAX))
          n += entry.entry.kind == "unfreeze_vote" && entry.entry.request == id;
      return n;
    };
    if (some) f.sim.isolate({1, 2, 3});
    if (some)
      for (const std::size_t i : {1u, 2u, 3u}) f.sim.kill(i);
    f.sim.clock.advance(hours(25));
    f.sim.run_for(Seconds(5));
    ASSERT_EQ(voted(), some ? 1u : 4u);
    if (some)
      for (const std::size_t i : {1u, 2u, 3u}) f.sim.start(i);
    if (some) f.sim.clock.advance(hours(-1));
    f.sim.heal();
    f.sim.run_for(Seconds(5));
    const std::size_t before = voted();
    f.change(1, f.tighter("stop", 1));
    ASSERT_TRUE(f.sim.run_until([&] { return f.everywhere(std::int64_t{2}); }, Seconds(30)));
    f.sim.run_for(Seconds(5));
    EXPECT_EQ(f.say(2, id, "ana"), "pending_approval");
    EXPECT_NE(f.say(3, id, "cem"), "not_pending");
    f.sim.tap = nullptr;
    f.sim.run_for(Seconds(20));
    EXPECT_EQ(voted(), before) << "without the delay";
    EXPECT_TRUE(f.everywhere(true));
    f.sim.clock.advance(hours(25));
    EXPECT_TRUE(f.becomes(false));
  }
}

TEST(FreezeProof, OnceLiftedItCountsNoMore) {
  Frost f(11, 3);
  const http::SignedRequest freeze = f.freeze();
  f.frozen(0, freeze);
  f.approved(0);
  f.sim.run_for(Seconds(5));
  f.sim.clock.advance(hours(25));
  ASSERT_TRUE(f.becomes(false));
  f.sim.run_for(Seconds(5));
  f.show(1, 0, freeze, f.policy());
  EXPECT_FALSE(f.is_frozen(0)) << "a replay";
  EXPECT_EQ(f.sign(), "signed");
  // Nor does what has lifted it lift another one.
  const auto bytes = f.sim.store(0).meta("freeze/off/" + f.first.id);
  ASSERT_TRUE(bytes);
  f.frozen(0, f.freeze());
  ASSERT_TRUE(f.becomes(true));
  node::LiftTold told;
  told.lift = decode<node::Lift>(*bytes);
  f.sim.raw_send(1, 0, node::envelope_of(told));
  f.sim.run_for(Seconds(1));
  EXPECT_TRUE(f.is_frozen(0));
  EXPECT_EQ(f.sign(), "frozen");
}

struct Lifting : Frost {
  Lifting() : Frost(12, 3) {
    frozen(0, Frost::freeze());
    sim.run_for(Seconds(1));
    ask(unfreeze());
    approve("ana");
    approve("cem");
    vote(0);
    vote(1);
  }
  void ask(const http::SignedRequest& original) {
    lift = {};
    lift.policy = policy();
    lift.original = node::ClientRequest(original);
  }
  node::Examined examined() { return std::get<node::Examined>(node::examine(lift.original, sim.world(0))); }
  void approve(const std::string& user, Vote how = Vote::approve) {
    const Json intent = policy::to_json(examined().intent);
    lift.original.approvals.push_back({user, static_cast<std::uint8_t>(how),
                                       admins().key_of(user).sign(view_of(policy::approval_text(how, user, intent)))});
  }
  void vote(std::size_t i) { vote(sim.name(i), i); }
  void vote(const std::string& name, std::size_t key) {
    lift.votes.push_back(
        node::sign_lift(name, examined().request_digest, sim.documents.cluster->id(), sim.documents.identities[key]));
  }
  bool lifts() {
    node::LiftTold told;
    told.lift = lift;
    sim.raw_send(1, 0, node::envelope_of(told));
    sim.run_for(Seconds(1));
    return !is_frozen(0);
  }
  node::Lift lift;
};

TEST(LiftProof, IsSignedByAdminsAndNodes) {
  Lifting l;
  const node::Lift good = l.lift;
  const auto with = [&](const char* what, const std::function<void()>& change) {
    l.lift = good;
    change();
    EXPECT_FALSE(l.lifts()) << what;
  };
  with("an approval is missing", [&] { l.lift.original.approvals.pop_back(); });
  with("one admin twice", [&] { l.lift.original.approvals[1] = l.lift.original.approvals[0]; });
  with("an approval of somebody else", [&] {
    l.lift.original.approvals.pop_back();
    l.approve("eve");
  });
  with("a rejection", [&] { l.approve("ben", Vote::reject); });
  with("approvals of another request", [&] {
    const auto approvals = l.lift.original.approvals;
    l.ask(l.unfreeze());
    l.lift.original.approvals = approvals;
    l.vote(0);
    l.vote(1);
  });
  with("a node is missing", [&] { l.lift.votes.pop_back(); });
  with("one node twice", [&] { l.lift.votes[1] = l.lift.votes[0]; });
  with("with another node's key", [&] {
    l.lift.votes.pop_back();
    l.vote("node2", 2);
  });
  with("of nobody", [&] {
    l.lift.votes.pop_back();
    l.vote("node9", 1);
  });
  with("votes on another request", [&] {
    l.ask(l.unfreeze());
    l.approve("ana");
    l.approve("cem");
    l.lift.votes = good.votes;
  });
  with("a form to come", [&] { l.lift.version = 2; });
  with("under a version that nobody knows", [&] { l.lift.policy = Digest{}; });
  with("a freeze", [&] {
    l.sim.clock.advance(Seconds(1));
    l.ask(l.freeze());
    l.vote(0);
    l.vote(1);
  });
  l.lift = good;
  EXPECT_TRUE(l.lifts());
  EXPECT_TRUE(l.becomes(false)) << "whoever knows it tells the others";
  EXPECT_EQ(l.sign(), "signed");
}

// A coordinator that lies: its word of an outcome counts for nothing.
TEST(LiftProof, IsNotACoordinatorsWord) {
  Frost f(13, 3);
  f.frozen(0, f.freeze());
  f.sim.run_for(Seconds(2));
  const std::string id = f.approved(1);
  f.sim.run_for(Seconds(5));
  node::Outcome lie;
  lie.request = id;
  lie.original = f.at(1, id).original;
  for (const auto state : {RequestState::succeeded, RequestState::failed}) {
    lie.state = static_cast<std::uint8_t>(state);
    f.sim.raw_send(1, 0, node::envelope_of(lie));
    f.sim.run_for(Seconds(1));
    EXPECT_EQ(f.state(0, id), RequestState::scheduled);
    EXPECT_TRUE(f.is_frozen(0));
  }
  // Nor does a node that lies about the time lift it for the others.
  node::LiftVotes early;
  early.request = id;
  const auto x = std::get<node::Examined>(node::examine(f.at(0, id).original, f.sim.world(0)));
  early.votes.push_back(
      node::sign_lift("node2", x.request_digest, f.sim.documents.cluster->id(), f.sim.documents.identities[1]));
  f.sim.raw_send(1, 0, node::envelope_of(early));
  f.sim.run_for(Seconds(10));
  EXPECT_TRUE(f.is_frozen(0));
  EXPECT_FALSE(f.sim.desk(0).requests().released(id));
}

}  // namespace
}  // namespace quorate::test

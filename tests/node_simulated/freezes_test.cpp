// Freezes among whole nodes: any admin makes one, a quorum lifts it after the delay.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/node_simulated/freezes_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using policy::Vote;
using std::chrono::hours;
using storage::MemoryStore;
using storage::RequestState;

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

}  // namespace
}  // namespace quorate::test

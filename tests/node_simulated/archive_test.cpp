// Archived keys: all nodes agree on what the newest request has made of a key, whatever reaches them when.
#include "node/key_state.h"
#include "tests/node_simulated/reshare_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using storage::KeyState;
using storage::MemoryStore;

struct Archive : Reshare {
  explicit Archive(std::uint64_t seed = 1, unsigned n = 4) : Reshare(n, seed, {0, 1, 2}, 2) {}

  http::SignedRequest archive() { return sim.request("/v1/keys/hot/archive", Json::object()); }
  http::SignedRequest unarchive() {
    sim.clock.advance(Seconds(1));  // of the same second the one that archives decides
    return sim.request("/v1/keys/hot/unarchive", Json::object());
  }
  KeyState state(std::size_t i) { return row(i).state; }
  void expect_everywhere(KeyState expected) {
    for (std::size_t i = 0; i < sim.size(); ++i) EXPECT_EQ(state(i), expected) << sim.name(i) << ", seed " << sim.seed;
  }
};

TEST(ArchivedKey, SignsNothingUntilItIsNoLonger) {
  Archive a;
  for (std::size_t through : {0u, 3u}) {
    const auto& archived = a.sim.ask(through, a.archive());
    ASSERT_TRUE(archived.succeeded()) << why(archived);
    EXPECT_EQ(Json::parse(archived.record()->result.text)["key"]["state"], "archived");
    a.sim.settle();
    a.expect_everywhere(KeyState::archived);
    for (std::size_t i = 0; i < 4; ++i) {
      const auto& s = a.sim.ask(i, a.sim.sign("hot", "x"));
      ASSERT_NE(s.refusal(), nullptr);
      EXPECT_EQ(s.refusal()->status, 409);
      EXPECT_EQ(s.code(), "key_archived");
    }
    const auto& again = a.sim.ask(through, a.unarchive());
    ASSERT_TRUE(again.succeeded()) << why(again);
    EXPECT_EQ(Json::parse(again.record()->result.text)["key"]["state"], "active");
    a.sim.settle();
    a.expect_everywhere(KeyState::active);
    EXPECT_TRUE(a.sim.ask(1, a.sim.sign("hot", "x")).succeeded());
    a.sim.clock.advance(Seconds(1));
  }
  a.sim.expect_safe();
}

TEST(ArchivedKey, WhoWasAwayLearnsIt) {
  Archive a(2);
  a.sim.kill(2);
  const auto& s = a.sim.ask(0, a.archive());
  ASSERT_TRUE(s.succeeded()) << why(s);  // no two members are left that have not heard of it
  a.sim.settle();
  a.expect_everywhere(KeyState::archived);
  a.sim.kill(1), a.sim.kill(3);
  const auto& back = a.sim.ask(0, a.unarchive());
  ASSERT_TRUE(back.succeeded()) << why(back);
  a.sim.settle();
  a.expect_everywhere(KeyState::active);
  a.sim.expect_all_sets_sign();
}

TEST(ArchivedKey, TooFewThatHaveHeardOfItAreNoSuccess) {
  Archive a(3);
  a.sim.kill(1), a.sim.kill(2);
  const auto original = a.archive();
  const auto& s = a.sim.ask(0, original);
  ASSERT_NE(s.record(), nullptr) << s.code();
  EXPECT_EQ(s.code(), "no_quorum");
  EXPECT_TRUE(s.record()->retryable);
  EXPECT_EQ(s.record()->silent.size(), 2u);
  EXPECT_EQ(a.state(0), KeyState::archived);
  a.sim.heal();
  const auto& again = a.sim.ask(3, original);
  EXPECT_TRUE(again.succeeded()) << why(again);
  a.sim.settle();
  a.expect_everywhere(KeyState::archived);
}

TEST(ArchivedKey, ANewMemberOfAnArchivedKeyKnowsItToo) {
  Archive a(4);
  a.sim.kill(3);
  ASSERT_TRUE(a.sim.ask(0, a.archive()).succeeded());
  a.sim.clock.advance(Seconds(1));
  a.sim.heal();
  a.sim.quiesce();
  const auto& s = a.sim.ask(0, a.reshare(2, {1, 2, 3}));
  ASSERT_TRUE(s.succeeded()) << why(s);
  a.sim.settle();
  a.expect_everywhere(KeyState::archived);
  ASSERT_TRUE(a.sim.ask(2, a.unarchive()).succeeded());
  a.sim.settle();
  a.expect_one_epoch({1, 2, 3}, 2);
  a.sim.expect_all_sets_sign();
}

TEST(ArchivedKey, WhoHasNeverHeardOfTheKeyLearnsItsState) {
  Archive a(5);
  NodeSimulation& sim = a.sim;
  const auto nothing = MemoryStore::Content{};
  ASSERT_TRUE(sim.ask(0, a.archive()).succeeded());
  sim.settle();
  sim.kill(3);
  sim.store(3).restore(nothing);
  sim.start(3);
  sim.connect_all();
  sim.isolate({1, 3});
  sim.quiesce();
  EXPECT_EQ(a.state(3), KeyState::archived);
}

// The newest decides: what was asked before it changes nothing, however it comes.
TEST(ArchivedKey, AnOlderRequestChangesNothing) {
  Archive a(6);
  const auto archive = a.archive();
  const auto& first = a.sim.ask(0, archive);
  ASSERT_TRUE(first.succeeded());
  const auto late = a.archive();  // signed before the next one, and sent after it
  ASSERT_TRUE(a.sim.ask(0, a.unarchive()).succeeded());
  a.sim.settle();
  a.expect_everywhere(KeyState::active);
  const auto& s = a.sim.ask(1, late);
  EXPECT_EQ(s.code(), "superseded") << why(s);
  node::KeyStateChange change;
  change.request = first.id;
  change.original = archive;
  for (std::size_t to : {0u, 1u, 3u}) a.sim.raw_send(2, to, node::envelope_of(change));
  a.sim.settle();
  a.expect_everywhere(KeyState::active);
}

TEST(ArchivedKey, OnlyWhatThePolicyAllowsCounts) {
  Archive a(7);
  const auto denied = a.sim.request("/v1/keys/hot/archive", Json::object(), "", "approver");
  const auto& s = a.sim.ask(0, denied);
  EXPECT_EQ(s.code(), "denied");
  node::KeyStateChange change;
  change.request = s.id;
  change.original = denied;
  const auto tell_all = [&] {
    for (std::size_t to : {0u, 2u, 3u}) a.sim.raw_send(1, to, node::envelope_of(change));
    a.sim.quiesce();
    a.expect_everywhere(KeyState::active);
  };
  tell_all();
  change.original = a.archive();
  tell_all();  // under another request's id
  change.original = a.sim.sign("hot", "x");
  tell_all();
  const auto future = a.sim.request("/v1/keys/hot/archive", Json::object(), "", "admin", std::nullopt, -30);
  const auto examined = node::examine(future, a.sim.world(0));
  change.request = std::get<node::SharedExamined>(examined)->id;
  change.original = future;
  tell_all();
  a.sim.clock.advance(Seconds(31));
  for (std::size_t to : {0u, 2u, 3u}) a.sim.raw_send(1, to, node::envelope_of(change));
  a.sim.settle();
  for (std::size_t i : {0u, 2u, 3u}) EXPECT_EQ(a.state(i), KeyState::archived);
}

// Attack 47: nothing is run for a request that needs no protocol.
TEST(ArchivedKey, AProposalForItsRequestIsRefused) {
  Archive a(8);
  const auto archive = a.archive();
  std::set<std::string> codes;
  a.sim.tap = [&](NodeSimulation::Sent s) {
    if (s.envelope.tag == node::Refuse::tag) codes.insert(decode<node::Refuse>(s.envelope.body).code);
    if (s.from == "node1" && s.envelope.tag == node::Propose::tag) {
      auto p = decode<node::Propose>(s.envelope.body);
      p.original = archive;
      s.envelope = node::envelope_of(p);
    }
    return std::vector<NodeSimulation::Sent>{std::move(s)};
  };
  a.sim.evil[0] = true;
  a.sim.ask(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(codes, std::set<std::string>{"context_mismatch"});
}

// Whoever dies when: all agree in the end, and the request's answer is what they agree on.
TEST(ArchivedKey, ACrashAtEveryMessageAndWrite) {
  for (std::size_t i = 0; i < 4; ++i)
    for (const auto point : {MemoryStore::Point::before_durable, MemoryStore::Point::after_durable})
      for (std::size_t k = 1; !testing::Test::HasFailure(); ++k) {
        SCOPED_TRACE("node " + std::to_string(i + 1) + ", write " + std::to_string(k));
        Archive a(9 + k);
        const std::size_t before = a.sim.store(i).commits();
        a.sim.store(i).fail_at(k, point);
        a.sim.submit(3, a.archive());
        a.sim.run_for(Seconds(3));
        const bool died = !a.sim.up(i);
        a.sim.store(i).fail_at(0);
        const bool all = !died && a.sim.store(i).commits() < before + k;
        a.sim.settle();
        const bool archived = a.state(0) == KeyState::archived;
        a.expect_everywhere(archived ? KeyState::archived : KeyState::active);
        for (const auto& s : a.sim.submissions)
          if (s->succeeded() && s->record()->kind.text == "archive") {
            EXPECT_TRUE(archived);
          }
        if (all) break;
      }
  for (std::uint64_t k = 1; !testing::Test::HasFailure(); ++k) {
    SCOPED_TRACE("message " + std::to_string(k));
    Archive a(100 + k);
    a.sim.submit(3, a.archive());
    a.sim.kill_at_message = a.sim.sent + k;
    a.sim.run_for(Seconds(3));
    const bool killed = a.sim.sent >= a.sim.kill_at_message;
    a.sim.kill_at_message = 0;
    a.sim.settle();
    a.expect_everywhere(a.state(0));
    if (!killed) break;
  }
}

// What was examined before is not what the key is now.
TEST(ArchivedKey, TheSameRequestIsExaminedAnewOnceAKeyHasChanged) {
  NodeSimulation sim(3, 21);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.settle();
  const node::ClientRequest original(sim.sign("hot", "the same bytes"));
  const auto unfit = [&] {
    const auto examined = node::examine(original, sim.world(1));
    return std::get<node::SharedExamined>(examined)->outdated().has_value();
  };
  EXPECT_FALSE(unfit());
  EXPECT_FALSE(unfit());
  ASSERT_TRUE(sim.ask(0, sim.request("/v1/keys/hot/archive", Json::object())).succeeded());
  sim.settle();
  EXPECT_TRUE(unfit());
}

}  // namespace
}  // namespace quorate::test

// Honest nodes in a bad world: crashes at every write and every message, partitions, restarts, several clients at once.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/desk.h"
#include "node/messages.h"
#include "tests/node_simulated/algorithms.h"
#include "tests/support/node_simulation.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using storage::MemoryStore;
using storage::RequestState;

TEST(NodeSimulation, AKeyIsMadeAndEverySetOfMembersSigns) {
  for (const char* algorithm : {kEd25519, kBip340}) {
    NodeSimulation sim(4, 1);
    const auto& made = sim.ask(0, sim.create("hot", 2, {0, 1, 2}, algorithm));
    ASSERT_TRUE(made.succeeded()) << made.code();
    for (std::size_t i = 0; i < 4; ++i) {
      const auto& s = sim.ask(i, sim.sign("hot", "through any node " + std::to_string(i)));
      EXPECT_TRUE(s.succeeded()) << i << ": " << s.code();  // node4 has no share and coordinates all the same
    }
    sim.settle();
    sim.expect_safe();
    sim.expect_all_sets_sign();
  }
}

TEST(NodeSimulation, WhoHoldsNoShareLearnsOfTheKeyAndItsNameIsTakenThere) {
  NodeSimulation sim(4, 2);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2, {0, 1, 2})).succeeded());
  sim.settle();
  EXPECT_EQ(sim.active_keys(3).size(), 1u);
  const auto& again = sim.ask(3, sim.create("hot", 2, {1, 2, 3}));
  ASSERT_NE(again.refusal(), nullptr);
  EXPECT_EQ(again.refusal()->code, "name_taken");
  EXPECT_EQ(again.refusal()->status, 409);
}

TEST(NodeSimulation, TooFewMembersEndWithNoQuorumNamingThem) {
  NodeSimulation sim(3, 3);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.kill(1);
  EXPECT_TRUE(sim.ask(0, sim.sign("hot", "one is enough to lose")).succeeded());
  sim.kill(2);
  const auto& s = sim.ask(0, sim.sign("hot", "two are too many"));
  ASSERT_NE(s.record(), nullptr) << s.code();
  EXPECT_EQ(s.record()->code.text, "no_quorum");
  EXPECT_TRUE(s.record()->retryable);
  ASSERT_EQ(s.record()->silent.size(), 2u);
  EXPECT_EQ(s.record()->silent[0].text, "node2");
  EXPECT_LE(sim.clock.steady() - s.at, Seconds(10));
  // A resend, to another node once one is back, starts the next attempt of the same request.
  const auto original = s.original;
  sim.start(1);
  sim.connect_all();
  sim.run_for(Seconds(1));
  const auto& again = sim.ask(1, original);
  EXPECT_TRUE(again.succeeded()) << again.code();
  sim.settle();
  sim.expect_safe();
}

// It is connected and does not answer, or says that it takes part and is silent then: that costs one deadline, once.
TEST(NodeSimulation, ASilentNodeIsNotChosenAgainAndAgain) {
  for (const std::string algorithm : {"eddsa-ed25519", "ecdsa-secp256k1"})
    for (const bool accepts : {false, true}) {
      NodeSimulation sim(3, 11);
      ASSERT_TRUE(sim.ask(0, sim.create("hot", 2, {}, algorithm)).succeeded());
      sim.settle();
      std::set<std::string> asked;
      sim.tap = [&](NodeSimulation::Sent s) {
        if (s.envelope.tag == node::Propose::tag) asked.insert(s.to);
        const bool silent = s.from == "node2" && !(accepts && s.envelope.tag == node::Accept::tag);
        return silent ? std::vector<NodeSimulation::Sent>{} : std::vector{std::move(s)};
      };
      Millis longest{0}, all{0};
      for (int i = 0; i < 20; ++i) {
        const auto& s = sim.ask(0, sim.sign("hot", "message " + std::to_string(i)));
        ASSERT_TRUE(s.succeeded()) << s.code();
        const Millis took = sim.clock.steady() - s.at;
        longest = std::max(longest, took);
        all += took;
      }
      ASSERT_TRUE(asked.contains("node2"));
      EXPECT_GE(longest, Seconds(2)) << "nobody has waited for it";
      EXPECT_LE(longest, Seconds(8));
      EXPECT_LE(all, longest + Seconds(2)) << algorithm << (accepts ? ", accepts" : "");
    }
}

// The nearest one otherwise: it takes part in nothing for a while, and is not waited for.
TEST(NodeSimulation, WhoSendsWhatDoesNotDecodeIsChosenLast) {
  NodeSimulation sim(3, 11);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.settle();
  std::vector<std::string> asked;
  sim.tap = [&](NodeSimulation::Sent s) {
    if (s.envelope.tag == node::Propose::tag) asked.push_back(s.to);
    return std::vector{std::move(s)};
  };
  ASSERT_TRUE(sim.ask(0, sim.sign("hot", "before")).succeeded());
  ASSERT_EQ(asked.size(), 1U);
  const std::string nearest = asked[0], other = nearest == "node2" ? "node3" : "node2";
  Envelope e;
  e.tag = node::Outcome::tag;
  e.body.assign(100, 0xff);
  for (int i = 0; i < 100; ++i) sim.raw_send(nearest == "node2" ? 1 : 2, 0, e);
  sim.settle();
  asked.clear();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(sim.ask(0, sim.sign("hot", "message " + std::to_string(i))).succeeded());
  EXPECT_EQ(asked, std::vector<std::string>(3, other));
  const auto told =
      std::ranges::count_if(sim.log, [](const auto& line) { return line.find("does not decode") != line.npos; });
  EXPECT_EQ(told, 1) << "not one line each";
}

// Until so much could have come from it in the time that is granted.
TEST(NodeSimulation, OfWhoSendsMuchThatLeadsToNothingNoMoreIsRead) {
  NodeSimulation sim(3, 12);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.settle();
  Envelope garbage, unknown, stray;
  garbage.tag = node::Outcome::tag;
  garbage.body.assign(100, 0xff);
  unknown.tag = "node/unknown/1";
  stray.tag = "frost/commitment/2";
  stray.body.assign(64, 1);
  node::Propose unsigned_one;
  unsigned_one.original.method = "POST";
  const auto sent = [&](const Envelope& e, std::size_t n) {
    ASSERT_TRUE(sim.desk(0).wants_more("node2"));
    for (std::size_t i = 0; i < n; ++i) {
      Envelope one = e;
      one.sid = sim.rng().bytes<32>();
      sim.raw_send(1, 0, std::move(one));
      if (i % 50 == 49) sim.quiesce();
    }
    sim.quiesce();
    EXPECT_FALSE(sim.desk(0).wants_more("node2")) << e.tag;
    EXPECT_TRUE(sim.desk(0).wants_more("node3")) << e.tag;
    EXPECT_TRUE(sim.desk(2).wants_more("node2")) << e.tag;
    sim.run_for(Seconds(1));
  };
  sent(garbage, 200);
  sent(unknown, 200);
  sent(node::envelope_of(unsigned_one), 200);
  sent(stray, limits::kMaxInboxPerPeer + 200);  // so many may belong to what is about to begin
  EXPECT_TRUE(sim.desk(0).wants_more("node2"));
}

// node3 sends nothing to node2, which then waits for it, and node1 for node2.
TEST(NodeSimulation, NobodyIsDoubtedForWhatAThirdOneKeepsFromIt) {
  NodeSimulation sim(5, 12);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 3)).succeeded());
  sim.settle();
  std::vector<std::string> asked;
  sim.tap = [&](NodeSimulation::Sent s) {
    if (s.envelope.tag == node::Propose::tag) asked.push_back(s.to);
    const bool kept = s.from == "node3" && s.to == "node2";
    return kept ? std::vector<NodeSimulation::Sent>{} : std::vector{std::move(s)};
  };
  for (int i = 0; i < 3; ++i) {
    asked.clear();
    const auto& s = sim.ask(0, sim.sign("hot", "message " + std::to_string(i)));
    ASSERT_TRUE(s.succeeded()) << s.code();
    ASSERT_GE(sim.clock.steady() - s.at, Seconds(2)) << "nobody has waited";
    ASSERT_GE(asked.size(), 2u);
    EXPECT_EQ(asked[0], "node2") << i;
    EXPECT_EQ(asked[1], "node3") << i;
  }
}

// A node that goes while it is asked is replaced; those whose answers are on their way are not taken for gone with it.
TEST(NodeSimulation, ANodeThatGoesTakesNoOtherWithIt) {
  for (std::uint64_t seed = 0; seed < runs(20); ++seed) {
    NodeSimulation sim(4, seed);
    ASSERT_TRUE(sim.ask(0, sim.create("hot", 3)).succeeded());
    sim.settle();
    std::set<std::string> asked;
    sim.tap = [&](NodeSimulation::Sent s) {
      if (s.envelope.tag == node::Propose::tag) asked.insert(s.to);
      return std::vector<NodeSimulation::Sent>{std::move(s)};
    };
    auto& s = sim.submit(0, sim.sign("hot", "x"));
    while (asked.size() < 2) ASSERT_TRUE(sim.step());
    sim.kill(sim.index_of(*asked.begin()));
    sim.run_until([&] { return s.answer.has_value(); }, Seconds(20));
    EXPECT_TRUE(s.succeeded()) << "seed " << seed << ": " << s.code();
  }
}

TEST(NodeSimulation, ADeniedRequestIsAnsweredAtOnce) {
  NodeSimulation sim(3, 4);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  const auto& s = sim.ask(
      0, sim.request("/v1/keys/hot/signatures", {{"payload", {{"kind", "message"}, {"utf8", "x"}}}}, "", "approver"));
  ASSERT_NE(s.record(), nullptr) << s.code();
  EXPECT_EQ(s.record()->request_state(), RequestState::denied);
  EXPECT_NE(s.record()->reason.text.find("default"), std::string::npos) << s.record()->reason.text;
  const auto& unknown = sim.ask(0, sim.sign("cold", "x"));
  ASSERT_NE(unknown.refusal(), nullptr);
  EXPECT_EQ(unknown.refusal()->status, 404);
  sim.expect_safe();
}

TEST(NodeSimulation, OneIdExecutesOnce) {
  NodeSimulation sim(3, 5);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  const auto original = sim.sign("hot", "pay once", "key-1");
  const auto& first = sim.ask(0, original);
  ASSERT_TRUE(first.succeeded());
  sim.settle();
  const std::string result = first.record()->result;
  for (std::size_t i = 0; i < 3; ++i) {
    const auto before = sim.sent;
    const auto& again = sim.ask(i, original);
    ASSERT_TRUE(again.succeeded());
    EXPECT_EQ(again.record()->result.text, result);
    EXPECT_EQ(sim.sent, before);  // nobody was asked again
    // The same key, signed anew, is the same request too.
    const auto& anew = sim.ask(i, sim.sign("hot", "pay once", "key-1"));
    ASSERT_TRUE(anew.succeeded());
    EXPECT_EQ(anew.record()->result.text, result);
    const auto& other = sim.ask(i, sim.sign("hot", "pay twice", "key-1"));
    ASSERT_NE(other.refusal(), nullptr);
    EXPECT_EQ(other.refusal()->status, 409);
    EXPECT_EQ(other.refusal()->code, "idempotency_conflict");
  }
}

TEST(NodeSimulation, AnotherBodyUnderAnIdThatIsBeingStoredIsRefused) {
  NodeSimulation sim(3, 6);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  auto& a = sim.submit(0, sim.sign("hot", "one", "key-2"));
  auto& same = sim.submit(0, sim.sign("hot", "one", "key-2"));
  auto& b = sim.submit(0, sim.sign("hot", "two", "key-2"));
  sim.run_until([&] { return a.answer && b.answer && same.answer; }, Seconds(80));
  EXPECT_TRUE(a.succeeded());
  EXPECT_TRUE(same.succeeded());
  EXPECT_EQ(b.code(), "idempotency_conflict");
}

TEST(NodeSimulation, ANonceCountsOnceOnEveryNode) {
  NodeSimulation sim(3, 7);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  const Json body{{"payload", {{"kind", "message"}, {"utf8", "x"}}}};
  const auto signed_with = [&](const std::string& key) {
    return sim.request("/v1/keys/hot/signatures", body, key, "admin", "the-same-nonce-twice");
  };
  ASSERT_TRUE(sim.ask(0, signed_with("one")).succeeded());
  sim.settle();
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& s = sim.ask(i, signed_with("two"));
    ASSERT_NE(s.refusal(), nullptr) << i;
    EXPECT_EQ(s.refusal()->code, "nonce_replayed");
    EXPECT_EQ(s.refusal()->status, 401);
  }
}

TEST(NodeSimulation, TheSameRequestSentToAllNodesAtOnceIsOneRequest) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    NodeSimulation sim(3, 100 + seed);
    const auto create = sim.create("hot", 2, {}, kEd25519, "make");
    for (std::size_t i = 0; i < 3; ++i) sim.submit(i, create);
    sim.settle();
    for (const auto& s : sim.submissions) EXPECT_TRUE(s->succeeded()) << "seed " << seed << ": " << s->code();
    const auto sign = sim.sign("hot", "from all sides", "sign");
    for (std::size_t i = 0; i < 3; ++i) sim.submit(i, sign);
    sim.settle();
    for (const auto& s : sim.submissions) EXPECT_TRUE(s->succeeded()) << "seed " << seed << ": " << s->code();
    sim.expect_safe();
  }
}

TEST(NodeSimulation, TwoRequestsForOneNameMakeOneKey) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    NodeSimulation sim(3, 200 + seed);
    sim.submit(0, sim.create("hot", 2));
    sim.submit(1, sim.create("hot", 3));
    sim.settle();
    int made = 0;
    for (const auto& s : sim.submissions) made += s->succeeded();
    EXPECT_LE(made, 1);
    sim.expect_safe();
  }
}

// Both have reserved the name where they came in before either is proposed: the smaller id wins, always.
TEST(NodeSimulation, OfTwoRequestsForOneNameAtOnceTheSmallerIdWins) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    NodeSimulation sim(4, 600 + seed);
    std::vector<NodeSimulation::Sent> held;
    sim.tap = [&](NodeSimulation::Sent s) {
      std::vector<NodeSimulation::Sent> out;
      (s.envelope.tag == node::Propose::tag ? held : out).push_back(std::move(s));
      return out;
    };
    // The second one through a member, or through a node that has no part in either key.
    const std::size_t other = seed % 2 == 0 ? 1 : 3;
    auto& a = sim.submit(0, sim.create("hot", 2, {0, 1, 2}));
    auto& b = sim.submit(other, sim.create("hot", 3, {0, 1, 2}));
    sim.quiesce();
    ASSERT_TRUE(a.stored && b.stored);
    sim.tap = nullptr;
    const auto late = std::move(held);
    for (const auto& s : late) sim.raw_send(sim.index_of(s.from), sim.index_of(s.to), s.envelope);
    sim.run_until([&] { return a.answer && b.answer; }, Seconds(3));
    auto& winner = a.id < b.id ? a : b;
    auto& loser = a.id < b.id ? b : a;
    EXPECT_TRUE(winner.succeeded()) << winner.code();
    EXPECT_EQ(loser.code(), "name_taken");
    sim.settle();
    sim.expect_safe();
    EXPECT_EQ(sim.active_keys(2).size(), 1u);
  }
}

TEST(NodeSimulation, OfSeveralRequestsForOneNameOneWins) {
  for (std::uint64_t seed = 0; seed < runs(200); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    NodeSimulation sim(4, 700 + seed);
    for (std::size_t i = 0; i < 2 + seed % 3; ++i) {
      sim.submit(i, sim.create("hot", 2, {0, 1, 2}));
      for (std::uint64_t k = sim.rng().below(seed % 40 + 1); k > 0; --k) sim.step();
    }
    sim.settle();
    int made = 0;
    for (const auto& s : sim.submissions) {
      made += s->succeeded();
      EXPECT_TRUE(s->succeeded() || s->code() == "name_taken") << s->code();
    }
    EXPECT_EQ(made, 1);
    sim.expect_safe();
  }
}

// Whoever is told of a new key may use it through any of its nodes at once.
TEST(NodeSimulation, WhenAKeyIsAnsweredEveryMemberHasIt) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    NodeSimulation sim(4, 800 + seed);
    const std::size_t through = seed % 4;  // node4 is no member
    auto& s = sim.submit(through, sim.create("hot", 2, {0, 1, 2}));
    const SteadyTime limit = sim.clock.steady() + Seconds(10);
    while (!s.answer && sim.clock.steady() < limit)
      if (!sim.step()) sim.tick();
    ASSERT_TRUE(s.succeeded()) << s.code();
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(sim.active_keys(i).size(), 1u) << sim.name(i);
    EXPECT_LT(sim.clock.steady() - s.at, limits::kActivationWait);  // all have said so: nothing was waited out
  }
}

TEST(NodeSimulation, AMemberThatIsSilentAboutANewKeyCostsAMomentAndNoMore) {
  NodeSimulation sim(3, 9);
  sim.tap = [&](NodeSimulation::Sent s) {
    std::vector<NodeSimulation::Sent> out;
    if (s.from != "node3" || s.envelope.tag != node::Report::tag) out.push_back(std::move(s));
    return out;
  };
  const auto& s = sim.ask(0, sim.create("hot", 2));
  EXPECT_TRUE(s.succeeded()) << s.code();
  EXPECT_GE(sim.clock.steady() - s.at, limits::kActivationWait);
  EXPECT_LE(sim.clock.steady() - s.at, limits::kActivationWait + Millis(500));
  // One that is lost meanwhile is not waited for.
  auto& t = sim.submit(0, sim.create("cold", 2));
  sim.quiesce();
  EXPECT_FALSE(t.answer);
  sim.kill(2);
  sim.quiesce();
  EXPECT_TRUE(t.succeeded()) << t.code();
  EXPECT_EQ(sim.clock.steady(), t.at);
}

TEST(NodeSimulation, AnotherPolicyDoesNotSignTogether) {
  NodeSimulation sim(3, 8);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.kill(2);
  sim.policies[2] = &*sim.documents.other_policy;
  sim.start(2);
  sim.connect_all();
  sim.run_for(Seconds(1));
  const auto& s = sim.ask(0, sim.sign("hot", "with node2"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node2"}));
  const auto& t = sim.ask(2, sim.sign("hot", "alone"));
  EXPECT_EQ(t.code(), "no_quorum");
  EXPECT_NE(t.record()->reason.text.find("another policy"), std::string::npos) << t.record()->reason.text;
  EXPECT_TRUE(t.record()->blame.empty());
}

TEST(NodeSimulation, WhenTheCoordinatorDiesTheResendCompletes) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    NodeSimulation sim(3, 300 + seed);
    ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
    const auto original = sim.sign("hot", "whoever lives");
    sim.submit(0, original);
    for (std::uint64_t k = 0; k < 3 * seed && sim.step(); ++k) {
    }
    auto& waits = sim.submit(1, original);  // may wait for node1
    for (std::uint64_t k = 0; k < seed % 7 && sim.step(); ++k) {
    }
    sim.kill(0);
    sim.run_until([&] { return waits.answer.has_value(); }, Seconds(80));
    EXPECT_TRUE(waits.succeeded()) << "seed " << seed << ": " << waits.code();
    const auto& again = sim.ask(2, original);
    EXPECT_TRUE(again.succeeded()) << "seed " << seed << ": " << again.code();
    sim.settle();
    sim.expect_safe();
  }
}

// ---- fail at k

struct Kill {
  std::size_t victim;
  std::size_t commit = 0;  // of the victim
  MemoryStore::Point point = MemoryStore::Point::before_durable;
  std::uint64_t message = 0;  // of all
};

// One request under one death; true while there was something to die at.
bool survives(bool create, const Kill& kill) {
  NodeSimulation sim(3, 1000 + kill.victim * 100 + kill.commit * 7 + kill.message);
  if (!create) {
    EXPECT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
    sim.settle();
  }
  if (kill.commit != 0) sim.store(kill.victim).fail_at(kill.commit, kill.point);
  if (kill.message != 0) sim.kill_at_message = sim.sent + kill.message;
  const auto original = create ? sim.create("hot", 2) : sim.sign("hot", "at k");
  auto& s = sim.submit(0, original);
  sim.run_until([&] { return s.answer || !sim.lives(s); }, Seconds(80));
  sim.run_for(Seconds(1));
  bool died = false;
  for (std::size_t i = 0; i < 3; ++i) died |= !sim.up(i);
  sim.store(kill.victim).fail_at(0);
  sim.kill_at_message = 0;
  sim.settle();
  sim.expect_safe();
  // The client that got no answer asks again, anywhere.
  const auto& again = sim.ask(kill.victim == 1 ? 2 : 1, create ? sim.create("hot", 2) : original);
  if (create) {
    EXPECT_TRUE(again.succeeded() || again.code() == "name_taken") << again.code();
    EXPECT_EQ(sim.active_keys(0).size(), 1u);
  } else
    EXPECT_TRUE(again.succeeded() || again.code() == "expired" || again.code() == "no_outcome") << again.code();
  sim.settle();
  sim.expect_safe();
  sim.expect_all_sets_sign();
  return died;
}

TEST(NodeSimulation, DiesAtEveryWriteOfAKeyGeneration) {
  for (std::size_t victim = 0; victim < 3; ++victim)
    for (const auto point : {MemoryStore::Point::before_durable, MemoryStore::Point::after_durable})
      for (std::size_t k = 1; k < 100; ++k) {
        SCOPED_TRACE("victim " + std::to_string(victim) + ", write " + std::to_string(k) + ", point " +
                     std::to_string(int(point)));
        if (!survives(true, {victim, k, point})) break;
        ASSERT_FALSE(HasFailure());
      }
}
TEST(NodeSimulation, DiesAtEveryWriteOfASignature) {
  for (std::size_t victim = 0; victim < 3; ++victim)
    for (const auto point : {MemoryStore::Point::before_durable, MemoryStore::Point::after_durable})
      for (std::size_t k = 1; k < 100; ++k) {
        SCOPED_TRACE("victim " + std::to_string(victim) + ", write " + std::to_string(k) + ", point " +
                     std::to_string(int(point)));
        if (!survives(false, {victim, k, point})) break;
        ASSERT_FALSE(HasFailure());
      }
}
TEST(NodeSimulation, DiesAtEveryMessageOfAKeyGeneration) {
  for (std::uint64_t k = 1; k < 500; ++k) {
    SCOPED_TRACE("message " + std::to_string(k));
    if (!survives(true, {0, 0, MemoryStore::Point::before_durable, k})) break;
    ASSERT_FALSE(HasFailure());
  }
}
TEST(NodeSimulation, DiesAtEveryMessageOfASignature) {
  for (std::uint64_t k = 1; k < 500; ++k) {
    SCOPED_TRACE("message " + std::to_string(k));
    if (!survives(false, {0, 0, MemoryStore::Point::before_durable, k})) break;
    ASSERT_FALSE(HasFailure());
  }
}

// ---- the storm

void storm(std::uint64_t seed) {
  SeededRng rng(seed * 7919 + 1);
  const unsigned n = 3 + static_cast<unsigned>(rng.below(2));
  NodeSimulation sim(n, seed);
  std::vector<http::SignedRequest> asked;
  int names = 0;
  const auto somewhere = [&]() -> std::optional<std::size_t> {
    const std::size_t i = rng.below(n);
    return sim.up(i) ? std::optional(i) : std::nullopt;
  };
  if (rng.below(4) != 0) sim.ask(0, sim.create("base", 2, {0, 1, 2}, rng.below(6) == 0 ? kBip340 : kEd25519));
  for (int action = 0; action < 14; ++action) {
    const std::size_t i = rng.below(n), k = rng.below(n);
    switch (rng.below(10)) {
      case 0:
        if (const auto at = somewhere())
          asked.push_back(
              sim.submit(*at, sim.create("key" + std::to_string(names += rng.below(3) != 0), 2, {0, 1, 2})).original);
        break;
      case 1:
      case 2:
      case 3:
      case 4:
        if (const auto at = somewhere())
          asked.push_back(
              sim.submit(*at, sim.sign(rng.below(4) == 0 ? "key1" : "base", "m" + std::to_string(action))).original);
        break;
      case 5:
        if (const auto at = somewhere(); at && !asked.empty()) sim.submit(*at, asked[rng.below(asked.size())]);
        break;
      case 6:
        sim.kill(i);
        break;
      case 7:
        if (!sim.up(i)) sim.start(i);
        sim.connect_all();
        break;
      case 8:
        if (i != k) sim.net().cut(sim.name(i), sim.name(k));
        break;
      default:
        for (std::uint64_t t = rng.below(30); t > 0; --t) {
          sim.quiesce();
          sim.tick();
        }
    }
    for (std::uint64_t steps = rng.below(150); steps > 0 && sim.step(); --steps) {
    }
  }
  sim.settle();
  sim.expect_safe();
  if (seed % 8 == 0) sim.expect_all_sets_sign();
}

// The members have signed before the request is on its coordinator's disk, which then fails.
TEST(NodeSimulation, WhatCouldNotBeStoredSaysThatItWasReleased) {
  for (const bool signed_meanwhile : {false, true}) {
    NodeSimulation sim(4, 17);
    ASSERT_TRUE(sim.ask(0, sim.create("hot", 2, {0, 1, 2})).succeeded());
    sim.settle();
    sim.slow_disk(3, true);
    std::size_t shares = 0;
    sim.tap = [&](Sent s) {
      shares += s.envelope.tag.starts_with("frost/share/") ? 1 : 0;
      std::vector<Sent> out;
      if (signed_meanwhile || s.envelope.tag != node::Propose::tag) out.push_back(std::move(s));
      return out;
    };
    auto& s = sim.submit(3, sim.sign("hot", "x"));
    sim.run_for(Seconds(1));
    EXPECT_EQ(shares != 0, signed_meanwhile);
    EXPECT_FALSE(s.answer);
    sim.store(3).break_disk("no space");
    sim.slow_disk(3, false);
    ASSERT_TRUE(sim.run_until([&] { return s.answer.has_value(); }, Seconds(5)));
    ASSERT_NE(s.record(), nullptr) << s.code();
    EXPECT_EQ(s.code(), "storage");
    EXPECT_EQ(s.record()->released, signed_meanwhile);
  }
}

TEST(NodeSimulation, Storm) {
  const char* from = std::getenv("QUORATE_SEED");
  const std::uint64_t first = from != nullptr ? std::stoull(from) : 0;
  const std::uint64_t count = runs(1000);
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    storm(seed);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace quorate::test

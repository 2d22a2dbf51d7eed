// A signing under a window begins with its acceptance and holds its last message until the window has been looked at
// again: what is released when, and what follows when the look or the session fails (docs/windows.md).
#include "node/messages.h"
#include "tests/node_simulated/windows_world.h"

namespace quorate::test {
namespace {

bool is_commitment(const Sent& s) { return s.envelope.tag.starts_with("frost/commitment/"); }
bool is_noted(const Sent& s) { return s.envelope.tag == node::LedgerNoted::tag; }

// The protocol's first rounds run meanwhile; its last message waits.
TEST(NodeWindows, NothingIsReleasedBeforeTheOthersHaveNoted) {
  Windowed w(3, 9, Windowed::count(5));
  std::map<std::string, SteadyTime> first_round, released;
  w.sim.tap = [&](NodeSimulation::Sent s) {
    if (s.envelope.tag.starts_with("frost/commitment/")) first_round.try_emplace(s.from, w.sim.clock.steady());
    if (s.envelope.tag.starts_with("frost/share/")) released.try_emplace(s.from, w.sim.clock.steady());
    std::vector<NodeSimulation::Sent> all;
    if (s.envelope.tag != node::LedgerNoted::tag) all.push_back(std::move(s));
    return all;
  };
  const SteadyTime began = w.sim.clock.steady();
  EXPECT_TRUE(w.sim.ask(0, w.message()).succeeded());
  ASSERT_EQ(first_round.size(), 2u);
  ASSERT_EQ(released.size(), 2u);
  for (const auto& [node, when] : first_round) EXPECT_LT(when, began + Millis(100)) << node;
  for (const auto& [node, when] : released) EXPECT_GE(when, began + Millis(500)) << node;
}

// A disk without room for the look says nothing of the window's.
TEST(NodeWindows, ALookThatCannotBeMadeIsMadeAgain) {
  Windowed w(3, 10, Windowed::count(5));
  std::size_t looks = 0;
  bool full = true;
  w.sim.store(0).has_no_room = [&](const storage::Batch& batch) {
    const bool look =
        batch.operations().size() == 1 && std::holds_alternative<storage::op::Reserve>(batch.operations().front());
    looks += look ? 1 : 0;
    return look && full && looks > 1;  // the first is its reservation
  };
  auto& s = w.sim.submit(0, w.message());
  w.sim.run_for(Seconds(2));
  EXPECT_GE(looks, 3u);
  EXPECT_TRUE(w.released({0}).empty());
  EXPECT_FALSE(s.answer);
  full = false;
  w.sim.run_until([&] { return s.answer.has_value(); }, Seconds(2));
  EXPECT_TRUE(s.succeeded()) << why(s);
  w.sim.store(0).has_no_room = nullptr;
}

// Room for one, which `i` thinks is used: another member has told it of a request, and nobody else.
void use_up(Windowed& w, std::size_t i, std::size_t by) {
  const auto rival = w.message();
  node::LedgerNews news;
  node::LedgerRow& row = news.rows.emplace_back();
  row.request = (*node::seen_in(node::examine(rival, w.sim.world(i)))).id;
  row.counts = true;
  row.time = static_cast<std::uint64_t>(unix_seconds(w.sim.clock.wall()));
  row.original.push_back(rival);
  const std::size_t before = w.counted(i);
  ASSERT_TRUE(w.sim.net().at(w.sim.name(by)).send(w.sim.name(i), node::envelope_of(news)));
  ASSERT_TRUE(w.sim.run_until([&] { return w.counted(i) == before + 1; }, Millis(300)));
}

// node1 has spent when its partner finds no room: the request is not denied for good, whoever coordinates it.
void expect_not_denied(std::size_t coordinator) {
  Windowed w(4, 11, Windowed::count(1));
  std::string partner;
  w.sim.tap = [&](Sent s) {
    if (s.from == "node1" && is_commitment(s)) partner = s.to;
    std::vector<Sent> out;
    if (!is_noted(s) || s.to == "node1") out.push_back(std::move(s));  // so the partner looks again a little later
    return out;
  };
  auto& s = w.sim.submit(coordinator, w.message());
  ASSERT_TRUE(w.sim.run_until([&] { return !w.released({0}).empty(); }, Seconds(5)));
  ASSERT_FALSE(partner.empty());
  const std::size_t other = partner == "node2" ? 2 : 1;
  // The third member takes part in another request, its partner hears, and it is gone.
  ASSERT_NO_FATAL_FAILURE(use_up(w, w.sim.index_of(partner), other));
  w.sim.kill(other);
  w.sim.run_until([&] { return s.answer.has_value(); }, Seconds(20));
  EXPECT_EQ(s.code(), "window_exceeded") << why(s);
  ASSERT_NE(s.record(), nullptr);
  EXPECT_EQ(s.record()->request_state(), storage::RequestState::failed);
  EXPECT_TRUE(s.record()->retryable);
  if (coordinator == 0) {
    EXPECT_TRUE(s.record()->released);
  }
}
TEST(NodeWindows, WhoHasReleasedDoesNotDeny) { expect_not_denied(0); }
TEST(NodeWindows, WhereAMemberHasAcceptedNobodyDenies) { expect_not_denied(3); }

// Three sign. One of them has spoken to the second, which spends, and not to the coordinator; then it is gone.
TEST(NodeWindows, WhoHasLostASignerDoesNotDenyWhatAnotherHasSpent) {
  Windowed w(4, 14, Windowed::count(1), Json::array(), {0, 1, 2, 3}, 3);
  std::vector<std::string> asked;
  w.sim.tap = [&](Sent s) {
    if (s.envelope.tag == node::Propose::tag && asked.size() < 2) asked.push_back(s.to);
    const bool lost = is_commitment(s) && asked.size() == 2 && s.from == asked[1] && s.to == "node1";
    std::vector<Sent> out;
    if (!lost) out.push_back(std::move(s));
    return out;
  };
  auto& s = w.sim.submit(0, w.message());
  w.sim.quiesce();
  ASSERT_EQ(asked.size(), 2u);
  const std::size_t second = w.sim.index_of(asked[0]), gone = w.sim.index_of(asked[1]), left = 6 - second - gone;
  ASSERT_TRUE(w.sim.run_until([&] { return !w.released({second}).empty(); }, Seconds(1)));
  ASSERT_TRUE(w.released({0}).empty());
  ASSERT_NO_FATAL_FAILURE(use_up(w, left, gone));
  w.sim.kill(gone);
  w.sim.run_until([&] { return s.answer.has_value(); }, Seconds(20));
  EXPECT_EQ(s.code(), "window_exceeded") << why(s);
  ASSERT_NE(s.record(), nullptr);
  EXPECT_TRUE(s.record()->retryable);
}

// What the others have said already in a session that a node takes no part in is let go of at once, whoever refused.
TEST(NodeWindows, NothingIsKeptForARefusedAttempt) {
  for (const std::size_t full : {0u, 1u}) {
    SCOPED_TRACE(full);
    Windowed w(3, 13, Windowed::count(1));
    use_up(w, full, 2);
    std::size_t spoke = 0;
    w.sim.tap = [&](Sent s) {
      spoke += is_commitment(s) && s.to == w.sim.name(full) ? 1 : 0;
      std::vector<Sent> out;
      out.push_back(std::move(s));
      return out;
    };
    w.sim.submit(0, w.message());
    w.sim.quiesce();
    EXPECT_GE(spoke, 1u);
    EXPECT_EQ(w.sim.host(full).dropped(), spoke);
  }
}

// Three sign. One has spoken and finds no room then; the third has not answered yet: node1 need not spend for nothing.
TEST(NodeWindows, WhoKnowsThatAnAttemptHasFailedDoesNotSpend) {
  Windowed w(4, 15, Windowed::count(1), Json::array(), {0, 1, 2, 3}, 3);
  std::vector<std::string> asked;
  bool refused = false, full = true;
  std::size_t looks = 0;
  w.sim.tap = [&](Sent s) {
    if (s.envelope.tag == node::Propose::tag && asked.size() < 2) asked.push_back(s.to);
    refused |= s.envelope.tag == node::Refuse::tag;
    const bool unheard = asked.size() == 2 && ((is_noted(s) && s.to == asked[0]) ||
                                               (s.envelope.tag == node::Accept::tag && s.from == asked[1]));
    std::vector<Sent> out;
    if (!unheard) out.push_back(std::move(s));
    return out;
  };
  w.sim.store(0).has_no_room = [&](const storage::Batch& batch) {
    const bool look =
        batch.operations().size() == 1 && std::holds_alternative<storage::op::Reserve>(batch.operations().front());
    looks += look ? 1 : 0;
    return look && full && looks > 1;  // node1's second look takes its time
  };
  w.sim.submit(0, w.message());
  w.sim.quiesce();
  ASSERT_EQ(asked.size(), 2u);
  const std::size_t speaks = w.sim.index_of(asked[0]), mute = w.sim.index_of(asked[1]);
  ASSERT_NO_FATAL_FAILURE(use_up(w, speaks, 6 - speaks - mute));
  ASSERT_TRUE(w.sim.run_until([&] { return refused; }, Seconds(1)));
  full = false;
  const std::size_t before = looks;
  w.sim.run_for(Seconds(1));
  EXPECT_GT(looks, before);
  EXPECT_TRUE(w.released({0}).empty());
  w.sim.store(0).has_no_room = nullptr;
}

// node2 coordinates it, stands back for node1 before it takes part itself, and hears nothing of how that ended.
TEST(NodeWindows, WhatAnotherNodeHasTriedMeanwhileIsNotDenied) {
  Windowed w(4, 16, Windowed::count(1), Json::array(), {0, 1, 2, 3}, 2);
  bool mute = true;
  w.sim.tap = [&](Sent s) {
    const bool asks = s.envelope.tag == node::Propose::tag || s.envelope.tag == node::Replicate::tag;
    const bool lost = s.envelope.tag == node::Outcome::tag || (mute && s.from == "node2" && asks);
    std::vector<Sent> out;
    if (!lost) out.push_back(std::move(s));
    return out;
  };
  const auto original = w.message();
  auto& s = w.sim.submit(1, original);
  while (!s.stored && w.sim.step()) continue;
  ASSERT_TRUE(s.stored);
  w.sim.slow_disk(1, true);
  w.sim.submit(0, original);
  ASSERT_TRUE(w.sim.run_until([&] { return !w.signed_requests().empty(); }, Seconds(5)));
  ASSERT_FALSE(w.released({1}).contains(s.id));
  const std::size_t second = w.released({2}).empty() ? 3 : 2;
  ASSERT_NO_FATAL_FAILURE(use_up(w, 5 - second, second));
  mute = false;
  w.sim.slow_disk(1, false);
  for (const std::size_t i : {std::size_t{0}, second}) w.sim.kill(i);
  w.sim.run_until([&] { return s.answer.has_value(); }, Seconds(30));
  EXPECT_EQ(s.code(), "window_exceeded") << why(s);
}

// Past the head start anybody may propose it: node3 takes node1 out of its own attempt, and is gone.
TEST(NodeWindows, WhoseAttemptWasTakenTriesAgain) {
  Windowed w(3, 12, Windowed::count(5));
  bool withheld = false, taken = false;
  w.sim.tap = [&](Sent s) {
    std::vector<Sent> out;
    taken |= s.from == "node1" && s.to == "node3" && is_commitment(s);
    const bool lost = !taken && is_noted(s) && s.to == "node1";
    withheld |= lost;
    if (!lost) out.push_back(std::move(s));
    return out;
  };
  const auto original = w.sim.request("/v1/keys/hot/signatures", {{"payload", {{"kind", "message"}, {"utf8", "x"}}}},
                                      "", "admin", std::nullopt, 15);
  w.sim.slow_disk(1, true);  // node2's acceptance takes its time
  auto& s = w.sim.submit(0, original);
  ASSERT_TRUE(w.sim.run_until([&] { return withheld; }, Seconds(2)));
  w.sim.submit(2, original);
  ASSERT_TRUE(w.sim.run_until([&] { return taken; }, Seconds(2)));
  w.sim.kill(2);
  w.sim.slow_disk(1, false);
  w.sim.run_until([&] { return s.answer.has_value(); }, Seconds(20));
  EXPECT_TRUE(s.succeeded()) << why(s);
}

}  // namespace
}  // namespace quorate::test

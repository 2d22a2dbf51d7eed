// What would stall an approved request, or undo it: nodes that are away, cut off, killed, or coordinate badly.
#include "tests/node_simulated/approvals_world.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using policy::Vote;
using std::chrono::hours;
using storage::RequestState;

std::vector<Sent> all_but_frost(Sent sent) {
  std::vector<Sent> all;
  if (!sent.envelope.tag.starts_with("frost")) all.push_back(std::move(sent));
  return all;
}

TEST(Approvals, TooFewNodesThatHoldItAreNoAnswer) {
  Approved a(6);
  a.sim.isolate({0, 3});
  auto& s = a.sim.ask(0, a.sim.sign("hot", "x", "once"));
  EXPECT_EQ(s.code(), "no_quorum");
  EXPECT_FALSE(s.stored);
  a.sim.heal();
  auto& again = a.wait_for_people(1, a.sim.sign("hot", "x", "once"));
  a.sim.run_for(Seconds(12));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.state(i, again.id), RequestState::pending_approval) << i;
  EXPECT_NE(a.tell(1, again.id, a.vote_of("bob", again.id)), "no answer");
  EXPECT_NE(a.tell(2, again.id, a.vote_of("carol", again.id)), "no answer");
  a.until_done(again);
  EXPECT_TRUE(again.succeeded()) << why(again);
  a.sim.settle();
  a.sim.expect_safe();
}

TEST(Approvals, TwoCancellationsAtTwoNodesAgreeAndFallSilent) {
  Approved a(21);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  a.sim.run_for(Seconds(12));
  a.sim.isolate({3});
  EXPECT_EQ(a.cancel(0, s.id), "no_quorum");
  a.sim.clock.advance(Seconds(5));
  EXPECT_EQ(a.cancel(1, s.id), "no_quorum");
  a.sim.heal();
  a.sim.run_for(Seconds(15));
  const auto before = a.sim.sent;
  a.sim.run_for(Seconds(60));
  EXPECT_LT(a.sim.sent - before, 300u) << "they go on telling each other";
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.state(i, s.id), RequestState::cancelled) << i;
  }
}

TEST(Approvals, ThatACoordinatorHasFailedEndsNothing) {
  Approved a(22);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  a.sim.run_for(Seconds(1));
  node::Outcome failed;
  failed.request = s.id;
  failed.original = a.at(1, s.id).original;
  failed.state = static_cast<std::uint8_t>(RequestState::failed);
  failed.code = "protocol_failed";
  for (std::size_t from : {0u, 2u, 3u}) a.sim.raw_send(from, 1, node::envelope_of(failed));
  // Neither of a request that this node has not heard of.
  const auto unseen = a.sim.sign("hot", "y", "later");
  failed.original = unseen;
  failed.request = (*node::seen_in(node::examine(unseen, a.sim.world(0)))).id;
  a.sim.raw_send(3, 1, node::envelope_of(failed));
  a.sim.run_for(Seconds(2));
  EXPECT_EQ(a.state(1, s.id), RequestState::pending_approval);
  EXPECT_FALSE(a.knows(1, failed.request));
  EXPECT_NE(a.tell(1, s.id, a.vote_of("bob", s.id)), "no answer");
  EXPECT_NE(a.tell(1, s.id, a.vote_of("carol", s.id)), "no answer");
  a.until_done(s);
  EXPECT_TRUE(s.succeeded()) << why(s);
}

TEST(Approvals, ASecondPostAtAnotherNodeChangesNothing) {
  Approved a(23);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x", "once"));
  a.sim.run_for(Seconds(1));
  auto& second = a.wait_for_people(1, a.sim.sign("hot", "x", "once"));
  const std::string id = s.id;
  EXPECT_EQ(id, second.id);
  a.sim.kill(0);
  a.sim.run_for(Seconds(30));
  EXPECT_EQ(a.state(1, id), RequestState::pending_approval);
  EXPECT_EQ(a.state(2, id), RequestState::pending_approval);
  EXPECT_NE(a.tell(1, id, a.vote_of("bob", id)), "no answer");
  EXPECT_NE(a.tell(2, id, a.vote_of("carol", id)), "no answer");
  a.until_done(second);
  EXPECT_TRUE(second.succeeded()) << why(second);
}

TEST(Approvals, TheLastVoteAtACutOffNodeCountsLater) {
  Approved a(24);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  a.sim.run_for(Seconds(2));
  a.sim.isolate({0, 1});
  EXPECT_EQ(a.tell(2, s.id, a.vote_of("carol", s.id)), "no_quorum");
  a.sim.run_for(std::chrono::minutes(10));
  EXPECT_EQ(a.state(2, s.id), RequestState::queued);
  EXPECT_EQ(a.state(0, s.id), RequestState::pending_approval);
  a.sim.heal();
  a.until_done(s);
  EXPECT_TRUE(s.succeeded()) << why(s);
}

TEST(Approvals, AnApprovedRequestOutlivesAnOutageOrIsWithdrawn) {
  Approved a(25);
  const auto approved = [&](const std::string& text) {
    auto& s = a.wait_for_people(0, a.sim.sign("hot", text));
    EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
    a.sim.tap = all_but_frost;
    EXPECT_NE(a.tell(0, s.id, a.vote_of("carol", s.id)), "no answer");
    a.sim.run_for(std::chrono::minutes(3));
    EXPECT_TRUE(a.at(0, s.id).open()) << a.at(0, s.id).code.text;
    return s.id;
  };
  const std::string first = approved("x");
  a.sim.tap = nullptr;
  EXPECT_TRUE(a.sim.run_until([&] { return a.state(0, first) == RequestState::succeeded; }, std::chrono::minutes(10)));
  const std::string second = approved("y");
  EXPECT_EQ(a.cancel(0, second), "cancelled");
  a.sim.tap = nullptr;
  a.sim.run_for(std::chrono::minutes(10));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.state(i, second), RequestState::cancelled) << i;
}

TEST(Approvals, WhoProposesAgainAndAgainDoesNotStallIt) {
  Approved a(26);
  a.sim.evil[3] = true;
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  const auto last = a.vote_of("carol", s.id);
  auto original = a.at(0, s.id).original;
  original.approvals.push_back(last);
  const node::World& world = a.sim.world(0);
  const auto disturb = [&] {
    node::Propose p = proposal_of(original, world, a.sim.rng());
    a.sim.raw_send(3, 0, node::envelope_of(p));
    a.sim.raw_send(3, 1, node::envelope_of(p));
    p.signers = {PartyId(2), PartyId(3)};
    a.sim.raw_send(3, 2, node::envelope_of(p));
  };
  a.sim.desk(0).approvals().vote(s.id, last, [](const node::Answer&) {});
  for (int k = 0; k < 2400 && !s.answer; ++k) {
    disturb();
    a.sim.run_for(Millis(250));
  }
  EXPECT_TRUE(s.succeeded()) << why(s);
}

TEST(Approvals, WhoWasAwayForLongHearsOfTheWithdrawal) {
  Approved a(30);
  a.sim.kill(2);
  const std::string id = a.wait_for_people(0, a.sim.sign("hot", "x")).id;
  EXPECT_EQ(a.tell(0, id, a.vote_of("bob", id)), "pending_approval");
  EXPECT_EQ(a.cancel(1, id), "cancelled");
  a.sim.run_for(std::chrono::minutes(20));
  a.sim.kill(0);
  a.sim.kill(1);
  a.sim.start(0), a.sim.start(1), a.sim.start(2);
  a.sim.connect_all();
  a.sim.run_for(Seconds(15));
  ASSERT_TRUE(a.knows(2, id));
  EXPECT_EQ(a.state(2, id), RequestState::cancelled);
}

TEST(Approvals, ANodeWithoutAShareHearsTheEnd) {
  Approved a(31);
  auto& s = a.wait_for_people(3, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  EXPECT_NE(a.tell(1, s.id, a.vote_of("carol", s.id)), "no answer");
  a.until_done(s);
  EXPECT_TRUE(s.succeeded()) << why(s);
  const std::string id = a.wait_for_people(3, a.sim.sign("hot", "y")).id;
  a.sim.kill(3);
  EXPECT_EQ(a.tell(0, id, a.vote_of("bob", id)), "pending_approval");
  EXPECT_NE(a.tell(1, id, a.vote_of("carol", id)), "no answer");
  EXPECT_TRUE(a.sim.run_until([&] { return a.state(0, id) == RequestState::succeeded; }, Seconds(60)));
  a.sim.run_for(std::chrono::minutes(5));
  a.sim.start(3);
  a.sim.connect_all();
  EXPECT_TRUE(a.sim.run_until([&] { return a.state(3, id) == RequestState::succeeded; }, Seconds(60)));
}

TEST(Approvals, WhoWasAwayLearnsTheRequestAndItsVotes) {
  Approved a(7);
  a.sim.kill(2);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  a.sim.clock.advance(hours(3));
  a.sim.start(2);
  a.sim.connect_all();
  a.sim.run_for(Seconds(15));
  ASSERT_TRUE(a.knows(2, s.id));
  EXPECT_EQ(a.at(2, s.id).needs[0].have, 1u);
  // node1 took it and is gone: the others do without it.
  a.sim.kill(0);
  EXPECT_EQ(a.tell(2, s.id, a.vote_of("carol", s.id)), "queued");
  EXPECT_TRUE(a.sim.run_until([&] { return a.state(2, s.id) == RequestState::succeeded; }, Seconds(60)));
  a.sim.settle();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.state(i, s.id), RequestState::succeeded) << i;
  a.sim.expect_safe();
}

TEST(Approvals, AVoteGivenAtACutOffNodeCountsLater) {
  Approved a(8);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  a.sim.run_for(Seconds(2));
  a.sim.isolate({0, 1});
  EXPECT_EQ(a.tell(2, s.id, a.vote_of("bob", s.id)), "no_quorum");
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("carol", s.id)), "pending_approval");
  a.sim.heal();
  a.until_done(s);
  EXPECT_TRUE(s.succeeded()) << why(s);
  a.sim.settle();
  a.sim.expect_safe();
}

TEST(Approvals, OutliveARestartOfAllNodes) {
  Approved a(10);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(1, s.id, a.vote_of("bob", s.id)), "pending_approval");
  a.sim.run_for(Seconds(2));
  for (std::size_t i = 0; i < 4; ++i) a.sim.kill(i);
  a.sim.heal();
  a.sim.run_for(Seconds(5));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.at(i, s.id).needs[0].have, 1u) << i;
  EXPECT_NE(a.tell(2, s.id, a.vote_of("dave", s.id)), "no answer");
  EXPECT_TRUE(a.sim.run_until([&] { return a.state(1, s.id) == RequestState::succeeded; }, Seconds(60)));
  a.sim.settle();
  a.sim.expect_safe();
}

// At every message somebody dies. Whatever is left: nothing is signed that fewer than two have approved, and once
// everybody is back and both have signed, it is done.
TEST(Approvals, ACrashAtEveryMessage) {
  std::uint64_t messages = 0;
  {
    Approved a(14);
    messages = a.sim.sent;
    auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
    a.tell(1, s.id, a.vote_of("bob", s.id));
    a.tell(2, s.id, a.vote_of("carol", s.id));
    a.until_done(s);
    ASSERT_TRUE(s.succeeded());
    messages = a.sim.sent - messages;
  }
  for (std::uint64_t k = 1; k <= messages; k += thorough() ? 1 : 1 + messages / runs(40)) {
    SCOPED_TRACE("message " + std::to_string(k));
    Approved a(14);
    a.sim.kill_at_message = a.sim.sent + k;
    const auto original = a.sim.sign("hot", "x", "once");
    auto& s = a.sim.submit(0, original);
    a.sim.run_until([&] { return s.stored || s.answer; }, Seconds(20));
    const auto say = [&](std::size_t i, const char* user) {
      for (std::size_t tries = 0; tries < 12; ++tries, i = (i + 1) % 3) {
        a.sim.run_for(Seconds(1));
        if (!a.sim.up(i)) continue;
        if (!a.sim.lives(s) && tries % 4 == 3) a.sim.submit(i, original);
        std::string id;
        for (std::size_t j = 0; j < 3; ++j)
          for (const auto& row : a.sim.store(j).requests({}, 100, std::nullopt).items)
            if (row.kind == "sign") id = row.id;
        if (id.empty() || !a.knows(i, id)) continue;
        const auto answer = a.tell(i, id, a.vote_of(user, id));
        if (answer == "pending_approval" || answer == "queued" || answer == "running" || answer == "succeeded")
          return id;
      }
      return std::string();
    };
    const std::string first = say(1, "bob");
    for (std::size_t i = 0; i < 3 && !first.empty(); ++i)
      if (a.sim.up(i) && a.knows(i, first)) {
        EXPECT_NE(a.state(i, first), RequestState::succeeded) << "one has approved it";
      }
    const std::string id = say(2, "carol");
    a.sim.heal();
    a.sim.run_for(Seconds(60));
    if (id.empty()) continue;  // it has failed as far as anybody knows
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_TRUE(a.state(i, id) == RequestState::succeeded || a.at(i, id).retryable)
          << storage::to_text(a.state(i, id)) << " " << a.at(i, id).code.text;
  }
}

}  // namespace
}  // namespace quorate::test

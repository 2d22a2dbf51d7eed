#include "tests/session/toss.h"

namespace quorate::test {
namespace {

const PartyId P1(1), P2(2), P3(3), P4(4);

static_assert(noexcept(std::declval<AnySession&>().deliver(P1, "", ByteView())));
static_assert(noexcept(std::declval<AnySession&>().resume()));
static_assert(noexcept(std::declval<AnySession&>().take_outbox()));
static_assert(!std::is_copy_constructible_v<Task<int>> && std::is_nothrow_move_constructible_v<Task<int>>);

// Party 1 of `n`, driven by hand.
template <class T>
struct Bench {
  SeededRng rng{1};
  Session<T> session;
  template <class... Params, class... Args>
  explicit Bench(unsigned n, Task<T> (*protocol)(Party, Params...), Args&&... args)
      : session(SessionConfig{Digest{7}, PartySet::first(n), P1, rng}, TossMessages{}, protocol,
                std::forward<Args>(args)...) {
    session.resume();
  }
  template <class M>
  void deliver(PartyId from, const M& m) {
    session.deliver(from, M::tag, encode(m));
    session.resume();
  }
  std::string end() {
    if (!session.done()) return "waiting";
    if (session.broken()) try {
        std::rethrow_exception(session.broken());
      } catch (const std::exception& e) {
        return std::string("broken: ") + e.what();
      }
    if (const Abort* a = session.aborted()) {
      std::string s = std::string(name_of(a->kind)) + ": " + a->what() + ":";
      for (const PartyId c : a->culprits) s += " " + std::to_string(c.index());
      return s;
    }
    return "finished";
  }
};

Task<int> wait_for_commits(Party self) {
  const PerPeer<TossCommit> commits = co_await self.receive<TossCommit>();
  int sum = 0;
  for (const PartyId j : self.peers()) sum += commits[j].digest[0];
  co_return sum;
}
TossCommit commit_of(std::uint8_t x) { return TossCommit{Digest{x}}; }

TEST(Session, SendsWaitsReceivesFinishes) {
  Bench<Digest> b(3, &toss, true);
  EXPECT_EQ(b.end(), "waiting");
  EXPECT_EQ(b.session.round(), "toss/commit");
  EXPECT_EQ(b.session.waiting_for(), (PartySet{P2, P3}));
  const auto out = b.session.take_outbox();
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].to, P2);
  EXPECT_EQ(out[1].to, P3);
  EXPECT_EQ(out[0].tag, TossCommit::tag);
  EXPECT_TRUE(b.session.take_outbox().empty());
  b.deliver(P3, commit_of(1));
  EXPECT_EQ(b.session.waiting_for(), PartySet{P2});
  b.deliver(P2, commit_of(1));
  EXPECT_EQ(b.session.round(), "toss/reveal");
  EXPECT_EQ(b.session.take_outbox().size(), 2u);
}

TEST(Session, ResultIsTakenOnce) {
  Bench<int> b(3, &wait_for_commits);
  b.deliver(P2, commit_of(3));
  EXPECT_FALSE(b.session.has_result());
  b.deliver(P3, commit_of(4));
  ASSERT_TRUE(b.session.has_result());
  EXPECT_EQ(b.session.take_result(), 7);
  EXPECT_FALSE(b.session.has_result());
  EXPECT_TRUE(b.session.waiting_for().empty());
  b.session.deliver(P2, "no such tag", {});  // after the end: ignored
  b.session.resume();
  EXPECT_EQ(b.session.aborted(), nullptr);
  EXPECT_DEATH((void)b.session.take_result(), "");
}

TEST(Session, EarlyMessagesWait) {
  SeededRng rng(1);
  Session<int> s(SessionConfig{{}, PartySet::first(2), P1, rng}, TossMessages{}, &wait_for_commits);
  s.deliver(P2, TossEcho::tag, encode(TossEcho{}));
  s.deliver(P2, TossCommit::tag, encode(commit_of(9)));  // before the first resume
  EXPECT_FALSE(s.done());
  s.resume();
  ASSERT_TRUE(s.has_result());
  EXPECT_EQ(s.take_result(), 9);
}

TEST(Session, AnIdenticalCopyIsIgnored) {
  Bench<int> b(3, &wait_for_commits);
  b.deliver(P2, commit_of(1));
  b.deliver(P2, commit_of(1));
  EXPECT_EQ(b.end(), "waiting");
  b.deliver(P3, commit_of(1));
  EXPECT_EQ(b.session.take_result(), 2);
}

TEST(Session, ASecondDifferentMessageNamesItsSender) {
  Bench<int> b(3, &wait_for_commits);
  b.deliver(P2, commit_of(1));
  b.deliver(P2, commit_of(2));
  EXPECT_EQ(b.end(), "cheated: two different messages for one round: 2");
}

Task<int> wait_twice(Party self) {
  co_await self.receive<TossCommit>();
  co_await self.receive<TossEcho>();
  co_return 0;
}

TEST(Session, EquivocationIsSeenAfterTheFirstMessageWasUsed) {
  Bench<int> b(2, &wait_twice);
  b.deliver(P2, commit_of(1));
  b.deliver(P2, commit_of(1));
  EXPECT_EQ(b.end(), "waiting");
  b.deliver(P2, commit_of(2));
  EXPECT_EQ(b.end(), "cheated: two different messages for one round: 2");
}

TEST(Session, UnknownOversizedMalformedNameTheirSender) {
  {
    Bench<int> b(3, &wait_for_commits);
    b.session.deliver(P3, "toss/other", {});
    b.session.resume();
    EXPECT_EQ(b.end(), "cheated: unknown message: 3");
  }
  {
    Bench<int> b(3, &wait_for_commits);
    b.session.deliver(P2, TossCommit::tag, Bytes(33));
    b.session.resume();
    EXPECT_EQ(b.end(), "cheated: oversized message: 2");
  }
  {
    Bench<int> b(4, &wait_for_commits);
    b.deliver(P3, commit_of(1));
    b.session.deliver(P2, TossCommit::tag, Bytes(31));
    b.session.deliver(P4, TossCommit::tag, {});
    EXPECT_FALSE(b.session.done());
    b.session.resume();
    EXPECT_EQ(b.end(), "cheated: malformed message: 2 4");
  }
}

TEST(Session, SeveralFaultsBeforeAResumeNameAll) {
  Bench<int> b(4, &wait_for_commits);
  b.session.deliver(P3, "x", {});
  b.session.deliver(P4, "y", {});
  b.session.resume();
  EXPECT_EQ(b.end(), "cheated: unknown message: 3 4");
}

// attack 10: what does not come from the session's parties never touches it
TEST(Session, OutsidersAndMyselfAreIgnored) {
  Bench<int> b(3, &wait_for_commits);
  b.session.deliver(PartyId(9), "x", {});
  b.session.deliver(P1, TossCommit::tag, encode(commit_of(5)));
  b.session.deliver(PartyId(), "x", {});
  b.session.resume();
  EXPECT_EQ(b.end(), "waiting");
  EXPECT_EQ(b.session.waiting_for(), (PartySet{P2, P3}));
}

TEST(Session, TimeOutNamesTheSilentAndAccusesNobody) {
  Bench<int> b(4, &wait_for_commits);
  b.deliver(P3, commit_of(1));
  b.session.time_out();
  EXPECT_EQ(b.end(), "silent: silent: 2 4");
  EXPECT_EQ(b.session.aborted()->round, "toss/commit");
  b.session.time_out();  // after the end: nothing
  EXPECT_EQ(b.session.aborted()->culprits, (PartySet{P2, P4}));
}

TEST(Session, ATimeOutDoesNotHideWhoCheated) {
  Bench<int> b(4, &wait_for_commits);
  b.session.deliver(P3, "x", {});
  b.session.time_out();  // before the host has resumed it
  b.session.resume();
  EXPECT_EQ(b.end(), "cheated: unknown message: 3");
}

Task<int> complain_and_stop(Party self) {
  co_await self.receive<TossCommit>();
  const TossEcho last{};
  self.send_all(last);
  self.require(false, Reason::echo_mismatch);
  co_return 0;
}

TEST(Session, WhatWasSentBeforeAnAbortStillLeaves) {
  Bench<int> b(2, &complain_and_stop);
  b.deliver(P2, commit_of(1));
  EXPECT_EQ(b.end(), "unattributed: parties saw different broadcasts:");
  EXPECT_EQ(b.session.take_outbox().size(), 1u);
}

Task<int> durable_then_send(Party self) {
  SecretBytes record = secret_bytes(view_of("the record"));
  co_await self.durable(DurableStep::prepared_share, std::move(record));
  const TossEcho message{};
  self.send_all(message);
  co_await self.receive<TossEcho>();
  co_return 1;
}

TEST(Session, NothingThatFollowsADurableStepLeavesBeforeIt) {
  Bench<int> b(2, &durable_then_send);
  b.session.resume();
  EXPECT_TRUE(b.session.take_outbox().empty());
  EXPECT_TRUE(b.session.waiting_for().empty());
  b.session.time_out();  // waits for its own host: nobody is silent
  EXPECT_EQ(b.end(), "waiting");
  auto pending = b.session.pending_durable();
  ASSERT_TRUE(pending);
  EXPECT_EQ(pending->step, DurableStep::prepared_share);
  EXPECT_EQ(text_of(pending->record), "the record");
  EXPECT_FALSE(b.session.pending_durable());  // handed out once
  b.session.resume();
  EXPECT_TRUE(b.session.take_outbox().empty());
  b.session.durable_done();
  b.session.resume();
  EXPECT_EQ(b.session.take_outbox().size(), 1u);
  b.deliver(P2, TossEcho{});
  EXPECT_EQ(b.end(), "finished");
}

TEST(Session, AFaultDuringADurableStepEndsIt) {
  Bench<int> b(2, &durable_then_send);
  b.session.deliver(P2, "x", {});
  b.session.resume();
  EXPECT_EQ(b.end(), "cheated: unknown message: 2");
  EXPECT_TRUE(b.session.take_outbox().empty());
  EXPECT_FALSE(b.session.pending_durable());
  b.session.durable_done();
  b.session.resume();
}

// ---- tasks

struct Counted {
  static inline int live;
  Counted() { ++live; }
  Counted(const Counted&) { ++live; }
  Counted(Counted&&) noexcept { ++live; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --live; }
};
Task<int> throws_at_once(Counted) {
  Counted c;
  throw std::runtime_error("sub");
  co_return 1;
}
Task<int> five(Counted) { co_return 5; }
Task<int> sub_throws(Party) {
  Counted c;
  const int v = co_await throws_at_once(c);
  co_return v;
}
Task<int> sub_throws_is_caught(Party) {
  Counted c;
  int v = 0;
  try {
    v = co_await throws_at_once(c);
  } catch (const std::runtime_error&) {
    v = 7;
  }
  v += co_await five(c);
  co_return v;
}
Task<int> throws_first(Party) {
  throw std::runtime_error("first");
  co_return 0;
}
Task<int> requires_two(Party self) {
  Counted c;
  co_await self.receive<TossCommit>();
  self.require_each([](PartyId j) { return j == P2; }, Reason::bad_proof);
  co_return 0;
}
Task<int> predicate_throws(Party self) {
  Counted c;
  co_await self.receive<TossCommit>();
  self.require_each([](PartyId) -> bool { throw std::logic_error("predicate"); }, Reason::bad_proof);
  co_return 0;
}
Task<int> never_awaited(Party) {
  Counted c;
  const Task<int> t = five(c);
  const Task<int> u = throws_at_once(c);
  co_return 9;
}
Task<int> moved_tasks(Party self) {
  Counted c;
  Task<int> t = five(c);
  Task<int> u = std::move(t);
  t = five(c);
  std::swap(t, u);
  co_await self.receive<TossCommit>();
  const int a = co_await std::move(u);
  const int b = co_await std::move(t);
  co_return a + b;
}
Task<int> deep(int k) {
  Counted c;
  if (k == 0) throw std::runtime_error("deep");
  const int v = co_await deep(k - 1);
  co_return v + 1;
}
Task<int> deep_root(Party) {
  int v = 0;
  try {
    v = co_await deep(1000);
  } catch (const std::runtime_error&) {
    v = 3;
  }
  co_return v;
}
Task<void> sub_receives(Party self) {
  Counted c;
  co_await self.receive<TossCommit>();
}
Task<int> void_sub(Party self) {
  co_await sub_receives(self);
  co_return 4;
}
Task<int> move_only(std::unique_ptr<int> p) { co_return *p; }
Task<int> passes_move_only(Party) {
  std::unique_ptr<int> p = std::make_unique<int>(11);
  const int v = co_await move_only(std::move(p));
  co_return v;
}

std::string drive(Task<int> (*protocol)(Party)) {
  Bench<int> b(3, protocol);
  b.deliver(P2, commit_of(1));
  b.deliver(P3, commit_of(1));
  return b.session.has_result() ? std::to_string(b.session.take_result()) : b.end();
}

TEST(Task, ResultsAndExceptionsReachTheSession) {
  EXPECT_EQ(drive(sub_throws), "broken: sub");
  EXPECT_EQ(drive(sub_throws_is_caught), "12");
  EXPECT_EQ(drive(throws_first), "broken: first");
  EXPECT_EQ(drive(requires_two), "cheated: proof does not verify: 3");
  EXPECT_EQ(drive(predicate_throws), "broken: predicate");
  EXPECT_EQ(drive(never_awaited), "9");
  EXPECT_EQ(drive(moved_tasks), "10");
  EXPECT_EQ(drive(deep_root), "3");
  EXPECT_EQ(drive(void_sub), "4");
  EXPECT_EQ(drive(passes_move_only), "11");
  EXPECT_EQ(Counted::live, 0);
}

TEST(Task, DestroyedWhereverItStands) {
  for (int steps = 0; steps <= 2; ++steps)
    for (auto protocol : {&moved_tasks, &requires_two, &void_sub}) {
      SeededRng rng(1);
      Session<int> s(SessionConfig{{}, PartySet::first(3), P1, rng}, TossMessages{}, protocol);
      if (steps >= 1) s.resume();
      if (steps >= 2) s.deliver(P2, TossCommit::tag, encode(commit_of(1)));
    }
  EXPECT_EQ(Counted::live, 0);
}

// ---- our own bugs stop the process

Task<int> sends_twice(Party self) {
  const TossEcho message{};
  self.send(P2, message);
  self.send(P2, message);
  co_return 0;
}
Task<int> sends_to_itself(Party self) {
  const TossEcho message{};
  self.send(self.me(), message);
  co_return 0;
}

TEST(Session, OurOwnBugsAreAssertions) {
  EXPECT_DEATH(drive(sends_twice), "sent");
  EXPECT_DEATH(drive(sends_to_itself), "peers");
  SeededRng rng(1);
  EXPECT_DEATH(Session<int>(SessionConfig{{}, {P2, P3}, P1, rng}, TossMessages{}, &void_sub), "me");
}

TEST(Abort, EveryReasonHasItsOwnName) {
  std::set<std::string_view> names;
  for (int r = 0; r <= static_cast<int>(Reason::bad_signature); ++r) {
    const auto name = name_of(static_cast<Reason>(r));
    EXPECT_NE(name, "unknown");
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(name_of(static_cast<Reason>(static_cast<int>(Reason::bad_signature) + 1)), "unknown");
}

}  // namespace
}  // namespace quorate::test

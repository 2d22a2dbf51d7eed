// What a session leaves behind: no memory, no secret, whatever fails and wherever it is destroyed.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/session/toss.h"
#include "tests/support/allocations.h"

namespace quorate::test {
namespace {

const PartyId P1(1), P2(2);

TEST(Memory, DestroyedAfterAnyNumberOfDeliveriesNothingIsLeft) {
  for (unsigned n = 2; n <= 5; ++n) {
    const Toss protocol{.n = n};
    Simulation<Toss> whole(protocol, 5);
    whole.run();
    for (int cut = 0; cut <= whole.deliveries; ++cut) {
      const long before = Allocations::alive;
      {
        Simulation<Toss> s(protocol, 5);
        s.stop_after = cut;
        s.run();
        EXPECT_GT(Allocations::alive, before);
      }
      ASSERT_EQ(Allocations::alive, before) << "n " << n << ", cut after " << cut;
    }
  }
}

// deliver and resume are noexcept: whichever allocation fails, the session ends as broken, names nobody and leaks
// nothing.
TEST(Memory, EveryAllocationMayFail) {
  const Toss protocol{.n = 3};
  std::vector<Wire> to_me;
  {
    Simulation<Toss> s(protocol, 77);
    s.watch = [&](const Wire& w) {
      if (w.to == P1) to_me.push_back(w);
    };
    s.run();
  }
  const long before = Allocations::alive;
  int broken = 0, finished = 0;
  long k = 0;
  for (bool hit = true; hit; ++k) {
    hit = false;
    SeededRng rng(sha256(view_of("77 party 1")));
    const auto session =
        protocol.start(SessionConfig{sha256(view_of("simulated session 77")), protocol.parties(), P1, rng});
    long left = k;
    const auto counted = [&](auto&& act) {
      Allocations::fail_after = left;
      act();
      hit |= left >= 0 && Allocations::fail_after < 0;
      left = Allocations::fail_after;
      Allocations::fail_after = -1;
    };
    counted([&] { session->resume(); });
    for (const Wire& w : to_me) {
      counted([&] { session->deliver(w.from, w.tag, w.body); });
      counted([&] { session->resume(); });
      if (session->pending_durable()) {
        session->durable_done();
        counted([&] { session->resume(); });
      }
    }
    ASSERT_TRUE(session->done()) << k;
    EXPECT_EQ(session->aborted(), nullptr) << k;
    broken += session->broken() != nullptr;
    finished += session->has_result();
  }
  EXPECT_EQ(Allocations::alive, before + 0);
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(broken, k - 1);
  EXPECT_GT(k, 30);
}

// ---- secrets

void set_mark() {
  for (std::size_t i = 0; i < Allocations::mark.size(); ++i)
    Allocations::mark[i] = static_cast<std::uint8_t>(0xA5 + 13 * i);
}
[[gnu::noinline]] void fill_secret(Bytes32& b) {
  for (std::size_t i = 0; i < 32; ++i) b[i] = Allocations::mark[i % 16];
}
Task<int> sub(Party self, const Bytes32& secret) {
  Bytes32 copy = secret;
  co_await self.receive<TossReveal>();
  co_return copy[0] ^ secret[1];
}
Task<int> holds_a_secret(Party self) {
  Bytes32 secret;
  fill_secret(secret);
  const TossCommit message{secret};  // the outbox holds it too
  self.send_all(message);
  SecretBytes record = secret_bytes(secret);
  co_await self.durable(DurableStep::spent, std::move(record));
  co_await self.receive<TossCommit>();
  const int v = co_await sub(self, secret);
  co_await self.receive<TossEcho>();
  self.require(secret[0] == 0, Reason::bad_proof);  // an Abort carries nothing secret
  co_return v;
}
Task<int> leaves_a_secret(Party self) {
  Bytes32 secret;
  fill_secret(secret);
  const std::vector<std::uint8_t> careless(secret.begin(), secret.end());
  co_await self.receive<TossCommit>();
  co_return careless[0];
}

int marks_left(Task<int> (*protocol)(Party), int steps) {
  set_mark();
  TossReveal reveal;
  reveal.to = P1;
  fill_secret(reveal.opening.share);
  TossCommit commitment;
  fill_secret(commitment.digest);
  const SecretBytes bodies[] = {encode(commitment), encode(reveal), encode(TossEcho{})};
  const std::string_view tags[] = {TossCommit::tag, TossReveal::tag, TossEcho::tag};
  SeededRng rng(1);
  Allocations::marks_freed = 0;
  Allocations::scanning = true;
  {
    Session<int> s(SessionConfig{{}, PartySet::first(2), P1, rng}, TossMessages{}, protocol);
    if (steps >= 1) s.resume();
    if (steps >= 2 && s.pending_durable()) {
      s.durable_done();
      s.resume();
    }
    for (int k = 0; k + 3 <= steps; ++k) {
      s.deliver(P2, tags[k], bodies[k]);
      if (k % 2 == 1) s.take_outbox();
      s.resume();
    }
    EXPECT_EQ(s.done(), steps == 5 || (protocol == &leaves_a_secret && steps >= 3));
  }
  Allocations::scanning = false;
  return Allocations::marks_freed;
}

TEST(Memory, NoSecretIsInAFreedBlock) {
  for (int steps = 0; steps <= 5; ++steps) EXPECT_EQ(marks_left(&holds_a_secret, steps), 0) << "after step " << steps;
}
TEST(Memory, TheScanFindsACarelessCopy) {
  for (int steps = 1; steps <= 3; ++steps) EXPECT_GT(marks_left(&leaves_a_secret, steps), 0);
}

}  // namespace
}  // namespace quorate::test

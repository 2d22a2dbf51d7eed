// What a key generation leaves behind: no memory, no secret, whatever fails.
#include <gtest/gtest.h>

#include "tests/keygen/dkg_world.h"
#include "tests/support/allocations.h"

namespace quorate::test {
namespace {

template <class C>
class DkgMemory : public testing::Test {};
TYPED_TEST_SUITE(DkgMemory, Curves, CurveNames);

struct Seat {
  SeededRng rng;
  std::unique_ptr<AnySession> session;
};

// The parties of `world` side by side, without a simulation, which keeps copies of what is sent. stop_after:
// deliveries.
template <class C>
int run_directly(const DkgWorld<C>& world, int stop_after) {
  std::vector<Seat> seats;
  for (const PartyId i : world.parties()) seats.push_back({SeededRng(i.index()), nullptr});
  for (const PartyId i : world.parties()) {
    Seat& s = seats[i.index() - 1u];
    s.session = world.start(SessionConfig{Digest{5}, world.parties(), i, s.rng});
  }
  int deliveries = 0;
  for (bool progress = true; progress;) {
    progress = false;
    for (const PartyId i : world.parties()) {
      AnySession& session = *seats[i.index() - 1u].session;
      session.resume();
      if (session.pending_durable()) {
        session.durable_done();
        session.resume();
      }
      for (const Outgoing& m : session.take_outbox()) {
        if (deliveries++ == stop_after) return deliveries;
        seats[m.to.index() - 1u].session->deliver(i, m.tag, m.body);
        progress = true;
      }
    }
  }
  for (const Seat& s : seats) EXPECT_TRUE(s.session->done() && !s.session->aborted() && !s.session->broken());
  return deliveries;
}

TYPED_TEST(DkgMemory, NoSecretIsInAFreedBlockWhereverItStops) {
  using C = TypeParam;
  const DkgWorld<C> world(2, 2);
  // Party 1's secrets, from the same seed.
  SeededRng same(1);
  const DkgDealing<C> dealing = dkg_deal<C>(Digest{5}, PartyId(1), 2, same);
  const int whole = run_directly(world, -1);
  EXPECT_EQ(whole, 4 * 2);
  for (const Scalar<C>& secret :
       {dealing.f.coefficient(0), dealing.f.coefficient(1), dealing.f.at(PartyId(1)), dealing.f.at(PartyId(2))})
    for (const bool in_memory : {false, true}) {
      const Secret<Bytes32> bytes = secret.bytes();
      const void* from = bytes.expose().data();
      if (in_memory) from = &secret.rep();
      std::memcpy(Allocations::mark.data(), from, 16);
      for (int stop = -1; stop <= whole; ++stop) {
        Allocations::marks_freed = 0;
        Allocations::scanning = true;
        run_directly(world, stop);
        Allocations::scanning = false;
        EXPECT_EQ(Allocations::marks_freed, 0) << "stopped after " << stop;
      }
    }
}

TYPED_TEST(DkgMemory, EveryAllocationMayFail) {
  using C = TypeParam;
  const DkgWorld<C> world(2, 2);
  // What party 1 hears from party 2, whose messages do not depend on party 1's but for the last two rounds; party 1
  // repeats itself.
  std::vector<Wire> heard;
  {
    Simulation<DkgWorld<C>> sim(world, 1);
    sim.watch = [&](const Wire& w) {
      if (w.to == PartyId(1)) heard.push_back(w);
    };
    sim.run();
  }
  const SessionId sid = Simulation<DkgWorld<C>>(world, 1).sid;
  const long before = Allocations::alive;
  int finished = 0;
  long k = 0;
  for (bool hit = true; hit; ++k) {
    hit = false;
    SeededRng rng(sha256(view_of("1 party 1")));
    const auto session = world.start(SessionConfig{sid, world.parties(), PartyId(1), rng});
    long left = k;
    const auto counted = [&](auto&& act) {
      Allocations::fail_after = left;
      act();
      hit |= left >= 0 && Allocations::fail_after < 0;
      left = Allocations::fail_after;
      Allocations::fail_after = -1;
    };
    counted([&] { session->resume(); });
    for (const Wire& w : heard) {
      counted([&] { session->deliver(w.from, w.tag, w.body); });
      counted([&] { session->resume(); });
      if (session->pending_durable()) {
        session->durable_done();
        counted([&] { session->resume(); });
      }
    }
    ASSERT_TRUE(session->done()) << k;
    ASSERT_EQ(session->aborted(), nullptr) << k;  // our own failure is nobody else's
    ASSERT_EQ(session->has_result(), !hit) << k;
    finished += session->has_result();
  }
  EXPECT_EQ(Allocations::alive, before);
  EXPECT_EQ(finished, 1);
  EXPECT_GT(k, 50);
}

}  // namespace
}  // namespace quorate::test

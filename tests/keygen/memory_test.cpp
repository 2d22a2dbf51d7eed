// What a key generation or a reshare leaves behind: no memory, no secret, whatever fails.
#include <gtest/gtest.h>

#include "tests/keygen/reshare_world.h"
#include "tests/support/allocations.h"

namespace quorate::test {
namespace {

template <class C>
class DkgMemory : public testing::Test {};
TYPED_TEST_SUITE(DkgMemory, Curves, CurveNames);

// The parties of `world` side by side, without a simulation, which keeps copies of what is sent. stop_after:
// deliveries.
template <class World>
int run_directly(const World& world, int stop_after, typename World::Result* result = nullptr) {
  QUORATE_ASSERT(world.parties() == PartySet::first(2));
  SeededRng rngs[2]{SeededRng(1), SeededRng(2)};  // not on the heap: they keep what they have drawn
  std::vector<std::unique_ptr<AnySession>> sessions;
  for (const PartyId i : world.parties())
    sessions.push_back(world.start(SessionConfig{Digest{5}, world.parties(), i, rngs[i.index() - 1u]}));
  int deliveries = 0;
  for (bool progress = true; progress;) {
    progress = false;
    for (const PartyId i : world.parties()) {
      AnySession& session = *sessions[i.index() - 1u];
      session.resume();
      if (session.pending_durable()) {
        session.durable_done();
        session.resume();
      }
      for (const Outgoing& m : session.take_outbox()) {
        if (deliveries++ == stop_after) return deliveries;
        sessions[m.to.index() - 1u]->deliver(i, m.tag, m.body);
        progress = true;
      }
    }
  }
  for (const auto& s : sessions) EXPECT_TRUE(s->done() && !s->aborted() && !s->broken());
  if (result != nullptr) *result = static_cast<Session<typename World::Result>&>(*sessions[0]).take_result();
  return deliveries;
}

// Runs `world`, stopping at each of these, with an eye on a secret of which 16 bytes begin at `mark`.
template <class World>
void expect_never_freed(const World& world, const void* mark, const std::vector<int>& stops) {
  std::memcpy(Allocations::mark.data(), mark, 16);
  for (const int stop : stops) {
    Allocations::marks_freed = 0;
    Allocations::scanning = true;
    run_directly(world, stop);
    Allocations::scanning = false;
    EXPECT_EQ(Allocations::marks_freed, 0) << "stopped after " << stop;
  }
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
      expect_never_freed(world, from, {-1, 0, 1, 2, 3, 4, 5, 6, 7, 8});
    }
}

TEST(EcdsaDkgMemory, NoSecretOfTheSetupIsInAFreedBlockWhereverItStops) {
  const DkgWorld<Secp256k1, EcdsaSetup> world(2, 2);
  // Party 1's, from the same seed (docs/ecdsa.md, Order of random draws), and from its result.
  SeededRng same(1);
  dkg_deal<Secp256k1>(Digest{5}, PartyId(1), 2, same);
  const auto delta = same.secret<16>();
  Scalar<Secp256k1> a_0;
  for (std::size_t i = 0; i < ot::kKappa; ++i) {
    Scalar<Secp256k1>::random(same);
    const auto a = Scalar<Secp256k1>::random(same);
    if (i == 0) a_0 = a;
  }
  const auto s = same.secret<32>();
  DkgResult<Secp256k1, EcdsaSetup> result;
  EXPECT_EQ(run_directly(world, -1, &result), 4 * 2);
  const PairSecrets& pair = result.pairwise.at(0);
  ASSERT_EQ(pair.as_A.delta.expose(), delta.expose());
  const std::initializer_list<const void*> secrets{
      &delta.expose(),    &a_0.rep(), &s.expose(), &pair.as_A.k[0].expose(), &pair.as_B.k[5][1].expose(),
      &pair.seed.expose()};
  for (const void* mark : secrets) expect_never_freed(world, mark, {-1, 1, 3, 5});
}

// x' is in no message: from the result.
TYPED_TEST(DkgMemory, NoSecretOfAReshareIsInAFreedBlockWhereverItStops) {
  using C = TypeParam;
  const PartySet both = PartySet::first(2);
  const ReshareWorld<C> world(2, 2, both, both, 2);
  SeededRng same(1);
  const auto dealing = reshare_deal(Digest{5}, *world.parameters, world.base->shares.at(PartyId(1)), same);
  ReshareResult<C> result;
  EXPECT_EQ(run_directly(world, -1, &result), 8 * 2);
  const Secret<Bytes32>& chain_code = result.prepared->share.chain_code;
  for (const Scalar<C>& secret : {dealing.f.coefficient(0), dealing.f.coefficient(1), dealing.f.at(PartyId(1)),
                                  dealing.f.at(PartyId(2)), result.prepared->share.x_i})
    expect_never_freed(world, &secret.rep(), {-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
  expect_never_freed(world, chain_code.expose().data(), {-1, 3, 5, 9});
}

// One in `stride` of party 1's allocations fails, each in a run of its own.
template <class World>
void fail_allocations(const World& world, long stride) {
  // What party 1 hears from party 2, whose messages do not depend on party 1's but for the last rounds; party 1 repeats
  // itself.
  std::vector<Wire> heard;
  {
    Simulation<World> sim(world, 1);
    sim.watch = [&](const Wire& w) {
      if (w.to == PartyId(1)) heard.push_back(w);
    };
    sim.run();
  }
  const SessionId sid = Simulation<World>(world, 1).sid;
  const long before = Allocations::alive;
  int finished = 0;
  long k = 0;
  for (bool hit = true; hit; k += stride) {
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

TYPED_TEST(DkgMemory, EveryAllocationMayFail) { fail_allocations(DkgWorld<TypeParam>(2, 2), 1); }
TYPED_TEST(DkgMemory, EveryAllocationOfAReshareMayFail) {
  fail_allocations(ReshareWorld<TypeParam>(2, 2, PartySet::first(2), PartySet::first(2), 2), 1);
}
TEST(EcdsaDkgMemory, AnyAllocationMayFail) { fail_allocations(DkgWorld<Secp256k1, EcdsaSetup>(2, 2), 191); }

}  // namespace
}  // namespace quorate::test

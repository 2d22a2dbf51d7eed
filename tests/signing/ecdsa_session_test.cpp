// Threshold ECDSA as a protocol: honest runs and a failing world.
#include "tests/signing/ecdsa_world.h"

namespace quorate::test {
namespace {

void sign_honestly(const EcdsaWorld& world, std::uint64_t seed) {
  Simulation<EcdsaWorld> sim(world, seed);
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : world.T) ASSERT_EQ(outcomes[i].end, End::finished);
}

TEST(EcdsaSession, EveryThresholdUpTo5OfEveryCommitteeUpTo9) {
  for (unsigned n = 2; n <= 9; ++n)
    for (unsigned t = 2; t <= std::min(n, 5u); ++t) {
      const EcdsaWorld world(n % 2 == 0 ? PartySet::first(t) : last_of(t, n), t, n, 1, n % 3 == 0);
      for (std::uint64_t seed = 1; seed <= runs(2); ++seed) sign_honestly(world, seed);
    }
}

TEST(EcdsaSession, MoreSignersThanTheThreshold) { sign_honestly(EcdsaWorld(last_of(4, 5), 2, 5), 1); }

TEST(EcdsaSession, HalfOfTheLargestCommittee) { sign_honestly(EcdsaWorld(last_of(16, 32), 16, 32, 1, true), 1); }

// attack 37: each is verified and recovered from by libsecp256k1 (EcdsaWorld::fingerprint).
TEST(EcdsaSession, ThousandsOfSignatures) {
  EcdsaWorld world(PartySet{PartyId(1), PartyId(3)}, 2, 3, 8, true);
  std::map<std::uint8_t, std::uint64_t> seen;
  SeededRng rng(9);
  const std::uint64_t sessions = runs(250);
  for (std::uint64_t seed = 1; seed <= sessions; ++seed) {
    for (Digest& digest : world.digests) digest = rng.bytes<32>();
    Simulation<EcdsaWorld> sim(world, seed);
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const auto& signature : outcomes[PartyId(1)].result.value()) ++seen[signature.recovery_id];
  }
  EXPECT_GT(seen[0], 2 * sessions);  // of eight signatures in each
  EXPECT_GT(seen[1], 2 * sessions);
}

// attack 37: 0, q and 2^256 − 1 among the digests; every number of digests.
TEST(EcdsaSession, DigestsAtTheEdges) {
  SeededRng rng(8);
  for (std::size_t m = 1; m <= limits::kMaxDigests; ++m) {
    EcdsaWorld world(PartySet::first(2), 2, 2, m, m % 2 == 0);
    world.digests = edge_digests(m, rng);
    sign_honestly(world, m);
  }
  for (const Digest& digest : edge_digests(3, rng)) {
    EcdsaWorld world(last_of(3, 4), 3, 4);
    world.digests = {digest};
    sign_honestly(world, 3);
  }
}

TEST(EcdsaSession, LossLatenessCrashesAndFullDisksAreNobodysFault) {
  int finished = 0, silent = 0;
  const EcdsaWorld world(last_of(3, 4), 3, 4);
  const std::uint64_t seeds = runs(60);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Simulation<EcdsaWorld> sim(world, seed);
    sim.faults = {.duplicate = 50, .drop = 20, .late = 20, .crash = 10, .durable_fails = 20, .mutate = 0};
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : world.T) {
      finished += outcomes[i].end == End::finished;
      silent += outcomes[i].abort.has_value();
    }
  }
  EXPECT_GT(finished, static_cast<int>(seeds / 3));
  EXPECT_GT(silent, static_cast<int>(seeds / 3));
}

TEST(EcdsaSession, EveryLostMessageAndFailedStoreIsSafe) {
  const EcdsaWorld world(last_of(3, 4), 3, 4);
  int k = 0;
  for (;; ++k) {
    Simulation<EcdsaWorld> sim(world, 3);
    sim.drop_at = k;
    ASSERT_TRUE(expect_safe(sim, sim.run()));
    if (sim.lost == 0) break;
  }
  EXPECT_EQ(k, 3 * 2 * 3);
  for (k = 0;; ++k) {
    Simulation<EcdsaWorld> sim(world, 3);
    sim.fail_durable_at = k;
    ASSERT_TRUE(expect_safe(sim, sim.run()));
    if (sim.lost == 0) break;
  }
  EXPECT_EQ(k, 3);
}

// attack 32: the shares leave only after the host has stored that they do.
TEST(EcdsaSession, SpentIsDurableBeforeTheSharesLeave) {
  const EcdsaWorld world(last_of(2, 3), 2, 3);
  Simulation<EcdsaWorld> sim(world, 3);
  int shares = 0;
  sim.watch = [&](const Wire& w) {
    if (w.tag != ecdsa::Round3::tag) return;
    ++shares;
    ASSERT_EQ(sim.durable[w.from].size(), 1u);
    const auto record = decode<EcdsaSpent>(sim.durable[w.from][0]);
    EXPECT_EQ(record.sid, sim.sid);
    EXPECT_EQ(record.signers, world.T);
    EXPECT_EQ(record.number, 1u);
  };
  EXPECT_TRUE(expect_safe(sim, sim.run()));
  EXPECT_EQ(shares, 2);
}

TEST(EcdsaSession, DestroyedAnywhereItLeavesNothingRunning) {
  const EcdsaWorld world(last_of(3, 4), 3, 4);
  for (int stop = 0; stop <= 18; ++stop) {
    Simulation<EcdsaWorld> sim(world, 5);
    sim.stop_after = stop;
    static_cast<void>(sim.run());
  }
}

// docs/ecdsa.md: what one signature costs a pair on the wire.
TEST(EcdsaSession, BytesPerPeer) {
  const EcdsaWorld world(PartySet::first(2), 2, 2);
  Simulation<EcdsaWorld> sim(world, 1);
  std::map<PartyId, std::size_t> bytes;
  sim.watch = [&](const Wire& w) { bytes[w.from] += w.body.size(); };
  EXPECT_TRUE(expect_safe(sim, sim.run()));
  for (const auto& [i, n] : bytes) EXPECT_LE(n, 52'000u);
}

}  // namespace
}  // namespace quorate::test

// attack 21: selective failure against the OT extension, whose base OTs live as long as a certificate. B replaces the
// key that A does not have if Δ's bit is as B guesses: a right guess is never seen, a wrong one fails A's check.
#include "tests/signing/ecdsa_world.h"

namespace quorate::test {
namespace {

bool delta_bit(const PairSecrets& pair, std::size_t k) {
  return ((pair.as_A.delta.expose()[k / 8] >> (k % 8)) & 1) != 0;
}
PairSecrets& pair_of(EcdsaWorld& world, PartyId i, PartyId j) {
  return world.pairs.at(i)[world.T.without(i).position(j)];
}

TEST(EcdsaExtensionAttacks, ABetOnABitPassesIfItIsRightAndQuarantinesIfItIsWrong) {
  const EcdsaWorld world(PartySet::first(2), 2, 2);
  SeededRng rng(21);
  int passed = 0;
  for (std::size_t k = 0; k < ot::kKappa; ++k) {
    const bool guess = rng.below(2) == 1;
    EcdsaWorld corrupt(PartySet::first(2), 2, 2);  // the same secrets
    pair_of(corrupt, P2, P1).as_B.k[k][!guess] = rng.secret<32>();
    Simulation<EcdsaWorld> sim(world, k + 1);
    sim.replace(P2, [&](const SessionConfig& config) { return corrupt.start(config); });
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    const bool right = delta_bit(world.pairs.at(P1)[0], k) == guess;
    passed += right;
    if (right) {
      ASSERT_EQ(outcomes[P1].end, End::finished) << k;
      continue;
    }
    ASSERT_TRUE(outcomes[P1].abort) << k;
    EXPECT_EQ(outcomes[P1].abort->reason, Reason::extension_check);
    EXPECT_EQ(outcomes[P1].abort->culprits, PartySet{P2});
    ASSERT_EQ(sim.durable[P1].size(), 1u);
    EXPECT_EQ(decode<QuarantineStep>(sim.durable[P1][0]).peers, PartySet{P2});
  }
  EXPECT_GT(passed, 40);
  EXPECT_LT(passed, 88);
}

// One bit per session until the first failure, which closes the gate: two bits on average, never many.
TEST(EcdsaExtensionAttacks, UntilTheQuarantineTwoBitsLeakOnAverage) {
  SeededRng rng(22);
  std::size_t bits = 0, most = 0;
  constexpr std::size_t kTrials = 200;
  for (std::size_t trial = 0; trial < kTrials; ++trial) {
    auto pairs = deal_pairs(PartySet::first(2), rng);
    std::size_t learned = 0;
    for (bool open = true; open; ++learned) {
      ot::OtKey& other_key = pairs.at(P2)[0].as_B.k[learned][1];  // the bet: Δ's bit is 0
      const ot::OtKey real = std::exchange(other_key, rng.secret<32>());
      const ecdsa::Signing as_2{rng.bytes<32>(), PartySet::first(2), P2, {}, {Digest{}}};
      ecdsa::Signing as_1 = as_2;
      as_1.i = P1;
      const ecdsa::Begun begun = ecdsa::begin(as_2, pairs.at(P2), rng);
      open = ecdsa::check_extension(as_1, pairs.at(P1), P2, begun.messages[P1]).has_value();
      EXPECT_EQ(open, !delta_bit(pairs.at(P1)[0], learned));
      other_key = real.copy();
    }
    bits += learned;
    most = std::max(most, learned);
  }
  EXPECT_GT(bits, kTrials * 3 / 2);
  EXPECT_LT(bits, kTrials * 5 / 2);
  EXPECT_LT(most, 20u);
}

// All who fail are found in one go: otherwise one of two learns its result for nothing.
TEST(EcdsaExtensionAttacks, EveryFailingPeerIsQuarantined) {
  const EcdsaWorld world(PartySet::first(4), 4, 4);
  Simulation<EcdsaWorld> sim(world, 1);
  sim.corrupt = {P2, P3};
  sim.tamper = [](Wire& w) {
    change_message<ecdsa::Round1>(w, [](ecdsa::Round1& m, PartyId) { m.extension.u[7] ^= 1; });
  };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  for (const PartyId i : sim.honest()) {
    EXPECT_EQ(outcomes[i].abort->culprits, (PartySet{P2, P3}));
    ASSERT_EQ(sim.durable[i].size(), 1u);
    EXPECT_EQ(decode<QuarantineStep>(sim.durable[i][0]).peers, (PartySet{P2, P3}));
  }
}

// The record waits for the store; what a peer does meanwhile does not hide it.
TEST(EcdsaExtensionAttacks, TheQuarantineOutlivesAFault) {
  const EcdsaWorld world(PartySet::first(2), 2, 2);
  SeededRng rng1(1), rng2(2);
  const auto mine = world.start(SessionConfig{Digest{7}, world.T, P1, rng1});
  const auto theirs = world.start(SessionConfig{Digest{7}, world.T, P2, rng2});
  mine->resume();
  theirs->resume();
  for (const Outgoing& m : theirs->take_outbox()) {
    Wire w{P2, P1, std::string(m.tag), Bytes(m.body.begin(), m.body.end()), false};
    change_message<ecdsa::Round1>(w, [](ecdsa::Round1& r, PartyId) { r.extension.u[7] ^= 1; });
    mine->deliver(P2, w.tag, w.body);
  }
  EXPECT_TRUE(mine->quarantined().empty());
  mine->resume();
  EXPECT_EQ(mine->quarantined(), PartySet{P2});
  EXPECT_FALSE(mine->done());
  mine->deliver(P2, "x/y/1", Bytes{1});
  mine->resume();
  EXPECT_TRUE(mine->done());
  EXPECT_EQ(mine->quarantined(), PartySet{P2});
}

// attack 26: the same secrets, and even the same random bytes: another session has another extension, and the rows say
// nothing about the choices.
TEST(EcdsaExtensionAttacks, NothingRepeatsInAnotherSession) {
  const EcdsaWorld world(PartySet::first(2), 2, 2);
  const auto message = [&](std::uint8_t sid, std::uint64_t seed) {
    SeededRng rng(seed);
    const ecdsa::Signing signing{Digest{sid}, world.T, P2, world.keys, world.digests};
    return ecdsa::begin(signing, world.pairs.at(P2), rng).messages[P1];
  };
  const auto equal_bits = [](const auto& a, const auto& b) {
    int equal = 0;
    for (std::size_t k = 0; k < a.size(); ++k) equal += 8 - std::popcount(static_cast<std::uint8_t>(a[k] ^ b[k]));
    return equal;
  };
  const auto first = message(1, 5), again = message(2, 5), fresh = message(1, 6);
  EXPECT_NE(first.extension.nonce, fresh.extension.nonce);
  const int half = static_cast<int>(first.extension.u.size()) * 4;
  for (const auto* other : {&again, &fresh}) {
    EXPECT_NEAR(equal_bits(first.extension.u, other->extension.u), half, half / 20);
    EXPECT_NE(first.extension.x_check, other->extension.x_check);
  }
}

}  // namespace
}  // namespace quorate::test

// Honest runs, and every way in which the world may fail them.
#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

template <class C>
class Dkg : public testing::Test {};
TYPED_TEST_SUITE(Dkg, Curves, CurveNames);

template <class C>
typename Simulation<DkgWorld<C>>::Outcomes run_honestly(const DkgWorld<C>& world, std::uint64_t seed) {
  Simulation<DkgWorld<C>> sim(world, seed);
  auto outcomes = sim.run();
  EXPECT_TRUE(expect_safe(sim, outcomes));
  return outcomes;
}

// Any t shares give log Y, any t−1 do not. // attack 20
template <class C>
void expect_threshold(const DkgWorld<C>& world, typename Simulation<DkgWorld<C>>::Outcomes& outcomes) {
  PerParty<Scalar<C>> x(world.parties(), [&](PartyId i) { return outcomes[i].result->share.x_i; });
  const Point<C> Y = outcomes[PartyId(1)].result->share.Y;
  const auto n = world.parties().size();
  for (std::uint32_t bits = 1; bits < (1u << n); ++bits) {
    PartySet set;
    for (const PartyId j : world.parties())
      if ((bits >> world.parties().position(j)) & 1) set.insert(j);
    if (set.size() + 1 < world.t() || set.size() > world.t() + 1) continue;
    EXPECT_EQ(Point<C>::base(reconstruct(x, set)) == Y, set.size() >= world.t());
  }
}

TYPED_TEST(Dkg, EveryThresholdOfEveryCommitteeUpTo7) {
  for (unsigned n = 2; n <= 7; ++n)
    for (unsigned t = 2; t <= n; ++t) {
      const DkgWorld<TypeParam> world(n, t);
      auto outcomes = run_honestly(world, n * 10 + t);
      for (const PartyId i : world.parties()) ASSERT_EQ(outcomes[i].end, End::finished) << n << " " << t;
      expect_threshold(world, outcomes);
    }
}

TYPED_TEST(Dkg, ThirtyTwoParties) {
  const DkgWorld<TypeParam> world(32, 2);
  auto outcomes = run_honestly(world, 1);
  for (const PartyId i : world.parties()) ASSERT_EQ(outcomes[i].end, End::finished);
  EXPECT_EQ(outcomes[PartyId(32)].result->certificate.signatures.size(), 32u);
}

TYPED_TEST(Dkg, TheCertificateSaysWhatWasAsked) {
  const DkgWorld<TypeParam> world(3, 2);
  Simulation<DkgWorld<TypeParam>> sim(world, 5);
  const auto outcomes = sim.run();
  const CertificateBody& body = outcomes[PartyId(2)].result->certificate.body;
  EXPECT_EQ(body.cluster_id, world.parameters.cluster_id);
  EXPECT_EQ(body.name, world.parameters.name);
  EXPECT_EQ(body.algorithm, world.parameters.algorithm);
  EXPECT_EQ(body.committee, world.parameters.committee);
  EXPECT_EQ(body.policy_digest, world.parameters.policy_digest);
  EXPECT_EQ(body.request_digest, world.parameters.request_digest);
  EXPECT_EQ(body.config_version, 3u);
  EXPECT_EQ(body.number, 1u);
  EXPECT_EQ(body.base_number, 0u);
  EXPECT_EQ(body.sid, sim.sid);
}

// Two runs share nothing, whatever they have in common.
TYPED_TEST(Dkg, EveryAttemptIsFresh) {
  const DkgWorld<TypeParam> world(2, 2);
  const auto a = run_honestly(world, 1), b = run_honestly(world, 2);
  const auto& x = a[PartyId(1)].result->certificate.body;
  const auto& y = b[PartyId(1)].result->certificate.body;
  EXPECT_NE(x.Y, y.Y);
  EXPECT_NE(x.key_id, y.key_id);
  EXPECT_NE(x.chain_code_hash, y.chain_code_hash);
}

// The formulas and the wire, pinned: a change of any hash's input or any encoding shows here.
TEST(DkgSnapshot, TheSameSeedsGiveTheSameKey) {
  const auto body = [](const auto& outcomes) { return outcomes[PartyId(1)].result->certificate.body; };
  EXPECT_EQ(to_hex(body(run_honestly(DkgWorld<Secp256k1>(2, 2), 1)).digest()),
            "32fc0173ad42fd8def951444fc67dc15a390cd428389c099b49e05707c139cfe");
  EXPECT_EQ(to_hex(body(run_honestly(DkgWorld<Ed25519>(2, 2), 1)).digest()),
            "fe90810d79a6bfd46bf1522f7a70c9dd8a654d9d392555b666f6229924f32938");
}

TYPED_TEST(Dkg, LossLatenessCrashesAndFullDisksAreNobodysFault) {
  int finished = 0, silent = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const unsigned n = 2 + static_cast<unsigned>(seed % 3);
    const DkgWorld<TypeParam> world(n, 2);
    Simulation<DkgWorld<TypeParam>> sim(world, seed);
    sim.faults = {.duplicate = 50, .drop = 15, .late = 20, .crash = 8, .durable_fails = 20, .mutate = 0};
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : world.parties()) {
      finished += outcomes[i].end == End::finished;
      silent += outcomes[i].abort.has_value();
    }
  }
  EXPECT_GT(finished, 300);
  EXPECT_GT(silent, 100);
}

TYPED_TEST(Dkg, GarbageNamesOnlyItsSenders) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const unsigned n = 3 + static_cast<unsigned>(seed % 2);
    const DkgWorld<TypeParam> world(n, 2 + static_cast<unsigned>(seed % 2));
    Simulation<DkgWorld<TypeParam>> sim(world, seed);
    sim.corrupt = {PartyId(2)};
    sim.faults = {.duplicate = 50, .drop = 0, .late = 0, .crash = 0, .durable_fails = 0, .mutate = 250};
    ASSERT_TRUE(expect_safe(sim, sim.run()));
  }
}

// A certificate's signature leaves a node only after its host has stored the prepared share, and what it has stored
// makes a usable share.
TYPED_TEST(Dkg, PreparedIsDurableBeforeItIsSigned) {
  const DkgWorld<TypeParam> world(3, 2);
  int signatures = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Simulation<DkgWorld<TypeParam>> sim(world, seed);
    sim.watch = [&](const Wire& w) {
      if (w.tag != DkgRound4::tag) return;
      ++signatures;
      ASSERT_EQ(sim.durable[w.from].size(), 1u);
      const auto prepared = decode<PreparedShare<TypeParam>>(sim.durable[w.from][0]);
      EXPECT_TRUE(prepared.share.belongs_to(prepared.body, w.from));
      EXPECT_TRUE(verify_certificate_signature(prepared.body, w.from, decode<DkgRound4>(w.body).signature));
    };
    sim.run();
  }
  EXPECT_EQ(signatures, 20 * 6);
}

TYPED_TEST(Dkg, NobodyOpensBeforeAllHaveCommitted) { expect_openings_after_all_commitments(DkgWorld<TypeParam>(3, 2)); }

TYPED_TEST(Dkg, EveryLostMessageAndFailedStoreIsSafe) {
  const DkgWorld<TypeParam> world(3, 2);
  int k = 0;
  for (;; ++k) {
    Simulation<DkgWorld<TypeParam>> sim(world, 9);
    sim.drop_at = k;
    ASSERT_TRUE(expect_safe(sim, sim.run()));
    if (sim.lost == 0) break;
  }
  EXPECT_EQ(k, 4 * 6);
  for (k = 0;; ++k) {
    Simulation<DkgWorld<TypeParam>> sim(world, 9);
    sim.fail_durable_at = k;
    ASSERT_TRUE(expect_safe(sim, sim.run()));
    if (sim.lost == 0) break;
  }
  EXPECT_EQ(k, 3);
}

// attack 18: whoever missed a signature completes the certificate from the others later, from what it has stored.
TYPED_TEST(Dkg, AMissedSignatureHealsFromThePreparedShare) {
  const DkgWorld<TypeParam> world(3, 2);
  Simulation<DkgWorld<TypeParam>> sim(world, 4);
  std::map<PartyId, Signature64> signed_by;
  sim.corrupt = {PartyId(3)};
  sim.watch = [&](const Wire& w) {
    if (w.tag == DkgRound4::tag) signed_by[w.from] = decode<DkgRound4>(w.body).signature;
  };
  sim.tamper = [&](Wire& w) { w.dropped = w.tag == DkgRound4::tag && w.to == PartyId(1); };
  const auto outcomes = sim.run();
  ASSERT_TRUE(expect_safe(sim, outcomes));
  ASSERT_EQ(outcomes[PartyId(1)].end, End::aborted);
  ASSERT_EQ(outcomes[PartyId(2)].end, End::finished);

  const auto prepared = decode<PreparedShare<TypeParam>>(sim.durable[PartyId(1)].at(0));
  CertificateCollector collector(prepared.body);
  EXPECT_TRUE(collector.add(PartyId(1), signed_by[PartyId(1)]));
  EXPECT_TRUE(collector.add(PartyId(2), signed_by[PartyId(2)]));
  EXPECT_EQ(collector.missing(), PartySet{PartyId(3)});
  EXPECT_FALSE(collector.complete());
  EXPECT_FALSE(collector.add(PartyId(3), signed_by[PartyId(2)]));
  EXPECT_FALSE(collector.add(PartyId(4), signed_by[PartyId(3)]));
  EXPECT_TRUE(collector.add(PartyId(3), signed_by[PartyId(3)]));
  ASSERT_TRUE(collector.complete());
  EXPECT_EQ(encode(*collector.complete()), encode(outcomes[PartyId(2)].result->certificate));
}

}  // namespace
}  // namespace quorate::test

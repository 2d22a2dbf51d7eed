// The key generation of ECDSA keys: what the pairwise setup in its rounds gives, and how it may be disturbed.
#include <bit>
#include <set>

#include "tests/keygen/dkg_world.h"

namespace quorate::test {
namespace {

using K = Secp256k1;
using EcdsaWorld = DkgWorld<K, EcdsaSetup>;
using Result = DkgResult<K, EcdsaSetup>;
using Round1 = DkgRound1<EcdsaSetup>;
using Round2 = DkgRound2<K, EcdsaSetup>;

const PartyId P1(1), P2(2), P3(3);

// A message of one kind is none of the other's.
static_assert(Round1::tag != DkgRound1<>::tag && Round2::tag != DkgRound2<K>::tag);

const PairSecrets& pair_of(const Simulation<EcdsaWorld>::Outcomes& outcomes, PartyId i, PartyId j) {
  return outcomes[i].result->pairwise.at(outcomes.parties().without(i).position(j));
}

// How many of the 128 keys of A and B are one: k_A = k_B^{Δ_i}, and not the other one.
int agreeing(const ot::ReceiverKeys& a, const ot::SenderKeys& b) {
  int agreed = 0;
  for (std::size_t i = 0; i < ot::kKappa; ++i) {
    const std::size_t bit = (a.delta.expose()[i / 8] >> (i % 8)) & 1;
    agreed += a.k[i].expose() == b.k[i][bit].expose() && a.k[i].expose() != b.k[i][1 - bit].expose();
  }
  return agreed;
}
bool agree(const Simulation<EcdsaWorld>::Outcomes& outcomes, PartyId i, PartyId j) {
  const PairSecrets& ij = pair_of(outcomes, i, j);
  const PairSecrets& ji = pair_of(outcomes, j, i);
  return agreeing(ij.as_A, ji.as_B) == 128 && agreeing(ji.as_A, ij.as_B) == 128 && ij.seed.expose() == ji.seed.expose();
}

class EcdsaDkg : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    world = std::make_unique<EcdsaWorld>(3, 2);
    sim = std::make_unique<Simulation<EcdsaWorld>>(*world, 1);
    outcomes = sim->run();
    ASSERT_TRUE(expect_safe(*sim, outcomes));
  }
  static void TearDownTestSuite() { sim.reset(), world.reset(); }
  static SecretBytes record() { return sim->durable[P1].at(0); }
  static const CertificateBody& body() { return outcomes[P1].result->certificate.body; }

  static inline std::unique_ptr<EcdsaWorld> world;
  static inline std::unique_ptr<Simulation<EcdsaWorld>> sim;  // of a finished run
  static inline Simulation<EcdsaWorld>::Outcomes outcomes;
};

TEST(SetupOfAlgorithm, EachServesItsOwn) {
  for (const Algorithm a : {Algorithm::eddsa_ed25519, Algorithm::schnorr_secp256k1, Algorithm::ecdsa_secp256k1}) {
    EXPECT_EQ(EcdsaSetup::serves(a), a == Algorithm::ecdsa_secp256k1);
    EXPECT_EQ(NoSetup::serves(a), a != Algorithm::ecdsa_secp256k1);
  }
}

TEST_F(EcdsaDkg, EveryPairAgrees) {
  for (const auto& [n, t] : std::vector<std::pair<unsigned, unsigned>>{{2, 2}, {3, 3}, {4, 2}}) {
    const EcdsaWorld other(n, t);
    Simulation<EcdsaWorld> run(other, n * 10 + t);
    const auto ends = run.run();
    ASSERT_TRUE(expect_safe(run, ends));
    for (const PartyId i : other.parties()) {
      ASSERT_EQ(ends[i].end, End::finished);
      EXPECT_TRUE(is_complete(ends[i].result->pairwise, other.parties(), i));
      for (const PartyId j : other.parties().without(i)) EXPECT_TRUE(agree(ends, i, j));
    }
  }
}

// Nothing repeats, between indices, directions or pairs. // attack 23
TEST_F(EcdsaDkg, EveryKeyDeltaAndSeedIsItsOwn) {
  std::set<Bytes32> keys, seeds;
  std::set<ot::Block> deltas;
  for (const PartyId i : world->parties())
    for (const PartyId j : world->parties().without(i)) {
      const PairSecrets& pair = pair_of(outcomes, i, j);
      for (const auto& k : pair.as_B.k) keys.insert({k[0].expose(), k[1].expose()});
      deltas.insert(pair.as_A.delta.expose());
      seeds.insert(pair.seed.expose());
      int ones = 0;
      for (const std::uint8_t byte : pair.as_A.delta.expose()) ones += std::popcount(byte);
      EXPECT_GT(ones, 24);
      EXPECT_LT(ones, 104);
    }
  EXPECT_EQ(keys.size(), 6u * 256);
  EXPECT_EQ(deltas.size(), 6u);
  EXPECT_EQ(seeds.size(), 3u);
}

// ---- what is stored

TEST_F(EcdsaDkg, TheRecordGivesTheShareBack) {
  const auto prepared = decode<PreparedEcdsaShare>(record());
  EXPECT_EQ(encode(prepared), record());
  EXPECT_TRUE(prepared.share.belongs_to(body(), P1));
  EXPECT_EQ(encode(prepared.pairwise), encode(outcomes[P1].result->pairwise));

  const auto points = KeyPoints<K>::of(body()).value();
  const auto stored = stored_ecdsa_share(record(), body(), points, P1);
  ASSERT_TRUE(stored);
  EXPECT_EQ(encode(stored->share), encode(prepared.share));
  EXPECT_EQ(encode(stored->pairwise), encode(prepared.pairwise));
  EXPECT_FALSE(stored_ecdsa_share(record(), body(), points, P2));
}

TEST_F(EcdsaDkg, TheRecordIsBounded) {
  EXPECT_LE(wire::max_size<PairSecrets>, 20u * 1024);
  EXPECT_LE(record().size(), 2 * 20u * 1024);
  EXPECT_LT(wire::max_size<PreparedEcdsaShare>, limits::kMaxRecord);  // with 31 peers
  EXPECT_LT(wire::max_size<Round1>, 10u * 1024);
}

// A record that lacks a pair, has one twice or another one, or is not an ECDSA key's, is refused by every decoder.
TEST_F(EcdsaDkg, ARecordWithOtherPairsIsRefused) {
  const auto points = KeyPoints<K>::of(body()).value();
  const auto refused = [&](auto&& change) {
    auto prepared = decode<PreparedEcdsaShare>(record());
    change(prepared);
    const SecretBytes changed = encode(prepared);
    const bool is_refused = !stored_ecdsa_share(changed, body(), points, P1);
    try {
      decode<PreparedEcdsaShare>(changed);
      EXPECT_FALSE(is_refused);
    } catch (const Malformed&) {
      EXPECT_TRUE(is_refused);
    }
    return is_refused;
  };
  using Prepared = PreparedEcdsaShare;
  EXPECT_FALSE(refused([](Prepared&) {}));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise_version = 2; }));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise_version = 0; }));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise.pop_back(); }));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise.clear(); }));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise.emplace_back().peer = PartyId(4); }));
  EXPECT_TRUE(refused([](Prepared& p) { std::swap(p.pairwise[0], p.pairwise[1]); }));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise[0].peer = P1; }));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise[0].peer = P3; }));
  EXPECT_TRUE(refused([](Prepared& p) { p.pairwise[1].peer = PartyId(4); }));
  EXPECT_TRUE(refused([](Prepared& p) { p.share.algorithm = Algorithm::schnorr_secp256k1; }));
  for (const std::size_t length : {std::size_t{0}, std::size_t{6}, record().size() - 1}) {
    SecretBytes shorter = record();
    shorter.resize(length);
    EXPECT_FALSE(stored_ecdsa_share(shorter, body(), points, P1));
    EXPECT_THROW(decode<PreparedEcdsaShare>(shorter), Malformed);
  }
  CertificateBody other = body();
  other.algorithm = Algorithm::schnorr_secp256k1;
  EXPECT_FALSE(stored_ecdsa_share(record(), other, points, P1));
  auto of_other = decode<PreparedEcdsaShare>(record());  // the share of a key of another algorithm, with pairs
  of_other.body = other;
  of_other.share.algorithm = other.algorithm;
  of_other.share.certificate = other.digest();
  EXPECT_FALSE(stored_ecdsa_share(encode(of_other), other, points, P1));
  EXPECT_THROW(decode<PreparedShare<K>>(record()), Malformed);
}

// ---- faults

TEST_F(EcdsaDkg, LossDelayCrashesAndFullDisksAreNobodysFault) {
  const EcdsaWorld two(2, 2);
  int finished = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    Simulation<EcdsaWorld> run(two, seed);
    run.faults = {.duplicate = 50, .drop = 30, .late = 20, .crash = 8, .durable_fails = 20, .mutate = 0};
    const auto ends = run.run();
    ASSERT_TRUE(expect_safe(run, ends));
    for (const PartyId i : two.parties()) finished += ends[i].end == End::finished;
    const bool both = ends[P1].result && ends[P2].result;
    EXPECT_TRUE(!both || agree(ends, P1, P2));
  }
  EXPECT_GT(finished, 6);
}

TEST_F(EcdsaDkg, EveryLostMessageAndFailedStoreIsSafe) {
  const EcdsaWorld two(2, 2);
  const auto until_nothing_is_lost = [&](int Simulation<EcdsaWorld>::*what) {
    for (int k = 0;; ++k) {
      Simulation<EcdsaWorld> run(two, 9);
      run.*what = k;
      EXPECT_TRUE(expect_safe(run, run.run()));
      if (run.lost == 0) return k;
    }
  };
  EXPECT_EQ(until_nothing_is_lost(&Simulation<EcdsaWorld>::drop_at), 4 * 2);
  EXPECT_EQ(until_nothing_is_lost(&Simulation<EcdsaWorld>::fail_durable_at), 2);
}

TEST_F(EcdsaDkg, GarbageNamesOnlyItsSenders) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Simulation<EcdsaWorld> run(*world, seed);
    run.corrupt = {P2};
    run.faults = {.duplicate = 50, .drop = 0, .late = 0, .crash = 0, .durable_fails = 0, .mutate = 300};
    ASSERT_TRUE(expect_safe(run, run.run()));
  }
}

TEST_F(EcdsaDkg, TwinsNeverMakeTwoKeysAndNameNobodyHonest) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Simulation<EcdsaWorld> run(*world, seed);
    run.split_brain(P1);
    const auto ends = run.run();
    ASSERT_TRUE(expect_safe(run, ends));
    for (const PartyId i : run.honest()) ASSERT_NE(ends[i].end, End::finished);
  }
}

TEST_F(EcdsaDkg, NobodyOpensBeforeAllHaveCommitted) { expect_openings_after_all_commitments(*world); }

// ---- a corrupt member

// What makes Q_c the identity: R_c = −Hp(i, c, R_{1−c}).
void cancel(const SessionId& sid, PartyId A, PartyId B, std::size_t i, std::size_t c, ot::BaseOtRequest& request) {
  Transcript t("quorate/ot/hash-to-point/1");
  t.absorb(sid).absorb(A).absorb(B).absorb(static_cast<std::uint8_t>(i)).absorb(static_cast<std::uint8_t>(c));
  t.absorb(request.R[i][1 - c]);
  request.R[i][c] = -Point<K>::from_uniform(t.wide().expose());
}

// attack 23: the identity, reached by addition
TEST_F(EcdsaDkg, ARequestWhosePointsCancelNamesItsSender) {
  for (const auto& [i, c] : std::vector<std::pair<std::size_t, std::size_t>>{{0, 0}, {0, 1}, {127, 0}, {127, 1}}) {
    const std::size_t index = i, choice = c;
    Plan<K, EcdsaSetup> plan;
    plan.round1 = [&](const SessionId& sid, PartyId me, PartyId to, Round1& m) {
      cancel(sid, me, to, index, choice, m.setup.request);
    };
    const Attack<K, EcdsaSetup> a(2, 2, plan);
    EXPECT_EQ(a.end(1), "base-OT request is not well-formed!");
  }
  // Only its recipient learns of it; made for another pair it is a request like any other.
  for (const bool for_another : {false, true}) {
    Plan<K, EcdsaSetup> plan;
    plan.round1 = [&](const SessionId& sid, PartyId me, PartyId to, Round1& m) {
      if (to == P1) cancel(sid, me, for_another ? P2 : P1, 3, 1, m.setup.request);
    };
    const Attack<K, EcdsaSetup> a(3, 2, plan);
    EXPECT_EQ(a.end(1), for_another ? "finished" : "base-OT request is not well-formed!");
    EXPECT_EQ(a.end(2), for_another ? "finished" : "silent");
  }
}

// attacks 10, 23: identity, off-curve, x from p up
TEST_F(EcdsaDkg, BadPointsNameTheirSender) {
  const EcdsaWorld two(2, 2);
  const auto expect_malformed = [&](std::string_view tag, std::size_t leaf, const Bytes& value) {
    Simulation<EcdsaWorld> run(two, 2);
    run.corrupt = {P2};
    run.tamper = [&](Wire& w) {
      if (w.tag != tag) return;
      const wire::Span at = MessageTools<EcdsaWorld::MessageList>::leaves(tag, w.body).at(leaf);
      ASSERT_EQ(at.length, value.size());
      std::copy(value.begin(), value.end(), w.body.begin() + static_cast<std::ptrdiff_t>(at.offset));
    };
    const auto ends = run.run();
    ASSERT_TRUE(expect_safe(run, ends));
    ASSERT_TRUE(ends[P1].abort);
    EXPECT_EQ(ends[P1].abort->reason, Reason::malformed) << tag << " " << leaf << " " << to_hex(value);
  };
  for (const Bytes& P :
       {Bytes(33), *from_hex("02" + std::string(64, 'f')), *from_hex("02" + std::string(63, '0') + "5")}) {
    for (const std::size_t leaf : {1u, 2u, 256u}) expect_malformed(Round1::tag, leaf, P);
    expect_malformed(Round2::tag, 13, P);
  }
}

// Base OT is not verified: a member that sends other valid points and seeds is found when it signs. Nobody is blamed
// for it here, and the others' pairs are not touched.
TEST_F(EcdsaDkg, ASetupOfOtherValidValuesHarmsOnlyItsOwnPairs) {
  Simulation<EcdsaWorld> run(*world, 3);
  run.corrupt = {P3};
  SeededRng rng(8);
  run.tamper = [&](Wire& w) {
    const auto replace = [&]<class M>(std::type_identity<M>) {
      if (w.tag != M::tag) return;
      M m = decode<M>(w.body);
      randomize(m.setup, rng);
      const SecretBytes bytes = encode(m);
      w.body.assign(bytes.begin(), bytes.end());
    };
    replace(std::type_identity<Round1>{});
    replace(std::type_identity<Round2>{});
  };
  const auto ends = run.run();
  ASSERT_TRUE(expect_safe(run, ends));
  for (const PartyId i : run.honest()) {
    ASSERT_EQ(ends[i].end, End::finished);
    EXPECT_FALSE(agree(ends, i, P3));
    EXPECT_EQ(agreeing(pair_of(ends, i, P3).as_A, pair_of(ends, P3, i).as_B), 0);
    EXPECT_EQ(agreeing(pair_of(ends, P3, i).as_A, pair_of(ends, i, P3).as_B), 0);
  }
  EXPECT_TRUE(agree(ends, P1, P2));
}

// The first and last points of the request, and every other field of every message: a change either ends the key
// generation or is one of the setup, which nothing verifies yet.
TEST_F(EcdsaDkg, EveryChangeIsNoticedUnlessItIsOneOfTheSetup) {
  constexpr std::size_t kFirstOfSetup = 13;  // R2: reply, s
  const auto of_setup = [](std::string_view tag, std::size_t leaf) {
    return (tag == Round1::tag && leaf > 0) || (tag == Round2::tag && leaf >= kFirstOfSetup);
  };
  const auto chosen = [](std::string_view tag, std::size_t leaf, Change how) {
    if (how == Change::per_recipient || how == Change::one_recipient) return false;  // there is only one
    return tag != Round1::tag || leaf <= 1 || leaf == 256;
  };
  const TamperReport report = tamper_matrix(EcdsaWorld(2, 2), P2, 1, chosen);
  EXPECT_EQ(report.cells, 4 * (3 + 15 + 2 + 1) + 4 * 4);
  EXPECT_GT(report.changed_runs, 90);
  std::set<std::string> allowed;
  for (const std::string_view tag : {Round1::tag, Round2::tag})
    for (std::size_t leaf = 0; leaf <= 256; ++leaf)
      for (const Change how : kPerLeaf)
        if (of_setup(tag, leaf))
          allowed.insert(std::string(tag) + ", leaf " + std::to_string(leaf) + ", " + std::string(name_of(how)));
  for (const std::string& unnoticed : report.unnoticed) EXPECT_TRUE(allowed.contains(unnoticed)) << unnoticed;
  EXPECT_GE(report.unnoticed.size(), 4u * 2);  // other valid values of the four leaves do pass
  for (const Reason expected : {Reason::malformed, Reason::silent, Reason::bad_opening, Reason::bad_share_signature,
                                Reason::echo_mismatch, Reason::bad_certificate_signature})
    EXPECT_GT(report.reasons.count(expected), 0u) << name_of(expected);
}

}  // namespace
}  // namespace quorate::test

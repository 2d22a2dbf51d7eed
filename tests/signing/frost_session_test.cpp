// FROST as a protocol: honest runs, a failing world, every change that one corrupt signer can make.
#include "tests/signing/frost_world.h"

namespace quorate::test {
namespace {

template <class S>
class FrostSession : public testing::Test {};
using Suites = testing::Types<FrostEd25519, FrostBip340>;
TYPED_TEST_SUITE(FrostSession, Suites);

PartySet last(unsigned k, unsigned n) { return PartySet::first(n) - PartySet::first(n - k); }

TYPED_TEST(FrostSession, EveryThresholdOfEveryCommitteeUpTo7) {
  for (unsigned n = 2; n <= 7; ++n)
    for (unsigned t = 2; t <= n; ++t)
      for (unsigned signers = t; signers <= std::min(n, t + 1); ++signers) {
        const FrostWorld<TypeParam> world(last(signers, n), t, n);
        Simulation<FrostWorld<TypeParam>> sim(world, n * 10 + t);
        const auto outcomes = sim.run();
        EXPECT_TRUE(expect_safe(sim, outcomes));
        for (const PartyId i : world.T) ASSERT_EQ(outcomes[i].end, End::finished) << n << " " << t;
      }
}

TYPED_TEST(FrostSession, LossLatenessCrashesAndFullDisksAreNobodysFault) {
  int finished = 0, silent = 0;
  const FrostWorld<TypeParam> world(last(3, 4), 3, 4);
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Simulation<FrostWorld<TypeParam>> sim(world, seed);
    sim.faults = {.duplicate = 50, .drop = 20, .late = 20, .crash = 10, .durable_fails = 20, .mutate = 0};
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : world.T) {
      finished += outcomes[i].end == End::finished;
      silent += outcomes[i].abort.has_value();
    }
  }
  EXPECT_GT(finished, 200);
  EXPECT_GT(silent, 50);
}

TYPED_TEST(FrostSession, GarbageNamesOnlyItsSender) {
  const FrostWorld<TypeParam> world(last(3, 4), 3, 4);
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Simulation<FrostWorld<TypeParam>> sim(world, seed);
    sim.corrupt = {PartyId(3)};
    sim.faults = {.duplicate = 50, .drop = 0, .late = 0, .crash = 0, .durable_fails = 0, .mutate = 300};
    ASSERT_TRUE(expect_safe(sim, sim.run()));
  }
}

// Every change of every leaf by one signer is noticed, and no honest signer is blamed.
TYPED_TEST(FrostSession, TamperMatrix) {
  const FrostWorld<TypeParam> world(last(3, 4), 3, 4);
  const TamperReport report = tamper_matrix(world, PartyId(3), 3);
  // A list digest that is wrong for one recipient stops that one; a commitment replaced for everybody alike is not a
  // change to the others but makes its owner's share wrong.
  EXPECT_TRUE(report.unnoticed.empty()) << testing::PrintToString(report.unnoticed);
  EXPECT_GT(report.changed_runs, 50);
  EXPECT_GT(report.reasons.count(Reason::bad_signature_share), 0u);
  EXPECT_GT(report.reasons.count(Reason::echo_mismatch), 0u);
  EXPECT_GT(report.reasons.count(Reason::malformed), 0u);
}

// Two brains: equivocated commitments make honest shares look wrong, so the lists are compared before any share is
// judged. // attack 7
TYPED_TEST(FrostSession, EquivocationBlamesNoHonestSigner) {
  const FrostWorld<TypeParam> world(last(4, 5), 3, 5);
  int mismatches = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Simulation<FrostWorld<TypeParam>> sim(world, seed);
    sim.split_brain(PartyId(4));
    const auto outcomes = sim.run();
    ASSERT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : sim.honest())
      mismatches += outcomes[i].abort && outcomes[i].abort->reason == Reason::echo_mismatch &&
                    outcomes[i].abort->kind == AbortKind::unattributed;
  }
  EXPECT_GT(mismatches, 80);
}

template <class S>
std::string end_with_share_changed(const std::function<void(FrostRound2<typename S::Curve>&)>& change,
                                   const std::function<void(FrostRound1<typename S::Curve>&)>& change_first = {},
                                   std::size_t signatures = 1) {
  using C = typename S::Curve;
  const FrostWorld<S> world(last(3, 4), 3, 4, signatures);
  Simulation<FrostWorld<S>> sim(world, 9);
  const PartyId corrupt(3);
  sim.corrupt = {corrupt};
  sim.tamper = [&](Wire& w) {
    const auto replace = [&](const auto& m) {
      const SecretBytes bytes = encode(m);
      w.body.assign(bytes.begin(), bytes.end());
    };
    if (w.tag == FrostRound2<C>::tag && change) {
      auto m = decode<FrostRound2<C>>(w.body);
      change(m);
      replace(m);
    } else if (w.tag == FrostRound1<C>::tag && change_first) {
      auto m = decode<FrostRound1<C>>(w.body);
      change_first(m);
      replace(m);
    }
  };
  const auto outcomes = sim.run();
  EXPECT_TRUE(expect_safe(sim, outcomes));
  std::string ends;
  for (const PartyId i : sim.honest()) {
    const auto& a = outcomes[i].abort;
    ends += !a ? "finished " : a->what() + std::string(a->culprits == PartySet{corrupt} ? "! " : " ");
  }
  return ends;
}

TYPED_TEST(FrostSession, ABadShareNamesItsSigner) {
  using C = typename TypeParam::Curve;
  const std::string named = std::string(name_of(Reason::bad_signature_share)) + "! ";
  EXPECT_EQ(end_with_share_changed<TypeParam>([](FrostRound2<C>& m) { m.shares[0].z += Scalar<C>::one(); }),
            named + named);
  EXPECT_EQ(end_with_share_changed<TypeParam>([](FrostRound2<C>& m) { m.shares[0].z = -m.shares[0].z; }),
            named + named);
  EXPECT_EQ(end_with_share_changed<TypeParam>([](FrostRound2<C>& m) { m.shares[0].z = Scalar<C>(); }), named + named);
}

TYPED_TEST(FrostSession, ABadShareOfAnySignatureNamesItsSigner) {
  using C = typename TypeParam::Curve;
  const std::string named = std::string(name_of(Reason::bad_signature_share)) + "! ";
  for (std::size_t l = 0; l < 3; ++l)
    EXPECT_EQ(end_with_share_changed<TypeParam>([l](FrostRound2<C>& m) { m.shares[l].z += Scalar<C>::one(); }, {}, 3),
              named + named)
        << l;
  EXPECT_EQ(
      end_with_share_changed<TypeParam>([](FrostRound2<C>& m) { std::swap(m.shares[1].z, m.shares[2].z); }, {}, 3),
      named + named);
}

TYPED_TEST(FrostSession, WhatIsNoPointNamesItsSender) {
  using C = typename TypeParam::Curve;
  const std::string named = std::string(name_of(Reason::malformed)) + "! ";
  EXPECT_EQ(end_with_share_changed<TypeParam>(
                {}, [](FrostRound1<C>& m) { m.commitments[0].E = UncheckedPoint<C>(typename Point<C>::Encoding{}); }),
            named + named);
}

// attack 32: the share leaves only after the host has stored that it is spent.
TYPED_TEST(FrostSession, SpentIsDurableBeforeTheShareLeaves) {
  using C = typename TypeParam::Curve;
  const FrostWorld<TypeParam> world(PartySet::first(2), 2, 3);
  for (int k = 0; k < 2; ++k) {
    Simulation<FrostWorld<TypeParam>> sim(world, 3);
    std::map<PartyId, std::size_t> stored;
    sim.fail_durable_at = k;
    sim.watch = [&](const Wire& w) {
      if (w.tag != FrostRound2<C>::tag) return;
      ASSERT_EQ(sim.durable[w.from].size(), 1u);
      const auto record = decode<FrostSpent>(sim.durable[w.from][0]);
      EXPECT_EQ(record.sid, sim.sid);
      EXPECT_EQ(record.signers, world.T);
      EXPECT_EQ(record.number, 1u);
    };
    const auto outcomes = sim.run();
    EXPECT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : world.T) EXPECT_NE(outcomes[i].end, End::finished);
  }
}

// attack 38: signers who approved different things agree on nothing, and blame nobody.
template <class S>
void expect_nobodys_fault(const std::function<void(FrostWorld<S>&)>& change) {
  const FrostWorld<S> world(PartySet::first(2), 2, 3);
  FrostWorld<S> other(PartySet::first(2), 2, 3);  // the same keys
  change(other);
  Simulation<FrostWorld<S>> sim(world, 4);
  sim.replace(PartyId(2), [&](const SessionConfig& config) { return other.start(config); });
  const auto outcomes = sim.run();
  ASSERT_TRUE(outcomes[PartyId(1)].abort.has_value());
  EXPECT_EQ(outcomes[PartyId(1)].abort->reason, Reason::echo_mismatch);
  EXPECT_EQ(outcomes[PartyId(1)].abort->kind, AbortKind::unattributed);
}
TYPED_TEST(FrostSession, AnotherMessageIsNobodysFault) {
  expect_nobodys_fault<TypeParam>(
      [](FrostWorld<TypeParam>& other) { other.messages[0] = bytes_of("another message"); });
}
// Two nodes that were asked for different paths.
TYPED_TEST(FrostSession, AnotherChildKeyIsNobodysFault) {
  expect_nobodys_fault<TypeParam>([](FrostWorld<TypeParam>& other) {
    other.keys[0] = child_key(other.dealt.Y, Scalar<typename TypeParam::Curve>::one(), 3);
  });
}

// All inputs of a transaction: one session, every signature under a key of its own.
TYPED_TEST(FrostSession, SeveralSignatures) {
  for (std::size_t m = 1; m <= limits::kMaxDigests; ++m) {
    const FrostWorld<TypeParam> world(last(3, 4), 3, 4, m);
    Simulation<FrostWorld<TypeParam>> sim(world, m);
    const auto outcomes = sim.run();
    EXPECT_TRUE(expect_safe(sim, outcomes));
    for (const PartyId i : world.T) ASSERT_EQ(outcomes[i].end, End::finished) << m;
  }
}

TYPED_TEST(FrostSession, TamperMatrixOfSeveralSignatures) {
  const FrostWorld<TypeParam> world(last(2, 3), 2, 3, 3);
  const TamperReport report = tamper_matrix(world, PartyId(3), 1);
  EXPECT_TRUE(report.unnoticed.empty()) << testing::PrintToString(report.unnoticed);
  EXPECT_GT(report.reasons.count(Reason::bad_signature_share), 0u);
}

// One too few or too many names its sender.
TYPED_TEST(FrostSession, ListsOfAnotherLengthNameTheirSender) {
  using C = typename TypeParam::Curve;
  const std::string named = std::string(name_of(Reason::bad_length)) + "! ";
  EXPECT_EQ(end_with_share_changed<TypeParam>([](FrostRound2<C>& m) { m.shares.clear(); }), named + named);
  EXPECT_EQ(end_with_share_changed<TypeParam>([](FrostRound2<C>& m) { m.shares.push_back(m.shares[0]); }),
            named + named);
  EXPECT_EQ(end_with_share_changed<TypeParam>({}, [](FrostRound1<C>& m) { m.commitments.clear(); }), named + named);
  EXPECT_EQ(end_with_share_changed<TypeParam>({}, [](FrostRound1<C>& m) { m.commitments.push_back(m.commitments[0]); }),
            named + named);
}

// Equal messages under two keys of one session, from a generator that repeats itself: the nonces differ all the same.
TEST(FrostInstances, ShareNoNonceEvenFromARepeatingGenerator) {
  const auto committed = [](std::size_t l) {
    SeededRng rng(5);
    return frost::commit<FrostEd25519>(Scalar<Ed25519>::one(), frost::instance_id(Digest{1}, l), {}, rng).commitment();
  };
  EXPECT_EQ(committed(0), committed(0));
  EXPECT_NE(committed(0), committed(1));
}

TYPED_TEST(FrostSession, DestroyedAnywhereItLeavesNothingRunning) {
  const FrostWorld<TypeParam> world(last(3, 4), 3, 4);
  for (int stop = 0; stop < 14; ++stop) {
    Simulation<FrostWorld<TypeParam>> sim(world, 5);
    sim.stop_after = stop;
    static_cast<void>(sim.run());
  }
}

// attack 42: one key, one scheme.
TYPED_TEST(FrostSession, AShareOfAnotherSchemeIsOurOwnBug) {
  FrostWorld<TypeParam> world(PartySet::first(2), 2, 3);
  world.shares.at(PartyId(1)).algorithm = Algorithm::ecdsa_secp256k1;
  SeededRng rng(1);
  const auto session = world.start(SessionConfig{Digest{1}, world.T, PartyId(1), rng});
  EXPECT_DEATH(session->resume(), "algorithm");
}

TYPED_TEST(FrostSession, AKeyThatTheShareDoesNotSignForIsOurOwnBug) {
  using C = typename TypeParam::Curve;
  FrostWorld<TypeParam> world(PartySet::first(2), 2, 3, 2);
  world.keys[1] = root_key(world.dealt.Y + Point<C>::base(Scalar<C>::one()));
  SeededRng rng(1);
  const auto session = world.start(SessionConfig{Digest{1}, world.T, PartyId(1), rng});
  EXPECT_DEATH(session->resume(), "belong_to");
}

}  // namespace
}  // namespace quorate::test

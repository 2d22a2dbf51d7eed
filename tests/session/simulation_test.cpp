#include "tests/session/toss.h"
#include "tests/support/tamper.h"

namespace quorate::test {
namespace {

TEST(Simulation, HonestPartiesAgreeWhateverTheOrder) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const Toss protocol{.n = 2 + static_cast<unsigned>(seed % 6)};
    Simulation<Toss> s(protocol, seed);
    s.faults.duplicate = static_cast<unsigned>(seed % 200);
    const auto outcomes = s.run();
    ASSERT_TRUE(expect_safe(s, outcomes));
    for (const PartyId i : protocol.parties()) ASSERT_EQ(outcomes[i].end, End::finished) << "seed " << seed;
  }
}

TEST(Simulation, LossCrashesAndLatenessAreNobodysFault) {
  int finished = 0, silent = 0, crashed = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const Toss protocol{.n = 2 + static_cast<unsigned>(seed % 5)};
    Simulation<Toss> s(protocol, seed);
    s.faults = {.duplicate = 50, .drop = 15, .late = 30, .crash = 10, .durable_fails = 10, .mutate = 0};
    const auto outcomes = s.run();
    ASSERT_TRUE(expect_safe(s, outcomes));
    for (const PartyId i : protocol.parties()) {
      finished += outcomes[i].end == End::finished;
      silent += outcomes[i].abort.has_value();
      crashed += outcomes[i].end == End::crashed;
    }
  }
  EXPECT_GT(finished, 1000);
  EXPECT_GT(silent, 1000);
  EXPECT_GT(crashed, 100);
}

TEST(Simulation, GarbageNamesOnlyItsSenders) {
  int named = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const Toss protocol{.n = 3 + static_cast<unsigned>(seed % 4)};
    Simulation<Toss> s(protocol, seed);
    s.corrupt = {PartyId(1)};
    if (seed % 2 == 0) s.corrupt.insert(PartyId(3));
    s.faults = {.duplicate = 50, .drop = 0, .late = 0, .crash = 0, .durable_fails = 0, .mutate = 200};
    const auto outcomes = s.run();
    ASSERT_TRUE(expect_safe(s, outcomes));
    for (const PartyId i : s.honest()) named += outcomes[i].abort && outcomes[i].abort->kind == AbortKind::cheated;
  }
  EXPECT_GT(named, 1000);
}

TEST(Simulation, OneSeedOneRun) {
  const Toss protocol{.n = 4};
  const auto trace = [&](std::uint64_t seed) {
    Simulation<Toss> s(protocol, seed);
    s.faults = {.duplicate = 100, .drop = 50, .late = 50, .crash = 20, .durable_fails = 50, .mutate = 0};
    std::string t;
    s.watch = [&](const Wire& w) { t += std::to_string(w.from.index()) + w.tag + to_hex(w.body); };
    s.run();
    return t;
  };
  EXPECT_EQ(trace(7), trace(7));
  EXPECT_NE(trace(7), trace(8));
}

// A corrupt party that shows one self to half of its peers and another to the rest is found by the echo, and the echo
// names nobody.
TEST(Simulation, TwinsAreFoundAndNobodyHonestIsNamed) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed)
    for (unsigned n = 3; n <= 6; ++n) {
      const Toss protocol{.n = n};
      Simulation<Toss> s(protocol, seed);
      s.split_brain(PartyId(1));
      const auto outcomes = s.run();
      ASSERT_TRUE(expect_safe(s, outcomes));
      for (const PartyId i : s.honest()) ASSERT_NE(outcomes[i].end, End::finished);
    }
}

TEST(Tamper, EveryChangeOfTheToyIsNoticed) {
  const TamperReport report = tamper_matrix(Toss{.n = 4}, PartyId(1), 5);
  EXPECT_EQ(report.cells, 6 * (1 + 4 + 1) + 4 * 3);
  EXPECT_GT(report.changed_runs, 150);
  EXPECT_THAT(report.unnoticed, testing::IsEmpty());
  for (const Reason expected :
       {Reason::malformed, Reason::bad_opening, Reason::echo_mismatch, Reason::silent, Reason::bad_length})
    EXPECT_GT(report.reasons.count(expected), 0u) << name_of(expected);
}

// The matrix itself: with the check deleted it sees fewer reasons.
TEST(Tamper, ADeletedCheckShows) {
  const TamperReport report = tamper_matrix(Toss{.n = 3, .check_openings = false}, PartyId(1), 3);
  EXPECT_EQ(report.reasons.count(Reason::bad_opening), 0u);
  EXPECT_FALSE(report.unnoticed.empty());
}

TEST(Simulation, EveryLostMessageAndFailedStoreIsSafe) {
  const Toss protocol{.n = 3};
  int k = 0;
  for (;; ++k) {
    Simulation<Toss> s(protocol, 3);
    s.drop_at = k;
    ASSERT_TRUE(expect_safe(s, s.run()));
    if (s.lost == 0) break;
  }
  EXPECT_EQ(k, 3 * 2 * 3);
  for (k = 0;; ++k) {
    Simulation<Toss> s(protocol, 3);
    s.fail_durable_at = k;
    ASSERT_TRUE(expect_safe(s, s.run()));
    if (s.lost == 0) break;
  }
  EXPECT_EQ(k, 3);
}

}  // namespace
}  // namespace quorate::test

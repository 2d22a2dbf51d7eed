#include "node/inflow.h"

#include <gtest/gtest.h>

namespace quorate::node {
namespace {

const SteadyTime kThen{Millis(1'000'000)};

TEST(Inflow, OfWhoSendsMuchThatLeadsToNothingNoMoreIsWantedForAWhile) {
  Inflow inflow;
  EXPECT_TRUE(inflow.wants_more("loud", kThen));
  for (std::size_t i = 0; i + 1 < limits::kUselessAtOnce; ++i) inflow.useless("loud", kThen);
  EXPECT_TRUE(inflow.wants_more("loud", kThen));
  inflow.useless("loud", kThen);
  EXPECT_FALSE(inflow.wants_more("loud", kThen));
  EXPECT_TRUE(inflow.wants_more("quiet", kThen));
  EXPECT_TRUE(inflow.wants_more("loud", kThen + Millis(1)));
  // What it had sent before is held against it, though not for ever.
  for (int i = 0; i < 1'000'000; ++i) inflow.useless("loud", kThen);
  const Millis all = std::chrono::ceil<Millis>(limits::kMaxInboxPerPeer * limits::kUselessEach);
  EXPECT_FALSE(inflow.wants_more("loud", kThen + all));
  EXPECT_TRUE(inflow.wants_more("loud", kThen + all + Millis(1)));
}

// Much of it has been read before the first one is found useless.
TEST(Inflow, OnlySoMuchThatLeadsToNothingIsReadInTheLongRun) {
  Inflow inflow;
  std::size_t read = 0;
  for (Millis t(0); t < Seconds(10); t += limits::kReadRest) {
    if (!inflow.wants_more("loud", kThen + t)) continue;
    read += limits::kMaxInboxPerPeer / 2;
    for (std::size_t i = 0; i < limits::kMaxInboxPerPeer / 2; ++i) inflow.useless("loud", kThen + t);
  }
  EXPECT_LE(read, Seconds(10) / limits::kUselessEach + limits::kUselessAtOnce + limits::kMaxInboxPerPeer);
}

TEST(Inflow, OfWhatWaitsOnlyHalfIsFilledByReading) {
  Inflow inflow;
  std::size_t n = 0;
  while (inflow.wants_more("a", kThen)) {
    ASSERT_TRUE(inflow.admit("a", 100));
    ++n;
  }
  EXPECT_EQ(n, limits::kMaxInboxPerPeer / 2);
  EXPECT_TRUE(inflow.admit("a", 100)) << "there is room for what has been read already";
  EXPECT_TRUE(inflow.wants_more("b", kThen));
  inflow.done("a", 100);
  inflow.done("a", 100);
  EXPECT_TRUE(inflow.wants_more("a", kThen));
  ASSERT_TRUE(inflow.admit("b", limits::kMaxInboxBytesPerPeer / 2));
  EXPECT_FALSE(inflow.wants_more("b", kThen));
}

}  // namespace
}  // namespace quorate::node

#include "node/doubts.h"

#include <gtest/gtest.h>

namespace quorate::node {
namespace {

constexpr SteadyTime kStart{Millis(5'000)};

TEST(Doubts, LastLongerEachTimeAndAreForgiven) {
  Doubts doubts;
  SteadyTime now = kStart;
  EXPECT_FALSE(doubts.holds("a", now));
  for (Millis lasts = Doubts::kFirst; lasts < Doubts::kMost; lasts *= 2) {
    doubts.add("a", now);
    doubts.add("a", now + Millis(1));  // many requests have waited at once
    EXPECT_TRUE(doubts.holds("a", now + lasts - Millis(1)));
    now += lasts;
    EXPECT_FALSE(doubts.holds("a", now));
    EXPECT_FALSE(doubts.holds("b", now));
  }
  doubts.add("a", now);
  EXPECT_TRUE(doubts.holds("a", now + Doubts::kMost - Millis(1)));
  EXPECT_FALSE(doubts.holds("a", now + Doubts::kMost));
  now += Doubts::kMost + Doubts::kForgiven * Doubts::kMost + Millis(1);
  doubts.add("a", now);
  EXPECT_FALSE(doubts.holds("a", now + Doubts::kFirst));
}

}  // namespace
}  // namespace quorate::node

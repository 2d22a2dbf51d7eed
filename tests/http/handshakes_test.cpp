#include "http/handshakes.h"

#include <gtest/gtest.h>

namespace quorate::http {
namespace {

constexpr HandshakeRations kRations{
    .burst = 8, .each = Millis(100), .common_burst = 4, .common_each = Millis(10), .sources = 3};
const SteadyTime kThen{Millis(1'000'000)};

std::size_t at_once(Handshakes& h, const std::string& source, SteadyTime now) {
  std::size_t n = 0;
  while (h.take(source, now) && n < 100) ++n;
  return n;
}

std::size_t in_turns(Handshakes& h, const std::string& source, SteadyTime now) {
  std::size_t n = 0;
  while (h.take_turn(source, now) && n < 100) ++n;
  return n;
}

TEST(Handshakes, HalfOfASourcesRationIsTakenAtOnceTheRestInTurns) {
  Handshakes h(kRations);
  EXPECT_EQ(at_once(h, "a", kThen), 4U);
  EXPECT_EQ(in_turns(h, "a", kThen), 4U + 4U) << "its own, and what is there for all";
  EXPECT_EQ(at_once(h, "b", kThen), 4U) << "another one has its own";
}

TEST(Handshakes, WhatIsUsedComesBackWithTime) {
  Handshakes h(kRations);
  at_once(h, "a", kThen);
  in_turns(h, "a", kThen);
  EXPECT_EQ(in_turns(h, "a", kThen + Millis(9)), 0U);
  EXPECT_EQ(in_turns(h, "a", kThen + Millis(20)), 2U) << "the common ration";
  EXPECT_FALSE(h.take("a", kThen + Millis(400)));
  EXPECT_TRUE(h.take("a", kThen + Millis(500)));
  EXPECT_EQ(at_once(h, "a", kThen + Millis(100'000)), 4U) << "never more";
}

TEST(Handshakes, WhoAsksSomethingDoesNotRunOut) {
  Handshakes h(kRations);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(h.take("a", kThen)) << i;
    h.was_of_use("a");
  }
  EXPECT_EQ(at_once(h, "a", kThen), 4U) << "and gains nothing";
}

// A machine that has just been started.
TEST(Handshakes, WhoGetsBackMoreThanItsOwnIsNotLockedOut) {
  Handshakes h(kRations);
  const SteadyTime beginning{};
  EXPECT_EQ(in_turns(h, "a", beginning), 8U + 4U) << "its own, and the common ones";
  for (int i = 0; i < 12; ++i) h.was_of_use("a");
  EXPECT_EQ(at_once(h, "a", beginning), 4U);
}

TEST(Handshakes, SourcesAreForgottenNotCollected) {
  Handshakes h(kRations);
  for (const char* s : {"a", "b", "c"}) EXPECT_TRUE(h.take(s, kThen));
  EXPECT_FALSE(h.take("d", kThen)) << "three are told apart";
  EXPECT_TRUE(h.take_turn("d", kThen)) << "it shares what is there for all";
  EXPECT_TRUE(h.take("d", kThen + Millis(200))) << "the others have theirs back";
}

}  // namespace
}  // namespace quorate::http

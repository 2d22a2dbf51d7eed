#include "http/nonce_memory.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace quorate::http {
namespace {

using Known = NonceMemory::Answer;
const Bytes32 kKey{7};

TEST(NonceMemory, ForgetsAfterItsTimeAndIsBounded) {
  NonceMemory memory(kKey, 2, 3);
  const SteadyTime start{};
  EXPECT_EQ(memory.remember("a", "1", "", start), Known::fresh);
  EXPECT_EQ(memory.remember("a", "2", "", start), Known::fresh);
  EXPECT_EQ(memory.remember("a", "3", "", start), Known::full);
  EXPECT_EQ(memory.remember("b", "1", "", start), Known::fresh);
  EXPECT_EQ(memory.remember("c", "1", "", start), Known::full);
  EXPECT_EQ(memory.remember("a", "1", "", start + limits::kNonceMemory - Millis(1)), Known::seen);
  EXPECT_EQ(memory.remember("a", "1", "", start + limits::kNonceMemory), Known::fresh);
  EXPECT_GT(limits::kNonceMemory, limits::kClockBehind + limits::kClockAhead);
}

TEST(NonceMemory, OneUserLeavesRoomForOthers) {
  NonceMemory memory(kKey, 100, 100);
  const auto fill = [&](const std::string& user) {
    int n = 0;
    while (memory.remember(user, std::to_string(n), "", SteadyTime{}) == Known::fresh) ++n;
    return n;
  };
  EXPECT_EQ(fill("a"), 50);
  EXPECT_EQ(fill("b"), 25);
  EXPECT_EQ(fill("c"), 13);
  EXPECT_EQ(memory.remember("d", "1", "", SteadyTime{}), Known::fresh);
}

TEST(NonceMemory, HoldsTwoThousandCallsASecondOfOneUser) {
  constexpr int kRate = 2'000, kSeconds = 200;
  NonceMemory memory(kKey);
  const std::int64_t whole = std::chrono::duration_cast<Seconds>(limits::kNonceMemory).count();
  for (int second = 0; second < kSeconds; ++second)
    for (int i = 0; i < kRate; ++i)
      ASSERT_EQ(memory.remember("a", std::to_string(second * kRate + i), "", SteadyTime(Seconds(second))), Known::fresh)
          << second;
  for (int second = kSeconds - static_cast<int>(whole); second < kSeconds; second += 7)
    EXPECT_EQ(memory.remember("a", std::to_string(second * kRate), "", SteadyTime(Seconds(kSeconds - 1))), Known::seen);
  EXPECT_EQ(memory.remember("a", "one more", "", SteadyTime(Seconds(kSeconds - 1))), Known::full);
}

// Against a model that looks at everything.
TEST(NonceMemory, AnswersLikeAList) {
  std::mt19937 random(1);
  NonceMemory memory(kKey, 4'000, 100'000);
  struct Seen {
    std::string request;
    SteadyTime at;
  };
  std::map<std::pair<std::string, std::string>, Seen> model;
  SteadyTime now{};
  for (int i = 0; i < 60'000; ++i) {
    now += Millis(random() % 40);
    if (random() % 20'000 == 0) now += Seconds(200);
    const std::string user(1, static_cast<char>('a' + random() % 3)), nonce = std::to_string(random() % 6'000);
    const std::string request = random() % 2 == 0 ? "" : "req_" + std::to_string(random() % 2);
    const auto it = model.find({user, nonce});
    const bool known = it != model.end() && now - it->second.at < limits::kNonceMemory;
    const Known expected = !known || (!request.empty() && it->second.request == request) ? Known::fresh : Known::seen;
    const Known answer = memory.remember(user, nonce, request, now);
    if (answer == Known::full) {
      ASSERT_FALSE(known);
      continue;
    }
    ASSERT_EQ(answer, expected) << i;
    if (!known) model.insert_or_assign({user, nonce}, Seen{request, now});
  }
}

}  // namespace
}  // namespace quorate::http

#include "node/parked_calls.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace quorate::node {
namespace {

class ParkedCallsTest : public ::testing::Test {
 protected:
  // Waits 2 s for its end, 10 s more for its request to be stored.
  void park(std::uint64_t ticket) {
    const SteadyTime until = clock.steady() + Seconds(2);
    calls.park(ticket, {[this, ticket](std::function<http::Answer()> make) { answers[ticket] = text_of(make()); },
                        until, until + Seconds(10),
                        [](const std::string& stored) -> http::Answer { return reply("waits for " + stored); },
                        [this](const std::string& stored) { forgotten.push_back(stored); }, held});
  }
  static http::Answer reply(const std::string& text) { return http::Reply{200, text, {}}; }
  static std::string text_of(const http::Answer& answer) { return std::get<http::Reply>(answer).body; }
  void pass(Millis time) {
    clock.advance(time);
    calls.tick();
  }

  ManualClock clock{WallTime(Seconds(1'800'000'000))};
  ParkedCalls calls{clock};
  std::map<std::uint64_t, std::string> answers;
  std::vector<std::string> forgotten;
  std::shared_ptr<int> held = std::make_shared<int>();
  using Answers = decltype(answers);
  using Ids = decltype(forgotten);
};

TEST_F(ParkedCallsTest, TheEndAnswersOnce) {
  park(1);
  park(2);
  EXPECT_TRUE(calls.stored(1, "req_1", false));
  EXPECT_EQ(answers, Answers{});
  calls.answer(1, [] { return reply("done"); });
  calls.answer(1, [] { return reply("again"); });
  EXPECT_EQ(answers, (Answers{{1, "done"}}));
  EXPECT_EQ(forgotten, Ids{}) << "it was told";
  EXPECT_FALSE(calls.stored(1, "req_1", false));
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_EQ(held.use_count(), 2);
}

TEST_F(ParkedCallsTest, ItsTimeAnswersWhatIsStored) {
  park(1);
  EXPECT_TRUE(calls.stored(1, "req_1", false));
  pass(Millis(1'999));
  EXPECT_EQ(answers, Answers{});
  pass(Millis(1));
  EXPECT_EQ(answers, (Answers{{1, "waits for req_1"}}));
  EXPECT_EQ(forgotten, Ids{"req_1"});
  EXPECT_EQ(calls.size(), 0u);
}

TEST_F(ParkedCallsTest, WhatIsNotStoredWaitsForThat) {
  park(1);
  park(2);
  pass(Seconds(2));
  EXPECT_EQ(answers, Answers{});
  EXPECT_TRUE(calls.stored(1, "req_1", false));
  EXPECT_EQ(answers, (Answers{{1, "waits for req_1"}})) << "at once: its time is over";
  pass(Millis(9'999));
  EXPECT_EQ(answers.size(), 1u);
  pass(Millis(1));
  EXPECT_EQ(answers[2], "waits for ");
  EXPECT_EQ(forgotten, Ids{"req_1"});
  EXPECT_FALSE(calls.stored(2, "req_2", false)) << "whoever stores it later learns that nobody waits";
}

TEST_F(ParkedCallsTest, NobodyWaitsForPeople) {
  park(1);
  EXPECT_TRUE(calls.stored(1, "req_1", true));
  EXPECT_EQ(answers, (Answers{{1, "waits for req_1"}}));
}

TEST_F(ParkedCallsTest, WhoHasLeftIsForgotten) {
  park(1);
  park(2);
  EXPECT_TRUE(calls.stored(1, "req_1", false));
  calls.drop(1);
  calls.drop(2);
  EXPECT_EQ(forgotten, Ids{"req_1"});
  EXPECT_FALSE(calls.stored(2, "req_2", false));
  calls.answer(2, [] { return reply("done"); });
  EXPECT_EQ(answers, Answers{});
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(ParkedCallsTest, TheEndOfTheNodeAnswersAll) {
  park(1);
  park(2);
  EXPECT_TRUE(calls.stored(2, "req_2", false));
  calls.close();
  EXPECT_EQ(answers, (Answers{{1, "waits for "}, {2, "waits for req_2"}}));
  park(3);
  EXPECT_EQ(answers[3], "waits for ");
  EXPECT_EQ(calls.size(), 0u);
}

}  // namespace
}  // namespace quorate::node

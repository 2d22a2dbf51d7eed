#include "node/peer_turns.h"

#include <gtest/gtest.h>

#include <new>
#include <utility>
#include <vector>

namespace quorate::node {
namespace {

TEST(PeerTurns, NobodyWaitsBehindAllThatOnePeerHasSent) {
  QueueExecutor desk;
  PeerTurns turns(desk);
  std::vector<std::string> done;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(turns.post("loud", [&] { done.push_back("loud"); }));
  EXPECT_TRUE(turns.post("quiet", [&] { done.push_back("quiet"); }));
  desk.post([&] { done.push_back("own"); });
  for (int i = 0; i < 3; ++i) desk.run_one();
  EXPECT_EQ(done, (std::vector<std::string>{"loud", "quiet", "own"}));
  while (desk.run_one()) {
  }
  EXPECT_EQ(done.size(), 1002U);
}

TEST(PeerTurns, KeepsEachPeersOrderAlsoAfterAFailure) {
  QueueExecutor desk;
  PeerTurns turns(desk);
  std::vector<int> done;
  turns.post("a", [&] {
    done.push_back(0);
    turns.post("a", [&] { done.push_back(3); });
  });
  turns.post("a", [&]() -> void { throw std::runtime_error("1"); });
  turns.post("a", [&] { done.push_back(2); });
  desk.run_one();
  EXPECT_THROW(desk.run_one(), std::runtime_error);
  while (desk.run_one()) {
  }
  EXPECT_EQ(done, (std::vector<int>{0, 2, 3}));
  turns.post("a", [&] { done.push_back(4); });
  EXPECT_TRUE(desk.run_one());
  EXPECT_EQ(done.back(), 4);
}

// Without memory for a turn, now and then.
class Short final : public Executor {
 public:
  bool post(std::function<void()> work) override { return post_always(std::move(work)); }
  bool post_always(std::function<void()> work) override {
    if (std::exchange(fails, false)) throw std::bad_alloc();
    return queue.post_always(std::move(work));
  }
  QueueExecutor queue;
  bool fails = false;
};

TEST(PeerTurns, GoesOnAfterALackOfMemory) {
  Short desk;
  PeerTurns turns(desk);
  std::vector<int> done;
  desk.fails = true;
  EXPECT_THROW(turns.post("a", [&] { done.push_back(-1); }), std::bad_alloc);
  turns.post("a", [&] { done.push_back(0); });
  turns.post("a", [&] { done.push_back(1); });
  desk.fails = true;  // for the turn of the second
  EXPECT_TRUE(desk.queue.run_one());
  EXPECT_FALSE(desk.queue.run_one());
  turns.post("a", [&] { done.push_back(2); });
  while (desk.queue.run_one()) {
  }
  EXPECT_EQ(done, (std::vector<int>{0, 1, 2}));
}

TEST(PeerTurns, NothingWaitsForAPeerToSpeakAgain) {
  Short desk;
  PeerTurns turns(desk);
  std::vector<int> done;
  turns.post("a", [&] { done.push_back(0); });
  turns.post("a", [&] { done.push_back(1); });
  turns.post("a", [&] { done.push_back(2); });
  desk.fails = true;
  EXPECT_TRUE(desk.queue.run_one());
  EXPECT_FALSE(desk.queue.run_one());
  turns.again();
  turns.again();
  EXPECT_TRUE(desk.queue.run_one());
  EXPECT_TRUE(desk.queue.run_one());
  EXPECT_FALSE(desk.queue.run_one());
  EXPECT_EQ(done, (std::vector<int>{0, 1, 2}));
}

// One that has stopped, or whose queue is full.
class Stopped final : public Executor {
 public:
  bool post(std::function<void()>) override { return false; }
  bool post_always(std::function<void()>) override { return false; }
};

TEST(PeerTurns, TellsThatTheDeskHasStopped) {
  Stopped desk;
  PeerTurns turns(desk);
  EXPECT_FALSE(turns.post("a", [] { FAIL(); }));
  EXPECT_FALSE(turns.post("a", [] { FAIL(); }));
}

}  // namespace
}  // namespace quorate::node

// Whose turn it is, and what is let in.
#include "http/worker_pool.h"

#include <gtest/gtest.h>

#include <latch>

namespace quorate::http {
namespace {

// One thread, which the test holds until everything waits.
class WorkerPoolTest : public testing::Test {
 protected:
  void start(std::size_t queue) {
    pool.emplace(1, queue);
    ASSERT_TRUE(pool->submit("first", [this] {
      busy.count_down();
      release.wait();
    }));
    busy.wait();
  }
  bool submit(const std::string& whose) {
    return pool->submit(whose, [this, whose] { done.push_back(whose); });
  }
  bool go_on(const std::string& whose) {
    return pool->go_on(whose, [this, whose] { done.push_back(whose + "'s"); });
  }

  std::latch busy{1}, release{1};
  std::vector<std::string> done;  // by the one thread; looked at after the pool's end
  std::optional<WorkerPool> pool;
};

TEST_F(WorkerPoolTest, AllTakeTurns) {
  start(100);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(submit("a"));
  EXPECT_TRUE(submit("b"));
  EXPECT_TRUE(go_on("c"));
  EXPECT_TRUE(submit("b"));
  EXPECT_TRUE(pool->others_wait());
  std::latch last{1};
  EXPECT_TRUE(pool->go_on("a", [&] { last.count_down(); }));
  release.count_down();
  last.wait();
  pool->stop();
  EXPECT_EQ(done, (std::vector<std::string>{"a", "b", "c's", "a", "b", "a", "a"}));
  EXPECT_FALSE(pool->others_wait());
}

TEST_F(WorkerPoolTest, OneAloneNeverFillsTheQueue) {
  start(4);
  EXPECT_TRUE(submit("a") && submit("a"));
  EXPECT_FALSE(submit("a")) << "two are left, and it has two";
  EXPECT_TRUE(submit("b"));
  EXPECT_FALSE(submit("b"));
  EXPECT_TRUE(submit("c"));
  EXPECT_FALSE(submit("d")) << "four wait";
  EXPECT_TRUE(go_on("a")) << "which was let in before";
  release.count_down();
}

TEST_F(WorkerPoolTest, StopEndsWhatHasBegunOnly) {
  start(10'000'000);
  EXPECT_TRUE(submit("new"));
  EXPECT_TRUE(go_on("begun"));
  std::thread stopper([&] { pool->stop(); });
  while (submit("late")) std::this_thread::yield();  // until the stop has begun
  release.count_down();
  stopper.join();
  EXPECT_EQ(done, std::vector<std::string>{"begun's"});
  EXPECT_FALSE(go_on("begun"));
}

}  // namespace
}  // namespace quorate::http

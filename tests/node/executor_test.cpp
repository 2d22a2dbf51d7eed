#include "node/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <vector>

namespace quorate::node {
namespace {

struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return open; });
  }
  void set() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
};

TEST(ThreadExecutor, RunsOneThingAtATimeInOrder) {
  std::vector<int> seen;
  Gate end;
  ThreadExecutor executor(1000, [](const std::string&) {});
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(executor.post([&seen, i] { seen.push_back(i); }));
  ASSERT_TRUE(executor.post([&end] { end.set(); }));
  end.wait();
  ASSERT_EQ(seen.size(), 500u);
  for (int i = 0; i < 500; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(ThreadExecutor, RefusesMoreThanItsBoundButNeverWhatIsOwed) {
  Gate gate, running, end;
  ThreadExecutor executor(3, [](const std::string&) {});
  ASSERT_TRUE(executor.post([&] {
    running.set();
    gate.wait();
  }));
  running.wait();
  int ran = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(executor.post([&] { ++ran; }));
  EXPECT_FALSE(executor.post([&] { ++ran; }));
  EXPECT_TRUE(executor.post_always([&] { ++ran; }));
  EXPECT_FALSE(executor.post([&] { ++ran; }));
  EXPECT_TRUE(executor.post_always([&] { end.set(); }));
  gate.set();
  end.wait();
  EXPECT_EQ(ran, 4);
}

TEST(ThreadExecutor, AnExceptionIsToldAndTheNextPieceRuns) {
  Gate end;
  std::string told;
  ThreadExecutor executor(10, [&](const std::string& what) { told = what; });
  executor.post([] { throw std::runtime_error("oops"); });
  executor.post([&] { end.set(); });
  end.wait();
  EXPECT_EQ(told, "oops");
}

TEST(ThreadExecutor, StopDropsWhatWaitsAndRefusesMore) {
  Gate gate, running;
  std::atomic<int> ran{0};
  ThreadExecutor executor(10, [](const std::string&) {});
  executor.post([&] {
    running.set();
    gate.wait();
    ++ran;
  });
  running.wait();
  executor.post([&] { ++ran; });
  std::thread stopper([&] { executor.stop(); });
  // Refused as soon as stop() has begun, while the running piece goes on.
  while (executor.post([] {})) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(executor.post_always([] {}));
  gate.set();
  stopper.join();
  EXPECT_EQ(ran, 1);
  executor.stop();  // twice is fine
}

}  // namespace
}  // namespace quorate::node

// Where work runs. One executor runs one thing at a time, in the order given: what belongs to it needs no lock.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace quorate::node {

class Executor {
 public:
  virtual ~Executor() = default;
  // Any thread. False: the queue is full, or the executor has stopped; the work is dropped.
  virtual bool post(std::function<void()> work) = 0;
  // The same without the bound, for the end of what was let in before (a commit, a session, a connection): losing it
  // would leave its beginner waiting for ever. There is never more of it than of what was let in.
  virtual bool post_always(std::function<void()> work) = 0;
};

class ThreadExecutor final : public Executor {
 public:
  // At most `bound` pieces of work wait. `failed` gets the text of an exception that escaped from a piece of work.
  ThreadExecutor(std::size_t bound, std::function<void(const std::string&)> failed);
  ~ThreadExecutor() override;
  bool post(std::function<void()> work) override { return push(std::move(work), bound_); }
  bool post_always(std::function<void()> work) override { return push(std::move(work), SIZE_MAX); }
  void stop();  // what waits is dropped; returns when the running piece has ended

 private:
  bool push(std::function<void()> work, std::size_t bound);
  void run();
  const std::size_t bound_;
  const std::function<void(const std::string&)> failed_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

// Runs what was posted when it is told to: simulations.
class QueueExecutor final : public Executor {
 public:
  bool post(std::function<void()> work) override {
    queue_.push_back(std::move(work));
    return true;
  }
  bool post_always(std::function<void()> work) override { return post(std::move(work)); }
  std::size_t waiting() const { return queue_.size(); }
  bool run_one() {
    if (queue_.empty()) return false;
    const auto work = std::move(queue_.front());
    queue_.pop_front();
    work();
    return true;
  }
  void clear() { queue_.clear(); }

 private:
  std::deque<std::function<void()>> queue_;
};

}  // namespace quorate::node

// Threads that take turns with everybody whose work waits, so that nobody waits for all of another one's.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace quorate::http {

class WorkerPool {
 public:
  using Task = std::function<void()>;  // must not throw

  WorkerPool(std::size_t threads, std::size_t queue) : queue_(queue) {
    threads_.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;

  // False: every thread is busy and as much of `whose` waits as there is room left in the queue, so that one alone
  // never fills it; or the pool has stopped.
  bool submit(const std::string& whose, Task task) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_ || !is_room_for(whose)) return false;
      ++submitted_;
      add(whose, {std::move(task), true});
    }
    ready_.notify_one();
    return true;
  }
  // More of what was submitted before, without a bound of its own. False: there are no threads any more.
  bool go_on(const std::string& whose, Task task) {
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return false;
      add(whose, {std::move(task), false});
    }
    ready_.notify_one();
    return true;
  }
  bool others_wait() const {
    const std::lock_guard lock(mutex_);
    return waiting_ > 0;
  }
  // Drops what was submitted and has not begun; lets the rest end.
  void stop() {
    std::vector<Task> dropped;  // after the lock: what goes with them may come back here
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      drop(dropped, true);
    }
    ready_.notify_all();
    for (std::thread& t : threads_) t.join();
    threads_.clear();
    const std::lock_guard lock(mutex_);
    ended_ = true;
    drop(dropped, false);
  }

 private:
  struct Work {
    Task task;
    bool submitted = false;
  };

  bool is_room_for(const std::string& whose) const {
    if (waiting_ < idle_) return true;
    const std::size_t over = submitted_ > idle_ ? submitted_ - idle_ : 0;
    const auto mine = work_.find(whose);
    return over < queue_ && (mine == work_.end() || mine->second.size() < queue_ - over);
  }
  void add(const std::string& whose, Work work) {
    auto& mine = work_[whose];
    if (mine.empty()) turns_.push_back(whose);
    mine.push_back(std::move(work));
    ++waiting_;
  }
  Work next() {
    const auto turn = work_.find(turns_.front());
    Work work = std::move(turn->second.front());
    turn->second.pop_front();
    if (turn->second.empty())
      work_.erase(turn);
    else
      turns_.push_back(std::move(turns_.front()));
    turns_.pop_front();
    --waiting_;
    submitted_ -= work.submitted ? 1 : 0;
    return work;
  }
  void drop(std::vector<Task>& dropped, bool submitted_only) {
    const auto all = std::exchange(work_, {});
    turns_.clear();
    waiting_ = submitted_ = 0;
    for (const auto& [whose, mine] : all)
      for (const Work& one : mine)
        if (submitted_only && !one.submitted)
          add(whose, one);
        else
          dropped.push_back(one.task);
  }
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      ready_.wait(lock, [this] { return stopped_ || waiting_ > 0; });
      --idle_;
      if (waiting_ == 0) return;
      Work mine = next();
      lock.unlock();
      mine.task();
      mine.task = nullptr;
      lock.lock();
    }
  }

  const std::size_t queue_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::map<std::string, std::deque<Work>> work_;  // what waits, by whose it is
  std::deque<std::string> turns_;                 // who has some, the next one first
  std::size_t waiting_ = 0, submitted_ = 0, idle_ = 0;
  bool stopped_ = false, ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace quorate::http

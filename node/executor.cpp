#include "node/executor.h"

namespace quorate::node {

ThreadExecutor::ThreadExecutor(std::size_t bound, std::function<void(const std::string&)> failed)
    : bound_(bound), failed_(std::move(failed)), thread_([this] { run(); }) {}

ThreadExecutor::~ThreadExecutor() { stop(); }

bool ThreadExecutor::push(std::function<void()> work, std::size_t bound) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= bound) return false;
    queue_.push_back(std::move(work));
  }
  wake_.notify_one();
  return true;
}

void ThreadExecutor::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

void ThreadExecutor::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    try {
      work();
    } catch (const std::exception& e) {
      failed_(e.what());
    }
  }
}

}  // namespace quorate::node

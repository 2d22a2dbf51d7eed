// What the mesh brings for the desk: in each peer's order, one piece of every peer at a time, so that neither the
// others nor what the node itself has to do wait behind all that one peer has sent.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include "node/executor.h"

namespace quorate::node {

// Any thread. It outlives the executor's last piece of work.
class PeerTurns {
 public:
  explicit PeerTurns(Executor& desk) : desk_(desk) {}

  // False, or an exception: it is not taken. How much waits is up to who calls.
  bool post(const std::string& peer, std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    Waiting& waiting = by_peer_[peer];
    if (!waiting.posted) waiting.posted = post_turn(waiting);
    if (waiting.posted) waiting.works.push_back(std::move(work));
    return waiting.posted;
  }
  // What has no turn for want of memory gets one. Now and then.
  void again() {
    const std::lock_guard lock(mutex_);
    try {
      for (auto& [peer, waiting] : by_peer_)
        if (!waiting.posted && !waiting.works.empty()) waiting.posted = post_turn(waiting);
    } catch (const std::bad_alloc&) {  // the next time
    }
  }

 private:
  struct Waiting {
    std::deque<std::function<void()>> works;
    bool posted = false;  // its turn is among what the desk has to do
  };

  bool post_turn(Waiting& waiting) {
    return desk_.post_always([this, &waiting] { run_one(waiting); });
  }

  void run_one(Waiting& waiting) {
    std::function<void()> work;
    {
      const std::lock_guard lock(mutex_);
      waiting.posted = false;
      if (waiting.works.empty()) return;  // there was no memory for it
      work = std::move(waiting.works.front());
      waiting.works.pop_front();
      try {
        waiting.posted = !waiting.works.empty() && post_turn(waiting);
      } catch (const std::bad_alloc&) {  // the next piece of this peer brings the rest with it, or again()
      }
    }
    work();
  }

  Executor& desk_;
  std::mutex mutex_;
  std::map<std::string, Waiting> by_peer_;  // of every node that the mesh has ever brought something from; none leaves
};

}  // namespace quorate::node

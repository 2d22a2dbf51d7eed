// How much of each peer waits to be looked at, so that one peer's flood fills neither memory nor the queue of the
// others; and whether more is read of it, so that it takes little of the processor either.
#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "base/limits.h"
#include "base/ration.h"

namespace quorate::node {

// Any thread.
class Inflow {
 public:
  // False: over limits::kMaxInboxPerPeer or kMaxInboxBytesPerPeer. What was admitted is taken out with done(). `from`
  // is a node that the mesh has authenticated.
  bool admit(const std::string& from, std::size_t bytes) {
    Load& load = of(from);
    if (load.messages.fetch_add(1) < limits::kMaxInboxPerPeer) {
      if (load.bytes.fetch_add(bytes) + bytes <= limits::kMaxInboxBytesPerPeer) return true;
      load.bytes -= bytes;
    }
    --load.messages;
    return false;
  }
  // Something of this peer was dropped, here or in the queue behind.
  void lose(const std::string& from) { of(from).lost = true; }
  // Whether something was since the last call.
  bool take_lost(const std::string& from) { return of(from).lost.exchange(false); }
  void done(const std::string& from, std::size_t bytes) {
    Load& load = of(from);
    --load.messages;
    load.bytes -= bytes;
  }
  // Something of this peer led to nothing.
  void useless(const std::string& from, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    // So many may have been read already when the first one is found useless.
    load_[from].useless.owe(now, limits::kUselessEach, limits::kUselessAtOnce, limits::kMaxInboxPerPeer);
  }
  // Half of what may wait does not, and not much was useless.
  bool wants_more(const std::string& from, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    const Load& load = load_[from];
    return load.messages < limits::kMaxInboxPerPeer / 2 && load.bytes < limits::kMaxInboxBytesPerPeer / 2 &&
           load.useless.has_one(now, limits::kUselessEach, limits::kUselessAtOnce);
  }

 private:
  struct Load {
    std::atomic<std::size_t> messages{0}, bytes{0};
    std::atomic<bool> lost{false};
    Ration useless;  // under the mutex
  };
  Load& of(const std::string& node) {
    const std::lock_guard lock(mutex_);
    return load_[node];
  }

  std::mutex mutex_;
  std::map<std::string, Load> load_;  // of every node that the mesh has ever brought something from; none leaves it
};

}  // namespace quorate::node

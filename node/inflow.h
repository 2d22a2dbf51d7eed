// How much of each peer waits to be looked at, so that one peer's flood fills neither memory nor the queue of the
// others.
#pragma once
#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "base/limits.h"

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

 private:
  struct Load {
    std::atomic<std::size_t> messages{0}, bytes{0};
    std::atomic<bool> lost{false};
  };
  Load& of(const std::string& node) {
    const std::lock_guard lock(mutex_);
    return load_[node];
  }

  std::mutex mutex_;
  std::map<std::string, Load> load_;  // of every node that the mesh has ever brought something from; none leaves it
};

}  // namespace quorate::node

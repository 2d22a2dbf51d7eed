// How much of each peer waits to be looked at, so that one peer's flood fills neither memory nor the queue of the
// others.
#pragma once
#include <atomic>
#include <map>
#include <string>

#include "base/limits.h"
#include "policy/cluster.h"

namespace quorate::node {

// Any thread.
class Inflow {
 public:
  explicit Inflow(const policy::ClusterDocument& cluster) {
    for (const policy::NodeCard& card : cluster.nodes()) load_.try_emplace(card.id);
  }

  // False: over limits::kMaxInboxPerPeer or kMaxInboxBytesPerPeer, or no node of the cluster. What was admitted is
  // taken out with done().
  bool admit(const std::string& from, std::size_t bytes) {
    const auto it = load_.find(from);
    if (it == load_.end()) return false;
    if (it->second.messages.fetch_add(1) < limits::kMaxInboxPerPeer) {
      if (it->second.bytes.fetch_add(bytes) + bytes <= limits::kMaxInboxBytesPerPeer) return true;
      it->second.bytes -= bytes;
    }
    --it->second.messages;
    return false;
  }
  // Something of this peer was dropped, here or in the queue behind.
  void lose(const std::string& from) {
    if (const auto it = load_.find(from); it != load_.end()) it->second.lost = true;
  }
  // Whether something was since the last call.
  bool take_lost(const std::string& from) {
    const auto it = load_.find(from);
    return it != load_.end() && it->second.lost.exchange(false);
  }
  void done(const std::string& from, std::size_t bytes) {
    Load& load = load_.at(from);
    --load.messages;
    load.bytes -= bytes;
  }

 private:
  struct Load {
    std::atomic<std::size_t> messages{0}, bytes{0};
    std::atomic<bool> lost{false};
  };
  std::map<std::string, Load> load_;  // per node of the cluster; the map itself never changes
};

}  // namespace quorate::node

// What `examine` has come to lately, of requests to sign: several parts of a node look at the same bytes one after the
// other. By all that it follows from, so that nothing has to be forgotten when a policy, a cluster or a key changes.
// For any thread.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "base/hash.h"
#include "base/limits.h"
#include "policy/cluster.h"

namespace quorate::node {

struct Examined;

class ExaminedBefore {
 public:
  struct Grounds {
    Digest request{};  // its bytes, with what people and nodes have said
    Digest policy{};
    const policy::ClusterDocument* cluster = nullptr;  // which stays where it is (node/cluster_in_force.h)
    std::uint64_t keys = 0;                            // storage::Store::keys_version; odd: nothing follows from it
    auto operator<=>(const Grounds&) const = default;
  };

  std::shared_ptr<const Examined> find(const Grounds& grounds) const {
    if (grounds.keys % 2 != 0) return nullptr;
    const std::lock_guard lock(mutex_);
    for (const auto* generation : {&young_, &old_})
      if (const auto it = generation->find(grounds); it != generation->end()) return it->second;
    return nullptr;
  }
  void add(const Grounds& grounds, std::shared_ptr<const Examined> examined) {
    if (grounds.keys % 2 != 0) return;
    const std::lock_guard lock(mutex_);
    if (young_.size() >= limits::kMaxExaminedBefore) {
      old_ = std::move(young_);
      young_.clear();
    }
    young_[grounds] = std::move(examined);
  }

 private:
  using Generation = std::map<Grounds, std::shared_ptr<const Examined>>;
  mutable std::mutex mutex_;
  Generation young_, old_;
};

}  // namespace quorate::node

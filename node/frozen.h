// What is frozen here, for whoever lets a share leave (docs/freeze.md). Any thread.
#pragma once
#include <map>
#include <mutex>
#include <string>

#include "storage/batch.h"

namespace quorate::node {

inline constexpr const char* kAllKeys = "all";  // a scope; every other one is a key's id

class Frozen {
 public:
  struct Freeze {
    std::string by, request;
    std::int64_t at = 0;  // unix seconds, as its admin has signed them
  };

  void freeze(const std::string& scope, Freeze freeze) {
    const std::lock_guard lock(mutex_);
    scopes_[scope] = std::move(freeze);
  }
  void lift(const std::string& scope) {
    const std::lock_guard lock(mutex_);
    scopes_.erase(scope);
  }
  bool holds(const std::string& scope) const { return find(scope).has_value(); }
  std::optional<Freeze> find(const std::string& scope) const {
    const std::lock_guard lock(mutex_);
    const auto it = scopes_.find(scope);
    return it == scopes_.end() ? std::nullopt : std::optional(it->second);
  }
  // `key` "": one that is to be made.
  bool stops(const std::string& key) const {
    const std::lock_guard lock(mutex_);
    return scopes_.contains(kAllKeys) || scopes_.contains(key);
  }
  std::map<std::string, Freeze> scopes() const {
    const std::lock_guard lock(mutex_);
    return scopes_;
  }

  // On the disk as long as the scope is frozen.
  static std::string marker(const std::string& scope) { return "frozen/" + scope; }
  // The batch has no effect once a freeze of the key is on the disk.
  static void expect_none(storage::Batch& batch, const std::string& key) {
    batch.expect_meta(marker(kAllKeys), std::nullopt);
    if (!key.empty()) batch.expect_meta(marker(key), std::nullopt);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Freeze> scopes_;
};

}  // namespace quorate::node

// Signatures that this process has found valid lately, by a name that binds key, message and signature: what several
// parts of a node look at one after the other is verified once. For any thread.
#pragma once
#include <mutex>
#include <set>

#include "base/ed25519.h"
#include "base/hash.h"
#include "base/limits.h"

namespace quorate {

class SeenSignatures {
 public:
  static Digest name_of(std::string_view algorithm, ByteView key, ByteView message, const Signature64& signature) {
    const ByteView parts[] = {view_of(algorithm), key, signature, message};
    return sha256_list(parts);
  }

  // `verify` is asked unless it has said yes to this name before. What is invalid is never remembered.
  template <class Verify>
  bool holds(const Digest& name, Verify&& verify) {
    {
      const std::lock_guard lock(mutex_);
      if (young_.contains(name) || old_.contains(name)) return true;
    }
    if (!verify()) return false;
    add(name);
    return true;
  }
  // Somebody has verified it already.
  void add(const Digest& name) {
    const std::lock_guard lock(mutex_);
    if (young_.size() >= limits::kMaxSeenSignatures) {
      old_ = std::move(young_);
      young_.clear();
    }
    young_.insert(name);
  }

 private:
  std::mutex mutex_;
  std::set<Digest> young_, old_;
};

}  // namespace quorate

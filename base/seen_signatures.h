// Signatures that this process has found valid lately, by a name that binds key, message and signature: what several
// parts of a node look at one after the other is verified once. For any thread.
#pragma once
#include <map>
#include <mutex>
#include <optional>

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
    if (find(name)) return true;
    if (!verify()) return false;
    add(name);
    return true;
  }
  // What whoever has verified it has found out besides: of ECDSA the recovery id. nullopt: nobody has.
  std::optional<std::uint8_t> find(const Digest& name) const {
    const std::lock_guard lock(mutex_);
    for (const auto* generation : {&young_, &old_})
      if (const auto it = generation->find(name); it != generation->end()) return it->second;
    return std::nullopt;
  }
  // Somebody has verified it already.
  void add(const Digest& name, std::uint8_t found = 0) {
    const std::lock_guard lock(mutex_);
    if (young_.size() >= limits::kMaxSeenSignatures) {
      old_ = std::move(young_);
      young_.clear();
    }
    young_[name] = found;
  }

 private:
  mutable std::mutex mutex_;
  std::map<Digest, std::uint8_t> young_, old_;
};

}  // namespace quorate

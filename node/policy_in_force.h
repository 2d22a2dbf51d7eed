// The policy that this node decides by. It changes while the node runs, so whoever decides takes it once and keeps it:
// a decision is one version's. Any thread; copies are of the same one.
#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "policy/document.h"
#include "storage/batch.h"

namespace quorate::node {

class PolicyInForce {
 public:
  using Snapshot = std::shared_ptr<const policy::PolicyDocument>;

  // The first version; the others are set as they are learned.
  PolicyInForce(const policy::PolicyDocument& first) : PolicyInForce(std::make_shared<policy::PolicyDocument>(first)) {}
  explicit PolicyInForce(Snapshot first) : first_(first->digest()), state_(std::make_shared<State>(std::move(first))) {}

  Snapshot now() const {
    const std::lock_guard lock(state_->mutex);
    return state_->policy;
  }
  // For one call: what it returns by reference must not be kept.
  Snapshot operator->() const { return now(); }
  // `until`, Unix seconds: nothing that was asked for later can be of the version before.
  void set(Snapshot policy, std::int64_t until) {
    const std::lock_guard lock(state_->mutex);
    state_->known[state_->policy->digest()].until = until;
    state_->known[policy->digest()] = {policy, kNoEnd};
    state_->policy = std::move(policy);
  }
  // The version with this digest, as long as it has ever been in force here; else the present one. What all of a key's
  // members have signed under a version has happened, and is judged by that one.
  Snapshot of(const Digest& digest) const {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->known.find(digest);
    return it == state_->known.end() ? state_->policy : it->second.policy;
  }
  // A version that is, or was, in force here.
  struct Version {
    Snapshot policy;
    std::int64_t until = 0;
  };
  std::optional<Version> find(const Digest& digest) const {
    const std::lock_guard lock(state_->mutex);
    const auto it = state_->known.find(digest);
    return it == state_->known.end() ? std::nullopt : std::optional(it->second);
  }
  // Those that were in force here and may have decided something since then; no more than `most`, the latest of them.
  std::vector<Version> earlier(std::int64_t since, std::size_t most) const {
    const std::lock_guard lock(state_->mutex);
    std::vector<Version> found;
    for (const auto& [digest, known] : state_->known)
      if (known.until != kNoEnd && known.until >= since) found.push_back(known);
    std::sort(found.begin(), found.end(),
              [](const Version& a, const Version& b) { return a.policy->version() > b.policy->version(); });
    if (found.size() > most) found.resize(most);
    return found;
  }

  // nullptr: no such version is, or was, in force here.
  Snapshot version(std::int64_t number) const {
    const std::lock_guard lock(state_->mutex);
    for (const auto& [digest, known] : state_->known)
      if (known.policy->version() == number) return known.policy;
    return nullptr;
  }

  // The digest of the version in force is on the disk, too, written with the change: a batch that expects it has no
  // effect once another one is in force there.
  static constexpr const char* kHead = "policy/head";
  std::optional<SecretBytes> head_of(const Digest& digest) const {
    return digest == first_ ? std::nullopt : std::optional(secret_bytes(digest));
  }
  void expect(storage::Batch& batch, const Digest& digest) const { batch.expect_meta(kHead, head_of(digest)); }

 private:
  static constexpr std::int64_t kNoEnd = INT64_MAX;
  struct State {
    explicit State(Snapshot p) : policy(std::move(p)) { known[policy->digest()] = {policy, kNoEnd}; }
    std::mutex mutex;
    Snapshot policy;
    std::map<Digest, Version> known;
  };
  Digest first_{};
  std::shared_ptr<State> state_;
};

}  // namespace quorate::node

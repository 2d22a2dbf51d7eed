// The nodes that this node goes by. They change while it runs (docs/cluster.md). Unlike the policy's, every document
// stays in memory as long as the process: what refers into one never dangles. Any thread; copies are of the same one.
#pragma once
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "policy/cluster_chain.h"
#include "storage/batch.h"

namespace quorate::node {

class ClusterInForce {
 public:
  // The first document; the others are set as they are learned.
  ClusterInForce(const policy::ClusterDocument& genesis)
      : ClusterInForce(std::make_shared<const policy::ClusterChain>(genesis)) {}

  const policy::ClusterDocument* operator->() const { return state_->now; }
  const policy::ClusterDocument& operator*() const { return *state_->now; }
  std::shared_ptr<const policy::ClusterChain> chain() const {
    const std::lock_guard lock(state_->mutex);
    return state_->chain;
  }
  void set(std::shared_ptr<const policy::ClusterChain> chain) {
    const std::lock_guard lock(state_->mutex);
    state_->take(std::move(chain));
  }
  // As it was under this version, for what was done then; nullopt: that version has not been in force here.
  std::optional<ClusterInForce> at(std::uint64_t version) const {
    const std::lock_guard lock(state_->mutex);
    for (const policy::ClusterDocument& document : state_->documents)
      if (static_cast<std::uint64_t>(document.version()) == version) return ClusterInForce(state_, document);
    return std::nullopt;
  }

  // As of the policy: the digest in force is on the disk, too, once it is not the first document's.
  static constexpr const char* kHead = "cluster/head";
  static std::optional<SecretBytes> head_of(const policy::ClusterDocument& document) {
    return document.version() == 1 ? std::nullopt : std::optional(secret_bytes(document.digest()));
  }
  void expect(storage::Batch& batch, const policy::ClusterDocument& document) const {
    batch.expect_meta(kHead, head_of(document));
  }

 private:
  struct State {
    std::mutex mutex;
    std::shared_ptr<const policy::ClusterChain> chain;
    std::deque<policy::ClusterDocument> documents;
    std::atomic<const policy::ClusterDocument*> now{nullptr};
    std::shared_ptr<State> of;  // whose document this one points to

    void take(std::shared_ptr<const policy::ClusterChain> next) {
      chain = std::move(next);
      documents.push_back(chain->document());
      now = &documents.back();
    }
  };
  explicit ClusterInForce(std::shared_ptr<const policy::ClusterChain> first) : state_(std::make_shared<State>()) {
    state_->take(std::move(first));
  }
  ClusterInForce(const std::shared_ptr<State>& of, const policy::ClusterDocument& document)
      : state_(std::make_shared<State>()) {
    state_->chain = of->chain;
    state_->now = &document;
    state_->of = of;
  }

  std::shared_ptr<State> state_;
};

}  // namespace quorate::node

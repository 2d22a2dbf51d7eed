// GET /v1/events: the audit log of this node as it grows, to each who listens as much as they may read (node/sight.h).
// No listener holds a thread. Whether there is anything new is known from memory; what is new is read once for all who
// are at the same place, by one thread of the pool at a time, a bounded piece per turn.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "http/api.h"
#include "node/world.h"

namespace quorate::node {

// Thread-safe.
class EventFeed {
 public:
  explicit EventFeed(const World& world) : world_(world) {}

  // From behind entry `after`, or from now on.
  http::Answered open(const http::Call& call);
  void tick();   // some twenty times a second; waits for nothing
  void close();  // all of them end, and those that are still to come at once
  std::size_t size() const;

 private:
  // But for the first two lines, the business of whoever serves.
  struct Listener {
    std::string user;
    Ed25519PublicKey key;  // by which they are who they say
    std::unique_ptr<http::Outflow> out;
    std::uint64_t at = 0;    // the last entry that was looked at for them
    std::uint64_t told = 0;  // the last id that they were sent
    SteadyTime heard{};      // when anything was sent last
    std::uint64_t turn = 0;  // when they were served last
  };
  using Listeners = std::vector<std::shared_ptr<Listener>>;

  void begin(const std::shared_ptr<Listener>& listener, std::unique_ptr<http::Outflow> out);
  void serve();
  void end_strangers(const Listeners& listeners);
  bool serve_some(const Listeners& listeners);
  void serve_group(const Listeners& group);
  void heartbeats(const Listeners& listeners);

  const World& world_;
  mutable std::mutex mutex_;
  Listeners listeners_;
  bool closed_ = false, serving_ = false, somebody_new_ = false;
  // What they were served with last.
  std::uint64_t seen_ = 0;
  PolicyInForce::Snapshot policy_;
  const policy::ClusterDocument* cluster_ = nullptr;
  SteadyTime again_at_{};  // somebody wants more, or a heartbeat is due
  std::uint64_t turns_ = 0;
};

}  // namespace quorate::node

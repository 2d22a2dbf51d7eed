// The use cases behind the REST routes.
#pragma once
#include <atomic>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "http/api.h"
#include "node/desk.h"
#include "node/event_feed.h"
#include "node/metrics.h"
#include "node/parked_calls.h"
#include "node/sight.h"
#include "node/world.h"

namespace quorate::node {

class NodeApi final : public http::Api {
 public:
  NodeApi(const World& world, Desk& desk, const SessionHost& host)
      : world_(world), desk_(desk), host_(host), parked_(world_.clock), events_(world_) {}

  http::Answered call(const http::Call& call) override;
  std::optional<Ed25519PublicKey> user_key(std::string_view user) override;
  std::string cluster_id() override { return world_.cluster->id(); }
  http::Readiness ready() override;
  std::string metrics() override;
  void drain() { draining_ = true; }                // no new mutating call
  std::size_t waiting() const { return waiting_; }  // mutating calls that have no answer yet
  // Calls that wait are answered at once, streams end.
  void close() {
    parked_.close();
    events_.close();
  }
  // Calls whose time is over, and what there is to tell; some twenty times a second.
  void tick() {
    parked_.tick();
    events_.tick();
  }
  // What the disk says, in the system's words, while the store takes no writes; for ready().
  void set_disk_problem(const std::string& problem);
  // By how much the wall clock was set since the last call, if by two seconds or more. One thread.
  std::optional<Millis> watch_clock();

 private:
  using Answered = http::Answered;
  Answered mutate(const http::Call& call);
  Answered renew_node(const http::Call& call);
  Answered recover(const http::Call& call);
  Answered veto(const http::Call& call);
  Answered recovery_told(const http::Call& call, int status, std::function<void(const Recoveries::Told&)> ask);
  Answered vote(const http::Call& call);
  Answered cancel(const http::Call& call);
  Answered told(const http::Call& call, std::function<void(std::function<void(const Answer&)>)> ask);
  Answered park(const http::Call& call, std::uint64_t ticket, ParkedCalls::Call parked, std::function<void()> work);
  bool may_see(const std::string& user, const RequestRecord& record) const {
    return node::may_see(user, record, *world_.policy.now());
  }
  Answered list_keys(const http::Call& call) const;
  Answered show_key(const http::Call& call) const;
  Answered derive_key(const http::Call& call) const;
  Answered inspect(const http::Call& call) const;
  Answered show_policy(const http::Call& call) const;
  Answered simulate(const http::Call& call) const;
  Answered list_requests(const http::Call& call) const;
  Answered show_request(const http::Call& call) const;
  Answered show_node() const;
  Answered list_audit(const http::Call& call) const;
  bool may_derive(const std::string& user, const std::string& key, std::vector<std::string> paths) const;
  bool sees_all(const std::string& user) const { return node::sees_all(user, *world_.policy.now()); }

  World world_;
  Desk& desk_;
  const SessionHost& host_;
  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> waiting_{0};
  mutable std::mutex disk_mutex_;
  std::string disk_problem_;
  std::optional<Millis> clock_offset_;  // wall less steady, as it was
  std::atomic<SteadyTime> clock_told_until_{SteadyTime{}};
  std::atomic<std::uint64_t> clock_jumps_{0};
  DurationHistogram durations_;
  std::atomic<std::uint64_t> next_ticket_{1};
  std::atomic<std::uint64_t> mutations_{0}, succeeded_{0}, failed_{0};
  ParkedCalls parked_;  // hold some of the above
  EventFeed events_;
};

// A request's answer: its state decides the status.
std::variant<http::Reply, http::Problem> answer_of(const RequestRecord& record);

}  // namespace quorate::node

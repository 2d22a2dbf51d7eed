// What an operator asks a node: whether it is ready, and its numbers.
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "node/api.h"

namespace quorate::node {

http::Readiness NodeApi::ready() {
  Json peers = Json::object();
  std::size_t connected = 0;
  for (const peers::PeerStatus& p : world_.mesh.peers()) {
    peers[p.node] = p.connected;
    connected += p.connected;
  }
  const bool store = world_.store.healthy();
  http::Readiness r;
  const bool old = desk_.freshness().resting() || desk_.healer().lost_shares() != 0;
  const bool fork = desk_.governance().fork(), behind = desk_.governance().behind();
  const bool member = desk_.governance().member();
  r.ok = store && !old && !fork && !behind && member && !draining_ && connected + 1 >= limits::kMinThreshold;
  // Anybody may ask: what failed is told by the log and to users.
  r.why = {{"store", !store ? "failed"
                     : old  ? "rolled_back"
                            : "ok"},
           {"policy", fork     ? "policy_fork"
                      : behind ? "policy_behind"
                               : "ok"},
           {"recovery", desk_.recoveries().pending() ? "pending" : "ok"},
           {"cluster", member ? "ok" : "not_a_member"},
           {"clock", world_.clock.steady() < clock_told_until_.load() ? "was set" : "ok"},
           {"peers", std::move(peers)},
           {"node", world_.me.id}};
  if (!store) {
    const std::lock_guard lock(disk_mutex_);
    if (!disk_problem_.empty()) r.why["disk"] = disk_problem_;
  }
  if (draining_) r.why["stopping"] = true;
  return r;
}

void NodeApi::set_disk_problem(const std::string& problem) {
  const std::lock_guard lock(disk_mutex_);
  disk_problem_ = problem;
}

std::optional<Millis> NodeApi::watch_clock() {
  const Millis offset = world_.clock.wall().time_since_epoch() - world_.clock.steady().time_since_epoch();
  const Millis by = clock_offset_ ? offset - *clock_offset_ : Millis(0);
  clock_offset_ = offset;
  if (std::chrono::abs(by) < limits::kClockJump) return std::nullopt;
  ++clock_jumps_;
  clock_told_until_ = world_.clock.steady() + limits::kClockTold;
  return by;
}

std::string NodeApi::metrics() {
  std::string out;
  const auto metric = [&](const char* name, const char* type, const char* help, auto value) {
    out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n" + name + " " +
           std::to_string(value) + "\n";
  };
  metric("quorate_mutations_total", "counter", "Mutating calls taken", mutations_.load());
  metric("quorate_requests_succeeded_total", "counter", "Mutating calls answered with success", succeeded_.load());
  metric("quorate_requests_failed_total", "counter", "Mutating calls answered with another final state",
         failed_.load());
  metric("quorate_sessions_running", "gauge", "Protocol sessions on this node", host_.running());
  metric("quorate_session_messages_dropped_total", "counter", "Protocol messages for no running session",
         host_.dropped());
  metric("quorate_peer_messages_malformed_total", "counter", "Messages of peers that did not decode",
         desk_.malformed());
  metric("quorate_peer_messages_dropped_total", "counter", "Messages of peers dropped because the queue was full",
         desk_.dropped());
  metric("quorate_closed_gates", "gauge", "Pairs of a key and a node that this node has quarantined",
         world_.gates->closed());
  metric("quorate_stopped_keys", "gauge", "Keys that have stopped here: a quarantine could not be stored",
         world_.gates->stopped_keys().size());
  metric("quorate_quarantines_refused_total", "counter", "Quarantines told by peers that did not hold",
         desk_.quarantines().refused());
  metric("quorate_open_requests", "gauge", "Requests that are not final", world_.store.open_request_count());
  metric("quorate_store_healthy", "gauge", "1 while the database takes writes", world_.store.healthy() ? 1 : 0);
  metric("quorate_lost_shares", "gauge", "Keys whose share in force this node's database, an old copy, does not hold",
         desk_.healer().lost_shares());
  metric("quorate_rolled_back", "gauge", "1 while this node takes no part because its database is an old copy",
         desk_.freshness().resting() ? 1 : 0);
  metric("quorate_admin_recoveries_pending", "gauge", "1 while a recovery of the admins waits for its time or a veto",
         desk_.recoveries().pending() ? 1 : 0);
  metric("quorate_ready", "gauge", "1 while /readyz answers 200", ready().ok ? 1 : 0);
  metric("quorate_event_streams", "gauge", "Open streams of GET /v1/events", events_.size());
  metric("quorate_mutations_waiting", "gauge", "Mutating calls that have no answer yet", waiting_.load());
  metric("quorate_clock_jumps_total", "counter", "How often this machine's clock was set", clock_jumps_.load());
  metric("quorate_audit_seq", "counter", "Entries of the audit log", world_.store.audit_head().seq);
  out += "# HELP quorate_peer_connected 1 while the peer is connected\n# TYPE quorate_peer_connected gauge\n";
  for (const peers::PeerStatus& p : world_.mesh.peers())
    out += "quorate_peer_connected{node=\"" + p.node + "\"} " + (p.connected ? "1" : "0") + "\n";
  out += durations_.text("quorate_mutation_seconds", "From a mutating call to its answer");
  return out + process_metrics();
}

}  // namespace quorate::node

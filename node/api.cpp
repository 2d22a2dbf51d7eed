#include "node/api.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "node/api_replies.h"

namespace quorate::node {
namespace {

using http::Problem;
using http::Reply;
using storage::RequestState;

constexpr auto kStoreWait = Seconds(10);  // for the write that makes a request durable; then the disk is the problem

class Waiting {
 public:
  Waiting(std::atomic<std::size_t>& count, DurationHistogram& durations) : count_(count), durations_(durations) {
    ++count_;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    durations_.add(std::chrono::steady_clock::now() - since_);
    --count_;
  }

 private:
  std::atomic<std::size_t>& count_;
  DurationHistogram& durations_;
  const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

// `by`: of whom, and what.
std::string call_line(const std::string& by, const RequestRecord& record) {
  std::string line = record.id.text + " by " + by + ": ";
  line += to_text(record.request_state());
  return record.code.text.empty() ? line : line + " (" + record.code.text + ")";
}

// What a node's identity key may ask for: to see what a recovery of the admins is made of, and to send one.
bool is_operators(http::Route route) {
  return route == http::Route::show_policy || route == http::Route::show_cluster || route == http::Route::show_node ||
         route == http::Route::list_keys || route == http::Route::recover || route == http::Route::events;
}

int status_of_failure(const std::string& code) {
  if (code == "no_quorum" || code == "no_outcome") return 504;
  if (code == "nonce_replayed") return 401;
  for (const std::string_view conflict :
       {"name_taken", "context_mismatch", "already_final", "idempotency_conflict", "clock_skew", "busy", "unknown_key",
        "key_archived", "unknown_participant", "unknown_user", "quarantined", "no_share", "other_certificate",
        "number_used", "superseded", "frozen", "node_has_shares"})
    if (code == conflict) return 409;
  for (const std::string_view unsignable :
       {"payload_unsupported", "payload_malformed", "payload_invalid", "algorithm_mismatch", "path_invalid",
        "not_our_key", "too_many_participants"})
    if (code == unsignable) return 422;
  if (code == "version_not_current") return 412;
  if (code == "denied" || code == "needs_approval" || code == "window_exceeded") return 403;
  if (code == "expired") return 410;
  if (code == "storage" || code == "interrupted" || code == "overloaded" || code == "rolled_back" || code == "stopping")
    return 503;
  return 500;
}

}  // namespace

std::variant<Reply, Problem> answer_of(const RequestRecord& record) {
  const std::string location = "/v1/requests/" + record.id.text;
  Problem p;
  p.code = record.code;
  p.detail = record.reason;
  p.request = http::RequestRef{record.id, std::string(storage::to_text(record.request_state()))};
  switch (record.request_state()) {
    case RequestState::succeeded:
      return Reply{201, request_view(record, true), {{"Location", location}}};
    case RequestState::pending_approval:
    case RequestState::queued:
    case RequestState::running:
    case RequestState::scheduled:
      return Reply{202, request_view(record, true), {{"Location", location}}};
    case RequestState::denied:
    case RequestState::rejected:
      p.status = 403;
      return p;
    case RequestState::expired:
      p.status = 410;
      return p;
    case RequestState::cancelled:
      p.status = 409;
      return p;
    case RequestState::failed:
      p.status = status_of_failure(record.code);
      if (p.status == 503) p.retry_after = 1;
      return p;
    case RequestState::unset:
      break;
  }
  p.status = 500;
  return p;
}

http::Answered NodeApi::call(const http::Call& call) {
  if (call.who.user.starts_with(http::kNodePrefix) && !is_operators(call.route))
    return problem_of({403, "denied",
                       "a node's operator may look at policy, keys, nodes and events, and recover the admins",
                       std::nullopt});
  switch (call.route) {
    case http::Route::create_key:
    case http::Route::sign:
    case http::Route::refresh_key:
    case http::Route::reshare_key:
    case http::Route::archive_key:
    case http::Route::unarchive_key:
    case http::Route::change_policy:
    case http::Route::freeze:
    case http::Route::unfreeze:
    case http::Route::add_node:
    case http::Route::remove_node:
      return mutate(call);
    case http::Route::list_keys:
      return list_keys(call);
    case http::Route::show_key:
      return show_key(call);
    case http::Route::derive_key:
      return derive_key(call);
    case http::Route::inspect:
      return inspect(call);
    case http::Route::vote:
      return vote(call);
    case http::Route::cancel:
      return cancel(call);
    case http::Route::list_requests:
      return list_requests(call);
    case http::Route::show_request:
      return show_request(call);
    case http::Route::show_node:
      return show_node();
    case http::Route::show_cluster:
      return Reply{200, Json::parse(desk_.cards().text()), {}};
    case http::Route::renew_node:
      return renew_node(call);
    case http::Route::recover:
      return recover(call);
    case http::Route::veto:
      return veto(call);
    case http::Route::show_policy:
      return show_policy(call);
    case http::Route::simulate:
      return simulate(call);
    case http::Route::list_audit:
      return list_audit(call);
    case http::Route::events:
      if (draining_)
        return problem_of({503, "stopping", "this node is about to stop: listen to another one", std::nullopt});
      return events_.open(call);
    case http::Route::audit_head: {
      const storage::AuditHead head = world_.store.audit_head();
      Json peers = Json::array();
      for (const auto& [node, p] : kept_progress(world_))
        peers.push_back({{"node", node},
                         {"life", p.life},
                         {"seq", p.seq},
                         {"hash", to_hex(p.head)},
                         {"signature", to_hex(p.signature)}});
      return Reply{200, Json{{"seq", head.seq}, {"hash", to_hex(head.hash)}, {"peers", std::move(peers)}}, {}};
    }
    case http::Route::unset:
      break;
  }
  return not_found("no such route");
}

http::Answered NodeApi::mutate(const http::Call& call) {
  if (!desk_.governance().member())
    return problem_of({503, "not_a_member", "this node is not in the cluster", std::nullopt});
  ++mutations_;
  if (draining_)
    return problem_of({503, "stopping", "this node is about to stop: send it to another one", std::nullopt});
  const std::uint64_t ticket = next_ticket_++;
  const auto forget = [this, ticket](const std::string& id) {
    world_.desk.post_always([this, id, ticket] { desk_.requests().forget(id, ticket); });
  };
  const SteadyTime until = world_.clock.steady() + call.wait;
  ParkedCalls::Call parked{
      call.respond,
      until,
      until + kStoreWait,
      [this](const std::string& id) -> http::Answer {
        if (id.empty())
          return problem_of({503, "storage", "this node could not store the request in time", std::nullopt});
        const auto row = world_.store.request(id);
        if (!row) return not_found("the request was not kept");
        return answer_of(record_of(*row));
      },
      forget,
      std::make_shared<Waiting>(waiting_, durations_)};
  const auto stored = [this, ticket, forget](const std::string& id, bool people) {
    if (!parked_.stored(ticket, id, people)) forget(id);
  };
  const auto answered = [this, ticket,
                         by = call.who.user + ", " + call.original.method.text + " " +
                              call.original.target.text](const Answer& answer) {
    parked_.answer(ticket, [this, answer, by]() -> http::Answer {
      if (const auto* refused = std::get_if<Refusal>(&answer)) return problem_of(*refused);
      const auto& record = std::get<RequestRecord>(answer);
      ++(record.request_state() == RequestState::succeeded ? succeeded_ : failed_);
      world_.log(LogLevel::info, call_line(by, record));
      return answer_of(record);
    });
  };
  return park(call, ticket, std::move(parked), [this, ticket, original = call.original, stored, answered] {
    try {
      desk_.coordinator().submit(original, ticket, stored, answered);
    } catch (const std::exception& e) {
      world_.log(LogLevel::error, std::string("a request could not be taken: ") + e.what());
      answered(Refusal{500, "internal", "this node cannot take the request; its log says why", std::nullopt});
    }
  });
}

// `work` goes to the desk, and brings the answer with this ticket. Its client may leave before it is done, and send
// more.
http::Answered NodeApi::park(const http::Call& call, std::uint64_t ticket, ParkedCalls::Call parked,
                             std::function<void()> work) {
  parked_.park(ticket, std::move(parked));
  if (world_.desk.post([place = call.place, work = std::move(work)] { work(); }))
    return http::Later{[this, ticket] { parked_.drop(ticket); }};
  parked_.drop(ticket);
  return problem_of({503, "overloaded", "this node has too much to do", std::nullopt});
}

http::Answered NodeApi::show_node() const {
  Json peers = Json::array();
  for (const peers::PeerStatus& p : world_.mesh.peers()) {
    Json peer{{"node", p.node}, {"connected", p.connected}, {"since", to_rfc3339(p.since)}, {"rtt_us", p.rtt.count()}};
    if (p.hello.boot_id != peers::BootId{}) {
      peer["software"] = p.hello.software.text;
      if (p.wire != 0) peer["wire_version"] = p.wire;
      peer["policy_version"] = p.hello.policy_version;
      peer["same_policy"] = p.hello.policy_digest == world_.policy->digest();
      peer["same_cluster"] = p.hello.cluster_document == world_.cluster->digest();
    }
    if (!p.last_error.empty()) peer["last_error"] = p.last_error;
    peers.push_back(std::move(peer));
  }
  const storage::AuditHead head = world_.store.audit_head();
  return Reply{200,
               Json{{"id", world_.me.id},
                    {"cluster", world_.cluster->id()},
                    {"identity_key", world_.me.identity_key.to_text()},
                    {"policy", {{"version", world_.policy->version()}, {"digest", to_hex(world_.policy->digest())}}},
                    {"time", to_rfc3339(world_.clock.wall())},
                    {"store", world_.store.healthy() ? "ok" : world_.store.failure()},
                    {"sessions", host_.running()},
                    {"closed_gates", world_.gates->closed()},
                    {"stopped_keys", world_.gates->stopped_keys()},
                    {"frozen", frozen_view(*world_.frozen)},
                    {"recoveries", desk_.recoveries().view()},
                    {"audit_head", {{"seq", head.seq}, {"hash", to_hex(head.hash)}}},
                    {"peers", std::move(peers)}},
               {}};
}

http::Answered NodeApi::list_audit(const http::Call& call) const {
  if (!sees_all(call.who.user)) {
    Problem p;
    p.status = 403;
    p.code = "denied";
    p.detail = "the audit log is for the policy's readers and admins";
    return p;
  }
  const auto after = parameter(call, "after");
  Json items = Json::array();
  std::uint64_t last = 0;
  for (const storage::AuditRecord& r : world_.store.audit(after ? std::stoull(*after) : 0, limit_of(call))) {
    items.push_back(audit_view(r));
    last = r.seq;
  }
  Json next = nullptr;
  if (items.size() == limit_of(call)) next = std::to_string(last);
  return Reply{200, Json{{"items", std::move(items)}, {"next", std::move(next)}}, {}};
}

std::optional<Ed25519PublicKey> NodeApi::user_key(std::string_view user) { return caller_key(user, world_); }

}  // namespace quorate::node

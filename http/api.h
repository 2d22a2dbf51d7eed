// What the HTTP room needs from the node: `node` implements Api, tests a fake.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ed25519.h"
#include "base/json.h"
#include "http/message_signature.h"
#include "http/outflow.h"

namespace quorate::http {

// The signed calls. The table of methods and paths is in http/router.cpp, the description in http/openapi.yaml.
enum class Route {
  unset = 0,
  create_key,     // POST /v1/keys
  list_keys,      // GET  /v1/keys
  show_key,       // GET  /v1/keys/{key}
  derive_key,     // GET  /v1/keys/{key}/derive
  sign,           // POST /v1/keys/{key}/signatures
  refresh_key,    // POST /v1/keys/{key}/refresh
  reshare_key,    // POST /v1/keys/{key}/reshare
  archive_key,    // POST /v1/keys/{key}/archive
  unarchive_key,  // POST /v1/keys/{key}/unarchive
  inspect,        // POST /v1/transactions/inspect
  vote,           // POST /v1/requests/{id}/approvals
  cancel,         // POST /v1/requests/{id}/cancel
  list_requests,  // GET  /v1/requests
  show_request,   // GET  /v1/requests/{id}
  show_node,      // GET  /v1/node
  show_cluster,   // GET  /v1/cluster
  add_node,       // POST /v1/cluster/nodes
  remove_node,    // DELETE /v1/cluster/nodes/{node}
  renew_node,     // PUT  /v1/cluster/nodes/{node}
  show_policy,    // GET  /v1/policy
  change_policy,  // PUT  /v1/policy
  simulate,       // POST /v1/policy/simulate
  recover,        // POST /v1/recoveries
  veto,           // POST /v1/recoveries/{recovery}/veto
  freeze,         // POST /v1/freeze
  unfreeze,       // POST /v1/unfreeze
  list_audit,     // GET  /v1/audit
  audit_head,     // GET  /v1/audit/head
  events,         // GET  /v1/events
};

using QueryParameters = std::map<std::string, std::string, std::less<>>;

struct Reply {
  int status = 500;
  Json body{};
  std::vector<std::pair<std::string, std::string>> headers{};  // e.g. Location
};

struct RequestRef {
  std::string id, state;
};

// RFC 9457. `type` and `title` follow from code and status when left empty.
struct Problem {
  int status = 500;
  std::string code{};  // snake_case, stable
  std::string title{};
  std::string detail{};
  std::optional<std::string> pointer{};  // 400: JSON pointer into the body
  std::optional<RequestRef> request{};
  std::optional<int> retry_after{};  // seconds
};
// Ends a call that was not answered at once. What it gets makes the answer, on a thread of the pool: it may take its
// time, but wait for nothing. Any thread, once: what comes after the first is dropped. When nobody has it any more and
// it was not used, the client gets a 500.
using Answer = std::variant<Reply, Problem>;
using Respond = std::function<void(std::function<Answer()>)>;

// `respond` was kept, and will be used. `gone` is called if the client leaves before that, once at most: any thread,
// cheap, and it must not hold `respond`.
struct Later {
  std::function<void()> gone;
};
// Server-sent events (text/event-stream), made as they happen by whoever is given the flow.
struct Events {
  std::function<void(std::unique_ptr<Outflow>)> begin;  // once, before the call ends; waits for nothing
};
using Answered = std::variant<Reply, Problem, Later, Events>;

// One authenticated, fresh call whose nonce this node has not seen in the last 150 s (for a mutation: not with another
// request id). Nonces of mutations seen by other nodes or before a restart are the callee's to compare with its
// records; nonce_replayed() is the answer.
struct Call {
  Route route = Route::unset;
  std::string subject;    // the decoded {key} or {id}; "" if the route has none
  QueryParameters query;  // decoded; only parameters of the route, each within its bounds
  Json body;              // of calls that take one: the parsed object; null otherwise
  const SignedRequest& original;
  Verified who;
  Millis wait{};           // how long the caller wants to wait for a final state
  std::string request_id;  // mutations; "" otherwise
  Respond respond{};       // of a call that Api::call has answered Later
  // What the user has one less of: whatever is still to be done for the call holds it.
  std::shared_ptr<const void> place{};
};

Json to_json(const Problem& problem);
Problem to_problem(const AuthError& error);
Problem to_problem(const JsonError& error);  // 400 malformed_body

struct Readiness {
  bool ok = false;
  Json why;  // an object: what is missing, per check
};

// Called from many threads at once.
class Api {
 public:
  virtual ~Api() = default;
  // Waits for nothing: what does is answered Later. `call` is gone when this returns. A JsonError thrown becomes 400
  // with its pointer; any other exception a 500 that tells the client nothing.
  virtual Answered call(const Call& call) = 0;
  virtual std::optional<Ed25519PublicKey> user_key(std::string_view user) = 0;  // of the current policy
  virtual std::string cluster_id() = 0;                                         // lower-case hex
  virtual Readiness ready() = 0;
  virtual std::string metrics() = 0;  // Prometheus text format
};

}  // namespace quorate::http

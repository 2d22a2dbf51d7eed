// An Api that answers as a node would, in shape; and users to call it.
#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "http/api.h"
#include "http/gate.h"
#include "http/router.h"

namespace quorate::http {

inline const std::string kCluster(64, 'c');

inline Ed25519SecretKey key_from(std::uint8_t fill) {
  Bytes32 seed;
  seed.fill(fill);
  return Ed25519SecretKey::from_seed(Secret<Bytes32>(seed));
}
inline const Ed25519SecretKey& alice() {
  static const Ed25519SecretKey key = key_from(1);
  return key;
}

inline Json example_key() {
  return {{"id", std::string(64, 'a')},
          {"name", "hot-1"},
          {"algorithm", "eddsa-ed25519"},
          {"threshold", 2},
          {"participants", {"node1", "node2", "node3"}},
          {"epoch", 1},
          {"state", "active"},
          {"public_key", {{"hex", std::string(64, '1')}, {"pem", "-----BEGIN PUBLIC KEY-----"}}},
          {"addresses", {{"solana", "4uQeVj5tqViQh7yWWGStvkEG1Zmhx6uasJtWCJziofM"}}},
          {"quarantined", Json::array()}};
}
inline Json example_inspection() {
  const std::string digest(64, '2');
  const Json movement{
      {"kind", "transfer"}, {"asset", "eip155:1/slip44:60"}, {"from", "0x00"}, {"to", "unknown"}, {"amount", "1"}};
  return {{"key", {{"id", std::string(64, 'a')}, {"name", "hot-1"}}},
          {"kind", "eth_transaction"},
          {"path", "m"},
          {"public_key", digest},
          {"payload_digest", digest},
          {"facts",
           {{"type", "eth_transaction"},
            {"chain", "eip155:1"},
            {"paths", {"m"}},
            {"movements", {movement}},
            {"calls", Json::array()},
            {"details", Json::object()}}},
          {"facts_digest", digest},
          {"decoder", "2"},
          {"to_sign", {{{"bytes", digest}, {"path", "m"}, {"public_key", digest}}}},
          {"policy",
           {{"version", 1},
            {"decision", "deny"},
            {"rule", "default"},
            {"reasons", {{{"rule", "r"}, {"matched", "unknown"}, {"why", "x"}}}}}}};
}
inline Json example_recovery(const std::string& state) {
  Json recovery{{"id", "rec_" + std::string(32, '0')},
                {"state", state},
                {"group", "admins-2"},
                {"min", 2},
                {"users", {"zoe"}},
                {"members", {"ana"}},
                {"threshold", 2},
                {"signed_by", {"node1", "node2"}},
                {"created", "2026-11-23T17:00:00Z"},
                {"effective_at", "2026-11-26T17:00:00Z"}};
  if (state == "vetoed") recovery["vetoed_by"] = "ben";
  return recovery;
}

inline Json example_request(const std::string& id, const std::string& kind, const std::string& state) {
  return {{"id", id},
          {"kind", kind},
          {"state", state},
          {"created_at", "2026-01-31T23:59:59Z"},
          {"expires_at", "2026-02-01T00:00:59Z"},
          {"requested_by", "alice"},
          {"coordinator", "node1"},
          {"policy", {{"version", 1}, {"decision", "allow"}, {"rule", "first"}}},
          {"approvals", Json::array()},
          {"needs", Json::array()}};
}

inline std::string example_event(int seq) {
  const Json data{{"seq", seq},
                  {"time", "2026-01-31T23:59:59Z"},
                  {"kind", "succeeded"},
                  {"request", "req_" + std::string(32, '0')},
                  {"entry", {{"kind", "sign"}, {"key", "hot-1"}}}};
  return "id: " + std::to_string(seq) + "\nevent: succeeded\ndata: " + data.dump() + "\n\n";
}

class FakeApi : public Api {
 public:
  Answered call(const Call& call) override {
    ++calls;
    {
      const std::lock_guard lock(mutex);
      last_route = call.route;
      last_subject = call.subject;
      last_wait = call.wait;
      last_request_id = call.request_id;
      last_query = call.query;
    }
    if (hook) hook(call);
    if (later) return later(call);
    const Json page_end = nullptr;
    switch (call.route) {
      case Route::create_key: {
        JsonObject body(call.body, "");
        body.text("name", 1, 63);
        body.text("algorithm", 1, 63);
        body.integer("threshold", 2, 32);
        body.array("participants", 32);
        body.expect_no_more();
        return Reply{201, example_request(call.request_id, "create_key", "succeeded"), {}};
      }
      case Route::sign: {
        if (call.subject == "missing") return Problem{404, "not_found", "", "no such key", {}, {}, {}};
        if (call.subject == "denied")
          return Problem{403, "denied", "", "rule blocked: to", {}, RequestRef{call.request_id, "denied"}, {}};
        if (call.subject == "busy") return Problem{503, "busy", "", "no session left", {}, {}, 7};
        return Reply{
            202, example_request(call.request_id, "sign", "queued"), {{"Location", "/v1/requests/" + call.request_id}}};
      }
      case Route::refresh_key:
      case Route::reshare_key:
        return Reply{201, example_request(call.request_id, "refresh", "succeeded"), {}};
      case Route::archive_key:
      case Route::unarchive_key:
        return Reply{201, example_request(call.request_id, "archive", "succeeded"), {}};
      case Route::change_policy:
        return Reply{202,
                     example_request(call.request_id, "change_policy", "pending_approval"),
                     {{"Location", "/v1/requests/" + call.request_id}}};
      case Route::freeze:
        return Reply{201, example_request(call.request_id, "freeze", "succeeded"), {}};
      case Route::unfreeze:
        return Reply{202,
                     example_request(call.request_id, "unfreeze", "pending_approval"),
                     {{"Location", "/v1/requests/" + call.request_id}}};
      case Route::add_node:
      case Route::remove_node:
        return Reply{202,
                     example_request(call.request_id, "change_cluster", "pending_approval"),
                     {{"Location", "/v1/requests/" + call.request_id}}};
      case Route::renew_node:
        return Reply{200, {{"node", "node2"}, {"seq", 2}, {"added", true}}, {}};
      case Route::recover:
        return Reply{202, example_recovery("pending"), {}};
      case Route::veto:
        return Reply{200, example_recovery("vetoed"), {}};
      case Route::list_keys:
        return Reply{200, {{"items", {example_key()}}, {"next", page_end}}, {}};
      case Route::show_key:
        return Reply{200, example_key(), {}};
      case Route::derive_key: {
        Json child = example_key();
        child["path"] = "m/0/5";
        child["xpub"] = "xpub6";
        child["descriptors"] = {{"p2wpkh", "wpkh(xpub6)"}};
        return Reply{200, child, {}};
      }
      case Route::inspect:
        return Reply{200, example_inspection(), {}};
      case Route::list_requests: {
        const Json one = example_request("req_" + std::string(32, '0'), "sign", "succeeded");
        return Reply{200, {{"items", {one}}, {"next", "abc"}}, {}};
      }
      case Route::vote: {
        JsonObject body(call.body, "");
        body.text("decision", 1, 16);
        body.text("signature", 128, 128);
        body.expect_no_more();
        return Reply{200, example_request(call.subject, "sign", "pending_approval"), {}};
      }
      case Route::cancel:
        return Reply{200, example_request(call.subject, "sign", "cancelled"), {}};
      case Route::show_request:
        return Reply{200, example_request(call.subject, "sign", "denied"), {}};
      case Route::show_node:
        return Reply{200, {{"id", "node1"}, {"version", "0.1.0"}, {"cluster", kCluster}}, {}};
      case Route::show_cluster:
        return Reply{200, {{"id", kCluster}, {"nodes", Json::array()}}, {}};
      case Route::show_policy:
        return Reply{200, {{"version", 1}}, {}};
      case Route::simulate:
        return Reply{
            200,
            {{"kind", "sign"},
             {"key", "hot-1"},
             {"as", "alice"},
             {"at", "2026-01-31T23:59:59Z"},
             {"policy", {{"version", 1}, {"digest", std::string(64, '0')}, {"decision", "deny"}, {"rule", "default"}}},
             {"rules", {{{"rule", "r"}, {"then", "allow"}, {"matched", "unknown"}, {"why", "x"}}}}},
            {}};
      case Route::list_audit:
        return Reply{200, {{"items", Json::array()}, {"next", page_end}}, {}};
      case Route::audit_head:
        return Reply{200, {{"seq", 0}, {"hash", std::string(64, '0')}}, {}};
      case Route::events:
        return Events{[this](std::unique_ptr<Outflow> out) {
          out->add(example_event(1));
          const std::lock_guard lock(mutex);
          flows.push_back(std::move(out));
        }};
      case Route::unset:
        break;
    }
    throw std::logic_error("no route");
  }
  std::optional<Ed25519PublicKey> user_key(std::string_view user) override {
    if (user == "alice") return alice().public_key();
    if (user == "bob") return key_from(2).public_key();
    return std::nullopt;
  }
  std::string cluster_id() override { return kCluster; }
  Readiness ready() override { return {is_ready, {{"peers", is_ready ? "2 of 2" : "1 of 2"}}}; }
  std::string metrics() override { return "quorate_up 1\n"; }

  std::atomic<int> calls{0};
  std::atomic<bool> is_ready{true};
  std::function<void(const Call&)> hook;
  std::function<Answered(const Call&)> later;  // instead of what would be answered
  std::mutex mutex;
  Route last_route = Route::unset;
  std::string last_subject, last_request_id;
  Millis last_wait{};
  QueryParameters last_query;
  std::vector<std::shared_ptr<Outflow>> flows;  // of the streams, in the order of their calls
};

// Keeps what is sent.
struct TestFlow final : Outflow {
  struct Sent {
    HttpResponse head;
    std::string body;
    bool full = false, over = false;
  };
  explicit TestFlow(std::shared_ptr<Sent> s) : sent(std::move(s)) {}
  ~TestFlow() override { sent->over = true; }
  bool add(std::string_view piece) override {
    if (sent->over || sent->full) return false;
    sent->body += piece;
    return true;
  }
  bool full() const override { return sent->full; }
  bool over() const override { return sent->over; }
  void end() override { sent->over = true; }
  bool go_on(std::function<void()> work) override {
    work();
    return true;
  }
  const std::shared_ptr<Sent> sent;
};

// Runs what goes on at once, or when the test says so.
class TestExchange final : public Exchange {
 public:
  void go_on(const std::string& whose, Step step) override {
    turns.push_back(whose);
    steps.push_back(std::move(step));
    if (!waits) run();
  }
  bool others_wait() const override { return waits; }
  void when_gone(std::function<void()> told) override { gone = std::move(told); }
  std::unique_ptr<Outflow> begin(const HttpResponse& head, std::shared_ptr<const void> place) override {
    flow = std::make_shared<TestFlow::Sent>();
    flow->head = head;
    held = std::move(place);
    return std::make_unique<TestFlow>(flow);
  }
  void run() {
    for (Step& step : std::exchange(steps, {}))
      if (auto r = step(); r && !response) response = std::move(r);
  }

  bool waits = false;
  std::vector<std::string> turns;
  std::vector<Step> steps;
  std::optional<HttpResponse> response;
  std::function<void()> gone;
  std::shared_ptr<TestFlow::Sent> flow;
  std::shared_ptr<const void> held;
};

struct Ask {
  std::string method = "GET", target = "/v1/keys", body{};
  std::string nonce{};  // "" draws a new one
  std::string idempotency_key{}, user = "alice", cluster = kCluster;
  std::int64_t created = 0;
  std::optional<std::int64_t> expires{};
};
inline SignedRequest signed_by(const Ed25519SecretKey& key, const Ask& ask) {
  static std::atomic<int> counter{0};
  SignedRequest r;
  r.method = ask.method;
  r.target = ask.target;
  r.body.assign(ask.body.begin(), ask.body.end());
  if (!ask.idempotency_key.empty()) r.idempotency_key = {true, ask.idempotency_key};
  const std::string nonce = ask.nonce.empty() ? "nonce-0123456789-" + std::to_string(++counter) : ask.nonce;
  return sign_request(std::move(r), {ask.user, ask.cluster, ask.created, nonce, ask.expires}, key);
}
inline HttpRequest to_http(const SignedRequest& r) {
  HttpRequest out;
  out.method = r.method;
  out.target = r.target;
  out.body.assign(r.body.begin(), r.body.end());
  for (auto [name, value] : headers_of(r)) {
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    out.fields.emplace_back(name, value);
  }
  if (out.method != "GET") out.fields.emplace_back("content-type", "application/json");
  return out;
}

inline const std::string kCreateKey =
    R"({"name":"hot-1","algorithm":"eddsa-ed25519","threshold":2,"participants":["node1","node2","node3"]})";

}  // namespace quorate::http

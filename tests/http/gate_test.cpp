#include "http/gate.h"

#include <gtest/gtest.h>

#include <set>

#include "fake_api.h"
#include "http/event_reader.h"
#include "tests/support/json_schema.h"

namespace quorate::http {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;
constexpr std::size_t kLarge = limits::kMaxUncheckedBody + 1;

const Json& openapi() {
  static const Json document = Json::parse(kOpenApiJson);
  return document;
}

// The path of openapi.yaml that `target` belongs to.
std::string path_of(const std::string& target) {
  const std::string path = target.substr(0, target.find('?'));
  for (const RouteInfo& info : all_routes()) {
    std::string form = "^" + std::string(info.path) + "$";
    if (const auto at = form.find('{'); at != std::string::npos) form.replace(at, form.find('}') + 1 - at, "[^/]+");
    if (test::SchemaChecker::matches(form, path)) return std::string(info.path);
  }
  return path;
}

class GateTest : public testing::Test {
 protected:
  // Every answer that a test gets is checked against the document.
  HttpResponse send_raw(const HttpRequest& request) {
    const auto exchange = std::make_shared<TestExchange>();
    auto answer = gate.answer(request, exchange);
    if (!answer && exchange->flow) return checked_stream(*exchange->flow);
    HttpResponse out = std::move(answer).value();
    std::string method = request.method;
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    const bool problem = out.fields.at(0).second == "application/problem+json";
    EXPECT_EQ(problem, out.status >= 400 && request.target != "/readyz");
    const Json body = Json::parse(out.body);
    const std::string path = path_of(request.target);
    const Json* responses = nullptr;
    if (openapi()["paths"].contains(path) && openapi()["paths"][path].contains(method))
      responses = &openapi()["paths"][path][method]["responses"];
    const test::SchemaChecker checker(openapi());
    if (problem) {
      EXPECT_EQ(checker.check(openapi()["components"]["schemas"]["Problem"], body), "") << body;
      EXPECT_EQ(body["status"], out.status);
    } else if (responses == nullptr || !responses->contains(std::to_string(out.status))) {
      ADD_FAILURE() << method << " " << path << " " << out.status << " is not in openapi.yaml";
    } else {
      const Json& response = checker.follow((*responses)[std::to_string(out.status)]);
      EXPECT_EQ(checker.check(response["content"]["application/json"]["schema"], body), "") << body;
    }
    return out;
  }
  static HttpResponse checked_stream(const TestFlow::Sent& sent) {
    const test::SchemaChecker checker(openapi());
    const Json& content = openapi()["paths"]["/v1/events"]["get"]["responses"]["200"]["content"];
    EXPECT_TRUE(content.contains(value_of(sent.head.fields, "Content-Type")));
    EventReader reader;
    std::vector<ServerEvent> events;
    EXPECT_TRUE(reader.feed(sent.body, events));
    EXPECT_FALSE(events.empty());
    for (const ServerEvent& event : events)
      EXPECT_EQ(checker.check(openapi()["components"]["schemas"]["Event"], Json::parse(event.data)), "");
    return sent.head;
  }
  HttpResponse send(Ask ask, const Ed25519SecretKey& key = alice()) {
    if (ask.created == 0) ask.created = kNow;
    return send_raw(to_http(signed_by(key, ask)));
  }
  static std::string code(const HttpResponse& r) { return Json::parse(r.body).value("code", std::to_string(r.status)); }

  FakeApi api;
  ManualClock clock{from_unix_seconds(kNow)};
  std::vector<std::string> logged;
  Gate gate{api, clock, [this](const std::string& line) { logged.push_back(line); }, Bytes32{1}, {3, 6}};
};

TEST_F(GateTest, EveryRouteIsDescribedAndAnswered) {
  std::set<std::string> routes, described;
  for (const RouteInfo& info : all_routes()) {
    std::string target(info.path);
    if (const auto at = target.find("{key}"); at != std::string::npos) target.replace(at, 5, "hot-1");
    if (const auto at = target.find("{node}"); at != std::string::npos) target.replace(at, 6, "node2");
    if (const auto at = target.find("{id}"); at != std::string::npos)
      target.replace(at, 4, "req_" + std::string(32, 'a'));
    if (const auto at = target.find("{recovery}"); at != std::string::npos)
      target.replace(at, 10, "rec_" + std::string(32, 'a'));
    const std::string vote = R"({"decision":"approve","signature":")" + std::string(128, '0') + R"("})";
    const std::string body = info.route == Route::create_key ? kCreateKey
                             : info.route == Route::vote     ? vote
                             : info.method != "GET"          ? R"({"payload":{}})"
                                                             : "";
    const HttpResponse r = send({std::string(info.method), target, body});
    EXPECT_LT(r.status, 300) << target;
    EXPECT_EQ(api.last_route, info.route);
    std::string method(info.method);
    for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
    routes.insert(method + " " + std::string(info.path));
  }
  for (const auto& [path, methods] : openapi()["paths"].items())
    for (const auto& [method, operation] : methods.items())
      if (path.starts_with("/v1/")) described.insert(method + " " + path);
  EXPECT_EQ(routes, described);
}

TEST_F(GateTest, EveryReferenceOfTheDocumentLeadsSomewhere) {
  const test::SchemaChecker checker(openapi());
  const std::function<void(const Json&)> walk = [&](const Json& v) {
    if (v.is_object() && v.contains("$ref")) {
      EXPECT_NO_THROW(checker.resolve(v["$ref"])) << v;
    }
    if (!v.is_structured()) return;  // a scalar iterates over itself
    for (const Json& e : v) walk(e);
  };
  walk(openapi());
}

TEST_F(GateTest, DocumentedParametersAreTheRoutersOwn) {
  const test::SchemaChecker checker(openapi());
  const std::map<std::string, std::string> examples = {{"limit", "1"},      {"version", "1"}, {"cursor", "a"},
                                                       {"state", "queued"}, {"kind", "sign"}, {"key", "hot-1"},
                                                       {"after", "0"}};
  for (const RouteInfo& info : all_routes()) {
    if (info.method != "GET" || info.path.find('{') != std::string_view::npos) continue;
    std::set<std::string> documented;
    for (const Json& p : openapi()["paths"][std::string(info.path)]["get"].value("parameters", Json::array()))
      if (const Json& q = checker.follow(p); q["in"] == "query") documented.insert(q["name"].get<std::string>());
    for (const auto& [name, value] : examples)
      EXPECT_EQ(std::holds_alternative<Match>(route("GET", std::string(info.path) + "?" + name + "=" + value)),
                documented.contains(name))
          << info.path << " " << name;
  }
}

TEST_F(GateTest, PublicPagesNeedNoSignature) {
  EXPECT_EQ(send_raw(HttpRequest{"GET", "/healthz", {}, {}, false}).status, 200);
  EXPECT_EQ(send_raw(HttpRequest{"GET", "/readyz", {}, {}, false}).status, 200);
  api.is_ready = false;
  const HttpResponse r = send_raw(HttpRequest{"GET", "/readyz", {}, {}, false});
  EXPECT_EQ(r.status, 503);
  EXPECT_EQ(Json::parse(r.body)["checks"]["peers"], "1 of 2");
  EXPECT_EQ(send_raw(HttpRequest{"GET", "/openapi.json", {}, {}, false}).body, kOpenApiJson);
  EXPECT_EQ(value_of(send_raw(HttpRequest{"POST", "/healthz", {}, {}, false}).fields, "Allow"), "GET, HEAD");
  EXPECT_EQ(api.calls, 0);
}

TEST_F(GateTest, NothingIsCalledWithoutAValidFreshSignature) {
  EXPECT_EQ(code(send_raw(HttpRequest{"GET", "/v1/keys", {}, {}, false})), "signature_missing");
  EXPECT_EQ(code(send({"GET", "/v1/keys"}, key_from(2))), "signature_invalid");
  EXPECT_EQ(send({"GET", "/v1/keys", "", "", "", "mallory"}).body, send({"GET", "/v1/keys"}, key_from(2)).body)
      << "tells who is in the policy";
  EXPECT_EQ(code(send({"GET", "/v1/keys", "", "", "", "alice", std::string(64, 'd')})), "wrong_cluster");
  EXPECT_EQ(code(send({"GET", "/v1/keys", "", "", "", "alice", kCluster, kNow - 61})), "clock_skew");
  EXPECT_EQ(code(send({"GET", "/v1/keys", "", "", "", "alice", kCluster, kNow + 11})), "clock_skew");
  EXPECT_EQ(code(send({"GET", "/v1/keys", "", "", "", "alice", kCluster, kNow, kNow})), "signature_expired");
  HttpRequest other_body =
      to_http(signed_by(alice(), {"POST", "/v1/keys", kCreateKey, "", "", "alice", kCluster, kNow, {}}));
  other_body.body.back() = ' ';
  EXPECT_EQ(code(send_raw(other_body)), "digest_mismatch");
  EXPECT_EQ(api.calls, 0);
  EXPECT_TRUE(logged.empty());
}

// attack 52
TEST_F(GateTest, LargeBodiesNeedAValidHead) {
  const auto post = [](const Ed25519SecretKey& key, std::int64_t created) {
    HttpRequest r =
        to_http(signed_by(key, {"POST", "/v1/keys", std::string(kLarge, ' '), "", "", "alice", kCluster, created, {}}));
    r.body.clear();  // it has not come yet
    return r;
  };
  const auto early = [&](const HttpRequest& r, std::size_t body = kLarge) {
    const auto answer = gate.early(r, body);
    return answer ? code(*answer) : "";
  };
  EXPECT_EQ(early(post(alice(), kNow)), "");
  EXPECT_EQ(early(post(key_from(2), kNow)), "signature_invalid");
  EXPECT_EQ(early(post(key_from(2), kNow), kLarge - 1), "");
  EXPECT_EQ(early(post(alice(), kNow - 61)), "clock_skew");
  EXPECT_EQ(early(HttpRequest{"POST", "/v1/keys", {}, {}, false}), "signature_missing");
  EXPECT_EQ(early(HttpRequest{"POST", "/v1/nothing", {}, {}, false}), "not_found");
  EXPECT_EQ(early(HttpRequest{"POST", "/readyz", {}, {}, false}), "method_not_allowed");
  EXPECT_EQ(code(send_raw(post(alice(), kNow))), "digest_mismatch");
  EXPECT_EQ(early(HttpRequest{"GET", "/healthz", {}, {}, false}, 0), "200");
  EXPECT_EQ(early(HttpRequest{"GET", "/readyz", {}, {}, false}, 0), "");
  EXPECT_EQ(api.calls, 0);
}

TEST_F(GateTest, SignedHeadersComeOnce) {
  for (const std::string name : {"signature", "signature-input", "content-digest", "idempotency-key"}) {
    HttpRequest r =
        to_http(signed_by(alice(), {"POST", "/v1/keys", kCreateKey, "", "once", "alice", kCluster, kNow, {}}));
    r.fields.emplace_back(name, std::string(value_of(r.fields, name)));
    EXPECT_EQ(code(send_raw(r)), "malformed_header") << name;
  }
  HttpRequest r = to_http(signed_by(alice(), {"GET", "/v1/keys", "", "", "", "alice", kCluster, kNow, {}}));
  r.fields.emplace_back("idempotency-key", "added on the way");
  EXPECT_EQ(send_raw(r).status, 400);
  r.fields.back().second = "added-on-the-way";
  EXPECT_EQ(code(send_raw(r)), "component_set");
  EXPECT_EQ(api.calls, 0);
}

TEST_F(GateTest, ANonceServesOneRequest) {
  const HttpRequest get =
      to_http(signed_by(alice(), {"GET", "/v1/keys", "", "shared-nonce-0001", "", "alice", kCluster, kNow, {}}));
  EXPECT_EQ(send_raw(get).status, 200);
  EXPECT_EQ(code(send_raw(get)), "nonce_replayed");
  EXPECT_EQ(code(send({"GET", "/v1/node", "", "shared-nonce-0001"})), "nonce_replayed");
  EXPECT_EQ(code(send({"POST", "/v1/keys", kCreateKey, "shared-nonce-0001"})), "nonce_replayed");
  EXPECT_EQ(send({"GET", "/v1/keys", "", "shared-nonce-0001", "", "bob"}, key_from(2)).status, 200)
      << "nonces are per user";
  // A mutation may come again as the same request, not as another one.
  EXPECT_EQ(send({"POST", "/v1/keys", kCreateKey, "shared-nonce-0002"}).status, 201);
  const std::string id = api.last_request_id;
  EXPECT_EQ(send({"POST", "/v1/keys", kCreateKey, "shared-nonce-0002"}).status, 201);
  EXPECT_EQ(api.last_request_id, id);
  EXPECT_EQ(code(send({"POST", "/v1/keys", kCreateKey, "shared-nonce-0002", "key"})), "nonce_replayed");
  EXPECT_EQ(code(send({"GET", "/v1/keys", "", "shared-nonce-0002"})), "nonce_replayed");
}

// A call that the Api keeps.
struct Kept {
  std::shared_ptr<TestExchange> exchange = std::make_shared<TestExchange>();
  std::optional<HttpResponse> at_once;
  Respond respond;
  int gone = 0;
};
class KeptCalls : public GateTest {
 protected:
  void SetUp() override {
    api.later = [this](const Call& call) -> Answered {
      kept->respond = call.respond;
      return Later{[k = kept] { ++k->gone; }};
    };
  }
  Kept& keep(const std::string& user, const Ed25519SecretKey& key, const std::string& method = "POST") {
    kept = &all.emplace_back();
    const Ask ask{method, "/v1/keys", method == "POST" ? kCreateKey : "", "", "", user, kCluster, kNow, {}};
    kept->at_once = gate.answer(to_http(signed_by(key, ask)), kept->exchange);
    return *kept;
  }
  static std::string code_of(const Kept& k) { return k.at_once ? code(*k.at_once) : "kept"; }
  static Answer made() { return Reply{201, Json{{"id", "req_1"}}, {{"Location", "/v1/requests/req_1"}}}; }

  std::deque<Kept> all;
  Kept* kept = nullptr;
};

TEST_F(KeptCalls, AreAnsweredByWhatTheApiGivesOnce) {
  Kept& k = keep("alice", alice());
  EXPECT_FALSE(k.at_once);
  EXPECT_FALSE(k.exchange->response);
  k.respond(made);
  ASSERT_TRUE(k.exchange->response);
  EXPECT_EQ(k.exchange->response->status, 201);
  EXPECT_EQ(value_of(k.exchange->response->fields, "Location"), "/v1/requests/req_1");
  EXPECT_EQ(k.exchange->turns, std::vector<std::string>{"user alice"});
  EXPECT_EQ(k.gone, 0);
  k.exchange->gone();
  EXPECT_EQ(k.gone, 1) << "whoever owns the exchange says so";

  Kept& thrown = keep("alice", alice());
  thrown.respond([]() -> Answer { throw std::runtime_error("inside"); });
  EXPECT_EQ(thrown.exchange->response->status, 500);
  EXPECT_EQ(logged.back(), "500 POST /v1/keys: inside");
}

TEST_F(KeptCalls, UsersTakeTurnsWhenThreadsAreBusy) {
  api.later = nullptr;
  kept = &all.emplace_back();
  kept->exchange->waits = true;
  const HttpRequest get = to_http(signed_by(alice(), {"GET", "/v1/keys", "", "", "", "alice", kCluster, kNow, {}}));
  EXPECT_FALSE(gate.answer(get, kept->exchange));
  EXPECT_EQ(api.calls, 0);
  EXPECT_EQ(kept->exchange->turns, std::vector<std::string>{"user alice"});
  kept->exchange->run();
  EXPECT_EQ(kept->exchange->response->status, 200);
  // Not before it is known whose it is.
  HttpRequest forged = get;
  forged.target = "/v1/node";
  EXPECT_EQ(code(*gate.answer(forged, kept->exchange)), "signature_invalid");
}

TEST_F(KeptCalls, OneUserHasSoManyAndOthersHaveTheirs) {
  Kept& first = keep("alice", alice());
  EXPECT_EQ(code_of(first), "kept");
  EXPECT_EQ(code_of(keep("alice", alice())), "kept");
  EXPECT_EQ(code_of(keep("alice", alice())), "kept");
  const Kept& over = keep("alice", alice());
  EXPECT_EQ(code_of(over), "too_many_requests");
  EXPECT_EQ(over.at_once->status, 429);
  EXPECT_EQ(value_of(over.at_once->fields, "Retry-After"), "1");
  EXPECT_EQ(code_of(keep("alice", alice(), "GET")), "too_many_requests");
  const auto bob = key_from(2);
  EXPECT_EQ(code_of(keep("bob", bob)), "kept");
  EXPECT_EQ(code_of(keep("bob", bob)), "kept");
  const Kept& full = keep("bob", bob);
  EXPECT_EQ(code_of(full), "busy") << "one place is left, for somebody else";
  EXPECT_EQ(full.at_once->status, 503);
  EXPECT_EQ(value_of(full.at_once->fields, "Retry-After"), "1");
  api.later = nullptr;
  EXPECT_EQ(code_of(keep("bob", bob, "GET")), "200") << "which waits for nothing";
  // An answer, or that nobody will give one, makes room.
  first.respond(made);
  EXPECT_EQ(code_of(keep("alice", alice(), "GET")), "200");
  EXPECT_EQ(code_of(keep("alice", alice(), "GET")), "200");
}

TEST(Router, WhatChangesSomethingMayWait) {
  for (const RouteInfo& info : all_routes()) {
    const bool asks = info.method == "GET" || info.route == Route::inspect || info.route == Route::simulate;
    EXPECT_EQ(may_wait(info.route), !asks) << info.path;
  }
}

TEST_F(KeptCalls, ACallThatIsDroppedMakesRoom) {
  std::vector<Kept*> mine;
  for (int i = 0; i < 3; ++i) mine.push_back(&keep("alice", alice()));
  EXPECT_EQ(code_of(keep("alice", alice())), "too_many_requests");
  mine[1]->respond = nullptr;
  mine[1]->exchange.reset();
  EXPECT_EQ(code_of(keep("alice", alice())), "kept");
}

TEST_F(GateTest, BodiesAreReadStrictly) {  // attack 54
  const auto post = [&](const std::string& body) { return send({"POST", "/v1/keys", body}); };
  const auto pointer = [](const HttpResponse& r) { return Json::parse(r.body).value("pointer", std::string("none")); };
  EXPECT_EQ(post(kCreateKey).status, 201);
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"[]", ""},
      {"{", ""},
      {kCreateKey + "x", ""},
      {"{\"name\":1}", "/name"},
      {"{\"name\":\"a\",\"name\":\"b\"}", "/name"},
      {kCreateKey.substr(0, kCreateKey.size() - 1) + ",\"unknown\":1}", "/unknown"},
      {"{\"name\":1.5}", "/name"},
      {std::string(100'000, '['), std::string()},
      {"{\"name\":\"\xff\"}", "/name"},
  };
  for (const auto& [body, where] : cases) {
    const HttpResponse r = post(body);
    EXPECT_EQ(r.status, 400) << body.substr(0, 80);
    EXPECT_EQ(code(r), "malformed_body");
    if (!where.empty()) {
      EXPECT_EQ(pointer(r), where) << body.substr(0, 80);
    }
    EXPECT_LT(r.body.size(), 1000u);
  }
}

TEST_F(GateTest, ContentTypeAndEncoding) {
  const auto with = [&](const std::string& name, const std::string& value) {
    HttpRequest r = to_http(signed_by(alice(), {"POST", "/v1/keys", kCreateKey, "", "", "alice", kCluster, kNow, {}}));
    std::erase_if(r.fields, [&](const auto& f) { return f.first == name; });
    if (!value.empty()) r.fields.emplace_back(name, value);
    return send_raw(r).status;
  };
  EXPECT_EQ(with("content-type", "application/json; charset=utf-8"), 201);
  EXPECT_EQ(with("content-type", "Application/JSON"), 201);
  EXPECT_EQ(with("content-type", "text/plain"), 415);
  EXPECT_EQ(with("content-type", "application/jsonx"), 415);
  EXPECT_EQ(with("content-type", ""), 415);
  EXPECT_EQ(with("content-encoding", "gzip"), 415);
}

TEST_F(GateTest, PreferredWait) {
  const auto wait = [&](const std::string& prefer) {
    HttpRequest r = to_http(signed_by(alice(), {"POST", "/v1/keys", kCreateKey, "", "", "alice", kCluster, kNow, {}}));
    if (!prefer.empty()) r.fields.emplace_back("prefer", prefer);
    api.last_wait = Millis(-1);
    const int status = send_raw(r).status;
    return status == 201 ? api.last_wait.count() : -status;
  };
  EXPECT_EQ(wait(""), 10'000);
  EXPECT_EQ(wait("wait=0"), 0);
  EXPECT_EQ(wait("wait=60"), 60'000);
  EXPECT_EQ(wait("wait=61"), 60'000);
  EXPECT_EQ(wait("respond-async, wait=5"), 5'000);
  EXPECT_EQ(wait("handling=strict"), 10'000);
  EXPECT_EQ(wait("wait=-1"), -400);
  EXPECT_EQ(wait("wait="), -400);
  EXPECT_EQ(wait("wait=9999999999"), -400);
}

TEST_F(GateTest, ProblemsCarryWhatTheNodeSays) {
  const HttpResponse denied = send({"POST", "/v1/keys/denied/signatures", "{}"});
  EXPECT_EQ(denied.status, 403);
  EXPECT_EQ(Json::parse(denied.body)["request"]["id"], api.last_request_id);
  const HttpResponse busy = send({"POST", "/v1/keys/busy/signatures", "{}"});
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(value_of(busy.fields, "Retry-After"), "7");
  const HttpResponse accepted = send({"POST", "/v1/keys/hot-1/signatures", "{}"});
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(value_of(accepted.fields, "Location"), "/v1/requests/" + api.last_request_id);
  EXPECT_EQ(value_of(send({"DELETE", "/v1/keys"}).fields, "Allow"), "POST, GET");
}

TEST_F(GateTest, AnExceptionTellsTheClientNothing) {
  api.hook = [](const Call&) { throw std::runtime_error("disk /var/lib secret\n\x1b[31m"); };
  const HttpResponse r = send({"GET", "/v1/node"});
  EXPECT_EQ(r.status, 500);
  EXPECT_EQ(r.body.find("disk"), std::string::npos);
  ASSERT_EQ(logged.size(), 1u);
  EXPECT_EQ(logged[0], "500 GET /v1/node: disk /var/lib secret\\x0a\\x1b[31m");  // attack 55
  api.hook = [](const Call&) { throw 1; };
  EXPECT_EQ(send({"GET", "/v1/node"}).status, 500);
}

}  // namespace
}  // namespace quorate::http

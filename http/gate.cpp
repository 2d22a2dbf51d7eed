#include "http/gate.h"

#include <algorithm>

namespace quorate::http {
namespace {

constexpr std::string_view kHealth = "/healthz";

std::string dump(const Json& value) {
  // A detail may quote what came from outside; what is not UTF-8 is replaced, never thrown about.
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

HttpResponse json_response(int status, const Json& body) {
  return {status, {{"Content-Type", "application/json"}}, dump(body)};
}

Problem problem(int status, std::string code, std::string detail, std::optional<int> retry_after = {}) {
  Problem p;
  p.status = status;
  p.code = std::move(code);
  p.detail = std::move(detail);
  p.retry_after = retry_after;
  return p;
}

// Each part of the request that a signature can cover may come once only: two would have to be combined, and readers
// differ in how.
std::variant<SignedRequest, Problem> signed_request(const HttpRequest& request) {
  SignedRequest out;
  out.method = request.method;
  out.target = request.target;
  out.body.assign(request.body.begin(), request.body.end());
  const auto take = [&](std::string_view name, bool& present, std::string& value) {
    const std::size_t n = count_of(request.fields, name);
    present = n > 0;
    value = value_of(request.fields, name);
    return n <= 1 && value.size() <= limits::kMaxSignatureField;
  };
  bool ignored = false;
  if (!take("signature-input", ignored, out.signature_input.text) || !take("signature", ignored, out.signature.text) ||
      !take("content-digest", out.content_digest.present, out.content_digest.value.text) ||
      !take("idempotency-key", out.idempotency_key.present, out.idempotency_key.value.text) ||
      !take("if-match", out.if_match.present, out.if_match.value.text))
    return problem(400, "malformed_header", "a signed header is given twice or has more than 2048 bytes");
  return out;
}

// RFC 7240: a list of preferences. Only wait=N is known; more than the bound waits for the bound.
std::optional<Millis> wait_of(const Fields& fields) {
  Millis wait = limits::kPreferWaitDefault;
  for (const auto& [name, value] : fields) {
    if (name != "prefer") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find_first_of(",;"), rest.size());
      std::string_view item = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
      if (!item.starts_with("wait=")) continue;
      item.remove_prefix(5);
      if (item.empty() || item.size() > 9 ||
          !std::all_of(item.begin(), item.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return std::nullopt;
      const Millis asked = Seconds(std::stoul(std::string(item)));
      wait = std::min<Millis>(asked, limits::kPreferWaitMost);
    }
  }
  return wait;
}

// What an EventSource says when it comes again, of more weight than the query of its first time. It is not signed: it
// only says from where on its user wants to read.
std::optional<Problem> read_last_event(const Fields& fields, QueryParameters& query) {
  const std::size_t n = count_of(fields, "last-event-id");
  if (n == 0) return std::nullopt;
  const std::string id(value_of(fields, "last-event-id"));
  if (n > 1 || !is_after(id))
    return problem(400, "bad_last_event_id", "Last-Event-ID must be the id of an event of this node, once");
  query.insert_or_assign("after", id);
  return std::nullopt;
}

std::optional<Problem> check_content_type(const Fields& fields) {
  if (count_of(fields, "content-encoding") > 0)
    return problem(415, "content_encoding", "send the body without compression");
  std::string type(value_of(fields, "content-type"));
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (type == "application/json" || type.starts_with("application/json;")) return std::nullopt;
  return problem(415, "content_type", "Content-Type must be application/json");
}

}  // namespace

HttpResponse to_response(const Problem& p) {
  HttpResponse out{p.status, {{"Content-Type", "application/problem+json"}}, dump(to_json(p))};
  if (p.retry_after) out.fields.emplace_back("Retry-After", std::to_string(*p.retry_after));
  return out;
}

HttpResponse to_response(const Refusal& refusal) {
  return to_response(problem(refusal.status, std::string(refusal.code), std::string(refusal.detail)));
}

namespace {

HttpResponse response_of(Answer&& answer) {
  if (const auto* p = std::get_if<Problem>(&answer)) return to_response(*p);
  Reply& reply = std::get<Reply>(answer);
  HttpResponse out = json_response(reply.status, reply.body);
  for (auto& field : reply.headers) out.fields.push_back(std::move(field));
  return out;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 256)) {
    if (c >= ' ' && c <= '~' && c != '\\')
      out += c;
    else
      out += "\\x" + to_hex(ByteView(reinterpret_cast<const std::uint8_t*>(&c), 1));
  }
  return text.size() > 256 ? out + "..." : out;
}

Gate::Answer Gate::guarded(std::string_view method, std::string_view target,
                           const std::function<Answer()>& answer) noexcept {
  const auto told = [&](const std::string& what) {
    if (log_) log_("500 " + escaped(method) + " " + escaped(target) + ": " + what);
  };
  try {
    return answer();
  } catch (const std::exception& e) {
    told(escaped(e.what()));
  } catch (...) {
    told("an exception of an unknown kind");
  }
  return to_response(problem(500, "internal", "something went wrong in this node; its log says more"));
}

std::optional<HttpResponse> Gate::answer(const HttpRequest& request,
                                         const std::shared_ptr<Exchange>& exchange) noexcept {
  return guarded(request.method, request.target, [&]() -> Answer {
    auto match = matched(request);
    if (auto* done = std::get_if<HttpResponse>(&match)) return std::move(*done);
    return signed_call(request, std::move(std::get<Match>(match)), exchange);
  });
}

std::optional<HttpResponse> Gate::early(const HttpRequest& head, std::size_t body) noexcept {
  if (head.target != kHealth && body <= limits::kMaxUncheckedBody) return std::nullopt;
  return guarded(head.method, head.target, [&]() -> Answer {
    auto match = matched(head);
    if (auto* done = std::get_if<HttpResponse>(&match)) return std::move(*done);
    const auto caller = authenticate(head, verify_head);
    if (const auto* error = std::get_if<Problem>(&caller)) return to_response(*error);
    return std::nullopt;
  });
}

// A public page or that there is none at this path are answers already.
std::variant<Match, HttpResponse> Gate::matched(const HttpRequest& request) {
  if (auto page = public_page(request)) return std::move(*page);
  auto routed = route(request.method, request.target);
  if (auto* match = std::get_if<Match>(&routed)) return std::move(*match);
  const auto& miss = std::get<NotMatched>(routed);
  HttpResponse out = to_response(miss.problem);
  if (!miss.allow.empty()) out.fields.emplace_back("Allow", miss.allow);
  return out;
}

std::optional<HttpResponse> Gate::public_page(const HttpRequest& request) {
  const bool health = request.target == kHealth, ready = request.target == "/readyz",
             openapi = request.target == "/openapi.json";
  if (!health && !ready && !openapi) return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse out = to_response(problem(405, "method_not_allowed", "this path has other methods"));
    out.fields.emplace_back("Allow", "GET, HEAD");
    return out;
  }
  if (health) return json_response(200, {{"status", "ok"}});
  if (openapi) return HttpResponse{200, {{"Content-Type", "application/json"}}, std::string(kOpenApiJson)};
  const Readiness state = api_.ready();
  return json_response(state.ok ? 200 : 503, {{"ready", state.ok}, {"checks", state.why}});
}

std::variant<Gate::Authentic, Problem> Gate::authenticate(const HttpRequest& request, decltype(verify)& check) {
  auto original = signed_request(request);
  if (auto* error = std::get_if<Problem>(&original)) return std::move(*error);
  const auto key_of = [this](std::string_view user) { return api_.user_key(user); };
  auto verified = check(std::get<SignedRequest>(original), api_.cluster_id(), key_of, check_signature);
  // Who is in the policy is nobody's business: a user without a key looks like a wrong key.
  if (const auto* error = std::get_if<AuthError>(&verified))
    return to_problem(error->code == "unknown_user" ? signature_invalid() : *error);
  if (const auto error = check_fresh(std::get<Verified>(verified), clock_.wall())) return to_problem(*error);
  return Authentic{std::move(std::get<SignedRequest>(original)), std::move(std::get<Verified>(verified))};
}

// From here on it is known whose call it is, and users take turns.
Gate::Answer Gate::signed_call(const HttpRequest& request, Match match, const std::shared_ptr<Exchange>& exchange) {
  const auto c = std::make_shared<SignedCall>();
  auto caller = authenticate(request, verify);
  if (const auto* error = std::get_if<Problem>(&caller)) return to_response(*error);
  c->caller = std::move(std::get<Authentic>(caller));
  const Verified& who = c->caller.who;
  const Lasts lasts = match.route == Route::events ? Lasts::long_after
                      : may_wait(match.route)      ? Lasts::until_an_event
                                                   : Lasts::shortly;
  auto place = admission_.enter(who.user, lasts);
  if (const auto* error = std::get_if<Problem>(&place)) return to_response(*error);
  c->place = std::move(std::get<std::shared_ptr<Admission::Place>>(place));
  if (is_mutation(match.route)) c->id = request_id(who, api_.cluster_id());
  if (const auto error = check_replay(who, c->id)) return to_response(*error);
  const auto wait = wait_of(request.fields);
  if (!wait) return to_response(problem(400, "bad_prefer", "Prefer: wait must be a whole number of seconds"));
  c->wait = *wait;
  if (match.route == Route::events)
    if (const auto error = read_last_event(request.fields, match.query)) return to_response(*error);
  if (takes_body(match.route))
    if (const auto error = check_content_type(request.fields)) return to_response(*error);
  c->match = std::move(match);

  if (!exchange->others_wait()) return call(c, exchange);
  exchange->go_on("user " + who.user, [this, c, exchange] {
    return guarded(c->caller.original.method.text, c->caller.original.target.text, [&] { return call(c, exchange); });
  });
  return std::nullopt;
}

Gate::Answer Gate::call(const std::shared_ptr<SignedCall>& c, const std::shared_ptr<Exchange>& exchange) try {
  const auto& [original, who] = c->caller;
  Json body;
  if (takes_body(c->match.route)) body = parse_body(original.body);
  const auto respond = [this, c, exchange](std::function<http::Answer()> make) {
    exchange->go_on("user " + c->caller.who.user, [this, c, make = std::move(make)] {
      auto response = guarded(c->caller.original.method.text, c->caller.original.target.text,
                              [&]() -> Answer { return response_of(make()); });
      c->place->give_back();  // before the client can send its next call
      return response;
    });
  };
  auto answered = api_.call({c->match.route, c->match.subject, c->match.query, std::move(body), original, who, c->wait,
                             c->id, respond, c->place});
  if (auto* later = std::get_if<Later>(&answered)) {
    c->caller.original.body.clear();  // many may wait
    c->caller.original.body.shrink_to_fit();
    if (later->gone) exchange->when_gone(std::move(later->gone));
    return std::nullopt;
  }
  if (const auto* events = std::get_if<Events>(&answered)) {
    // Proxies of a widespread kind keep an answer back until there is enough of it, unless told so.
    const HttpResponse head{200, {{"Content-Type", "text/event-stream"}, {"X-Accel-Buffering", "no"}}, {}};
    if (auto flow = exchange->begin(head, c->place)) events->begin(std::move(flow));
    return std::nullopt;
  }
  c->place->give_back();
  if (auto* reply = std::get_if<Reply>(&answered)) return response_of(std::move(*reply));
  return response_of(std::move(std::get<Problem>(answered)));
} catch (const JsonError& e) {
  return to_response(to_problem(e));
}

std::optional<Problem> Gate::check_replay(const Verified& who, std::string_view request) {
  switch (nonces_.remember(who.user, who.nonce, request, clock_.steady())) {
    case NonceMemory::Answer::fresh:
      return std::nullopt;
    case NonceMemory::Answer::seen:
      return to_problem(nonce_replayed());
    case NonceMemory::Answer::full:
      break;
  }
  return problem(429, "too_many_requests", "too many calls in the last 150 s", 60);
}

}  // namespace quorate::http

// From a request to its answer: public pages, routing, authentication, freshness, replay, body, then one call of the
// Api. No sockets.
#pragma once
#include <functional>
#include <string>

#include "base/clock.h"
#include "http/api.h"
#include "http/http1.h"
#include "http/nonce_memory.h"
#include "http/router.h"

namespace quorate::http {

using Log = std::function<void(const std::string& line)>;

class Gate {
 public:
  Gate(Api& api, const Clock& clock, Log log) : api_(api), clock_(clock), log_(std::move(log)) {}

  // Thread-safe. Always an answer: what is thrown below becomes a 500 that tells the client nothing, and a line for the
  // log.
  HttpResponse answer(const HttpRequest& request) noexcept;
  // What needs no body and must not wait for a thread: /healthz, and the refusal of a request that would hold more than
  // limits::kMaxUncheckedBody bytes without a valid, fresh signature. nullopt: `answer` is to be asked.
  std::optional<HttpResponse> early(const HttpRequest& head, std::size_t body) noexcept;

 private:
  struct Authentic {
    SignedRequest original;
    Verified who;
  };
  using Answer = std::optional<HttpResponse>;
  Answer guarded(const HttpRequest& request, const std::function<Answer()>& answer) noexcept;
  std::variant<Match, HttpResponse> matched(const HttpRequest& request);
  std::variant<Authentic, Problem> authenticate(const HttpRequest& request, decltype(verify)& check);
  std::optional<HttpResponse> public_page(const HttpRequest& request);
  HttpResponse signed_call(const HttpRequest& request, Match match);
  std::optional<Problem> check_replay(const Verified& who, std::string_view request);

  Api& api_;
  const Clock& clock_;
  Log log_;
  NonceMemory nonces_;
};

HttpResponse to_response(const Problem& problem);
HttpResponse to_response(const Refusal& refusal);

// For log lines: everything but visible ASCII and spaces becomes \xNN, and it is cut at 256 bytes.
std::string escaped(std::string_view text);

extern const std::string_view kOpenApiJson;  // generated from openapi.yaml

}  // namespace quorate::http

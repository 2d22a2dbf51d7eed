// From a request to its answer: public pages, routing, authentication, freshness, the user's bounds, replay, body, then
// one call of the Api. No sockets.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "http/admission.h"
#include "http/api.h"
#include "http/exchange.h"
#include "http/http1.h"
#include "http/nonce_memory.h"
#include "http/router.h"

namespace quorate::http {

using Log = std::function<void(const std::string& line)>;

class Gate {
 public:
  // `nonce_key`: random.
  Gate(Api& api, const Clock& clock, Log log, const Bytes32& nonce_key, CallBounds bounds = {})
      : api_(api), clock_(clock), log_(std::move(log)), admission_(bounds), nonces_(nonce_key) {}

  // Thread-safe. What is thrown below becomes a 500 that tells the client nothing, and a line for the log. nullopt: a
  // later step of the exchange answers.
  std::optional<HttpResponse> answer(const HttpRequest& request, const std::shared_ptr<Exchange>& exchange) noexcept;
  // What needs no body and must not wait for a thread: /healthz, and the refusal of a request that would hold more than
  // limits::kMaxUncheckedBody bytes without a valid, fresh signature. nullopt: `answer` is to be asked.
  std::optional<HttpResponse> early(const HttpRequest& head, std::size_t body) noexcept;

 private:
  struct Authentic {
    SignedRequest original;
    Verified who;
  };
  struct SignedCall {
    Authentic caller;
    Match match;
    Millis wait{};
    std::string id;  // of a mutation
    std::shared_ptr<Admission::Place> place;
  };
  using Answer = std::optional<HttpResponse>;  // or a later step's
  Answer guarded(std::string_view method, std::string_view target, const std::function<Answer()>& answer) noexcept;
  std::variant<Match, HttpResponse> matched(const HttpRequest& request);
  std::variant<Authentic, Problem> authenticate(const HttpRequest& request, decltype(verify)& check);
  std::optional<HttpResponse> public_page(const HttpRequest& request);
  Answer signed_call(const HttpRequest& request, Match match, const std::shared_ptr<Exchange>& exchange);
  Answer call(const std::shared_ptr<SignedCall>& call, const std::shared_ptr<Exchange>& exchange);
  std::optional<Problem> check_replay(const Verified& who, std::string_view request);

  Api& api_;
  const Clock& clock_;
  Log log_;
  Admission admission_;
  NonceMemory nonces_;
};

HttpResponse to_response(const Problem& problem);
HttpResponse to_response(const Refusal& refusal);

// For log lines: everything but visible ASCII and spaces becomes \xNN, and it is cut at 256 bytes.
std::string escaped(std::string_view text);

extern const std::string_view kOpenApiJson;  // generated from openapi.yaml

}  // namespace quorate::http

// The REST listener: TLS, bounds, authentication, routing; then one call of the Api. And /metrics on a listener of its
// own.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "base/rng.h"
#include "base/secret.h"
#include "http/api.h"

namespace quorate::http {

struct HttpConfig {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;       // 0: any free one
  std::string certificate_pem;  // leaf first, then the chain
  SecretBytes key_pem;
  std::size_t threads = 0;  // kMinHttpThreads..kMaxHttpThreads; 0: two per core. Calls that wait hold none
  std::size_t queue = limits::kMaxHttpQueue;  // requests that wait for a thread, one source's as many as are free; more
                                              // are answered 503
  std::string metrics_host = "127.0.0.1";
  std::optional<std::uint16_t> metrics_port;  // unset: no metrics listener; 0: any free port
  Millis request_total =
      limits::kHttpRequestTotal;               // handshake, or a request's first to last byte, or sending its answer
  Millis idle{10'000};                         // a kept connection without a request
  Millis call_total = limits::kHttpCallTotal;  // from a whole request to its answer
  Millis flow_life = kFlowLife;                // of a stream of events
  std::size_t requests_per_connection = 1'000;
  std::size_t connections = limits::kMaxHttpConnections;  // fewer where the process may not open so many files
  std::size_t per_source = limits::kMaxHttpPerSource;     // of them, from one address, and from the loopback
  std::size_t per_loopback = limits::kMaxHttpPerLoopback;
  std::function<void(const std::string& line)> log;  // what a client is not told; already escaped
};

class HttpServer {
 public:
  HttpServer(HttpConfig config, Api& api, const Clock& clock, Rng& rng);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;

  // Binds and serves on threads of its own. Throws std::runtime_error naming the address or what is wrong with
  // certificate or key.
  void start();
  // Refuses new connections, ends the open ones, waits for running calls. What has no answer then is answered 503, so
  // an Api first answers those that it has kept.
  void stop();
  std::uint16_t port() const;          // after start
  std::uint16_t metrics_port() const;  // 0 without a metrics listener

 private:
  struct Listener;
  std::unique_ptr<Listener> listener_;
};

}  // namespace quorate::http

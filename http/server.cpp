#include "http/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "http/gate.h"
#include "http/listener.h"

namespace quorate::http {
namespace {

constexpr std::size_t kMetricsThreads = 1, kMetricsQueue = 8, kMetricsConnections = 16;
constexpr std::size_t kLeastConnections = 16;

// So that clients cannot take the descriptors of the mesh and the database.
std::size_t within_descriptors(std::size_t connections) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return connections;
  const auto left = files.rlim_cur > limits::kReservedFiles ? files.rlim_cur - limits::kReservedFiles : 0;
  return std::min<std::size_t>(connections, std::max<rlim_t>(left, kLeastConnections));
}

std::string_view key_text(const SecretBytes& pem) { return text_of(ByteView(pem.data(), pem.size())); }

// To the machine.
HttpConfig fitted(HttpConfig c) {
  const std::size_t cores = std::thread::hardware_concurrency();
  if (c.threads == 0) c.threads = std::clamp(2 * cores, limits::kMinHttpThreads, limits::kMaxHttpThreads);
  c.connections = within_descriptors(c.connections);
  return c;
}

// Some connections stay free for calls that wait for nothing.
CallBounds call_bounds(const HttpConfig& c) {
  const std::size_t connections = std::min(c.connections, c.per_loopback);  // all, perhaps, by a proxy on this machine
  CallBounds out;
  out.waiting = std::min(out.waiting, connections - connections / 4);
  out.streams = std::min(out.streams, connections / 8);  // of what those leave free, half
  return out;
}

ListenerConfig main_listener(const HttpConfig& c) {
  if (c.threads < limits::kMinHttpThreads || c.threads > limits::kMaxHttpThreads || c.queue == 0 ||
      c.queue > limits::kMaxHttpQueue)
    throw std::runtime_error("http threads must lie between " + std::to_string(limits::kMinHttpThreads) + " and " +
                             std::to_string(limits::kMaxHttpThreads) + ", the queue between 1 and " +
                             std::to_string(limits::kMaxHttpQueue));
  ListenerConfig out;
  out.host = c.host;
  out.port = c.port;
  out.threads = c.threads;
  out.queue = c.queue;
  out.connections = c.connections;
  out.per_source = c.per_source;
  out.per_loopback = c.per_loopback;
  out.requests_per_connection = c.requests_per_connection;
  out.handshake = std::min<Millis>(limits::kHandshakeTimeout, c.request_total);
  out.request_total = c.request_total;
  out.idle = c.idle;
  out.call_total = c.call_total;
  out.flow_life = c.flow_life;
  return out;
}

ListenerConfig metrics_listener(const HttpConfig& c) {
  ListenerConfig out;
  out.host = c.metrics_host;
  out.port = *c.metrics_port;
  out.threads = kMetricsThreads;
  out.queue = kMetricsQueue;
  out.connections = out.per_source = out.per_loopback = kMetricsConnections;
  out.request_total = c.request_total;
  out.idle = c.idle;
  return out;
}

HttpResponse metrics_page(Api& api, const Log& log, const HttpRequest& request) noexcept {
  if (request.target != "/metrics") return to_response(Refusal{404, "not_found", "there is nothing at this path"});
  if (request.method != "GET") return to_response(Refusal{405, "method_not_allowed", "this path has other methods"});
  try {
    return {200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, api.metrics()};
  } catch (const std::exception& e) {
    if (log) log("500 /metrics: " + escaped(e.what()));
    return to_response(Refusal{500, "internal", "something went wrong in this node; its log says more"});
  }
}

}  // namespace

struct HttpServer::Listener {
  HttpConfig config;
  TlsServer tls;
  Gate gate;
  http::Listener calls;
  std::optional<http::Listener> metrics;

  Listener(HttpConfig c, Api& api, const Clock& clock, Rng& rng)
      : config(fitted(std::move(c))),
        tls(config.certificate_pem, key_text(config.key_pem)),
        gate(api, clock, config.log, rng.bytes<32>(), call_bounds(config)),
        calls(
            main_listener(config), &tls, clock,
            [this](const HttpRequest& request, const std::shared_ptr<Exchange>& exchange) {
              return gate.answer(request, exchange);
            },
            [this](const HttpRequest& head, std::size_t body) { return gate.early(head, body); }) {
    config.key_pem = SecretBytes();
    if (config.metrics_port)
      metrics.emplace(
          metrics_listener(config), nullptr, clock,
          [this, &api](const HttpRequest& request, const std::shared_ptr<Exchange>&) {
            return metrics_page(api, config.log, request);
          },
          EarlyHandler());
  }
};

HttpServer::HttpServer(HttpConfig config, Api& api, const Clock& clock, Rng& rng)
    : listener_(std::make_unique<Listener>(std::move(config), api, clock, rng)) {}
HttpServer::~HttpServer() { stop(); }

void HttpServer::start() {
  listener_->calls.start();
  if (listener_->metrics) listener_->metrics->start();
}
void HttpServer::stop() {
  listener_->calls.stop();
  if (listener_->metrics) listener_->metrics->stop();
}
std::uint16_t HttpServer::port() const { return listener_->calls.port(); }
std::uint16_t HttpServer::metrics_port() const {
  return listener_->metrics ? listener_->metrics->port() : std::uint16_t{0};
}

}  // namespace quorate::http

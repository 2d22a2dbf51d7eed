// A signed client of one node's REST API.
#pragma once
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ed25519.h"
#include "base/json.h"
#include "base/rng.h"

namespace quorate::http {

struct ClientConfig {
  std::string base_url{};      // https://host:port
  std::vector<Digest> pins{};  // SHA-256 of the server's SubjectPublicKeyInfo (DER), any of them; from cluster.json
  std::string
      ca_pem{};  // used when there are no pins: chain and host name (IP literals included) are checked against it
  std::string user{};
  std::string cluster_id{};  // lower-case hex
  Millis connect_timeout{5'000};
  Millis call_timeout{90'000};  // of one call in all, above the longest Prefer: wait
};

struct ClientReply {
  int status = 0;
  Json body;  // null if there was none
  std::vector<std::pair<std::string, std::string>> headers;
  std::string header(std::string_view name) const;  // "" if absent; case-insensitive
};

// No answer was had: refused, timed out, or the server's certificate is not the expected one. Never carries a secret.
struct ClientError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ClientCall {
  std::string method{};               // GET, POST, PUT, DELETE
  std::string target{};               // /v1/keys?limit=10
  std::string body{};                 // JSON text; "" for none
  std::string idempotency_key{};      // "" for none
  std::string if_match{};             // "" for none
  std::optional<int> wait_seconds{};  // Prefer: wait=N
};

// One connection, kept alive; not for use by two threads at once. Key, clock and generator outlive it.
class Client {
 public:
  Client(ClientConfig config, const Ed25519SecretKey& key, const Clock& clock,
         Rng& rng);  // throws ClientError for a bad URL or PEM
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  ClientReply call(const ClientCall& call);  // throws ClientError
  ClientReply get(const std::string& target) { return call({"GET", target, "", "", "", {}}); }
  ClientReply post(const std::string& target, const Json& body, std::optional<int> wait_seconds = {}) {
    return call({"POST", target, body.dump(), "", "", wait_seconds});
  }
  // An answer that goes on: `got` is called with each part of it as it comes, and with nothing some times a second,
  // until it ends or `got` returns false. nullopt: it was one; else what was answered instead. Throws ClientError when
  // the connection breaks or nothing comes for three heartbeats.
  std::optional<ClientReply> listen(const std::string& target, const std::string& last_event_id,
                                    const std::function<bool(std::string_view)>& got);
  // Without a signature: /healthz, /readyz, /openapi.json.
  ClientReply get_unsigned(const std::string& target);

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace quorate::http

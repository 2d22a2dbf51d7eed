#include "http/client.h"

#include <algorithm>

#include "base/limits.h"
#include "http/http1.h"
#include "http/message_signature.h"
#include "http/outflow.h"
#include "http/socket.h"
#include "http/stream.h"

namespace quorate::http {
namespace {

constexpr Millis kLook{200};  // who listens is asked whether it wants to go on

struct Address {
  std::string host;
  std::uint16_t port = 443;
  std::string authority;  // as in the URL, for Host
};

// https://host[:port][/], host a name, an IPv4 address or [an IPv6 address].
Address parse_url(const std::string& url) {
  constexpr std::string_view scheme = "https://";
  const ClientError bad("not a URL of the form https://host:port: " + url);
  if (!url.starts_with(scheme)) throw bad;
  std::string rest = url.substr(scheme.size());
  if (rest.ends_with('/')) rest.pop_back();
  if (rest.empty() ||
      !std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c <= '~' && c != '/' && c != '@'; }))
    throw bad;
  Address out;
  out.authority = rest;
  const std::size_t bracket = rest.find(']');
  const std::size_t colon = rest.find(':', bracket == std::string::npos ? 0 : bracket);
  out.host = rest.substr(0, colon);
  if (colon != std::string::npos) {
    const std::string digits = rest.substr(colon + 1);
    if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("0123456789") != std::string::npos) throw bad;
    const unsigned long port = std::stoul(digits);
    if (port == 0 || port > 65535) throw bad;
    out.port = static_cast<std::uint16_t>(port);
  }
  if (out.host.starts_with('[')) {
    if (!out.host.ends_with(']')) throw bad;
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  if (out.host.empty()) throw bad;
  return out;
}

}  // namespace

std::string ClientReply::header(std::string_view name) const {
  std::string lower(name);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return std::string(value_of(headers, lower));
}

struct Client::Connection {
  ClientConfig config;
  Address address;
  TlsClient tls;
  const Ed25519SecretKey& key;
  const Clock& clock;
  Rng& rng;
  Socket socket;
  std::unique_ptr<Stream> stream;  // before the socket goes, it goes

  Connection(ClientConfig c, const Ed25519SecretKey& k, const Clock& cl, Rng& r)
      : config(std::move(c)),
        address(parse_url(config.base_url)),
        tls(config.pins, config.ca_pem),
        key(k),
        clock(cl),
        rng(r) {}

  void disconnect() {
    stream.reset();
    socket.close();
  }

  // Waits for what `io` asks for; anything else is an error in `doing`.
  void wait(Io io, SteadyTime deadline, const char* doing) {
    const bool write = io == Io::wants_write;
    if (!write && io != Io::wants_read) throw ClientError(address.authority + ": " + doing + " failed");
    const SteadyTime now = clock.steady();
    if (now >= deadline || !wait_for(socket, write, deadline - now))
      throw ClientError(address.authority + ": " + doing + " timed out");
  }

  void connect() {
    socket = connect_to(address.host, address.port, config.connect_timeout);
    if (!socket) throw ClientError(address.authority + ": no connection");
    stream = tls.connect(socket.fd(), address.host);
    const SteadyTime deadline = clock.steady() + config.connect_timeout;
    for (Io io = stream->handshake(); io != Io::done; io = stream->handshake())
      wait(io, deadline, "TLS handshake (is the certificate the expected one?)");
  }

  void send(std::string_view bytes, SteadyTime deadline) {
    while (!bytes.empty()) {
      const IoResult r = stream->write(view_of(bytes));
      if (r.io == Io::done)
        bytes.remove_prefix(r.bytes);
      else
        wait(r.io, deadline, "sending");
    }
  }

  // nullopt: a kept connection had ended before it answered anything, which says nothing about the request.
  std::optional<HttpResponse> exchange(const std::string& request) {
    const bool kept = static_cast<bool>(stream);
    if (!kept) connect();
    const SteadyTime deadline = clock.steady() + config.call_timeout;
    ResponseReader reader(limits::kMaxReply);
    try {
      send(request, deadline);
      std::vector<std::uint8_t> buffer(16 * 1024);
      while (!reader.complete()) {
        const IoResult r = stream->read(buffer);
        if (r.io != Io::done)
          wait(r.io, deadline, "waiting for the answer");
        else if (!reader.feed(ByteView(buffer).first(r.bytes)))
          throw ClientError(address.authority + ": not an HTTP answer");
      }
    } catch (const ClientError&) {
      disconnect();
      if (kept && !reader.started() && clock.steady() < deadline) return std::nullopt;
      throw;
    }
    if (reader.close()) disconnect();
    return reader.response();
  }

  std::optional<HttpResponse> listen(const std::string& request, const std::function<bool(std::string_view)>& got) {
    disconnect();
    connect();
    send(request, clock.steady() + config.call_timeout);
    ResponseReader reader(limits::kMaxReply);
    std::vector<std::uint8_t> buffer(16 * 1024);
    SteadyTime heard = clock.steady();
    const auto goes_on = [&reader] { return reader.has_head() && reader.response().status == 200; };
    while (!reader.complete()) {
      const IoResult r = stream->read(buffer);
      if (r.io == Io::done) {
        heard = clock.steady();
        if (!reader.feed(ByteView(buffer).first(r.bytes)))
          throw ClientError(address.authority + ": not an HTTP answer");
        if (goes_on() && !got(reader.take_body())) return std::nullopt;
      } else if (r.io != Io::wants_read && r.io != Io::wants_write) {
        throw ClientError(address.authority + ": the stream broke");
      } else if (!wait_for(socket, r.io == Io::wants_write, kLook)) {
        if (!got({})) return std::nullopt;
        if (clock.steady() - heard > 3 * kFlowHeartbeat)
          throw ClientError(address.authority + ": the stream is silent");
      }
    }
    if (goes_on()) return std::nullopt;
    return reader.response();
  }

  std::string signed_bytes(const ClientCall& call, const std::string& last_event_id = "") {
    SignedRequest request;
    request.method = call.method;
    request.target = call.target;
    request.body.assign(call.body.begin(), call.body.end());
    if (!call.idempotency_key.empty()) request.idempotency_key = {true, call.idempotency_key};
    if (!call.if_match.empty()) request.if_match = {true, call.if_match};
    const std::string nonce = to_hex(rng.bytes<16>());
    request =
        sign_request(std::move(request), {config.user, config.cluster_id, unix_seconds(clock.wall()), nonce, {}}, key);
    Fields fields = headers_of(request);
    if (call.method != "GET") fields.emplace_back("Content-Type", "application/json");
    if (!last_event_id.empty()) fields.emplace_back("Last-Event-ID", last_event_id);
    if (call.wait_seconds) fields.emplace_back("Prefer", "wait=" + std::to_string(*call.wait_seconds));
    return write_request(call.method, call.target, address.authority, fields, request.body);
  }
};

Client::Client(ClientConfig config, const Ed25519SecretKey& key, const Clock& clock, Rng& rng) try
    : connection_(std::make_unique<Connection>(std::move(config), key, clock, rng)) {
} catch (const ClientError&) {
  throw;
} catch (const std::runtime_error& e) {
  throw ClientError(e.what());
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

namespace {

ClientReply reply_of(HttpResponse response) {
  ClientReply out;
  out.status = response.status;
  if (!response.body.empty()) out.body = Json::parse(response.body, nullptr, false);
  if (out.body.is_discarded()) throw ClientError("the answer is not JSON");
  out.headers = std::move(response.fields);
  return out;
}

// Header values and targets are checked here, once, so that a caller's text cannot become another header.
void check(const ClientCall& call) {
  const auto visible = [](const std::string& s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return c > ' ' && c <= '~'; });
  };
  if (call.method != "GET" && call.method != "POST" && call.method != "PUT" && call.method != "DELETE")
    throw ClientError("unknown method");
  if (!call.target.starts_with('/') || !visible(call.target) || call.target.size() > limits::kMaxTarget)
    throw ClientError("not a path");
  if (!visible(call.idempotency_key) || call.idempotency_key.size() > limits::kMaxIdempotencyKey)
    throw ClientError("bad Idempotency-Key");
  if (!visible(call.if_match) || call.if_match.size() > limits::kMaxSignatureField) throw ClientError("bad If-Match");
  if (call.body.size() > limits::kMaxBody) throw ClientError("the body has more than 256 KiB");
  if (call.method == "GET" && !call.body.empty()) throw ClientError("a GET carries no body");
}

}  // namespace

ClientReply Client::call(const ClientCall& call) {
  check(call);
  std::string bytes = connection_->signed_bytes(call);
  if (auto response = connection_->exchange(bytes)) return reply_of(std::move(*response));
  // The same bytes are the same request, so a mutation runs once at most; a GET needs a nonce of its own.
  if (call.method == "GET") bytes = connection_->signed_bytes(call);
  auto again = connection_->exchange(bytes);
  if (!again) throw ClientError("no answer");
  return reply_of(std::move(*again));
}

std::optional<ClientReply> Client::listen(const std::string& target, const std::string& last_event_id,
                                          const std::function<bool(std::string_view)>& got) {
  const ClientCall call{"GET", target, "", "", "", {}};
  check(call);
  if (!std::all_of(last_event_id.begin(), last_event_id.end(), [](char c) { return c >= '0' && c <= '9'; }))
    throw ClientError("bad Last-Event-ID");
  auto& c = *connection_;
  try {
    auto response = c.listen(c.signed_bytes(call, last_event_id), got);
    c.disconnect();
    if (!response) return std::nullopt;
    return reply_of(std::move(*response));
  } catch (const ClientError&) {
    c.disconnect();
    throw;
  }
}

ClientReply Client::get_unsigned(const std::string& target) {
  const std::string bytes = write_request("GET", target, connection_->address.authority, {}, {});
  auto response = connection_->exchange(bytes);
  if (!response) response = connection_->exchange(bytes);
  if (!response) throw ClientError("no answer");
  return reply_of(std::move(*response));
}

}  // namespace quorate::http

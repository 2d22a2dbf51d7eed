// Bytes over a non-blocking socket, in the clear or through TLS (mbedTLS, 1.2 and 1.3). One thread per stream at a
// time.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace quorate::http {

enum class Io { done, wants_read, wants_write, closed, failed };
struct IoResult {
  Io io = Io::failed;
  std::size_t bytes = 0;  // with done, at least one
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual Io handshake() = 0;
  virtual IoResult read(std::span<std::uint8_t> into) = 0;
  virtual IoResult write(ByteView from) = 0;  // after wants_write: again with the same bytes
  virtual void say_goodbye() noexcept = 0;    // close_notify
};

// The descriptor stays the caller's and must outlive the stream.
std::unique_ptr<Stream> plain_stream(int fd);

// Certificate and key of a listener. No tickets, no resumption: every connection proves the key.
class TlsServer {
 public:
  TlsServer(std::string_view certificate_pem, std::string_view key_pem);  // throws std::runtime_error
  ~TlsServer();
  std::unique_ptr<Stream> accept(int fd);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Whom a client trusts: any of the pins (SHA-256 of the SubjectPublicKeyInfo), or if there are none, a chain to the CA
// for the host.
class TlsClient {
 public:
  TlsClient(std::vector<Digest> pins, std::string_view ca_pem);  // throws std::runtime_error
  ~TlsClient();
  // handshake() is done only when the server has proved a trusted key. Throws std::runtime_error.
  std::unique_ptr<Stream> connect(int fd, const std::string& host);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quorate::http

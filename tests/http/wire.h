// A client without manners: raw bytes to a server, through TLS or in the clear.
#pragma once
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "certificates.h"
#include "http/http1.h"
#include "http/socket.h"
#include "http/stream.h"

namespace quorate::http {

inline Digest pin(std::string_view hex) { return *array_from_hex<32>(hex); }

// A socket to the server, in raw bytes.
class Wire {
 public:
  explicit Wire(std::uint16_t port, bool tls = true) : Wire(connect_to("127.0.0.1", port, Millis(5'000)), tls) {}
  explicit Wire(Socket socket, bool tls = true) : socket_(std::move(socket)) {
    stream_ = tls ? tls_.connect(socket_.fd(), "127.0.0.1") : plain_stream(socket_.fd());
    for (Io io = stream_->handshake(); io != Io::done; io = stream_->handshake()) {
      if (io == Io::closed || io == Io::failed || !wait_for(socket_, io == Io::wants_write, Millis(5'000)))
        throw std::runtime_error("handshake");
    }
  }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const IoResult r = stream_->write(view_of(bytes));
      if (r.io == Io::done)
        bytes.remove_prefix(r.bytes);
      else if (r.io != Io::wants_write || !wait_for(socket_, true, Millis(5'000)))
        return false;
    }
    return true;
  }
  void send_no_more() { shutdown(socket_.fd(), SHUT_WR); }
  // nullopt: the connection ended, or nothing came in 5 s.
  std::optional<HttpResponse> answer() {
    ResponseReader reader(1 << 20);
    for (;;) {
      // One byte at a time, so that what follows stays unread for the next answer.
      while (ahead_used_ < ahead_.size()) {
        if (!reader.feed(ByteView(ahead_).subspan(ahead_used_++, 1))) return std::nullopt;
        if (reader.complete()) return reader.response();
      }
      if (!more()) return std::nullopt;
    }
  }
  std::string raw() { return more() ? std::string(text_of(ahead_)) : std::string(); }
  bool ended() { return !more() && ended_; }
  const Socket& socket() const { return socket_; }

 private:
  bool more() {
    ahead_.resize(16 * 1024);
    ahead_used_ = 0;
    for (;;) {
      const IoResult r = stream_->read(ahead_);
      ahead_.resize(r.bytes);
      if (r.io == Io::done) return true;
      ended_ = r.io == Io::closed || r.io == Io::failed;
      if (r.io != Io::wants_read || !wait_for(socket_, false, Millis(5'000))) return false;
      ahead_.resize(16 * 1024);
    }
  }
  static inline TlsClient tls_{{pin(kTestPin)}, ""};
  Socket socket_;
  std::unique_ptr<Stream> stream_;
  Bytes ahead_;
  std::size_t ahead_used_ = 0;
  bool ended_ = false;
};

}  // namespace quorate::http

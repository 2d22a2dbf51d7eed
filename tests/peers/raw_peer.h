// Somebody who connects to a mesh and does as he likes: plain sockets, TLS of any kind, frames by hand.
#pragma once
#include <poll.h>
#include <sys/socket.h>

#include "peers/connection.h"
#include "tests/peers/mesh_fixture.h"

namespace quorate::peers {

inline Fd plain_socket(std::uint16_t port) {
  const auto to = numeric_address({"127.0.0.1", port});
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), to->get(), to->size) != 0) return Fd();
  timeval patience{20, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

// True: the other side closes, in time.
inline bool gets_closed(const Fd& fd) {
  std::array<char, 4096> ignored{};
  ssize_t n = 0;
  while ((n = ::recv(fd.get(), ignored.data(), ignored.size(), 0)) > 0) {
  }
  return n == 0 || errno == ECONNRESET;
}

// A TLS client of ours with a given identity that trusts everybody; waits for what it asks.
class RawPeer {
 public:
  RawPeer(std::uint16_t port, const Identity& identity, const std::string& server_name = "node1")
      : context_(identity.key, identity.certificate), fd_(plain_socket(port)) {
    tls_.emplace(context_, TlsRole::dial, fd_.get(), server_name, [](const SpkiPin&) { return true; });
  }

  bool handshake() {
    for (TlsResult r{}; (r = tls_->handshake()) != TlsResult::done;)
      if (r == TlsResult::closed || r == TlsResult::failed) return false;
    return true;
  }
  bool say(ByteView bytes) {
    while (!bytes.empty()) {
      std::size_t n = 0;
      const TlsResult r = tls_->write(bytes, n);
      if (r == TlsResult::closed || r == TlsResult::failed) return false;
      bytes = bytes.subspan(n);
    }
    return true;
  }
  // The next frame; nullopt: closed, or nothing comes.
  std::optional<Frame> hear() {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      ByteView rest = ByteView(held_).subspan(held_at_);
      auto frame = reader_.take(rest);
      held_at_ = held_.size() - rest.size();
      if (frame) return frame;
      held_.resize(16 * 1024);
      std::size_t n = 0;
      held_at_ = 0;
      const TlsResult r = tls_->read(held_, n);
      held_.resize(n);
      if (r == TlsResult::closed || r == TlsResult::failed) return std::nullopt;
    }
    return std::nullopt;
  }
  // The next frame of a type, others are passed over.
  std::optional<Frame> hear(FrameType type) {
    for (auto frame = hear(); frame; frame = hear())
      if (frame->type == type) return frame;
    return std::nullopt;
  }
  bool is_closed() { return !hear(FrameType::envelope).has_value() && !tls_->error().empty(); }
  const std::string& error() const { return tls_->error(); }
  const Fd& fd() const { return fd_; }

 private:
  TlsContext context_;
  Fd fd_;
  std::optional<TlsStream> tls_;
  FrameReader reader_;
  SecretBytes held_;
  std::size_t held_at_ = 0;
};

inline Hello hello_of(const std::string& node) {
  Hello hello;
  hello.node = node;
  hello.software = "raw";
  hello.boot_id.fill(9);
  hello.cluster_id.fill(7);
  return hello;
}

}  // namespace quorate::peers

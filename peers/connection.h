// One connection to a node: socket, TLS, frames in, frames out. Knows nothing of which connection is wanted: that is
// the mesh's. One thread.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ration.h"
#include "peers/address.h"
#include "peers/frame.h"
#include "peers/tls_stream.h"

namespace quorate::peers {

// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// A listening or accepted or connecting stream socket, non-blocking, close-on-exec. Throws std::system_error.
Fd listen_on(const SocketAddress& at);
SocketAddress local_address(int fd);
// NODELAY and keepalive.
void prepare_socket(int fd);

class Connection {
 public:
  // connecting → securing → greeting → up; closing: says why, then waits for the other side's end.
  enum class Stage { connecting, securing, greeting, up, closing };
  enum class Progress { waits, more, ended };  // ended: see `error`

  // Dials; never blocks. A failure shows at the first step. Without `from` the kernel chooses.
  static std::unique_ptr<Connection> dial(std::uint64_t id, const TlsContext& context,
                                          const std::optional<SocketAddress>& from, const SocketAddress& to,
                                          const std::string& node, TlsStream::Trusts trusts);
  static std::unique_ptr<Connection> accepted(std::uint64_t id, const TlsContext& context, Fd socket,
                                              const SocketAddress& from, TlsStream::Trusts trusts);

  // One step of connecting or of the handshake. waits: the socket will say; more: the next stage has begun.
  Progress establish();

  using OnFrame = std::function<bool(Frame)>;  // false: read no further
  using NextFrame = std::function<std::optional<SecretBytes>()>;
  using OnWritten = std::function<void(std::size_t bytes)>;  // of a frame that `next` gave
  // Reads and hands over frames until nothing is left, the budget is spent (more) or the connection has ended. Throws
  // Malformed.
  Progress read_frames(const OnFrame& on_frame);
  // Writes what was said, then what `next` gives, likewise.
  Progress write_frames(const NextFrame& next, const OnWritten& on_written);

  // Frames of the connection itself go before all that `next` gives; only the newest pong is kept.
  void say(SecretBytes frame) { control_.push_back(std::move(frame)); }
  void say_pong(SecretBytes frame) { pong_ = std::move(frame); }
  bool idle() const { return control_.empty() && !pong_ && current_.empty() && out_.empty(); }
  void shut_down();              // no more from us: close_notify and FIN
  std::uint32_t events() const;  // what to ask epoll for

  std::uint64_t id() const { return id_; }
  int fd() const { return socket_.get(); }
  TlsRole role() const { return role_; }
  const SocketAddress& remote() const { return remote_; }
  const SpkiPin& peer_pin() const { return tls_.peer_pin(); }
  const std::string& error() const { return error_; }
  std::uint64_t bytes_in() const { return tls_.bytes_in(); }
  std::uint64_t bytes_out() const { return tls_.bytes_out(); }

  Stage stage;
  std::string node;       // whom it belongs to: the dialled node, or since the handshake the proven one; empty before
  Hello hello;            // since the greeting
  SteadyTime deadline{};  // of all stages but up
  SteadyTime last_heard{}, last_ping{};
  std::uint64_t hello_sent = 0;  // generation of our own Hello that the peer knows
  bool rests = false;            // not read for a moment
  SteadyTime looked_at{};        // at what it sends, when it was not read …
  Millis rested{};               // … and for how long that is so
  Ration control;                // of frames that are no envelopes
  std::uint64_t ping_token = 0;
  std::chrono::steady_clock::time_point ping_at{};
  std::uint32_t watched = 0;                      // what epoll was asked for
  std::uint64_t counted_in = 0, counted_out = 0;  // bytes already in the peer's status

 private:
  Connection(std::uint64_t id, const TlsContext& context, TlsRole role, Fd socket, const SocketAddress& remote,
             const std::string& node, TlsStream::Trusts trusts);
  std::optional<Progress> stopped_by(TlsResult result);
  bool fill(const NextFrame& next, const OnWritten& on_written);

  std::uint64_t id_;
  TlsRole role_;
  Fd socket_;
  SocketAddress remote_;
  TlsStream tls_;
  FrameReader frames_;
  std::deque<SecretBytes> control_;
  std::optional<SecretBytes> pong_;
  SecretBytes current_;  // the frame that is partly in out_
  std::size_t current_at_ = 0;
  bool current_counts_ = false;  // it came from `next`
  SecretBytes out_;              // at most one TLS record; unchanged until it is written
  std::size_t out_at_ = 0;
  bool wants_write_ = false;
  bool shut_ = false;
  std::string error_;
};

}  // namespace quorate::peers

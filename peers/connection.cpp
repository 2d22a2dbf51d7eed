#include "peers/connection.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/check.h"

namespace quorate::peers {
namespace {

constexpr std::size_t kRecord = 16 * 1024;        // bytes of plaintext in one TLS record
constexpr std::size_t kReadBudget = 32 * 1024;    // bytes from one peer before others have their turn
constexpr std::size_t kWriteBudget = 256 * 1024;  // bytes to one peer, likewise

void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

Fd stream_socket(int family) { return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

void prepare_socket(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);  // seconds
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);  // seconds
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

Fd listen_on(const SocketAddress& at) {
  Fd socket = stream_socket(at.family());
  if (!socket) throw_errno("socket");
  set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(socket.get(), at.get(), at.size) != 0) throw_errno("cannot listen for peers on " + at.text());
  if (::listen(socket.get(), 128) != 0) throw_errno("cannot listen for peers on " + at.text());
  return socket;
}

SocketAddress local_address(int fd) {
  SocketAddress out;
  out.size = sizeof out.storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&out.storage), &out.size) != 0) throw_errno("getsockname");
  return out;
}

Connection::Connection(std::uint64_t id, const TlsContext& context, TlsRole role, Fd socket,
                       const SocketAddress& remote, const std::string& to, TlsStream::Trusts trusts)
    : stage(role == TlsRole::dial ? Stage::connecting : Stage::securing),
      node(to),
      id_(id),
      role_(role),
      socket_(std::move(socket)),
      remote_(remote),
      tls_(context, role, socket_.get(), to, std::move(trusts)) {}

std::unique_ptr<Connection> Connection::dial(std::uint64_t id, const TlsContext& context,
                                             const std::optional<SocketAddress>& from, const SocketAddress& to,
                                             const std::string& node, TlsStream::Trusts trusts) {
  Fd socket = stream_socket(to.family());
  std::string error;
  if (!socket) {
    error = std::string("socket: ") + std::strerror(errno);
  } else {
    prepare_socket(socket.get());
    if (from && ::bind(socket.get(), from->get(), from->size) != 0)
      error = "connecting from " + from->host() + ": " + std::strerror(errno);
    else if (::connect(socket.get(), to.get(), to.size) != 0 && errno != EINPROGRESS)
      error = std::string("connecting: ") + std::strerror(errno);
  }
  std::unique_ptr<Connection> out(
      new Connection(id, context, TlsRole::dial, std::move(socket), to, node, std::move(trusts)));
  out->error_ = std::move(error);
  return out;
}

std::unique_ptr<Connection> Connection::accepted(std::uint64_t id, const TlsContext& context, Fd socket,
                                                 const SocketAddress& from, TlsStream::Trusts trusts) {
  prepare_socket(socket.get());
  return std::unique_ptr<Connection>(
      new Connection(id, context, TlsRole::accept, std::move(socket), from, {}, std::move(trusts)));
}

Connection::Progress Connection::establish() {
  if (!error_.empty()) return Progress::ended;
  if (stage == Stage::connecting) {
    int code = 0;
    socklen_t size = sizeof code;
    if (::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
    if (code != 0) {
      error_ = std::string("connecting: ") + std::strerror(code);
      return Progress::ended;
    }
    stage = Stage::securing;
  }
  wants_write_ = false;
  if (const auto stopped = stopped_by(tls_.handshake())) return *stopped;
  stage = Stage::greeting;
  return Progress::more;
}

// nullopt: what was asked of TLS is done.
std::optional<Connection::Progress> Connection::stopped_by(TlsResult result) {
  switch (result) {
    case TlsResult::want_write:
      wants_write_ = true;
      return Progress::waits;
    case TlsResult::want_read:
      return Progress::waits;
    case TlsResult::closed:
    case TlsResult::failed:
      error_ = tls_.error();
      return Progress::ended;
    case TlsResult::done:
      return std::nullopt;
  }
  impossible("a TLS result without a name");
}

Connection::Progress Connection::read_frames(const OnFrame& on_frame) {
  SecretBytes piece(kRecord);  // decrypted: wiped with its allocation
  for (std::size_t total = 0; total < kReadBudget;) {
    std::size_t n = 0;
    if (const auto stopped = stopped_by(tls_.read(piece, n))) return *stopped;
    total += n;
    ByteView bytes = ByteView(piece).first(n);
    while (!bytes.empty()) {
      auto frame = frames_.take(bytes);
      if (frame && !on_frame(std::move(*frame))) return Progress::waits;
    }
  }
  return Progress::more;
}

// Puts the next record together from whole and partial frames. False: there is nothing to say.
bool Connection::fill(const NextFrame& next, const OnWritten& on_written) {
  out_.clear();
  out_at_ = 0;
  out_.reserve(kRecord);
  while (out_.size() < kRecord) {
    if (current_.empty()) {
      current_at_ = 0;
      current_counts_ = false;
      if (!control_.empty()) {
        current_ = std::move(control_.front());
        control_.pop_front();
      } else if (pong_) {
        current_ = std::move(*pong_);
        pong_.reset();
      } else if (auto frame = next()) {
        current_ = std::move(*frame);
        current_counts_ = true;
      } else
        break;
    }
    const std::size_t n = std::min(kRecord - out_.size(), current_.size() - current_at_);
    append(out_, ByteView(current_).subspan(current_at_, n));
    current_at_ += n;
    if (current_at_ < current_.size()) break;
    if (current_counts_) on_written(current_.size());
    current_ = {};
  }
  return !out_.empty();
}

Connection::Progress Connection::write_frames(const NextFrame& next, const OnWritten& on_written) {
  wants_write_ = false;
  for (std::size_t total = 0; total < kWriteBudget;) {
    if (out_at_ == out_.size() && !fill(next, on_written)) {
      out_ = {};  // wiped
      return Progress::waits;
    }
    std::size_t n = 0;
    if (const auto stopped = stopped_by(tls_.write(ByteView(out_).subspan(out_at_), n))) return *stopped;
    out_at_ += n;
    total += n;
  }
  return Progress::more;
}

void Connection::shut_down() {
  if (shut_ || stage == Stage::connecting || stage == Stage::securing) return;
  shut_ = true;
  tls_.close_notify();
  ::shutdown(fd(), SHUT_WR);
}

std::uint32_t Connection::events() const {
  if (stage == Stage::connecting) return EPOLLOUT;
  std::uint32_t events = 0;
  if (!rests) events |= EPOLLIN;
  if (wants_write_) events |= EPOLLOUT;
  return events;
}

}  // namespace quorate::peers

#include "http/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>

#include "http/gate.h"

namespace quorate::http {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::size_t kMaxLinger = 1024 * 1024;  // bytes of a refused request that are read and dropped
constexpr int kFlowSendBuffer = 64 * 1024;       // the system doubles it
constexpr Millis kLinger{2'000}, kFinish{1'000};

}  // namespace

Listener::Listener(ListenerConfig config, TlsServer* tls, const Clock& clock, Handler handler, EarlyHandler early)
    : config_(std::move(config)),
      tls_(tls),
      clock_(clock),
      handler_(std::move(handler)),
      early_(std::move(early)),
      handshakes_(config_.handshakes) {}

void Listener::start() {
  listening_ = listen_on(config_.host, config_.port);
  port_ = local_port(listening_);
  epoll_ = Socket(epoll_create1(EPOLL_CLOEXEC));
  answers_ = std::make_shared<Answers>(config_.threads, config_.queue);
  epoll_event on_wake{EPOLLIN, {.u64 = kWake}}, on_listening{EPOLLIN, {.u64 = kListening}};
  if (!epoll_ || epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, answers_->fd(), &on_wake) != 0 ||
      epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, listening_.fd(), &on_listening) != 0)
    throw std::runtime_error("cannot listen on " + config_.host + ": epoll");
  accepting_ = true;
  thread_ = std::thread([this] { run(); });
}

void Listener::stop() {
  if (!thread_.joinable()) return;
  stopping_ = answers_->stopping = true;
  answers_->wake();
  answers_->pool.stop();
  pool_stopped_ = true;
  answers_->wake();
  thread_.join();
}

void Listener::run() {
  epoll_event events[64];
  SteadyTime next_tick = clock_.steady() + kTick;
  for (;;) {
    const Millis pause = turns_.empty() ? kTick : kTurn;
    const int n = epoll_wait(epoll_.fd(), events, 64, static_cast<int>(pause.count()));
    bool arrived = false;
    for (int i = 0; i < n; ++i) {
      const std::uint64_t id = events[i].data.u64;
      if (id == kListening) {
        arrived = true;
      } else if (id == kWake) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t r = ::read(answers_->fd(), &count, sizeof count);
      } else if (const auto it = connections_.find(id); it != connections_.end()) {
        const bool left = (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        const Phase phase = it->second.phase;
        if (phase == Phase::postponed || (phase == Phase::flowing && left)) {
          connections_.erase(it);
        } else if (phase == Phase::calling) {  // only the connection's end is watched
          if (const auto exchange = it->second.exchange.lock()) exchange->client_left();
          connections_.erase(it);
        } else {
          drive(id);
        }
      }
    }
    apply_completions();
    if (arrived) accept_some();  // after those that are there already
    const SteadyTime now = clock_.steady();
    begin_postponed(now);
    if (stopping_) {
      end_waiting();
      if (finished()) return;
    }
    if (now >= next_tick) {
      end_overdue(now);
      give_turns(now);
      next_tick = now + kTick;
    }
  }
}

// Takes a connection as far as it goes without waiting.
void Listener::drive(std::uint64_t id) {
  for (;;) {
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;
    Connection& c = it->second;
    Io io = Io::done;
    switch (c.phase) {
      case Phase::arriving:
        io = arrive(c);
        break;
      case Phase::postponed:
        if (!watch(id, c, EPOLLRDHUP)) connections_.erase(it);
        return;
      case Phase::handshake:
        io = c.stream->handshake();
        if (io == Io::done) enter(c, Phase::idle, config_.idle);
        break;
      case Phase::idle:
      case Phase::reading:
        io = read_some(id, c);
        break;
      case Phase::calling:
        return;
      case Phase::flowing:
        if (!refill(c)) {
          if (!watch(id, c, on_leaving())) connections_.erase(it);
          return;
        }
        if (c.phase == Phase::flowing) io = write_some(c);
        break;
      case Phase::writing:
        io = write_some(c);
        break;
      case Phase::lingering:
        io = linger(c);
        break;
    }
    switch (io) {
      case Io::done:
        break;
      case Io::wants_read:
        if (c.phase == Phase::reading || (c.phase == Phase::idle && c.served == 0)) acknowledge_now(c.socket);
        if (!watch(id, c, EPOLLIN)) connections_.erase(it);
        return;
      case Io::wants_write:
        if (!watch(id, c, EPOLLOUT)) connections_.erase(it);
        return;
      case Io::closed:
      case Io::failed:
        connections_.erase(it);
        return;
    }
  }
}

Io Listener::read_some(std::uint64_t id, Connection& c) {
  if (c.inbox_used == c.inbox.size()) {
    c.inbox_used = 0;
    c.inbox.resize(kReadSize);
    const IoResult r = c.stream->read(c.inbox);
    c.inbox.resize(r.bytes);
    if (r.io != Io::done) return r.io;
  }
  if (c.phase == Phase::idle) {
    enter(c, Phase::reading, config_.request_total);
    c.request_deadline = c.deadline;
  }
  c.inbox_used += c.reader.feed(ByteView(c.inbox).subspan(c.inbox_used));
  if (const auto& refusal = c.reader.refused()) {
    send(c, write_response(to_response(*refusal), true, false), After::close);
    return Io::done;
  }
  if (const HttpRequest* head = c.reader.new_head(); head != nullptr && early_)
    if (const auto answer = early_(*head, c.reader.announced())) {
      if (c.served == 0 && c.reader.complete()) handshakes_.was_of_use(c.source);
      const bool close = closes(c, *head) || !c.reader.complete();
      send(c, write_response(*answer, close, head->method == "HEAD"), close ? After::close : After::next_request);
      c.reader = RequestReader();
      return Io::done;
    }
  if (c.reader.complete())
    return take_request(id, c);
  else if (c.reader.take_wants_continue())
    send(c, "HTTP/1.1 100 Continue\r\n\r\n", After::rest_of_request);
  return Io::done;
}

// With this answer.
bool Listener::closes(Connection& c, const HttpRequest& request) {
  return request.close || ++c.served >= config_.requests_per_connection || stopping_;
}

Io Listener::take_request(std::uint64_t id, Connection& c) {
  HttpRequest request = c.reader.take();
  if (c.served == 0) handshakes_.was_of_use(c.source);
  const bool close = closes(c, request);
  const auto exchange = std::make_shared<PooledExchange>(answers_, id, close, request.method == "HEAD");
  const bool queued = watch(id, c, on_leaving()) &&
                      answers_->pool.submit("from " + c.source, [this, exchange, request = std::move(request)] {
                        exchange->run([&] { return handler_(request, exchange); });
                      });
  if (queued) {
    enter(c, Phase::calling, config_.call_total);
    c.exchange = exchange;
    return Io::done;
  }
  exchange->client_left();  // it is answered here
  send(c, write_response(busy_response(), true, false), After::close);
  return Io::done;
}

// Calls that may wait long come over TLS; who asks in the clear may have shut its sending side.
std::uint32_t Listener::on_leaving() const { return tls_ != nullptr ? std::uint32_t{EPOLLRDHUP} : 0; }

// What waits of an answer that goes on. False: nothing does now.
bool Listener::refill(Connection& c) {
  if (c.out_sent < c.out.size()) return true;
  if (clock_.steady() >= c.flow_until) c.flow->end();
  Flow::Taken taken = c.flow->take();
  std::string more = taken.bytes.empty() ? std::string() : write_chunk(taken.bytes);
  if (taken.last) {
    c.flow = nullptr;
    send(c, more.append(kLastChunk), After::close);
    return true;
  }
  c.deadline = more.empty() ? c.flow_until : clock_.steady() + config_.request_total;
  c.out = std::move(more);
  c.out_sent = 0;
  return !c.out.empty();
}

Io Listener::write_some(Connection& c) {
  const IoResult r = c.stream->write(view_of(std::string_view(c.out).substr(c.out_sent)));
  if (r.io != Io::done) return r.io;
  c.out_sent += r.bytes;
  if (c.out_sent < c.out.size()) return Io::done;
  c.out = std::string();
  if (c.phase == Phase::flowing) {
    c.out_sent = 0;
    return Io::done;
  }
  switch (c.after) {
    case After::next_request:
      enter(c, Phase::idle, config_.idle);
      break;
    case After::rest_of_request:
      c.phase = Phase::reading;
      c.deadline = c.request_deadline;
      break;
    case After::close:
      // Closing at once with bytes unread would reset the connection and could lose the answer on its way.
      c.stream->say_goodbye();
      shutdown(c.socket.fd(), SHUT_WR);
      enter(c, Phase::lingering, kLinger);
      break;
  }
  return Io::done;
}

Io Listener::linger(Connection& c) {
  std::uint8_t dropped[4096];
  const ssize_t n = recv(c.socket.fd(), dropped, sizeof dropped, 0);
  if (n > 0) {
    c.lingered += static_cast<std::size_t>(n);
    return c.lingered > kMaxLinger ? Io::closed : Io::done;
  }
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? Io::wants_read : Io::closed;
}

void Listener::send(Connection& c, std::string bytes, After after) {
  c.out = std::move(bytes);
  c.out_sent = 0;
  c.after = after;
  enter(c, Phase::writing, config_.request_total);
}

void Listener::enter(Connection& c, Phase phase, Millis deadline) {
  c.phase = phase;
  c.since = clock_.steady();
  c.deadline = c.since + deadline;
}

bool Listener::watch(std::uint64_t id, Connection& c, std::uint32_t events) {
  if (c.watched == events) return true;
  c.watched = events;
  epoll_event event{events, {.u64 = id}};
  return epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, c.socket.fd(), &event) == 0;
}

void Listener::apply_completions() {
  for (Completion& done : answers_->take()) {
    const auto it = connections_.find(done.connection);
    if (it != connections_.end() && it->second.phase == Phase::flowing) {
      drive(done.connection);
      continue;
    }
    if (it == connections_.end() || it->second.phase != Phase::calling) {  // the client has gone
      if (done.flow) done.flow->cut();
      continue;
    }
    if (done.flow) {
      begin_flow(it->second, std::move(done));
      drive(it->first);
      continue;
    }
    send(it->second, std::move(done.bytes), done.close || stopping_ ? After::close : After::next_request);
    drive(done.connection);
  }
}

void Listener::begin_flow(Connection& c, Completion done) {
  // What is sent to a machine that has gone without a word is not acknowledged.
  const unsigned patience = static_cast<unsigned>(config_.request_total.count());
  setsockopt(c.socket.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
  // Left to itself the system takes megabytes for a client that is slow, and what it has taken looks sent.
  setsockopt(c.socket.fd(), SOL_SOCKET, SO_SNDBUF, &kFlowSendBuffer, sizeof kFlowSendBuffer);
  c.flow = std::move(done.flow);
  enter(c, Phase::flowing, config_.request_total);
  c.flow_until = c.since + config_.flow_life;
  c.out = std::move(done.bytes);
  c.out_sent = 0;
}

void Listener::end_flows() {
  std::vector<std::uint64_t> ended;
  for (auto& [id, c] : connections_)
    if (c.phase == Phase::flowing) {
      c.flow->end();
      ended.push_back(id);
    }
  for (const std::uint64_t id : ended) drive(id);
}

bool Listener::finished() {
  if (!pool_stopped_) return false;
  apply_completions();
  std::vector<std::uint64_t> unanswered;
  for (auto& [id, c] : connections_) {
    if (c.phase != Phase::calling) continue;
    if (const auto exchange = c.exchange.lock()) exchange->client_left();
    send(c, write_response(stopping_response(), true, false), After::close);
    unanswered.push_back(id);
  }
  for (const std::uint64_t id : unanswered) drive(id);
  const SteadyTime now = clock_.steady();
  if (!finish_by_) finish_by_ = now + kFinish;
  return connections_.empty() || now >= *finish_by_;
}

}  // namespace quorate::http

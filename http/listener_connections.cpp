// Which connections a listener has: accepted, pushed out, ended when their time is over.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <tuple>

#include "http/gate.h"
#include "http/listener.h"

namespace quorate::http {
namespace {

constexpr std::size_t kMostAccepts = 16;  // of one turn
constexpr Millis kAcceptPause{100};

}  // namespace

void Listener::accept_some() {
  for (std::size_t i = 0; i < kMostAccepts; ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Socket socket(accept4(listening_.fd(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        make_room("");
        accepting_ = false;  // until the next tick: the event would come again at once
        accept_again_ = clock_.steady() + kAcceptPause;
        epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, listening_.fd(), nullptr);
      }
      return;
    }
    Connection c;
    c.source = source_of(from);
    if (!admit(c.source)) continue;  // all others are being answered: closed at once
    set_no_delay(socket);
    try {
      c.stream = tls_ != nullptr ? tls_->accept(socket.fd()) : plain_stream(socket.fd());
    } catch (const std::runtime_error&) {
      continue;  // out of memory for one more
    }
    c.socket = std::move(socket);
    c.place = place_of(c.source);
    enter(c, Phase::handshake, config_.handshake);
    const std::uint64_t id = next_id_++;
    Connection& placed = connections_.emplace(id, std::move(c)).first->second;
    epoll_event event{EPOLLIN, {.u64 = id}};
    placed.watched = EPOLLIN;
    if (epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, placed.socket.fd(), &event) != 0) connections_.erase(id);
  }
}

bool Listener::admit(const std::string& source) {
  const auto it = held_.find(source);
  const std::size_t held = it == held_.end() ? 0 : it->second;
  const std::size_t most = is_loopback(source) ? config_.per_loopback : config_.per_source;
  if (held >= most) return make_room(source);
  return connections_.size() < config_.connections || make_room("");
}

std::shared_ptr<void> Listener::place_of(const std::string& source) {
  ++held_[source];
  return {nullptr, [this, source](void*) {
            if (const auto it = held_.find(source); --it->second == 0) held_.erase(it);
          }};
}

// Ends the connection that has waited longest for its client, of this source or else of the one with the most of them:
// so slow ones cannot keep a new one out, and a flood pushes out itself. False: all are being answered.
bool Listener::make_room(std::string_view source) {
  std::unordered_map<std::string_view, std::size_t> waiting;
  for (const auto& [id, c] : connections_)
    if (!c.is_answered()) ++waiting[c.source];
  auto victim = connections_.end();
  for (auto it = connections_.begin(); it != connections_.end(); ++it) {
    const Connection& c = it->second;
    if (c.is_answered() || (!source.empty() && c.source != source)) continue;
    if (victim != connections_.end()) {
      const std::size_t n = waiting[c.source], most = waiting[victim->second.source];
      if (n < most || (n == most && std::tie(c.since, it->first) > std::tie(victim->second.since, victim->first)))
        continue;
    }
    victim = it;
  }
  if (victim == connections_.end()) return false;
  connections_.erase(victim);
  return true;
}

void Listener::end_overdue(SteadyTime now) {
  std::vector<std::uint64_t> late;
  for (auto it = connections_.begin(); it != connections_.end();) {
    Connection& c = it->second;
    if (now < c.deadline) {
      ++it;
    } else if (c.phase == Phase::calling) {
      if (const auto exchange = c.exchange.lock()) exchange->client_left();
      send(c, write_response(late_response(), true, false), After::close);
      late.push_back((it++)->first);
    } else if (c.phase == Phase::flowing && c.out_sent == c.out.size()) {  // its life is over
      c.flow->end();
      late.push_back((it++)->first);
    } else if (c.phase == Phase::reading) {
      send(c,
           write_response(to_response(Refusal{408, "request_timeout", "the request took too long to arrive"}), true,
                          false),
           After::close);
      late.push_back((it++)->first);
    } else {
      if (c.phase == Phase::idle) c.stream->say_goodbye();
      it = connections_.erase(it);
    }
  }
  for (const std::uint64_t id : late) drive(id);
  if (!accepting_ && !stopping_ && now >= accept_again_) {
    epoll_event event{EPOLLIN, {.u64 = kListening}};
    accepting_ = epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, listening_.fd(), &event) == 0;
  }
}

// What waits for its client when the listener stops; running calls and their answers go on.
void Listener::end_waiting() {
  listening_.close();
  end_flows();
  for (auto it = connections_.begin(); it != connections_.end();) {
    Connection& c = it->second;
    if (c.is_answered()) {
      ++it;
      continue;
    }
    if (c.phase == Phase::idle) c.stream->say_goodbye();
    it = connections_.erase(it);
  }
}

}  // namespace quorate::http

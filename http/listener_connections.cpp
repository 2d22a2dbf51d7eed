// Which connections a listener has: accepted, pushed out, ended when their time is over.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "http/gate.h"
#include "http/listener.h"

namespace quorate::http {
namespace {

constexpr std::size_t kMostAccepts = 4;  // of one turn
constexpr Millis kAcceptPause{100};
constexpr std::size_t kLookedAtForOne = 16;  // connections, for each that has to go

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
    c.socket = std::move(socket);
    c.place = place_of(c.source);
    enter(c, Phase::arriving, config_.handshake);
    const std::uint64_t id = next_id_++;
    Connection& placed = connections_.emplace(id, std::move(c)).first->second;
    epoll_event event{EPOLLIN, {.u64 = id}};
    placed.watched = EPOLLIN;
    if (epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, placed.socket.fd(), &event) != 0) connections_.erase(id);
  }
}

// TLS buffers and a handshake are not spent on who says nothing.
Io Listener::arrive(Connection& c) {
  std::uint8_t first = 0;
  const ssize_t n = recv(c.socket.fd(), &first, 1, MSG_PEEK);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return Io::wants_read;
  if (n <= 0) return Io::closed;
  if (tls_ == nullptr || handshakes_.take(c.source, clock_.steady())) return begin_handshake(c);
  c.phase = Phase::postponed;
  return Io::done;
}

Io Listener::begin_handshake(Connection& c) {
  try {
    c.stream = tls_ != nullptr ? tls_->accept(c.socket.fd()) : plain_stream(c.socket.fd());
  } catch (const std::exception&) {
    return Io::failed;  // out of memory for one more
  }
  c.phase = Phase::handshake;
  return Io::done;
}

// To those whose source has used up its ration: one of each source after the other, the oldest of each first.
void Listener::give_turns(SteadyTime now) {
  std::map<std::string_view, std::vector<std::pair<SteadyTime, std::uint64_t>>> waiting;
  if (turns_.empty())
    for (const auto& [id, c] : connections_)
      if (c.phase == Phase::postponed) waiting[c.source].emplace_back(c.since, id);
  for (auto& [source, ids] : waiting) std::ranges::sort(ids, std::greater<>());
  while (!waiting.empty() && turns_.size() < static_cast<std::size_t>(2 * kTick / kTurn)) {
    auto it = waiting.upper_bound(last_turn_);
    if (it == waiting.end()) it = waiting.begin();
    const std::string source(it->first);
    if (handshakes_.take_turn(source, now)) {
      last_turn_ = source;
      turns_.push_back(it->second.back().second);
      it->second.pop_back();
      if (it->second.empty()) waiting.erase(it);
    } else {
      waiting.erase(it);  // another one's own ration may be there
    }
  }
}

// One at a time, so that nobody waits for many handshakes.
void Listener::begin_postponed(SteadyTime now) {
  if (turns_.empty() || now < next_turn_) return;
  next_turn_ = now + kTurn;
  auto it = connections_.end();
  while (it == connections_.end() && !turns_.empty()) {
    it = connections_.find(turns_.front());
    turns_.pop_front();
  }
  if (it == connections_.end()) return;
  const std::uint64_t id = it->first;
  if (begin_handshake(it->second) == Io::done && watch(id, it->second, EPOLLIN))
    drive(id);
  else
    connections_.erase(id);
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
            const auto it = held_.find(source);
            if (--it->second != 0) return;
            held_.erase(it);
            going_.erase(source);
          }};
}

// Ends the connection that has waited longest for its client, of this source or else of the one with the most of them:
// so slow ones cannot keep a new one out, and a flood pushes out itself. False: all are being answered.
bool Listener::make_room(const std::string& source) {
  auto& going = going_[source];
  for (bool looked = false;; looked = true) {
    while (!going.empty()) {
      const auto [since, id] = going.back();
      going.pop_back();
      const auto it = connections_.find(id);
      if (it == connections_.end() || it->second.is_answered() || it->second.since != since) continue;
      connections_.erase(it);
      return true;
    }
    if (looked) break;
    going = who_goes_first(source);
  }
  going_.erase(source);
  return false;
}

// Looking at them all for each one that goes would cost more than to accept it; of few, one at a time.
std::vector<std::pair<SteadyTime, std::uint64_t>> Listener::who_goes_first(std::string_view source) const {
  std::unordered_map<std::string_view, std::vector<std::pair<SteadyTime, std::uint64_t>>> by_source;
  std::size_t waiting = 0;
  for (const auto& [id, c] : connections_)
    if (!c.is_answered() && (source.empty() || c.source == source)) {
      by_source[c.source].emplace_back(c.since, id);
      ++waiting;
    }
  for (auto& [from, ids] : by_source) std::ranges::sort(ids, std::greater<>());
  std::vector<std::pair<SteadyTime, std::uint64_t>> going;
  const auto later = [](const auto& a, const auto& b) {
    if (a.second.size() != b.second.size()) return a.second.size() < b.second.size();
    return !a.second.empty() && b.second.back() < a.second.back();
  };
  for (std::size_t n = std::min(waiting, waiting / kLookedAtForOne + 1); n > 0; --n) {
    auto& ids = std::ranges::max_element(by_source, later)->second;
    going.push_back(ids.back());
    ids.pop_back();
  }
  std::ranges::reverse(going);
  return going;
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

// Which connections there are: accepted, dialled, replaced, dropped, and when.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "peers/mesh_internal.h"
#include "peers/tls_mesh.h"

namespace quorate::peers {

using Stage = Connection::Stage;

void TlsMesh::accept_some() {
  for (std::size_t i = 0; i < kMostAccepts; ++i) {
    SocketAddress from;
    from.size = sizeof from.storage;
    Fd socket(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&from.storage), &from.size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(),
                  nullptr);  // until the next tick: it would be ready all the time
        listening_ = false;
        log_stranger("no file descriptors or memory left for new connections");
      }
      return;
    }
    ++counters_.accepted;
    make_room(from.host());
    const auto trusts = [this](const SpkiPin& pin) {
      return std::any_of(peers_.begin(), peers_.end(), [&](const auto& p) { return p.second.config.pin == pin; });
    };
    try {
      adopt(Connection::accepted(next_id_++, tls_, std::move(socket), from, trusts));
    } catch (const std::bad_alloc&) {
      log_stranger("no memory left for new connections");
    }
  }
}

// When there are too many that are not up, the oldest accepted one of the address that holds most of them goes; so a
// flood from one place pushes out itself and nobody else.
void TlsMesh::make_room(const std::string& source) {
  const auto pending = std::count_if(connections_.begin(), connections_.end(),
                                     [](const auto& c) { return c.second->stage != Stage::up; });
  if (static_cast<std::size_t>(pending) < kMaxPending) return;
  std::map<std::string, std::pair<std::size_t, std::uint64_t>> held{
      {source, {1, 0}}};  // address -> how many, the oldest id
  for (const auto& [id, connection] : connections_) {
    if (connection->stage == Stage::up || connection->role() != TlsRole::accept) continue;
    auto& [count, oldest] = held[connection->remote().host()];
    ++count;
    oldest = oldest == 0 ? id : std::min(oldest, id);
  }
  std::pair<std::size_t, std::uint64_t> most{0, 0};
  for (const auto& [address, entry] : held) {
    const auto [count, oldest] = entry;
    if (oldest != 0 && (count > most.first || (count == most.first && oldest < most.second))) most = entry;
  }
  if (most.second == 0) return;
  ++counters_.evicted;
  drop(*connections_.at(most.second), "too many connections that are not authenticated");
}

void TlsMesh::adopt(std::unique_ptr<Connection> connection) {
  Connection& c = *connection;
  c.deadline = clock_.steady() + times_.handshake;
  connections_.emplace(c.id(), std::move(connection));
  if (c.fd() >= 0) {
    epoll_event event{};
    event.events = c.watched = c.events();
    event.data.u64 = c.id();
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, c.fd(), &event) == 0) return;
  }
  drop(c, c.error().empty() ? "epoll is full" : c.error());
}

void TlsMesh::watch(Connection& connection) {
  if (connection.watched == connection.events()) return;
  connection.watched = connection.events();
  epoll_event event{};
  event.events = connection.watched;
  event.data.u64 = connection.id();
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd(), &event);
}

// The next address of the peer, in turn: all that one look-up found, then the next configured one.
void TlsMesh::dial(Peer& peer) {
  if (peer.config.addresses.empty()) return;
  const bool on_its_way = std::any_of(connections_.begin(), connections_.end(), [&](const auto& c) {
    return c.second->node == peer.config.node && c.second->stage == Stage::greeting;
  });
  if (on_its_way) return;  // it has dialled us
  const auto at = parse_host_port(peer.config.addresses[peer.attempts % peer.config.addresses.size()]);
  QUORATE_ASSERT(at.has_value());
  if (const auto numeric = numeric_address(*at)) return connect_to(peer, *numeric);
  if (!peer.lookup) {
    peer.lookup.emplace(*at);
    peer.lookup_since = clock_.steady();
  } else if (peer.lookup->done()) {
    const auto found = peer.lookup->found();
    peer.lookup.reset();
    if (!found.empty()) return connect_to(peer, found[(peer.attempts / peer.config.addresses.size()) % found.size()]);
    ++peer.attempts;
    table_.failed(peer.config.node, "no such host: " + printable(at->host));
    schedule_dial(peer);
  } else if (clock_.steady() - peer.lookup_since > times_.handshake) {
    table_.failed(peer.config.node,
                  "looking up the host takes long: " + printable(at->host));  // and goes on: it cannot be interrupted
  }
}

void TlsMesh::connect_to(Peer& peer, const SocketAddress& to) {
  const std::string node = peer.config.node;
  const auto trusts = [this, node](const SpkiPin& pin) {
    const auto entry = peers_.find(node);
    return entry != peers_.end() && entry->second.config.pin == pin;
  };
  ++counters_.dialled;
  ++peer.attempts;
  auto connection = Connection::dial(next_id_++, tls_, source_, to, node, trusts);
  peer.dialling = connection.get();
  adopt(std::move(connection));
}

// Exponential, and between half of it and all: nodes that start together do not keep knocking together.
void TlsMesh::schedule_dial(Peer& peer) {
  const auto half = std::max<std::int64_t>(1, peer.backoff.count() / 2);
  const Millis wait(half + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(half) + 1)));
  peer.next_dial = clock_.steady() + wait;
  peer.backoff = std::min(2 * peer.backoff, times_.reconnect_most);
}

void TlsMesh::step(Connection& connection, std::uint32_t events) {
  if (connection.stage == Stage::connecting || connection.stage == Stage::securing) {
    if (handshake_steps_ == kMostHandshakeSteps) return;  // epoll will say it again
    ++handshake_steps_;
    switch (connection.establish()) {
      case Connection::Progress::waits:
        return watch(connection);
      case Connection::Progress::ended:
        ++counters_.handshakes_failed;
        return drop(connection, connection.error());
      case Connection::Progress::more:
        break;
    }
    secured(connection);
    if (!connections_.contains(connection.id())) return;
  }
  const std::uint64_t id = connection.id();
  const bool ended = (events & (EPOLLHUP | EPOLLERR)) != 0;  // epoll says it again and again
  if (ended || ((events & EPOLLIN) != 0 && !connection.rests)) read(connection, ended);
  if (connections_.contains(id)) write(connection);
}

std::string TlsMesh::name_of(const Connection& connection) const {
  const std::string who = connection.node.empty() ? "somebody" : connection.node;
  if (connection.role() == TlsRole::dial) return who + " at " + connection.remote().text();
  return who + " from " + connection.remote().host();
}

// The peer is down; its connection is dropped by the caller.
void TlsMesh::retire(Peer& peer, const std::string& why) {
  QUORATE_ASSERT(peer.current != nullptr);
  peer.current = nullptr;
  table_.closed(peer.config.node, why, clock_.wall());
  inbox_.on_peer_down(peer.config.node);
}

void TlsMesh::drop(Connection& connection, const std::string& why) {
  const auto at = connections_.find(connection.id());
  QUORATE_ASSERT(at != connections_.end());
  const Stage stage = connection.stage;
  const auto entry = peers_.find(connection.node);
  if (connection.fd() >= 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.fd(), nullptr);
  dropped_.push_back(std::move(at->second));
  connections_.erase(at);
  if (entry == peers_.end()) {
    if (!stopping_) log_stranger(name_of(connection) + ": " + why);
    return;
  }
  Peer& peer = entry->second;
  if (peer.current == &connection) {
    const SteadyTime now = clock_.steady();
    if (now - peer.up_since >= 10 * times_.reconnect_first) peer.backoff = times_.reconnect_first;
    schedule_dial(peer);
    if (!is_arbiter(peer.config.node)) peer.next_dial = now + times_.second_dialler;
    if (!stopping_) log(LogLevel::warn, peer.config.node + " is down: " + why);
    retire(peer, why);
    return;
  }
  // What was refused has its reason noted already.
  if (stage != Stage::closing && peer.current == nullptr && !stopping_) {
    const std::string text = name_of(connection) + ": " + why;
    table_.failed(peer.config.node, text);
    if (std::exchange(peer.logged, text) != text)
      log(LogLevel::warn, text);  // an attempt every few seconds is one line
  }
  if (peer.dialling != &connection) return;
  peer.dialling = nullptr;
  schedule_dial(peer);
}

void TlsMesh::check_times(Connection& connection) {
  const SteadyTime now = clock_.steady();
  if (connection.stage == Stage::up) {
    if (now - connection.last_heard >= times_.silent) return drop(connection, "silent");
    tell_hello(peers_.at(connection.node));
    if (now - connection.last_ping >= times_.heartbeat) beat(connection);
    return;
  }
  if (now < connection.deadline) return;
  if (connection.stage != Stage::closing) ++counters_.timed_out;
  drop(connection, connection.stage == Stage::connecting ? "connecting: no answer" : "no greeting in time");
}

}  // namespace quorate::peers

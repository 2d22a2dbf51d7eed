#include "peers/tls_mesh.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <stdexcept>
#include <system_error>

#include "base/check.h"
#include "peers/mesh_internal.h"

namespace quorate::peers {
namespace {

constexpr Millis kTick{50};  // how late a deadline may be noticed
constexpr std::size_t kMostEvents =
    256;  // of one turn: more than there are connections, so that none waits for another
static_assert(kMostEvents > limits::kMaxPeerConnections + 2);
constexpr std::size_t kMostStrangerLines = 10;  // logged per kStrangerWindow
constexpr Millis kStrangerWindow{10'000};

SocketAddress listen_address(const std::string& text) {
  const auto at = parse_host_port(text);
  if (!at) throw std::invalid_argument("the address to listen on is host:port, not " + printable(text));
  if (const auto numeric = numeric_address(*at)) return *numeric;
  const auto found = look_up(*at);
  if (found.empty()) throw std::invalid_argument("no such host to listen on: " + printable(text));
  return found.front();
}

std::optional<SocketAddress> source_address(const std::string& host) {
  if (host.empty()) return std::nullopt;
  const auto at = host.size() <= limits::kMaxAddress ? numeric_address({host, 0}) : std::nullopt;
  // getaddrinfo takes "1.2.3" for 1.2.0.3.
  if (!at || (host.find(':') == std::string::npos && at->host() != host))
    throw std::invalid_argument("the source of connections to peers is a numeric address, not " + printable(host));
  return at;
}

// Each connection has one step in a turn: epoll tells again of what was not read to its end.
void add_event(std::vector<std::pair<std::uint64_t, std::uint32_t>>& events, std::uint64_t id, std::uint32_t what) {
  for (auto& [known, all] : events)
    if (known == id) {
      all |= what;
      return;
    }
  events.emplace_back(id, what);
}

void add_to_epoll(int epoll, int fd, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll");
}

}  // namespace

TlsMesh::TlsMesh(MeshConfig config, Inbox& inbox, const Clock& clock, Rng& rng)
    : tls_(config.key_pem, config.certificate_pem),
      times_(config.times),
      source_(source_address(config.source)),
      log_(std::move(config.log)),
      inbox_(inbox),
      clock_(clock),
      rng_(rng),
      name_(config.hello.node.text),
      hello_(std::move(config.hello)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      listener_(listen_on(listen_address(config.listen))) {
  if (!epoll_ || !wake_) throw std::system_error(errno, std::generic_category(), "epoll");
  if (name_.empty() || name_.size() > limits::kMaxName)
    throw std::invalid_argument("a node's name has 1 to 63 characters");
  if (hello_.wire_min > hello_.wire_max) throw std::invalid_argument("wire versions");
  while (hello_.boot_id == BootId{}) hello_.boot_id = rng_.bytes<8>();
  check_peers(config.peers);
  listening_port_ = local_address(listener_.get()).port();
  add_to_epoll(epoll_.get(), wake_.get(), kWakeId, EPOLLIN);
  apply_peers(std::move(config.peers));
}

TlsMesh::~TlsMesh() { stop(); }

void TlsMesh::start() {
  QUORATE_ASSERT(!thread_.joinable() && !stopping_);
  thread_ = std::thread([this] { run(); });
}

void TlsMesh::stop() {
  QUORATE_ASSERT(std::this_thread::get_id() != loop_thread_.load());
  table_.shut();
  stopping_ = true;
  wake();
  if (thread_.joinable()) thread_.join();
  listener_ = Fd();  // a successor may listen there
}

bool TlsMesh::send(const std::string& node, Envelope envelope) {
  auto frame = envelope_frame(envelope);
  if (!frame) return false;
  switch (table_.send(node, std::move(*frame))) {
    case PeerTable::Sent::no:
      return false;
    case PeerTable::Sent::yes:
      return true;
    case PeerTable::Sent::yes_and_wake:
      break;
  }
  if (std::this_thread::get_id() != loop_thread_.load()) wake();  // the mesh's own thread looks before it sleeps
  return true;
}

void TlsMesh::set_hello(Hello hello) {
  const std::lock_guard lock(mutex_);
  hello.node = hello_.node;
  hello.boot_id = hello_.boot_id;
  hello.cluster_id = hello_.cluster_id;
  hello.wire_min = hello_.wire_min;
  hello.wire_max = hello_.wire_max;
  if (hello == hello_) return;
  hello_ = std::move(hello);
  ++hello_generation_;
}

Hello TlsMesh::current_hello(std::uint64_t& generation) const {
  const std::lock_guard lock(mutex_);
  generation = hello_generation_;
  return hello_;
}

void TlsMesh::update_peers(std::vector<PeerConfig> peers) {
  check_peers(peers);
  {
    const std::lock_guard lock(mutex_);
    new_peers_ = std::move(peers);
  }
  wake();
}

MeshCounters TlsMesh::counters() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

void TlsMesh::check_peers(const std::vector<PeerConfig>& peers) const {
  std::set<std::string> names{name_};
  std::set<SpkiPin> pins{tls_.pin()};
  for (const PeerConfig& peer : peers) {
    if (peer.node.empty() || peer.node.size() > limits::kMaxName)
      throw std::invalid_argument("a node's name has 1 to 63 characters");
    if (!names.insert(peer.node).second) throw std::invalid_argument("two nodes named " + printable(peer.node));
    if (!pins.insert(peer.pin).second)
      throw std::invalid_argument("two nodes with the same TLS key: " + printable(peer.node));
    for (const std::string& address : peer.addresses)
      if (!parse_host_port(address)) throw std::invalid_argument("not host:port: " + printable(address));
  }
  if (names.size() > limits::kMaxNodes) throw std::invalid_argument("more nodes than a cluster may have");
}

void TlsMesh::wake() {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));  // full: it is awake already
}

void TlsMesh::log(LogLevel level, const std::string& text) const {
  if (log_) log_(level, text);
}

// Whoever is not authenticated does not fill our log.
void TlsMesh::log_stranger(const std::string& text) {
  const SteadyTime now = clock_.steady();
  if (now - strangers_since_ >= kStrangerWindow) {
    if (strangers_logged_ > kMostStrangerLines)
      log(LogLevel::warn, std::to_string(strangers_logged_ - kMostStrangerLines) + " more like it not logged");
    strangers_since_ = now;
    strangers_logged_ = 0;
  }
  if (++strangers_logged_ <= kMostStrangerLines) log(LogLevel::warn, text);
}

void TlsMesh::run() {
  loop_thread_ = std::this_thread::get_id();
  add_to_epoll(epoll_.get(), listener_.get(), kListenerId, EPOLLIN);
  listening_ = true;
  std::array<epoll_event, kMostEvents> ready{};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> events;
  while (!stopping_) {
    auto wait = more_.empty() ? std::max<std::int64_t>(0, (next_tick_ - clock_.steady()).count()) : 0;
    if (!resting_.empty()) wait = std::min(wait, Millis(limits::kReadRest).count());
    const int n = epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), static_cast<int>(wait));
    QUORATE_ASSERT(n >= 0 || errno == EINTR);
    events.clear();
    for (const std::uint64_t id : std::exchange(more_, {})) add_event(events, id, EPOLLIN | EPOLLOUT);
    for (const std::uint64_t id : std::exchange(resting_, {})) {
      const auto at = connections_.find(id);
      if (at == connections_.end()) continue;
      at->second->rests = false;
      add_event(events, id, EPOLLIN);
    }
    for (int i = 0; i < n; ++i) {
      const epoll_event event = ready[static_cast<std::size_t>(i)];
      add_event(events, event.data.u64, event.events);
    }
    handle(events);
    write_ready();
    // Last, so that after a pause of this process what peers have sent meanwhile counts before they are called silent.
    if (const SteadyTime now = clock_.steady(); now >= next_tick_) {
      tick();
      next_tick_ = now + kTick;
      write_ready();
    }
  }
  finish();
}

// Peers that are up come first, then those on their way, then new ones.
void TlsMesh::handle(const std::vector<std::pair<std::uint64_t, std::uint32_t>>& events) {
  handshake_steps_ = 0;
  for (const bool up : {true, false})
    for (const auto& [id, what] : events) {
      if (id == kWakeId || id == kListenerId) continue;
      const auto at = connections_.find(id);
      if (at == connections_.end() || (at->second->stage == Connection::Stage::up) != up) continue;
      step(*at->second, what);
    }
  for (const auto& [id, what] : events) {
    if (id == kListenerId) accept_some();
    std::uint64_t count = 0;
    if (id == kWakeId) static_cast<void>(!::read(wake_.get(), &count, sizeof count));
  }
  dropped_.clear();
}

void TlsMesh::write_ready() {
  std::optional<std::vector<PeerConfig>> peers;
  {
    const std::lock_guard lock(mutex_);
    peers = std::exchange(new_peers_, {});
    published_ = counters_;
  }
  if (peers) apply_peers(std::move(*peers));
  for (const std::string& node : table_.take_ready()) {
    const auto at = peers_.find(node);
    if (at != peers_.end() && at->second.current != nullptr) write(*at->second.current);
  }
  dropped_.clear();
}

void TlsMesh::tick() {
  if (!listening_) {
    add_to_epoll(epoll_.get(), listener_.get(), kListenerId, EPOLLIN);
    listening_ = true;
  }
  std::vector<Connection*> all;
  for (const auto& [id, connection] : connections_) all.push_back(connection.get());
  for (Connection* connection : all)
    if (connections_.contains(connection->id())) check_times(*connection);
  for (auto& [node, peer] : peers_)
    if (peer.current == nullptr && peer.dialling == nullptr && clock_.steady() >= peer.next_dial) dial(peer);
  dropped_.clear();
}

void TlsMesh::apply_peers(std::vector<PeerConfig> peers) {
  std::map<std::string, PeerConfig> wanted;
  for (PeerConfig& peer : peers) wanted.emplace(peer.node, std::move(peer));
  std::vector<std::pair<Connection*, std::string>> unwanted;
  for (const auto& [id, connection] : connections_) {
    const auto old = peers_.find(connection->node);
    if (old == peers_.end()) continue;
    const auto now = wanted.find(connection->node);
    if (now == wanted.end())
      unwanted.emplace_back(connection.get(), "removed from the cluster");
    else if (now->second.pin != old->second.config.pin)
      unwanted.emplace_back(connection.get(), "has another TLS key now");
  }
  for (const auto& [connection, why] : unwanted) drop(*connection, why);
  for (auto at = peers_.begin(); at != peers_.end();) {
    const bool keep = wanted.contains(at->first);
    if (!keep) table_.remove(at->first);
    at = keep ? std::next(at) : peers_.erase(at);
  }
  for (auto& [node, config] : wanted) {
    const auto [at, fresh] = peers_.try_emplace(node);
    Peer& peer = at->second;
    if (fresh) table_.add(node, clock_.wall());
    const bool changed = peer.config.addresses != config.addresses || peer.config.pin != config.pin;
    peer.config = std::move(config);
    if (!fresh && !changed) continue;
    peer.backoff = times_.reconnect_first;
    peer.lookup.reset();
    peer.next_dial = clock_.steady() + (is_arbiter(node) ? Millis(0) : times_.second_dialler);
  }
}

// Writes what is queued, then says goodbye to everybody.
void TlsMesh::finish() {
  std::vector<Connection*> all;
  for (const auto& [id, connection] : connections_) all.push_back(connection.get());
  for (Connection* connection : all)
    if (connection->stage != Connection::Stage::up) drop(*connection, "this node stops");
  const SteadyTime until = clock_.steady() + times_.flush;
  const auto open = [&] {
    return std::any_of(connections_.begin(), connections_.end(), [](const auto& c) { return !c.second->idle(); }) ||
           !table_.all_written();
  };
  while (open() && clock_.steady() < until) {
    all.clear();
    for (const auto& [id, connection] : connections_) all.push_back(connection.get());
    for (Connection* connection : all) write(*connection);
    dropped_.clear();
    if (open()) std::this_thread::sleep_for(Millis(1));
  }
  all.clear();
  for (const auto& [id, connection] : connections_) all.push_back(connection.get());
  for (Connection* connection : all) connection->shut_down();
  // Closing a socket with unread bytes resets the connection, and the peer loses what it has not read yet: wait for its
  // end.
  const auto ended = [](Connection& connection) {
    try {
      return connection.read_frames([](Frame) { return true; }) == Connection::Progress::ended;
    } catch (const Malformed&) {
      return true;
    }
  };
  while (!all.empty()) {
    const bool late = clock_.steady() >= until;
    for (Connection*& connection : all) {
      if (!late && !ended(*connection)) continue;
      drop(*connection, "this node stops");
      connection = nullptr;
    }
    std::erase(all, nullptr);
    if (!all.empty()) std::this_thread::sleep_for(Millis(1));
  }
  dropped_.clear();
}

}  // namespace quorate::peers

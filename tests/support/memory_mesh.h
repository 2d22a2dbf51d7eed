// A mesh without sockets, threads or clock: the test says what arrives next, one seeded Rng decides the order.
//
//   SeededRng rng(seed);
//   MemoryNet net(rng);
//   MemoryMesh& a = net.add("node1", cluster_id);  a.attach(inbox1);      // … and so on; then
//   net.connect_all();
//   net.run();                                     // until nothing is in the air
//
// Each link is first in, first out in each direction, like a TCP connection; links overtake each other. Cutting a link
// or crashing a node loses what is in the air between the two.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

#include "base/rng.h"
#include "peers/frame.h"
#include "peers/inbox.h"

namespace quorate::peers {

class MemoryNet;

class MemoryMesh final : public Mesh {
 public:
  MemoryMesh(MemoryNet& net, Hello hello) : net_(net), hello_(std::move(hello)) {}

  // Whoever is told; nullptr: nobody, what arrives is lost.
  void attach(Inbox* inbox) { inbox_ = inbox; }

  bool send(const std::string& node, Envelope envelope) override;
  std::vector<PeerStatus> peers() const override;
  void set_hello(Hello hello) override;
  const Hello& hello() const { return hello_; }
  std::uint64_t refused() const { return refused_; }

 private:
  friend class MemoryNet;
  MemoryNet& net_;
  Hello hello_;
  Inbox* inbox_ = nullptr;
  bool alive_ = true;
  std::map<std::string, PeerStatus> status_;  // of every node that was ever up
  std::uint64_t refused_ = 0;
};

class MemoryNet {
 public:
  using Link = std::pair<std::string, std::string>;  // from, to

  explicit MemoryNet(Rng& rng) : rng_(rng) {}
  MemoryNet(const MemoryNet&) = delete;
  MemoryNet& operator=(const MemoryNet&) = delete;

  MemoryMesh& add(const std::string& node, const Digest& cluster_id = {}) {
    Hello hello;
    hello.node = node;
    hello.software = "memory";
    hello.cluster_id = cluster_id;
    hello.boot_id = rng_.bytes<8>();
    return *meshes_.emplace(node, std::make_unique<MemoryMesh>(*this, hello)).first->second;
  }
  MemoryMesh& at(const std::string& node) { return *meshes_.at(node); }

  // Both nodes will be told, in their own time.
  void connect(const std::string& a, const std::string& b) {
    if (a == b || connected(a, b) || !at(a).alive_ || !at(b).alive_) return;
    links_.insert({a, b});
    links_.insert({b, a});
    air_[{a, b}].push_back(Event{at(a).hello_});
    air_[{b, a}].push_back(Event{at(b).hello_});
  }
  void connect_all() {
    for (const auto& [a, x] : meshes_)
      for (const auto& [b, y] : meshes_)
        if (a < b) connect(a, b);
  }
  // The link breaks: what is in the air is lost, both nodes will notice.
  void cut(const std::string& a, const std::string& b) {
    if (!connected(a, b)) return;
    links_.erase({a, b});
    links_.erase({b, a});
    for (const Link& link : {Link{a, b}, Link{b, a}}) lose(link);
  }
  // Without a goodbye: the node is told nothing more, the others that it is down. Its Mesh refuses to send.
  void crash(const std::string& node) {
    for (const auto& [other, mesh] : meshes_) cut(node, other);
    MemoryMesh& gone = at(node);
    gone.alive_ = false;
    gone.inbox_ = nullptr;
    gone.status_.clear();
    for (auto& [link, events] : air_)
      if (link.second == node) events.clear();
  }
  // A new process of a crashed node: another boot id, no connection, no inbox yet.
  MemoryMesh& restart(const std::string& node) {
    MemoryMesh& mesh = at(node);
    mesh.alive_ = true;
    mesh.hello_.boot_id = rng_.bytes<8>();
    return mesh;
  }
  // Nothing on this direction arrives until it is released; nothing is lost.
  void hold(const std::string& from, const std::string& to) { held_.insert({from, to}); }
  void release(const std::string& from, const std::string& to) { held_.erase({from, to}); }

  bool connected(const std::string& a, const std::string& b) const { return links_.contains({a, b}); }
  std::size_t in_the_air() const {
    std::size_t n = 0;
    for (const auto& [link, events] : air_) n += events.size();
    return n;
  }

  // One event arrives somewhere. False: there is none that may.
  bool step() {
    std::vector<Link> ready;
    for (const auto& [link, events] : air_)
      if (!events.empty() && !held_.contains(link)) ready.push_back(link);
    if (ready.empty()) return false;
    arrive(ready[rng_.below(ready.size())]);
    return true;
  }
  // At most `most` steps; throws when that was not enough, so that a test that never comes to rest fails.
  std::size_t run(std::size_t most = 1'000'000) {
    std::size_t steps = 0;
    while (step())
      if (++steps > most) throw std::runtime_error("the net does not come to rest");
    return steps;
  }

 private:
  friend class MemoryMesh;
  struct Down {};
  using Event = std::variant<Hello, Down, Envelope>;

  void lose(const Link& link) {
    const auto& [from, to] = link;
    auto& events = air_[link];
    const auto known = at(to).status_.find(from);
    const bool up = known != at(to).status_.end() && known->second.connected;
    // What has not been told yet: a down that ends an earlier connection stays; an up that was still in the air never
    // happened.
    const bool down_waits = up && !events.empty() && std::holds_alternative<Down>(events.front());
    events.clear();
    if (up || down_waits) events.push_back(Event{Down{}});
  }

  void arrive(const Link& link) {
    const auto& [from, to] = link;
    Event event = std::move(air_[link].front());
    air_[link].pop_front();
    MemoryMesh& mesh = at(to);
    PeerStatus& status = mesh.status_[from];
    status.node = from;
    if (auto* hello = std::get_if<Hello>(&event)) {
      const bool again = status.connected;
      status.connected = true;
      status.hello = *hello;
      if (!again) ++status.connects;
      if (mesh.inbox_ == nullptr) return;
      if (again)
        mesh.inbox_->on_peer_hello(from, *hello);
      else
        mesh.inbox_->on_peer_up(from, *hello);
    } else if (auto* envelope = std::get_if<Envelope>(&event)) {
      ++status.envelopes_in;
      status.bytes_in += envelope->body.size();
      if (mesh.inbox_ != nullptr) mesh.inbox_->on_envelope(from, std::move(*envelope));
    } else {
      status.connected = false;
      status.last_error = "cut";
      if (mesh.inbox_ != nullptr) mesh.inbox_->on_peer_down(from);
    }
  }

  Rng& rng_;
  std::map<std::string, std::unique_ptr<MemoryMesh>> meshes_;
  std::set<Link> links_;  // both directions of each
  std::set<Link> held_;
  std::map<Link, std::deque<Event>> air_;
};

// As TlsMesh: refuses when the peer is not up for us, what no frame carries, and more than limits::kMaxPeerQueue on its
// way.
inline bool MemoryMesh::send(const std::string& node, Envelope envelope) {
  const auto known = status_.find(node);
  const bool up = alive_ && known != status_.end() && known->second.connected && net_.connected(hello_.node.text, node);
  std::size_t bytes = 0;
  if (up)
    for (const auto& event : net_.air_[{hello_.node.text, node}])
      if (const auto* waiting = std::get_if<Envelope>(&event)) bytes += waiting->body.size();
  if (!up || !envelope_frame(envelope) || bytes + envelope.body.size() > limits::kMaxPeerQueue) {
    ++refused_;
    return false;
  }
  ++known->second.envelopes_out;
  net_.air_[{hello_.node.text, node}].push_back(std::move(envelope));
  return true;
}

inline std::vector<PeerStatus> MemoryMesh::peers() const {
  std::vector<PeerStatus> out;
  for (const auto& [node, mesh] : net_.meshes_) {
    if (node == hello_.node.text) continue;
    const auto known = status_.find(node);
    PeerStatus status = known == status_.end() ? PeerStatus{} : known->second;
    status.node = node;
    out.push_back(std::move(status));
  }
  return out;
}

inline void MemoryMesh::set_hello(Hello hello) {
  hello.node = hello_.node;
  hello.boot_id = hello_.boot_id;
  hello.cluster_id = hello_.cluster_id;
  hello.wire_min = hello_.wire_min;
  hello.wire_max = hello_.wire_max;
  hello_ = std::move(hello);
  for (const auto& link : net_.links_)
    if (link.first == hello_.node.text) net_.air_[link].push_back(hello_);
}

}  // namespace quorate::peers

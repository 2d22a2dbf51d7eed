#include "tests/support/memory_mesh.h"

#include <stdexcept>

#include "peers/frame.h"

namespace quorate::peers {

MemoryMesh::MemoryMesh(MemoryNet& net, Hello hello) : net_(net), hello_(std::move(hello)) {}

bool MemoryMesh::send(const std::string& node, Envelope envelope) {
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

std::vector<PeerStatus> MemoryMesh::peers() const {
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

void MemoryMesh::set_hello(Hello hello) {
  hello.node = hello_.node;
  hello.boot_id = hello_.boot_id;
  hello.cluster_id = hello_.cluster_id;
  hello.wire_min = hello_.wire_min;
  hello.wire_max = hello_.wire_max;
  hello_ = std::move(hello);
  for (const auto& link : net_.links_)
    if (link.first == hello_.node.text) net_.air_[link].push_back(hello_);
}

MemoryNet::MemoryNet(Rng& rng) : rng_(rng) {}
MemoryNet::~MemoryNet() = default;

MemoryMesh& MemoryNet::add(const std::string& node, const Digest& cluster_id) {
  Hello hello;
  hello.node = node;
  hello.software = "memory";
  hello.cluster_id = cluster_id;
  hello.boot_id = rng_.bytes<8>();
  return *meshes_.emplace(node, std::make_unique<MemoryMesh>(*this, hello)).first->second;
}

void MemoryNet::connect(const std::string& a, const std::string& b) {
  if (a == b || connected(a, b) || !at(a).alive_ || !at(b).alive_) return;
  links_.insert({a, b});
  links_.insert({b, a});
  air_[{a, b}].push_back(Event{at(a).hello_});
  air_[{b, a}].push_back(Event{at(b).hello_});
}

void MemoryNet::connect_all() {
  for (const auto& [a, x] : meshes_)
    for (const auto& [b, y] : meshes_)
      if (a < b) connect(a, b);
}

void MemoryNet::cut(const std::string& a, const std::string& b) {
  if (!connected(a, b)) return;
  links_.erase({a, b});
  links_.erase({b, a});
  for (const Link& link : {Link{a, b}, Link{b, a}}) lose(link);
}

void MemoryNet::crash(const std::string& node) {
  for (const auto& [other, mesh] : meshes_) cut(node, other);
  MemoryMesh& gone = at(node);
  gone.alive_ = false;
  gone.inbox_ = nullptr;
  gone.status_.clear();
  for (auto& [link, events] : air_)
    if (link.second == node) events.clear();
}

MemoryMesh& MemoryNet::restart(const std::string& node) {
  MemoryMesh& mesh = at(node);
  mesh.alive_ = true;
  mesh.hello_.boot_id = rng_.bytes<8>();
  return mesh;
}

void MemoryNet::hold(const std::string& from, const std::string& to) { held_.insert({from, to}); }
void MemoryNet::release(const std::string& from, const std::string& to) { held_.erase({from, to}); }

bool MemoryNet::connected(const std::string& a, const std::string& b) const { return links_.contains({a, b}); }

std::size_t MemoryNet::in_the_air() const {
  std::size_t n = 0;
  for (const auto& [link, events] : air_) n += events.size();
  return n;
}

bool MemoryNet::step() {
  std::vector<Link> ready;
  for (const auto& [link, events] : air_)
    if (!events.empty() && !held_.contains(link)) ready.push_back(link);
  if (ready.empty()) return false;
  arrive(ready[rng_.below(ready.size())]);
  return true;
}

std::size_t MemoryNet::run(std::size_t most) {
  std::size_t steps = 0;
  while (step())
    if (++steps > most) throw std::runtime_error("the net does not come to rest");
  return steps;
}

void MemoryNet::lose(const Link& link) {
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

void MemoryNet::arrive(const Link& link) {
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
    status.wire = agreed_wire(mesh.hello_, hello->wire_min, hello->wire_max);
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

}  // namespace quorate::peers

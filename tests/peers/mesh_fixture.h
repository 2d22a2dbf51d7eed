// Loopback meshes of real TlsMesh in one process.
#pragma once
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/rng.h"
#include "peers/certificates.h"
#include "peers/tls_mesh.h"

namespace quorate::peers {

inline constexpr Seconds kPatience{30};  // how long a test waits before it fails; sanitizers are slow

// Waits for what other threads bring about.
inline bool eventually(const std::function<bool()>& is_so, Millis most = kPatience) {
  const auto until = std::chrono::steady_clock::now() + most;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(Millis(2));
  }
  return true;
}

struct Identity {
  SecretBytes key;
  std::string certificate;
  SpkiPin pin{};
};

inline const Authority& authority() {
  static SystemRng rng;
  static const SystemClock clock;
  static const Authority made = make_ca("test", clock, rng);
  return made;
}

inline Identity make_identity(const std::string& node) {
  static SystemRng rng;
  static const SystemClock clock;
  Identity out;
  out.key = make_tls_key(rng);
  out.certificate = issue_leaf(authority(), out.key, {node, {}, {}}, clock, rng);
  out.pin = pin_of_spki(spki_of_key(out.key));
  return out;
}

// Keys are made once per name.
inline const Identity& identity_of(const std::string& node) {
  static std::map<std::string, Identity> all;
  if (!all.contains(node)) all.emplace(node, make_identity(node));
  return all.at(node);
}

// Records what the mesh says, and checks that ups and downs are paired and nothing comes outside of them.
class Recorder : public Inbox {
  template <class F>
  auto locked(F f) const {
    const std::lock_guard lock(mutex_);
    return f();
  }
  template <class M>
  static typename M::mapped_type found(const M& map, const std::string& key) {
    const auto at = map.find(key);
    return at == map.end() ? typename M::mapped_type{} : at->second;
  }

 public:
  void on_peer_up(const std::string& node, const Hello& hello) noexcept override {
    const std::lock_guard lock(mutex_);
    if (up_[node]) ++out_of_order_;
    up_[node] = true;
    ups_[node].push_back(hello.boot_id);
  }
  void on_peer_down(const std::string& node) noexcept override {
    const std::lock_guard lock(mutex_);
    if (!up_[node]) ++out_of_order_;
    up_[node] = false;
    ++downs_[node];
  }
  void on_envelope(const std::string& from, Envelope envelope) noexcept override {
    if (slow_.load()) std::this_thread::sleep_for(Millis(20));
    const std::lock_guard lock(mutex_);
    if (!up_[from]) ++out_of_order_;
    ++count_[from];
    if (on_each) on_each(from, envelope);
    if (keep) envelopes_[from].push_back(std::move(envelope));
  }
  bool wants_more(const std::string& from) noexcept override {
    const std::lock_guard lock(mutex_);
    ++asked_;
    return from != unwanted_;
  }
  void on_peer_hello(const std::string& node, const Hello& hello) noexcept override {
    const std::lock_guard lock(mutex_);
    if (!up_[node]) ++out_of_order_;
    hellos_[node].push_back(hello);
  }

  bool up(const std::string& node) const {
    return locked([&] { return found(up_, node); });
  }
  std::vector<BootId> ups(const std::string& node) const {
    return locked([&] { return found(ups_, node); });
  }
  int downs(const std::string& node) const {
    return locked([&] { return found(downs_, node); });
  }
  std::size_t count(const std::string& node) const {
    return locked([&] { return found(count_, node); });
  }
  std::size_t total() const {
    return locked([&] {
      std::size_t n = 0;
      for (const auto& [node, count] : count_) n += count;
      return n;
    });
  }
  std::vector<Hello> hellos(const std::string& node) const {
    return locked([&] { return found(hellos_, node); });
  }
  std::vector<Envelope> take(const std::string& node) {
    const std::lock_guard lock(mutex_);
    return std::exchange(envelopes_[node], {});
  }
  int out_of_order() const {
    return locked([&] { return out_of_order_; });
  }
  void want_no_more_of(const std::string& node) {
    const std::lock_guard lock(mutex_);
    unwanted_ = node;
    asked_ = 0;
  }
  std::size_t asked() const {
    return locked([&] { return asked_; });
  }
  void be_slow(bool slow) { slow_ = slow; }

  bool keep = true;                                                  // set before the start
  std::function<void(const std::string&, const Envelope&)> on_each;  // likewise

 private:
  mutable std::mutex mutex_;
  std::map<std::string, bool> up_;
  std::map<std::string, std::vector<BootId>> ups_;
  std::map<std::string, int> downs_;
  std::map<std::string, std::size_t> count_;
  std::map<std::string, std::vector<Hello>> hellos_;
  std::map<std::string, std::vector<Envelope>> envelopes_;
  int out_of_order_ = 0;
  std::string unwanted_;
  std::size_t asked_ = 0;  // whether more is wanted
  std::atomic<bool> slow_{false};
};

inline MeshTimes quick_times() {
  MeshTimes times;
  times.handshake = Millis(1500);
  times.heartbeat = Millis(200);
  times.silent = Millis(4000);  // under sanitizers and load a thread may rest for long
  times.reconnect_first = Millis(50);
  times.reconnect_most = Millis(400);
  times.reconnect_pace = Millis(10);
  times.second_dialler = Millis(5000);  // handshakes are slow under sanitizers
  return times;
}

struct TestNode {
  std::string name;
  Recorder inbox;
  MeshConfig config;
  std::unique_ptr<TlsMesh> mesh;
};

class MeshTest : public ::testing::Test {
 protected:
  static std::string name(std::size_t i) { return "node" + std::to_string(i + 1); }

  // Nodes that listen but know nobody yet; `connect` tells them of each other.
  TestNode& add(const std::string& node_name, const std::function<void(MeshConfig&)>& change = {}) {
    auto node = std::make_unique<TestNode>();
    node->name = node_name;
    const Identity& identity = identity_of(node_name);
    MeshConfig& c = node->config;
    c.listen = "127.0.0.1:0";
    c.key_pem = identity.key;
    c.certificate_pem = identity.certificate;
    c.hello.node = node_name;
    c.hello.software = "test";
    c.hello.cluster_id.fill(7);
    c.times = quick_times();
    if (change) change(c);
    nodes_.push_back(std::move(node));
    boot(*nodes_.back());
    return *nodes_.back();
  }
  // A new process of the node.
  void boot(TestNode& node) { node.mesh = std::make_unique<TlsMesh>(node.config, node.inbox, clock_, rng_); }

  static PeerConfig peer(const TestNode& node) {
    return {node.name, {"127.0.0.1:" + std::to_string(node.mesh->listening_port())}, node.mesh->pin()};
  }
  std::vector<PeerConfig> peers_of(const TestNode& me) const {
    std::vector<PeerConfig> out;
    for (const auto& node : nodes_)
      if (node.get() != &me) out.push_back(peer(*node));
    return out;
  }
  void start_all() {
    for (const auto& node : nodes_) {
      node->mesh->update_peers(peers_of(*node));
      node->mesh->start();
    }
  }
  bool all_connected() const {
    for (const auto& a : nodes_)
      for (const auto& b : nodes_)
        if (a != b && !(a->inbox.up(b->name) && status(*a, b->name).connected)) return false;
    return true;
  }
  static PeerStatus status(const TestNode& node, const std::string& of) {
    for (auto& s : node.mesh->peers())
      if (s.node == of) return s;
    return {};
  }
  void make(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) add(name(i));
    start_all();
    ASSERT_TRUE(eventually([&] { return all_connected(); }));
  }
  void stop_all() {
    for (const auto& node : nodes_)
      if (node->mesh) node->mesh->stop();
  }
  void TearDown() override {
    stop_all();
    for (const auto& node : nodes_) EXPECT_EQ(node->inbox.out_of_order(), 0) << node->name;
  }
  TestNode& at(std::size_t i) { return *nodes_[i]; }

  static Envelope envelope(std::uint64_t number, std::size_t body = 16) {
    Envelope out;
    out.sid.fill(static_cast<std::uint8_t>(number));
    out.tag = "test/1";
    out.body.assign(std::max<std::size_t>(body, 8), 0xA5);
    for (std::size_t i = 0; i < 8; ++i) out.body[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return out;
  }
  static std::uint64_t number_of(const Envelope& e) {
    std::uint64_t n = 0;
    for (std::size_t i = 8; i-- > 0;) n = n << 8 | e.body[i];
    return n;
  }
  // Tries again while the queue is full.
  static void send_surely(TestNode& from, const std::string& to, std::uint64_t number, std::size_t body = 16) {
    ASSERT_TRUE(eventually([&] { return from.mesh->send(to, envelope(number, body)); }));
  }

  SystemClock clock_;
  SystemRng rng_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

}  // namespace quorate::peers

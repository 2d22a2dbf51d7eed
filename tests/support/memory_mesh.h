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
#include <utility>
#include <variant>

#include "base/rng.h"
#include "peers/inbox.h"

namespace quorate::peers {

class MemoryNet;

class MemoryMesh final : public Mesh {
 public:
  MemoryMesh(MemoryNet& net, Hello hello);

  // Whoever is told; nullptr: nobody, what arrives is lost.
  void attach(Inbox* inbox) { inbox_ = inbox; }

  // As TlsMesh: refuses when the peer is not up for us, what no frame carries, and more than limits::kMaxPeerQueue on
  // its way.
  bool send(const std::string& node, Envelope envelope) override;
  std::vector<PeerStatus> peers() const override;
  void set_hello(Hello hello) override;
  // Who is connected is the test's affair.
  void update_peers(std::vector<PeerConfig> peers) override { peers_ = std::move(peers); }
  const std::vector<PeerConfig>& updated_peers() const { return peers_; }
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
  std::vector<PeerConfig> peers_;
};

class MemoryNet {
 public:
  using Link = std::pair<std::string, std::string>;  // from, to

  explicit MemoryNet(Rng& rng);
  ~MemoryNet();
  MemoryNet(const MemoryNet&) = delete;
  MemoryNet& operator=(const MemoryNet&) = delete;

  MemoryMesh& add(const std::string& node, const Digest& cluster_id = {});
  MemoryMesh& at(const std::string& node) { return *meshes_.at(node); }

  // Both nodes will be told, in their own time.
  void connect(const std::string& a, const std::string& b);
  void connect_all();
  // The link breaks: what is in the air is lost, both nodes will notice.
  void cut(const std::string& a, const std::string& b);
  // Without a goodbye: the node is told nothing more, the others that it is down. Its Mesh refuses to send.
  void crash(const std::string& node);
  // A new process of a crashed node: another boot id, no connection, no inbox yet.
  MemoryMesh& restart(const std::string& node);
  // Nothing on this direction arrives until it is released; nothing is lost.
  void hold(const std::string& from, const std::string& to);
  void release(const std::string& from, const std::string& to);

  bool connected(const std::string& a, const std::string& b) const;
  std::size_t in_the_air() const;

  // One event arrives somewhere. False: there is none that may.
  bool step();
  // At most `most` steps; throws when that was not enough, so that a test that never comes to rest fails.
  std::size_t run(std::size_t most = 1'000'000);

 private:
  friend class MemoryMesh;
  struct Down {};
  using Event = std::variant<Hello, Down, Envelope>;

  void lose(const Link& link);
  void arrive(const Link& link);

  Rng& rng_;
  std::map<std::string, std::unique_ptr<MemoryMesh>> meshes_;
  std::set<Link> links_;  // both directions of each
  std::set<Link> held_;
  std::map<Link, std::deque<Event>> air_;
};

}  // namespace quorate::peers

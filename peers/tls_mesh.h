// The embedded mesh: direct TLS 1.3 connections between all nodes, both ends authenticated by the keys in the cluster
// document.
//
// One thread owns all connections. Every node listens and may dial. Of each pair, the node whose name sorts first is
// the *arbiter*: it dials at once; the other one dials as well, but only after it has been alone for a while (a
// firewall may let connections through in one direction only). The other node speaks first on every connection, the
// arbiter answers, and a connection is up when the arbiter has answered; its answers are numbered, and the highest
// number is the connection that both use. So both sides always agree, and a new connection replaces a dead one at once.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/clock.h"
#include "base/rng.h"
#include "peers/address.h"
#include "peers/connection.h"
#include "peers/inbox.h"
#include "peers/peer_table.h"

namespace quorate::peers {

struct MeshTimes {
  Millis handshake = limits::kHandshakeTimeout;  // from the first byte to the greeting
  Millis heartbeat = limits::kHeartbeatEvery;
  Millis silent = limits::kPeerSilentAfter;
  Millis reconnect_first = limits::kReconnectFirst;
  Millis reconnect_most = limits::kReconnectMost;
  Millis reconnect_pace = Millis(1'000);               // a peer's connections in the long run; kMostReconnects at once
  Millis second_dialler = limits::kReconnectMost / 2;  // how long the node that is not the arbiter waits to be dialled
  Millis flush = Millis(500);                          // stop() waits so long for what is queued
};

enum class LogLevel { info, warn, error };

struct MeshConfig {
  std::string listen;  // host:port; port 0: the kernel chooses
  std::string source;  // the numeric address that connections to peers come from; empty: the kernel chooses
  SecretBytes key_pem;
  std::string certificate_pem;
  Hello hello;  // node, cluster_id and versions are ours for good; a boot_id of zeros is drawn
  std::vector<PeerConfig> peers;
  MeshTimes times;
  std::function<void(LogLevel, const std::string&)>
      log;  // printable text; called on the mesh's thread, must not block; may be empty
};

// Since the start; of connections that nobody has authenticated yet, and of peers that broke the rules.
struct MeshCounters {
  std::uint64_t accepted = 0, dialled = 0;
  std::uint64_t evicted = 0;            // unauthenticated, closed to make room
  std::uint64_t timed_out = 0;          // no greeting in time
  std::uint64_t handshakes_failed = 0;  // TLS: garbage, old versions, no or unknown certificate
  std::uint64_t refused = 0;            // greetings refused: version, identity, cluster
  std::uint64_t malformed = 0;          // authenticated peers that sent what no frame is
};

class TlsMesh final : public Mesh {
 public:
  // Listens from here on; connects from start() on. Throws CertificateError, std::system_error (address in use),
  // std::invalid_argument (names, addresses, pins).
  TlsMesh(MeshConfig config, Inbox& inbox, const Clock& clock, Rng& rng);
  ~TlsMesh() override;

  void start();
  // Writes what is queued, for a bounded time; says on_peer_down for every peer that is up; no call of the inbox after
  // it. Not from the mesh's thread.
  void stop();

  bool send(const std::string& node, Envelope envelope) override;
  std::vector<PeerStatus> peers() const override { return table_.statuses(); }
  void set_hello(Hello hello) override;

  void update_peers(std::vector<PeerConfig> peers) override;
  std::uint16_t listening_port() const { return listening_port_; }
  const SpkiPin& pin() const { return tls_.pin(); }
  MeshCounters counters() const;

 private:
  struct Peer {
    PeerConfig config;
    Connection* current = nullptr;  // up
    Connection* dialling = nullptr;
    SteadyTime next_dial{}, up_since{};
    Millis backoff{};
    std::size_t attempts = 0;  // which of the addresses is next
    std::optional<Lookup> lookup;
    SteadyTime lookup_since{};
    std::uint64_t serial = 0;     // of the newest connection
    std::string logged;           // the last failure that was logged
    SteadyTime connects_until{};  // its connections so far, at reconnect_pace, last until then
    bool hello_changed = false;   // since the inbox was told
    SteadyTime hello_told{};
  };

  // tls_mesh.cpp: the thread
  void check_peers(const std::vector<PeerConfig>& peers) const;
  void wake();
  void run();
  void handle(const std::vector<std::pair<std::uint64_t, std::uint32_t>>& events);
  void write_ready();
  void tick();
  void apply_peers(std::vector<PeerConfig> peers);
  void finish();
  void log(LogLevel level, const std::string& text) const;
  void log_stranger(const std::string& text);

  // connections.cpp: which connections there are
  void accept_some();
  void make_room(const std::string& source);
  void dial(Peer& peer);
  void connect_to(Peer& peer, const SocketAddress& to);
  void schedule_dial(Peer& peer);
  void adopt(std::unique_ptr<Connection> connection);
  void step(Connection& connection, std::uint32_t events);
  void drop(Connection& connection, const std::string& why);
  void retire(Peer& peer, const std::string& why);
  void watch(Connection& connection);
  void check_times(Connection& connection);
  std::string name_of(const Connection& connection) const;

  // greeting.cpp: what is said on them
  void secured(Connection& connection);
  bool may_connect(Peer& peer);
  void tell_hello(Peer& peer);
  bool on_frame(Connection& connection, Frame frame);
  void on_greeting(Connection& connection, const Frame& frame);
  void promote(Peer& peer, Connection& connection, Hello hello, std::uint16_t wire);
  void refuse(Connection& connection, const std::string& why);
  void read(Connection& connection, bool ended);
  bool wanted(const Connection& connection, SteadyTime now);
  void rest(Connection& connection, SteadyTime now);
  void write(Connection& connection);
  void beat(Connection& connection);
  bool is_arbiter(const std::string& node) const { return name_ < node; }
  Hello current_hello(std::uint64_t& generation) const;

  const TlsContext tls_;
  const MeshTimes times_;
  const std::optional<SocketAddress> source_;
  const std::function<void(LogLevel, const std::string&)> log_;
  Inbox& inbox_;
  const Clock& clock_;
  Rng& rng_;
  std::string name_;
  std::uint16_t listening_port_ = 0;
  PeerTable table_;

  mutable std::mutex mutex_;  // of the next four
  Hello hello_;
  std::uint64_t hello_generation_ = 1;
  std::optional<std::vector<PeerConfig>> new_peers_;
  MeshCounters published_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::thread::id> loop_thread_{};
  std::thread thread_;

  // The mesh's thread only.
  Fd epoll_, wake_, listener_;
  bool listening_ = false;  // in epoll; off for a moment when there are no descriptors left
  std::map<std::string, Peer> peers_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> dropped_;  // until the step that dropped them is over
  std::vector<std::uint64_t> more_;                   // connections that spent their budget …
  std::vector<std::uint64_t> resting_;                // … and those of which the inbox wanted no more
  std::uint64_t next_id_ = 2;                         // 0 and 1 are the wake-up and the listener in epoll
  std::size_t handshake_steps_ = 0;                   // in this turn
  MeshCounters counters_;
  std::size_t strangers_logged_ = 0;  // since …
  SteadyTime strangers_since_{};
  SteadyTime next_tick_{};
};

}  // namespace quorate::peers

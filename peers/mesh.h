// The mesh: moves envelopes between the nodes of one cluster and proves who sent them.
//
// What a mesh promises: an envelope given to the inbox with `from` was sent by the node of that name, once, unchanged,
// and in the order of its sends, between one on_peer_up and the on_peer_down that follows. What it does not: that an
// accepted envelope arrives (a connection can break with envelopes on their way; on_peer_down says so).
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/limits.h"
#include "session/envelope.h"

namespace quorate::peers {

// What this program speaks; raised with every change that old programs cannot read. 2: several FROST signatures in one
// session. 4: the version of the cluster's document in a hello. 5: a signing begins with its acceptance, and nobody is
// told to begin it. The bytes of each that is spoken are in tests/vectors/wire/.
inline constexpr std::uint16_t kWireVersion = 5;
// It speaks this one, too: the version before, so that nodes are upgraded one after the other (docs/operations.md).
// Nodes of version 4 wait to be told; 5 is the first that has a successor.
inline constexpr std::uint16_t kWireLeast = 5;
static_assert(kWireLeast == kWireVersion || kWireLeast + 1 == kWireVersion);
using BootId = ByteArray<8>;  // random, drawn when a process starts
using SpkiPin = Digest;       // SHA-256 of the DER SubjectPublicKeyInfo of a node's TLS key

// The longest body of an envelope: a frame less its length, type, session id, tag length and longest tag.
inline constexpr std::size_t kMaxBodyBytes = limits::kMaxFrame - 4 - 1 - 32 - 1 - limits::kMaxTag;

// What a node says of itself when a connection begins, and again when it changes. Its layout is that of version 4 in
// all that follow: nobody knows what the other speaks before both have said it.
struct Hello {
  std::uint16_t wire_min = kWireLeast, wire_max = kWireVersion;  // first, and never moved: readable by every version
  BoundedText<limits::kMaxName> software;                        // "quorated 0.1.0"; for people
  BoundedText<limits::kMaxName> node;                            // must be the node that the certificate belongs to
  BootId boot_id{};
  Digest cluster_id{};        // SHA-256 of the genesis cluster document: nodes of different clusters refuse each other
  Digest cluster_document{};  // the current one of the chain
  std::uint64_t cluster_version = 1;
  std::uint64_t policy_version = 0;
  Digest policy_digest{};
  std::uint64_t state_seq = 0;
  Digest audit_head{};
  static auto fields(auto& m) {
    return std::tie(m.wire_min, m.wire_max, m.software, m.node, m.boot_id, m.cluster_id, m.cluster_document,
                    m.cluster_version, m.policy_version, m.policy_digest, m.state_seq, m.audit_head);
  }
  friend bool operator==(const Hello&, const Hello&) = default;
};

// The highest version that both speak; 0: there is none. Both ends of a connection find the same, from what they have
// told each other under TLS: nobody else can have them speak an older one.
constexpr std::uint16_t agreed_wire(const Hello& mine, std::uint16_t least, std::uint16_t most) {
  const std::uint16_t wire = most < mine.wire_max ? most : mine.wire_max;
  return wire < least || wire < mine.wire_min ? std::uint16_t{0} : wire;
}

struct PeerStatus {
  std::string node;
  bool connected = false;
  WallTime since{};                  // of the connection, or of its loss; the mesh's start if there never was one
  std::chrono::microseconds rtt{0};  // of the last heartbeat; 0: none yet
  Hello hello;                       // the last one; boot_id all zero: none yet
  std::uint16_t wire = 0;            // the version of the last connection, agreed_wire(); 0: there was none
  std::string last_error;            // why the last connection or attempt ended, printable; stays after a reconnect
  std::uint64_t connects = 0;        // connections that came up
  std::uint64_t bytes_in = 0, bytes_out = 0, envelopes_in = 0, envelopes_out = 0;
  std::uint64_t refused = 0;     // sends answered with false
  std::uint64_t lost = 0;        // accepted by send, not yet written when the connection ended
  std::size_t queued_bytes = 0;  // waiting to be written
};

struct PeerConfig {
  std::string node;
  std::vector<std::string> addresses;  // host:port, tried in turn; none: waits to be dialled
  SpkiPin pin{};
};

class Mesh {
 public:
  virtual ~Mesh() = default;

  // Any thread, never blocks. True: queued on the connection, in order. False: not connected, its queue is full
  // (limits::kMaxPeerQueue), no such node, or an envelope that no peer would take (tag, size).
  virtual bool send(const std::string& node, Envelope envelope) = 0;

  // Every other node of the cluster, by name. Any thread.
  virtual std::vector<PeerStatus> peers() const = 0;

  // What peers are told from now on: new connections at once, present ones with the next heartbeat. The node, boot id,
  // cluster id and wire versions stay those the mesh was made with. Any thread.
  virtual void set_hello(Hello hello) = 0;

  // The other nodes of the cluster from now on. Connections of removed nodes and changed keys are closed. Throws
  // std::invalid_argument. Any thread.
  virtual void update_peers(std::vector<PeerConfig> peers) = 0;
};

}  // namespace quorate::peers

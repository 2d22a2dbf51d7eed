// What the mesh needs from its node.
#pragma once
#include <string>

#include "peers/mesh.h"

namespace quorate::peers {

// Called on the mesh's thread, which serves all peers: must not block. May call Mesh::send.
class Inbox {
 public:
  virtual ~Inbox() = default;

  // Per node always up, any number of envelopes and hellos, down, up, …; `from` and `node` are proven by the TLS key. A
  // connection that replaces another one is a down and an up. A boot id other than last time's means that the peer has
  // lost its sessions.
  virtual void on_peer_up(const std::string& node, const Hello& hello) noexcept = 0;
  virtual void on_envelope(const std::string& from, Envelope envelope) noexcept = 0;
  virtual void on_peer_down(const std::string& node) noexcept = 0;

  // Asked before each reading of a peer that is up. False: what it sends stays where it is, and in the end with itself;
  // asked again in limits::kReadRest. Not for long: meanwhile the peer's silence goes unnoticed.
  virtual bool wants_more(const std::string& from) noexcept {
    static_cast<void>(from);
    return true;
  }

  // The peer's policy, state_seq, audit head or cluster document changed while it was connected: the latest, at most
  // once in a heartbeat.
  virtual void on_peer_hello(const std::string& node, const Hello& hello) noexcept {
    static_cast<void>(node);
    static_cast<void>(hello);
  }
};

}  // namespace quorate::peers

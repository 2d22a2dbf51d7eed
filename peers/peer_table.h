// What the threads of a node share about its peers: the queues towards them, and what /v1/node shows. Senders on one
// side, the mesh's thread on the other; one lock, never held while anything is called or encrypted.
#pragma once
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "peers/mesh.h"

namespace quorate::peers {

class PeerTable {
 public:
  enum class Sent { no, yes, yes_and_wake };

  // Senders. yes_and_wake: the mesh's thread has not been told yet that there is something to write.
  Sent send(const std::string& node, SecretBytes frame);
  std::vector<PeerStatus> statuses() const;

  // The mesh's thread.
  void add(const std::string& node, WallTime now);
  void remove(const std::string& node);
  void opened(const std::string& node, const Hello& hello, std::uint16_t wire, WallTime now);
  // Drops what waits, counts it as lost.
  void closed(const std::string& node, const std::string& why, WallTime now);
  void failed(const std::string& node, const std::string& why);
  void heard(const std::string& node, const Hello& hello);
  void measured(const std::string& node, std::chrono::microseconds rtt);
  void count_in(const std::string& node, std::uint64_t bytes, std::uint64_t envelopes);
  void count_out(const std::string& node, std::uint64_t bytes);
  // The oldest frame; it counts as queued until `written`.
  std::optional<SecretBytes> take(const std::string& node);
  void written(const std::string& node, std::size_t bytes);
  // The nodes with something new to write since the last call.
  std::vector<std::string> take_ready();
  // No frame of any open connection is waiting.
  bool all_written() const;
  // From now on every send answers no.
  void shut();

 private:
  struct Slot {
    PeerStatus status;
    std::deque<SecretBytes> queue;
    std::size_t unwritten = 0;  // frames
    bool ready = false;         // in ready_
  };

  mutable std::mutex mutex_;
  std::map<std::string, Slot> slots_;
  std::vector<std::string> ready_;
  bool woken_ = false;  // a sender was told to wake the mesh, which has not called take_ready since
  bool shut_ = false;
};

}  // namespace quorate::peers

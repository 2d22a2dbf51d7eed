// Whether this node's database is the newest that it has ever had. Every node signs how far its audit log has come and
// tells the others, who keep the last word and say it back when it connects: a node that cannot find itself in what it
// has signed runs on an old copy. It then takes part in nothing until every request that it may have forgotten is over.
// Lives on the desk, but for resting().
#pragma once
#include <atomic>
#include <map>
#include <string>

#include "node/messages.h"
#include "node/peer_view.h"
#include "node/requests.h"

namespace quorate::node {

// "So far my log had come": of two of one node the one with the greater (life, seq) is the later.
struct Progress {
  std::uint64_t life = 0;  // one more with every old copy that it has run on
  std::uint64_t seq = 0;   // of the last entry
  Digest head{};           // its hash
  Signature64 signature{};
  static auto fields(auto& m) { return std::tie(m.life, m.seq, m.head, m.signature); }
  bool later_than(const Progress& other) const { return std::tie(life, seq) > std::tie(other.life, other.seq); }
};
Progress sign_progress(Progress progress, const storage::Identity& whose, const Ed25519SecretKey& identity);
bool verify_progress(const Progress& progress, const storage::Identity& whose, const Ed25519PublicKey& identity);

// The sender's own.
struct MyProgress {
  static constexpr std::string_view tag = "node/my_progress/1";
  Progress progress;
  static auto fields(auto& m) { return std::tie(m.progress); }
};
// The receiver's, as the sender has kept it.
struct YourProgress {
  static constexpr std::string_view tag = "node/your_progress/1";
  Progress progress;
  static auto fields(auto& m) { return std::tie(m.progress); }
};

class Freshness {
 public:
  Freshness(const World& world, Requests& requests, const PeerView& peers);

  void load();
  void on_peer_up(const std::string& node);
  void on_mine(const std::string& from, const Progress& theirs);
  void on_yours(const std::string& from, const Progress& mine);
  void tick();

  // It has found out that its database is an old copy, so lately that requests which it has forgotten may still live.
  bool resting() const { return resting_; }

 private:
  struct Own {
    std::uint64_t life = 1;
    std::uint64_t noticed = 0;  // unix seconds; 0: never
    static auto fields(auto& m) { return std::tie(m.life, m.noticed); }
  };
  Progress progress() const;
  bool holds(const Progress& mine) const;
  void look_at_rest();

  World world_;
  Requests& requests_;
  const PeerView& peers_;
  Own own_;
  std::map<std::string, Progress> seen_;  // by node
  std::map<std::string, Progress> kept_;  // of them, what is on disk
  std::uint64_t told_ = 0;                // seq
  SteadyTime next_tell_{};
  std::atomic<bool> resting_{false};
};

}  // namespace quorate::node

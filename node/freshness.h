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
#include "storage/progress.h"

namespace quorate::node {

using storage::Progress;
using storage::sign_progress;
using storage::verify_progress;

// What this node has on disk of the others', by their names. Any thread. Throws storage::StorageCorrupt.
std::map<std::string, Progress> kept_progress(const World& world);

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
  // When it last found that out, Unix seconds; 0: never. On the desk.
  std::uint64_t noticed() const { return own_.noticed; }

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

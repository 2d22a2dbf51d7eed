// Which sources may begin a TLS handshake now. One takes the listener's thread a millisecond and costs its client next
// to nothing, so those that lead to no request are rationed: of each source, and beyond that of all in turns.
#pragma once
#include <cstddef>
#include <string>
#include <unordered_map>

#include "base/limits.h"
#include "base/ration.h"

namespace quorate::http {

struct HandshakeRations {
  std::size_t burst = limits::kHandshakesAtOnce;  // of one source …
  Millis each = limits::kHandshakeEach;           // … and how long until it may begin one more
  std::size_t common_burst = limits::kCommonHandshakesAtOnce;
  Millis common_each = limits::kCommonHandshakeEach;
  std::size_t sources = limits::kMaxHandshakeSources;
};

class Handshakes {
 public:
  explicit Handshakes(HandshakeRations rations) : rations_(rations) {}

  // At once: of the first half of the source's own ration. The rest is for connections that wait for their turn, so
  // that a source that comes again and again does not get in one go what it has not used meanwhile.
  bool take(const std::string& source, SteadyTime now) { return take(source, now, rations_.burst / 2); }
  // In its turn: of the source's own ration, or else of what there is for those that have used up theirs.
  bool take_turn(const std::string& source, SteadyTime now) {
    return take(source, now, 0) || common_.take(now, rations_.common_each, rations_.common_burst);
  }
  // A whole request came over a connection of this source: whoever asks something does not live off handshakes.
  void was_of_use(const std::string& source) {
    if (const auto it = sources_.find(source); it != sources_.end()) it->second.give_back(rations_.each);
  }

 private:
  bool take(const std::string& source, SteadyTime now, std::size_t left) {
    if (!sources_.contains(source) && sources_.size() >= rations_.sources) {
      if (now < look_again_) return false;
      std::erase_if(sources_, [&](const auto& s) { return s.second.full(now); });
      look_again_ = now + rations_.each;
      if (sources_.size() >= rations_.sources) return false;
    }
    return sources_[source].take(now, rations_.each, rations_.burst, left);
  }

  const HandshakeRations rations_;
  std::unordered_map<std::string, Ration> sources_;
  Ration common_;
  SteadyTime look_again_{};
};

}  // namespace quorate::http

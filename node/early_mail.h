// Messages of sessions that this node has not opened yet: whoever accepts a proposal begins at once, and the acceptance
// of another member may still be on its way to the disk. Kept for a moment, each peer within its own bounds.
#pragma once
#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "session/envelope.h"

namespace quorate::node {

struct SidHash {
  std::size_t operator()(const SessionId& sid) const noexcept {
    std::size_t h = 0;  // a session id is the output of a hash
    std::memcpy(&h, sid.data(), sizeof h);
    return h;
  }
};

// Of one worker, which alone touches it.
class EarlyMail {
 public:
  static constexpr Millis kKept{2000};
  static constexpr std::size_t kMostMessages = 256;           // of one peer …
  static constexpr std::size_t kMostBytes = 2 * 1024 * 1024;  // … and their bodies
  struct Letter {
    std::string from;
    std::shared_ptr<const Envelope> envelope;
  };

  // False: this peer has too much here.
  bool keep(const std::string& from, std::shared_ptr<const Envelope> envelope, SteadyTime now) {
    Load& load = loads_[from];
    const std::size_t bytes = envelope->body.size();
    if (load.messages >= kMostMessages || load.bytes + bytes > kMostBytes) return false;
    ++load.messages;
    load.bytes += bytes;
    Kept& kept = sessions_[envelope->sid];
    if (kept.letters.empty()) kept.until = now + kKept;
    kept.letters.push_back({from, std::move(envelope)});
    return true;
  }
  // In the order of their arrival.
  std::vector<Letter> take(const SessionId& sid) {
    const auto it = sessions_.find(sid);
    if (it == sessions_.end()) return {};
    std::vector<Letter> letters = std::move(it->second.letters);
    sessions_.erase(it);
    for (const Letter& letter : letters) forget(letter);
    return letters;
  }
  // How many messages of the past or of this peer are dropped.
  std::size_t expire(SteadyTime now) {
    return drop([now](const Kept& kept, const Letter&) { return kept.until <= now; });
  }
  std::size_t drop_of(const std::string& from) {
    return drop([&from](const Kept&, const Letter& letter) { return letter.from == from; });
  }
  std::size_t messages_of(const std::string& from) const {
    const auto it = loads_.find(from);
    return it == loads_.end() ? 0 : it->second.messages;
  }

 private:
  struct Load {
    std::size_t messages = 0, bytes = 0;
  };
  struct Kept {
    std::vector<Letter> letters;
    SteadyTime until{};
  };
  void forget(const Letter& letter) {
    const auto load = loads_.find(letter.from);
    --load->second.messages;
    load->second.bytes -= letter.envelope->body.size();
    if (load->second.messages == 0) loads_.erase(load);
  }
  template <class Which>
  std::size_t drop(const Which& which) {
    std::size_t dropped = 0;
    for (auto it = sessions_.begin(); it != sessions_.end();) {
      Kept& kept = it->second;
      dropped += std::erase_if(kept.letters, [&](const Letter& letter) {
        if (!which(kept, letter)) return false;
        forget(letter);
        return true;
      });
      it = kept.letters.empty() ? sessions_.erase(it) : std::next(it);
    }
    return dropped;
  }

  std::unordered_map<SessionId, Kept, SidHash> sessions_;
  std::map<std::string, Load> loads_;
};

}  // namespace quorate::node

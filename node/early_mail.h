// Messages of sessions that this node has not opened yet: whoever accepts a proposal begins at once, and the acceptance
// of another member may still be on its way to the disk. Kept as long as that may take, and not for a session that this
// node knows to be over here: whose proposal it has refused, that was stopped, or that has ended.
#pragma once
#include <algorithm>
#include <cstring>
#include <deque>
#include <iterator>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "session/envelope.h"

namespace quorate::node {

struct SidHash {
  std::size_t operator()(const SessionId& sid) const noexcept {
    std::size_t h = 0;  // a session id is the output of a hash
    std::memcpy(&h, sid.data(), sizeof h);
    return h;
  }
};

// Of one worker, which alone touches it. How much of each peer is here is bounded by who admits it (Inflow), so what is
// let go of is given back.
class EarlyMail {
 public:
  // Others may take so long to accept, and then for their first round.
  static constexpr Millis kKept = limits::kProposalTimeout + limits::kSignRoundTimeout;
  static constexpr std::size_t kMostOver = 16'384;  // sessions that are known to be over; the oldest are forgotten
  struct Letter {
    std::string from;
    std::shared_ptr<const Envelope> envelope;
  };
  using Letters = std::vector<Letter>;

  // False: the session is over here.
  bool keep(const std::string& from, std::shared_ptr<const Envelope> envelope, SteadyTime now) {
    const SessionId sid = envelope->sid;
    if (over_.contains(sid)) return false;
    sessions_[sid].push_back({{from, std::move(envelope)}, now + kKept});
    return true;
  }
  // It is not over, as was thought.
  void expect(const SessionId& sid) { over_.erase(sid); }
  // The session opens. In the order of their arrival.
  Letters open(const SessionId& sid) {
    expect(sid);
    return take(sid);
  }
  // It does not, or no more: what has come for it, and nothing is kept for it from now on.
  Letters close(const SessionId& sid, SteadyTime now) {
    if (over_.insert_or_assign(sid, now + kKept).second) order_.push_back(sid);
    while (order_.size() > kMostOver) forget_oldest();
    return take(sid);
  }
  // Letters of the past; and what is over for so long that nobody speaks of it any more.
  Letters expire(SteadyTime now) {
    while (!order_.empty()) {
      const auto it = over_.find(order_.front());
      if (it != over_.end() && it->second > now) break;
      forget_oldest();
    }
    return drop([now](const Kept& kept) { return kept.until <= now; });
  }
  Letters drop_of(const std::string& from) {
    return drop([&from](const Kept& kept) { return kept.letter.from == from; });
  }

 private:
  struct Kept {
    Letter letter;
    SteadyTime until{};
  };
  Letters take(const SessionId& sid) {
    Letters letters;
    if (auto kept = sessions_.extract(sid); !kept.empty())
      for (Kept& k : kept.mapped()) letters.push_back(std::move(k.letter));
    return letters;
  }
  void forget_oldest() {
    over_.erase(order_.front());
    order_.pop_front();
  }
  template <class Which>
  Letters drop(const Which& which) {
    Letters dropped;
    for (auto it = sessions_.begin(); it != sessions_.end();) {
      std::vector<Kept>& all = it->second;
      const auto gone = std::stable_partition(all.begin(), all.end(), [&](const Kept& kept) { return !which(kept); });
      for (auto kept = gone; kept != all.end(); ++kept) dropped.push_back(std::move(kept->letter));
      all.erase(gone, all.end());
      it = all.empty() ? sessions_.erase(it) : std::next(it);
    }
    return dropped;
  }

  std::unordered_map<SessionId, std::vector<Kept>, SidHash> sessions_;
  std::unordered_map<SessionId, SteadyTime, SidHash> over_;
  std::deque<SessionId> order_;  // of those; an opened one stays in it until its turn
};

}  // namespace quorate::node

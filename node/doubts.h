// Nodes that this node itself has seen to be of no use: connected, and yet they were waited for in vain, or sent more
// than could be taken, or what does not decode. For a while they are taken last, so that one of them costs a deadline
// once, and not every request that it is near to.
// Lives on the desk.
#pragma once
#include <algorithm>
#include <map>
#include <string>

#include "base/clock.h"

namespace quorate::node {

class Doubts {
 public:
  static constexpr Millis kFirst{10'000};  // doubles each time that it happens again soon after …
  static constexpr Millis kMost{600'000};  // … up to this
  static constexpr int kForgiven = 10;     // so many times as long without a new one: it begins anew

  void add(const std::string& node, SteadyTime now) {
    Doubt& doubt = by_node_[node];
    if (now < doubt.until) return;  // of the same time
    const bool anew = doubt.lasts == Millis(0) || now > doubt.until + kForgiven * doubt.lasts;
    doubt.lasts = anew ? kFirst : std::min(2 * doubt.lasts, kMost);
    doubt.until = now + doubt.lasts;
  }
  bool holds(const std::string& node, SteadyTime now) const {
    const auto it = by_node_.find(node);
    return it != by_node_.end() && now < it->second.until;
  }

 private:
  struct Doubt {
    SteadyTime until{};
    Millis lasts{0};
  };
  std::map<std::string, Doubt> by_node_;  // nodes of the cluster, or that were
};

}  // namespace quorate::node

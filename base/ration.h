// A rate with a burst.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>

#include "base/clock.h"

namespace quorate {

// Kept as the time until which it is used up: full again once that lies in the past.
class Ration {
 public:
  using Each = std::chrono::microseconds;

  // One, if then `left` are left.
  bool take(SteadyTime now, Each each, std::size_t burst, std::size_t left = 0) {
    if (used_until_ > now + each * (burst - left - 1)) return false;
    used_until_ = std::max<Time>(used_until_, now) + each;
    return true;
  }
  // One in any case, also of what there is not yet: at most `burst` are owed.
  void owe(SteadyTime now, Each each, std::size_t burst) {
    used_until_ = std::max<Time>(used_until_, now) + each;
    used_until_ = std::min<Time>(used_until_, now + 2 * each * burst);
  }
  void give_back(Each each) { used_until_ -= each; }
  bool has_one(SteadyTime now, Each each, std::size_t burst) const { return used_until_ + each <= now + each * burst; }
  bool full(SteadyTime now) const { return used_until_ <= now; }

 private:
  using Time = std::chrono::time_point<SteadyTime::clock, Each>;
  Time used_until_{};
};

}  // namespace quorate

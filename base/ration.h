// A rate with a burst.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace quorate {

// Kept as the time until which it is used up: full again once that lies in the past.
class Ration {
 public:
  using Each = std::chrono::microseconds;

  // One, if then `left` are left.
  bool take(SteadyTime now, Each each, std::size_t burst, std::size_t left = 0) {
    if (left >= burst || used_until_ > now + each * signed_of(burst - left - 1)) return false;
    used_until_ = std::max<Time>(used_until_, now) + each;
    return true;
  }
  // One in any case, also of what there is not yet; the ration and `most` more at the most.
  void owe(SteadyTime now, Each each, std::size_t burst, std::size_t most) {
    used_until_ = std::max<Time>(used_until_, now) + each;
    used_until_ = std::min<Time>(used_until_, now + each * signed_of(burst + most));
  }
  void give_back(Each each) { used_until_ -= each; }
  bool has_one(SteadyTime now, Each each, std::size_t burst) const {
    return used_until_ + each <= now + each * signed_of(burst);
  }
  bool full(SteadyTime now) const { return used_until_ <= now; }

 private:
  // A time before the clock's beginning is one, too.
  static std::int64_t signed_of(std::size_t n) { return static_cast<std::int64_t>(n); }

  using Time = std::chrono::time_point<SteadyTime::clock, Each>;
  Time used_until_{};
};

}  // namespace quorate

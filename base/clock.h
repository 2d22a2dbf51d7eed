// Time is passed in. Wall time decides freshness and expiry; steady time decides deadlines.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quorate {

using Seconds = std::chrono::seconds;
using Millis = std::chrono::milliseconds;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Millis>;  // UTC
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Millis>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime wall() const = 0;
  virtual SteadyTime steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  WallTime wall() const override;
  SteadyTime steady() const override;
};

// Moves only when told. One thread.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime wall) : wall_(wall) {}
  WallTime wall() const override { return wall_; }
  SteadyTime steady() const override { return steady_; }
  void advance(Millis by) { wall_ += by, steady_ += by; }
  void jump_wall(Millis by) { wall_ += by; }

 private:
  WallTime wall_;
  SteadyTime steady_{};
};

inline std::int64_t unix_seconds(WallTime t) { return std::chrono::floor<Seconds>(t).time_since_epoch().count(); }
inline WallTime from_unix_seconds(std::int64_t s) { return WallTime(Seconds(s)); }

// RFC 3339, UTC, whole seconds: 2026-01-31T23:59:59Z
std::string to_rfc3339(WallTime t);
// Exactly that form; nothing else.
std::optional<WallTime> from_rfc3339(std::string_view text);

}  // namespace quorate

// An answer whose body comes bit by bit, for as long as both sides want: as whoever makes it sees it.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace quorate::http {

inline constexpr std::size_t kMostFlowBytes = 256 * 1024;  // that wait for one client, and the piece that went over it
inline constexpr Millis kFlowLife = Seconds(3600);         // then it ends, and its client comes again
inline constexpr Millis kFlowHeartbeat = Seconds(15);      // without anything else to send

// Any thread. Let go of, it ends.
class Outflow {
 public:
  virtual ~Outflow() = default;
  // False: it was dropped, for the answer is over, or too much waits already. A client gets whole pieces, unless its
  // connection breaks.
  virtual bool add(std::string_view piece) = 0;
  virtual bool full() const = 0;
  virtual bool over() const = 0;
  virtual void end() = 0;  // after what waits
  // Runs on a thread of the pool, in the turn that all answers of this kind share. False: there is no pool any more.
  virtual bool go_on(std::function<void()> work) = 0;
};

}  // namespace quorate::http

// Signals that ask for an end, for commands that have something to finish or to put away first.
#pragma once
#include <signal.h>

namespace quorate::cli {

// From construction on SIGINT, SIGTERM and SIGHUP are remembered instead of ending the process; the same signal a
// second time ends it. The handlers that were there come back with the end of it. One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  static bool requested();  // any thread
};

// While it lives this thread, and every thread that it starts, leaves those signals to others: none of their calls ends
// early.
class StopsBlocked {
 public:
  StopsBlocked();
  ~StopsBlocked();
  StopsBlocked(const StopsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace quorate::cli

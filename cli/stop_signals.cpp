#include "cli/stop_signals.h"

#include <atomic>
#include <iterator>

namespace quorate::cli {
namespace {

constexpr int kStops[] = {SIGINT, SIGTERM, SIGHUP};

// A signal handler can reach nothing but a global.
std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);
extern "C" void remember_stop(int) { stop_requested = true; }
struct sigaction before[std::size(kStops)];

}  // namespace

StopSignals::StopSignals() {
  stop_requested = false;
  struct sigaction action {};
  action.sa_handler = remember_stop;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (std::size_t i = 0; i < std::size(kStops); ++i) ::sigaction(kStops[i], &action, &before[i]);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < std::size(kStops); ++i) ::sigaction(kStops[i], &before[i], nullptr);
  stop_requested = false;
}

bool StopSignals::requested() { return stop_requested; }

StopsBlocked::StopsBlocked() {
  sigset_t stops;
  sigemptyset(&stops);
  for (const int stop : kStops) sigaddset(&stops, stop);
  ::pthread_sigmask(SIG_BLOCK, &stops, &before_);
}

StopsBlocked::~StopsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace quorate::cli

// quorated: one node as a process.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/freed_memory.h"
#include "base/limits.h"
#include "crypto/self_test.h"
#include "node/config.h"
#include "node/logging.h"
#include "node/node.h"

namespace {

constexpr int kTickMillis = 50;

// Secrets in memory stay there: no core file, no debugger without privileges; and no program that this one starts (the
// database key's) gets more rights than it has. False: refused, which no system does that is not broken.
bool harden() {
  const rlimit none{0, 0};
  return setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0 &&
         prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

void raise_limit(decltype(RLIMIT_NOFILE) which, rlim_t most) {
  rlimit now{};
  if (getrlimit(which, &now) != 0) return;
  now.rlim_cur = std::max(now.rlim_cur, std::min(now.rlim_max, most));
  setrlimit(which, &now);
}

// Nothing goes to swap. Pages are locked as they are touched: the stacks of all threads would be filled otherwise.
// What the system has against it; empty: nothing.
std::string lock_memory() {
  const auto said = [](int error) {
    rlimit now{};
    getrlimit(RLIMIT_MEMLOCK, &now);
    return std::generic_category().message(error) + "; RLIMIT_MEMLOCK is " +
           (now.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(now.rlim_cur / 1024) + " KiB");
  };
  raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) return said(errno);
  // Under a limit that is above what is there now, later allocations would fail: is there room for any?
  constexpr std::size_t kRoom = std::size_t{16} << 30;
  void* room = mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    const std::string refused = said(errno);
    munlockall();
    return refused;
  }
  munmap(room, kRoom);
  return {};
}

void check_locked(const std::string& refused, const quorate::node::Config& config, const quorate::node::Log& log) {
  if (refused.empty()) return;
  const std::string told = "memory is not locked (" + refused + "): what is secret may go to swap";
  if (config.lock_memory == quorate::node::LockMemory::required)
    throw std::runtime_error(told + "; so the node does not start. Raise the limit (LimitMEMLOCK=infinity in a unit, " +
                             "ulimit -l unlimited in a shell), or set lock_memory = \"tried\" in config.toml");
  log(quorate::node::LogLevel::warn, told);
}

// Until a signal says stop (false), or the node can go on only by starting again (true).
bool run(quorate::node::Node& node, const sigset_t& signals) {
  const timespec tick{0, kTickMillis * 1'000'000L};
  bool draining = false;
  for (;;) {
    if (sigtimedwait(&signals, nullptr, &tick) >= 0) {
      if (draining) return false;  // the second one has no patience
      node.drain();
      draining = true;
    }
    node.tick();
    if (draining && node.drained()) return false;
    if (!draining && node.can_start_again()) return true;
  }
}

int usage() {
  std::fputs("usage: quorated --config FILE\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    std::puts("quorated 0.1.0");
    return 0;
  }
  if (argc != 3 || std::string(argv[1]) != "--config") return usage();
  if (!harden()) {
    std::fputs("quorated: the system does not let this process protect its memory\n", stderr);
    return 1;
  }
  quorate::keep_freed_memory();
  raise_limit(RLIMIT_NOFILE, quorate::limits::kMaxFiles);
  const std::string refused = lock_memory();
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a write beyond a limit of file sizes fails, as on a full disk
  try {
    quorate::crypto_self_test();
    const auto config = quorate::node::load_config(argv[2]);
    const auto log = quorate::node::make_log(config);
    try {
      check_locked(refused, config, log);
      for (;;) {
        quorate::node::Node node(config, log);
        // SQLCipher locks pieces that hold a key while a database is opened, and unlocks them with all that lies
        // beside.
        if (refused.empty()) check_locked(lock_memory(), config, log);
        node.start();
        if (!run(node, signals)) {
          log(quorate::node::LogLevel::info, "stopping");
          node.stop();
          return 0;
        }
        log(quorate::node::LogLevel::warn, "the disk takes writes again: opening the database anew, as at a start");
      }
    } catch (const std::exception& e) {
      log(quorate::node::LogLevel::error, e.what());
      throw;
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quorated: %s\n", e.what());
    return 1;
  }
}

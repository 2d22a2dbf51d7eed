// quorated: one node as a process.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "base/freed_memory.h"
#include "base/limits.h"
#include "crypto/self_test.h"
#include "node/config.h"
#include "node/logging.h"
#include "node/node.h"

namespace {

constexpr int kTickMillis = 50;

// Secrets in memory stay there: no core file, no debugger without privileges.
void harden() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

void raise_limit(decltype(RLIMIT_NOFILE) which, rlim_t most) {
  rlimit now{};
  if (getrlimit(which, &now) != 0) return;
  now.rlim_cur = std::max(now.rlim_cur, std::min(now.rlim_max, most));
  setrlimit(which, &now);
}

// Nothing goes to swap. Pages are locked as they are touched: the stacks of all threads would be filled otherwise.
// False: refused.
bool lock_memory() {
  raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
  if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) return false;
  // Under a limit that is above what is there now, later allocations would fail: is there room for any?
  constexpr std::size_t kRoom = std::size_t{16} << 30;
  void* room = mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    munlockall();
    return false;
  }
  munmap(room, kRoom);
  return true;
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
  harden();
  quorate::keep_freed_memory();
  raise_limit(RLIMIT_NOFILE, quorate::limits::kMaxFiles);
  const bool locked = lock_memory();
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  try {
    quorate::crypto_self_test();
    const auto config = quorate::node::load_config(argv[2]);
    const auto log = quorate::node::make_log(config);
    if (!locked)
      log(quorate::node::LogLevel::warn, "memory is not locked (RLIMIT_MEMLOCK): what is secret may go to swap");
    try {
      quorate::node::Node node(config, log);
      node.start();
      const timespec tick{0, kTickMillis * 1'000'000L};
      while (sigtimedwait(&signals, nullptr, &tick) < 0) node.tick();
      log(quorate::node::LogLevel::info, "stopping");
      node.stop();
      return 0;
    } catch (const std::exception& e) {
      log(quorate::node::LogLevel::error, e.what());
      throw;
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "quorated: %s\n", e.what());
    return 1;
  }
}

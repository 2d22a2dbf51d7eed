// Runs the program that prints the database key: bounded in time and output, no shell, nothing inherited but stderr and
// environment.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "storage/database_key.h"

namespace quorate::storage {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kMaxOutput = 256;

struct SpawnFiles {
  posix_spawn_file_actions_t actions;
  SpawnFiles() { posix_spawn_file_actions_init(&actions); }
  SpawnFiles(const SpawnFiles&) = delete;
  SpawnFiles& operator=(const SpawnFiles&) = delete;
  ~SpawnFiles() { posix_spawn_file_actions_destroy(&actions); }
};
struct SpawnAttributes {
  posix_spawnattr_t attributes;
  SpawnAttributes() { posix_spawnattr_init(&attributes); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes); }
};

// A child in a process group of its own and the reading end of its output. Killed with its group unless it was waited
// for.
class Child {
 public:
  explicit Child(const std::vector<std::string>& argv) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw StorageError("key_command: no pipe: " + std::generic_category().message(errno));
    output_ = ends[0];
    SpawnFiles files;
    posix_spawn_file_actions_addopen(&files.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files.actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files.actions, STDERR_FILENO + 1);
    SpawnAttributes group;
    posix_spawnattr_setflags(&group.attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<char*> arguments;
    for (const std::string& a : argv) arguments.push_back(const_cast<char*>(a.c_str()));
    arguments.push_back(nullptr);
    const int error = ::posix_spawnp(&pid_, arguments[0], &files.actions, &group.attributes, arguments.data(), environ);
    ::close(ends[1]);
    if (error != 0) {
      ::close(output_);
      throw StorageError("key_command: " + argv[0] + " cannot be run: " + std::generic_category().message(error));
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(output_);
    if (ended_) return;
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  // Until the end of the output; false when time is up or there is too much.
  bool read_all(SecretBytes& out, Steady::time_point deadline) {
    out.reserve(kMaxOutput);
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now()).count();
      if (left <= 0) return false;
      pollfd p{output_, POLLIN, 0};
      const int ready = ::poll(&p, 1, static_cast<int>(left));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return false;
      ByteArray<kMaxOutput> chunk{};
      const ssize_t n = ::read(output_, chunk.data(), chunk.size());
      const std::size_t got = n > 0 ? static_cast<std::size_t>(n) : 0;
      const bool fits = out.size() + got <= kMaxOutput;
      if (fits) out.insert(out.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
      wipe(chunk.data(), chunk.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 || !fits) return false;
      if (n == 0) return true;
    }
  }

  // The exit status, or nothing when time is up.
  std::optional<int> wait(Steady::time_point deadline) {
    int status = 0;
    while (Steady::now() < deadline) {
      const pid_t r = ::waitpid(pid_, &status, WNOHANG);
      if (r == pid_) {
        ended_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      if (r < 0 && errno != EINTR) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return std::nullopt;
  }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  bool ended_ = false;
};

}  // namespace

DatabaseKey key_from_command(const std::vector<std::string>& argv, Millis timeout) {
  if (argv.empty() || argv[0].empty()) throw StorageError("key_command: is empty");
  const auto deadline = Steady::now() + timeout;
  Child child(argv);
  SecretBytes output;
  const std::string name = "key_command " + argv[0];
  if (!child.read_all(output, deadline))
    throw StorageError(name + ": printed more than a key or did not end within " + std::to_string(timeout.count()) +
                       " ms");
  const auto status = child.wait(deadline);
  if (!status) throw StorageError(name + ": did not end in time");
  if (*status != 0) throw StorageError(name + ": failed with status " + std::to_string(*status));
  return parse_database_key(output, name);
}

}  // namespace quorate::storage

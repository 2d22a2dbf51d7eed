#include "cli/local_nodes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "cli/files.h"

namespace quorate::cli {
namespace {

constexpr Millis kStopPolitely{8'000};  // then SIGKILL
constexpr Millis kPoll{20};

bool is_program(const fs::path& file) { return ::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file); }

// In the child, between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(const char* program, char* const* arguments, int log, pid_t parent) {
  ::setpgid(0, 0);                        // Ctrl-C is for the supervisor, which stops the nodes in order
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);     // no node outlives it
  if (::getppid() != parent) ::_exit(1);  // it died before prctl
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE}) ::signal(s, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execv(program, arguments);
  constexpr char text[] = "cannot run quorated\n";
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text, sizeof text - 1);
  ::_exit(127);
}

}  // namespace

std::string Ended::text() const { return node + " ended (" + how + ")" + (last_line.empty() ? "" : ": " + last_line); }

fs::path find_quorated() {
  std::error_code ignored;
  const fs::path self = fs::read_symlink("/proc/self/exe", ignored);
  if (!self.empty() && is_program(self.parent_path() / "quorated")) return self.parent_path() / "quorated";
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const fs::path file = fs::path(rest.substr(0, colon)) / "quorated";
    if (file.is_absolute() && is_program(file)) return file;
    rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  }
  throw failed("no_quorated", "quorated is neither beside quorate (" + self.parent_path().string() + ") nor in PATH");
}

bool LocalNodes::has(const std::string& node) const {
  std::error_code ignored;
  return fs::exists(dir_ / node / "config.toml", ignored);
}

void LocalNodes::start(const std::string& node) {
  if (running(node)) throw failed("running", node + " is running already");
  if (!has(node)) throw failed("no_node", "there is no " + (dir_ / node / "config.toml").string());
  const std::string program = program_.string(), config = (dir_ / node / "config.toml").string();
  std::string name = "quorated", flag = "--config", value = config;
  char* const arguments[] = {name.data(), flag.data(), value.data(), nullptr};
  const fs::path log_file = dir_ / node / "log";
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) throw failed("file", "cannot write " + log_file.string() + ": " + std::strerror(errno));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(program.c_str(), arguments, log, parent);
  ::close(log);
  if (pid < 0) throw failed("process", std::string("cannot start ") + node + ": " + std::strerror(errno));
  pids_[node] = pid;
}

void LocalNodes::signal(const std::string& node, int number) {
  const auto found = pids_.find(node);
  if (found != pids_.end()) ::kill(found->second, number);
}

void LocalNodes::kill(const std::string& node) {
  const auto found = pids_.find(node);
  if (found == pids_.end()) return;
  ::kill(found->second, SIGKILL);
  const pid_t pid = found->second;
  end_of(node, pid, 0);
  pids_.erase(node);
}

std::optional<Ended> LocalNodes::end_of(const std::string& node, pid_t pid, int flags) {
  int status = 0;
  pid_t got;
  do {
    got = ::waitpid(pid, &status, flags);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return std::nullopt;
  Ended ended{node, "", last_line_of(dir_ / node / "log")};
  if (got > 0 && WIFSIGNALED(status))
    ended.how = "signal " + std::to_string(WTERMSIG(status)) + ", " + ::strsignal(WTERMSIG(status));
  else
    ended.how = "exit status " + std::to_string(got > 0 ? WEXITSTATUS(status) : -1);
  return ended;
}

std::vector<Ended> LocalNodes::reap() {
  std::vector<Ended> all;
  for (auto it = pids_.begin(); it != pids_.end();) {
    if (auto ended = end_of(it->first, it->second, WNOHANG)) {
      all.push_back(std::move(*ended));
      it = pids_.erase(it);
    } else {
      ++it;
    }
  }
  return all;
}

void LocalNodes::stop_all() noexcept {
  try {
    for (const auto& [node, pid] : pids_) ::kill(pid, SIGTERM);
    for (Millis waited{0}; any_running() && waited < kStopPolitely; waited += kPoll) {
      reap();
      if (any_running()) std::this_thread::sleep_for(kPoll);
    }
    while (any_running()) kill(std::string(pids_.begin()->first));
  } catch (...) {  // out of memory: what is left still ends with this process
  }
}

}  // namespace quorate::cli

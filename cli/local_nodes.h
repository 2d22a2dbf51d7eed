// The nodes of a cluster on this machine, each a process of its own.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/cluster_client.h"

namespace quorate::cli {

struct Ended {
  std::string node;
  std::string how;           // "exit status 1", "signal 9 (Killed)"
  std::string last_line;     // of its log; "" when there is none
  std::string text() const;  // one line
};

// `quorated` beside this program's own binary, else in PATH. Throws Failure.
std::filesystem::path find_quorated();

class LocalNodes {
 public:
  // `dir`: as made by init.
  LocalNodes(std::filesystem::path dir, std::filesystem::path quorated)
      : dir_(std::move(dir)), program_(std::move(quorated)) {}
  ~LocalNodes() { stop_all(); }
  LocalNodes(const LocalNodes&) = delete;

  // DIR/NODE/config.toml is there.
  bool has(const std::string& node) const;
  // Its output is appended to DIR/NODE/log. Throws Failure.
  void start(const std::string& node);
  void signal(const std::string& node, int number);
  // SIGKILL, and waits for the end.
  void kill(const std::string& node);
  // Those that have ended by themselves since the last call.
  std::vector<Ended> reap();
  bool running(const std::string& node) const { return pids_.contains(node); }
  bool any_running() const { return !pids_.empty(); }
  // SIGTERM to all, SIGKILL to those that are still there after some seconds; returns when none is left.
  void stop_all() noexcept;

 private:
  std::optional<Ended> end_of(const std::string& node, pid_t pid, int flags);
  std::filesystem::path dir_, program_;
  std::map<std::string, pid_t> pids_;
};

}  // namespace quorate::cli

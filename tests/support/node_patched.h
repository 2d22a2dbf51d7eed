// A node that misbehaves, as a program: all of a quorated but the REST API, with a mesh of its own between the node and
// the others. tests/evil_node, tests/evil_coordinator.
#pragma once
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "node/config.h"
#include "node/database.h"
#include "node/desk.h"
#include "node/node.h"
#include "peers/tls_mesh.h"

namespace quorate::test {

// Lies: a peers::Mesh, made by `make` over the real one.
template <class Lies>
class PatchedNode {
 public:
  using Make = std::function<std::unique_ptr<Lies>(peers::Mesh& real, Rng& rng)>;
  PatchedNode(const std::string& dir, const std::string& name, const Make& make)
      : config_(node::load_config(std::filesystem::path(dir) / name / "config.toml")),
        credentials_(node::load_credentials(config_)),
        me_(*credentials_.cluster.find(name)),
        store_(node::open_database(config_, {credentials_.cluster.id(), name}, credentials_.identity.public_key(), rng_,
                                   log_)),
        lies_(make(port_, rng_)),
        world_{credentials_.cluster,
               credentials_.policy,
               me_,
               credentials_.identity,
               *store_,
               *lies_,
               clock_,
               rng_,
               desk_thread_,
               log_} {}

  Lies& lies() { return *lies_; }
  node::Desk& desk() { return desk_; }
  node::Executor& desk_thread() { return desk_thread_; }
  const node::World& world() const { return world_; }

  // What the mesh brings goes to `inbox`, which passes it on to the desk. Until SIGTERM or SIGINT, or `tick` says
  // false.
  void run(peers::Inbox& inbox, std::chrono::milliseconds every, const std::function<bool()>& tick) {
    peers::TlsMesh tls(node::mesh_config(config_, credentials_, me_, *store_), inbox, clock_, rng_);
    port_.connect(tls);
    desk_thread_.post_always([this] { desk_.recover(); });
    tls.start();
    const timespec pause{0, std::chrono::nanoseconds(every).count()};
    const sigset_t signals = stopping();
    while (sigtimedwait(&signals, nullptr, &pause) < 0 && tick()) desk_thread_.post_always([this] { desk_.tick(); });
    tls.stop();
    desk_thread_.stop();
    worker_.stop();
    store_.reset();  // what it still tells goes to executors that have stopped but are there
  }

  static sigset_t stopping() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    return signals;
  }

 private:
  static void escaped(const std::string& what) { std::cerr << "internal error: " << what << "\n"; }

  node::Log log_ = [](node::LogLevel, const std::string& text) { std::cerr << text << "\n"; };
  SystemClock clock_;
  SystemRng rng_;
  node::Config config_;
  node::Credentials credentials_;
  policy::NodeCard me_;
  std::unique_ptr<storage::Store> store_;
  node::ThreadExecutor worker_{65'536, escaped}, desk_thread_{65'536, escaped};
  node::MeshPort port_;
  std::unique_ptr<Lies> lies_;
  node::World world_;
  node::SessionHost host_{world_, {&worker_}};
  node::Desk desk_{world_, host_};
};

// `--dir DIR --node NODE …` by name; `run` returns false if they are not what the program takes.
template <class Run>
int patched_main(int argc, char** argv, const char* usage, Run run) {
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  const sigset_t signals = PatchedNode<peers::Mesh>::stopping();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  try {
    if (options.contains("--dir") && options.contains("--node") && run(options)) return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
    return 1;
  }
  std::fprintf(stderr, "usage: %s\n", usage);
  return 2;
}

}  // namespace quorate::test

// One node, put together: documents, keys, database, mesh, workers, REST.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "http/server.h"
#include "node/api.h"
#include "node/config.h"
#include "node/desk.h"
#include "node/session_host.h"
#include "node/world.h"
#include "peers/tls_mesh.h"

namespace quorate::node {

// The mesh needs its inbox and the inbox's owner the mesh: this stands for it until it is there.
class MeshPort final : public peers::Mesh {
 public:
  void connect(peers::Mesh& mesh) { mesh_ = &mesh; }
  bool send(const std::string& node, Envelope envelope) override {
    return mesh_ != nullptr && mesh_->send(node, std::move(envelope));
  }
  std::vector<peers::PeerStatus> peers() const override {
    return mesh_ == nullptr ? std::vector<peers::PeerStatus>{} : mesh_->peers();
  }
  void set_hello(peers::Hello hello) override {
    if (mesh_ != nullptr) mesh_->set_hello(std::move(hello));
  }
  void update_peers(std::vector<peers::PeerConfig> peers) override {
    if (mesh_ != nullptr) mesh_->update_peers(std::move(peers));
  }

 private:
  peers::Mesh* mesh_ = nullptr;
};

// Documents and keys of one node, read and checked against each other.
struct Credentials {
  policy::ClusterDocument cluster;  // the first document
  policy::ClusterChain chain;       // the whole file
  policy::PolicyDocument policy;
  Ed25519SecretKey identity;
  SecretBytes tls_key;
  std::string tls_certificate;
};
// Throws std::runtime_error (ConfigError, JsonError …) naming the file.
Credentials load_credentials(const Config& config);

// This node among its peers. Without a log.
peers::MeshConfig mesh_config(const Config& config, const Credentials& credentials, const policy::NodeCard& me,
                              const storage::Store& store);

class Node {
 public:
  // Throws std::runtime_error that names the file, address or setting.
  Node(const Config& config, Log log);
  ~Node();

  void start();
  void tick();  // some twenty times a second
  // Takes nothing new and says so; what runs goes on.
  void drain();
  bool drained() const;  // nothing runs any more, or its time is over
  // A write has failed, so the store takes no more (storage::Store::healthy), and the disk is well again: whoever
  // stops this node and makes another one does what a restart does. Asks the disk now and then.
  bool can_start_again();
  void stop();

 private:
  Config config_;
  Log log_;
  SystemClock clock_;
  SystemRng rng_;
  Credentials credentials_;
  const policy::NodeCard me_;
  std::unique_ptr<storage::Store> store_;
  MeshPort port_;
  // The order is that of dependence: what is declared later is stopped first.
  std::vector<std::unique_ptr<ThreadExecutor>> workers_;
  std::unique_ptr<ThreadExecutor> desk_thread_;
  std::optional<World> world_;
  std::atomic<bool> ticking_{false};  // a tick waits on the desk
  std::optional<SteadyTime> draining_since_;
  SteadyTime next_disk_check_{};
  std::unique_ptr<SessionHost> host_;
  std::unique_ptr<Desk> desk_;
  std::unique_ptr<peers::TlsMesh> mesh_;
  std::unique_ptr<NodeApi> api_;
  std::unique_ptr<http::HttpServer> http_;
};

}  // namespace quorate::node

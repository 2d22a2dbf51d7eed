// What every part of a node is given. Nothing here is reached in another way.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/ed25519.h"
#include "base/rng.h"
#include "base/seen_signatures.h"
#include "node/cluster_in_force.h"
#include "node/examined_before.h"
#include "node/executor.h"
#include "node/frozen.h"
#include "node/gates.h"
#include "node/known_keys.h"
#include "node/policy_in_force.h"
#include "peers/mesh.h"
#include "policy/cluster.h"
#include "policy/document.h"
#include "storage/store.h"

namespace quorate::node {

enum class LogLevel { debug, info, warn, error };
// One line; the text escapes what came from outside and never holds a secret.
using Log = std::function<void(LogLevel, const std::string&)>;

struct World {
  ClusterInForce cluster;
  PolicyInForce policy;
  const policy::NodeCard& me;
  const Ed25519SecretKey& identity;
  storage::Store& store;
  peers::Mesh& mesh;
  const Clock& clock;
  Rng& rng;
  Executor& desk;  // the one thread that owns all requests
  Log log;
  std::shared_ptr<SeenSignatures> seen = std::make_shared<SeenSignatures>();
  std::shared_ptr<ExaminedBefore> examined_before = std::make_shared<ExaminedBefore>();
  std::shared_ptr<KnownKeys> known_keys = std::make_shared<KnownKeys>();
  std::shared_ptr<Gates> gates = std::make_shared<Gates>();
  std::shared_ptr<Frozen> frozen = std::make_shared<Frozen>();
};

}  // namespace quorate::node

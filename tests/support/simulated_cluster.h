// The documents and keys of a cluster that is nowhere but in a test.
#pragma once
#include <memory>
#include <vector>

#include "base/ed25519.h"
#include "base/rng.h"

namespace quorate::policy {
class ClusterDocument;
class PolicyDocument;
}  // namespace quorate::policy

namespace quorate::test {

// Of n nodes: node1 … nodeN, users admin (may create and sign) and approver (may nothing). Whoever looks into the
// documents includes policy/cluster.h.
struct SimulatedCluster {
  std::vector<Ed25519SecretKey> identities;
  Ed25519SecretKey admin, approver;
  std::unique_ptr<const policy::ClusterDocument> cluster;
  std::unique_ptr<const policy::PolicyDocument> policy, other_policy;  // the other one differs by a rule's name

  explicit SimulatedCluster(unsigned n);
  ~SimulatedCluster();

  static const SimulatedCluster& of(unsigned n);

 private:
  SimulatedCluster(unsigned n, SeededRng rng);
};

}  // namespace quorate::test

// The documents and keys of a cluster that is nowhere but in a test.
#pragma once
#include <memory>
#include <vector>

#include "base/ed25519.h"
#include "base/rng.h"
#include "policy/cluster.h"

namespace quorate::test {

// Of n nodes: node1 … nodeN, of which the first `founders` are in the document, all unless said; users admin (may
// create and sign) and approver (may nothing).
struct SimulatedCluster {
  std::vector<Ed25519SecretKey> identities;
  std::vector<policy::NodeCard> cards;  // all n nodes'
  Ed25519SecretKey admin, approver;
  std::unique_ptr<const policy::ClusterDocument> cluster;
  std::unique_ptr<const policy::PolicyDocument> policy, other_policy;  // the other one differs by a rule's name

  explicit SimulatedCluster(unsigned n, unsigned founders = 0);
  ~SimulatedCluster();

  static const SimulatedCluster& of(unsigned n, unsigned founders = 0);

 private:
  SimulatedCluster(unsigned n, unsigned founders, SeededRng rng);
};

}  // namespace quorate::test

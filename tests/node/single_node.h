// One node of three in memory: its desk, its sessions' host and its api, of which a test runs the executors.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "node/api.h"
#include "tests/support/memory_mesh.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulated_cluster.h"

namespace quorate::test {

struct SingleNode : ::testing::Test {
  const SimulatedCluster& documents = SimulatedCluster::of(3);
  ManualClock clock{WallTime(Seconds(1'800'000'000))};
  SeededRng rng{1};
  peers::MemoryNet net{rng};
  policy::NodeCard me = documents.cluster->nodes()[0];
  storage::MemoryStore store{{documents.cluster->id(), "node1"}};
  node::QueueExecutor queue, worker;
  std::vector<std::string> logged;
  node::World world{*documents.cluster,
                    *documents.policy,
                    me,
                    documents.identities[0],
                    store,
                    net.add("node1"),
                    clock,
                    rng,
                    queue,
                    [this](node::LogLevel, const std::string& line) { logged.push_back(line); }};
  node::SessionHost host{world, {&worker}};
  node::Desk desk{world, host};
  node::NodeApi api{world, desk, host};
};

}  // namespace quorate::test

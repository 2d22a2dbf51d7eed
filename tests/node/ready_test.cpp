// What anybody may ask a node.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/api.h"
#include "tests/support/memory_mesh.h"
#include "tests/support/memory_store.h"
#include "tests/support/simulated_cluster.h"

namespace quorate::test {
namespace {

TEST(Ready, SaysThatTheStoreFailedAndNotHow) {
  const SimulatedCluster& documents = SimulatedCluster::of(3);
  ManualClock clock{WallTime(Seconds(1'800'000'000))};
  SeededRng rng{1};
  peers::MemoryNet net{rng};
  storage::MemoryStore store{{documents.cluster->id(), "node1"}};
  node::QueueExecutor queue, worker;
  node::World world{*documents.cluster,
                    *documents.policy,
                    documents.cluster->nodes()[0],
                    documents.identities[0],
                    store,
                    net.add("node1"),
                    clock,
                    rng,
                    queue,
                    [](node::LogLevel, const std::string&) {}};
  node::SessionHost host{world, {&worker}};
  node::Desk desk{world, host};
  node::NodeApi api{world, desk, host};
  EXPECT_EQ(api.ready().why["store"], "ok");
  store.break_disk("/var/lib/quorate: no space");
  EXPECT_FALSE(api.ready().ok);
  EXPECT_EQ(api.ready().why["store"], "failed");
}

}  // namespace
}  // namespace quorate::test

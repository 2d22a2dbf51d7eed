// A node that is about to stop.
#include <gtest/gtest.h>

#include "node/desk.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {
namespace {

TEST(Drain, ANodeThatIsAboutToStopIsReplaced) {
  NodeSimulation sim(3, 1);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.desk(1).drain();
  for (int i = 0; i < 6; ++i) {
    const auto& s = sim.ask(0, sim.sign("hot", std::to_string(i)));
    ASSERT_TRUE(s.succeeded()) << s.code();
    EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node3"}));
  }
}

TEST(Drain, AKeyThatNeedsItIsRefusedAtOnceWithTheReason) {
  NodeSimulation sim(3, 1);
  sim.desk(1).drain();
  const auto& s = sim.ask(0, sim.create("hot", 2));
  EXPECT_FALSE(s.succeeded());
  EXPECT_EQ(s.code(), "stopping");
}

}  // namespace
}  // namespace quorate::test

// What anybody may ask a node.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/node/single_node.h"

namespace quorate::test {
namespace {

struct Ready : SingleNode {
  void SetUp() override {
    net.add("node2");
    net.connect("node1", "node2");
    net.run();
    ASSERT_TRUE(api.ready().ok) << api.ready().why.dump();
  }
  std::string code_of_a_new_key() {
    const http::SignedRequest none;
    http::Call call{http::Route::create_key, "", {}, {}, none, {}, {}, ""};
    const auto answer = api.call(call);
    const auto* problem = std::get_if<http::Problem>(&answer);
    return problem == nullptr ? "" : std::to_string(problem->status) + " " + problem->code;
  }
};

TEST_F(Ready, SaysThatTheStoreFailedAndNotHow) {
  EXPECT_EQ(api.ready().why["store"], "ok");
  store.break_disk("/var/lib/quorate: no space");
  EXPECT_FALSE(api.ready().ok);
  EXPECT_EQ(api.ready().why["store"], "failed");
  EXPECT_FALSE(api.ready().why.contains("disk"));
}

TEST_F(Ready, SaysWhatTheDiskSaysWhileTheStoreTakesNoWrites) {
  api.set_disk_problem("No space left on device");
  EXPECT_FALSE(api.ready().why.contains("disk"));
  store.break_disk("/var/lib/quorate: no space");
  EXPECT_EQ(api.ready().why["disk"], "No space left on device");
}

TEST_F(Ready, TellsForAMinuteThatTheClockWasSet) {
  EXPECT_FALSE(api.watch_clock());
  clock.advance(Seconds(3600));
  EXPECT_FALSE(api.watch_clock());
  clock.jump_wall(Millis(1'999));
  EXPECT_FALSE(api.watch_clock());
  EXPECT_EQ(api.ready().why["clock"], "ok");
  clock.jump_wall(Seconds(-30));
  EXPECT_EQ(api.watch_clock(), Millis(-30'000));
  EXPECT_FALSE(api.watch_clock()) << "told once";
  EXPECT_EQ(api.ready().why["clock"], "was set");
  clock.advance(Seconds(60));
  EXPECT_EQ(api.ready().why["clock"], "ok");
  clock.jump_wall(Seconds(2));
  EXPECT_EQ(api.watch_clock(), Millis(2'000));
  EXPECT_NE(api.metrics().find("\nquorate_clock_jumps_total 2\n"), std::string::npos);
}

TEST_F(Ready, NotWhileItStops) {
  EXPECT_FALSE(api.ready().why.contains("stopping"));
  api.drain();
  EXPECT_FALSE(api.ready().ok);
  EXPECT_EQ(api.ready().why["stopping"], true);
  EXPECT_EQ(code_of_a_new_key(), "503 stopping");
}

TEST_F(Ready, NotOutsideTheCluster) {
  EXPECT_EQ(api.ready().why["cluster"], "ok");
  me.identity_key = documents.identities[1].public_key();  // its name is somebody else's
  EXPECT_FALSE(api.ready().ok);
  EXPECT_EQ(api.ready().why["cluster"], "not_a_member");
  EXPECT_EQ(code_of_a_new_key(), "503 not_a_member");
}

}  // namespace
}  // namespace quorate::test

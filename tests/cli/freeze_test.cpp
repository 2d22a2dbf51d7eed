// `quorate freeze` and `unfreeze` against a server whose answers are chosen by the test.
#include <algorithm>

#include "fake_api.h"

namespace quorate::cli {
namespace {

using test::FakeApi;
using test::problem;
using test::request_json;

struct FreezeCommands : ::testing::Test {
  test::Shell shell;
  std::vector<std::unique_ptr<FakeApi>> apis;
  std::vector<std::unique_ptr<http::HttpServer>> servers;

  void SetUp() override {
    const int base = test::test_base_port(shell.rng);
    ASSERT_EQ(shell({"init", "--dir", shell.dir().string(), "--base-port", std::to_string(base)}).exit, Exit::ok);
    for (const char* node : {"node1", "node2", "node3"}) {
      apis.push_back(std::make_unique<FakeApi>(shell.dir()));
      apis.back()->answer = http::Reply{201, request_json("succeeded"), {}};
      servers.push_back(test::server_of(shell.dir(), node, *apis.back(), shell.clock));
      servers.back()->start();
    }
  }
};

TEST_F(FreezeCommands, EveryNodeIsAskedByItself) {
  const auto printed = shell({"freeze", "hot"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  for (const auto& api : apis) {
    EXPECT_EQ(api->targets, std::vector<std::string>{"POST /v1/freeze"});
    EXPECT_EQ(api->bodies[0], (Json{{"scope", "hot"}}));
    EXPECT_EQ(api->keys[0], apis[0]->keys[0]) << "one request";
  }
  servers[1].reset();
  const auto two = shell({"freeze", "all", "--json"});
  EXPECT_EQ(two.exit, Exit::ok) << "one alone cannot sign";
  EXPECT_EQ(two.json()["frozen_on"], (Json{"node1", "node3"}));
  EXPECT_EQ(two.json()["not_on"][0]["node"], "node2");
  apis[2]->answer = problem(503, "storage");
  const auto one = shell({"freeze", "all"});
  EXPECT_EQ(one.exit, Exit::no_quorum);
  EXPECT_NE(one.out.find("because of storage"), std::string::npos) << one.out;
  EXPECT_EQ(shell({"freeze", "all", "--node", "node1"}).exit, Exit::no_quorum);
  servers.clear();
  EXPECT_EQ(shell({"freeze", "all"}).exit, Exit::failed);
}

TEST_F(FreezeCommands, WhoMayNotIsTold) {
  for (auto& api : apis) api->answer = problem(403, "denied");
  EXPECT_EQ(shell({"freeze", "hot"}).exit, Exit::denied);
  EXPECT_EQ(shell({"freeze"}).exit, Exit::usage);
}

TEST_F(FreezeCommands, UnfreezeAsksForApprovals) {
  apis[0]->answer = http::Reply{202, request_json("pending_approval"), {}};
  const auto printed = shell({"unfreeze", "hot"});
  EXPECT_EQ(printed.exit, Exit::waiting) << printed.err;
  EXPECT_EQ(apis[0]->targets, std::vector<std::string>{"POST /v1/unfreeze"});
  EXPECT_EQ(apis[0]->bodies[0], (Json{{"scope", "hot"}}));
  apis[0]->answer = problem(409, "not_frozen");
  EXPECT_EQ(shell({"unfreeze", "hot"}).exit, Exit::failed);
}

}  // namespace
}  // namespace quorate::cli

// `quorate freeze` and `unfreeze` against a server whose answers are chosen by the test.
#include <algorithm>
#include <atomic>
#include <functional>
#include <future>

#include "fake_api.h"

namespace quorate::cli {
namespace {

using test::FakeApi;
using test::problem;
using test::request_json;

// Answers when it is let go.
struct SlowApi : FakeApi {
  using FakeApi::FakeApi;
  http::Answered call(const http::Call& c) override {
    auto reply = FakeApi::call(c);
    before_answer();
    return reply;
  }
  std::function<void()> before_answer = [] {};
};

struct FreezeCommands : test::FakeNodes<SlowApi> {
  std::vector<std::unique_ptr<SlowApi>>& apis = nodes;

  void SetUp() override {
    start([&](const std::string&) {
      auto api = std::make_unique<SlowApi>(shell.dir());
      api->answer = http::Reply{201, request_json("succeeded"), {}};
      return api;
    });
  }
};

TEST_F(FreezeCommands, ANodeThatDoesNotAnswerHoldsUpNobody) {
  std::promise<void> others;
  std::atomic<int> asked = 0;
  for (const std::size_t k : {1u, 2u})
    apis[k]->before_answer = [&] {
      if (++asked == 2) others.set_value();
    };
  apis[0]->before_answer = [&] { EXPECT_EQ(others.get_future().wait_for(Seconds(30)), std::future_status::ready); };
  EXPECT_EQ(shell({"freeze", "hot"}).exit, Exit::ok);
}

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

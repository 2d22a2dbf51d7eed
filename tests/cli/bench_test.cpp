// `quorate bench`, against nodes that sign with a key of their own.
#include "cli/bench.h"

#include <pthread.h>
#include <signal.h>

#include <set>
#include <thread>

#include "cli/latencies.h"
#include "fake_api.h"

namespace quorate::cli {
namespace {

using test::problem, test::request_json;
using Answer = http::Answered;

TEST(LatenciesTest, NearestRank) {
  Latencies some;
  EXPECT_EQ(some.quantile(0.5), 0);
  for (int ms = 1000; ms >= 1; --ms) some.add(ms);
  EXPECT_EQ(some.quantile(0.001), 1);
  EXPECT_EQ(some.quantile(0.5), 500);
  EXPECT_EQ(some.quantile(0.99), 990);
  EXPECT_EQ(some.quantile(0.999), 999);
  EXPECT_EQ(some.quantile(1), 1000);
  EXPECT_EQ(some.json(), (Json{{"p50", 500.}, {"p90", 900.}, {"p99", 990.}, {"p99.9", 999.}, {"max", 1000.}}));
  Latencies three;
  for (const double ms : {3., 1., 2.0004}) three.add(ms);
  EXPECT_EQ(three.quantile(0.5), 2.0004);
  EXPECT_EQ(three.quantile(0.99), 3);
  EXPECT_EQ(three.json()["p50"], 2.0);
}

// What the nodes have in common.
struct Signing {
  SystemRng rng;
  Ed25519SecretKey key = Ed25519SecretKey::generate(rng);
  std::mutex mutex;
  std::map<std::string, int> asked;                    // by node
  std::map<std::string, std::set<std::string>> tries;  // nodes, by Idempotency-Key
  std::set<std::string> messages;
  // Answers in the key's stead, or takes time. The mutex is free.
  std::function<std::optional<Answer>(const std::string& node, const std::string& request)> before =
      [](const auto&, const auto&) { return std::nullopt; };
};

struct Node final : test::FakeApi {
  Node(const std::filesystem::path& dir, std::string id_, Signing& signing_)
      : FakeApi(dir), id(std::move(id_)), signing(signing_) {}

  Answer call(const http::Call& c) override {
    if (c.route == http::Route::show_key) {
      if (c.subject != "pay" && c.subject != "id1") return problem(404, "not_found");
      return http::Reply{200,
                         {{"id", "id1"},
                          {"name", "pay"},
                          {"algorithm", "eddsa-ed25519"},
                          {"public_key", {{"hex", to_hex(signing.key.public_key().bytes())}}}},
                         {}};
    }
    const std::string request = c.who.idempotency_key.value_or("");
    const std::string message = c.body.at("payload").at("utf8").get<std::string>();
    {
      const std::lock_guard lock(signing.mutex);
      ++signing.asked[id];
      signing.tries[request].insert(id);
      signing.messages.insert(message);
    }
    if (auto instead = signing.before(id, request)) return *instead;
    const auto signature = signing.key.sign(view_of(message));
    return http::Reply{201, request_json("succeeded", {{"signature", {{"hex", to_hex(signature)}}}}), {}};
  }

  std::string id;
  Signing& signing;
};

// Its figures are no integers, so the product's own parser refuses it.
Json result_of(const test::Printed& printed) { return Json::parse(printed.out); }

struct Bench : test::FakeNodes<Node> {
  Signing signing;

  void SetUp() override {
    start([&](const std::string& id) { return std::make_unique<Node>(shell.dir(), id, signing); });
  }
  test::Printed bench(std::vector<std::string> more, bool json = true) {
    std::vector<std::string> words{"bench", "--key", "pay", "--seconds", "1", "--warm-up", "0"};
    words.insert(words.end(), more.begin(), more.end());
    if (json) words.emplace_back("--json");
    return shell(words);
  }
};

TEST_F(Bench, EveryClientSignsMessagesOfItsOwnOverAllNodes) {
  signing.before = [](const auto&, const auto&) {
    std::this_thread::sleep_for(Millis(5));
    return std::nullopt;
  };
  const auto printed = bench({"--clients", "6"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.out << printed.err;
  const Json result = result_of(printed);
  EXPECT_GT(result["succeeded"], 12);
  EXPECT_EQ(result["requests"], result["succeeded"]);
  EXPECT_EQ(result["failed"], Json::object());
  EXPECT_EQ(result["do_not_verify"], 0);
  EXPECT_EQ(result["sent_again"], 0);
  EXPECT_EQ(result["rate"], nullptr);
  EXPECT_EQ(signing.messages.size(), result["requests"]);
  EXPECT_EQ(signing.tries.size(), result["requests"]);
  EXPECT_EQ(signing.asked.size(), 3u);
  EXPECT_GE(result["latency_ms"]["p50"], 5);
  EXPECT_EQ(result["keys"]["pay"]["count"], result["succeeded"]);
  EXPECT_GT(result["client_cpu_ms"], 0);
  // What ended within the second, in that time.
  EXPECT_LE(result["per_second"].get<double>(), result["succeeded"].get<double>() / result["seconds"].get<double>());
  EXPECT_GE(result["per_second"].get<double>() * result["seconds"].get<double>(),
            result["succeeded"].get<double>() - 6);
}

TEST_F(Bench, AsPeopleReadIt) {
  const auto printed = bench({"--clients", "1", "--node", "node2"}, false);
  EXPECT_EQ(printed.exit, Exit::ok) << printed.out << printed.err;
  EXPECT_NE(printed.out.find(" a second, 1 clients, closed loop\n"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("p99.9       max  ms\npay  "), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("every signature was verified\n"), std::string::npos) << printed.out;
  EXPECT_EQ(signing.asked.size(), 1u);
  EXPECT_GT(signing.asked["node2"], 0);
}

TEST_F(Bench, ASignatureThatDoesNotHoldIsFound) {
  signing.before = [this, n = 0](const auto&, const auto&) mutable -> std::optional<Answer> {
    if (++n != 3) return std::nullopt;
    const auto other = signing.key.sign(view_of("another message"));
    return http::Reply{201, request_json("succeeded", {{"signature", {{"hex", to_hex(other)}}}}), {}};
  };
  const auto printed = bench({"--clients", "1"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_EQ(result_of(printed)["do_not_verify"], 1);
}

TEST_F(Bench, WhatIsNotAnsweredIsTheSameRequestElsewhere) {
  signing.before = [](const std::string& node, const auto&) -> std::optional<Answer> {
    std::this_thread::sleep_for(Millis(5));
    if (node == "node1") return problem(503, "overloaded");
    if (node == "node2") return http::Reply{202, request_json("running"), {}};
    return std::nullopt;
  };
  servers[1]->stop();
  servers[1] = test::server_of(shell.dir(), "node2", *nodes[1], shell.clock);
  servers[1]->start();
  const auto printed = bench({"--clients", "3"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.out << printed.err;
  EXPECT_GE(result_of(printed)["sent_again"], 3);  // a client that was at node1 or node2 goes on to node3, and stays
  std::size_t everywhere = 0;
  for (const auto& [request, by] : signing.tries) {
    EXPECT_TRUE(by.contains("node3")) << request;
    everywhere += by.size() == 3;
  }
  EXPECT_EQ(everywhere, 1u);
}

TEST_F(Bench, ADeadNodeIsPassedBy) {
  servers[0].reset();
  const auto printed = bench({"--clients", "3"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.out << printed.err;
  EXPECT_EQ(signing.asked.count("node1"), 0u);
  EXPECT_EQ(result_of(printed)["sent_again"], 1);
}

TEST_F(Bench, ADenialIsTheEndOfARequestAndTold) {
  signing.before = [](const auto&, const auto&) -> std::optional<Answer> {
    std::this_thread::sleep_for(Millis(20));
    return problem(403, "denied");
  };
  const auto printed = bench({"--clients", "2"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_EQ(result_of(printed)["failed"], (Json{{"denied", result_of(printed)["requests"]}}));
  EXPECT_EQ(result_of(printed)["sent_again"], 0);
  for (const auto& [request, by] : signing.tries) EXPECT_EQ(by.size(), 1u);
}

TEST_F(Bench, InTheOpenLoopWaitingForAClientIsLatency) {
  signing.before = [](const auto&, const auto&) {
    std::this_thread::sleep_for(Millis(50));
    return std::nullopt;
  };
  const Json closed = result_of(bench({"--clients", "1"}));
  EXPECT_LE(closed["requests"], 20);
  const Json open = result_of(bench({"--clients", "1", "--rate", "60"}));
  EXPECT_EQ(open["rate"], 60);
  EXPECT_GT(open["requests"], 30);  // 60 on average, with a standard deviation of 8
  EXPECT_LT(open["requests"], 100);
  // The last of them waits until some 60 have taken 50 ms each.
  EXPECT_GT(open["latency_ms"]["max"], 500);
  EXPECT_LT(open["per_second"], 21);
}

TEST_F(Bench, AStopEndsItEarlyAndTellsWhatWasMeasured) {
  signing.before = [main = ::pthread_self(), n = 0](const auto&, const auto&) mutable {
    std::this_thread::sleep_for(Millis(10));
    if (++n == 5) ::pthread_kill(main, SIGINT);
    return std::nullopt;
  };
  const auto start = shell.clock.steady();
  const auto printed =
      shell({"bench", "--key", "pay", "--clients", "1", "--seconds", "60", "--warm-up", "0", "--json"});
  EXPECT_LT(shell.clock.steady() - start, Seconds(30));
  EXPECT_EQ(printed.exit, Exit::ok) << printed.out << printed.err;
  EXPECT_GE(result_of(printed)["succeeded"], 5);
  EXPECT_LT(result_of(printed)["seconds"], 30);
}

TEST_F(Bench, WrongWordsSignNothing) {
  const std::vector<std::vector<std::string>> wrong{{"--clients", "0"},    {"--clients", "257"}, {"--seconds", "0"},
                                                    {"--seconds", "601"},  {"--warm-up", "-1"},  {"--rate", "0"},
                                                    {"--rate", "10000.5"}, {"--rate", "-1"},     {"--rate", "nan"}};
  for (const auto& words : wrong) EXPECT_EQ(bench(words).exit, Exit::usage) << words[0] << words[1];
  EXPECT_EQ(shell({"bench"}).exit, Exit::usage);
  EXPECT_EQ(shell({"bench", "--key", "nobody"}).exit, Exit::failed);
  EXPECT_TRUE(signing.asked.empty());
}

}  // namespace
}  // namespace quorate::cli

// `quorate key refresh` of many keys, against nodes that have keys and make no shares.
#include <pthread.h>
#include <signal.h>

#include <set>
#include <thread>

#include "fake_api.h"

namespace quorate::cli {
namespace {

using test::problem, test::request_json;
using Answer = http::Answered;

struct Key {
  std::string id, name;
  std::uint64_t epoch = 1;
  std::string state = "active";
  int made = 0;  // certificates after the first one
  std::string certificate() const { return id + "/" + std::to_string(made); }
  Json json() const {
    return {{"id", id}, {"name", name}, {"epoch", epoch}, {"state", state}, {"certificate", certificate()}};
  }
};

// What the nodes of a cluster agree on.
struct Keys {
  std::mutex mutex;
  std::vector<Key> all;
  std::map<std::string, int> asked;  // refreshes, by key name
  std::set<std::string> requests;    // Idempotency-Keys
  std::map<std::string, int> begun;  // refreshes, by node
  int under_way = 0, most_under_way = 0;
  // Before a refresh: takes time, or answers in the key's stead. The mutex is free.
  std::function<std::optional<Answer>(const std::string& name)> before = [](const auto&) { return std::nullopt; };

  std::function<void()> before_list = [] {};

  Key* find(const std::string& subject) {
    for (Key& key : all)
      if (key.id == subject || key.name == subject) return &key;
    return nullptr;
  }
};

std::uint64_t now() { return static_cast<std::uint64_t>(SystemClock().wall().time_since_epoch().count()); }

struct Node final : test::FakeApi {
  Node(const std::filesystem::path& dir, std::string id_, Keys& keys_)
      : FakeApi(dir), id(std::move(id_)), cluster_keys(keys_) {}

  Answer call(const http::Call& c) override {
    FakeApi::call(c);
    const bool refreshes = c.route == http::Route::refresh_key;
    std::unique_lock lock(cluster_keys.mutex);
    if (c.route == http::Route::list_keys) {
      cluster_keys.before_list();
      return list(c);
    }
    Key* key = cluster_keys.find(c.subject);
    if (key == nullptr) return problem(404, "not_found");
    if (!refreshes) return http::Reply{200, key->json(), {}};
    ++cluster_keys.asked[key->name];
    ++cluster_keys.begun[id];
    cluster_keys.requests.insert(c.who.idempotency_key.value_or(""));
    cluster_keys.most_under_way = std::max(cluster_keys.most_under_way, ++cluster_keys.under_way);
    lock.unlock();
    const auto instead = cluster_keys.before(key->name);
    lock.lock();
    --cluster_keys.under_way;
    if (instead) return *instead;
    if (c.body != Json{{"certificate", key->certificate()}}) return problem(409, "other_certificate");
    key->epoch = now();
    ++key->made;
    return http::Reply{201, request_json("succeeded", {{"key", key->json()}}), {}};
  }

  Answer list(const http::Call& c) const {
    const std::size_t limit = std::stoul(c.query.at("limit"));
    std::size_t at = c.query.contains("cursor") ? std::stoul(c.query.at("cursor")) : 0;
    Json items = Json::array();
    for (; at < cluster_keys.all.size() && items.size() < limit; ++at) items.push_back(cluster_keys.all[at].json());
    const Json next = at < cluster_keys.all.size() ? Json(std::to_string(at)) : Json();
    return http::Reply{200, Json{{"items", items}, {"next", next}}, {}};
  }

  std::string id;
  Keys& cluster_keys;
};

struct RefreshKeys : test::FakeNodes<Node> {
  Keys keys;

  void SetUp() override {
    start([&](const std::string& id) { return std::make_unique<Node>(shell.dir(), id, keys); });
  }
  void add(int count, std::uint64_t epoch = 1) {
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(keys.all.size());
      keys.all.push_back({"id" + number, "k" + number, epoch, "active", 0});
    }
  }
  // What `go_on` says, word by word.
  test::Printed go_on(const Json& result) {
    std::istringstream text(result.at("go_on").get<std::string>());
    std::vector<std::string> words(std::istream_iterator<std::string>(text), {});
    EXPECT_EQ(words.at(0), "quorate");
    words.erase(words.begin());
    return shell(words);
  }
  std::size_t calls() const {
    std::size_t all = 0;
    for (const auto& node : nodes) all += node->targets.size();
    return all;
  }
};

TEST_F(RefreshKeys, EveryKeyOnceOverAllNodesAndNoMoreAtATimeThanAsked) {
  add(20);
  keys.all[7].state = "archived";
  keys.before = [](const auto&) {
    std::this_thread::sleep_for(Millis(30));
    return std::nullopt;
  };
  const auto printed = shell({"key", "refresh", "--all", "--parallel", "3"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.out, "refreshed 19 of 19; 1 archived\n");
  for (const Key& key : keys.all) EXPECT_EQ(key.made, key.state == "active" ? 1 : 0) << key.name;
  EXPECT_EQ(keys.requests.size(), 19u);
  EXPECT_EQ(keys.most_under_way, 3);
  EXPECT_EQ(keys.begun.size(), 3u);
  EXPECT_NE(printed.err.find("refreshed 10 of 19, 0 failed\n"), std::string::npos) << printed.err;
  EXPECT_LE(std::count(printed.err.begin(), printed.err.end(), '\n'), 19);

  keys.begun.clear();
  EXPECT_EQ(shell({"key", "refresh", "--all", "--node", "node3"}).exit, Exit::ok);
  EXPECT_EQ(keys.begun, (std::map<std::string, int>{{"node3", 19}}));
}

TEST_F(RefreshKeys, ReadsAllPagesAndLeavesOutWhatHasChangedSince) {
  const auto since = from_rfc3339("2026-11-23T17:00:00Z")->time_since_epoch().count();
  add(200, static_cast<std::uint64_t>(since));
  add(200, static_cast<std::uint64_t>(since) + 1);
  add(1, static_cast<std::uint64_t>(since) - 1);
  add(1, 1);
  const auto printed = shell({"key", "refresh", "--all", "--not-since", "2026-11-23T17:00:00Z", "--json"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(keys.asked, (std::map<std::string, int>{{"k400", 1}, {"k401", 1}}));
  EXPECT_EQ(printed.json(), (Json{{"keys", 2},
                                  {"refreshed", 2},
                                  {"failed", Json::array()},
                                  {"not_begun", 0},
                                  {"left_out", 400},
                                  {"archived", 0},
                                  {"since", "2026-11-23T17:00:00Z"}}));
  EXPECT_EQ(shell({"key", "refresh", "k400", "--not-since", "2026-11-23T17:00:00Z"}).out,
            "refreshed 0 of 0; 1 left out, changed since 2026-11-23T17:00:00Z\n");
}

TEST_F(RefreshKeys, WhatFailsIsListedAndTheRestGoesOn) {
  add(12);
  keys.before = [](const std::string& name) -> std::optional<Answer> {
    if (name == "k3") return problem(504, "no_quorum");
    if (name == "k5") return http::Reply{202, request_json("pending_approval"), {}};
    return std::nullopt;
  };
  const auto printed = shell({"key", "refresh", "--all"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_TRUE(
      printed.out.starts_with("refreshed 10 of 12, 2 failed\n"
                              "failed     k3: because of no_quorum (req_00)\n"
                              "failed     k5: req_00 is pending_approval\n"
                              "go on with quorate key refresh --all --not-since 20"))
      << printed.out;
  EXPECT_EQ(keys.asked["k3"], 1);
  EXPECT_EQ(keys.asked["k5"], 1);
  const auto again = shell({"key", "refresh", "k3", "k4", "--as", "admin", "--parallel", "2", "--json"}).json();
  EXPECT_EQ(again["failed"],
            (Json{{{"key", "k3"}, {"code", "no_quorum"}, {"detail", "because of no_quorum (req_00)"}}}));
  EXPECT_EQ(again["go_on"].get<std::string>(), "quorate --as admin --json key refresh k3 k4 --not-since " +
                                                   again["since"].get<std::string>() + " --parallel 2");
  keys.before = [](const auto&) { return std::nullopt; };
  const int k4 = keys.asked["k4"];
  EXPECT_EQ(go_on(again).json()["refreshed"], 1);
  EXPECT_EQ(keys.asked["k3"], 3);
  EXPECT_EQ(keys.asked["k4"], k4);
}

TEST_F(RefreshKeys, AStopLetsThemEndAndTheNextRunDoesTheRest) {
  add(30);
  const pthread_t main = ::pthread_self();
  std::atomic<int> begun = 0;
  keys.before = [&](const auto&) {
    if (++begun == 5) ::pthread_kill(main, SIGINT);
    std::this_thread::sleep_for(Millis(40));
    return std::nullopt;
  };
  const auto printed = shell({"key", "refresh", "--all", "--parallel", "2", "--json"});
  EXPECT_EQ(printed.exit, Exit::failed);
  const Json result = printed.json();
  EXPECT_EQ(result["failed"], Json::array());
  EXPECT_GE(result["refreshed"], 5);
  EXPECT_LE(result["refreshed"], 20);
  EXPECT_EQ(result["refreshed"], begun.load());  // what had begun has ended
  EXPECT_EQ(result["not_begun"], 30 - begun);
  EXPECT_NE(printed.err.find("stopping: "), std::string::npos) << printed.err;

  const Json rest = go_on(result).json();
  EXPECT_EQ(rest["refreshed"], result["not_begun"]);
  EXPECT_EQ(rest["left_out"], result["refreshed"]);
  EXPECT_FALSE(rest.contains("go_on"));
  for (const Key& key : keys.all) EXPECT_EQ(key.made, 1) << key.name;
  EXPECT_EQ(rest["since"], result["since"]);
}

TEST_F(RefreshKeys, AStopBeforeTheFirstKeyChangesNothing) {
  add(2);
  keys.before_list = [main = ::pthread_self(), once = false]() mutable {
    if (!std::exchange(once, true)) ::pthread_kill(main, SIGINT);
  };
  const auto printed = shell({"key", "refresh", "--all", "--json"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_EQ(printed.json()["error"]["code"], "interrupted");
  EXPECT_TRUE(keys.asked.empty());
}

TEST_F(RefreshKeys, AStopEndsTheWaitForAnotherTry) {
  add(2);
  const pthread_t main = ::pthread_self();
  keys.before = [&](const auto&) {
    ::pthread_kill(main, SIGTERM);
    auto busy = problem(503, "overloaded");
    busy.retry_after = 30;
    return busy;
  };
  const auto start = SystemClock().steady();
  const Json result = shell({"key", "refresh", "--all", "--parallel", "1", "--json"}).json();
  EXPECT_LT(SystemClock().steady() - start, Seconds(20));
  EXPECT_EQ(result["not_begun"], 2);
  EXPECT_EQ(keys.asked, (std::map<std::string, int>{{"k0", 1}}));
}

TEST_F(RefreshKeys, ABusyNodeIsAskedAgainAsOftenAsIsSensible) {
  add(3);
  keys.before = [&](const std::string& name) -> std::optional<Answer> {
    const std::lock_guard lock(keys.mutex);
    auto busy = name == "k1" ? problem(429, "too_many") : problem(503, "overloaded");
    busy.retry_after = name == "k1" ? 1 : 0;
    if (name == "k2" || keys.asked[name] == 1) return busy;
    return std::nullopt;
  };
  const auto start = SystemClock().steady();
  const Json result = shell({"key", "refresh", "--all", "--json"}).json();
  EXPECT_GE(SystemClock().steady() - start, Seconds(1));
  EXPECT_EQ(result["refreshed"], 2);
  EXPECT_EQ(result["failed"][0]["key"], "k2");
  EXPECT_EQ(keys.asked, (std::map<std::string, int>{{"k0", 2}, {"k1", 2}, {"k2", 8}}));
  EXPECT_EQ(keys.requests.size(), 3u);  // each try is the same request
}

TEST_F(RefreshKeys, AnotherCertificateIsDoneIfItIsNewEnough) {
  add(2);
  keys.before = [&](const std::string& name) {
    // By somebody else, of whom the list did not tell: of today, or of some day before.
    const std::lock_guard lock(keys.mutex);
    Key& key = *keys.find(name);
    if (key.made == 0) key.made = 1, key.epoch = name == "k0" ? now() : 5;
    return std::nullopt;
  };
  const auto printed = shell({"key", "refresh", "--all"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.out, "refreshed 2 of 2\n");
  EXPECT_EQ(keys.asked, (std::map<std::string, int>{{"k0", 1}, {"k1", 2}}));
  EXPECT_EQ(keys.requests.size(), 3u);
  EXPECT_EQ(keys.find("k1")->made, 2);
}

TEST_F(RefreshKeys, KeysByNameOrIdEachOnce) {
  add(4);
  const auto printed = shell({"key", "refresh", "k1", "id1", "nobody", "k2", "k1"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_TRUE(printed.out.starts_with("refreshed 2 of 3, 1 failed\nfailed     nobody: because of not_found"))
      << printed.out;
  EXPECT_EQ(keys.asked, (std::map<std::string, int>{{"k1", 1}, {"k2", 1}}));
}

TEST_F(RefreshKeys, OneKeyIsShownAsEver) {
  add(1);
  const auto printed = shell({"key", "refresh", "k0"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_TRUE(printed.out.starts_with("key        k0\nid         id0\n")) << printed.out;
  EXPECT_EQ(printed.err, "");
  EXPECT_EQ(shell({"key", "refresh", "k0", "--json"}).json()["result"]["key"]["name"], "k0");
  EXPECT_EQ(shell({"key", "refresh", "nobody"}).err, "quorate: because of not_found (req_00)\n");
}

TEST_F(RefreshKeys, WrongWordsAskNobody) {
  add(1);
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"--all", "k0"},
      {"--all", "--parallel", "0"},
      {"--all", "--parallel", "17"},
      {"--all", "--not-since", "yesterday"},
      {"--all", "--not-since", "2026-11-23T17:00:00+01:00"},
      {"--not-since", "2026-11-23T17:00:00Z"},
  };
  for (auto words : wrong) {
    words.insert(words.begin(), {"key", "refresh"});
    const auto printed = shell(words);
    EXPECT_EQ(printed.exit, Exit::usage) << words.back() << printed.err;
    EXPECT_EQ(std::count(printed.err.begin(), printed.err.end(), '\n'), 1) << printed.err;
  }
  EXPECT_EQ(calls(), 0u);
}

TEST_F(RefreshKeys, AListThatDoesNotEndIsNone) {
  struct Endless final : test::FakeApi {
    using FakeApi::FakeApi;
    Answer call(const http::Call&) override {
      return http::Reply{200, Json{{"items", Json::array()}, {"next", "0"}}, {}};
    }
  } endless(shell.dir());
  servers.erase(servers.begin());
  const auto server = test::server_of(shell.dir(), "node1", endless, shell.clock);
  server->start();
  const auto printed = shell({"key", "refresh", "--all"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_EQ(printed.err, "quorate: the node's list of keys does not end\n");
}

// The tries take some seconds, in which a node could have come back.
TEST_F(RefreshKeys, WhenNoNodeAnswersTheRunEnds) {
  add(20);
  std::atomic<bool> begun = false;
  keys.before = [&](const auto&) {
    begun = true;
    return problem(503, "overloaded");
  };
  std::thread power_cut([&] {
    while (!begun) std::this_thread::sleep_for(Millis(5));
    servers.clear();
  });
  const Json result = shell({"key", "refresh", "--all", "--parallel", "1", "--json"}).json();
  power_cut.join();
  EXPECT_EQ(result["failed"].size(), 1u);
  EXPECT_EQ(result["failed"][0]["code"], "unreachable");
  EXPECT_EQ(result["not_begun"], 19);
}

}  // namespace
}  // namespace quorate::cli

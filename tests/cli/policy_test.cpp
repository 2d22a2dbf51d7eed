// `quorate policy …` against a server whose answers are chosen by the test.
#include <algorithm>

#include "fake_api.h"

namespace quorate::cli {
namespace {

using test::FakeApi;

struct PolicyCommands : ::testing::Test {
  test::Shell shell;
  std::unique_ptr<FakeApi> api;
  std::unique_ptr<http::HttpServer> server;

  void SetUp() override {
    const int base = test::test_base_port(shell.rng);
    ASSERT_EQ(shell({"init", "--dir", shell.dir().string(), "--base-port", std::to_string(base)}).exit, Exit::ok);
    api = std::make_unique<FakeApi>(shell.dir());
    server = test::server_of(shell.dir(), "node1", *api, shell.clock);
    server->start();
  }
  Json in_force() { return parse_json(test::read(shell.dir() / "policy.json")); }
  std::string file(const Json& policy) {
    const auto path = shell.dir("policies") / "new.json";
    test::write(path, policy.dump());
    return path.string();
  }
};

TEST_F(PolicyCommands, ShowsTheOneInForce) {
  api->answer = http::Reply{200, in_force(), {}};
  const auto printed = shell({"policy", "show"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_NE(printed.out.find("rule    admin-signs  allow  {"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("user    approver approvers"), std::string::npos) << printed.out;
  EXPECT_EQ(shell({"policy", "show", "--json"}).json(), in_force());
}

TEST_F(PolicyCommands, ShowsAnEarlierVersion) {
  api->answer = http::Reply{200, in_force(), {}};
  EXPECT_EQ(shell({"policy", "show", "--version", "1", "--json"}).json(), in_force());
  EXPECT_EQ(api->targets.back(), "GET /v1/policy?version=1");
  const auto other = shell({"policy", "show", "--version", "2"});
  EXPECT_EQ(other.exit, Exit::failed) << "it is version 1";
  EXPECT_EQ(shell({"policy", "show", "--version", "0"}).exit, Exit::usage);
  api->answer = test::problem(404, "unknown_version");
  EXPECT_EQ(shell({"policy", "show", "--version", "9"}).exit, Exit::failed);
}

TEST_F(PolicyCommands, ChecksAFileOffline) {
  server.reset();
  const auto good = shell({"policy", "check", (shell.dir() / "policy.json").string(), "--json"});
  EXPECT_EQ(good.exit, Exit::ok) << good.err;
  EXPECT_EQ(good.json()["rules"], 2);
  EXPECT_EQ(good.json()["digest"], to_hex(api->policy.digest()));
  Json bad = in_force();
  bad["rules"][1]["if"]["hours_utc"] = "8-20";
  const auto refused = shell({"policy", "check", file(bad), "--json"});
  EXPECT_EQ(refused.exit, Exit::failed);
  EXPECT_EQ(refused.json()["error"]["code"], "policy_invalid");
  EXPECT_NE(refused.err.find("/rules/1/if/hours_utc"), std::string::npos) << refused.err;
  test::write(shell.dir("policies") / "broken", "{");
  EXPECT_EQ(shell({"policy", "check", (shell.dir("policies") / "broken").string()}).exit, Exit::failed);
  EXPECT_EQ(shell({"policy", "check", (shell.dir("policies") / "none").string()}).exit, Exit::failed);
}

TEST_F(PolicyCommands, NamesWhatAFileWouldChange) {
  api->answer = http::Reply{200, in_force(), {}};
  EXPECT_EQ(shell({"policy", "diff", file(in_force())}).out, "no change\n");
  Json next = in_force();
  next["rules"][1]["if"]["weekdays"] = {"mon"};
  next["rules"][1]["if"]["window"] = {{"hours", 24}, {"count", 9}, {"per", "by"}};
  next["rules"].push_back({{"id", "more"}, {"if", {{"kind", "derive"}}}, {"then", "deny"}});
  std::swap(next["rules"][0], next["rules"][1]);
  next["users"].erase(1);
  next["lists"]["good"] = {"0x3535353535353535353535353535353535353535"};
  next["admins"]["delay_hours"] = 24;
  const auto printed = shell({"policy", "diff", file(next), "--json"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.json()["changes"], parse_json(R"([
    {"what":"user","name":"approver","change":"removed"},
    {"what":"list","name":"good","change":"added"},
    {"what":"rule","name":"admin-signs","change":"changed"},
    {"what":"rule","name":"more","change":"added"},
    {"what":"rules","name":"order","change":"changed"},
    {"what":"member","name":"admins","change":"changed"}])"));
  const std::string text = shell({"policy", "diff", file(next)}).out;
  EXPECT_NE(text.find("changed  rule admin-signs\n  - admin-signs  allow"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  + admin-signs  allow"), std::string::npos) << text;
  EXPECT_NE(text.find("\n  +   window at most 9 requests per requester in 24 hours\n"), std::string::npos) << text;
  EXPECT_NE(text.find("loosens  admins is changed\n"), std::string::npos) << text;
  EXPECT_NE(text.find("once 1 of admins have approved it"), std::string::npos) << text;
  const Json loosens = printed.json()["loosens"];
  EXPECT_NE(std::find(loosens.begin(), loosens.end(), "admins is changed"), loosens.end());
  next = in_force();
  next["rules"][1]["if"]["weekdays"] = {"mon"};
  const std::string tightens = shell({"policy", "diff", file(next)}).out;
  EXPECT_EQ(tightens.find("loosens"), std::string::npos) << tightens;
  EXPECT_NE(tightens.find("in force once 1 of admins"), std::string::npos) << tightens;
}

TEST_F(PolicyCommands, ProposesTheNextVersion) {
  api->answer = http::Reply{200, in_force(), {}};
  Json next = in_force();
  next["rules"][1]["if"]["weekdays"] = {"mon"};
  for (const char* filled : {"version", "previous", "cluster"}) next.erase(filled);
  EXPECT_EQ(shell({"policy", "propose", file(next)}).exit, Exit::failed) << "nobody has said yes";
  EXPECT_EQ(api->targets, std::vector<std::string>{"GET /v1/policy"});
  EXPECT_EQ(shell({"policy", "propose", "--yes", file(next)}).exit, Exit::waiting);
  ASSERT_EQ(api->targets.size(), 3u);
  EXPECT_EQ(api->targets[2], "PUT /v1/policy");
  Json sent = next;
  sent["version"] = 2;
  sent["previous"] = to_hex(api->policy.digest());
  sent["cluster"] = api->cluster.id();
  EXPECT_EQ(api->bodies[2], sent);
  EXPECT_EQ(api->if_matches[2], "1");
  next["rules"][1]["if"]["weekdays"] = {"moon"};
  EXPECT_EQ(shell({"policy", "propose", "--yes", file(next)}).exit, Exit::failed);
  EXPECT_EQ(api->targets.size(), 4u) << "what is no policy is not sent";
}

TEST_F(PolicyCommands, ACheckNamesWindows) {
  Json policy = in_force();
  policy["rules"][1]["if"]["window"] = {{{"hours", 24}, {"max", "5"}, {"per", "to"}, {"mode", "split"}},
                                        {{"hours", 1}, {"count", 2}, {"per", "key"}}};
  const auto printed = shell({"policy", "check", file(policy), "--json"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.json()["windows"], parse_json(R"({"admin-signs":
    ["at most 5 of each asset per recipient in 24 hours, split", "at most 2 requests per key in 1 hours"]})"));
  const std::string text = shell({"policy", "check", file(policy)}).out;
  EXPECT_NE(text.find("\nwindow admin-signs  at most 2 requests per key in 1 hours"), std::string::npos) << text;
}

TEST_F(PolicyCommands, SimulatesARequest) {
  Json seen{{"kind", "sign"},
            {"as", "bot"},
            {"at", "2026-11-23T09:00:00Z"},
            {"policy", {{"version", 1}, {"digest", "00"}, {"decision", "deny"}, {"rule", "default"}}},
            {"rules", {{{"rule", "r"}, {"then", "allow"}, {"matched", "false"}, {"why", "it is tue"}}}}};
  api->answer = http::Reply{200, seen, {}};
  const auto denied = shell({"policy", "simulate", "--key", "hot", "--message", "hello", "--user", "bot", "--at",
                             "2026-11-23T09:00:00Z", "--policy", file(in_force())});
  EXPECT_EQ(denied.exit, Exit::denied) << denied.err;
  EXPECT_EQ(denied.out, "deny by default, for bot at 2026-11-23T09:00:00Z\n  r  allow  false: it is tue\n");
  ASSERT_EQ(api->bodies.size(), 1u);
  EXPECT_EQ(api->bodies[0]["kind"], "sign");
  EXPECT_EQ(api->bodies[0]["key"], "hot");
  EXPECT_EQ(api->bodies[0]["as"], "bot");
  EXPECT_EQ(api->bodies[0]["at"], "2026-11-23T09:00:00Z");
  EXPECT_EQ(api->bodies[0]["payload"]["kind"], "message");
  EXPECT_EQ(api->bodies[0]["policy"], in_force());
  seen["policy"]["decision"] = "allow";
  api->answer = http::Reply{200, seen, {}};
  EXPECT_EQ(shell({"policy", "simulate", "--kind", "refresh", "--key", "hot", "--json"}).exit, Exit::ok);
  EXPECT_EQ(api->bodies[1], (Json{{"kind", "refresh"}, {"key", "hot"}}));
  EXPECT_EQ(api->targets[1], "POST /v1/policy/simulate");
  EXPECT_EQ(shell({"policy", "simulate", "--key", "hot"}).exit, Exit::usage);
  EXPECT_EQ(shell({"policy", "simulate", "--kind", "refresh", "--message", "x"}).exit, Exit::usage);
  EXPECT_EQ(shell({"policy", "simulate", "--message", "x", "--digest", std::string(64, '1')}).exit, Exit::usage);
}

TEST_F(PolicyCommands, SimulatesWhatAdminsDecide) {
  const Json seen = parse_json(R"({"kind": "unfreeze", "as": "ana", "at": "2026-11-23T09:00:00Z", "rules": [],
    "policy": {"version": 1, "digest": "00", "decision": "approve", "rule": "admins"},
    "needs": [{"group": "council", "min": 2, "members": ["ana", "ben"]}], "expires_hours": 168,
    "loosens": ["rule r is new"], "delay_hours": 24})");
  api->answer = http::Reply{200, seen, {}};
  const auto waits = shell({"policy", "simulate", "--kind", "unfreeze"});
  EXPECT_EQ(waits.exit, Exit::waiting) << waits.err;
  EXPECT_EQ(waits.out,
            "approve by admins, for ana at 2026-11-23T09:00:00Z\nneeds 2 of council: ana, ben\n"
            "loosens  rule r is new\nthen waits 24 h\n");
  Json refused = seen;
  refused["refused"] = {{"status", 409}, {"code", "not_frozen"}, {"detail", "there is none"}};
  api->answer = http::Reply{200, refused, {}};
  const auto failed = shell({"policy", "simulate", "--kind", "unfreeze"});
  EXPECT_EQ(failed.exit, Exit::failed);
  EXPECT_NE(failed.out.find("\nwould be refused: not_frozen: there is none\n"), std::string::npos) << failed.out;

  EXPECT_EQ(shell({"policy", "simulate", "--kind", "change_policy"}).exit, Exit::usage);
  api->answer = http::Reply{200, in_force(), {}};
  api->targets.clear();
  api->bodies.clear();
  Json next = in_force();
  for (const char* filled : {"version", "previous", "cluster"}) next.erase(filled);
  shell({"policy", "simulate", "--kind", "change_policy", "--policy", file(next)});
  EXPECT_EQ(api->targets, (std::vector<std::string>{"GET /v1/policy", "POST /v1/policy/simulate"}));
  next["version"] = 2;
  next["previous"] = to_hex(api->policy.digest());
  next["cluster"] = api->cluster.id();
  EXPECT_EQ(api->bodies.at(1), (Json{{"kind", "change_policy"}, {"policy", next}}));
}

}  // namespace
}  // namespace quorate::cli

// What a change may do at once: nothing that could let a request through which would not have been let through before.
#include "policy/loosening.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/policy/sample_policy.h"

namespace quorate::policy {
namespace {

constexpr const char* kTo = "0x3535353535353535353535353535353535353535";

// Rules that allow, deny and ask; lists and groups that only allow rules name, and others.
Json before() {
  Json policy = base_policy();
  policy["lists"]["blocked"] = {kTo, "0x1111111111111111111111111111111111111111"};
  policy["lists"]["unused"] = {kTo};
  for (Json& user : policy["users"])
    if (user["id"] == "nobody") user["groups"] = {"clerks"};
  policy["users"][2]["groups"] = {"auditors", "clerks"};
  policy["rules"] = parse_json(R"([
    {"id": "no-blocked", "if": {"kind": "sign", "to": ["list:blocked"]}, "then": "deny"},
    {"id": "small", "if": {"kind": ["sign"], "key": ["hot-*", "warm-*"], "by": ["group:bots", "user:bob"], "payload": ["eth_transaction"],
      "to": ["list:exchanges"], "max": "1000", "fee_max": "20", "hours_utc": "22:00-06:00", "weekdays": ["mon", "tue"]}, "then": "allow"},
    {"id": "tokens", "if": {"kind": "sign", "by": ["group:bots"], "payload": ["eth_transaction"], "asset": ["eip155:1/erc20:*", "eip155:1/erc721:*"], "max": "9"}, "then": "allow"},
    {"id": "coins", "if": {"kind": "sign", "by": ["group:bots"], "asset": ["eip155:1/slip44:60", "eip155:1/erc20:*"]}, "then": "allow"},
    {"id": "daily", "if": {"kind": "sign", "by": ["group:bots"], "payload": ["eth_transaction"],
      "asset": ["eip155:1/erc20:*", "eip155:1/erc721:*"],
      "window": [{"hours": 24, "max": "100", "per": "to"}, {"hours": 1, "count": 5, "per": "by"}]}, "then": "allow"},
    {"id": "clerks", "if": {"kind": "refresh", "by": ["group:clerks"]}, "then": "allow"},
    {"id": "large", "if": {"kind": "sign", "key": ["hot-*", "cold-*"], "payload": ["eth_transaction"], "max": "5000"},
      "then": {"approve": [{"group": "treasury", "min": 1}], "expires_hours": 24}},
    {"id": "rest", "if": {"kind": "sign", "key": ["hot-*"]}, "then": "allow"} ])");
  return policy;
}

std::vector<std::string> of(const std::function<void(Json&)>& change) {
  const auto old = PolicyDocument::parse(before().dump());
  Json next = before();
  next["version"] = 2;
  next["previous"] = to_hex(old.digest());
  change(next);
  return loosenings(old, PolicyDocument::parse(next.dump()));
}

struct Case {
  const char* name;
  std::function<void(Json&)> change;
};
Json& rule(Json& p, const std::string& id) {
  for (Json& r : p["rules"])
    if (r["id"] == id) return r;
  throw std::runtime_error("no rule " + id);
}
Json& conditions(Json& p, const std::string& id) { return rule(p, id)["if"]; }
void drop(Json& p, const std::string& id) {
  for (std::size_t i = 0; i < p["rules"].size(); ++i)
    if (p["rules"][i]["id"] == id) {
      p["rules"].erase(i);
      return;
    }
}
Json deny(const std::string& id) { return {{"id", id}, {"if", {{"kind", "sign"}}}, {"then", "deny"}}; }

Json& window(Json& p, std::size_t i) { return conditions(p, "daily")["window"][i]; }
const Json kOneWindow = {{"hours", 24}, {"max", "100"}, {"per", "to"}};

TEST(Loosening, WhatOnlyTakesAwayTightens) {
  const std::vector<Case> cases = {
      {"nothing", [](Json&) {}},
      {"an allow rule is gone", [](Json& p) { drop(p, "small"); }},
      {"all of them",
       [](Json& p) {
         for (const char* r : {"small", "tokens", "coins", "clerks", "rest"}) drop(p, r);
       }},
      {"max", [](Json& p) { conditions(p, "small")["max"] = "999"; }},
      {"max of fewer digits", [](Json& p) { conditions(p, "small")["max"] = "0"; }},
      {"fee_max", [](Json& p) { conditions(p, "small")["fee_max"] = "19"; }},
      {"a new max", [](Json& p) { conditions(p, "coins")["fee_max"] = "19"; }},
      {"hours", [](Json& p) { conditions(p, "small")["hours_utc"] = "23:00-05:59"; }},
      {"hours of one day", [](Json& p) { conditions(p, "small")["hours_utc"] = "00:00-06:00"; }},
      {"new hours", [](Json& p) { conditions(p, "coins")["hours_utc"] = "00:00-06:00"; }},
      {"weekdays", [](Json& p) { conditions(p, "small")["weekdays"] = {"tue"}; }},
      {"new weekdays", [](Json& p) { conditions(p, "coins")["weekdays"] = {"tue"}; }},
      {"a glob", [](Json& p) { conditions(p, "small")["key"] = {"warm-*"}; }},
      {"who asks", [](Json& p) { conditions(p, "small")["by"] = {"user:bob"}; }},
      {"a window's max", [](Json& p) { window(p, 0)["max"] = "99"; }},
      {"a window's count", [](Json& p) { window(p, 1)["count"] = 0; }},
      {"a longer window", [](Json& p) { window(p, 0)["hours"] = 25; }},
      {"the default, said", [](Json& p) { window(p, 0)["mode"] = "announced"; }},
      {"a further window",
       [](Json& p) {
         conditions(p, "daily")["window"].push_back({{"hours", 720}, {"max", "500"}, {"per", "to"}});
       }},
      {"a new window",
       [](Json& p) {
         conditions(p, "coins")["window"] = {{"hours", 1}, {"count", 9}, {"per", "key"}};
       }},
      {"another order of windows", [](Json& p) { std::swap(window(p, 0), window(p, 1)); }},
      {"an asset, without max", [](Json& p) { conditions(p, "coins")["asset"] = {"eip155:1/erc20:*"}; }},
      {"one kind as a text", [](Json& p) { conditions(p, "small")["kind"] = "sign"; }},
      {"an entry of a list that an allow names", [](Json& p) { p["lists"]["exchanges"] = {kTo}; }},
      {"a list that nobody names", [](Json& p) { p["lists"].erase("unused"); }},
      {"a member of a group that an allow names", [](Json& p) { p["users"][2]["groups"] = {"auditors"}; }},
      {"a user of such groups alone", [](Json& p) { p["users"].erase(5); }},
      {"more people", [](Json& p) { rule(p, "large")["then"]["approve"][0]["min"] = 2; }},
      {"a deny at the top", [](Json& p) { p["rules"].insert(p["rules"].begin(), deny("stop")); }},
      {"two of them, with a list of their own",
       [](Json& p) {
         p["lists"]["more"] = {"0x2222222222222222222222222222222222222222"};
         Json first = deny("stop-1");
         first["if"]["to"] = {"list:more"};
         p["rules"].insert(p["rules"].begin(), deny("stop-2"));
         p["rules"].insert(p["rules"].begin(), first);
       }},
  };
  for (const Case& c : cases) {
    const auto found = of(c.change);
    EXPECT_TRUE(found.empty()) << c.name << ": " << (found.empty() ? "" : found.front());
  }
}

TEST(Loosening, EverythingElseLoosens) {
  const std::vector<Case> cases = {
      {"max", [](Json& p) { conditions(p, "small")["max"] = "1001"; }},
      {"max of more digits", [](Json& p) { conditions(p, "small")["max"] = "10000"; }},
      {"no max", [](Json& p) { conditions(p, "small").erase("max"); }},
      {"no fee_max", [](Json& p) { conditions(p, "small").erase("fee_max"); }},
      {"hours", [](Json& p) { conditions(p, "small")["hours_utc"] = "21:59-06:00"; }},
      {"other hours", [](Json& p) { conditions(p, "small")["hours_utc"] = "06:00-22:00"; }},
      {"no hours", [](Json& p) { conditions(p, "small").erase("hours_utc"); }},
      {"a day more",
       [](Json& p) {
         conditions(p, "small")["weekdays"] = {"mon", "tue", "wed"};
       }},
      {"no weekdays", [](Json& p) { conditions(p, "small").erase("weekdays"); }},
      {"a glob more", [](Json& p) { conditions(p, "small")["key"].push_back("x"); }},
      {"another glob", [](Json& p) { conditions(p, "small")["key"] = {"hot-1"}; }},
      {"no globs", [](Json& p) { conditions(p, "small").erase("key"); }},
      {"new globs", [](Json& p) { conditions(p, "coins")["key"] = {"x"}; }},
      {"who asks", [](Json& p) { conditions(p, "small")["by"].push_back("user:carol"); }},
      {"an asset less makes max hold", [](Json& p) { conditions(p, "tokens")["asset"] = {"eip155:1/erc20:*"}; }},
      {"a window's max", [](Json& p) { window(p, 0)["max"] = "101"; }},
      {"a window's count", [](Json& p) { window(p, 1)["count"] = 6; }},
      {"a shorter window", [](Json& p) { window(p, 0)["hours"] = 23; }},
      {"a shorter window of less",
       [](Json& p) {
         window(p, 0) = {{"hours", 1}, {"max", "1"}, {"per", "to"}};
       }},
      {"a window per something else", [](Json& p) { window(p, 0)["per"] = "key"; }},
      {"each node its part", [](Json& p) { window(p, 0)["mode"] = "split"; }},
      {"a count instead of a max",
       [](Json& p) {
         window(p, 0) = {{"hours", 24}, {"count", 1}, {"per", "to"}};
       }},
      {"a max instead of a count",
       [](Json& p) {
         window(p, 1) = {{"hours", 1}, {"max", "1"}, {"per", "by"}};
       }},
      {"a window less", [](Json& p) { conditions(p, "daily")["window"] = kOneWindow; }},
      {"no windows", [](Json& p) { conditions(p, "daily").erase("window"); }},
      {"an asset less makes a window hold", [](Json& p) { conditions(p, "daily")["asset"] = {"eip155:1/erc20:*"}; }},
      {"an allow that is new",
       [](Json& p) {
         p["rules"].push_back({{"id", "new"}, {"if", {{"kind", "sign"}}}, {"then", "allow"}});
       }},
      {"an allow that denies now", [](Json& p) { rule(p, "clerks")["then"] = "deny"; }},
      {"a deny that allows now", [](Json& p) { rule(p, "no-blocked")["then"] = "allow"; }},
      {"a deny that is gone", [](Json& p) { drop(p, "no-blocked"); }},
      {"a deny that matches less", [](Json& p) { conditions(p, "no-blocked")["key"] = {"hot-*"}; }},
      {"a deny that is not at the top", [](Json& p) { p["rules"].insert(p["rules"].begin() + 2, deny("stop")); }},
      {"a deny of the same name elsewhere",
       [](Json& p) {
         const Json moved = rule(p, "no-blocked");
         drop(p, "no-blocked");
         p["rules"].push_back(moved);
       }},
      {"another order", [](Json& p) { std::swap(p["rules"][1], p["rules"][6]); }},
      {"another name", [](Json& p) { rule(p, "large")["id"] = "other"; }},
      {"fewer people",
       [](Json& p) {
         rule(p, "large")["then"]["approve"][0] = {{"group", "admins"}, {"min", 1}};
       }},
      {"people who are not asked any more", [](Json& p) { rule(p, "large")["then"] = "allow"; }},
      {"more time", [](Json& p) { rule(p, "large")["then"]["expires_hours"] = 25; }},
      {"asking for less, where a later rule allows", [](Json& p) { conditions(p, "large")["key"] = {"cold-*"}; }},
      {"a lower max where people are asked", [](Json& p) { conditions(p, "large")["max"] = "4000"; }},
      {"a rule that asks is gone", [](Json& p) { drop(p, "large"); }},
      {"an entry more",
       [](Json& p) { p["lists"]["exchanges"].push_back("0x2222222222222222222222222222222222222222"); }},
      {"an entry less of a list that a deny names", [](Json& p) { p["lists"]["blocked"] = {kTo}; }},
      {"an entry more of such a list",
       [](Json& p) { p["lists"]["blocked"].push_back("0x2222222222222222222222222222222222222222"); }},
      {"a user",
       [](Json& p) {
         p["users"].push_back({{"id", "new"}, {"key", key_of(99).to_text()}, {"groups", Json::array()}});
       }},
      {"another key", [](Json& p) { p["users"][5]["key"] = key_of(99).to_text(); }},
      {"a group more", [](Json& p) { p["users"][5]["groups"].push_back("bots"); }},
      {"an admin less",
       [](Json& p) {
         p["admins"]["min"] = 1;
         p["users"][1]["groups"] = Json::array();
       }},
      {"who approves", [](Json& p) { p["users"][4]["groups"] = {"bots"}; }},
      {"who reads",
       [](Json& p) {
         p["users"][1]["groups"].push_back("auditors");
         p["users"][2]["groups"] = {"clerks"};
       }},
      {"fewer admins are enough", [](Json& p) { p["admins"]["min"] = 1; }},
      {"no delay", [](Json& p) { p["admins"]["delay_hours"] = 0; }},
      {"a longer delay", [](Json& p) { p["admins"]["delay_hours"] = 25; }},
      {"readers", [](Json& p) { p["readers"] = {"admins"}; }},
      {"no readers", [](Json& p) { p["readers"] = Json::array(); }},
      {"self_approve", [](Json& p) { p["self_approve"] = {"hot-*"}; }},
      {"refresh_every_days",
       [](Json& p) {
         p["refresh_every_days"] = {{"*", 7}};
       }},
  };
  for (const Case& c : cases) EXPECT_FALSE(of(c.change).empty()) << c.name;
}

// A member of a group that is named where people are asked, a deny is, or payloads are shown.
TEST(Loosening, AGroupThatADenyNames) {
  Json old = before();
  Json no_clerks = deny("no-clerks");
  no_clerks["if"]["by"] = {"group:clerks"};
  old["rules"].insert(old["rules"].begin(), no_clerks);
  Json next = old;
  next["users"][5]["groups"] = Json::array();
  EXPECT_FALSE(loosenings(PolicyDocument::parse(old.dump()), PolicyDocument::parse(next.dump())).empty());
}

}  // namespace
}  // namespace quorate::policy

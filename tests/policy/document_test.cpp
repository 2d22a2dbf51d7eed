#include "policy/document.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "tests/policy/sample_policy.h"

namespace quorate::policy {
namespace {

// What the pointer of the error is, and its text.
std::pair<std::string, std::string> error_of(const Json& policy) {
  try {
    PolicyDocument::parse(policy.dump());
  } catch (const JsonError& e) {
    return {e.pointer, e.what()};
  }
  return {"no error", ""};
}

TEST(PolicyDocument, ReadsWhatItIsGiven) {
  Json json = base_policy();
  json["version"] = 7;
  json["previous"] = std::string(64, 'a');
  const auto policy = PolicyDocument::parse(json.dump(2));
  EXPECT_EQ(policy.version(), 7);
  EXPECT_EQ(policy.previous(), std::string(64, 'a'));
  EXPECT_EQ(policy.cluster_id(), std::string(64, 'c'));
  EXPECT_EQ(policy.jcs(), to_jcs(json));
  EXPECT_EQ(policy.digest(), sha256(view_of(policy.jcs())));
  EXPECT_EQ(policy.admins().group, "admins");
  EXPECT_EQ(policy.admins().min, 2u);
  EXPECT_EQ(policy.admins().delay_hours, 24);
  EXPECT_EQ(policy.lists().at("exchanges"), (std::vector<std::string>{"0x3535353535353535353535353535353535353535",
                                                                      "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}));
  ASSERT_NE(policy.key_of("alice"), nullptr);
  EXPECT_EQ(*policy.key_of("alice"), key_of(1));
  EXPECT_EQ(policy.key_of("mallory"), nullptr);
  EXPECT_EQ(policy.members_of("bots"), 2u);
  EXPECT_EQ(policy.members_of("ghosts"), 0u);
  EXPECT_TRUE(policy.is_member("alice", "treasury"));
  EXPECT_FALSE(policy.is_member("bob", "treasury"));
  EXPECT_FALSE(policy.is_member("mallory", "treasury"));
  EXPECT_TRUE(policy.is_admin("bob"));
  EXPECT_FALSE(policy.is_admin("carol"));
}

TEST(PolicyDocument, OfSeveralIntervalsOfAKeyTheShortestCounts) {
  Json json = base_policy();
  EXPECT_FALSE(PolicyDocument::from_json(json).refresh_every_days("hot-1"));
  json["refresh_every_days"] = {{"hot-*", 7}, {"*-1", 30}, {"cold", 365}};
  const auto policy = PolicyDocument::from_json(json);
  EXPECT_EQ(policy.refresh_every_days("hot-1"), 7);
  EXPECT_EQ(policy.refresh_every_days("warm-1"), 30);
  EXPECT_EQ(policy.refresh_every_days("cold"), 365);
  EXPECT_FALSE(policy.refresh_every_days("warm"));
}

TEST(PolicyDocument, ReadsWhatAnApprovalNeeds) {
  const auto policy = with_rules(
      R"([{"id":"r","if":{},"then":{"approve":[{"group":"treasury","min":2},{"group":"admins","min":1}],"expires_hours":48}},
          {"id":"s","if":{},"then":{"approve":[{"group":"admins","min":1}]}}])");
  const Approvals& both = policy.rules()[0].approvals;
  EXPECT_EQ(policy.rules()[0].then, Effect::approve);
  EXPECT_EQ(both.needs, (std::vector<Need>{{"admins", 1}, {"treasury", 2}}));
  EXPECT_EQ(both.expires_hours, 48);
  EXPECT_EQ(policy.rules()[1].approvals.expires_hours, 24);
  EXPECT_TRUE(policy.may_approve("bob", both.needs));
  EXPECT_TRUE(policy.may_approve("bot-2", both.needs));
  EXPECT_FALSE(policy.may_approve("carol", both.needs));
  EXPECT_FALSE(policy.may_approve("mallory", both.needs));
  EXPECT_FALSE(policy.self_approve("hot-1"));
}

TEST(PolicyDocument, TheRequesterAndTheReadersMayRead) {
  const auto policy = with_rules("[]");
  EXPECT_TRUE(policy.may_read("bot-1", "bot-1"));
  EXPECT_TRUE(policy.may_read("carol", "bot-1"));
  EXPECT_FALSE(policy.may_read("bot-2", "bot-1"));
  EXPECT_FALSE(policy.may_read("alice", "bot-1")) << "an admin reads when the policy says so";
  EXPECT_FALSE(policy.may_read("mallory", "mallory")) << "who left the policy reads nothing";
  EXPECT_FALSE(policy.may_read("", ""));
}

TEST(PolicyDocument, TheAnchorIsTheDocumentWithoutItsCluster) {  // attack 66
  Json a = base_policy(), b = base_policy();
  b["cluster"] = std::string(64, 'd');
  const auto first = PolicyDocument::parse(a.dump()), second = PolicyDocument::parse(b.dump());
  EXPECT_NE(first.digest(), second.digest());
  EXPECT_EQ(first.anchor(), second.anchor());
  a.erase("cluster");
  EXPECT_EQ(first.anchor(), sha256(view_of(to_jcs(a))));
  b["admins"]["min"] = 1;
  EXPECT_NE(policy_anchor(b), first.anchor());
  EXPECT_THROW(policy_anchor(Json::array()), JsonError);
}

// ---- errors, each with its pointer -------------------------------------------------------------

struct BadDocument {
  const char* name;
  const char* patch;  // RFC 6902
  const char* pointer;
  const char* says;  // a part of the message
};
void PrintTo(const BadDocument& bad, std::ostream* os) { *os << bad.name; }
class PolicyRefuses : public testing::TestWithParam<BadDocument> {};

constexpr const char* kRule = R"({"id": "r", "if": {"kind": "sign"}, "then": "allow"})";

TEST_P(PolicyRefuses, It) {
  Json good = base_policy();
  good["rules"].push_back(parse_json(kRule));
  ASSERT_EQ(error_of(good).first, "no error");
  const auto [pointer, what] = error_of(good.patch(parse_json(GetParam().patch)));
  EXPECT_EQ(pointer, GetParam().pointer);
  EXPECT_NE(what.find(GetParam().says), std::string::npos) << what;
}

constexpr const char* kLater = "not supported in this version";

INSTANTIATE_TEST_SUITE_P(
    Members, PolicyRefuses,
    testing::Values(
        BadDocument{"an_unknown_member", R"([{"op":"add","path":"/rulez","value":[]}])", "/rulez", "not a known field"},
        BadDocument{"no_version", R"([{"op":"remove","path":"/version"}])", "/version", "missing"},
        BadDocument{"version_0", R"([{"op":"replace","path":"/version","value":0}])", "/version", "between"},
        BadDocument{"a_text_as_version", R"([{"op":"replace","path":"/version","value":"1"}])", "/version", "integer"},
        BadDocument{
            "version_1_with_a_predecessor",
            R"([{"op":"replace","path":"/previous","value":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}])",
            "/previous", "version 1"},
        BadDocument{"version_2_without_a_predecessor", R"([{"op":"replace","path":"/version","value":2}])", "/previous",
                    "version 1"},
        BadDocument{"a_short_previous", R"([{"op":"replace","path":"/previous","value":"aa"}])", "/previous", "64"},
        BadDocument{"no_cluster", R"([{"op":"remove","path":"/cluster"}])", "/cluster", "missing"},
        BadDocument{"a_short_cluster", R"([{"op":"replace","path":"/cluster","value":"cc"}])", "/cluster", "64"},
        BadDocument{
            "an_upper_case_cluster",
            R"([{"op":"replace","path":"/cluster","value":"CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"}])",
            "/cluster", "lower-case"},
        BadDocument{"no_users", R"([{"op":"remove","path":"/users"}])", "/users", "missing"},
        BadDocument{"empty_users", R"([{"op":"replace","path":"/users","value":[]}])", "/users", "empty"},
        BadDocument{"no_default", R"([{"op":"remove","path":"/default"}])", "/default", "missing"},
        BadDocument{"default_allow", R"([{"op":"replace","path":"/default","value":"allow"}])", "/default", "deny"},
        BadDocument{"self_approve_of_no_list", R"([{"op":"add","path":"/self_approve","value":false}])",
                    "/self_approve", "array"},
        BadDocument{"self_approve_of_no_key", R"([{"op":"add","path":"/self_approve","value":["Hot"]}])",
                    "/self_approve/0", "no key"},
        BadDocument{"refresh_of_nothing", R"([{"op":"add","path":"/refresh_every_days","value":{}}])",
                    "/refresh_every_days", "1 to 1000"},
        BadDocument{"refresh_of_no_key", R"([{"op":"add","path":"/refresh_every_days","value":{"Hot":30}}])",
                    "/refresh_every_days/Hot", "glob"},
        BadDocument{"refresh_at_once", R"([{"op":"add","path":"/refresh_every_days","value":{"*":0}}])",
                    "/refresh_every_days/*", "3650"},
        BadDocument{"refresh_never", R"([{"op":"add","path":"/refresh_every_days","value":{"*":3651}}])",
                    "/refresh_every_days/*", "3650"},
        BadDocument{"a_reader_group_without_members", R"([{"op":"add","path":"/readers/-","value":"ghosts"}])",
                    "/readers/1", "without members"},
        BadDocument{"a_reader_twice", R"([{"op":"add","path":"/readers/-","value":"auditors"}])", "/readers/1",
                    "twice"},
        BadDocument{"a_list_with_a_bad_name", R"([{"op":"add","path":"/lists/A","value":[]}])", "/lists/A",
                    "not a name"},
        BadDocument{"a_list_of_numbers", R"([{"op":"add","path":"/lists/a","value":["x",7]}])", "/lists/a/1", "string"},
        BadDocument{"a_list_entry_twice", R"([{"op":"add","path":"/lists/a","value":["x","x"]}])", "/lists/a/1",
                    "twice"},
        BadDocument{"lists_as_an_array", R"([{"op":"replace","path":"/lists","value":[]}])", "/lists", "object"}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Users, PolicyRefuses,
    testing::Values(
        BadDocument{"an_id_twice", R"([{"op":"replace","path":"/users/1/id","value":"alice"}])", "/users/1/id",
                    "another user"},
        BadDocument{"one_key_under_two_users", R"([{"op":"copy","from":"/users/0/key","path":"/users/3/key"}])",
                    "/users/3/key", "alice"},
        BadDocument{"a_bad_id", R"([{"op":"replace","path":"/users/0/id","value":"Alice"}])", "/users/0/id",
                    "not a name"},
        BadDocument{"an_empty_id", R"([{"op":"replace","path":"/users/0/id","value":""}])", "/users/0/id", "bytes"},
        BadDocument{"a_key_without_its_type", R"([{"op":"replace","path":"/users/2/key","value":"00"}])",
                    "/users/2/key", "ed25519:"},
        BadDocument{
            "a_key_of_small_order",
            R"([{"op":"replace","path":"/users/2/key","value":"ed25519:0100000000000000000000000000000000000000000000000000000000000000"}])",
            "/users/2/key", "prime order"},
        BadDocument{"no_groups", R"([{"op":"remove","path":"/users/2/groups"}])", "/users/2/groups", "missing"},
        BadDocument{"a_group_twice", R"([{"op":"add","path":"/users/2/groups/-","value":"auditors"}])",
                    "/users/2/groups/1", "twice"},
        BadDocument{"a_bad_group", R"([{"op":"add","path":"/users/2/groups/-","value":"a b"}])", "/users/2/groups/1",
                    "not a name"},
        BadDocument{"an_unknown_member_of_a_user", R"([{"op":"add","path":"/users/2/role","value":"x"}])",
                    "/users/2/role", "not a known field"},
        BadDocument{"a_user_that_is_no_object", R"([{"op":"replace","path":"/users/2","value":"x"}])", "/users/2",
                    "object"},
        BadDocument{"admins_without_members", R"([{"op":"replace","path":"/admins/group","value":"ghosts"}])",
                    "/admins/group", "without members"},
        BadDocument{"an_unreachable_minimum", R"([{"op":"replace","path":"/admins/min","value":3}])", "/admins/min",
                    "cannot be reached"},
        BadDocument{"a_minimum_of_0", R"([{"op":"replace","path":"/admins/min","value":0}])", "/admins/min", "between"},
        BadDocument{"a_negative_delay", R"([{"op":"replace","path":"/admins/delay_hours","value":-1}])",
                    "/admins/delay_hours", "between"},
        BadDocument{"a_delay_of_ten_years", R"([{"op":"replace","path":"/admins/delay_hours","value":87600}])",
                    "/admins/delay_hours", "between"},
        BadDocument{"an_unknown_member_of_admins", R"([{"op":"add","path":"/admins/max","value":3}])", "/admins/max",
                    "not a known field"}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Rules, PolicyRefuses,
    testing::Values(
        BadDocument{"an_id_twice", R"([{"op":"add","path":"/rules/-","value":{"id":"r","if":{},"then":"deny"}}])",
                    "/rules/1/id", "another rule"},
        BadDocument{"the_id_default", R"([{"op":"replace","path":"/rules/0/id","value":"default"}])", "/rules/0/id",
                    "default"},
        BadDocument{"a_bad_id", R"([{"op":"replace","path":"/rules/0/id","value":"-r"}])", "/rules/0/id", "not a name"},
        BadDocument{"no_if", R"([{"op":"remove","path":"/rules/0/if"}])", "/rules/0/if", "missing"},
        BadDocument{"no_then", R"([{"op":"remove","path":"/rules/0/then"}])", "/rules/0/then", "missing"},
        BadDocument{"an_unknown_then", R"([{"op":"replace","path":"/rules/0/then","value":"permit"}])", "/rules/0/then",
                    "allow"},
        BadDocument{"then_true", R"([{"op":"replace","path":"/rules/0/then","value":true}])", "/rules/0/then", "allow"},
        BadDocument{"then_an_empty_object", R"([{"op":"replace","path":"/rules/0/then","value":{}}])",
                    "/rules/0/then/approve", "missing"},
        BadDocument{"approve_by_nobody", R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[]}}])",
                    "/rules/0/then/approve", "empty"},
        BadDocument{"approve_by_a_text", R"([{"op":"replace","path":"/rules/0/then","value":{"approve":"treasury"}}])",
                    "/rules/0/then/approve", "array"},
        BadDocument{"approve_by_a_group_without_members",
                    R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"ghosts","min":1}]}}])",
                    "/rules/0/then/approve/0/group", "without members"},
        BadDocument{
            "approve_by_more_than_there_are",
            R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"admins","min":2},{"group":"treasury","min":3}]}}])",
            "/rules/0/then/approve/1/min", "has 2 members"},
        BadDocument{"approve_by_none",
                    R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury","min":0}]}}])",
                    "/rules/0/then/approve/0/min", "between"},
        BadDocument{
            "approve_by_a_group_twice",
            R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury","min":1},{"group":"treasury","min":2}]}}])",
            "/rules/0/then/approve/1/group", "twice"},
        BadDocument{"approve_without_min",
                    R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury"}]}}])",
                    "/rules/0/then/approve/0/min", "missing"},
        BadDocument{
            "approve_by_whom_else",
            R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury","min":1,"user":"bob"}]}}])",
            "/rules/0/then/approve/0/user", "not a known field"},
        BadDocument{"expires_hours_alone", R"([{"op":"replace","path":"/rules/0/then","value":{"expires_hours":24}}])",
                    "/rules/0/then/approve", "missing"},
        BadDocument{
            "expires_at_once",
            R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury","min":1}],"expires_hours":0}}])",
            "/rules/0/then/expires_hours", "between"},
        BadDocument{
            "expires_after_31_days",
            R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury","min":1}],"expires_hours":744}}])",
            "/rules/0/then/expires_hours", "720"},
        BadDocument{
            "approve_unless",
            R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury","min":1}],"unless":true}}])",
            "/rules/0/then/unless", "not a known field"},
        BadDocument{"an_unknown_condition", R"([{"op":"add","path":"/rules/0/if/colour","value":"red"}])",
                    "/rules/0/if/colour", "not a known field"},
        BadDocument{"an_unknown_member_of_a_rule", R"([{"op":"add","path":"/rules/0/unless","value":{}}])",
                    "/rules/0/unless", "not a known field"},
        BadDocument{"an_unknown_kind", R"([{"op":"replace","path":"/rules/0/if/kind","value":"sing"}])",
                    "/rules/0/if/kind", "not a kind"},
        BadDocument{"an_unknown_kind_in_a_list",
                    R"([{"op":"replace","path":"/rules/0/if/kind","value":["sign","sing"]}])", "/rules/0/if/kind/1",
                    "not a kind"},
        BadDocument{"no_kinds", R"([{"op":"replace","path":"/rules/0/if/kind","value":[]}])", "/rules/0/if/kind",
                    "empty"},
        BadDocument{"a_kind_twice", R"([{"op":"replace","path":"/rules/0/if/kind","value":["sign","sign"]}])",
                    "/rules/0/if/kind/1", "twice"},
        BadDocument{"a_number_as_kind", R"([{"op":"replace","path":"/rules/0/if/kind","value":3}])", "/rules/0/if/kind",
                    "array"},
        BadDocument{"no_keys", R"([{"op":"add","path":"/rules/0/if/key","value":[]}])", "/rules/0/if/key", "empty"},
        BadDocument{"a_text_as_key", R"([{"op":"add","path":"/rules/0/if/key","value":"hot-*"}])", "/rules/0/if/key",
                    "array"},
        BadDocument{"a_glob_that_no_name_can_match", R"([{"op":"add","path":"/rules/0/if/key","value":["a","Hot-*"]}])",
                    "/rules/0/if/key/1", "no key"},
        BadDocument{"a_question_mark", R"([{"op":"add","path":"/rules/0/if/key","value":["hot-?"]}])",
                    "/rules/0/if/key/0", "no key"},
        BadDocument{"by_an_unknown_user", R"([{"op":"add","path":"/rules/0/if/by","value":["user:mallory"]}])",
                    "/rules/0/if/by/0", "not a user"},
        BadDocument{"by_a_group_without_members",
                    R"([{"op":"add","path":"/rules/0/if/by","value":["user:bob","group:ghosts"]}])", "/rules/0/if/by/1",
                    "without members"},
        BadDocument{"by_a_bare_name", R"([{"op":"add","path":"/rules/0/if/by","value":["bob"]}])", "/rules/0/if/by/0",
                    "user:"},
        BadDocument{"an_unknown_payload", R"([{"op":"add","path":"/rules/0/if/payload","value":["fax"]}])",
                    "/rules/0/if/payload/0", "not a kind"},
        BadDocument{"a_payload_without_sign",
                    R"([{"op":"replace","path":"/rules/0/if","value":{"kind":["refresh"],"payload":["message"]}}])",
                    "/rules/0/if/payload", "only requests of kind sign"}),
    [](const auto& instance) { return instance.param.name; });

// Whatever the format has and this version cannot decide is refused, never ignored.
TEST(PolicyDocument, EveryConditionOfLaterVersionsIsRefusedByName) {
  for (const char* name : {"label"}) {
    Json policy = base_policy();
    policy["rules"].push_back(parse_json(kRule));
    policy["rules"][0]["if"][name] = Json::array({"x"});
    const auto [pointer, what] = error_of(policy);
    EXPECT_EQ(pointer, "/rules/0/if/" + std::string(name));
    EXPECT_NE(what.find(kLater), std::string::npos) << what;
  }
}

TEST(PolicyDocument, IsBounded) {
  Json policy = base_policy();
  for (std::size_t i = 0; i < limits::kMaxRules + 1; ++i) {
    Json rule = parse_json(kRule);
    rule["id"] = "r" + std::to_string(i);
    policy["rules"].push_back(rule);
  }
  EXPECT_EQ(error_of(policy).first, "/rules");
  policy["rules"].erase(limits::kMaxRules);
  EXPECT_EQ(error_of(policy).first, "no error");
  EXPECT_THROW(PolicyDocument::parse(std::string(limits::kMaxPolicyBytes + 1, ' ')), JsonError);
}

}  // namespace
}  // namespace quorate::policy

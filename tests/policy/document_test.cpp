#include "policy/document.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/rng.h"
#include "policy/first_policy.h"

namespace quorate::policy {
namespace {

Ed25519PublicKey key_of(std::uint64_t seed) {
  SeededRng rng(seed);
  return Ed25519SecretKey::generate(rng).public_key();
}

// alice and bob are admins, alice is in the treasury, carol audits, bot-1 and bot-2 pay.
Json base_policy() {
  Json policy = parse_json(R"({
    "version": 1, "previous": "", "cluster": "", "users": [],
    "admins": {"group": "admins", "min": 2, "delay_hours": 24}, "readers": ["auditors"],
    "lists": {"exchanges": ["0xabc", "bc1q"]},
    "rules": [], "default": "deny" })");
  policy["cluster"] = std::string(64, 'c');
  std::uint64_t seed = 1;
  const auto add = [&](const char* id, const Json& groups) {
    Json user = Json::object();
    user["id"] = id;
    user["key"] = key_of(seed++).to_text();
    user["groups"] = groups;
    policy["users"].push_back(user);
  };
  add("alice", Json::array({"treasury", "admins"}));
  add("bob", Json::array({"admins"}));
  add("carol", Json::array({"auditors"}));
  add("bot-1", Json::array({"bots"}));
  add("bot-2", Json::array({"bots", "treasury"}));
  add("nobody", Json::array());
  return policy;
}

PolicyDocument with_rules(std::string_view rules) {
  Json policy = base_policy();
  policy["rules"] = parse_json(rules);
  return PolicyDocument::parse(policy.dump());
}

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
  EXPECT_EQ(policy.lists().at("exchanges"), (std::vector<std::string>{"0xabc", "bc1q"}));
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
        BadDocument{"a_later_member", R"([{"op":"add","path":"/self_approve","value":false}])", "/self_approve",
                    kLater},
        BadDocument{"another_later_member", R"([{"op":"add","path":"/refresh_every_days","value":{"*":30}}])",
                    "/refresh_every_days", kLater},
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
        BadDocument{"then_an_empty_object", R"([{"op":"replace","path":"/rules/0/then","value":{}}])", "/rules/0/then",
                    "allow"},
        BadDocument{
            "approve",
            R"([{"op":"replace","path":"/rules/0/then","value":{"approve":[{"group":"treasury","min":2}],"expires_hours":24}}])",
            "/rules/0/then/approve", kLater},
        BadDocument{"expires_hours", R"([{"op":"replace","path":"/rules/0/then","value":{"expires_hours":24}}])",
                    "/rules/0/then/expires_hours", kLater},
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
  for (const char* name : {"label", "chain", "to", "contract", "call", "domain", "asset", "max", "fee_max", "window",
                           "path", "sighash", "hours_utc", "weekdays"}) {
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

// ---- decisions ----------------------------------------------------------------------------------

struct Case {
  const char* name;
  const char* rules;
  PolicyQuery query;
  Effect effect;
  const char* rule;
};
void PrintTo(const Case& c, std::ostream* os) { *os << c.name; }
class PolicyDecides : public testing::TestWithParam<Case> {};

TEST_P(PolicyDecides, It) {
  const Case& c = GetParam();
  const Decision decision = with_rules(c.rules).evaluate(c.query);
  EXPECT_EQ(name_of(decision.effect), name_of(c.effect));
  EXPECT_EQ(decision.rule, c.rule);
  EXPECT_EQ(decision.allowed(), c.effect == Effect::allow);
}

constexpr Effect kAllow = Effect::allow, kDeny = Effect::deny;
using P = PayloadKind;
PolicyQuery sign(const char* user, const char* key, std::optional<P> payload = P::message) {
  return {Kind::sign, key, user, payload};
}
PolicyQuery on_key(Kind kind, const char* user, const char* key) { return {kind, key, user, std::nullopt}; }
PolicyQuery without_key(Kind kind, const char* user) { return {kind, std::nullopt, user, std::nullopt}; }

constexpr const char* kNone = "[]";
constexpr const char* kAll = R"([{"id":"all","if":{},"then":"allow"}])";
constexpr const char* kKind = R"([{"id":"r","if":{"kind":"sign"},"then":"allow"}])";
constexpr const char* kKinds = R"([{"id":"r","if":{"kind":["refresh","archive"]},"then":"allow"}])";
constexpr const char* kHot = R"([{"id":"hot","if":{"key":["hot-*"]},"then":"allow"}])";
constexpr const char* kInside = R"([{"id":"r","if":{"key":["a*b*c","exact"]},"then":"allow"}])";
constexpr const char* kByUser = R"([{"id":"r","if":{"by":["user:alice"]},"then":"allow"}])";
constexpr const char* kByGroup = R"([{"id":"r","if":{"by":["group:bots","user:bob"]},"then":"allow"}])";
constexpr const char* kPayload = R"([{"id":"r","if":{"payload":["message","eth_transaction"]},"then":"allow"}])";
constexpr const char* kEvery =
    R"([{"id":"r","if":{"kind":"sign","key":["hot-*"],"by":["group:bots"],"payload":["message"]},"then":"allow"}])";
constexpr const char* kDenyFirst =
    R"([{"id":"no","if":{"key":["cold-*"]},"then":"deny"},{"id":"yes","if":{"kind":"sign"},"then":"allow"}])";
constexpr const char* kAllowFirst =
    R"([{"id":"yes","if":{"kind":"sign"},"then":"allow"},{"id":"no","if":{"key":["cold-*"]},"then":"deny"}])";
constexpr const char* kDenyDigest =
    R"([{"id":"no","if":{"kind":"sign","payload":["digest"]},"then":"deny"},{"id":"yes","if":{"kind":"sign"},"then":"allow"}])";
constexpr const char* kAllowMessage =
    R"([{"id":"yes","if":{"kind":"sign","payload":["message"]},"then":"allow"},{"id":"last","if":{"by":["user:bob"]},"then":"allow"}])";
constexpr const char* kDenyUnknownElsewhere =
    R"([{"id":"no","if":{"key":["cold-*"],"payload":["digest"]},"then":"deny"},{"id":"yes","if":{"kind":"sign"},"then":"allow"}])";
constexpr const char* kTwoUnknownDenies =
    R"([{"id":"a","if":{"payload":["digest"]},"then":"deny"},{"id":"b","if":{"payload":["message"]},"then":"deny"},
        {"id":"yes","if":{},"then":"allow"}])";
constexpr const char* kFreezeHot =
    R"([{"id":"no","if":{"kind":"freeze","key":["hot-*"]},"then":"deny"},{"id":"yes","if":{"kind":"freeze"},"then":"allow"}])";
constexpr const char* kAllowFreezeHot = R"([{"id":"yes","if":{"kind":"freeze","key":["hot-*"]},"then":"allow"}])";
constexpr const char* kFreezeAny = R"([{"id":"yes","if":{"kind":"freeze","key":["*"]},"then":"allow"}])";

const Case kCases[] = {
    {"no_rule_denies", kNone, sign("alice", "k"), kDeny, "default"},
    {"a_rule_without_conditions_holds_always", kAll, sign("alice", "k"), kAllow, "all"},
    {"even_for_a_change_of_policy", kAll, without_key(Kind::change_policy, "alice"), kAllow, "all"},
    {"but_for_no_stranger", kAll, sign("mallory", "k"), kDeny, "default"},
    {"and_no_empty_user", kAll, sign("", "k"), kDeny, "default"},
    {"and_no_unset_kind", kAll, on_key(Kind::unset, "alice", "k"), kDeny, "default"},
    {"a_group_is_no_user", kAll, sign("admins", "k"), kDeny, "default"},

    {"the_kind_matches", kKind, sign("alice", "k"), kAllow, "r"},
    {"another_kind", kKind, on_key(Kind::refresh, "alice", "k"), kDeny, "default"},
    {"create_key_is_not_sign", kKind, on_key(Kind::create_key, "alice", "k"), kDeny, "default"},
    {"one_of_the_kinds", kKinds, on_key(Kind::archive, "alice", "k"), kAllow, "r"},
    {"the_other_of_the_kinds", kKinds, on_key(Kind::refresh, "alice", "k"), kAllow, "r"},
    {"none_of_the_kinds", kKinds, on_key(Kind::reshare, "alice", "k"), kDeny, "default"},
    {"unarchive_is_not_archive", kKinds, on_key(Kind::unarchive, "alice", "k"), kDeny, "default"},

    {"the_glob_matches", kHot, sign("alice", "hot-1"), kAllow, "hot"},
    {"a_star_may_be_nothing", kHot, sign("alice", "hot-"), kAllow, "hot"},
    {"the_glob_is_anchored_in_front", kHot, sign("alice", "a-hot-1"), kDeny, "default"},
    {"the_glob_needs_all_of_its_text", kHot, sign("alice", "hot"), kDeny, "default"},
    {"a_glob_is_case_sensitive", kHot, sign("alice", "HOT-1"), kDeny, "default"},
    {"stars_inside", kInside, sign("alice", "a--b--c"), kAllow, "r"},
    {"stars_inside_may_be_nothing", kInside, sign("alice", "abc"), kAllow, "r"},
    {"the_glob_is_anchored_behind", kInside, sign("alice", "abcd"), kDeny, "default"},
    {"the_last_of_many", kInside, sign("alice", "abcbc"), kAllow, "r"},
    {"an_exact_name", kInside, sign("alice", "exact"), kAllow, "r"},
    {"an_exact_name_is_anchored", kInside, sign("alice", "exactly"), kDeny, "default"},
    {"a_dot_is_a_dot", R"([{"id":"r","if":{"key":["a.c"]},"then":"allow"}])", sign("alice", "abc"), kDeny, "default"},
    {"create_key_has_its_name", kHot, on_key(Kind::create_key, "alice", "hot-9"), kAllow, "hot"},
    {"a_change_of_policy_has_no_key", kHot, without_key(Kind::change_policy, "alice"), kDeny, "default"},
    {"not_even_for_a_star", R"([{"id":"r","if":{"key":["*"]},"then":"allow"}])",
     without_key(Kind::change_cluster, "alice"), kDeny, "default"},
    {"a_star_is_every_key", R"([{"id":"r","if":{"key":["*"]},"then":"allow"}])", sign("alice", "any"), kAllow, "r"},

    {"by_the_user", kByUser, sign("alice", "k"), kAllow, "r"},
    {"by_another_user", kByUser, sign("bob", "k"), kDeny, "default"},
    {"by_a_member_of_the_group", kByGroup, sign("bot-1", "k"), kAllow, "r"},
    {"by_another_member_of_the_group", kByGroup, sign("bot-2", "k"), kAllow, "r"},
    {"by_the_user_beside_the_group", kByGroup, sign("bob", "k"), kAllow, "r"},
    {"by_a_member_of_another_group", kByGroup, sign("carol", "k"), kDeny, "default"},
    {"by_somebody_without_groups", kByGroup, sign("nobody", "k"), kDeny, "default"},

    {"the_payload_matches", kPayload, sign("alice", "k", P::message), kAllow, "r"},
    {"another_payload_of_the_list", kPayload, sign("alice", "k", P::eth_transaction), kAllow, "r"},
    {"a_payload_that_is_not_listed", kPayload, sign("alice", "k", P::digest), kDeny, "default"},
    {"a_refresh_has_no_payload", kPayload, on_key(Kind::refresh, "alice", "k"), kDeny, "default"},

    {"all_conditions_hold", kEvery, sign("bot-1", "hot-1"), kAllow, "r"},
    {"all_but_the_kind", kEvery, {Kind::refresh, "hot-1", "bot-1", P::message}, kDeny, "default"},
    {"all_but_the_key", kEvery, sign("bot-1", "cold-1"), kDeny, "default"},
    {"all_but_the_user", kEvery, sign("alice", "hot-1"), kDeny, "default"},
    {"all_but_the_payload", kEvery, sign("bot-1", "hot-1", P::digest), kDeny, "default"},

    {"the_first_true_rule_decides_deny", kDenyFirst, sign("alice", "cold-1"), kDeny, "no"},
    {"a_false_deny_passes_on", kDenyFirst, sign("alice", "hot-1"), kAllow, "yes"},
    {"the_first_true_rule_decides_allow", kAllowFirst, sign("alice", "cold-1"), kAllow, "yes"},
    {"a_later_deny_still_decides_the_rest", kAllowFirst, on_key(Kind::refresh, "alice", "cold-1"), kDeny, "no"},
    {"no_rule_holds", kAllowFirst, on_key(Kind::refresh, "alice", "hot-1"), kDeny, "default"},

    {"a_deny_of_digests", kDenyDigest, sign("alice", "k", P::digest), kDeny, "no"},
    {"allows_messages", kDenyDigest, sign("alice", "k", P::message), kAllow, "yes"},
    {"an_unknown_never_escapes_a_deny", kDenyDigest, sign("alice", "k", std::nullopt), kDeny, "no"},
    {"an_unset_payload_is_unknown", kDenyDigest, sign("alice", "k", P::unset), kDeny, "no"},
    {"an_unknown_never_helps_an_allow", kPayload, sign("alice", "k", std::nullopt), kDeny, "default"},
    {"an_unknown_allow_leaves_it_to_the_rules_after_it", kAllowMessage, sign("bob", "k", std::nullopt), kAllow, "last"},
    {"and_to_the_default", kAllowMessage, sign("alice", "k", std::nullopt), kDeny, "default"},
    {"false_and_unknown_is_false", kDenyUnknownElsewhere, sign("alice", "hot-1", std::nullopt), kAllow, "yes"},
    {"true_and_unknown_is_unknown", kDenyUnknownElsewhere, sign("alice", "cold-1", std::nullopt), kDeny, "no"},
    {"the_first_unknown_deny_is_named", kTwoUnknownDenies, sign("alice", "k", std::nullopt), kDeny, "a"},
    {"a_true_deny_after_an_unknown_deny_changes_nothing",
     R"([{"id":"a","if":{"payload":["digest"]},"then":"deny"},{"id":"b","if":{},"then":"deny"}])",
     sign("alice", "k", std::nullopt), kDeny, "a"},
    {"an_unknown_deny_after_the_deciding_rule_is_not_reached",
     R"([{"id":"yes","if":{},"then":"allow"},{"id":"a","if":{"payload":["digest"]},"then":"deny"}])",
     sign("alice", "k", std::nullopt), kAllow, "yes"},

    {"freezing_one_key_that_is_denied", kFreezeHot, on_key(Kind::freeze, "alice", "hot-1"), kDeny, "no"},
    {"freezing_one_key_that_is_allowed", kFreezeHot, on_key(Kind::freeze, "alice", "cold-1"), kAllow, "yes"},
    {"freezing_all_may_be_the_denied_one", kFreezeHot, without_key(Kind::freeze, "alice"), kDeny, "no"},
    {"freezing_all_is_more_than_some", kAllowFreezeHot, without_key(Kind::freeze, "alice"), kDeny, "default"},
    {"freezing_all_is_a_star", kFreezeAny, without_key(Kind::freeze, "alice"), kAllow, "yes"},
};
INSTANTIATE_TEST_SUITE_P(All, PolicyDecides, testing::ValuesIn(kCases),
                         [](const auto& instance) { return instance.param.name; });

TEST(Decision, IsADenyWhenDefaultConstructed) {
  const Decision decision;
  EXPECT_EQ(decision.effect, Effect::deny);
  EXPECT_FALSE(decision.allowed());
}

TEST(Decision, SaysWhyEachRuleMatchedOrNot) {
  const auto decision = with_rules(kDenyFirst).evaluate(sign("alice", "hot-1"));
  ASSERT_EQ(decision.reasons.size(), 2u);
  EXPECT_EQ(decision.reasons[0].rule, "no");
  EXPECT_EQ(decision.reasons[0].matched, Truth::no);
  EXPECT_EQ(decision.reasons[0].why, "key hot-1 is not matched");
  EXPECT_EQ(decision.reasons[1].rule, "yes");
  EXPECT_EQ(decision.reasons[1].matched, Truth::yes);
  const auto unknown = with_rules(kDenyDigest).evaluate(sign("alice", "k", std::nullopt));
  EXPECT_EQ(unknown.reasons.at(0).matched, Truth::unknown);
  EXPECT_EQ(unknown.reasons.at(0).why, "the kind of payload is not known");
  const auto stranger = with_rules(kAll).evaluate(sign("mallory", "k"));
  EXPECT_EQ(stranger.reasons.at(0).why, "no such user");
}

// The definition in docs/policy.md, written as it is said there: from the last rule to the first.
Effect by_definition(const PolicyDocument& policy, const Decision& full) {
  Effect after = Effect::deny;
  for (std::size_t i = full.reasons.size(); i-- > 0;) {
    const Effect own = policy.rules()[i].then;
    switch (full.reasons[i].matched) {
      case Truth::yes:
        after = own;
        break;
      case Truth::no:
        break;
      case Truth::unknown:
        after = std::min(own, after);
        break;
    }
  }
  return after;
}

TEST(Decision, IsTheDefinitionForRandomPolicies) {
  SeededRng rng(2024);
  const char* keys[] = {"hot-*", "cold-*", "*", "hot-1"};
  const char* users[] = {"user:alice", "group:bots", "group:treasury"};
  const char* payloads[] = {"message", "digest"};
  int allowed = 0, denied = 0;
  for (int i = 0; i < 2000; ++i) {
    Json rules = Json::array();
    const std::uint64_t count = rng.below(6);
    for (std::uint64_t r = 0; r < count; ++r) {
      Json rule = Json::object();
      rule["id"] = "r" + std::to_string(r);
      rule["if"] = Json::object();
      if (rng.below(2) == 0) rule["if"]["key"] = Json::array({keys[rng.below(4)]});
      if (rng.below(2) == 0) rule["if"]["by"] = Json::array({users[rng.below(3)]});
      if (rng.below(2) == 0) rule["if"]["payload"] = Json::array({payloads[rng.below(2)]});
      rule["then"] = rng.below(2) == 0 ? "allow" : "deny";
      rules.push_back(rule);
    }
    const auto policy = with_rules(rules.dump());
    const char* who[] = {"alice", "bot-1", "bot-2", "carol"};
    const char* which[] = {"hot-1", "cold-1", "other"};
    const std::optional<P> what[] = {P::message, P::digest, std::nullopt};
    const auto query = sign(who[rng.below(4)], which[rng.below(3)], what[rng.below(3)]);
    const Decision decision = policy.evaluate(query);
    EXPECT_EQ(name_of(decision.effect), name_of(by_definition(policy, decision))) << rules.dump();
    (decision.allowed() ? allowed : denied)++;
  }
  EXPECT_GT(allowed, 100);
  EXPECT_GT(denied, 100);
}

TEST(Glob, MatchesAsABruteForceSearchDoes) {
  const std::function<bool(std::string_view, std::string_view)> slow = [&](std::string_view p, std::string_view t) {
    if (p.empty()) return t.empty();
    if (p[0] == '*') return slow(p.substr(1), t) || (!t.empty() && slow(p, t.substr(1)));
    return !t.empty() && p[0] == t[0] && slow(p.substr(1), t.substr(1));
  };
  SeededRng rng(5);
  int matched = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string pattern(rng.below(7), 'a'), text(rng.below(8), 'a');
    for (auto& c : pattern) c = "ab*"[rng.below(3)];
    for (auto& c : text) c = "ab"[rng.below(2)];
    EXPECT_EQ(glob_matches(pattern, text), slow(pattern, text)) << pattern << ' ' << text;
    if (glob_matches(pattern, text)) ++matched;
  }
  EXPECT_GT(matched, 1000);
}

TEST(Glob, ManyStarsAreNoTrap) {
  std::string pattern;
  for (int i = 0; i < 31; ++i) pattern += "*a";
  EXPECT_FALSE(glob_matches(pattern + "b", std::string(63, 'a')));
}

TEST(Names, AreAsTheyAreWritten) {
  for (const auto& good : {"a", "0", "a-b_c.d", "hot-1", "9lives"}) EXPECT_TRUE(is_name(good)) << good;
  EXPECT_TRUE(is_name(std::string(63, 'a')));
  for (const auto& bad : {"", "A", "-a", ".a", "_a", "a b", "a/b", "a*", "ä", "a\n"}) EXPECT_FALSE(is_name(bad)) << bad;
  EXPECT_FALSE(is_name(std::string(64, 'a')));
  EXPECT_FALSE(is_name(std::string_view("a\0", 2)));
}

TEST(Kinds, HaveNamesThatReadBack) {
  for (int i = 1; i <= static_cast<int>(Kind::unfreeze); ++i)
    EXPECT_EQ(parse_kind(name_of(static_cast<Kind>(i))), static_cast<Kind>(i));
  for (int i = 1; i <= static_cast<int>(P::solana_transaction); ++i)
    EXPECT_EQ(parse_payload_kind(name_of(static_cast<P>(i))), static_cast<P>(i));
  EXPECT_EQ(name_of(Kind::unset), "");
  EXPECT_EQ(name_of(P::unset), "");
  EXPECT_FALSE(parse_kind(""));
  EXPECT_FALSE(parse_payload_kind(""));
}

// ---- the first policy ---------------------------------------------------------------------------

TEST(FirstPolicy, LetsTheAdminWorkAndNobodyElse) {
  const std::string cluster(64, 'e');
  const auto policy =
      PolicyDocument::parse(first_policy(cluster, {"admin", key_of(1)}, {"approver", key_of(2)}).dump());
  EXPECT_EQ(policy.version(), 1);
  EXPECT_EQ(policy.cluster_id(), cluster);
  EXPECT_EQ(*policy.key_of("admin"), key_of(1));
  EXPECT_EQ(*policy.key_of("approver"), key_of(2));
  EXPECT_TRUE(policy.is_admin("admin"));
  EXPECT_FALSE(policy.is_admin("approver"));
  EXPECT_TRUE(policy.may_read("admin", "approver"));
  const std::set<Kind> allowed{Kind::create_key, Kind::sign, Kind::derive, Kind::refresh, Kind::reshare, Kind::archive};
  for (int i = 1; i <= static_cast<int>(Kind::unfreeze); ++i) {
    const Kind kind = static_cast<Kind>(i);
    EXPECT_EQ(policy.evaluate({kind, "k", "admin", P::message}).allowed(), allowed.contains(kind)) << name_of(kind);
    EXPECT_FALSE(policy.evaluate({kind, "k", "approver", P::message}).allowed()) << name_of(kind);
  }
  for (int i = 1; i <= static_cast<int>(P::solana_transaction); ++i) {
    const P payload = static_cast<P>(i);
    EXPECT_EQ(policy.evaluate(sign("admin", "k", payload)).allowed(), payload != P::digest)
        << name_of(payload);  // attack 36
  }
  EXPECT_FALSE(policy.evaluate(sign("admin", "k", std::nullopt)).allowed());
}

TEST(FirstPolicy, HasOneAnchorWhateverTheCluster) {
  const FirstUser admin{"admin", key_of(1)}, approver{"approver", key_of(2)};
  EXPECT_EQ(policy_anchor(first_policy("", admin, approver)),
            policy_anchor(first_policy(std::string(64, 'f'), admin, approver)));
}

}  // namespace
}  // namespace quorate::policy

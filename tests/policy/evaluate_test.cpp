#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "policy/document.h"
#include "policy/first_policy.h"
#include "tests/policy/sample_policy.h"

namespace quorate::policy {
namespace {

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
  const auto decision = with_rules(kDenyFirst).explain(sign("alice", "hot-1"));
  ASSERT_EQ(decision.reasons.size(), 2u);
  EXPECT_EQ(decision.reasons[0].rule, "no");
  EXPECT_EQ(decision.reasons[0].matched, Truth::no);
  EXPECT_EQ(decision.reasons[0].why, "key hot-1 is not matched");
  EXPECT_EQ(decision.reasons[1].rule, "yes");
  EXPECT_EQ(decision.reasons[1].matched, Truth::yes);
  const auto unknown = with_rules(kDenyDigest).explain(sign("alice", "k", std::nullopt));
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
    const Decision decision = policy.explain(query);
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
  const std::set<Kind> allowed{Kind::create_key, Kind::sign,    Kind::derive,   Kind::refresh,
                               Kind::reshare,    Kind::archive, Kind::unarchive};
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

// ---- approvals ----------------------------------------------------------------------------------

constexpr const char* kTwoOfTreasury =
    R"([{"id":"two","if":{"kind":"sign"},"then":{"approve":[{"group":"treasury","min":2}],"expires_hours":1}}])";

TEST(PolicyApprovals, ARequesterIsNoApproverUnlessThePolicySaysSo) {
  const PolicyQuery by_bob = sign("bob", "hot-1"), by_alice = sign("alice", "hot-1");
  const auto policy = with_rules(kTwoOfTreasury);
  const Decision waits = policy.evaluate(by_bob);
  EXPECT_EQ(waits.effect, Effect::approve);
  EXPECT_FALSE(waits.allowed());
  EXPECT_EQ(waits.approvals.needs, (std::vector<Need>{{"treasury", 2}}));
  EXPECT_EQ(waits.approvals.expires_hours, 1);
  EXPECT_FALSE(waits.self_approve);

  const Decision never = policy.evaluate(by_alice);
  EXPECT_EQ(never.effect, Effect::deny) << "she is one of the two";
  EXPECT_EQ(never.rule, "two");
  ASSERT_EQ(never.reasons.size(), 1u);
  EXPECT_EQ(never.reasons[0].why, "it needs 2 of group treasury besides the requester, who are 1");
  EXPECT_TRUE(never.approvals.needs.empty());

  Json json = base_policy();
  json["rules"] = parse_json(kTwoOfTreasury);
  json["self_approve"] = {"hot-*"};
  const auto lenient = PolicyDocument::from_json(json);
  EXPECT_EQ(lenient.evaluate(by_alice).effect, Effect::approve);
  EXPECT_TRUE(lenient.evaluate(by_alice).self_approve);
  EXPECT_EQ(lenient.evaluate(sign("alice", "cold-1")).effect, Effect::deny);
}

TEST(PolicyApprovals, OfTwoRulesThatAskBothAreNeeded) {
  // The payload shows no recipient: the first rule is unknown.
  const auto policy = with_rules(
      R"([{"id":"to","if":{"to":["0x3535353535353535353535353535353535353535"]},"then":{"approve":[{"group":"treasury","min":1},{"group":"bots","min":1}],"expires_hours":2}},
          {"id":"all","if":{},"then":{"approve":[{"group":"treasury","min":2},{"group":"admins","min":1}],"expires_hours":9}}])");
  const Decision both = policy.evaluate(sign("nobody", "hot-1"));
  EXPECT_EQ(both.effect, Effect::approve);
  EXPECT_EQ(both.rule, "to");
  EXPECT_EQ(both.approvals.needs, (std::vector<Need>{{"admins", 1}, {"bots", 1}, {"treasury", 2}}));
  EXPECT_EQ(both.approvals.expires_hours, 2);
  EXPECT_EQ(policy.evaluate(on_key(Kind::refresh, "nobody", "hot-1")).rule, "all") << "has no recipient";
}

TEST(PolicyApprovals, TooManyAreRefusedAtOnce) {
  Json json = base_policy();
  for (int k = 0; k < 70; ++k) {
    SeededRng rng(100 + static_cast<std::uint64_t>(k));
    json["users"].push_back({{"id", "u" + std::to_string(k)},
                             {"key", Ed25519SecretKey::generate(rng).public_key().to_text()},
                             {"groups", {k < 35 ? "left" : "right"}}});
  }
  json["rules"] = parse_json(
      R"([{"id":"l","if":{"to":["0x3535353535353535353535353535353535353535"]},"then":{"approve":[{"group":"left","min":33}]}},
          {"id":"r","if":{"to":["0x3535353535353535353535353535353535353536"]},"then":{"approve":[{"group":"right","min":33}]}},
          {"id":"all","if":{},"then":"allow"}])");
  const Decision decision = PolicyDocument::from_json(json).evaluate(sign("alice", "hot-1"));
  EXPECT_EQ(decision.effect, Effect::deny);
  EXPECT_EQ(decision.rule, "l");
}

}  // namespace
}  // namespace quorate::policy

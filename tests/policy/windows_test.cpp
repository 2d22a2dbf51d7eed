// Windows of rules: which sums a payload adds to, whether they have room, what the deciding rule demands of the ledger.
#include "policy/windows.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/policy/sample_movements.h"
#include "tests/policy/sample_policy.h"

namespace quorate::policy {
namespace {

const std::string kKeyId = "5f0c";

Movement move(std::uint64_t amount, const std::string& to = kAlice, const std::string& asset = kEth) {
  return {MovementKind::transfer, asset, "0xme", to, Amount(U256(amount)), ""};
}
Movement changed(Movement m, const std::function<void(Movement&)>& change) {
  change(m);
  return m;
}
const Movement kFee{MovementKind::fee, kEth, "0xme", "fee", Amount(U256(1000)), ""};
const Movement kNoAmount = changed(move(0), [](Movement& m) { m.amount = Amount(); });
const Movement kNoRecipient = changed(move(4), [](Movement& m) { m.to = "unknown"; });
const Movement kNoAsset = changed(move(4), [](Movement& m) { m.asset = "unknown"; });
const Movement kAllowance = changed(move(4), [](Movement& m) { m.kind = MovementKind::allowance; });
const Movement kItem = changed(move(4, kAlice, kUsdc), [](Movement& m) { m.or_asset = "eip155:1/erc721:0xa0/4"; });

PolicyQuery query_of(const Facts* facts, const Ledger* ledger) {
  PolicyQuery query{Kind::sign, "hot-1", "bot-1", PayloadKind::eth_transaction, facts};
  query.key_id = kKeyId;
  query.ledger = ledger;
  query.split_key = 2;
  query.split_cluster = 4;
  return query;
}

// ---- one rule: what it is, with so much in the ledger

struct Past {
  std::string sum;
  std::uint64_t total = 0, own = 0;  // amount, or count
  std::int64_t hours = 24;
};
struct Case {
  const char* name;
  const char* windows;  // of the rule
  std::vector<Movement> movements;
  std::vector<Past> past;
  Truth expected;
  const char* more = "";  // other conditions
};
void PrintTo(const Case& c, std::ostream* os) { *os << c.name; }
class Window1 : public testing::TestWithParam<Case> {};

constexpr const char* kKeyMax = R"({"hours":24,"max":"10","per":"key"})";
constexpr const char* kToMax = R"({"hours":24,"max":"10","per":"to"})";
constexpr const char* kByMax = R"({"hours":24,"max":"10","per":"by"})";
constexpr const char* kAssetMax = R"({"hours":24,"max":"10","per":"asset"})";
constexpr const char* kKeyCount = R"({"hours":24,"count":3,"per":"key"})";
constexpr const char* kToCount = R"({"hours":24,"count":3,"per":"to"})";
constexpr const char* kByCount = R"({"hours":24,"count":3,"per":"by"})";
constexpr const char* kAssetCount = R"({"hours":24,"count":3,"per":"asset"})";
constexpr const char* kKeySplit = R"({"hours":24,"max":"11","per":"key","mode":"split"})";
constexpr const char* kToSplit = R"({"hours":24,"max":"11","per":"to","mode":"split"})";
constexpr const char* kKeySplitCount = R"({"hours":24,"count":7,"per":"key","mode":"split"})";
constexpr const char* kBySplitCount = R"({"hours":24,"count":9,"per":"by","mode":"split"})";
constexpr const char* kTwo = R"([{"hours":1,"max":"5","per":"key"},{"hours":24,"max":"10","per":"key"}])";
constexpr const char* kMixed = R"([{"hours":24,"max":"10","per":"to"},{"hours":24,"count":2,"per":"by"}])";
constexpr Truth kYes = Truth::yes, kNo = Truth::no, kUnknown = Truth::unknown;

const std::string kKeyEth = sum_name("key", kKeyId, kEth), kKeyUsdc = sum_name("key", kKeyId, kUsdc);
const std::string kKeyN = sum_name("key", kKeyId), kByN = sum_name("by", "bot-1"),
                  kByEth = sum_name("by", "bot-1", kEth);
const std::string kToAlice = sum_name("to", kAlice, kEth), kToBob = sum_name("to", kMallory, kEth);
const std::string kToAliceN = sum_name("to", kAlice), kToBobN = sum_name("to", kMallory);
const std::string kAssetEth = sum_name("asset", kEth, kEth), kAssetEthN = sum_name("asset", kEth);

const Case kCases[] = {
    {"key_max_nothing_yet", kKeyMax, {move(9)}, {}, kYes},
    {"key_max_equal", kKeyMax, {move(10)}, {}, kYes},
    {"key_max_above", kKeyMax, {move(11)}, {}, kNo},
    {"key_max_equal_with_past", kKeyMax, {move(4)}, {{kKeyEth, 6, 0}}, kYes},
    {"key_max_above_with_past", kKeyMax, {move(5)}, {{kKeyEth, 6, 0}}, kNo},
    {"key_max_full_and_nothing_more", kKeyMax, {move(0)}, {{kKeyEth, 10, 0}}, kYes},
    {"key_max_overfull", kKeyMax, {move(0)}, {{kKeyEth, 11, 0}}, kNo},
    {"key_max_of_another_key", kKeyMax, {move(10)}, {{sum_name("key", "5f0d", kEth), 10, 10}}, kYes},
    {"key_max_of_another_span", kKeyMax, {move(10)}, {{kKeyEth, 10, 10, 1}}, kYes},
    {"key_max_sums_movements", kKeyMax, {move(5), move(6, kMallory)}, {}, kNo},
    {"key_max_sums_to_equal", kKeyMax, {move(5), move(5, kMallory)}, {}, kYes},
    {"key_max_each_asset_by_itself", kKeyMax, {move(10), move(10, kAlice, kUsdc)}, {}, kYes},
    {"key_max_one_asset_full", kKeyMax, {move(1), move(1, kAlice, kUsdc)}, {{kKeyUsdc, 10, 0}}, kNo},
    {"key_max_other_asset_full", kKeyMax, {move(1)}, {{kKeyUsdc, 10, 0}}, kYes},
    {"key_max_no_fee", kKeyMax, {move(10), kFee}, {}, kYes},
    {"key_max_allowance", kKeyMax, {kAllowance}, {{kKeyEth, 7, 0}}, kNo},
    {"key_max_allowance_fits", kKeyMax, {kAllowance}, {{kKeyEth, 6, 0}}, kYes},
    {"key_max_amount_unknown", kKeyMax, {kNoAmount}, {}, kUnknown},
    {"key_max_amount_unknown_but_above", kKeyMax, {kNoAmount, move(11)}, {}, kNo},
    {"key_max_asset_unknown", kKeyMax, {kNoAsset}, {}, kUnknown},
    {"key_max_recipient_of_no_account", kKeyMax, {kNoRecipient}, {}, kYes},
    {"key_max_opaque", kKeyMax, {Movement{}}, {}, kUnknown},
    {"key_max_moves_nothing", kKeyMax, {}, {}, kNo},
    {"key_max_only_a_fee", kKeyMax, {kFee}, {}, kNo},
    {"key_max_maybe_an_item", kKeyMax, {kItem}, {}, kUnknown},
    {"key_max_asset_pinned", kKeyMax, {kItem}, {}, kYes, R"("asset":["eip155:1/erc20:*"],)"},
    {"key_max_own_does_not_count", kKeyMax, {move(10)}, {{kKeyEth, 0, 10}}, kYes},
    {"to_max_equal", kToMax, {move(4)}, {{kToAlice, 6, 0}}, kYes},
    {"to_max_above", kToMax, {move(5)}, {{kToAlice, 6, 0}}, kNo},
    {"to_max_another_recipient", kToMax, {move(10, kMallory)}, {{kToAlice, 10, 0}}, kYes},
    {"to_max_several_recipients", kToMax, {move(10), move(10, kMallory)}, {}, kYes},
    {"to_max_one_of_several_full", kToMax, {move(1), move(1, kMallory)}, {{kToBob, 10, 0}}, kNo},
    {"to_max_twice_to_one", kToMax, {move(5), move(1, kMallory), move(6)}, {}, kNo},
    {"to_max_recipient_unknown", kToMax, {kNoRecipient}, {}, kUnknown},
    {"to_max_one_recipient_unknown", kToMax, {move(1), kNoRecipient}, {}, kUnknown},
    {"to_max_one_unknown_another_full", kToMax, {move(1), kNoRecipient}, {{kToAlice, 10, 0}}, kNo},
    {"by_max_equal", kByMax, {move(4)}, {{kByEth, 6, 0}}, kYes},
    {"by_max_above", kByMax, {move(5)}, {{kByEth, 6, 0}}, kNo},
    {"by_max_another_requester", kByMax, {move(10)}, {{sum_name("by", "bot-2", kEth), 10, 0}}, kYes},
    {"asset_max_equal", kAssetMax, {move(4)}, {{kAssetEth, 6, 0}}, kYes},
    {"asset_max_above", kAssetMax, {move(5)}, {{kAssetEth, 6, 0}}, kNo},
    {"asset_max_another_asset", kAssetMax, {move(10, kAlice, kUsdc)}, {{kAssetEth, 10, 0}}, kYes},
    {"asset_max_asset_unknown", kAssetMax, {kNoAsset}, {}, kUnknown},
    {"key_count_room", kKeyCount, {move(99)}, {{kKeyN, 2, 0}}, kYes},
    {"key_count_full", kKeyCount, {move(0)}, {{kKeyN, 3, 0}}, kNo},
    {"key_count_batch_is_one", kKeyCount, {move(1), move(1, kMallory), move(1), move(1)}, {{kKeyN, 2, 0}}, kYes},
    {"key_count_moves_nothing", kKeyCount, {}, {{kKeyN, 2, 0}}, kYes},
    {"key_count_opaque", kKeyCount, {Movement{}}, {}, kYes},
    {"by_count_room", kByCount, {}, {{kByN, 2, 0}}, kYes},
    {"by_count_full", kByCount, {}, {{kByN, 3, 0}}, kNo},
    {"to_count_room", kToCount, {move(1)}, {{kToAliceN, 2, 0}}, kYes},
    {"to_count_full", kToCount, {move(1)}, {{kToAliceN, 3, 0}}, kNo},
    {"to_count_one_of_several", kToCount, {move(1), move(1, kMallory)}, {{kToBobN, 3, 0}}, kNo},
    {"to_count_twice_to_one_is_one", kToCount, {move(1), move(1)}, {{kToAliceN, 2, 0}}, kYes},
    {"to_count_amount_unknown", kToCount, {kNoAmount}, {}, kYes},
    {"to_count_recipient_unknown", kToCount, {kNoRecipient}, {}, kUnknown},
    {"to_count_moves_nothing", kToCount, {}, {}, kNo},
    {"asset_count_full", kAssetCount, {move(1)}, {{kAssetEthN, 3, 0}}, kNo},
    {"asset_count_other", kAssetCount, {move(1, kAlice, kUsdc)}, {{kAssetEthN, 3, 0}}, kYes},
    {"asset_count_unknown", kAssetCount, {kNoAsset}, {}, kUnknown},
    {"split_key_rounds_down", kKeySplit, {move(5)}, {}, kYes},
    {"split_key_above_its_part", kKeySplit, {move(6)}, {}, kNo},
    {"split_key_own_past", kKeySplit, {move(2)}, {{kKeyEth, 3, 3}}, kYes},
    {"split_key_own_past_full", kKeySplit, {move(3)}, {{kKeyEth, 3, 3}}, kNo},
    {"split_key_others_past", kKeySplit, {move(5)}, {{kKeyEth, 100, 0}}, kYes},
    {"split_to_among_the_cluster", kToSplit, {move(2)}, {}, kYes},
    {"split_to_above", kToSplit, {move(3)}, {}, kNo},
    {"split_key_count", kKeySplitCount, {}, {{kKeyN, 9, 2}}, kYes},
    {"split_key_count_full", kKeySplitCount, {}, {{kKeyN, 9, 3}}, kNo},
    {"split_by_count", kBySplitCount, {}, {{kByN, 9, 1}}, kYes},
    {"split_by_count_full", kBySplitCount, {}, {{kByN, 9, 2}}, kNo},
    {"split_zero_part", R"({"hours":24,"max":"1","per":"key","mode":"split"})", {move(1)}, {}, kNo},
    {"split_zero_part_of_a_count", R"({"hours":24,"count":3,"per":"by","mode":"split"})", {}, {}, kNo},
    {"max_zero", R"({"hours":24,"max":"0","per":"key"})", {move(1)}, {}, kNo},
    {"max_zero_of_nothing", R"({"hours":24,"max":"0","per":"key"})", {move(0)}, {}, kYes},
    {"count_zero", R"({"hours":24,"count":0,"per":"key"})", {}, {}, kNo},
    {"two_both_fit", kTwo, {move(5)}, {{kKeyEth, 5, 0, 24}}, kYes},
    {"two_the_short_is_full", kTwo, {move(5)}, {{kKeyEth, 1, 0, 1}}, kNo},
    {"two_the_long_is_full", kTwo, {move(5)}, {{kKeyEth, 6, 0, 24}}, kNo},
    {"mixed_both_fit", kMixed, {move(10)}, {{kByN, 1, 0}}, kYes},
    {"mixed_count_is_full", kMixed, {move(1)}, {{kByN, 2, 0}}, kNo},
    {"mixed_unknown_and_full", kMixed, {kNoRecipient}, {{kByN, 2, 0}}, kNo},
    {"mixed_unknown_and_room", kMixed, {kNoRecipient}, {}, kUnknown},
    {"another_condition_is_false", kKeyMax, {move(1)}, {}, kNo, R"("key":["cold-*"],)"},
    {"another_condition_is_unknown",
     kKeyCount,
     {kNoRecipient},
     {},
     kUnknown,
     R"("to":["0x3535353535353535353535353535353535353535"],)"},
    {"another_condition_is_unknown_and_full",
     kKeyCount,
     {kNoRecipient},
     {{kKeyN, 3, 0}},
     kNo,
     R"("to":["0x3535353535353535353535353535353535353535"],)"},
};

PolicyDocument one_rule(const std::string& windows, const std::string& more = "") {
  return with_rules(R"([{"id":"r","if":{)" + more + R"("window":)" + windows + R"(},"then":"allow"}])");
}

FakeLedger ledger_of(const std::vector<Past>& past) {
  FakeLedger ledger;
  for (const Past& p : past) {
    Ledger::Sum& sum = ledger.sums[{p.sum, p.hours}];
    // A name without an asset is counted.
    if (p.sum.ends_with(':')) {
      sum.count = p.total;
      sum.own_count = p.own;
    } else {
      sum.total = p.total;
      sum.own = p.own;
    }
  }
  return ledger;
}

TEST_P(Window1, IsWhatTheLedgerSays) {
  const Case& c = GetParam();
  const PolicyDocument policy = one_rule(c.windows, c.more);
  const Facts facts = facts_of(c.movements);
  const FakeLedger ledger = ledger_of(c.past);
  const PolicyQuery query = query_of(&facts, &ledger);
  const Decision explained = policy.explain(query), decision = policy.evaluate(query);
  EXPECT_EQ(explained.reasons.at(0).matched, c.expected) << explained.reasons.at(0).why;
  EXPECT_EQ(decision.allowed(), c.expected == kYes);
  EXPECT_EQ(decision.limits, explained.limits);
  EXPECT_EQ(decision.limits.empty(), c.expected != kYes);
  // Without a ledger nothing is let through; what never has room has none.
  PolicyQuery blind = query;
  blind.ledger = nullptr;
  EXPECT_FALSE(policy.evaluate(blind).allowed());
  if (c.expected == kYes) {
    EXPECT_EQ(policy.explain(blind).reasons.at(0).matched, kUnknown);
  }
  // A node that has none is believed; an exceeded allow lets nothing through.
  PolicyQuery over = query;
  over.over = {"r"};
  EXPECT_FALSE(policy.evaluate(over).allowed());
  EXPECT_EQ(policy.explain(over).reasons.at(0).matched, kNo);
  // Every limit is about a sum that the signing adds to.
  const auto charges = policy.charges_of(query);
  for (const Limit& limit : decision.limits)
    EXPECT_TRUE(std::any_of(charges.begin(), charges.end(), [&](const Charge& x) { return x.sum == limit.sum; }))
        << limit.sum;
}
INSTANTIATE_TEST_SUITE_P(Windows, Window1, testing::ValuesIn(kCases),
                         [](const auto& instance) { return std::string(instance.param.name); });

// ---- what the ledger is asked for, and charged

TEST(Windows, TheDecidingRuleSaysWhatTheLedgerMustHaveRoomFor) {
  const Facts facts = facts_of({move(5), move(3, kMallory), move(2, kMallory, kUsdc), kFee});
  const EmptyLedger room;
  const auto policy = with_rules(R"([
    {"id":"no","if":{"key":["cold-*"],"window":{"hours":2,"count":1,"per":"by"}},"then":"allow"},
    {"id":"pay","if":{"window":[{"hours":24,"max":"11","per":"to","mode":"split"},{"hours":1,"count":9,"per":"key"},
                                {"hours":3,"max":"8","per":"key"}]},"then":"allow"}])");
  const Decision decision = policy.evaluate(query_of(&facts, &room));
  ASSERT_EQ(decision.rule, "default");  // 5 is above a quarter of 11
  const auto wider = with_rules(R"([
    {"id":"pay","if":{"window":[{"hours":24,"max":"23","per":"to","mode":"split"},{"hours":1,"count":9,"per":"key"},
                                {"hours":3,"max":"8","per":"key"}]},"then":"allow"}])");
  const std::vector<Limit> expected{
      {kToAlice, "pay", 24, true, false, U256(5), std::nullopt},
      {sum_name("to", kMallory, kUsdc), "pay", 24, true, false, U256(5), std::nullopt},
      {kToBob, "pay", 24, true, false, U256(5), std::nullopt},
      {kKeyN, "pay", 1, false, true, std::nullopt, 9},
      {kKeyUsdc, "pay", 3, false, true, U256(8), std::nullopt},
      {kKeyEth, "pay", 3, false, true, U256(8), std::nullopt},
  };
  const Decision wide = wider.evaluate(query_of(&facts, &room));
  EXPECT_EQ(wide.rule, "pay");
  EXPECT_EQ(wide.limits, expected);
}

TEST(Windows, ChargesAreFactsOfEverySumThatSomeWindowIsAbout) {
  const Facts facts = facts_of({move(5), move(3, kMallory), move(4), kNoAmount, kFee});
  const auto policy = with_rules(R"([
    {"id":"a","if":{"kind":"sign","key":["none"],"window":{"hours":24,"max":"1","per":"to"}},"then":"allow"},
    {"id":"b","if":{"window":[{"hours":1,"count":1,"per":"by"},{"hours":2,"max":"1","per":"asset"}]},"then":"allow"},
    {"id":"c","if":{},"then":"allow"}])");
  EXPECT_TRUE(policy.has_windows());
  const std::vector<Charge> expected{{kAssetEth, U256(12)}, {kByN, U256(0)}, {kToAlice, U256(9)}, {kToBob, U256(3)}};
  EXPECT_EQ(policy.charges_of(query_of(&facts, nullptr)), expected);
  EXPECT_EQ(policy.charges_of(query_of(nullptr, nullptr)), (std::vector<Charge>{{kByN, U256(0)}}));
  PolicyQuery derive = query_of(&facts, nullptr);
  derive.kind = Kind::derive;
  EXPECT_TRUE(policy.charges_of(derive).empty());
  const auto plain = with_rules(R"([{"id":"c","if":{},"then":"allow"}])");
  EXPECT_FALSE(plain.has_windows());
  EXPECT_TRUE(plain.charges_of(query_of(&facts, nullptr)).empty());
}

// Sums of 256 bits and more have no room anywhere, and are charged as the most that there is.
TEST(Windows, NoSumOverflows) {
  const U256 most = std::numeric_limits<U256>::max();
  const Movement all = changed(move(0), [&](Movement& m) { m.amount = Amount(most); });
  const auto policy = one_rule(R"({"hours":1,"max":")" + transactions::to_decimal(most) + R"(","per":"key"})");
  FakeLedger ledger;
  const Facts one = facts_of({all}), two = facts_of({all, move(1)});
  EXPECT_TRUE(policy.evaluate(query_of(&one, &ledger)).allowed());
  EXPECT_FALSE(policy.evaluate(query_of(&two, &ledger)).allowed());
  EXPECT_EQ(policy.charges_of(query_of(&two, &ledger)).at(0).amount, most);
  ledger.sums[{kKeyEth, 1}].total = WideSum(most) * 1000;
  const Facts nothing = facts_of({move(0)});
  EXPECT_FALSE(policy.evaluate(query_of(&nothing, &ledger)).allowed());
}

TEST(Windows, NamesOfSumsAreBoundedAndNoTwoAreAlike) {
  const std::string longest(5000, 'x');
  const Facts facts = facts_of({move(1, longest), move(1, longest + "y"), move(1, "a:b"), move(1, "a", "b:" + kEth)});
  const auto policy = one_rule(kToMax);
  std::set<std::string> names;
  for (const Charge& charge : policy.charges_of(query_of(&facts, nullptr))) {
    EXPECT_LE(charge.sum.size(), 192u);
    names.insert(charge.sum);
  }
  EXPECT_EQ(names.size(), 4u);
}

// No key's id: nobody knows whose window it is.
TEST(Windows, AKeyThatIsNotKnownHasNoWindow) {
  const Facts facts = facts_of({move(1)});
  const EmptyLedger room;
  PolicyQuery query = query_of(&facts, &room);
  query.key_id.clear();
  for (const char* window : {kKeyMax, kKeyCount})
    EXPECT_EQ(one_rule(window).explain(query).reasons.at(0).matched, kUnknown) << window;
  query.split_key = query.split_cluster = 0;
  query.key_id = kKeyId;
  for (const char* window : {kKeySplit, kToSplit, kKeySplitCount, kBySplitCount})
    EXPECT_EQ(one_rule(window).explain(query).reasons.at(0).matched, kNo) << window;
}

TEST(Windows, TheLedgerIsAskedOnceForEachSum) {
  const Facts facts = facts_of({move(11)});
  std::string rules;
  for (int k = 0; k < 50; ++k)
    rules += (k == 0 ? "" : ",") + std::string(R"({"id":"r)") + std::to_string(k) + R"(","if":{"window":)" + kKeyMax +
             R"(},"then":"allow"})";
  const FakeLedger ledger;
  EXPECT_FALSE(with_rules("[" + rules + "]").evaluate(query_of(&facts, &ledger)).allowed());
  EXPECT_EQ(ledger.asked, 2u);  // once to decide, once to explain
}

TEST(Windows, TheReasonSaysHowMuchIsUsed) {
  const Facts facts = facts_of({move(5)});
  const auto why = [&](const char* window, const std::vector<Past>& past) {
    const FakeLedger ledger = ledger_of(past);
    return one_rule(window).explain(query_of(&facts, &ledger)).reasons.at(0).why;
  };
  EXPECT_EQ(why(kKeyMax, {{kKeyEth, 6, 0}}),
            "at most 10 of each asset per key in 24 hours; of 10 6 are used, and it asks for 5 of " + kEth);
  EXPECT_EQ(why(kByCount, {{kByN, 3, 0}}),
            "at most 3 requests per requester in 24 hours; of 3 3 are used, and it asks for 1");
  EXPECT_EQ(
      why(kKeySplit, {{kKeyEth, 9, 1}}),
      "at most 11 of each asset per key in 24 hours, split; this node's part of 5 1 are used, and it asks for 5 of " +
          kEth);
}

TEST(Windows, OnlySigningsHaveThem) {
  const auto policy = one_rule(kKeyCount);
  const EmptyLedger room;
  for (const Kind kind : {Kind::derive, Kind::refresh, Kind::create_key, Kind::freeze, Kind::change_policy}) {
    PolicyQuery query{kind, "hot-1", "bot-1", std::nullopt};
    query.key_id = kKeyId;
    query.ledger = &room;
    EXPECT_FALSE(policy.evaluate(query).allowed()) << name_of(kind);
  }
}

// ---- several rules

constexpr const char* kEscalate = R"([
  {"id":"small","if":{"window":{"hours":24,"max":"10","per":"key"}},"then":"allow"},
  {"id":"large","if":{"window":{"hours":24,"max":"100","per":"key"}},"then":{"approve":[{"group":"treasury","min":1}],"expires_hours":12}},
  {"id":"huge","if":{},"then":{"approve":[{"group":"admins","min":2}],"expires_hours":48}}])";

TEST(Windows, AnExceededWindowLetsALaterRuleTakeOver) {
  const auto policy = with_rules(kEscalate);
  const auto decide = [&](std::uint64_t used, const std::set<std::string>& over) {
    const Facts facts = facts_of({move(5)});
    const FakeLedger ledger = ledger_of({{kKeyEth, used, 0}});
    PolicyQuery query = query_of(&facts, &ledger);
    query.over = over;
    return policy.evaluate(query);
  };
  const Decision small = decide(5, {});
  EXPECT_EQ(small.rule, "small");
  EXPECT_EQ(small.limits, (std::vector<Limit>{{kKeyEth, "small", 24, false, true, U256(10), std::nullopt}}));
  const Decision large = decide(6, {});
  EXPECT_EQ(large.rule, "large");
  EXPECT_EQ(large.effect, Effect::approve);
  EXPECT_EQ(large.approvals.needs, (std::vector<Need>{{"treasury", 1}}));
  EXPECT_EQ(large.approvals.expires_hours, 12);
  EXPECT_EQ(large.limits, (std::vector<Limit>{{kKeyEth, "large", 24, false, true, U256(100), std::nullopt}}));
  EXPECT_EQ(decide(5, {"small"}).rule, "large");
  EXPECT_EQ(decide(5, {"small"}).limits, large.limits);
  // Those whom "large" asks are asked, too, and "huge" has no limit.
  const Decision huge = decide(96, {});
  EXPECT_EQ(huge.effect, Effect::approve);
  EXPECT_EQ(huge.approvals.needs, (std::vector<Need>{{"admins", 2}, {"treasury", 1}}));
  EXPECT_EQ(huge.approvals.expires_hours, 12);
  EXPECT_TRUE(huge.limits.empty());
  // Whatever a ledger says, the intent is one.
  for (const Decision* d : {&small, &large, &huge}) EXPECT_EQ(d->life_hours, 48);
  for (const auto& over : std::vector<std::set<std::string>>{{"small"}, {"large"}, {"small", "large"}, {"huge"}})
    for (const std::uint64_t used : {0u, 6u, 96u}) EXPECT_EQ(decide(used, over).life_hours, 48);
}

// Nobody vouches for `over`: who names a rule there must not get past its people, nor past a rule without windows.
TEST(Windows, NamingARuleAsExceededNeverMakesTheDecisionSofter) {
  const auto softer = with_rules(R"([
    {"id":"no","if":{"key":["cold-*"]},"then":"deny"},
    {"id":"ask","if":{"window":{"hours":24,"max":"10","per":"key"}},"then":{"approve":[{"group":"treasury","min":1}]}},
    {"id":"plain","if":{"key":["warm-*"]},"then":{"approve":[{"group":"admins","min":1}]}},
    {"id":"all","if":{},"then":"allow"}])");
  const Facts facts = facts_of({move(5)}), nothing = facts_of({});
  const EmptyLedger room;
  PolicyQuery query = query_of(&facts, &room);
  query.over = {"no", "ask", "plain", "all"};
  const Decision asked = softer.evaluate(query);
  EXPECT_EQ(asked.effect, Effect::approve);
  EXPECT_EQ(asked.rule, "ask");
  EXPECT_EQ(softer.explain(query).reasons.at(1).matched, kNo);
  query.key = "cold-1";
  EXPECT_EQ(softer.evaluate(query).rule, "no");
  query.key = "warm-1";
  EXPECT_EQ(softer.evaluate(query).approvals.needs, (std::vector<Need>{{"admins", 1}, {"treasury", 1}}));
  // One that is not about this payload asks nobody.
  PolicyQuery none = query_of(&nothing, &room);
  none.over = {"ask"};
  EXPECT_EQ(softer.evaluate(none).rule, "all");
  EXPECT_TRUE(softer.evaluate(none).allowed());
  // What is exceeded does not turn a deny.
  const auto denied = with_rules(R"([
    {"id":"ask","if":{"window":{"hours":24,"max":"10","per":"key"}},"then":{"approve":[{"group":"treasury","min":1}]}}])");
  query.key = "hot-1";
  EXPECT_EQ(denied.evaluate(query).effect, Effect::deny);
  query.over.clear();
  EXPECT_EQ(denied.evaluate(query).effect, Effect::approve);
  EXPECT_EQ(denied.evaluate(query).limits.size(), 1u);
}

TEST(Windows, AnUnknownRuleThatAsksKeepsTheLimitsOfTheRuleThatAllows) {
  const auto policy = with_rules(R"([
    {"id":"ask","if":{"to":["0x3535353535353535353535353535353535353535"]},"then":{"approve":[{"group":"treasury","min":1}]}},
    {"id":"few","if":{"window":{"hours":24,"count":3,"per":"key"}},"then":"allow"}])");
  const Facts facts = facts_of({kNoRecipient});
  const EmptyLedger room;
  const Decision decision = policy.evaluate(query_of(&facts, &room));
  EXPECT_EQ(decision.effect, Effect::approve);
  EXPECT_EQ(decision.rule, "ask");
  ASSERT_EQ(decision.limits.size(), 1u);
  EXPECT_EQ(decision.limits[0].rule, "few");
}

TEST(Windows, TheLifeOfARequestIsThatOfWhoMayComeToDecide) {
  const Facts facts = facts_of({move(1)});
  const EmptyLedger room;
  const auto life = [&](const std::string& rules) {
    return with_rules("[" + rules + "]").evaluate(query_of(&facts, &room)).life_hours;
  };
  const std::string few = R"({"id":"few","if":{"window":{"hours":24,"count":3,"per":"key"}},"then":"allow"})";
  const auto ask = [](const std::string& id, int hours, const std::string& condition = "{}") {
    return R"({"id":")" + id + R"(","if":)" + condition +
           R"(,"then":{"approve":[{"group":"treasury","min":1}],"expires_hours":)" + std::to_string(hours) + "}}";
  };
  const std::string all = R"({"id":"all","if":{},"then":"allow"})", none = R"({"id":"none","if":{},"then":"deny"})";
  EXPECT_EQ(life(few), 0);
  EXPECT_EQ(life(few + "," + ask("a", 7)), 7);
  EXPECT_EQ(life(few + "," + ask("a", 7, R"({"key":["cold"]})") + "," + ask("b", 3)), 3);
  EXPECT_EQ(life(few + "," + all + "," + ask("a", 7)), 0);  // nobody is asked after it
  EXPECT_EQ(life(few + "," + none + "," + ask("a", 7)), 0);
  EXPECT_EQ(life(few + "," + ask("a", 7) + "," + ask("b", 9)), 7);
  EXPECT_EQ(life(all + "," + few + "," + ask("a", 7)), 0);
  EXPECT_EQ(life(ask("a", 7) + "," + few + "," + ask("b", 9)), 7);
  EXPECT_EQ(life(none), 0);
}

// ---- errors

struct Wrong {
  const char* name;
  const char* rule;  // without its id
  const char* pointer;
};
void PrintTo(const Wrong& w, std::ostream* os) { *os << w.name; }
class WrongWindow : public testing::TestWithParam<Wrong> {};

const Wrong kWrong[] = {
    {"empty", R"("if":{"window":{}},"then":"allow")", "/window/hours"},
    {"text", R"("if":{"window":"24h"},"then":"allow")", "/window"},
    {"empty_list", R"("if":{"window":[]},"then":"allow")", "/window"},
    {"nine", R"("if":{"window":[1,2,3,4,5,6,7,8,9]},"then":"allow")", "/window"},
    {"no_hours", R"("if":{"window":{"count":1,"per":"key"}},"then":"allow")", "/window/hours"},
    {"zero_hours", R"("if":{"window":{"hours":0,"count":1,"per":"key"}},"then":"allow")", "/window/hours"},
    {"too_many_hours", R"("if":{"window":{"hours":721,"count":1,"per":"key"}},"then":"allow")", "/window/hours"},
    {"no_limit", R"("if":{"window":{"hours":1,"per":"key"}},"then":"allow")", "/window"},
    {"both", R"("if":{"window":{"hours":1,"per":"key","max":"1","count":1}},"then":"allow")", "/window"},
    {"max_number", R"("if":{"window":{"hours":1,"per":"key","max":1}},"then":"allow")", "/window/max"},
    {"max_negative", R"("if":{"window":{"hours":1,"per":"key","max":"-1"}},"then":"allow")", "/window/max"},
    {"max_fraction", R"("if":{"window":{"hours":1,"per":"key","max":"1.5"}},"then":"allow")", "/window/max"},
    {"count_text", R"("if":{"window":{"hours":1,"per":"key","count":"1"}},"then":"allow")", "/window/count"},
    {"count_negative", R"("if":{"window":{"hours":1,"per":"key","count":-1}},"then":"allow")", "/window/count"},
    {"no_per", R"("if":{"window":{"hours":1,"count":1}},"then":"allow")", "/window/per"},
    {"other_per", R"("if":{"window":{"hours":1,"count":1,"per":"chain"}},"then":"allow")", "/window/per"},
    {"other_mode", R"("if":{"window":{"hours":1,"count":1,"per":"key","mode":"x"}},"then":"allow")", "/window/mode"},
    {"unknown", R"("if":{"window":{"hours":1,"count":1,"per":"key","days":1}},"then":"allow")", "/window/days"},
    {"in_a_list", R"("if":{"window":[{"hours":1,"count":1,"per":"key"},{"hours":1,"count":1}]},"then":"allow")",
     "/window/1/per"},
    {"twice", R"("if":{"window":[{"hours":1,"count":1,"per":"by"},{"hours":1,"count":1,"per":"by"}]},"then":"allow")",
     "/window/1"},
    {"deny", R"("if":{"window":{"hours":1,"count":1,"per":"key"}},"then":"deny")", "/window"},
    {"refresh", R"("if":{"kind":"refresh","window":{"hours":1,"count":1,"per":"key"}},"then":"allow")", "/window"},
    {"derive", R"("if":{"kind":["derive"],"window":{"hours":1,"count":1,"per":"key"}},"then":"allow")", "/window"},
};

TEST_P(WrongWindow, IsRefusedWithItsPlace) {
  const Wrong& w = GetParam();
  try {
    with_rules(std::string(R"([{"id":"r",)") + w.rule + "}]");
    FAIL() << "taken";
  } catch (const JsonError& e) {
    EXPECT_EQ(e.pointer, std::string("/rules/0/if") + w.pointer) << e.what();
  }
}
INSTANTIATE_TEST_SUITE_P(Windows, WrongWindow, testing::ValuesIn(kWrong),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(Windows, TheirBoundsAreWithin) {
  const std::string eight =
      R"({"hours":720,"count":1,"per":"key"},{"hours":720,"count":1,"per":"to"},{"hours":720,"count":1,"per":"by"},
         {"hours":720,"count":1,"per":"asset"},{"hours":1,"max":"1","per":"key"},{"hours":1,"max":"1","per":"to"},
         {"hours":1,"max":"1","per":"by"},{"hours":1,"max":"1","per":"asset","mode":"split"})";
  EXPECT_EQ(one_rule("[" + eight + "]").rules().at(0).windows.size(), kMaxWindows);
  static_assert(kMaxWindows * limits::kMaxMovements <= limits::kMaxLedgerLimits);
}

}  // namespace
}  // namespace quorate::policy

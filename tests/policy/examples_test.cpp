// The policies of docs/examples/, as `quorate init --policy` takes them: what each of them decides.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/policy/sample_movements.h"
#include "tests/policy/sample_policy.h"

namespace quorate::policy {
namespace {

PolicyDocument example(const std::string& name) {
  std::ifstream in(std::filesystem::path(QUORATE_SOURCE_DIR) / "docs/examples" / (name + ".json"));
  std::stringstream text;
  text << in.rdbuf();
  Json document = parse_json(text.str());
  document["version"] = 1;
  document["previous"] = "";
  document["cluster"] = std::string(64, 'c');
  std::uint64_t seed = 1;
  for (Json& user : document["users"]) user["key"] = key_of(seed++).to_text();
  return PolicyDocument::from_json(document);
}

// "effect rule"
struct Asked {
  PolicyQuery query{};
  Facts facts;
  FakeLedger ledger;
  std::string of(const PolicyDocument& policy) {
    if (query.kind == Kind::sign && !facts.type.empty()) query.facts = &facts;
    query.key_id = "aa";
    query.ledger = &ledger;
    query.split_key = 2;
    query.split_cluster = 4;
    query.created = 1'795'424'400;  // Monday, 09:00 UTC
    const Decision decision = policy.evaluate(query);
    return std::string(name_of(decision.effect)) + " " + decision.rule;
  }
};

Asked asks(const char* user, const char* key, PayloadKind payload) {
  Asked asked;
  asked.query = {Kind::sign, key, user, payload};
  return asked;
}
Asked pays(const char* user, const char* key, const std::string& asset, const std::string& to,
           const std::string& amount) {
  Asked asked = asks(user, key, asset.starts_with("bip122") ? PayloadKind::btc_psbt : PayloadKind::eth_transaction);
  asked.facts.type = "transfer";
  asked.facts.chain = asset.substr(0, asset.find('/'));
  asked.facts.movements = {
      {MovementKind::transfer, asset, "me", to, Amount(transactions::from_decimal(amount).value()), ""}};
  if (asset.starts_with("bip122")) asked.facts.sighashes = {"ALL"};
  return asked;
}

TEST(PolicyExamples, ATreasury) {
  const auto policy = example("treasury");
  Asked bill = pays("ann", "treasury-1", kUsdc, kAlice, "5000000000");
  EXPECT_EQ(bill.of(policy), "allow bills");
  bill.ledger.sums[{sum_name("key", "aa", kUsdc), 24}].total = 5'000'000'000;
  EXPECT_EQ(bill.of(policy), "allow bills");
  bill.ledger.sums[{sum_name("key", "aa", kUsdc), 24}].total = 5'000'000'001;
  EXPECT_EQ(bill.of(policy), "approve large");
  bill.ledger.sums.clear();
  bill.ledger.sums[{sum_name("to", kAlice, kUsdc), 720}].total = 15'000'000'001;
  EXPECT_EQ(bill.of(policy), "approve large");
  EXPECT_EQ(pays("ann", "treasury-1", kUsdc, kAlice, "5000000001").of(policy), "approve large");
  EXPECT_EQ(pays("ann", "treasury-1", kUsdc, kMallory, "1").of(policy), "approve large");
  EXPECT_EQ(pays("ann", "treasury-1", kUsdc, "0x8617e340b3d01fa5f11f306f4090fd50e238070d", "1").of(policy),
            "deny sanctioned");
  EXPECT_EQ(pays("cleo", "treasury-1", kUsdc, kAlice, "1").of(policy), "deny default");
}

TEST(PolicyExamples, AnExchangesHotWallet) {
  const auto policy = example("exchange-hot-wallet");
  const std::string customer = "bc1qcustomer", cold = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
  Asked payout = pays("payout-1", "hot-1", kBtc, customer, "100000000");
  EXPECT_EQ(payout.of(policy), "allow payouts");
  // A quarter of 10 BTC is this node's.
  payout.ledger.sums[{sum_name("asset", kBtc, kBtc), 24}].own = 150'000'000;
  EXPECT_EQ(payout.of(policy), "allow payouts");
  payout.ledger.sums[{sum_name("asset", kBtc, kBtc), 24}].own = 150'000'001;
  EXPECT_EQ(payout.of(policy), "approve checked");
  payout.ledger.sums[{sum_name("asset", kBtc, kBtc), 24}].total = 5'000'000'000;
  EXPECT_EQ(payout.of(policy), "deny default");
  payout.ledger.sums.clear();
  payout.ledger.sums[{sum_name("by", "payout-1"), 1}].count = 60;
  EXPECT_EQ(payout.of(policy), "approve checked");
  EXPECT_EQ(pays("payout-1", "hot-1", kBtc, customer, "100000001").of(policy), "approve checked");
  EXPECT_EQ(pays("payout-1", "hot-1", kBtc, cold, "900000000000").of(policy), "allow to-cold");
  // A batch keeps to the limit of each recipient.
  Asked batch = pays("payout-1", "hot-1", kBtc, customer, "100000000");
  batch.facts.movements.push_back({MovementKind::transfer, kBtc, "me", "bc1qother", Amount(U256(100'000'000)), ""});
  EXPECT_EQ(batch.of(policy), "allow payouts");
  batch.ledger.sums[{sum_name("to", "bc1qother", kBtc), 24}].total = 1;
  EXPECT_EQ(batch.of(policy), "approve checked");
}

TEST(PolicyExamples, ADao) {
  const auto policy = example("dao");
  Asked vote = asks("seat-1", "dao-1", PayloadKind::eth_typed_data);
  vote.facts.type = "eth_typed_data";
  vote.facts.chain = "eip155:1";
  vote.facts.domain =
      transactions::Domain{"Governor", "1", "1", "0x8617e340b3d01fa5f11f306f4090fd50e238070d", std::nullopt};
  EXPECT_EQ(vote.of(policy), "allow votes");
  vote.ledger.sums[{sum_name("key", "aa"), 24}].count = 10;
  EXPECT_EQ(vote.of(policy), "approve proposals");
  Asked grant = pays("grants-1", "dao-1", kEth, kMallory, "5000000000000000000");
  EXPECT_EQ(grant.of(policy), "approve grants");
  EXPECT_EQ(policy.evaluate(grant.query).approvals.needs, (std::vector<Need>{{"grants", 1}}));
  grant.ledger.sums[{sum_name("to", kMallory, kEth), 168}].total = 1;
  EXPECT_EQ(grant.of(policy), "approve grants");  // the council decides, and grants is asked as before
  EXPECT_EQ(policy.evaluate(grant.query).approvals.needs, (std::vector<Need>{{"council", 3}, {"grants", 1}}));
  EXPECT_EQ(asks("seat-1", "dao-1", PayloadKind::digest).of(policy), "deny default");
}

TEST(PolicyExamples, SigningOfCode) {
  const auto policy = example("ci-code-signing");
  Asked nightly = asks("ci-nightly", "nightly-linux", PayloadKind::digest);
  EXPECT_EQ(nightly.of(policy), "allow nightly");
  nightly.ledger.sums[{sum_name("key", "aa"), 24}].count = 49;
  nightly.ledger.sums[{sum_name("by", "ci-nightly"), 1}].count = 19;
  EXPECT_EQ(nightly.of(policy), "allow nightly");
  nightly.ledger.sums[{sum_name("by", "ci-nightly"), 1}].count = 20;
  EXPECT_EQ(nightly.of(policy), "deny default");
  Asked release = asks("ci-release", "release-linux", PayloadKind::digest);
  EXPECT_EQ(release.of(policy), "approve release");
  EXPECT_EQ(policy.evaluate(release.query).approvals.needs, (std::vector<Need>{{"release", 1}}));
  release.ledger.sums[{sum_name("key", "aa"), 168}].count = 20;
  EXPECT_EQ(release.of(policy), "approve release");
  EXPECT_EQ(policy.evaluate(release.query).approvals.needs, (std::vector<Need>{{"release", 2}}));
  EXPECT_EQ(asks("ci-nightly", "release-linux", PayloadKind::digest).of(policy), "deny default");
}

}  // namespace
}  // namespace quorate::policy

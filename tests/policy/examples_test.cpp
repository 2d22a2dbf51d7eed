// The policies of docs/examples/, as `quorate init --policy` takes them: what each of them decides.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/policy/sample_policy.h"

namespace quorate::policy {
namespace {

using transactions::Amount;
using transactions::Facts;
using transactions::Movement;
using transactions::MovementKind;
using transactions::U256;

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

struct Given : Ledger {
  std::map<std::string, Sum> sums;
  Sum sum(const std::string& name, std::int64_t) const override {
    const auto it = sums.find(name);
    return it == sums.end() ? Sum{} : it->second;
  }
};

// "effect rule"
struct Asked {
  PolicyQuery query{};
  Facts facts;
  Given ledger;
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

const std::string kDollars = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", kEther = "eip155:1/slip44:60";
const std::string kBtc = "bip122:000000000019d6689c085ae165831e93/slip44:0";
const std::string kSupplier = "0x3535353535353535353535353535353535353535";
const std::string kStranger = "0x6666666666666666666666666666666666666666";

std::string sum_of(const std::string& per, const std::string& whose, const std::string& asset = "") {
  return per + ":" + std::to_string(whose.size()) + ":" + whose + ":" + asset;
}

TEST(PolicyExamples, ATreasury) {
  const auto policy = example("treasury");
  Asked bill = pays("ann", "treasury-1", kDollars, kSupplier, "5000000000");
  EXPECT_EQ(bill.of(policy), "allow bills");
  bill.ledger.sums[sum_of("key", "aa", kDollars)].total = 5'000'000'000;
  EXPECT_EQ(bill.of(policy), "allow bills");
  bill.ledger.sums[sum_of("key", "aa", kDollars)].total = 5'000'000'001;
  EXPECT_EQ(bill.of(policy), "approve large");
  bill.ledger.sums.clear();
  bill.ledger.sums[sum_of("to", kSupplier, kDollars)].total = 15'000'000'001;
  EXPECT_EQ(bill.of(policy), "approve large");
  EXPECT_EQ(pays("ann", "treasury-1", kDollars, kSupplier, "5000000001").of(policy), "approve large");
  EXPECT_EQ(pays("ann", "treasury-1", kDollars, kStranger, "1").of(policy), "approve large");
  EXPECT_EQ(pays("ann", "treasury-1", kDollars, "0x8617e340b3d01fa5f11f306f4090fd50e238070d", "1").of(policy),
            "deny sanctioned");
  EXPECT_EQ(pays("cleo", "treasury-1", kDollars, kSupplier, "1").of(policy), "deny default");
}

TEST(PolicyExamples, AnExchangesHotWallet) {
  const auto policy = example("exchange-hot-wallet");
  const std::string customer = "bc1qcustomer", cold = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
  Asked payout = pays("payout-1", "hot-1", kBtc, customer, "100000000");
  EXPECT_EQ(payout.of(policy), "allow payouts");
  // A quarter of 10 BTC is this node's.
  payout.ledger.sums[sum_of("asset", kBtc, kBtc)].own = 150'000'000;
  EXPECT_EQ(payout.of(policy), "allow payouts");
  payout.ledger.sums[sum_of("asset", kBtc, kBtc)].own = 150'000'001;
  EXPECT_EQ(payout.of(policy), "approve checked");
  payout.ledger.sums[sum_of("asset", kBtc, kBtc)].total = 5'000'000'000;
  EXPECT_EQ(payout.of(policy), "deny default");
  payout.ledger.sums.clear();
  payout.ledger.sums[sum_of("by", "payout-1")].count = 60;
  EXPECT_EQ(payout.of(policy), "approve checked");
  EXPECT_EQ(pays("payout-1", "hot-1", kBtc, customer, "100000001").of(policy), "approve checked");
  EXPECT_EQ(pays("payout-1", "hot-1", kBtc, cold, "900000000000").of(policy), "allow to-cold");
  // A batch keeps to the limit of each recipient.
  Asked batch = pays("payout-1", "hot-1", kBtc, customer, "100000000");
  batch.facts.movements.push_back({MovementKind::transfer, kBtc, "me", "bc1qother", Amount(U256(100'000'000)), ""});
  EXPECT_EQ(batch.of(policy), "allow payouts");
  batch.ledger.sums[sum_of("to", "bc1qother", kBtc)].total = 1;
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
  vote.ledger.sums[sum_of("key", "aa")].count = 10;
  EXPECT_EQ(vote.of(policy), "approve proposals");
  Asked grant = pays("grants-1", "dao-1", kEther, kStranger, "5000000000000000000");
  EXPECT_EQ(grant.of(policy), "approve grants");
  EXPECT_EQ(policy.evaluate(grant.query).approvals.needs, (std::vector<Need>{{"grants", 1}}));
  grant.ledger.sums[sum_of("to", kStranger, kEther)].total = 1;
  EXPECT_EQ(grant.of(policy), "approve grants");  // the council decides, and grants is asked as before
  EXPECT_EQ(policy.evaluate(grant.query).approvals.needs, (std::vector<Need>{{"council", 3}, {"grants", 1}}));
  EXPECT_EQ(asks("seat-1", "dao-1", PayloadKind::digest).of(policy), "deny default");
}

TEST(PolicyExamples, SigningOfCode) {
  const auto policy = example("ci-code-signing");
  Asked nightly = asks("ci-nightly", "nightly-linux", PayloadKind::digest);
  EXPECT_EQ(nightly.of(policy), "allow nightly");
  nightly.ledger.sums[sum_of("key", "aa")].count = 49;
  nightly.ledger.sums[sum_of("by", "ci-nightly")].count = 19;
  EXPECT_EQ(nightly.of(policy), "allow nightly");
  nightly.ledger.sums[sum_of("by", "ci-nightly")].count = 20;
  EXPECT_EQ(nightly.of(policy), "deny default");
  Asked release = asks("ci-release", "release-linux", PayloadKind::digest);
  EXPECT_EQ(release.of(policy), "approve release");
  EXPECT_EQ(policy.evaluate(release.query).approvals.needs, (std::vector<Need>{{"release", 1}}));
  release.ledger.sums[sum_of("key", "aa")].count = 20;
  EXPECT_EQ(release.of(policy), "approve release");
  EXPECT_EQ(policy.evaluate(release.query).approvals.needs, (std::vector<Need>{{"release", 2}}));
  EXPECT_EQ(asks("ci-nightly", "release-linux", PayloadKind::digest).of(policy), "deny default");
}

}  // namespace
}  // namespace quorate::policy

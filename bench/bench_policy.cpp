// What a decision costs: every rule is looked at, and the last one decides.
#include "bench/floors.h"
#include "bench/million_rows.h"
#include "policy/document.h"

namespace quorate::bench {
namespace {

constexpr unsigned kRules = 1'000, kAddresses = 100'000;

std::string address(unsigned k) {
  const std::string digits = std::to_string(k);
  return "0x" + std::string(40 - digits.size(), 'a') + digits;
}

// `condition` of all rules but the last, which has `last`.
policy::PolicyDocument large_policy(const Json& condition, const Json& last) {
  SystemRng rng;
  Json document{
      {"version", 1},
      {"previous", ""},
      {"cluster", std::string(64, 'c')},
      {"users",
       {{{"id", "alice"}, {"key", Ed25519SecretKey::generate(rng).public_key().to_text()}, {"groups", {"admins"}}}}},
      {"admins", {{"group", "admins"}, {"min", 1}, {"delay_hours", 0}}},
      {"readers", Json::array()},
      {"lists", {{"all", Json::array()}}},
      {"rules", Json::array()},
      {"default", "deny"}};
  for (unsigned k = 0; k < kAddresses; ++k) document["lists"]["all"].push_back(address(k));
  for (unsigned k = 0; k + 1 < kRules; ++k)
    document["rules"].push_back({{"id", "rule-" + std::to_string(k)}, {"if", condition}, {"then", "allow"}});
  document["rules"].push_back({{"id", "last"}, {"if", last}, {"then", "allow"}});
  return policy::PolicyDocument::from_json(document);
}

// Every window is nearly full.
class FullLedger final : public policy::Ledger {
 public:
  Sum sum(const std::string&, std::int64_t) const override { return {1'000'000, 1'000'000, 1'000'000, 1'000'000}; }
};

const policy::Ledger& full() {
  static const FullLedger ledger;
  return ledger;
}

void add_decision(const std::string& name, const Json& condition, const Json& last = Json::object(),
                  const policy::Ledger& (*ledger)() = &full) {
  benchmark::RegisterBenchmark(("policy/" + name).c_str(), [condition, last, ledger](benchmark::State& state) {
    const auto policy = large_policy(condition, last);
    transactions::Facts facts;
    facts.type = "eth_transaction";
    facts.chain = "eip155:1";
    for (const unsigned k : {7u, 99'999u})
      facts.movements.push_back({transactions::MovementKind::transfer, "eip155:1/slip44:60", address(1), address(k),
                                 transactions::Amount(transactions::U256(20))});
    policy::PolicyQuery query{policy::Kind::sign, "hot-1", "alice", policy::PayloadKind::eth_transaction, &facts};
    query.created = 1'795'424'400;
    query.key_id = "aa";
    query.ledger = &ledger();
    query.split_key = query.split_cluster = 2;
    // A denial is another thing: its words cost more than the decision.
    const policy::Decision decided = policy.explain(query);
    if (!decided.allowed()) return state.SkipWithError(decided.reasons.back().why.c_str());
    for (auto unused : state) {
      benchmark::DoNotOptimize(policy.evaluate(query));
      if (policy.has_windows()) benchmark::DoNotOptimize(policy.charges_of(query));
    }
  })->Unit(benchmark::kMicrosecond);
}

}  // namespace

void add_policy() {
  add_decision("1000_rules/other_keys", {{"kind", "sign"}, {"key", {"cold-*", "treasury-*"}}});
  add_decision("1000_rules/100000_addresses/above_max",
               {{"kind", "sign"}, {"key", {"hot-*"}}, {"chain", {"eip155:1"}}, {"to", {"list:all"}}, {"max", "10"}});
  add_decision("1000_rules/100000_addresses/window_1M",
               {{"kind", "sign"}, {"key", {"hot-*"}}, {"chain", {"eip155:1"}}, {"to", {"list:all"}}, {"max", "10"}},
               {{"kind", "sign"},
                {"to", {"list:all"}},
                {"window", {{"hours", limits::kMaxWindowHours - 1}, {"count", 2'000'000}, {"per", "key"}}}},
               &million_rows);
  add_decision("1000_rules/100000_addresses/exceeded_windows",
               {{"kind", "sign"},
                {"key", {"hot-*"}},
                {"chain", {"eip155:1"}},
                {"to", {"list:all"}},
                {"max", "1000000000"},
                {"window",
                 {{{"hours", 1}, {"count", 2'000'000}, {"per", "by"}},
                  {{"hours", 24}, {"max", "2000000000"}, {"per", "key"}},
                  {{"hours", 24}, {"max", "1000000"}, {"per", "to"}, {"mode", "split"}}}}});
}

}  // namespace quorate::bench

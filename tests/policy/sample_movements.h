// What payloads move, and what a ledger says, in tests of the policy.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "policy/windows.h"

namespace quorate::policy {

using transactions::Amount;
using transactions::Facts;
using transactions::Movement;
using transactions::MovementKind;
using transactions::U256;

inline const std::string kEth = "eip155:1/slip44:60", kBtc = "bip122:000000000019d6689c085ae165831e93/slip44:0",
                         kUsdc = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48";
inline const std::string kAlice = "0x3535353535353535353535353535353535353535",
                         kMallory = "0x6666666666666666666666666666666666666666";

inline Facts facts_of(std::vector<Movement> movements) {
  Facts facts;
  facts.type = "eth_transaction";
  facts.chain = "eip155:1";
  facts.paths = {"m"};
  facts.movements = std::move(movements);
  return facts;
}

// The name that a sum has in the ledger: "key:4:5f0c:<asset>".
inline std::string sum_name(const std::string& per, const std::string& subject, const std::string& asset = "") {
  return per + ":" + std::to_string(subject.size()) + ":" + subject + ":" + asset;
}

// What the tests say; everything else is zero.
class FakeLedger final : public Ledger {
 public:
  std::map<std::pair<std::string, std::int64_t>, Sum> sums;  // by name and hours
  mutable std::size_t asked = 0;
  Sum sum(const std::string& name, std::int64_t hours) const override {
    ++asked;
    const auto it = sums.find({name, hours});
    return it == sums.end() ? Sum{} : it->second;
  }
};

}  // namespace quorate::policy

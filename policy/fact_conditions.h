// Conditions over what a payload does (transactions/facts.h): read from a rule's `if`, and decided.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "transactions/facts.h"

namespace quorate::policy {

enum class Truth { no = 0, yes, unknown };
std::string_view name_of(Truth truth);  // "true", "false", "unknown"

struct Condition {
  Truth holds = Truth::no;
  std::string why;  // unless it holds; public data only
};
// What does not hold. The words cost more than the decision: they are made for who wants to read them.
struct Say {
  bool words = true;
  Condition no(const auto& why) const { return {Truth::no, words ? std::string(why()) : std::string()}; }
  Condition unknown(const auto& why) const { return {Truth::unknown, words ? std::string(why()) : std::string()}; }
};

using Lists = std::map<std::string, std::vector<std::string>, std::less<>>;
// Normal addresses (transactions::normal_address); read once, whatever number of rules names them.
using AddressSet = std::unordered_set<std::string>;
using AddressLists = std::map<std::string, std::shared_ptr<const AddressSet>, std::less<>>;
// Throws JsonError for an entry that is no address, at /lists/<name>/<index>.
AddressLists read_addresses(const Lists& lists);

// What `to` or `contract` names: itself, or by a list.
struct Addresses {
  AddressSet own;
  std::vector<std::shared_ptr<const AddressSet>> lists;
  bool contains(const std::string& address) const;
};

// Globs over CAIP-19. Ethereum's assets are written without regard to case, others' tell their cases apart.
struct AssetGlobs {
  std::vector<std::string> as_written, in_lower_case;
  bool match(const std::string& asset) const;
  // Of a collection's every item (no id), or of items unknown: whether one of them matches.
  bool match_item_of(const std::string& collection) const;
};

// Of EIP-712. What is not set is of no account.
struct DomainPattern {
  std::optional<std::string> name, chain_id, verifying_contract;
};

// An absent condition (nullopt) holds for every request.
struct FactConditions {
  std::optional<std::vector<std::string>> chains;  // globs over CAIP-2
  std::optional<AssetGlobs> assets;
  std::optional<Addresses> recipients;
  std::optional<Addresses> contracts;             // or "new"
  std::optional<std::vector<std::string>> calls;  // globs over selectors in hex, without 0x
  std::optional<std::set<std::string>> sighashes;
  std::optional<std::vector<DomainPattern>> domains;
  std::optional<std::vector<std::string>> paths;  // globs
  std::optional<transactions::U256> max, fee_max;

  bool about_facts() const;  // any but paths

  // Takes the members that are these conditions out of `condition`. Throws JsonError.
  static FactConditions parse(JsonObject& condition, const AddressLists& lists);
};

// Whether the amount of a movement is one: where the same bytes may mean an item of a collection it is the item's
// number, unless the rule names the fungible asset alone.
bool amount_is_told(const FactConditions& conditions, const transactions::Movement& movement);

// Whether all that the payload does is what a rule is about, or any of it: the first is what an allow asks for, the
// second a deny.
enum class Quantifier { all, any };

// `facts` is nullptr if the payload shows none (a message, a digest): then every condition but `path` is unknown.
// `paths`: of the keys that sign. The conditions together: no if one is, else unknown if one is, else yes.
Condition holds(const FactConditions& conditions, const transactions::Facts* facts,
                const std::vector<std::string>& paths, Quantifier quantifier, const Say& say);

}  // namespace quorate::policy

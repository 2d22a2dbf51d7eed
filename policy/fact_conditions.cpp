#include "policy/fact_conditions.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "policy/kinds.h"
#include "transactions/abi.h"
#include "transactions/addresses.h"
#include "transactions/keccak.h"

namespace quorate::policy {
namespace {

using transactions::Call;
using transactions::Facts;
using transactions::kUnknown;
using transactions::Movement;
using transactions::MovementKind;
using transactions::U256;

constexpr std::size_t kMaxText = limits::kMaxAddress;  // bytes of an asset, an address, a glob, a call
constexpr std::string_view kList = "list:";

// ---- reading

template <class Check>
void each_entry(JsonObject& condition, std::string_view member, const Check& check) {
  const Json& array = condition.array(member, limits::kMaxConditionEntries);
  if (array.empty()) condition.fail(member, "must not be empty");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string pointer = condition.pointer(member) + "/" + std::to_string(i);
    if (!array[i].is_string()) throw JsonError(pointer, "must be a string");
    const auto& text = array[i].get_ref<const std::string&>();
    if (text.empty() || text.size() > kMaxText)
      throw JsonError(pointer, "must have 1 to " + std::to_string(kMaxText) + " bytes");
    if (std::any_of(text.begin(), text.end(), [](char c) { return c <= 0x20 || c > 0x7e; }))
      throw JsonError(pointer, "must be visible ASCII");
    if (!seen.insert(text).second) throw JsonError(pointer, "is there twice");
    check(text, pointer);
  }
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::optional<std::string> normal_address_of_any(const std::string& text) {
  for (const std::string_view chain : {"eip155", "bip122", "solana"})
    if (auto address = transactions::normal_address(chain, text)) return address;
  return std::nullopt;
}

void add_address(AddressSet& out, const std::string& text, const std::string& pointer) {
  auto address = normal_address_of_any(text);
  if (!address) throw JsonError(pointer, "is no address of Ethereum, Bitcoin or Solana");
  out.insert(std::move(*address));
}

Addresses parse_addresses(JsonObject& condition, std::string_view member, const AddressLists& lists) {
  Addresses out;
  each_entry(condition, member, [&](const std::string& entry, const std::string& pointer) {
    if (member == "contract" && entry == "new") {
      out.own.insert(entry);
      return;
    }
    if (!entry.starts_with(kList)) return add_address(out.own, entry, pointer);
    const auto list = lists.find(entry.substr(kList.size()));
    if (list == lists.end()) throw JsonError(pointer, "is not a list of this policy");
    out.lists.push_back(list->second);
  });
  return out;
}

// A glob that no chain or asset of a payload can match would be read as a rule and never be one.
void expect_possible(const std::string& glob, const std::string& pointer) {
  const std::size_t end = glob.find_first_of(":*");
  const std::string space = glob.substr(0, end);
  if (end == std::string::npos || (glob[end] == ':' && space != "eip155" && space != "bip122" && space != "solana"))
    throw JsonError(pointer, "can match nothing: chains are eip155:…, bip122:… and solana:…");
  const std::string chain = glob.substr(0, glob.find('/'));
  for (const auto network : {transactions::BitcoinNetwork::testnet, transactions::BitcoinNetwork::signet,
                             transactions::BitcoinNetwork::regtest})
    if (chain == transactions::chain_of(network))
      throw JsonError(pointer,
                      "can match nothing: a PSBT is judged as Bitcoin mainnet's, where its signatures count, too");
}

AssetGlobs parse_assets(JsonObject& condition) {
  AssetGlobs out;
  each_entry(condition, "asset", [&](const std::string& glob, const std::string& pointer) {
    expect_possible(glob, pointer);
    for (const std::string_view standard : {"/erc20:", "/erc721:", "/erc1155:"}) {
      const std::size_t at = glob.find(standard);
      if (at == std::string::npos) continue;
      const std::string tail = glob.substr(at + standard.size()), address = tail.substr(0, tail.find('/'));
      if (address.find('*') == std::string::npos && !transactions::normal_address("eip155", address))
        throw JsonError(pointer, "names no address of Ethereum");
    }
    out.as_written.push_back(glob);
    out.in_lower_case.push_back(lower(glob));
  });
  return out;
}

std::vector<std::string> parse_chains(JsonObject& condition) {
  std::vector<std::string> out;
  each_entry(condition, "chain", [&](const std::string& glob, const std::string& pointer) {
    expect_possible(glob, pointer);
    out.push_back(glob);
  });
  return out;
}

std::vector<std::string> parse_calls(JsonObject& condition) {
  std::vector<std::string> out;
  each_entry(condition, "call", [&](const std::string& entry, const std::string& pointer) {
    if (entry.starts_with("0x")) {
      const std::string digits = lower(entry.substr(2));
      if (digits.empty() || digits.find_first_not_of("0123456789abcdef*") != std::string::npos)
        throw JsonError(pointer, "must be 0x and hex digits, or * for any of them");
      const std::size_t count = digits.size() - static_cast<std::size_t>(std::count(digits.begin(), digits.end(), '*'));
      if (count > 16 || (count == digits.size() && (count < 8 || count % 2 != 0)))
        throw JsonError(
            pointer,
            "can match nothing: of Ethereum's calls there are 8 digits, of Solana's 16, and * stands for more");
      out.push_back(digits);
      return;
    }
    if (!transactions::is_function_signature(entry))
      throw JsonError(pointer,
                      "must be a selector (0xa9059cbb) or a function, whose types have their full names and no spaces "
                      "(transfer(address,uint256))");
    // Its selector is the beginning of its Keccak-256.
    const Digest hash = transactions::keccak256(entry);
    out.push_back(to_hex(ByteView(hash).first(4)));
  });
  return out;
}

std::set<std::string> parse_sighashes(JsonObject& condition) {
  constexpr std::array<std::string_view, 7> known{
      "DEFAULT", "ALL", "NONE", "SINGLE", "ALL|ANYONECANPAY", "NONE|ANYONECANPAY", "SINGLE|ANYONECANPAY"};
  std::set<std::string> out;
  each_entry(condition, "sighash", [&](const std::string& entry, const std::string& pointer) {
    if (std::find(known.begin(), known.end(), entry) == known.end()) throw JsonError(pointer, "is not a sighash type");
    out.insert(entry);
  });
  return out;
}

std::vector<DomainPattern> parse_domains(JsonObject& condition) {
  const Json& array = condition.array("domain", limits::kMaxConditionEntries);
  if (array.empty()) condition.fail("domain", "must not be empty");
  std::vector<DomainPattern> out;
  for (std::size_t i = 0; i < array.size(); ++i) {
    JsonObject object(array[i], condition.pointer("domain") + "/" + std::to_string(i));
    DomainPattern& pattern = out.emplace_back();
    if (object.has("name")) pattern.name = object.text("name", 0, kMaxText);
    if (object.has("chain_id")) {
      const auto chain_id = transactions::from_decimal(object.text("chain_id", 1, 78));
      if (!chain_id) object.fail("chain_id", "must be a decimal text");
      pattern.chain_id = transactions::to_decimal(*chain_id);
    }
    if (object.has("verifying_contract")) {
      pattern.verifying_contract =
          transactions::normal_address("eip155", object.text("verifying_contract", 1, kMaxText));
      if (!pattern.verifying_contract) object.fail("verifying_contract", "is no address of Ethereum");
    }
    if (!pattern.name && !pattern.chain_id && !pattern.verifying_contract)
      throw JsonError(condition.pointer("domain") + "/" + std::to_string(i),
                      "must have name, chain_id or verifying_contract");
    object.expect_no_more();
  }
  return out;
}

std::vector<std::string> parse_paths(JsonObject& condition) {
  std::vector<std::string> out;
  each_entry(condition, "path", [&](const std::string& entry, const std::string&) { out.push_back(entry); });
  return out;
}

U256 parse_amount(JsonObject& condition, std::string_view member) {
  const auto amount = transactions::from_decimal(condition.text(member, 1, 78));
  if (!amount) condition.fail(member, "must be a decimal text in base units, below 2^256");
  return *amount;
}

// ---- deciding

const Condition kYes{Truth::yes, ""};

// All of them together, whatever the quantifier.
Condition both(Condition a, Condition b) {
  if (a.holds == Truth::no) return a;
  if (b.holds == Truth::no) return b;
  return a.holds == Truth::unknown ? a : b;
}

// `none`: what to say if there is nothing of the kind; then neither an allow nor a deny is about it.
template <class Range, class Test>
Condition over(Quantifier quantifier, const Range& range, const Say& say, const char* none, const Test& test) {
  Condition result;
  bool first = true;
  for (const auto& element : range) {
    Condition one = test(element);
    const Truth decisive = quantifier == Quantifier::all ? Truth::no : Truth::yes;
    if (one.holds == decisive) return one;
    if (first || one.holds == Truth::unknown) result = std::move(one);
    first = false;
  }
  return first ? say.no([&] { return none; }) : result;
}

// The collection of a token that is no fungible one, all of whose items are meant: "eip155:1/erc721:0x…".
bool is_collection(const std::string& asset) {
  return (asset.find("/erc721:") != std::string::npos || asset.find("/erc1155:") != std::string::npos) &&
         std::count(asset.begin(), asset.end(), '/') == 1;
}

bool matches(const std::vector<std::string>& globs, const std::string& text) {
  return std::any_of(globs.begin(), globs.end(), [&](const auto& glob) { return glob_matches(glob, text); });
}

Condition listed(bool is_listed, const std::string& text, const char* what, const Say& say) {
  if (text == kUnknown) return say.unknown([&] { return "the payload does not show the " + std::string(what); });
  if (is_listed) return kYes;
  return say.no([&] { return std::string(what) + " " + (text.empty() ? "none" : text) + " is not listed"; });
}

Condition recipient_holds(const Addresses& recipients, const Movement& m, bool any, const Say& say) {
  const bool is_listed = recipients.contains(m.to) || (any && recipients.contains(m.to_owner));
  if (any && !is_listed && m.to_owner == kUnknown)
    return say.unknown([&] { return "the payload does not show whose account " + m.to + " is"; });
  return listed(is_listed, m.to, "recipient", say);
}

Condition asset_holds(const AssetGlobs& assets, const Movement& m, bool any, const Say& say) {
  const auto means = [&](const std::string& asset) {
    return assets.match(asset) || (is_collection(asset) && assets.match_item_of(asset));
  };
  const bool is_listed = any ? means(m.asset) || (!m.or_asset.empty() && means(m.or_asset)) : assets.match(m.asset);
  return listed(is_listed, m.asset, "asset", say);
}

Condition movement_holds(const FactConditions& c, const Movement& m, Quantifier quantifier, const Say& say) {
  const bool any = quantifier == Quantifier::any;
  Condition result = kYes;
  if (c.recipients) result = recipient_holds(*c.recipients, m, any, say);
  if (c.assets && result.holds != Truth::no) result = both(std::move(result), asset_holds(*c.assets, m, any, say));
  return result;
}

Condition call_holds(const FactConditions& c, const Call& call, const Say& say) {
  Condition result = kYes;
  if (c.contracts) result = listed(c.contracts->contains(call.contract), call.contract, "contract", say);
  if (c.calls && result.holds != Truth::no) {
    const std::string& selector = call.selector;  // Ethereum's have 0x in front
    const std::string digits = selector.starts_with("0x") ? selector.substr(2) : selector;
    result = both(std::move(result), listed(matches(*c.calls, digits), selector, "call", say));
  }
  return result;
}

// A member that the domain does not have is another than the one that the pattern names.
Condition domain_holds(const std::vector<DomainPattern>& patterns, const std::optional<transactions::Domain>& domain,
                       const Say& say) {
  if (!domain) return say.no([] { return "the payload has no domain"; });
  const auto fits = [](const auto& wanted, const auto& is) { return !wanted || wanted == is; };
  const bool is_listed = std::any_of(patterns.begin(), patterns.end(), [&](const DomainPattern& p) {
    return fits(p.name, domain->name) && fits(p.chain_id, domain->chain_id) &&
           fits(p.verifying_contract, domain->verifying_contract);
  });
  return is_listed ? kYes : say.no([] { return "the domain is not listed"; });
}

// Those that a condition is about, where they stand.
class Some {
 public:
  Some(const std::vector<Movement>& all, bool fees) : all_(all), fees_(fees) {}
  struct End {};
  struct Iterator {
    const std::vector<Movement>& all;
    bool fees;
    std::size_t at;
    const Movement& operator*() const { return all[at]; }
    Iterator& operator++() {
      ++at;
      return skip();
    }
    Iterator& skip() {
      while (at < all.size() && (all[at].kind == MovementKind::fee) != fees) ++at;
      return *this;
    }
    bool operator==(End) const { return at == all.size(); }
  };
  Iterator begin() const { return Iterator{all_, fees_, 0}.skip(); }
  End end() const { return {}; }
  bool empty() const { return begin() == end(); }

 private:
  const std::vector<Movement>& all_;
  bool fees_;
};

// Sums per asset against the limit.
Condition within(const FactConditions& c, const U256& limit, const Some& movements, const char* what, const Say& say) {
  std::vector<std::pair<std::string_view, U256>> sums;  // a payload has few assets
  bool unknown = false;
  for (const Movement& m : movements) {
    unknown = unknown || !amount_is_told(c, m);
    if (m.asset == kUnknown || !m.amount.is_known()) continue;
    auto sum = std::find_if(sums.begin(), sums.end(), [&](const auto& s) { return s.first == m.asset; });
    if (sum == sums.end()) sum = sums.insert(sums.end(), {m.asset, U256(0)});
    const auto more = transactions::add(sum->second, m.amount.value());
    if (!more || *more > limit)
      return say.no(
          [&] { return std::string(what) + " of " + m.asset + " is above " + transactions::to_decimal(limit); });
    sum->second = *more;
  }
  if (unknown) return say.unknown([&] { return "the payload does not show the " + std::string(what); });
  return kYes;
}

}  // namespace

bool amount_is_told(const FactConditions& c, const Movement& m) {
  if (m.asset == kUnknown || !m.amount.is_known()) return false;
  return m.or_asset.empty() || is_collection(m.or_asset) || (c.assets && !c.assets->match(m.or_asset));
}

std::string_view name_of(Truth truth) {
  switch (truth) {
    case Truth::no:
      return "false";
    case Truth::yes:
      return "true";
    case Truth::unknown:
      return "unknown";
  }
  return "unknown";
}

AddressLists read_addresses(const Lists& lists) {
  AddressLists out;
  for (const auto& [name, entries] : lists) {
    AddressSet addresses;
    for (std::size_t i = 0; i < entries.size(); ++i)
      add_address(addresses, entries[i], "/lists/" + pointer_escape(name) + "/" + std::to_string(i));
    out.emplace(name, std::make_shared<const AddressSet>(std::move(addresses)));
  }
  return out;
}

bool Addresses::contains(const std::string& address) const {
  return own.contains(address) ||
         std::any_of(lists.begin(), lists.end(), [&](const auto& list) { return list->contains(address); });
}

bool AssetGlobs::match(const std::string& asset) const {
  return matches(asset.starts_with("eip155:") ? in_lower_case : as_written, asset);
}

bool AssetGlobs::match_item_of(const std::string& collection) const {
  const std::string items = collection + "/";
  // A beginning of the glob matches up to the id, and the rest of it some number.
  return std::any_of(in_lower_case.begin(), in_lower_case.end(), [&](const std::string& glob) {
    for (std::size_t k = glob.size() + 1; k-- > 0;) {
      const std::string_view head = std::string_view(glob).substr(0, k), id = std::string_view(glob).substr(k);
      if (id.find_first_not_of("0123456789*") != std::string_view::npos) return false;
      if (glob_matches(head, items) && (!id.empty() || head.ends_with('*'))) return true;
    }
    return false;
  });
}

bool FactConditions::about_facts() const {
  return chains || assets || recipients || contracts || calls || sighashes || domains || max || fee_max;
}

FactConditions FactConditions::parse(JsonObject& condition, const AddressLists& lists) {
  FactConditions out;
  if (condition.has("chain")) out.chains = parse_chains(condition);
  if (condition.has("asset")) out.assets = parse_assets(condition);
  if (condition.has("to")) out.recipients = parse_addresses(condition, "to", lists);
  if (condition.has("contract")) out.contracts = parse_addresses(condition, "contract", lists);
  if (condition.has("call")) out.calls = parse_calls(condition);
  if (condition.has("sighash")) out.sighashes = parse_sighashes(condition);
  if (condition.has("domain")) out.domains = parse_domains(condition);
  if (condition.has("path")) out.paths = parse_paths(condition);
  if (condition.has("max")) out.max = parse_amount(condition, "max");
  if (condition.has("fee_max")) out.fee_max = parse_amount(condition, "fee_max");
  return out;
}

Condition holds(const FactConditions& c, const Facts* facts, const std::vector<std::string>& paths,
                Quantifier quantifier, const Say& say) {
  Condition result = kYes;
  // Nothing is looked at after what does not hold.
  const auto and_also = [&](bool is_there, const auto& condition) {
    if (is_there && result.holds != Truth::no) result = both(std::move(result), condition());
  };
  and_also(c.paths.has_value(), [&] {
    return over(quantifier, paths, say, "there is no path",
                [&](const std::string& path) { return listed(matches(*c.paths, path), path, "path", say); });
  });
  if (!c.about_facts()) return result;
  if (facts == nullptr) {
    and_also(true, [&] { return say.unknown([] { return "the payload does not show what it does"; }); });
    return result;
  }

  const Some moved(facts->movements, false), fees(facts->movements, true);
  // Something that is not understood may do anything.
  const bool anything = std::any_of(facts->movements.begin(), facts->movements.end(),
                                    [](const Movement& m) { return m.kind == MovementKind::unknown; });
  const auto amounts = [&] {
    and_also(c.max.has_value(), [&] {
      if (moved.empty()) return say.no([] { return "the payload moves nothing"; });
      return within(c, *c.max, moved, "sum", say);
    });
    and_also(c.fee_max.has_value(), [&] {
      if (fees.empty() && anything) return say.unknown([] { return "the payload does not show the fee"; });
      return within(c, *c.fee_max, fees, "fee", say);
    });
  };
  // Cheaper than lists. Whoever asks why is told the first in the order of the documentation.
  if (!say.words) amounts();
  and_also(c.chains.has_value(), [&] {  // a text for people is of no chain: no glob matches it
    const bool is_listed = !facts->chain.empty() && matches(*c.chains, facts->chain);
    return listed(is_listed, facts->chain, "chain", say);
  });
  and_also(c.sighashes.has_value(), [&] {
    return over(quantifier, facts->sighashes, say, "there is no sighash type", [&](const std::string& type) {
      return listed(c.sighashes->contains(type), type, "sighash type", say);
    });
  });
  and_also(c.domains.has_value(), [&] { return domain_holds(*c.domains, facts->domain, say); });
  and_also(c.recipients || c.assets, [&] {
    return over(quantifier, moved, say, "the payload moves nothing",
                [&](const Movement& m) { return movement_holds(c, m, quantifier, say); });
  });
  and_also(c.contracts || c.calls, [&] {
    if (facts->calls.empty() && anything) return say.unknown([] { return "the payload does not show what it calls"; });
    return over(quantifier, facts->calls, say, "the payload calls nothing",
                [&](const Call& call) { return call_holds(c, call, say); });
  });
  if (say.words) amounts();
  return result;
}

}  // namespace quorate::policy

#include "policy/fact_conditions.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "policy/kinds.h"
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

// Facts write Ethereum's addresses in lower case; other chains' addresses tell their cases apart.
std::string normal_asset(const std::string& glob) { return glob.starts_with("eip155:") ? lower(glob) : glob; }

std::optional<std::string> normal_address_of_any(const std::string& text) {
  for (const std::string_view chain : {"eip155", "bip122", "solana"})
    if (auto address = transactions::normal_address(chain, text)) return address;
  return std::nullopt;
}

void add_address(std::set<std::string>& out, const std::string& text, const std::string& pointer) {
  auto address = normal_address_of_any(text);
  if (!address) throw JsonError(pointer, "is no address of Ethereum, Bitcoin or Solana");
  out.insert(std::move(*address));
}

std::set<std::string> parse_addresses(JsonObject& condition, std::string_view member, const Lists& lists) {
  std::set<std::string> out;
  each_entry(condition, member, [&](const std::string& entry, const std::string& pointer) {
    if (member == "contract" && entry == "new") {
      out.insert(entry);
      return;
    }
    if (!entry.starts_with(kList)) return add_address(out, entry, pointer);
    const auto list = lists.find(entry.substr(kList.size()));
    if (list == lists.end()) throw JsonError(pointer, "is not a list of this policy");
    for (std::size_t i = 0; i < list->second.size(); ++i)
      add_address(out, list->second[i], "/lists/" + pointer_escape(list->first) + "/" + std::to_string(i));
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
      out.push_back(digits);
      return;
    }
    // A function as Solidity writes it: its selector is the beginning of its Keccak-256.
    const std::size_t open = entry.find('(');
    if (open == 0 || open == std::string::npos || !entry.ends_with(')'))
      throw JsonError(pointer, "must be a selector (0xa9059cbb) or a function (transfer(address,uint256))");
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

std::vector<std::string> parse_globs(JsonObject& condition, std::string_view member) {
  std::vector<std::string> out;
  each_entry(condition, member, [&](const std::string& entry, const std::string&) { out.push_back(entry); });
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
Condition both(const Condition& a, const Condition& b) {
  if (a.holds == Truth::no) return a;
  if (b.holds == Truth::no) return b;
  return a.holds == Truth::unknown ? a : b;
}

// `none`: what to say if there is nothing of the kind; then neither an allow nor a deny is about it.
template <class Range, class Test>
Condition over(Quantifier quantifier, const Range& range, const std::string& none, const Test& test) {
  Condition result{Truth::no, none};
  bool first = true;
  for (const auto& element : range) {
    const Condition one = test(element);
    const Truth decisive = quantifier == Quantifier::all ? Truth::no : Truth::yes;
    if (one.holds == decisive) return one;
    if (first || one.holds == Truth::unknown) result = one;
    first = false;
  }
  return result;
}

bool matches(const std::vector<std::string>& globs, const std::string& text) {
  return std::any_of(globs.begin(), globs.end(), [&](const auto& glob) { return glob_matches(glob, text); });
}

Condition listed(bool is_listed, const std::string& text, const char* what) {
  if (text == kUnknown) return {Truth::unknown, "the payload does not show the " + std::string(what)};
  if (is_listed) return kYes;
  return {Truth::no, std::string(what) + " " + (text.empty() ? "none" : text) + " is not listed"};
}

Condition movement_holds(const FactConditions& c, const Movement& m, Quantifier quantifier) {
  Condition result = kYes;
  if (c.recipients) result = both(result, listed(c.recipients->contains(m.to), m.to, "recipient"));
  if (c.assets) {
    const bool other = quantifier == Quantifier::any && !m.or_asset.empty() && matches(*c.assets, m.or_asset);
    result = both(result, listed(other || matches(*c.assets, m.asset), m.asset, "asset"));
  }
  return result;
}

Condition call_holds(const FactConditions& c, const Call& call) {
  Condition result = kYes;
  if (c.contracts) result = both(result, listed(c.contracts->contains(call.contract), call.contract, "contract"));
  if (c.calls) {
    const std::string& selector = call.selector;  // Ethereum's have 0x in front
    const std::string digits = selector.starts_with("0x") ? selector.substr(2) : selector;
    result = both(result, listed(matches(*c.calls, digits), selector, "call"));
  }
  return result;
}

// Sums per asset against the limit.
Condition within(const U256& limit, const std::vector<Movement>& movements, const char* what) {
  std::map<std::string, U256> sums;
  bool unknown = false;
  for (const Movement& m : movements) {
    if (m.asset == kUnknown || !m.amount.is_known()) {
      unknown = true;
      continue;
    }
    const auto sum = transactions::add(sums[m.asset], m.amount.value());
    if (!sum || *sum > limit)
      return {Truth::no, std::string(what) + " of " + m.asset + " is above " + transactions::to_decimal(limit)};
    sums[m.asset] = *sum;
  }
  if (unknown) return {Truth::unknown, "the payload does not show the " + std::string(what)};
  return kYes;
}

}  // namespace

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

bool FactConditions::about_facts() const {
  return chains || assets || recipients || contracts || calls || sighashes || max || fee_max;
}

FactConditions FactConditions::parse(JsonObject& condition, const Lists& lists) {
  FactConditions out;
  if (condition.has("chain")) out.chains = parse_globs(condition, "chain");
  if (condition.has("asset")) {
    out.assets = parse_globs(condition, "asset");
    for (std::string& glob : *out.assets) glob = normal_asset(glob);
  }
  if (condition.has("to")) out.recipients = parse_addresses(condition, "to", lists);
  if (condition.has("contract")) out.contracts = parse_addresses(condition, "contract", lists);
  if (condition.has("call")) out.calls = parse_calls(condition);
  if (condition.has("sighash")) out.sighashes = parse_sighashes(condition);
  if (condition.has("path")) out.paths = parse_globs(condition, "path");
  if (condition.has("max")) out.max = parse_amount(condition, "max");
  if (condition.has("fee_max")) out.fee_max = parse_amount(condition, "fee_max");
  return out;
}

Condition holds(const FactConditions& c, const Facts* facts, const std::vector<std::string>& paths,
                Quantifier quantifier) {
  Condition result = kYes;
  if (c.paths)
    result = over(quantifier, paths, "there is no path",
                  [&](const std::string& path) { return listed(matches(*c.paths, path), path, "path"); });
  if (!c.about_facts()) return result;
  if (facts == nullptr) return both(result, {Truth::unknown, "the payload does not show what it does"});

  std::vector<Movement> moved, fees;
  bool anything = false;  // something that is not understood may do anything
  for (const Movement& m : facts->movements) {
    (m.kind == MovementKind::fee ? fees : moved).push_back(m);
    anything |= m.kind == MovementKind::unknown;
  }
  if (c.chains) result = both(result, listed(matches(*c.chains, facts->chain), facts->chain, "chain"));
  if (c.sighashes)
    result = both(result, over(quantifier, facts->sighashes, "there is no sighash type", [&](const std::string& type) {
                    return listed(c.sighashes->contains(type), type, "sighash type");
                  }));
  if (c.recipients || c.assets)
    result = both(result, over(quantifier, moved, "the payload moves nothing",
                               [&](const Movement& m) { return movement_holds(c, m, quantifier); }));
  if (c.contracts || c.calls) {
    if (facts->calls.empty() && anything)
      result = both(result, {Truth::unknown, "the payload does not show what it calls"});
    else
      result = both(result, over(quantifier, facts->calls, "the payload calls nothing",
                                 [&](const Call& call) { return call_holds(c, call); }));
  }
  if (c.max)
    result =
        both(result, moved.empty() ? Condition{Truth::no, "the payload moves nothing"} : within(*c.max, moved, "sum"));
  if (c.fee_max) result = both(result, within(*c.fee_max, fees, "fee"));
  return result;
}

}  // namespace quorate::policy

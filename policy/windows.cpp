#include "policy/windows.h"

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/hash.h"

namespace quorate::policy {
namespace {

using transactions::kUnknown;
using transactions::Movement;
using transactions::MovementKind;
using transactions::U256;

constexpr std::array kPers{Per::key, Per::to, Per::by, Per::asset};
constexpr std::size_t kMostSumName = 192;  // bytes; a longer one goes by its hash
constexpr std::int64_t kMostCount = INT64_C(1'000'000'000'000);

// The fee is no movement here.
bool moves(const Movement& m) { return m.kind != MovementKind::fee; }
bool is_shown(const std::string& text) { return !text.empty() && text != kUnknown; }
// Of its key and its requester every request is, whatever it moves.
bool is_of_request(Per per) { return per == Per::key || per == Per::by; }

// A name for each fact, and no two of them have one: the length says where the subject ends. The names are in ledgers:
// in another form they would forget what has been signed. `asset` is "" in what is counted.
std::string sum_name(Per per, const std::string& subject, const std::string& asset) {
  std::string name(name_of(per));
  name += ":" + std::to_string(subject.size()) + ":" + subject + ":" + asset;
  return name.size() <= kMostSumName ? name : "sha256:" + to_hex(sha256(view_of(name)));
}

Window parse_window(const Json& json, const std::string& pointer) {
  JsonObject object(json, pointer);
  Window window;
  window.hours = object.integer("hours", 1, limits::kMaxWindowHours);
  if (object.has("max") == object.has("count")) throw JsonError(pointer, "must have one of max and count");
  if (object.has("max")) {
    window.max = transactions::from_decimal(object.text("max", 1, 78));
    if (!window.max) object.fail("max", "must be a decimal text in base units, below 2^256");
  } else {
    window.count = static_cast<std::uint64_t>(object.integer("count", 0, kMostCount));
  }
  // Without it nobody could tell whether two keys share a sum.
  const std::string per = object.has("per") ? object.text("per", 1, limits::kMaxName) : "";
  for (const Per p : kPers)
    if (name_of(p) == per) window.per = p;
  if (window.per == Per::unset) object.fail("per", "must be there, and key, to, by or asset");
  if (object.has("mode")) {
    const std::string mode = object.text("mode", 1, limits::kMaxName);
    if (mode != "announced" && mode != "split") object.fail("mode", "must be announced or split");
    window.split = mode == "split";
  }
  object.expect_no_more();
  return window;
}

// Why the payload does not show what this window is about; nullptr: it does.
const char* not_shown(const Window& window, const FactConditions& conditions, const Spending& spending) {
  if (is_of_request(window.per) && !is_shown(spending.subject(window.per))) return "it is not known whose window it is";
  if (is_of_request(window.per) && window.counts()) return nullptr;
  if (spending.facts() == nullptr) return "the payload does not show what it does";
  for (const Movement& m : spending.facts()->movements) {
    if (!moves(m)) continue;
    if (window.max && !amount_is_told(conditions, m)) return "the payload does not show the sum";
    if (!is_shown(spending.subject(window.per, m)))
      return window.per == Per::to ? "the payload does not show the recipient" : "the payload does not show the asset";
  }
  return nullptr;
}

std::size_t parts_of(const Window& window, const Parts& parts) {
  if (!window.split) return 1;
  return window.per == Per::key ? parts.of_key : parts.of_cluster;
}
// Rounded down: all parts together are never more than the whole.
U256 most_amount(const Window& window, const Parts& parts) {
  const std::size_t n = parts_of(window, parts);
  return n == 0 ? U256(0) : U256(*window.max / n);
}
std::uint64_t most_count(const Window& window, const Parts& parts) {
  const std::size_t n = parts_of(window, parts);
  return n == 0 ? 0 : *window.count / n;
}

Room room_in(const Window& window, const FactConditions& conditions, Spending& spending, const Parts& parts,
             const Say& say) {
  const char* missing = not_shown(window, conditions, spending);
  auto& sums = spending.of({window.per, window.counts()});
  if (sums.empty() && missing == nullptr) return {say.no([] { return "the payload moves nothing"; })};
  const auto exceeded = [&](const Spending::Sum& sum, const std::string& asks, const std::string& used,
                            const std::string& most) {
    return words_of(window) + (window.split ? "; this node's part of " : "; of ") + most + " " + used +
           " are used, and it asks for " + asks + (sum.asset.empty() ? "" : " of " + sum.asset);
  };
  for (Spending::Sum& sum : sums) {
    // What can never have room has none, whatever has been signed.
    const Ledger::Sum none;
    const Ledger::Sum& past = spending.has_ledger() ? spending.so_far(sum, window.hours) : none;
    if (window.max) {
      const U256 most = most_amount(window, parts);
      const WideSum& used = window.split ? past.own : past.total;
      if (sum.amount && used + WideSum(*sum.amount) <= WideSum(most)) continue;
      return {say.no([&] {
                return exceeded(sum, sum.amount ? transactions::to_decimal(*sum.amount) : "2^256 or more", used.str(),
                                transactions::to_decimal(most));
              }),
              true};
    }
    const std::uint64_t most = most_count(window, parts), used = window.split ? past.own_count : past.count;
    if (used < most) continue;
    return {say.no([&] { return exceeded(sum, "1", std::to_string(used), std::to_string(most)); }), true};
  }
  if (missing != nullptr) return {say.unknown([&] { return missing; })};
  if (!spending.has_ledger()) return {say.unknown([] { return "what has been signed before is not known"; })};
  return {{Truth::yes, ""}};
}

}  // namespace

std::string_view name_of(Per per) {
  switch (per) {
    case Per::unset:
      return "";
    case Per::key:
      return "key";
    case Per::to:
      return "to";
    case Per::by:
      return "by";
    case Per::asset:
      return "asset";
  }
  return "";
}

std::string words_of(const Window& window) {
  const auto of_each = [&] {
    switch (window.per) {
      case Per::key:
        return "per key";
      case Per::to:
        return "per recipient";
      case Per::by:
        return "per requester";
      case Per::asset:
        return window.counts() ? "per asset" : "over all keys";
      case Per::unset:
        break;
    }
    return "";
  };
  return "at most " +
         (window.counts() ? std::to_string(*window.count) + " requests"
                          : transactions::to_decimal(*window.max) + " of each asset") +
         " " + of_each() + " in " + std::to_string(window.hours) + " hours" + (window.split ? ", split" : "");
}

const std::string& Spending::subject(Per per) const {
  QUORATE_ASSERT(is_of_request(per));
  return per == Per::key ? key_id_ : user_;
}

const std::string& Spending::subject(Per per, const Movement& movement) const {
  if (is_of_request(per)) return subject(per);
  return per == Per::to ? movement.to : movement.asset;
}

std::vector<Spending::Sum>& Spending::of(SumKind kind) {
  QUORATE_ASSERT(kind.per != Per::unset);
  auto& slot = sums_.at(static_cast<std::size_t>(kind.per) * 2 + (kind.counts ? 1 : 0));
  if (slot) return *slot;
  std::map<std::pair<std::string, std::string>, std::optional<U256>> found;  // by subject and asset
  if (kind.counts && is_of_request(kind.per) && is_shown(subject(kind.per)))
    found.emplace(std::pair(subject(kind.per), ""), U256(0));
  else if (facts_ != nullptr)
    for (const Movement& m : facts_->movements) {
      const std::string& whose = subject(kind.per, m);
      if (!moves(m) || !is_shown(whose)) continue;
      if (kind.counts) {
        found.emplace(std::pair(whose, ""), U256(0));
      } else if (is_shown(m.asset) && m.amount.is_known()) {
        auto& sum = found.try_emplace({whose, m.asset}, U256(0)).first->second;
        if (sum) sum = transactions::add(*sum, m.amount.value());
      }
    }
  slot.emplace();
  for (auto& [whose, amount] : found)
    slot->push_back({sum_name(kind.per, whose.first, whose.second), whose.second, std::move(amount)});
  return *slot;
}

const Ledger::Sum& Spending::so_far(Sum& sum, std::int64_t hours) const {
  for (const auto& [known, past] : sum.so_far)
    if (known == hours) return past;
  return sum.so_far.emplace_back(hours, ledger_->sum(sum.name, hours)).second;
}

std::vector<Window> parse_windows(JsonObject& condition) {
  const Json& json = condition.any("window");
  const std::string pointer = condition.pointer("window");
  if (!json.is_array()) return {parse_window(json, pointer)};
  if (json.empty() || json.size() > kMaxWindows)
    throw JsonError(pointer, "must be a window, or a list of 1 to " + std::to_string(kMaxWindows));
  std::vector<Window> windows;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string at = pointer + "/" + std::to_string(i);
    if (std::find(json.begin(), json.begin() + static_cast<std::ptrdiff_t>(i), json[i]) !=
        json.begin() + static_cast<std::ptrdiff_t>(i))
      throw JsonError(at, "is there twice");
    windows.push_back(parse_window(json[i], at));
  }
  return windows;
}

Room room_in(const std::vector<Window>& windows, const FactConditions& facts, Spending& spending, const Parts& parts,
             const Say& say) {
  Room result{{Truth::yes, ""}};
  for (const Window& window : windows) {
    Room one = room_in(window, facts, spending, parts, say);
    // One that is about nothing that the payload does makes the rule false, whatever room others have.
    if (one.condition.holds == Truth::no && !one.exceeded) return one;
    if (one.condition.holds == Truth::yes || result.condition.holds == Truth::no) continue;
    if (one.condition.holds == Truth::no || result.condition.holds == Truth::yes) result = std::move(one);
  }
  return result;
}

std::vector<Limit> limits_of(const std::vector<Window>& windows, const std::string& rule, Spending& spending,
                             const Parts& parts) {
  std::vector<Limit> limits;
  for (const Window& window : windows)
    for (const Spending::Sum& sum : spending.of({window.per, window.counts()})) {
      Limit& limit = limits.emplace_back();
      limit.sum = sum.name;
      limit.rule = rule;
      limit.hours = window.hours;
      limit.own_only = window.split;
      limit.of_key = window.per == Per::key;
      if (window.counts())
        limit.count = most_count(window, parts);
      else
        limit.max = most_amount(window, parts);
    }
  return limits;
}

std::vector<Charge> charges_of(const std::vector<SumKind>& kinds, Spending& spending) {
  std::map<std::string, U256> sums;
  for (const SumKind& kind : kinds)
    for (const Spending::Sum& sum : spending.of(kind))
      sums[sum.name] = sum.amount.value_or(std::numeric_limits<U256>::max());
  std::vector<Charge> charges;
  for (auto& [name, amount] : sums) charges.push_back({name, std::move(amount)});
  return charges;
}

}  // namespace quorate::policy

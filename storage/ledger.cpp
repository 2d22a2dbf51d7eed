#include "storage/ledger.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

namespace quorate::storage {
namespace {

// A policy that has changed meanwhile may ask for more sums. Of two amounts for one sum the greater counts.
void add_parts(LedgerEntry& entry, const std::vector<LedgerPart>& more) {
  std::map<std::string, Bytes32> all;
  for (const auto* parts : {&std::as_const(entry.parts), &more})
    for (const LedgerPart& part : *parts) {
      Bytes32& amount = all.try_emplace(part.sum, Bytes32{}).first->second;
      amount = std::max(amount, part.amount);
    }
  entry.parts.clear();
  for (auto& [sum, amount] : all) entry.parts.push_back({sum, amount});
}

LedgerEntry known_or_new(std::optional<LedgerEntry> before, const std::string& request,
                         const std::vector<LedgerPart>& parts) {
  LedgerEntry entry = before ? std::move(*before) : LedgerEntry{};
  entry.request = request;
  add_parts(entry, parts);
  return entry;
}

// What counts already never moves back in time.
void move_to(LedgerEntry& entry, bool counted, std::int64_t minute) {
  entry.minute = counted ? std::max(entry.minute, minute) : minute;
}

}  // namespace

WideAmount operator+(const WideAmount& a, const WideAmount& b) {
  WideAmount sum{};
  unsigned carry = 0;
  for (std::size_t i = sum.size(); i-- > 0; carry >>= 8) {
    carry += unsigned{a[i]} + b[i];
    sum[i] = static_cast<std::uint8_t>(carry);
  }
  if (carry != 0) throw std::overflow_error("a sum of amounts");
  return sum;
}

WideAmount operator-(const WideAmount& a, const WideAmount& b) {
  if (a < b) throw std::underflow_error("a sum of amounts");
  WideAmount difference{};
  int borrow = 0;
  for (std::size_t i = difference.size(); i-- > 0;) {
    const int digit = int{a[i]} - b[i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    difference[i] = static_cast<std::uint8_t>(digit + 256 * borrow);
  }
  return difference;
}

WideAmount widened(const Bytes32& amount) {
  WideAmount wide{};
  std::copy(amount.begin(), amount.end(), wide.end() - static_cast<std::ptrdiff_t>(amount.size()));
  return wide;
}

bool holds(const LedgerLimit& limit, const LedgerSum& sum) {
  if (!limit.most_amount && !limit.most_count) return false;
  const WideAmount& amount = limit.own_only ? sum.own : sum.total;
  const std::uint64_t count = limit.own_only ? sum.own_count : sum.count;
  return (!limit.most_amount || amount <= widened(*limit.most_amount)) &&
         (!limit.most_count || count <= *limit.most_count);
}

LedgerEntry reserved(std::optional<LedgerEntry> before, const LedgerReserve& what, std::int64_t clock) {
  LedgerEntry entry = known_or_new(std::move(before), what.request, what.parts);
  move_to(entry, entry.counted(), clock);
  if (entry.own == LedgerOwn::none) entry.own = LedgerOwn::reserved;
  return entry;
}

LedgerEntry spent(LedgerEntry before, std::int64_t clock) {
  move_to(before, before.counted(), clock);
  before.own = LedgerOwn::spent;
  return before;
}

// What counts since an earlier time has happened then.
LedgerEntry settled(std::optional<LedgerEntry> before, const LedgerSettle& what, std::int64_t clock) {
  LedgerEntry entry = known_or_new(std::move(before), what.request, what.parts);
  if (!entry.counted()) entry.minute = clock;
  entry.certain = true;
  return entry;
}

LedgerEntry unreserved(LedgerEntry before) {
  if (before.own == LedgerOwn::reserved) before.own = LedgerOwn::none;
  return before;
}

LedgerEntry heard(std::optional<LedgerEntry> before, const LedgerHeard& what) {
  LedgerEntry entry = known_or_new(std::move(before), what.request, what.parts);
  move_to(entry, entry.counted(), minute_of(what.time));
  const auto place = std::lower_bound(entry.others.begin(), entry.others.end(), what.node);
  if (place == entry.others.end() || *place != what.node) entry.others.insert(place, what.node);
  return entry;
}

LedgerEntry unheard(LedgerEntry before, const std::string& node) {
  std::erase(before.others, node);
  return before;
}

bool is_news(const std::optional<LedgerEntry>& before, const LedgerEntry& after) {
  const LedgerOwn own = before ? before->own : LedgerOwn::none;
  return own != after.own || (own != LedgerOwn::none && before->minute != after.minute);
}

std::int64_t minute_of(std::int64_t time) { return time / 60; }
std::int64_t window_begin(std::int64_t clock, std::int64_t hours) {
  return std::max<std::int64_t>(0, clock - 60 * hours);
}

}  // namespace quorate::storage

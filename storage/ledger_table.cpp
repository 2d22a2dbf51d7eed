#include "storage/ledger_table.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "storage/stored_record.h"

namespace quorate::storage::ledger_table {
namespace {

constexpr std::int64_t kFold = 16;  // buckets of one level in one of the next
constexpr std::size_t kLevels = 4;

struct State {
  std::int64_t clock = 0;
  std::uint64_t seq = 0;
};
State state_of(Connection& c) {
  Query q(c, "SELECT clock, seq FROM ledger_state");
  if (!q.row()) throw StorageCorrupt("the ledger of windows has no clock");
  return {q.integer(0), q.number(1)};
}

// "OR FAIL", here and below: see Apply::write of a request (apply.cpp).

// A clock that goes back makes no window forget.
std::int64_t advance(Connection& c, std::int64_t time) {
  const std::int64_t minute = minute_of(time), clock = state_of(c).clock;
  if (clock >= minute) return clock;
  Query(c, "UPDATE OR FAIL ledger_state SET clock = ?").bind(minute).run();
  return minute;
}

const std::string kEntry = "SELECT request, minute, own, certain, seq, record FROM ledger ";
LedgerEntry entry_in(const Query& q) {
  LedgerEntry e;
  e.request = q.text(0);
  e.minute = q.integer(1);
  const std::int64_t own = q.integer(2);
  if (own < 0 || own > static_cast<std::int64_t>(LedgerOwn::spent))
    throw StorageCorrupt("a row of the ledger with an unknown state");
  e.own = static_cast<LedgerOwn>(own);
  e.certain = q.integer(3) != 0;
  e.seq = q.number(4);
  open_ledger_record(e, q.blob(5));
  return e;
}

WideAmount amount_in(const Query& q, int column) {
  const ByteView bytes = q.blob(column);
  WideAmount amount{};
  if (bytes.size() != amount.size()) throw StorageCorrupt("a sum of the ledger with a wrong length");
  std::copy(bytes.begin(), bytes.end(), amount.begin());
  return amount;
}

LedgerSum part_of(const LedgerEntry& entry, const LedgerPart& part) {
  LedgerSum sum;
  if (entry.counted()) sum.total = widened(part.amount), sum.count = 1;
  if (entry.counted_as_own()) sum.own = sum.total, sum.own_count = 1;
  return sum;
}

void change_bucket(Connection& c, const std::string& sum, std::size_t level, std::int64_t at, std::int64_t until,
                   const LedgerSum& less, const LedgerSum& more) {
  LedgerSum bucket;
  bool there = false;
  {
    Query q(c, "SELECT total, count, own, own_count FROM ledger_buckets WHERE sum = ? AND level = ? AND at = ?");
    there = q.bind(sum).bind(std::uint64_t{level}).bind(at).row();
    if (there) bucket = {amount_in(q, 0), amount_in(q, 2), q.number(1), q.number(3)};
  }
  try {
    bucket.total = bucket.total + more.total - less.total;
    bucket.own = bucket.own + more.own - less.own;
  } catch (const std::exception& e) {
    throw StorageCorrupt("a bucket of the ledger does not hold what its entries say: " + std::string(e.what()));
  }
  bucket.count += more.count;
  bucket.own_count += more.own_count;
  if (bucket.count < less.count || bucket.own_count < less.own_count)
    throw StorageCorrupt("a bucket of the ledger counts less than its entries");
  bucket.count -= less.count;
  bucket.own_count -= less.own_count;
  if (bucket.count == 0) {
    Query(c, "DELETE FROM ledger_buckets WHERE sum = ? AND level = ? AND at = ?")
        .bind(sum)
        .bind(std::uint64_t{level})
        .bind(at)
        .run();
    return;
  }
  if (there) {
    Query(c,
          "UPDATE OR FAIL ledger_buckets SET total = ?, count = ?, own = ?, own_count = ? "
          "WHERE sum = ? AND level = ? AND at = ?")
        .bind(ByteView(bucket.total))
        .bind(bucket.count)
        .bind(ByteView(bucket.own))
        .bind(bucket.own_count)
        .bind(sum)
        .bind(std::uint64_t{level})
        .bind(at)
        .run();
    return;
  }
  Query(c,
        "INSERT INTO ledger_buckets (sum, level, at, until, total, count, own, own_count) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(sum)
      .bind(std::uint64_t{level})
      .bind(at)
      .bind(until)
      .bind(ByteView(bucket.total))
      .bind(bucket.count)
      .bind(ByteView(bucket.own))
      .bind(bucket.own_count)
      .run();
}

// `horizon`: no window reads a bucket that ends there or before; it may have been pruned.
void change_sum(Connection& c, const std::string& sum, std::int64_t minute, std::int64_t horizon, const LedgerSum& less,
                const LedgerSum& more) {
  if (less == more) return;
  std::int64_t size = 1;
  for (std::size_t level = 0; level < kLevels; ++level, size *= kFold) {
    const std::int64_t at = minute / size, until = (at + 1) * size;
    if (until > horizon) change_bucket(c, sum, level, at, until, less, more);
  }
}

// No index is rewritten for what has not changed.
void write(Connection& c, const std::optional<LedgerEntry>& before, const LedgerEntry& after) {
  const Bytes record = seal_ledger_record(after);
  const auto own = static_cast<std::int64_t>(after.own), certain = std::int64_t{after.certain};
  if (!before) {
    Query insert(c, "INSERT INTO ledger (minute, own, certain, seq, record, request) VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(after.minute).bind(own).bind(certain).bind(after.seq).bind(ByteView(record)).bind(after.request).run();
  } else if (before->minute != after.minute || before->seq != after.seq) {
    Query update(c,
                 "UPDATE OR FAIL ledger SET minute = ?, own = ?, certain = ?, seq = ?, record = ? WHERE request = ?");
    update.bind(after.minute).bind(own).bind(certain).bind(after.seq).bind(ByteView(record)).bind(after.request).run();
  } else if (before->own != after.own) {
    Query update(c, "UPDATE OR FAIL ledger SET own = ?, certain = ?, record = ? WHERE request = ?");
    update.bind(own).bind(certain).bind(ByteView(record)).bind(after.request).run();
  } else {
    Query update(c, "UPDATE OR FAIL ledger SET certain = ?, record = ? WHERE request = ?");
    update.bind(certain).bind(ByteView(record)).bind(after.request).run();
  }
}

Applied store(Connection& c, const std::optional<LedgerEntry>& before, LedgerEntry after) {
  if (after.parts.size() > limits::kMaxLedgerParts || after.others.size() > limits::kMaxNodes)
    return {Conflict::out_of_bounds, after.request + " has too many parts in the ledger"};
  if (before == after) return {};
  const State state = state_of(c);
  const std::int64_t horizon = window_begin(state.clock, limits::kMaxWindowHours);
  if (is_news(before, after)) {
    after.seq = state.seq + 1;
    Query(c, "UPDATE OR FAIL ledger_state SET seq = ?").bind(after.seq).run();
  }
  // Parts only become more, and their amounts greater; both are in order.
  const std::vector<LedgerPart> none;
  const std::vector<LedgerPart>& old_parts = before ? before->parts : none;
  auto old = old_parts.begin();
  for (const LedgerPart& part : after.parts) {
    LedgerSum less;
    if (old != old_parts.end() && old->sum == part.sum) less = part_of(*before, *old++);
    const LedgerSum more = part_of(after, part);
    if (!before || before->minute == after.minute) {
      change_sum(c, part.sum, after.minute, horizon, less, more);
    } else {
      change_sum(c, part.sum, before->minute, horizon, less, {});
      change_sum(c, part.sum, after.minute, horizon, {}, more);
    }
  }
  write(c, before, after);
  return {};
}

std::int64_t bound_of(std::size_t limit) { return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT32_MAX)); }

}  // namespace

Applied reserve(Connection& c, const LedgerReserve& what) {
  const std::int64_t clock = advance(c, what.time);
  const auto before = entry(c, what.request);
  if (Applied stored = store(c, before, reserved(before, what, clock)); stored.conflict != Conflict::none)
    return stored;
  for (const LedgerLimit& limit : what.limits)
    if (!holds(limit, sum(c, limit.sum, limit.hours, what.time))) return {Conflict::limit, limit.rule};
  return {};
}

Applied spend(Connection& c, const std::string& request, std::int64_t time) {
  const std::int64_t clock = advance(c, time);
  const auto before = entry(c, request);
  if (!before || before->own == LedgerOwn::none)
    return {Conflict::not_found, "this node has reserved nothing for " + request};
  return store(c, before, spent(*before, clock));
}

Applied settle(Connection& c, const LedgerSettle& what) {
  const std::int64_t clock = advance(c, what.time);
  const auto before = entry(c, what.request);
  return store(c, before, settled(before, what, clock));
}

Applied unreserve(Connection& c, const std::string& request) {
  const auto before = entry(c, request);
  return before ? store(c, before, unreserved(*before)) : Applied{};
}

// The time is another node's word: the ledger's clock does not follow it.
Applied hear(Connection& c, const LedgerHeard& what) {
  const auto before = entry(c, what.request);
  return store(c, before, heard(before, what));
}

Applied unhear(Connection& c, const std::string& request, const std::string& node) {
  const auto before = entry(c, request);
  return before ? store(c, before, unheard(*before, node)) : Applied{};
}

// Entries go without being taken out of their buckets: the small ones go with them, and of the large ones in which no
// window begins any more only those are read that begin after every window does.
Applied prune(Connection& c, std::int64_t now) {
  const std::int64_t begin = window_begin(advance(c, now), limits::kMaxWindowHours);
  Query(c, "DELETE FROM ledger WHERE rowid IN (SELECT rowid FROM ledger WHERE minute < ? ORDER BY minute LIMIT ?)")
      .bind(begin)
      .bind(std::int64_t{limits::kMaxForgotten})
      .run();
  Query(c,
        "DELETE FROM ledger_buckets WHERE (sum, level, at) IN "
        "(SELECT sum, level, at FROM ledger_buckets WHERE until <= ? ORDER BY until LIMIT ?)")
      .bind(begin)
      .bind(std::int64_t{4 * limits::kMaxForgotten})
      .run();
  return {};
}

LedgerSum sum(Connection& c, const std::string& name, std::int64_t hours, std::int64_t now) {
  std::int64_t begin = window_begin(std::max(state_of(c).clock, minute_of(now)), hours);
  // Of each level the buckets up to where one of the next level begins; of the last one all that follow.
  std::array<std::int64_t, kLevels + 1> from{};
  for (std::size_t level = 0; level < kLevels; ++level) {
    from[level] = begin;
    begin = (begin + kFold - 1) / kFold;
  }
  static const std::string kBuckets = "SELECT total, count, own, own_count FROM ledger_buckets WHERE sum = ? ";
  static const std::string kSum = kBuckets + "AND level = 0 AND at >= ? AND at < ? UNION ALL " + kBuckets +
                                  "AND level = 1 AND at >= ? AND at < ? UNION ALL " + kBuckets +
                                  "AND level = 2 AND at >= ? AND at < ? UNION ALL " + kBuckets +
                                  "AND level = 3 AND at >= ?";
  Query q(c, kSum);
  for (std::size_t level = 0; level + 1 < kLevels; ++level)
    q.bind(name).bind(from[level]).bind(from[level + 1] * kFold);
  q.bind(name).bind(from[kLevels - 1]);
  LedgerSum sum;
  while (q.row()) {
    sum.total = sum.total + amount_in(q, 0);
    sum.count += q.number(1);
    sum.own = sum.own + amount_in(q, 2);
    sum.own_count += q.number(3);
  }
  return sum;
}

std::optional<LedgerEntry> entry(Connection& c, const std::string& request) {
  Query q(c, kEntry + "WHERE request = ?");
  if (!q.bind(request).row()) return std::nullopt;
  return entry_in(q);
}

std::vector<LedgerEntry> open(Connection& c, std::size_t limit) {
  Query q(c, kEntry + "WHERE own = 1 ORDER BY request LIMIT ?");
  q.bind(bound_of(limit));
  std::vector<LedgerEntry> entries;
  while (q.row()) entries.push_back(entry_in(q));
  return entries;
}

std::uint64_t seq(Connection& c) { return state_of(c).seq; }

std::vector<LedgerEntry> after(Connection& c, std::uint64_t after, std::size_t limit) {
  std::vector<LedgerEntry> entries;
  if (after > INT64_MAX) return entries;
  Query q(c, kEntry + "WHERE seq != 0 AND seq > ? ORDER BY seq LIMIT ?");
  q.bind(after).bind(bound_of(limit));
  while (q.row()) entries.push_back(entry_in(q));
  return entries;
}

}  // namespace quorate::storage::ledger_table

// The ledger of the policy's windows: what each request adds to which sums, since when, and who takes part in it
// (docs/windows.md). ledger.cpp: how one entry changes; ledger_table.cpp: entries and sums in SQL.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace quorate::storage {

// A request's part of one sum. Names of sums are the policy's; an entry has one part of each.
struct LedgerPart {
  std::string sum;
  Bytes32 amount{};  // big-endian
  friend bool operator==(const LedgerPart&, const LedgerPart&) = default;
};

// This node's own part in it. The numbers are stored.
enum class LedgerOwn : std::uint8_t {
  none = 0,
  reserved = 1,  // it may yet come to nothing
  spent = 2,     // this node's last word has been sent, or may have been
};

struct LedgerEntry {
  std::string request;
  std::int64_t minute = 0;  // of Unix time
  LedgerOwn own = LedgerOwn::none;
  std::vector<std::string> others;  // nodes that say they take part; in order
  bool certain = false;             // it has happened
  std::uint64_t seq = 0;            // of the last change of this node's own part; 0: it never had one
  std::vector<LedgerPart> parts;    // by the sum's name
  // Counted once, however many nodes are in it.
  bool counted() const { return own != LedgerOwn::none || !others.empty() || certain; }
  bool counted_as_own() const { return own != LedgerOwn::none; }
  friend bool operator==(const LedgerEntry&, const LedgerEntry&) = default;
};

// 2^64 amounts of 256 bits never overflow it. Big-endian.
using WideAmount = ByteArray<40>;
WideAmount operator+(const WideAmount& a, const WideAmount& b);
WideAmount operator-(const WideAmount& a, const WideAmount& b);  // throws std::underflow_error when b is greater
WideAmount widened(const Bytes32& amount);

struct LedgerSum {
  WideAmount total{}, own{};  // `own`: of the entries that this node has a part in
  std::uint64_t count = 0, own_count = 0;
  friend bool operator==(const LedgerSum&, const LedgerSum&) = default;
};

// What a sum may come to with this request. Nothing given: nothing is allowed.
struct LedgerLimit {
  std::string sum, rule;
  std::int64_t hours = 0;  // 1 to limits::kMaxWindowHours
  bool own_only = false;
  std::optional<Bytes32> most_amount;
  std::optional<std::uint64_t> most_count;
};
bool holds(const LedgerLimit& limit, const LedgerSum& sum);

struct LedgerReserve {
  std::string request;
  std::int64_t time = 0;  // Unix seconds, as all times here
  std::vector<LedgerPart> parts;
  std::vector<LedgerLimit> limits;  // each about the sum of a part
};
struct LedgerSettle {
  std::string request;
  std::int64_t time = 0;
  std::vector<LedgerPart> parts;
};
struct LedgerHeard {
  std::string request, node;
  std::int64_t time = 0;
  std::vector<LedgerPart> parts;
};

// The entry after each of these. `clock`: the ledger's minute, which never goes back.
LedgerEntry reserved(std::optional<LedgerEntry> before, const LedgerReserve& what, std::int64_t clock);
LedgerEntry spent(LedgerEntry before, std::int64_t clock);
LedgerEntry settled(std::optional<LedgerEntry> before, const LedgerSettle& what, std::int64_t clock);
LedgerEntry unreserved(LedgerEntry before);
LedgerEntry heard(std::optional<LedgerEntry> before, const LedgerHeard& what);
LedgerEntry unheard(LedgerEntry before, const std::string& node);
// Whether other nodes are to learn of the change.
bool is_news(const std::optional<LedgerEntry>& before, const LedgerEntry& after);

std::int64_t minute_of(std::int64_t time);
// The first minute of a window that ends now. The minute that lies exactly so long ago still counts.
std::int64_t window_begin(std::int64_t clock, std::int64_t hours);

}  // namespace quorate::storage

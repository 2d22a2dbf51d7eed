// Windows: what a rule lets through in so many hours, in all (docs/policy.md, Windows). What a request adds to which
// sums is a pure function of its facts; what the sums have come to is told by a node's ledger.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/fact_conditions.h"

namespace quorate::policy {

// 2^64 amounts of 256 bits do not overflow it.
using WideSum = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<
    320, 320, boost::multiprecision::unsigned_magnitude, boost::multiprecision::unchecked, void>>;

enum class Per { unset = 0, key, to, by, asset };
std::string_view name_of(Per per);

// One of `window`. Either `max`, of every asset by itself, or `count`.
struct Window {
  std::int64_t hours = 0;
  std::optional<transactions::U256> max;
  std::optional<std::uint64_t> count;
  Per per = Per::unset;
  bool split = false;  // mode: every node keeps to its own part; else all of them to the whole, as far as they hear
  bool counts() const { return count.has_value(); }
};
inline constexpr std::size_t kMaxWindows = 8;  // of one rule; each may be about every movement of a payload
std::string words_of(const Window& window);    // "at most 10 requests per key in 24 hours"

// What has been signed, or may have been.
class Ledger {
 public:
  // Each request counts once. `own`: of those that this node itself takes part in.
  struct Sum {
    WideSum total, own;
    std::uint64_t count = 0, own_count = 0;
  };
  virtual ~Ledger() = default;
  virtual Sum sum(const std::string& name, std::int64_t hours) const = 0;
};
// Nothing yet.
class EmptyLedger final : public Ledger {
 public:
  Sum sum(const std::string&, std::int64_t) const override { return {}; }
};

// What one request adds to one sum. Every request adds 1 to the count of each of its sums.
struct Charge {
  std::string sum;
  transactions::U256 amount;
  friend bool operator==(const Charge&, const Charge&) = default;
};
// What the deciding rule demands of a sum, this request included.
struct Limit {
  std::string sum, rule;
  std::int64_t hours = 0;
  bool own_only = false;                  // of what this node takes part in; `max` and `count` are its part already
  bool of_key = false;                    // only signings of one key add to the sum
  std::optional<transactions::U256> max;  // one of both
  std::optional<std::uint64_t> count;
  friend bool operator==(const Limit&, const Limit&) = default;
};

// The sums that windows are about: per what, and whether requests are counted or amounts added.
struct SumKind {
  Per per = Per::unset;
  bool counts = false;
  friend bool operator==(const SumKind&, const SumKind&) = default;
};

// In so many equal parts the sums of windows of mode `split` are divided: those of one key, all others. 0: no part.
struct Parts {
  std::size_t of_key = 0, of_cluster = 0;
};

// What one request adds to which sums, and what these have come to: each found once, however many windows ask.
class Spending {
 public:
  // The arguments must outlive it. `facts` is nullptr if the payload shows none, `ledger` if it is not known.
  Spending(const std::string& key_id, const std::string& user, const transactions::Facts* facts, const Ledger* ledger)
      : key_id_(key_id), user_(user), facts_(facts), ledger_(ledger) {}

  struct Sum {
    std::string name, asset;                   // asset: of amounts
    std::optional<transactions::U256> amount;  // nullopt: 2^256 or more
    std::vector<std::pair<std::int64_t, Ledger::Sum>> so_far{};
  };
  // Without those that the payload does not show.
  std::vector<Sum>& of(SumKind kind);
  const Ledger::Sum& so_far(Sum& sum, std::int64_t hours) const;  // needs a ledger

  const std::string& subject(Per per, const transactions::Movement& movement) const;
  const std::string& subject(Per per) const;  // key, by
  const transactions::Facts* facts() const { return facts_; }
  bool has_ledger() const { return ledger_ != nullptr; }

 private:
  const std::string& key_id_;
  const std::string& user_;
  const transactions::Facts* facts_;
  const Ledger* ledger_;
  std::array<std::optional<std::vector<Sum>>, 10> sums_;  // by kind
};

// The member `window` of a rule's `if`, one or a list. Throws JsonError.
std::vector<Window> parse_windows(JsonObject& condition);

struct Room {
  Condition condition;
  bool exceeded = false;  // why it does not hold
};
// Whether all these windows have room for what the payload does. `facts` are the rule's conditions: as with `max`, its
// `asset` says whether a number that may name an item is an amount.
Room room_in(const std::vector<Window>& windows, const FactConditions& facts, Spending& spending, const Parts& parts,
             const Say& say);
// What a rule with these windows demands of the ledger.
std::vector<Limit> limits_of(const std::vector<Window>& windows, const std::string& rule, Spending& spending,
                             const Parts& parts);
// What a signing adds to every sum of these kinds; by the sums' names.
std::vector<Charge> charges_of(const std::vector<SumKind>& kinds, Spending& spending);

}  // namespace quorate::policy

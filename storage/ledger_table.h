// The ledger of windows in SQL: an entry per request, and per sum what is in each bucket of 1, 16, 256 and 4,096
// minutes, so that a window of any length is some dozens of rows however many requests are in it.
#pragma once
#include "storage/apply.h"

namespace quorate::storage::ledger_table {

// On the writer's connection, inside its transaction.
Applied reserve(Connection& c, const LedgerReserve& what);
Applied spend(Connection& c, const std::string& request, std::int64_t time);
Applied settle(Connection& c, const LedgerSettle& what);
Applied unreserve(Connection& c, const std::string& request);
Applied hear(Connection& c, const LedgerHeard& what);
Applied unhear(Connection& c, const std::string& request, const std::string& node);
Applied prune(Connection& c, std::int64_t now);

// Several statements: of one snapshot only inside a transaction.
LedgerSum sum(Connection& c, const std::string& name, std::int64_t hours, std::int64_t now);
std::optional<LedgerEntry> entry(Connection& c, const std::string& request);
std::vector<LedgerEntry> open(Connection& c, std::size_t limit);
std::uint64_t seq(Connection& c);
std::vector<LedgerEntry> after(Connection& c, std::uint64_t after, std::size_t limit);

}  // namespace quorate::storage::ledger_table

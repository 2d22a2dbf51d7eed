// What a payload does, as far as its bytes show it: typed facts for the policy and for people. They are a pure function
// of the payload and the key (docs/transactions.md).
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "transactions/amount.h"

namespace quorate::transactions {

// Of the facts that this program tells of a kind of payload ("eth_transaction", …). Two nodes sign together only with
// the same version; a change of any fact makes a new one, and leaves the other kinds alone.
std::string_view decoder_version(std::string_view kind);
inline constexpr std::string_view kNoFactsVersion = "2";  // of what shows none: there is nothing to change

enum class MovementKind {
  unknown = 0,  // the payload may move anything to anybody: every field is unknown
  transfer,
  fee,        // the most that the payload lets the chain take; recipient "fee"
  allowance,  // the recipient may take up to the amount later
};

// Asset: CAIP-19. Addresses: normalised, i.e. lower-case hex for Ethereum, the standard text form elsewhere. Any may be
// "unknown".
struct Movement {
  MovementKind kind = MovementKind::unknown;
  std::string asset{kUnknown};
  std::string from{kUnknown};
  std::string to{kUnknown};
  Amount amount;  // base units
  // The other asset that the same bytes may mean, and then one of it: transferFrom and approve of ERC-20 and of ERC-721
  // look alike. A deny must look at both, an allow at `asset`.
  std::string or_asset{};
  // Who has the account `to`, where that is an account of tokens (Solana); "" where `to` is the recipient itself. A
  // deny must look at both, an allow at `to`.
  std::string to_owner{};
  friend bool operator==(const Movement&, const Movement&) = default;
};

// One contract or program that is called, also from inside another call. Any may be "unknown"; a call that is unknown
// altogether may be any call.
struct Call {
  std::string contract{kUnknown};  // address; "new" for a contract creation
  std::string selector{
      kUnknown};  // Ethereum: 0x and 8 digits, "" for no call data; Solana: the first bytes of the data
  std::string name{kUnknown};
  friend bool operator==(const Call&, const Call&) = default;
};

// EIP-712. Absent members are nullopt.
struct Domain {
  std::optional<std::string> name, version, chain_id, verifying_contract, salt;
};

struct Facts {
  std::string type;             // "eth_transaction", …: the payload's kind
  std::string chain{kUnknown};  // CAIP-2
  std::vector<Movement> movements;
  std::vector<Call> calls;
  std::optional<Domain> domain;
  std::vector<std::string> paths;      // of the keys that sign, in order, each once
  std::vector<std::string> sighashes;  // Bitcoin: "ALL", "DEFAULT", …, each once
  Json details = Json::object();       // what else a person wants to see; strings, lists and objects of them only
};

// Strings, lists and objects only, so that its JCS is the same everywhere.
Json to_json(const Facts& facts);
std::string_view name_of(MovementKind kind);

}  // namespace quorate::transactions

// The payload kind solana_transaction.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/limits.h"
#include "transactions/base58.h"
#include "transactions/payload_kinds.h"
#include "transactions/solana_message.h"

namespace quorate::transactions {
namespace {

// A message names no cluster, only a recent block of one: it is judged as what it may be at worst, mainnet's (CAIP-2,
// Solana).
constexpr std::string_view kChain = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";

constexpr std::string_view kSystem = "11111111111111111111111111111111";
constexpr std::string_view kToken = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
constexpr std::string_view kToken2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb";
constexpr std::string_view kComputeBudget = "ComputeBudget111111111111111111111111111111";
constexpr std::string_view kMemo = "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr";

constexpr std::uint64_t kLamportsPerSignature = 5000;
constexpr std::uint64_t kMostComputeUnits = 1'400'000;  // of one transaction, whatever it asks for

std::uint64_t little_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

std::string native() { return std::string(kChain) + "/slip44:501"; }

// The programs that are understood, instruction by instruction. An instruction that is not leaves an unknown movement.
class Teller {
 public:
  Teller(const SolanaMessage& message, Facts& facts) : m_(message), facts_(facts) {}

  void tell_all() {
    Json list = Json::array();
    for (const SolanaInstruction& instruction : m_.instructions) {
      const std::string program = to_base58(m_.accounts[instruction.program]);
      const std::string name = tell(program, instruction);
      if (name == kUnknown) facts_.movements.push_back(Movement{});
      const ByteView selector = ByteView(instruction.data).first(std::min<std::size_t>(8, instruction.data.size()));
      facts_.calls.push_back({program, to_hex(selector), name});
      Json accounts = Json::array();
      for (const std::uint8_t index : instruction.accounts) accounts.push_back(address(index));
      list.push_back({{"program", program},
                      {"name", name},
                      {"accounts", std::move(accounts)},
                      {"data", to_hex(instruction.data)}});
    }
    facts_.details["instructions"] = std::move(list);
  }

  // Signatures, and the price of the compute units where one is named.
  U256 fee() const {
    const U256 micro_lamports = U256(unit_price_) * std::min(unit_limit_, kMostComputeUnits);
    return U256(kLamportsPerSignature) * m_.required_signatures + (micro_lamports + 999'999) / 1'000'000;
  }

  std::string address(std::size_t index) const {  // of what stands in a table the message shows no address
    return index < m_.accounts.size() ? to_base58(m_.accounts[index]) : std::string(kUnknown);
  }

 private:
  std::string tell(std::string_view program, const SolanaInstruction& instruction) {
    if (program == kSystem) return system(instruction);
    if (program == kToken || program == kToken2022) return token(instruction);
    if (program == kComputeBudget) return compute_budget(instruction.data);
    if (program == kMemo) return "memo";
    return std::string(kUnknown);
  }

  Movement& move(MovementKind kind, std::string asset, std::size_t from, std::size_t to, std::uint64_t amount) {
    return facts_.movements.emplace_back(
        Movement{kind, std::move(asset), address(from), address(to), U256(amount), "", ""});
  }

  std::string system(const SolanaInstruction& i) {
    const ByteView data(i.data);
    if (data.size() < 4) return std::string(kUnknown);
    const std::uint64_t type = little_endian(data.first(4));
    if (type == 2 && data.size() == 12 && i.accounts.size() == 2) {
      move(MovementKind::transfer, native(), i.accounts[0], i.accounts[1], little_endian(data.subspan(4, 8)));
      return "system.transfer";
    }
    if (type == 0 && data.size() == 52 && i.accounts.size() == 2) {
      move(MovementKind::transfer, native(), i.accounts[0], i.accounts[1], little_endian(data.subspan(4, 8)));
      return "system.createAccount";
    }
    if (type == 4 && data.size() == 4 && i.accounts.size() == 3) return "system.advanceNonceAccount";
    return std::string(kUnknown);
  }

  std::string token(const SolanaInstruction& i) {
    const ByteView data(i.data);
    const auto asset_of = [&](std::size_t mint) {
      const std::string address_of_mint = address(mint);
      return address_of_mint == kUnknown ? address_of_mint : std::string(kChain) + "/token:" + address_of_mint;
    };
    const std::uint8_t type = data.empty() ? 0xff : data[0];
    const bool plain = (type == 3 || type == 4) && data.size() == 9 && i.accounts.size() >= 3;
    const bool checked = (type == 12 || type == 13) && data.size() == 10 && i.accounts.size() >= 4;
    if (!plain && !checked) return std::string(kUnknown);
    const std::uint64_t amount = little_endian(data.subspan(1, 8));
    const bool transfer = type == 3 || type == 12;
    const MovementKind kind = transfer ? MovementKind::transfer : MovementKind::allowance;
    // Source, mint if checked, destination or delegate, owner. Plain, the mint is not told.
    Movement& movement = plain ? move(kind, std::string(kUnknown), i.accounts[2], i.accounts[1], amount)
                               : move(kind, asset_of(i.accounts[1]), i.accounts[3], i.accounts[2], amount);
    // The destination is an account of tokens, and nothing in the message says whose it is. A delegate is whoever
    // signs.
    if (transfer) movement.to_owner = kUnknown;
    if (plain) return transfer ? "token.transfer" : "token.approve";
    return transfer ? "token.transferChecked" : "token.approveChecked";
  }

  std::string compute_budget(ByteView data) {
    const std::uint8_t type = data.empty() ? 0xff : data[0];
    if (type == 1 && data.size() == 5) return "computeBudget.requestHeapFrame";
    if (type == 2 && data.size() == 5) {
      unit_limit_ = little_endian(data.subspan(1));
      return "computeBudget.setComputeUnitLimit";
    }
    if (type == 3 && data.size() == 9) {
      unit_price_ = little_endian(data.subspan(1));
      return "computeBudget.setComputeUnitPrice";
    }
    if (type == 4 && data.size() == 5) return "computeBudget.setLoadedAccountsDataSizeLimit";
    return std::string(kUnknown);
  }

  const SolanaMessage& m_;
  Facts& facts_;
  std::uint64_t unit_price_ = 0;  // millionths of a lamport
  std::uint64_t unit_limit_ = kMostComputeUnits;
};

struct Read {
  Bytes raw;
  SolanaMessage message;
  DerivedKey key;
  std::size_t place = 0;  // of our signature
};

Read read(JsonObject& payload, const KeyFacts& key) {
  Read out;
  auto bytes = from_base64(payload.text("base64", 1, (limits::kMaxSignedBytes + 2) / 3 * 4));
  if (!bytes) payload.fail("base64", "is not padded base64 in canonical form");
  out.raw = std::move(*bytes);
  try {
    out.message = SolanaMessage::parse(out.raw);
  } catch (const Malformed& e) {
    throw JsonError("/payload/base64", e.what());
  }
  out.key = child_of(key, Scheme::eddsa_ed25519);
  const auto& accounts = out.message.accounts;
  const auto signers_end = accounts.begin() + out.message.required_signatures;
  const auto ours = std::find_if(accounts.begin(), signers_end, [&](const Bytes32& account) {
    return std::equal(account.begin(), account.end(), out.key.public_key.begin(), out.key.public_key.end());
  });
  if (ours == signers_end)
    throw Refused("not_our_key", "/payload/base64", "this key is not one of the message's signers");
  out.place = static_cast<std::size_t>(ours - accounts.begin());
  return out;
}

}  // namespace

Decoded decode_solana_transaction(JsonObject& payload, const KeyFacts& key) {
  Read in = read(payload, key);
  Decoded out;
  Facts& facts = out.facts;
  facts.type = "solana_transaction";
  facts.chain = kChain;
  facts.paths = {key.path};
  Teller teller(in.message, facts);
  teller.tell_all();
  facts.movements.push_back({MovementKind::fee, native(), teller.address(0), "fee", teller.fee(), ""});
  Json signers = Json::array(), tables = Json::array();
  for (std::size_t i = 0; i < in.message.required_signatures; ++i) signers.push_back(teller.address(i));
  for (const SolanaTableLookup& lookup : in.message.lookups) tables.push_back(to_base58(lookup.table));
  facts.details["version"] = in.message.version ? "0" : "legacy";
  facts.details["fee_payer"] = teller.address(0);
  facts.details["signers"] = std::move(signers);
  facts.details["recent_blockhash"] = to_base58(in.message.recent_blockhash);
  if (!tables.empty()) facts.details["address_tables"] = std::move(tables);
  out.to_sign.push_back({std::move(in.raw), std::move(in.key), key.path, std::nullopt});
  return out;
}

Json finish_solana_transaction(JsonObject& payload, const KeyFacts& key, std::span<const Signature> signatures) {
  QUORATE_ASSERT(signatures.size() == 1);
  const Read in = read(payload, key);
  Bytes raw;
  put_compact_u16(raw, in.message.required_signatures);
  for (std::size_t i = 0; i < in.message.required_signatures; ++i) {
    const ByteArray<64> signature = i == in.place ? signatures[0].bytes : ByteArray<64>{};
    raw.insert(raw.end(), signature.begin(), signature.end());
  }
  raw.insert(raw.end(), in.raw.begin(), in.raw.end());
  // With other signers the places of their signatures hold zeros.
  const char* name = in.message.required_signatures == 1 ? "signed_transaction" : "partially_signed_transaction";
  return {{name, to_base64(raw)}, {"signature", to_base58(signatures[0].bytes)}};
}

}  // namespace quorate::transactions

// Bitcoin transactions as bytes, and what their signatures sign. Strict: compact sizes in the shortest form, no
// trailing bytes; what parses serialises to the same bytes.
#pragma once
#include <vector>

#include "base/codec.h"

namespace quorate::transactions {

// Little-endian numbers and compact sizes. Every function throws Malformed.
class BitcoinReader {
 public:
  explicit BitcoinReader(ByteView bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }
  std::uint64_t number(std::size_t width);
  std::uint64_t compact_size();
  std::size_t count(std::size_t least_size);  // a compact size of things that take so many bytes each, at least
  ByteView bytes(std::size_t size);
  ByteView sized_bytes() { return bytes(count(1)); }
  Bytes32 hash();
  void expect_end() const;

 private:
  ByteView rest_;
};

void put_number(Bytes& out, std::uint64_t value, std::size_t width);
void put_compact_size(Bytes& out, std::uint64_t value);
void put_bytes(Bytes& out, ByteView bytes);
void put_sized_bytes(Bytes& out, ByteView bytes);

struct Outpoint {
  Bytes32 txid{};  // as it is hashed; people see it reversed
  std::uint32_t index = 0;
  friend auto operator<=>(const Outpoint&, const Outpoint&) = default;
};

struct TxInput {
  Outpoint previous;
  Bytes script_sig;
  std::uint32_t sequence = 0xffffffff;
  std::vector<Bytes> witness;
};

struct TxOutput {
  std::uint64_t amount = 0;  // satoshi
  Bytes script;
  friend bool operator==(const TxOutput&, const TxOutput&) = default;
};

struct BitcoinTransaction {
  std::uint32_t version = 2;
  std::vector<TxInput> inputs;
  std::vector<TxOutput> outputs;
  std::uint32_t lock_time = 0;

  static BitcoinTransaction parse(ByteView bytes);           // with or without witnesses (BIP-144)
  static BitcoinTransaction parse_unsigned(ByteView bytes);  // the old form only, without scripts: of a PSBT
  Bytes bytes(bool with_witnesses) const;                    // BIP-144's form only if there is a witness
  Bytes32 txid() const;
};
std::string txid_text(const Bytes32& txid);

Bytes output_bytes(const TxOutput& output);
TxOutput read_output(BitcoinReader& in);

// SIGHASH_ALL of input `i`. `script_code`: the output's script, or the redeem or witness script; for P2WPKH P2PKH's
// script of the key.
Digest legacy_sighash_all(const BitcoinTransaction& tx, std::size_t i, ByteView script_code);
Digest bip143_sighash_all(const BitcoinTransaction& tx, std::size_t i, ByteView script_code, std::uint64_t amount);
// BIP-341, key path without annex. `spent`: the output of every input. `type`: 0 (DEFAULT) or 1 (ALL).
Digest bip341_sighash(const BitcoinTransaction& tx, std::size_t i, std::span<const TxOutput> spent, std::uint8_t type);

}  // namespace quorate::transactions

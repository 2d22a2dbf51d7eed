// Partially signed Bitcoin transactions: BIP-174 (version 0), BIP-370 (version 2), BIP-371 (taproot). The maps are kept
// as they came, so that what parses serialises to the same bytes; what is known of them is checked.
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "transactions/bitcoin_transaction.h"

namespace quorate::transactions {

// A map in the order of its bytes. Keys (type and data) are unique.
class PsbtMap {
 public:
  struct Entry {
    std::uint64_t type = 0;
    Bytes data;  // of the key
    Bytes value;
  };

  static PsbtMap read(BitcoinReader& in);
  void write(Bytes& out) const;

  const Bytes* find(std::uint64_t type, ByteView data = {}) const;
  void set(std::uint64_t type, ByteView data, Bytes value);  // replaces, or appends
  void erase(std::uint64_t type);                            // all of the type
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

namespace psbt_global {
enum : std::uint64_t {
  unsigned_tx = 0x00,
  xpub = 0x01,
  tx_version = 0x02,
  fallback_locktime = 0x03,
  input_count = 0x04,
  output_count = 0x05,
  tx_modifiable = 0x06,
  version = 0xfb
};
}
namespace psbt_in {
enum : std::uint64_t {
  non_witness_utxo = 0x00,
  witness_utxo = 0x01,
  partial_sig = 0x02,
  sighash_type = 0x03,
  redeem_script = 0x04,
  witness_script = 0x05,
  bip32_derivation = 0x06,
  final_scriptsig = 0x07,
  final_scriptwitness = 0x08,
  previous_txid = 0x0e,
  output_index = 0x0f,
  sequence = 0x10,
  required_time_locktime = 0x11,
  required_height_locktime = 0x12,
  tap_key_sig = 0x13,
  tap_script_sig = 0x14,
  tap_leaf_script = 0x15,
  tap_bip32_derivation = 0x16,
  tap_internal_key = 0x17,
  tap_merkle_root = 0x18
};
}
namespace psbt_out {
enum : std::uint64_t {
  redeem_script = 0x00,
  witness_script = 0x01,
  bip32_derivation = 0x02,
  amount = 0x03,
  script = 0x04,
  tap_internal_key = 0x05,
  tap_tree = 0x06,
  tap_bip32_derivation = 0x07
};
}

struct Psbt {
  unsigned version = 0;  // 0 or 2
  PsbtMap global;
  std::vector<PsbtMap> inputs, outputs;
  BitcoinTransaction tx;  // the unsigned transaction; for version 2 put together from the maps

  // Throws Malformed.
  static Psbt parse(ByteView bytes);
  Bytes bytes() const;
};

// What the maps say of keys, from BIP32_DERIVATION or TAP_BIP32_DERIVATION.
struct KeyOrigin {
  Bytes public_key;  // 33 bytes, or 32 (x-only) in taproot's
  ByteArray<4> fingerprint{};
  std::vector<std::uint32_t> path;
  bool in_leaves = false;  // taproot: the key is in a script, too, or only there
};
std::vector<KeyOrigin> key_origins(const PsbtMap& map, std::uint64_t type, bool taproot);

}  // namespace quorate::transactions

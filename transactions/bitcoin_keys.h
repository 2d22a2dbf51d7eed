// Which scripts a key of ours spends: P2PKH, P2WPKH, P2SH-P2WPKH, P2WSH with this one key in it, and P2TR's key path.
#pragma once
#include <map>
#include <optional>

#include "transactions/bitcoin_address.h"
#include "transactions/derivation.h"
#include "transactions/psbt.h"

namespace quorate::transactions {

enum class Spend { p2pkh = 0, p2wpkh, p2sh_p2wpkh, p2wsh, p2tr };
std::string_view name_of(Spend spend);

struct SpendableScript {
  Spend kind = Spend::p2pkh;
  Bytes script_code;     // what legacy and BIP-143 digests cover; empty for p2tr
  Bytes redeem_script;   // p2sh_p2wpkh
  Bytes witness_script;  // p2wsh: <key> OP_CHECKSIG, or P2PKH's script
  Bytes merkle_root;     // p2tr: 32 bytes, or none
};

// The scripts that the key alone spends, and how. `merkle_root`: of p2tr, may be empty.
std::map<Bytes, SpendableScript> spendable_scripts(Scheme scheme, ByteView public_key, ByteView merkle_root);

struct OwnKey {
  DerivedKey key;
  std::string path;
};

// Finds the keys of a map that are children of ours: their origin has our fingerprint and a path without hardening, and
// the child there is the key. Work is bounded for one PSBT.
class KeyFinder {
 public:
  // With a path other than "m" only that child is ours.
  KeyFinder(Scheme scheme, const DerivedKey& root, const Bytes32& chain_code, OwnKey at_path);

  // Those of the map, and the key at the request's path. Throws Refused when an origin claims to be ours and is not.
  std::vector<OwnKey> candidates(const PsbtMap& map, std::uint64_t derivation_type, std::uint64_t taproot_type);
  // How one of these spends the script; nullopt: it does not.
  std::optional<SpendableScript> spendable_by(const OwnKey& own, const Bytes& script, ByteView merkle_root) const;
  // Of the last call of candidates: whether the map itself named one of our keys.
  bool named() const { return named_; }

 private:
  Scheme scheme_;
  Bytes root_;
  Bytes32 chain_code_;
  ByteArray<4> fingerprint_;
  OwnKey at_path_;
  std::map<Bytes, SpendableScript> scripts_at_path_;  // without a Merkle root; looked at for every input and output
  std::size_t steps_left_;
  bool named_ = false;
};

}  // namespace quorate::transactions

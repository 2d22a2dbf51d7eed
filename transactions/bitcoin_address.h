// Bitcoin's networks, output scripts and addresses.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace quorate::transactions {

enum class BitcoinNetwork { mainnet = 0, testnet, signet, regtest };
std::optional<BitcoinNetwork> parse_network(std::string_view name);  // "mainnet", …
std::string_view name_of(BitcoinNetwork network);
std::string chain_of(BitcoinNetwork network);  // CAIP-2: "bip122:000000000019d6689c085ae165831e93"
std::string asset_of(BitcoinNetwork network);  // CAIP-19

// Output scripts. Keys: 33 bytes, compressed; x-only: 32 bytes.
Bytes p2pkh_script(ByteView public_key);
Bytes p2wpkh_script(ByteView public_key);
Bytes p2sh_script(ByteView redeem_script);
Bytes p2wsh_script(ByteView witness_script);
Bytes p2tr_script(ByteView output_key);

// The address of an output script; nullopt: it has none (OP_RETURN, bare multisig, …).
std::optional<std::string> address_of(BitcoinNetwork network, ByteView script);
// Inverse, of any network's addresses that this one has.
std::optional<Bytes> script_of(BitcoinNetwork network, std::string_view address);

// Taproot (BIP-341). `internal_key`: a compressed point P, of which x counts. Q = lift_x(x(P)) + H_TapTweak(x(P) ‖
// root)·G as x-only key. nullopt: no point, or the case of probability 2^-128. BIP-86 has an empty root.
std::optional<Bytes32> taproot_output_key(ByteView internal_key, ByteView merkle_root);
Digest tagged_hash(std::string_view tag, std::initializer_list<ByteView> parts);  // BIP-340

}  // namespace quorate::transactions

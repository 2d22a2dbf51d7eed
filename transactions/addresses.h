// What a key is called outside: addresses, the extended public key, output descriptors.
#pragma once
#include "base/json.h"
#include "transactions/bitcoin_address.h"
#include "transactions/derivation.h"

namespace quorate::transactions {

// An object of the addresses that fit the algorithm: {"ethereum", "bitcoin_p2wpkh", "bitcoin_p2pkh",
// "bitcoin_p2sh_p2wpkh"},
// {"bitcoin_p2tr"} or {"solana"}.
Json addresses_of(Scheme scheme, const DerivedKey& key, BitcoinNetwork network);

// BIP-32's serialisation: xpub…, on the test networks tpub…. secp256k1 only; "" for Ed25519.
std::string extended_public_key(Scheme scheme, const DerivedKey& key, BitcoinNetwork network);
struct ExtendedPublicKey {
  DerivedKey key;  // tau is 0
  bool mainnet = false;
};
std::optional<ExtendedPublicKey> parse_extended_public_key(std::string_view text);

// BIP-380 descriptors over the key's children, "wpkh([00000000/…]xpub…/<0;1>/*)#checksum", one for each script that the
// algorithm signs. The origin is the root's fingerprint and the key's path, which is what a PSBT must name for its
// inputs to be found ours.
Json descriptors_of(Scheme scheme, const DerivedKey& key, ByteView root_public_key, const Path& path,
                    BitcoinNetwork network);

// The normal form of an address that a list of a policy names, as facts have it: of Bitcoin's networks mainnet's, with
// the same script. `chain` is CAIP-2, or its part before the colon. nullopt: it is no address of that chain.
std::optional<std::string> normal_address(std::string_view chain, std::string_view text);

}  // namespace quorate::transactions

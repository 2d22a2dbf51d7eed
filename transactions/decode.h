// The room's door. A payload as it stands in a request, and the key that is to sign it, become the byte strings to sign
// and the facts that a policy judges; signatures of these become what a client broadcasts. Pure: the same on every
// node.
#pragma once
#include <span>
#include <variant>
#include <vector>

#include "transactions/derivation.h"
#include "transactions/facts.h"
#include "transactions/refused.h"

namespace quorate::transactions {

// The root key as its certificate has it, and the path that the request asks for.
struct KeyFacts {
  Scheme scheme = Scheme::unset;
  Bytes public_key;  // 33 bytes SEC1 compressed, or 32 of Ed25519
  Bytes32 chain_code{};
  std::string path = "m";
};

// One signature to make.
struct ToSign {
  Bytes bytes;     // a 32-byte digest (for BIP-340: the message of that size); for Ed25519 the message itself
  DerivedKey key;  // the child that signs; with key.tau the signers get there
  std::string path;
  // BIP-341: the key to sign with is key + H_TapTweak(x(key) ‖ merkle_root)·G, with an empty root for a key-path-only
  // output. nullopt: no tweak.
  std::optional<Bytes> merkle_root;
};

struct Decoded {
  std::vector<ToSign> to_sign;  // all in one session; never empty
  Facts facts;
  Json facts_json() const { return to_json(facts); }
};

// `payload` is the member `payload` of a request's body: {"kind": "eth_message" | "eth_transaction" | "eth_typed_data"
// | "btc_psbt" | "solana_transaction", …}; pointers of refusals begin with "/payload", or are "/path". Other kinds are
// refused as unsupported.
std::variant<Decoded, Refusal> decode(const Json& payload, const KeyFacts& key);

// One per element of to_sign, verified by the caller.
struct Signature {
  ByteArray<64> bytes{};         // r ‖ s with low s; R_x ‖ s of BIP-340; R ‖ S of RFC 8032
  std::uint8_t recovery_id = 0;  // ECDSA: bit 0 is the parity of R_y, bit 1 says R_x ≥ n
};

// What the client gets beside the signatures, an object of strings: {"signed_transaction", "transaction_hash", "r",
// "s", "v"} for Ethereum,
// {"psbt", "signed_transaction"?, "transaction_hash"?} for Bitcoin, {"signed_transaction", …} for Solana. The payload
// must be one that decode took, with the same key.
Json finish(const Json& payload, const KeyFacts& key, std::span<const Signature> signatures);

}  // namespace quorate::transactions

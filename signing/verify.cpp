#include "signing/verify.h"

#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_recovery.h>
#include <secp256k1_schnorrsig.h>
#include <sodium.h>

#include <algorithm>

#include "crypto/secp_context.h"

namespace quorate {
namespace {

bool verify_ed25519(ByteView public_key, ByteView message, const Signature64& signature) {
  const auto key = Ed25519PublicKey::parse(public_key);
  return key && key->verify(message, signature);
}

bool verify_bip340(ByteView public_key, ByteView message, const Signature64& signature) {
  secp256k1_xonly_pubkey key;
  if (public_key.size() != 32 || secp256k1_xonly_pubkey_parse(secp_context(), &key, public_key.data()) != 1)
    return false;
  return secp256k1_schnorrsig_verify(secp_context(), signature.data(), message.data(), message.size(), &key) == 1;
}

bool verify_ecdsa(ByteView public_key, ByteView digest, const Signature64& signature) {
  secp256k1_pubkey key;
  secp256k1_ecdsa_signature rs;
  if (public_key.size() != 33 || digest.size() != 32) return false;
  if (secp256k1_ec_pubkey_parse(secp_context(), &key, public_key.data(), public_key.size()) != 1) return false;
  if (secp256k1_ecdsa_signature_parse_compact(secp_context(), &rs, signature.data()) != 1) return false;
  return secp256k1_ecdsa_verify(secp_context(), &rs, digest.data(), &key) == 1;  // refuses high s
}

}  // namespace

bool verify_ed25519(const Point<Ed25519>& key, ByteView message, const Signature64& signature) {
  if (key.is_identity()) return false;
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.bytes().data()) == 0;
}

bool verify_signature(Algorithm algorithm, ByteView public_key, ByteView message, const Signature64& signature) {
  switch (algorithm) {
    case Algorithm::unset:
      return false;
    case Algorithm::eddsa_ed25519:
      return verify_ed25519(public_key, message, signature);
    case Algorithm::schnorr_secp256k1:
      return verify_bip340(public_key, message, signature);
    case Algorithm::ecdsa_secp256k1:
      return verify_ecdsa(public_key, message, signature);
  }
  return false;
}

std::optional<ByteArray<33>> recover_key(const Digest& digest, const Signature64& signature, std::uint8_t recovery_id) {
  secp256k1_ecdsa_recoverable_signature rs;
  secp256k1_pubkey key;
  if (recovery_id > 3 ||
      secp256k1_ecdsa_recoverable_signature_parse_compact(secp_context(), &rs, signature.data(), recovery_id) != 1)
    return std::nullopt;
  if (secp256k1_ecdsa_recover(secp_context(), &key, &rs, digest.data()) != 1) return std::nullopt;
  ByteArray<33> out;
  std::size_t length = out.size();
  secp256k1_ec_pubkey_serialize(secp_context(), out.data(), &length, &key, SECP256K1_EC_COMPRESSED);
  return out;
}

std::optional<std::uint8_t> verify_recoverable(ByteView public_key, const Digest& digest,
                                               const Signature64& signature) {
  secp256k1_ecdsa_signature rs;
  if (secp256k1_ecdsa_signature_parse_compact(secp_context(), &rs, signature.data()) != 1) return std::nullopt;
  if (secp256k1_ecdsa_signature_normalize(secp_context(), nullptr, &rs) == 1) return std::nullopt;  // high s
  // The keys that can be recovered are those under which the signature verifies.
  for (std::uint8_t id = 0; id < 4; ++id) {
    const auto key = recover_key(digest, signature, id);
    if (key && std::equal(key->begin(), key->end(), public_key.begin(), public_key.end())) return id;
  }
  return std::nullopt;
}

}  // namespace quorate

#include "crypto/uncompressed.h"

#include "crypto/secp_context.h"

namespace quorate {

ByteArray<65> uncompressed(const Point<Secp256k1>& P) {
  const auto compressed = P.bytes();
  secp256k1_pubkey key;
  const bool parsed = secp256k1_ec_pubkey_parse(secp_context(), &key, compressed.data(), compressed.size()) == 1;
  QUORATE_ASSERT(parsed);
  ByteArray<65> out{};
  std::size_t size = out.size();
  secp256k1_ec_pubkey_serialize(secp_context(), out.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
  return out;
}

}  // namespace quorate

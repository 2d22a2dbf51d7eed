#include "base/hash.h"

#include <sodium.h>

namespace quorate {

Digest sha256(ByteView bytes) {
  Digest out;
  crypto_hash_sha256(out.data(), bytes.data(), bytes.size());
  return out;
}

Digest sha256_list(std::span<const ByteView> parts) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  const auto number = [&](std::uint64_t v) {
    ByteArray<8> b;
    for (std::size_t i = 0; i < 8; ++i) b[i] = static_cast<std::uint8_t>(v >> (8 * (7 - i)));
    crypto_hash_sha256_update(&state, b.data(), b.size());
  };
  number(parts.size());
  for (const ByteView p : parts) {
    number(p.size());
    crypto_hash_sha256_update(&state, p.data(), p.size());
  }
  Digest out;
  crypto_hash_sha256_final(&state, out.data());
  return out;
}

}  // namespace quorate

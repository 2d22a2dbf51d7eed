// AES by libcrypto: with the processor's AES instructions where there are any, else by its bit-sliced or
// vector-permuting code, which every x86-64 with SSSE3 and every 64-bit ARM runs; constant-time all. (On other
// processors libcrypto looks up tables.) Many blocks per call, for a call costs as much as fifty blocks.
#pragma once
#include <openssl/evp.h>

#include <memory>
#include <span>

#include "crypto/ot/parameters.h"

namespace quorate::ot {

// The key schedules die, wiped, with their context.
struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

// π: AES-128 under one key, as a permutation of blocks.
class FixedKeyAes {
 public:
  explicit FixedKeyAes(const Block& key);
  void permute(std::span<Block> blocks);  // each in place

 private:
  CipherContext context_;
};

// PRG: AES-256-CTR keystreams under many keys, all from the same first counter block.
class RowGenerator {
 public:
  explicit RowGenerator(const Block& first_counter);
  void generate(const Bytes32& key, std::span<std::uint8_t> row);

 private:
  CipherContext context_;
  Block first_counter_;
};

}  // namespace quorate::ot

#include "crypto/ot/aes.h"

#include <algorithm>

#include "base/check.h"

namespace quorate::ot {
namespace {

// Looked up once: a lookup costs more than a signature's pads.
struct Ciphers {
  // Never given back: threads may still sign while the process ends.
  EVP_CIPHER* aes_128_ecb = EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr);
  EVP_CIPHER* aes_256_ctr = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
};
const Ciphers& ciphers() {
  static const Ciphers all;
  QUORATE_ASSERT(all.aes_128_ecb != nullptr && all.aes_256_ctr != nullptr);
  return all;
}

CipherContext new_context() {
  CipherContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr) throw std::bad_alloc();  // mutate: no memory left
  return context;
}

void encrypt(EVP_CIPHER_CTX* context, std::uint8_t* bytes, std::size_t size) {
  int written = 0;
  QUORATE_ASSERT(EVP_EncryptUpdate(context, bytes, &written, bytes, static_cast<int>(size)) == 1);
  QUORATE_ASSERT(static_cast<std::size_t>(written) == size);
}

}  // namespace

FixedKeyAes::FixedKeyAes(const Block& key) : context_(new_context()) {
  QUORATE_ASSERT(EVP_EncryptInit_ex2(context_.get(), ciphers().aes_128_ecb, key.data(), nullptr, nullptr) == 1);
  QUORATE_ASSERT(EVP_CIPHER_CTX_set_padding(context_.get(), 0) == 1);
}

void FixedKeyAes::permute(std::span<Block> blocks) {
  static_assert(sizeof(Block) == 16);
  if (!blocks.empty()) encrypt(context_.get(), blocks.data()->data(), blocks.size_bytes());
}

RowGenerator::RowGenerator(const Block& first_counter) : context_(new_context()), first_counter_(first_counter) {
  QUORATE_ASSERT(EVP_EncryptInit_ex2(context_.get(), ciphers().aes_256_ctr, nullptr, nullptr, nullptr) == 1);
}

void RowGenerator::generate(const Bytes32& key, std::span<std::uint8_t> row) {
  QUORATE_ASSERT(EVP_EncryptInit_ex2(context_.get(), nullptr, key.data(), first_counter_.data(), nullptr) == 1);
  std::fill(row.begin(), row.end(), std::uint8_t{0});
  encrypt(context_.get(), row.data(), row.size());
}

}  // namespace quorate::ot

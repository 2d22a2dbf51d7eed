#include "base/rng.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"

namespace quorate {

std::uint64_t Rng::below(std::uint64_t n) {
  QUORATE_ASSERT(n > 0);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;  // rejection: no bias
  for (;;) {
    std::uint64_t v = 0;
    fill({reinterpret_cast<std::uint8_t*>(&v), sizeof v});
    if (v < limit) return v % n;
  }
}

SystemRng::SystemRng() { QUORATE_ASSERT(sodium_init() >= 0); }
void SystemRng::fill(std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); }

SeededRng::SeededRng(std::uint64_t seed) {
  for (std::size_t i = 0; i < 8; ++i) key_[i] = static_cast<std::uint8_t>(seed >> (8 * i));
}
SeededRng::SeededRng(const Bytes32& seed) : key_(seed) {}

void SeededRng::fill(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    if (used_ == buffer_.size()) {
      ByteArray<crypto_stream_chacha20_NONCEBYTES> nonce{};
      for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::uint8_t>(block_ >> (8 * i));
      ++block_;
      crypto_stream_chacha20(buffer_.data(), buffer_.size(), nonce.data(), key_.data());
      used_ = 0;
    }
    const std::size_t n = std::min(out.size(), buffer_.size() - used_);
    std::memcpy(out.data(), buffer_.data() + used_, n);
    used_ += n;
    out = out.subspan(n);
  }
}

}  // namespace quorate

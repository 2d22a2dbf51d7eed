// Randomness is passed in, never fetched.
#pragma once
#include "base/bytes.h"
#include "base/secret.h"

namespace quorate {

class Rng {
 public:
  virtual ~Rng() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  template <std::size_t N> ByteArray<N> bytes() {
    ByteArray<N> out;
    fill(out);
    return out;
  }
  template <std::size_t N> Secret<ByteArray<N>> secret() {
    Secret<ByteArray<N>> out;
    fill(out.expose());
    return out;
  }
  // Uniform in [0, n), n > 0.
  std::uint64_t below(std::uint64_t n);
};

// The operating system's generator through libsodium. Safe to share between threads.
class SystemRng final : public Rng {
 public:
  SystemRng();
  void fill(std::span<std::uint8_t> out) override;
};

// ChaCha20 of a seed: the same bytes for the same seed. Tests, fuzzing and the simulation only. One thread.
class SeededRng final : public Rng {
 public:
  explicit SeededRng(std::uint64_t seed);
  explicit SeededRng(const Bytes32& seed);
  void fill(std::span<std::uint8_t> out) override;

 private:
  Bytes32 key_{};
  std::uint64_t block_ = 0;
  ByteArray<512> buffer_{};
  std::size_t used_ = 512;
};

}  // namespace quorate

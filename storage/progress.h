// "So far my audit log had come": what a node signs of itself, and others keep.
#pragma once
#include "base/codec.h"
#include "base/ed25519.h"
#include "storage/audit.h"

namespace quorate::storage {

// Of two of one node the one with the greater (life, seq) is the later.
struct Progress {
  std::uint64_t life = 0;  // one more with every old copy that it has run on
  std::uint64_t seq = 0;   // of the last entry
  Digest head{};           // its hash
  Signature64 signature{};
  static auto fields(auto& m) { return std::tie(m.life, m.seq, m.head, m.signature); }
  bool later_than(const Progress& other) const { return std::tie(life, seq) > std::tie(other.life, other.seq); }
};
Progress sign_progress(Progress progress, const Identity& whose, const Ed25519SecretKey& identity);
bool verify_progress(const Progress& progress, const Identity& whose, const Ed25519PublicKey& identity);

}  // namespace quorate::storage

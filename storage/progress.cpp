#include "storage/progress.h"

#include "base/limits.h"

namespace quorate::storage {
namespace {

struct SignedProgress {
  BoundedText<64> what, cluster;
  BoundedText<limits::kMaxName> node;
  std::uint64_t life = 0, seq = 0;
  Digest head{};
  static auto fields(auto& m) { return std::tie(m.what, m.cluster, m.node, m.life, m.seq, m.head); }
};
SecretBytes signed_bytes(const Progress& p, const Identity& whose) {
  SignedProgress s;
  s.what = "quorate-progress-v1";
  s.cluster = whose.cluster;
  s.node = whose.node;
  s.life = p.life;
  s.seq = p.seq;
  s.head = p.head;
  return encode(s);
}

}  // namespace

Progress sign_progress(Progress progress, const Identity& whose, const Ed25519SecretKey& identity) {
  progress.signature = identity.sign(signed_bytes(progress, whose));
  return progress;
}

bool verify_progress(const Progress& progress, const Identity& whose, const Ed25519PublicKey& identity) {
  return identity.verify(signed_bytes(progress, whose), progress.signature);
}

}  // namespace quorate::storage

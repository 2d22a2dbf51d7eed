#include "signing/frost_ed25519.h"

#include <sodium.h>

#include "signing/verify.h"

namespace quorate {
namespace {

// SHA-512 of a concatenation, as the RFCs define their inputs.
class Sha512 {
 public:
  Sha512() { crypto_hash_sha512_init(&state_); }
  ~Sha512() { wipe(&state_, sizeof state_); }
  Sha512(const Sha512&) = delete;
  Sha512& operator=(const Sha512&) = delete;
  Sha512& add(ByteView bytes) {
    crypto_hash_sha512_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  Sha512& add(std::string_view text) { return add(view_of(text)); }
  Secret<ByteArray<64>> finish() {
    Secret<ByteArray<64>> out;
    crypto_hash_sha512_final(&state_, out.expose().data());
    return out;
  }
  Scalar<Ed25519> finish_scalar() { return Scalar<Ed25519>::reduce_wide(finish().expose()); }

 private:
  crypto_hash_sha512_state state_;
};

Scalar<Ed25519> hash_to_scalar(std::string_view use, std::initializer_list<ByteView> parts) {
  Sha512 h;
  h.add(FrostEd25519::context).add(use);
  for (const ByteView part : parts) h.add(part);
  return h.finish_scalar();
}

}  // namespace

Scalar<Ed25519> FrostEd25519::H1(std::initializer_list<ByteView> parts) { return hash_to_scalar("rho", parts); }
Scalar<Ed25519> FrostEd25519::H3(std::initializer_list<ByteView> parts) { return hash_to_scalar("nonce", parts); }
ByteArray<64> FrostEd25519::H4(ByteView message) {
  return Sha512().add(context).add("msg").add(message).finish().expose();
}
ByteArray<64> FrostEd25519::H5(ByteView encoded_list) {
  return Sha512().add(context).add("com").add(encoded_list).finish().expose();
}

Scalar<Ed25519> FrostEd25519::challenge(const Point<Ed25519>& R, const Point<Ed25519>& Q, ByteView message) {
  return Sha512().add(R.bytes()).add(Q.bytes()).add(message).finish_scalar();
}

Signature64 FrostEd25519::signature(const Point<Ed25519>& R, const Scalar<Ed25519>& z) {
  Signature64 out;
  R.wire_put(out.data());
  z.wire_put(out.data() + 32);
  return out;
}

bool FrostEd25519::verify(const Point<Ed25519>& Q, ByteView message, const Signature64& signature) {
  return verify_ed25519(Q, message, signature);
}

std::optional<frost::EffectiveKey<Ed25519>> effective_key_ed25519(const Point<Ed25519>& Y, const Scalar<Ed25519>& tau) {
  frost::EffectiveKey<Ed25519> key;
  key.Q = tau.is_zero() ? Y : Y + Point<Ed25519>::base(tau);
  key.b = tau;
  if (key.Q.is_identity()) return std::nullopt;
  return key;
}

}  // namespace quorate

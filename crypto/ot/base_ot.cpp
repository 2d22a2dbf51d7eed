#include "crypto/ot/base_ot.h"

#include "base/declassify.h"
#include "crypto/transcript.h"

namespace quorate::ot {
namespace {

using ScalarK = Scalar<Secp256k1>;
using PointK = Point<Secp256k1>;

Transcript bound_to(Tag tag, const Direction& direction) {
  Transcript t(tag);
  t.absorb(direction.sid).absorb(direction.A).absorb(direction.B);
  return t;
}

// Hp(i, c, P), variable-time in its public result.
PointK hash_to_point(const Transcript& base, std::size_t i, std::uint8_t c, const PointK& P) {
  Transcript t = base;
  t.absorb(static_cast<std::uint8_t>(i)).absorb(c).absorb(P);
  const Secret<ByteArray<64>> uniform = t.wide();
  declassify(uniform);
  return PointK::from_uniform(uniform.expose());
}

// k_i^c; `shared` is y·Q_c = a·Y.
OtKey base_key(const Transcript& base, std::size_t i, std::uint8_t c, const std::array<PointK, 2>& R, const PointK& Y,
               const PointK& shared) {
  Transcript t = base;
  t.absorb(static_cast<std::uint8_t>(i)).absorb(c).absorb(R[0]).absorb(R[1]).absorb(Y).absorb(shared);
  return OtKey(t.digest());
}

std::uint8_t bit(const Block& delta, std::size_t i) { return (delta[i / 8] >> (i % 8)) & 1; }

}  // namespace

BaseOtReceiver::BaseOtReceiver(const Direction& direction, Rng& rng) : direction_(direction) {
  rng.fill(delta_.expose());
  const Transcript to_point = bound_to("quorate/ot/hash-to-point/1", direction);
  for (std::size_t i = 0; i < kKappa; ++i) {
    const std::uint8_t b = bit(delta_.expose(), i), other = b ^ 1;
    PointK R_other = PointK::base(ScalarK::random(rng));  // R_{1−b} = r·G; r dies here
    a_[i] = ScalarK::random(rng);
    PointK R_b = PointK::base(a_[i]) - hash_to_point(to_point, i, b, R_other);
    // Decoding runs in variable time, and the points on which it ran are known to B, who could tell by the time which
    // of the two hashes was computed. So both are, as B computes both; the second one is for nothing else.
    static_cast<void>(hash_to_point(to_point, i, other, R_b));
    PointK::swap_if(b, R_b, R_other);  // now R_0, R_1
    request_.R[i] = {R_b, R_other};
  }
}

ReceiverKeys BaseOtReceiver::finish(const BaseOtReply& reply) && {
  const Transcript to_key = bound_to("quorate/ot/base-key/1", direction_);
  ReceiverKeys keys;
  for (std::size_t i = 0; i < kKappa; ++i)
    keys.k[i] = base_key(to_key, i, bit(delta_.expose(), i), request_.R[i], reply.Y, a_[i] * reply.Y);
  keys.delta = std::move(delta_);
  return keys;
}

std::optional<BaseOtSent> base_ot_send(const Direction& direction, const BaseOtRequest& request, Rng& rng) {
  const Transcript to_point = bound_to("quorate/ot/hash-to-point/1", direction);
  const Transcript to_key = bound_to("quorate/ot/base-key/1", direction);
  const ScalarK y = ScalarK::random(rng);
  std::optional<BaseOtSent> sent(std::in_place);
  sent->reply.Y = PointK::base(y);
  for (std::size_t i = 0; i < kKappa; ++i) {
    const std::array<PointK, 2>& R = request.R[i];
    for (std::uint8_t c = 0; c < 2; ++c) {
      const PointK Q_c = R[c] + hash_to_point(to_point, i, c, R[c ^ 1]);
      if (Q_c.is_identity()) return std::nullopt;
      sent->keys.k[i][c] = base_key(to_key, i, c, R, sent->reply.Y, y * Q_c);
    }
  }
  return sent;
}

}  // namespace quorate::ot

#include "crypto/ot/vector_ole.h"

#include "base/check.h"
#include "base/declassify.h"
#include "crypto/ot/inner_product.h"
#include "crypto/ot/pads.h"
#include "crypto/transcript.h"

namespace quorate::ot {
namespace {

ScalarK scalar(const Limbs& below_q) { return ScalarK::of_rep(below_q); }

// g_0 … g_{ξ−1}
const std::array<Split, kXi>& gadget() {
  static const std::array<Split, kXi> g = [] {
    std::array<Split, kXi> out;
    for (std::size_t j = 0; j < kXi; ++j) {
      Transcript t("quorate/ot/gadget/1");
      out[j] = split(t.absorb("secp256k1").absorb(std::uint64_t{j}).scalar<Secp256k1>().rep());
    }
    return out;
  }();
  return g;
}

Transcript bound_to(Tag tag, const OleContext& context) {
  Transcript t(tag);
  t.absorb(context.pair).absorb(context.A).absorb(context.B);
  return t;
}

// π of this session and ordered pair.
FixedKeyAes pad_permutation(const OleContext& context) {
  const Secret<ByteArray<64>> wide = bound_to("quorate/ot/pad-key/1", context).wide();
  Secret<Block> key;
  std::copy_n(wide.expose().begin(), key.expose().size(), key.expose().begin());
  return FixedKeyAes(key.expose());
}

// θ_1, θ_2
std::array<Limbs, 2> theta_of(const OleContext& context, std::size_t instance, ByteView a_tilde) {
  Transcript t = bound_to("quorate/ot/theta/1", context);
  t.absorb(static_cast<std::uint8_t>(instance)).absorb_hashed(a_tilde);
  std::array<Limbs, 2> theta;
  for (std::uint8_t i = 1; i <= 2; ++i) {
    Transcript mine = t;
    theta[i - 1u] = mine.absorb(i).scalar<Secp256k1>().rep();
  }
  return theta;
}

// μ over the ξ values of the check
Digest mu_of(const OleContext& context, std::size_t instance, ByteView values) {
  Transcript t = bound_to("quorate/ot/mu/1", context);
  return t.absorb(static_cast<std::uint8_t>(instance)).absorb_hashed(values).digest();
}

// α0 − α1 + a mod q, for any α0, α1 below 2^256 and a below q.
Limbs masked_input(const Limbs& alpha0, const Limbs& alpha1, const Limbs& a) {
  // 2q − α1 + α0 + a: positive, below 2^258
  constexpr Limbs twice_order{limbs::kOrder[0] << 1, (limbs::kOrder[1] << 1) | (limbs::kOrder[0] >> 63),
                              (limbs::kOrder[2] << 1) | (limbs::kOrder[1] >> 63),
                              (limbs::kOrder[3] << 1) | (limbs::kOrder[2] >> 63)};
  std::array<std::uint64_t, 5> r;
  std::uint64_t borrow = 0, carry = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) r[i] = limbs::sub_borrow(twice_order[i], alpha1[i], borrow);
  r[4] = 1 - borrow;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) r[i] = limbs::add_carry(r[i], alpha0[i], carry);
  r[4] += carry;
  carry = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) r[i] = limbs::add_carry(r[i], a[i], carry);
  r[4] += carry;
  const std::array<std::uint64_t, 5> folded = limbs::fold<1, 5>(r.data());  // < 2^256 + 2^131 < 2q
  return limbs::subtract_order_once({folded[0], folded[1], folded[2], folded[3]}, folded[4]);
}

// ≡ γ + β·ã below 2^256, for any γ below 2^256 and ã below q; the mask is all ones for β = 1.
Limbs add_masked(const Limbs& gamma, const Limbs& a_tilde, std::uint64_t beta) {
  Limbs r;
  std::uint64_t carry = 0;
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) r[i] = limbs::add_carry(gamma[i], a_tilde[i] & beta, carry);
  // With the carry it is 2^256 + r, r < q: r + (2^256 − q) is below 2^256.
  const std::uint64_t over = limbs::mask_of(carry);
  carry = 0;
#pragma GCC unroll 3
  for (std::size_t i = 0; i < 3; ++i) r[i] = limbs::add_carry(r[i], limbs::kComplement[i] & over, carry);
  r[3] += carry;
  return r;
}

// All ones if β_j is set, else all zeros; j counts over all instances.
std::uint64_t beta_mask(const Chosen& chosen, std::size_t j) {
  return limbs::mask_of((chosen.beta[j / 8] >> (j % 8)) & 1u);
}

std::span<const Block> columns_of(const Columns& all, std::size_t instance) {
  QUORATE_ASSERT(all.size() >= (instance + 1) * kXi);
  return std::span<const Block>(all).subspan(instance * kXi, kXi);
}

constexpr std::size_t place_of(std::size_t j, std::size_t i) { return 32 * (kOutputs * j + i); }  // of ã_{j,i}

}  // namespace

void OleMessage::validate_decoded() const {
  for (std::size_t at = 0; at < a_tilde.size(); at += 32)
    if (limbs::below_order(limbs::load(a_tilde.data() + at)) == 0) throw Malformed("ã is not below the group order");
}

OleSent ole_send(const OleContext& context, const ReceiverKeys& keys, const Columns& q, std::size_t instance,
                 const ScalarK& a_1, const ScalarK& a_2, Rng& rng) {
  const ScalarK a_hat = ScalarK::random(rng);
  const std::array<ScalarK, kOutputs> a{a_1, a_2, a_hat};
  const auto& g = gadget();

  FixedKeyAes pi = pad_permutation(context);
  const std::span<const Block> q_j = columns_of(q, instance);
  Columns other(q_j.begin(), q_j.end());  // q_j ⊕ Δ
  for (Block& w : other)
    for (std::size_t n = 0; n < w.size(); ++n) w[n] ^= keys.delta.expose()[n];
  const Pads alpha0(pi, q_j, instance * kXi), alpha1(pi, other, instance * kXi);

  OleSent sent;
  OleMessage& message = sent.message;
  for (std::size_t j = 0; j < kXi; ++j)
    for (std::size_t i = 0; i < kOutputs; ++i)
      limbs::store(message.a_tilde.data() + place_of(j, i),
                   masked_input(alpha0.number(j, i), alpha1.number(j, i), a[i].rep()));

  const std::array<Limbs, 2> theta = theta_of(context, instance, message.a_tilde);
  message.eta = a_hat + scalar(theta[0]) * a_1 + scalar(theta[1]) * a_2;

  const Split theta_1 = split(theta[0]), theta_2 = split(theta[1]);
  SecretBytes check(kXi * 32);
  Sum row, c_1, c_2;
  for (std::size_t j = 0; j < kXi; ++j) {
    const Split first = split(alpha0.number(j, 0)), second = split(alpha0.number(j, 1));
    row.clear();
    row.add(split(alpha0.number(j, 2)));
    row.add_product(theta_1, first);
    row.add_product(theta_2, second);
    limbs::store(check.data() + 32 * j, row.mod_q());
    c_1.add_product(g[j], first);
    c_2.add_product(g[j], second);
  }
  message.mu = mu_of(context, instance, check);
  sent.c = {-scalar(c_1.mod_q()), -scalar(c_2.mod_q())};
  return sent;
}

ScalarK ole_value(const Chosen& chosen, std::size_t instance) {
  QUORATE_ASSERT(chosen.beta.size() * 8 >= (instance + 1) * kXi);
  const auto& g = gadget();
  Sum b;
  for (std::size_t j = 0; j < kXi; ++j) b.add(masked(g[j], beta_mask(chosen, instance * kXi + j)));
  return scalar(b.mod_q());
}

std::optional<OleShares> ole_receive(const OleContext& context, const Chosen& chosen, std::size_t instance,
                                     const OleMessage& message) {
  QUORATE_ASSERT(chosen.beta.size() * 8 >= (instance + 1) * kXi);
  const auto& g = gadget();
  FixedKeyAes pi = pad_permutation(context);
  const Pads gamma(pi, columns_of(chosen.t, instance), instance * kXi);
  const std::array<Limbs, 2> theta = theta_of(context, instance, message.a_tilde);
  const Split minus_eta = split((-message.eta).rep());

  const Split theta_1 = split(theta[0]), theta_2 = split(theta[1]);
  SecretBytes check(kXi * 32);
  Sum row, d_1, d_2;
  std::array<Split, kOutputs> d;  // ḋ_j
  for (std::size_t j = 0; j < kXi; ++j) {
    const std::uint64_t beta_j = beta_mask(chosen, instance * kXi + j);
    for (std::size_t i = 0; i < kOutputs; ++i) {
      const Limbs a_tilde = limbs::load(message.a_tilde.data() + place_of(j, i));
      d[i] = split(add_masked(gamma.number(j, i), a_tilde, beta_j));
    }
    row.clear();
    row.add(d[2]);
    row.add(masked(minus_eta, beta_j));
    row.add_product(theta_1, d[0]);
    row.add_product(theta_2, d[1]);
    limbs::store(check.data() + 32 * j, row.mod_q());
    d_1.add_product(g[j], d[0]);
    d_2.add_product(g[j], d[1]);
  }
  wipe(d.data(), sizeof d);
  if (!declassified(equal_constant_time(mu_of(context, instance, check), message.mu))) return std::nullopt;
  return OleShares{scalar(d_1.mod_q()), scalar(d_2.mod_q())};
}

}  // namespace quorate::ot

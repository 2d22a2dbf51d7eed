// FROST's formulas (RFC 9591), once for all ciphersuites; frost_ed25519.h and frost_bip340.h hold what differs. Pure
// functions on public data, except where a share or a nonce comes in.
//
// A suite S has: Curve; algorithm; H1, H3 (to scalars), H4, H5 (to bytes), challenge(R, Q, message), negate(P) (whether
// −P stands for P, BIP-340's even Y), signature(R, z).
#pragma once
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/ed25519.h"
#include "crypto/polynomial.h"
#include "crypto/transcript.h"
#include "session/abort.h"

namespace quorate::frost {

// D = d·G hiding, E = e·G binding (RFC 9591 §5.1). E is only ever multiplied, which is when it is checked.
template <class C>
struct Commitment {
  Point<C> D;
  UncheckedPoint<C> E;
  static auto fields(auto& m) { return std::tie(m.D, m.E); }
  friend bool operator==(const Commitment&, const Commitment&) = default;
};

template <class C>
struct Listed {
  PartyId i;
  Commitment<C> commitment;
  static auto fields(auto& m) { return std::tie(m.i, m.commitment); }
};
template <class C>
using CommitmentList = Bounded<Listed<C>, limits::kMaxParties>;  // in ascending order of i

// d, e and their commitment. Moved into the one share that it makes; a pair that was moved from signs nothing.
template <class C>
class NoncePair {
 public:
  NoncePair(const Scalar<C>& d, const Scalar<C>& e)
      : d_(d), e_(e), commitment_{Point<C>::base(d), UncheckedPoint<C>(Point<C>::base(e))} {}
  NoncePair(NoncePair&& other) noexcept
      : d_(std::exchange(other.d_, {})),
        e_(std::exchange(other.e_, {})),
        commitment_(other.commitment_),
        spent_(std::exchange(other.spent_, true)) {}
  NoncePair& operator=(NoncePair&&) = delete;

  const Commitment<C>& commitment() const { return commitment_; }
  bool is_spent() const { return spent_; }
  // The secret part, in its two uses: z_i and one's own part of R.
  Scalar<C> d_plus_rho_e(const Scalar<C>& rho) const {
    QUORATE_ASSERT(!spent_);  // zeros would reveal the share
    return d_ + rho * e_;
  }

 private:
  Scalar<C> d_, e_;
  Commitment<C> commitment_;
  bool spent_ = false;
};

// What is signed with: Q = a·Y + b·G, x'_i = a·x_i + b, X'_i likewise, with public a = ±1 and b (Σ λ_i = 1, so b is
// shared as it is).
template <class C>
struct EffectiveKey {
  Point<C> Q;
  Scalar<C> a = Scalar<C>::one(), b;

  Scalar<C> share(const Scalar<C>& x_i) const { return a * x_i + b; }
  Point<C> public_share(const Point<C>& X_i) const { return Point<C>::multiply_public(a, X_i) + Point<C>::base(b); }
};

// What every signer derives from the commitment list and the message.
template <class S>
struct Round {
  using C = typename S::Curve;
  PartySet signers;
  CommitmentList<C> list;
  std::vector<Scalar<C>> rho;  // binding factors, in the list's order
  Point<C> R;                  // group commitment
  bool negated = false;        // −R goes into the signature, so the nonces count as negated
  Scalar<C> c;                 // challenge
};

// Why there is no Round: malformed names whoever sent no point; bad_commitment_list names nobody.
struct Refused {
  Reason reason = Reason::unset;
  PartySet culprits;
};

// RFC 9591 §4.1: H3(random ‖ secret), so that a bad generator alone does not repeat a nonce.
template <class S>
Scalar<typename S::Curve> nonce_generate(const Secret<Bytes32>& random, const Scalar<typename S::Curve>& x_i) {
  const Secret<Bytes32> secret = x_i.bytes();
  return S::H3({random.expose(), secret.expose()});
}

// nonce_generate's 32 random bytes: fresh ones, hashed with the session, the message and the nonce's name, so that a
// generator that repeats itself repeats no nonce under another message.
inline Secret<Bytes32> hedged_random(std::string_view nonce, const Digest& sid, ByteView message, Rng& rng) {
  const Secret<Bytes32> fresh = rng.secret<32>();
  return Secret<Bytes32>(Transcript("quorate/frost/nonce/1")
                             .absorb(nonce)
                             .absorb(ByteView(fresh.expose()))
                             .absorb(sid)
                             .absorb(message)
                             .digest());
}

// One signing session makes several signatures. What is particular to one of them is bound to this instead of the
// session's id, so that equal messages under two keys share nothing, not even from a generator that repeats itself.
inline Digest instance_id(const Digest& sid, std::size_t l) {
  return Transcript("quorate/frost/instance/1").absorb(sid).absorb(static_cast<std::uint8_t>(l)).digest();
}

// §5.1
template <class S>
NoncePair<typename S::Curve> commit(const Scalar<typename S::Curve>& x_i, const Digest& sid, ByteView message,
                                    Rng& rng) {
  for (;;) {
    const Secret<Bytes32> random_d = hedged_random("hiding", sid, message, rng),
                          random_e = hedged_random("binding", sid, message, rng);
    const auto d = nonce_generate<S>(random_d, x_i), e = nonce_generate<S>(random_e, x_i);
    if (!d.is_zero() && !e.is_zero()) return {d, e};
  }
}

// §4.3: for each signer, identifier ‖ D ‖ E.
template <class C>
Bytes encode_group_commitment_list(const CommitmentList<C>& list) {
  constexpr std::size_t item = Scalar<C>::wire_size + 2 * Point<C>::wire_size;
  Bytes out(list.size() * item);
  std::uint8_t* at = out.data();
  for (const auto& [i, commitment] : list) {
    scalar_of<C>(i).wire_put(at);
    commitment.D.wire_put(at + Scalar<C>::wire_size);
    commitment.E.wire_put(at + Scalar<C>::wire_size + Point<C>::wire_size);
    at += item;
  }
  return out;
}

// §4.4: ρ_i = H1(Q ‖ H4(message) ‖ H5(list) ‖ i)
template <class S>
std::vector<Scalar<typename S::Curve>> compute_binding_factors(const Point<typename S::Curve>& Q,
                                                               const CommitmentList<typename S::Curve>& list,
                                                               ByteView message) {
  using C = typename S::Curve;
  const auto group_key = Q.bytes();
  const auto message_hash = S::H4(message);
  const auto list_hash = S::H5(encode_group_commitment_list<C>(list));
  std::vector<Scalar<C>> rho;
  rho.reserve(list.size());
  for (const auto& [i, _] : list) {
    const Bytes32 identifier = scalar_of<C>(i).bytes().expose();
    rho.push_back(S::H1({group_key, message_hash, list_hash, identifier}));
  }
  return rho;
}

// D_i + ρ_i·E_i. nullopt: E_i is no point.
template <class C>
std::optional<Point<C>> bound_nonce(const Commitment<C>& commitment, const Scalar<C>& rho) {
  const auto rho_E = commitment.E.multiply_public(rho);
  if (!rho_E) return std::nullopt;
  return commitment.D + *rho_E;
}

template <class C>
bool is_exactly(const CommitmentList<C>& list, PartySet signers) {
  if (list.size() != signers.size()) return false;
  std::size_t k = 0;
  for (const PartyId i : signers)
    if (list[k++].i != i) return false;
  return true;
}

// §5.2's checks and §4.3–4.6, for signer `me` with its pair, or for an onlooker (nullptr). The list must be exactly
// `signers` in ascending order and hold one's own commitment as it was sent; no commitment and no sum may be the
// identity.
template <class S>
std::variant<Round<S>, Refused> prepare(const EffectiveKey<typename S::Curve>& key, PartySet signers,
                                        const CommitmentList<typename S::Curve>& list, ByteView message, PartyId me,
                                        const NoncePair<typename S::Curve>* own) {
  using C = typename S::Curve;
  if (!is_exactly(list, signers) || key.Q.is_identity()) return Refused{Reason::bad_commitment_list, {}};
  if (own != nullptr && (!signers.contains(me) || list[signers.position(me)].commitment != own->commitment()))
    return Refused{Reason::bad_commitment_list, {}};
  Refused bad{Reason::malformed, {}};
  for (const auto& [i, commitment] : list)
    if (commitment.D.is_identity()) bad.culprits.insert(i);
  if (!bad.culprits.empty()) return bad;

  Round<S> round;
  round.signers = signers;
  round.list = list;
  round.rho = compute_binding_factors<S>(key.Q, list, message);
  // R = Σ (D_i + ρ_i·E_i); one's own part is one multiplication of G.
  for (std::size_t k = 0; k < list.size(); ++k) {
    const auto& [i, commitment] = list[k];
    const auto part = own != nullptr && i == me ? std::optional(Point<C>::base(own->d_plus_rho_e(round.rho[k])))
                                                : bound_nonce(commitment, round.rho[k]);
    if (!part)
      bad.culprits.insert(i);
    else
      round.R = round.R + *part;
  }
  if (!bad.culprits.empty()) return bad;
  if (round.R.is_identity()) return Refused{Reason::bad_commitment_list, {}};  // mutate: ρ hashes the list
  round.negated = S::negate(round.R);
  round.c = S::challenge(round.R, key.Q, message);
  return round;
}

// What this signer signs under: the others' must be equal, or their shares are right and look wrong.
template <class C>
Digest list_digest(const Digest& sid, const EffectiveKey<C>& key, const CommitmentList<C>& list, ByteView message) {
  return Transcript("quorate/frost/list/2").absorb(sid).absorb(key.Q).absorb(message).absorb(list).digest();
}

// §5.2: z_i = ±(d_i + ρ_i·e_i) + c·λ_i·x'_i. The pair is gone afterwards.
template <class S>
Scalar<typename S::Curve> sign_share(NoncePair<typename S::Curve>&& taken, const Round<S>& round,
                                     const EffectiveKey<typename S::Curve>& key, PartyId me,
                                     const Scalar<typename S::Curve>& x_i) {
  using C = typename S::Curve;
  const NoncePair<C> nonces = std::move(taken);
  const std::size_t k = round.signers.position(me);
  QUORATE_ASSERT(round.list[k].commitment == nonces.commitment());
  const Scalar<C> nonce = nonces.d_plus_rho_e(round.rho[k]);
  const Scalar<C> lambda_i = lagrange<C>(round.signers, me);  // §4.2
  return (round.negated ? -nonce : nonce) + round.c * lambda_i * key.share(x_i);
}

// §5.4: z_i·G == ±(D_i + ρ_i·E_i) + c·λ_i·X'_i
template <class S>
bool verify_share(const Round<S>& round, const EffectiveKey<typename S::Curve>& key, PartyId i,
                  const Point<typename S::Curve>& X_i, const Scalar<typename S::Curve>& z_i) {
  using C = typename S::Curve;
  if (!round.signers.contains(i)) return false;
  const std::size_t k = round.signers.position(i);
  const auto R_i = bound_nonce(round.list[k].commitment, round.rho[k]);
  if (!R_i) return false;  // mutate: prepare() has decoded this E_i before
  const Scalar<C> lambda_i = lagrange<C>(round.signers, i);
  return Point<C>::base_and(z_i, -(round.c * lambda_i), key.public_share(X_i)) == (round.negated ? -*R_i : *R_i);
}

// §5.3. The caller verifies the signature before anything else is done with it; shares only if it fails.
template <class S>
Signature64 aggregate(const Round<S>& round, std::span<const Scalar<typename S::Curve>> shares) {
  QUORATE_ASSERT(shares.size() == round.signers.size());
  Scalar<typename S::Curve> z;
  for (const auto& z_i : shares) z += z_i;
  return S::signature(round.R, z);
}

}  // namespace quorate::frost

// Proofs of knowledge of a discrete logarithm, X = x·G: Schnorr with Fiat–Shamir in (challenge, response) form, which
// needs no point to be decoded. What the proof is bound to (session, prover, purpose, neighbours of X) is in `context`;
// X and the nonce point are always bound here.
#pragma once
#include "crypto/point.h"
#include "crypto/transcript.h"

namespace quorate {

template <class C>
struct SchnorrProof {
  Scalar<C> c, s;
  static auto fields(auto& m) { return std::tie(m.c, m.s); }

  // x not zero, X = x·G.
  static SchnorrProof prove(const Scalar<C>& x, const Point<C>& X, const Transcript& context, Rng& rng) {
    const Secret<Bytes32> fresh = rng.secret<32>();
    // Hedged as in RFC 9591 §4.1: a weak generator alone does not repeat k for another statement.
    Transcript nonce("quorate/schnorr/nonce/1");
    nonce.absorb(fresh).absorb(x).absorb(X).absorb(context.wide());
    const Scalar<C> k = nonce.template scalar<C>();
    const Point<C> K = Point<C>::base(k);
    SchnorrProof proof;
    proof.c = challenge(X, K, context);
    proof.s = k + proof.c * x;
    return proof;
  }

  bool verify(const Point<C>& X, const Transcript& context) const {
    if (X.is_identity()) return false;
    const Point<C> K = Point<C>::base_and(s, -c, X);  // s·G − c·X
    if (K.is_identity()) return false;
    return c.equals(challenge(X, K, context));
  }
  // The same for an X that nothing has checked yet; X itself when it and the proof are good.
  std::optional<Point<C>> verify(const UncheckedPoint<C>& X, const Transcript& context) const {
    const auto checked = X.base_and(s, -c);  // c is a hash: zero for no honest proof
    if (!checked || checked->sum.is_identity() || !c.equals(challenge(X, checked->sum, context))) return std::nullopt;
    return checked->P;
  }

 private:
  // X: a Point or an UncheckedPoint, which have the same encoding.
  template <class Statement>
  static Scalar<C> challenge(const Statement& X, const Point<C>& K, const Transcript& context) {
    Transcript t("quorate/schnorr/challenge/1");
    t.absorb(context.wide()).absorb(C::name).absorb(X).absorb(K);
    return t.template scalar<C>();
  }
};

}  // namespace quorate

#include "keygen/reshare_rounds.h"

#include <stdexcept>

#include "base/check.h"
#include "base/declassify.h"

namespace quorate {

namespace {

template <class C>
Digest commitment_to(const SessionId& sid, PartyId i, const ReshareRound2<C>& o) {
  return commit("quorate/reshare/commit/1", sid, i, o.blind, o.F, o.proofs, o.chain_code);
}

}  // namespace

template <class C>
ReshareDealing<C> reshare_deal(const SessionId& sid, const ReshareParameters& parameters, const KeyShare<C>& old,
                               Rng& rng) {
  const PartyId i = old.me;
  if (Point<C>::base(old.x_i) != old.X_of(i)) throw std::runtime_error("a stored share does not fit its key");
  const Scalar<C> lambda_i = lagrange<C>(parameters.dealers(), i);
  const std::size_t t = parameters.committee().threshold();
  ReshareDealing<C> dealing{{Polynomial<C>::random(t, rng, lambda_i * old.x_i), {}, {}, {}}};  // f_i(0) = λ_i·x_i
  dealing.F = dealing.f.commit();
  ReshareRound2<C>& o = dealing.opening;
  static_cast<ProvedPolynomial<C>&>(o) = prove_polynomial(sid, i, dealing.f, dealing.F, rng);
  o.chain_code = old.chain_code.copy();
  o.blind = rng.bytes<32>();
  dealing.commitment = commitment_to(sid, i, o);
  declassify(o.blind);  // shown in R2, with the proofs
  for (const SchnorrProof<C>& proof : o.proofs) declassify(proof);
  declassify(dealing.commitment);
  return dealing;
}

template <class C>
ReshareRound2<C> ReshareDealing<C>::open() const {
  const ReshareRound2<C>& o = this->opening;
  return {static_cast<const ProvedPolynomial<C>&>(o), o.chain_code.copy(), o.blind};
}

template <class C>
ReshareShare<C> ReshareDealing<C>::deal_to(const SessionId& sid, PartyId i, PartyId j,
                                           const Ed25519SecretKey& identity) const {
  const Scalar<C> share = this->f.at(j);
  return {share, identity.sign(share_message(sid, i, j, this->commitment, share))};
}

template <class C>
bool opens(const SessionId& sid, PartyId i, const Digest& commitment, const ReshareRound2<C>& opening) {
  return commitment == commitment_to(sid, i, opening);
}

template <class C>
bool deals_its_share(const ReshareParameters& parameters, PartyId i, const PolynomialCommitment<C>& F) {
  const CertificateBody& base = parameters.base();
  const auto X_i = Point<C>::parse(base.X[base.committee.parties().position(i)]);
  QUORATE_ASSERT(X_i.has_value());  // verify_certificate
  return F[0] == Point<C>::multiply_public(lagrange<C>(parameters.dealers(), i), *X_i);
}

template <class C>
ReshareDealt<C> reshare_dealt(PartyId me, const ReshareParameters& parameters, const ReshareDealing<C>* mine,
                              const PerPeer<ReshareRound1>& commitments, const PerPeer<ReshareRound2<C>>& openings,
                              const PerPeer<ReshareShare<C>>& shares, const PerPeer<PolynomialCommitment<C>>& F) {
  const bool receives = parameters.members().contains(me);
  ReshareDealt<C> dealt(parameters.dealers(), receives);
  for (const PartyId i : openings.parties()) {
    dealt.commitment[i] = commitments[i].C;
    dealt.opening[i] = &openings[i];
    dealt.F[i] = F[i];
  }
  for (const PartyId i : shares.parties()) {
    dealt.share[i] = shares[i].share;
    dealt.share_signature[i] = shares[i].share_signature;
  }
  if (mine != nullptr) {
    dealt.commitment[me] = mine->commitment;
    dealt.opening[me] = &mine->opening;
    dealt.F[me] = mine->F;
    if (receives) dealt.share[me] = mine->f.at(me);
  }
  return dealt;
}

template <class C>
ReshareRound3<C> reshare_echo(const SessionId& sid, const ReshareParameters& parameters, const ReshareDealt<C>& dealt,
                              PartySet misdealers) {
  Transcript t("quorate/reshare/openings/1");
  t.absorb(sid).absorb(parameters.digest());
  for (const PartyId i : dealt.opening.parties()) t.absorb(i).absorb(*dealt.opening[i]);
  ReshareRound3<C> echo;
  echo.seen = t.digest();
  declassify(echo.seen);
  for (const PartyId i : misdealers) echo.complaints.push_back(complain(i, dealt));
  return echo;
}

template <class C>
NextKey<C> reshare_combine(const SessionId& sid, const ReshareParameters& parameters, KeyPoints<C> points) {
  const ReshareTerms& terms = parameters.terms();
  NextKey<C> next;
  CertificateBody& body = next.body;
  body = parameters.base();  // cluster, key id, name, algorithm and the chain code's hash stay
  body.number = terms.number;
  body.base_number = parameters.base().number;
  body.base_digest = parameters.base_digest();
  body.policy_digest = terms.policy_digest;
  body.request_digest = terms.request_digest;
  body.config_version = terms.config_version;
  body.committee = terms.committee;
  body.sid = sid;
  certify_points(body, points);
  QUORATE_ASSERT(body.Y == parameters.base().Y);  // Σ λ_i·X_i == Y: deals_its_share of all
  next.points = std::move(points);
  return next;
}

template <class C>
PreparedShare<C> reshared(const NextKey<C>& key, PartyId me, const ReshareDealt<C>& dealt) {
  PreparedShare<C> prepared;
  prepared.share = share_without_secrets(key.body, key.points, me);
  prepared.share.x_i = sum_of_shares(dealt.share);  // x'_me = Σ f_i(me)
  // All dealers handed on the certified one.
  prepared.share.chain_code = dealt.opening[*dealt.opening.parties().begin()]->chain_code.copy();
  prepared.body = key.body;
  return prepared;
}

template struct ReshareDealing<Secp256k1>;
template ReshareDealing<Secp256k1> reshare_deal(const SessionId&, const ReshareParameters&, const KeyShare<Secp256k1>&,
                                                Rng&);
template bool opens(const SessionId&, PartyId, const Digest&, const ReshareRound2<Secp256k1>&);
template bool deals_its_share(const ReshareParameters&, PartyId, const PolynomialCommitment<Secp256k1>&);
template ReshareDealt<Secp256k1> reshare_dealt(PartyId, const ReshareParameters&, const ReshareDealing<Secp256k1>*,
                                               const PerPeer<ReshareRound1>&, const PerPeer<ReshareRound2<Secp256k1>>&,
                                               const PerPeer<ReshareShare<Secp256k1>>&,
                                               const PerPeer<PolynomialCommitment<Secp256k1>>&);
template ReshareRound3<Secp256k1> reshare_echo(const SessionId&, const ReshareParameters&,
                                               const ReshareDealt<Secp256k1>&, PartySet);
template NextKey<Secp256k1> reshare_combine(const SessionId&, const ReshareParameters&, KeyPoints<Secp256k1>);
template PreparedShare<Secp256k1> reshared(const NextKey<Secp256k1>&, PartyId, const ReshareDealt<Secp256k1>&);

template struct ReshareDealing<Ed25519>;
template ReshareDealing<Ed25519> reshare_deal(const SessionId&, const ReshareParameters&, const KeyShare<Ed25519>&,
                                              Rng&);
template bool opens(const SessionId&, PartyId, const Digest&, const ReshareRound2<Ed25519>&);
template bool deals_its_share(const ReshareParameters&, PartyId, const PolynomialCommitment<Ed25519>&);
template ReshareDealt<Ed25519> reshare_dealt(PartyId, const ReshareParameters&, const ReshareDealing<Ed25519>*,
                                             const PerPeer<ReshareRound1>&, const PerPeer<ReshareRound2<Ed25519>>&,
                                             const PerPeer<ReshareShare<Ed25519>>&,
                                             const PerPeer<PolynomialCommitment<Ed25519>>&);
template ReshareRound3<Ed25519> reshare_echo(const SessionId&, const ReshareParameters&, const ReshareDealt<Ed25519>&,
                                             PartySet);
template NextKey<Ed25519> reshare_combine(const SessionId&, const ReshareParameters&, KeyPoints<Ed25519>);
template PreparedShare<Ed25519> reshared(const NextKey<Ed25519>&, PartyId, const ReshareDealt<Ed25519>&);

}  // namespace quorate

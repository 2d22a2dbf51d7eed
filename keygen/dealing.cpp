#include "keygen/dealing.h"

#include "base/check.h"
#include "base/declassify.h"

namespace quorate {

namespace {

// What the proof for a_k is bound to, besides its statement F_{i,k} and its nonce point.
template <class C>
Transcript proof_context(const SessionId& sid, PartyId i, std::size_t k,
                         const Bounded<UncheckedPoint<C>, limits::kMaxParties>& F) {
  Transcript context("quorate/dkg/proof/1");
  context.absorb(sid).absorb(i).absorb(static_cast<std::uint64_t>(k)).absorb(F);
  return context;
}

template <class C>
EncodedPoint encoded(const Point<C>& P) {
  const auto bytes = P.bytes();
  return EncodedPoint(bytes.begin(), bytes.end());
}

}  // namespace

template <class C>
ProvedPolynomial<C> prove_polynomial(const SessionId& sid, PartyId i, const Polynomial<C>& f,
                                     const PolynomialCommitment<C>& F, Rng& rng) {
  ProvedPolynomial<C> shown;
  for (const Point<C>& F_k : F) shown.F.emplace_back(F_k);
  for (std::size_t k = 0; k < f.size(); ++k)
    shown.proofs.push_back(SchnorrProof<C>::prove(f.coefficient(k), F[k], proof_context(sid, i, k, shown.F), rng));
  return shown;
}

template <class C>
Digest share_message(const SessionId& sid, PartyId i, PartyId j, const Digest& commitment, const Scalar<C>& share) {
  return Transcript("quorate/dkg/share/1").absorb(sid).absorb(i).absorb(j).absorb(share).absorb(commitment).digest();
}

template <class C>
bool has_length(const ProvedPolynomial<C>& opening, std::size_t t) {
  return opening.F.size() == t && opening.proofs.size() == t;
}

template <class C>
bool proofs_verify(const SessionId& sid, PartyId i, const ProvedPolynomial<C>& opening, PolynomialCommitment<C>& F) {
  QUORATE_ASSERT(opening.proofs.size() == opening.F.size());
  F.clear();
  for (std::size_t k = 0; k < opening.F.size(); ++k) {
    const auto F_k = opening.proofs[k].verify(opening.F[k], proof_context(sid, i, k, opening.F));
    if (!F_k) return false;
    F.push_back(*F_k);
  }
  return true;
}

template <class C>
bool share_fits(const PolynomialCommitment<C>& F, PartyId j, const Scalar<C>& share) {
  return Point<C>::base(share) == evaluate_commitment<C>(F, j);
}

template <class C>
PartySet misdealers(PartyId me, const Dealt<C>& dealt, const Point<C>* X_me) {
  PartySet misdealers;
  if (X_me != nullptr && dealt.share.parties() == dealt.F.parties() &&
      Point<C>::base(sum_of_shares(dealt.share)) == *X_me)
    return misdealers;
  for (const PartyId i : dealt.share.parties().without(me))
    if (!share_fits(dealt.F[i], me, dealt.share[i])) misdealers.insert(i);
  return misdealers;
}

template <class C>
Complaint<C> complain(PartyId dealer, const Dealt<C>& dealt) {
  return {dealer, dealt.commitment[dealer], dealt.share[dealer], dealt.share_signature[dealer]};
}

template <class C>
void judge(const SessionId& sid, const Committee& dealing, PartySet receivers, const Dealt<C>& dealt, PartyId accuser,
           const EchoAndComplaints<C>& echo, Verdicts& verdicts) {
  for (const Complaint<C>& c : echo.complaints) {
    if (!receivers.contains(accuser) || !dealt.F.parties().contains(c.dealer)) {
      verdicts.slanderers.insert(accuser);
      continue;
    }
    if (c.commitment != dealt.commitment[c.dealer]) continue;
    const Digest message = share_message(sid, c.dealer, accuser, c.commitment, c.share);
    const bool proved = dealing.identity_of(c.dealer).verify(message, c.share_signature) &&
                        !share_fits(dealt.F[c.dealer], accuser, c.share);
    (proved ? verdicts.convicted : verdicts.slanderers).insert(proved ? c.dealer : accuser);
  }
}

template <class C>
std::optional<KeyPoints<C>> sum_of_dealings(const PerParty<PolynomialCommitment<C>>& F, const Committee& committee) {
  PolynomialCommitment<C> sum(committee.threshold());  // of Σ f_i
  for (std::size_t k = 0; k < sum.size(); ++k) {
    std::vector<Point<C>> column;
    for (const PartyId i : F.parties()) column.push_back(F[i][k]);
    sum[k] = Point<C>::sum(column);
  }
  KeyPoints<C> points;
  points.Y = sum[0];  // Y = Σ F_{i,0}
  if (points.Y.is_identity()) return std::nullopt;
  for (const PartyId j : committee.parties()) {
    points.X.push_back(evaluate_commitment<C>(sum, j));  // X_j
    if (points.X.back().is_identity()) return std::nullopt;
  }
  return points;
}

template <class C>
void certify_points(CertificateBody& body, const KeyPoints<C>& points) {
  body.Y = encoded(points.Y);
  body.X.clear();
  for (const Point<C>& X_j : points.X) body.X.push_back(encoded(X_j));
}

template <class C>
Scalar<C> sum_of_shares(const PerParty<Scalar<C>>& share) {
  Scalar<C> x_j;
  for (const PartyId i : share.parties()) x_j += share[i];  // x_j = Σ f_i(j)
  return x_j;
}

template ProvedPolynomial<Secp256k1> prove_polynomial(const SessionId&, PartyId, const Polynomial<Secp256k1>&,
                                                      const PolynomialCommitment<Secp256k1>&, Rng&);
template Digest share_message(const SessionId&, PartyId, PartyId, const Digest&, const Scalar<Secp256k1>&);
template bool has_length(const ProvedPolynomial<Secp256k1>&, std::size_t);
template bool proofs_verify(const SessionId&, PartyId, const ProvedPolynomial<Secp256k1>&,
                            PolynomialCommitment<Secp256k1>&);
template bool share_fits(const PolynomialCommitment<Secp256k1>&, PartyId, const Scalar<Secp256k1>&);
template PartySet misdealers(PartyId, const Dealt<Secp256k1>&, const Point<Secp256k1>*);
template Complaint<Secp256k1> complain(PartyId, const Dealt<Secp256k1>&);
template void judge(const SessionId&, const Committee&, PartySet, const Dealt<Secp256k1>&, PartyId,
                    const EchoAndComplaints<Secp256k1>&, Verdicts&);
template std::optional<KeyPoints<Secp256k1>> sum_of_dealings(const PerParty<PolynomialCommitment<Secp256k1>>&,
                                                             const Committee&);
template void certify_points(CertificateBody&, const KeyPoints<Secp256k1>&);
template Scalar<Secp256k1> sum_of_shares(const PerParty<Scalar<Secp256k1>>&);

template ProvedPolynomial<Ed25519> prove_polynomial(const SessionId&, PartyId, const Polynomial<Ed25519>&,
                                                    const PolynomialCommitment<Ed25519>&, Rng&);
template Digest share_message(const SessionId&, PartyId, PartyId, const Digest&, const Scalar<Ed25519>&);
template bool has_length(const ProvedPolynomial<Ed25519>&, std::size_t);
template bool proofs_verify(const SessionId&, PartyId, const ProvedPolynomial<Ed25519>&,
                            PolynomialCommitment<Ed25519>&);
template bool share_fits(const PolynomialCommitment<Ed25519>&, PartyId, const Scalar<Ed25519>&);
template PartySet misdealers(PartyId, const Dealt<Ed25519>&, const Point<Ed25519>*);
template Complaint<Ed25519> complain(PartyId, const Dealt<Ed25519>&);
template void judge(const SessionId&, const Committee&, PartySet, const Dealt<Ed25519>&, PartyId,
                    const EchoAndComplaints<Ed25519>&, Verdicts&);
template std::optional<KeyPoints<Ed25519>> sum_of_dealings(const PerParty<PolynomialCommitment<Ed25519>>&,
                                                           const Committee&);
template void certify_points(CertificateBody&, const KeyPoints<Ed25519>&);
template Scalar<Ed25519> sum_of_shares(const PerParty<Scalar<Ed25519>>&);

}  // namespace quorate

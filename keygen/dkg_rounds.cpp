#include "keygen/dkg_rounds.h"

#include <algorithm>

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
Digest commitment_to(const SessionId& sid, PartyId i, const DkgOpening<C>& o) {
  return commit("quorate/dkg/commit/1", sid, i, o.blind, o.F, o.proofs, o.rho, o.cc);
}

}  // namespace

template <class C>
DkgDealing<C> dkg_deal(const SessionId& sid, PartyId i, std::size_t t, Rng& rng) {
  DkgDealing<C> dealing{Polynomial<C>::random(t, rng, Scalar<C>::random(rng)), {}, {}, {}};
  dealing.F = dealing.f.commit();
  DkgOpening<C>& o = dealing.opening;
  for (const Point<C>& F_k : dealing.F) o.F.emplace_back(F_k);
  for (std::size_t k = 0; k < t; ++k)
    o.proofs.push_back(
        SchnorrProof<C>::prove(dealing.f.coefficient(k), dealing.F[k], proof_context(sid, i, k, o.F), rng));
  o.rho = rng.bytes<32>();
  o.cc = rng.secret<32>();
  o.blind = rng.bytes<32>();
  dealing.commitment = commitment_to(sid, i, o);
  declassify(o.rho);  // shown in R2, with the proofs
  declassify(o.blind);
  for (const SchnorrProof<C>& proof : o.proofs) declassify(proof);
  declassify(dealing.commitment);
  return dealing;
}

template <class C>
DkgDeal<C> DkgDealing<C>::deal_to(const SessionId& sid, PartyId i, PartyId j, const Ed25519SecretKey& identity) const {
  DkgDeal<C> deal{{opening.F, opening.proofs, opening.rho, opening.cc.copy(), opening.blind}, f.at(j), {}};
  deal.share_signature = identity.sign(share_message(sid, i, j, commitment, deal.share));
  return deal;
}

template <class C>
bool has_length(const DkgOpening<C>& opening, std::size_t t) {
  return opening.F.size() == t && opening.proofs.size() == t;
}

template <class C>
bool opens(const SessionId& sid, PartyId i, const Digest& commitment, const DkgOpening<C>& opening) {
  return commitment == commitment_to(sid, i, opening);
}

template <class C>
bool proofs_verify(const SessionId& sid, PartyId i, const DkgOpening<C>& opening, PolynomialCommitment<C>& F) {
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
Digest share_message(const SessionId& sid, PartyId i, PartyId j, const Digest& commitment, const Scalar<C>& share) {
  return Transcript("quorate/dkg/share/1").absorb(sid).absorb(i).absorb(j).absorb(share).absorb(commitment).digest();
}

template <class C>
bool share_fits(const PolynomialCommitment<C>& F, PartyId j, const Scalar<C>& share) {
  return Point<C>::base(share) == evaluate_commitment<C>(F, j);
}

template <class C>
PartySet misdealers(PartyId me, const DkgDealt<C>& dealt) {
  PartySet misdealers;
  for (const PartyId i : dealt.share.parties().without(me))
    if (!share_fits(dealt.F[i], me, dealt.share[i])) misdealers.insert(i);
  return misdealers;
}

template <class C>
DkgRound3<C> dkg_echo(const SessionId& sid, const DkgParameters& parameters, const DkgDealt<C>& dealt,
                      PartySet misdealers) {
  DkgRound3<C> echo;
  Transcript t("quorate/dkg/openings/1");
  t.absorb(sid).absorb(parameters);
  for (const PartyId i : dealt.opening.parties()) t.absorb(i).absorb(*dealt.opening[i]);
  echo.seen = t.digest();
  declassify(echo.seen);
  for (const PartyId i : misdealers)
    echo.complaints.push_back({i, dealt.commitment[i], dealt.share[i], dealt.share_signature[i]});
  return echo;
}

template <class C>
DkgVerdicts dkg_judge(const SessionId& sid, const Committee& committee, const DkgDealt<C>& dealt,
                      const PerPeer<DkgRound3<C>>& echoes) {
  DkgVerdicts verdicts;
  for (const PartyId accuser : echoes.parties())
    for (const DkgComplaint<C>& c : echoes[accuser].complaints) {
      const Member* dealer = committee.find(c.dealer);
      if (dealer == nullptr) {
        verdicts.slanderers.insert(accuser);
        continue;
      }
      if (c.commitment != dealt.commitment[c.dealer]) continue;
      const Digest message = share_message(sid, c.dealer, accuser, c.commitment, c.share);
      const bool proved =
          dealer->identity.verify(message, c.share_signature) && !share_fits(dealt.F[c.dealer], accuser, c.share);
      (proved ? verdicts.convicted : verdicts.slanderers).insert(proved ? c.dealer : accuser);
    }
  return verdicts;
}

template <class C>
std::optional<PreparedShare<C>> dkg_combine(const SessionId& sid, const DkgParameters& parameters, PartyId me,
                                            const DkgDealt<C>& dealt) {
  const PartySet parties = parameters.committee.parties();
  const std::size_t t = parameters.committee.threshold();
  std::optional<PreparedShare<C>> prepared(std::in_place);
  KeyShare<C>& share = prepared->share;
  CertificateBody& body = prepared->body;

  for (const PartyId i : parties) share.x_i += dealt.share[i];  // x_j = Σ f_i(j)
  PolynomialCommitment<C> F(t);                                 // of Σ f_i
  for (std::size_t k = 0; k < t; ++k) {
    std::vector<Point<C>> column;
    for (const PartyId i : parties) column.push_back(dealt.F[i][k]);
    F[k] = Point<C>::sum(column);
  }
  share.Y = F[0];  // Y = Σ F_{i,0}
  if (share.Y.is_identity()) return std::nullopt;
  for (const PartyId j : parties) {
    share.X.push_back(evaluate_commitment<C>(F, j));  // X_j
    if (share.X.back().is_identity()) return std::nullopt;
  }

  Transcript key_id("quorate/dkg/key-id/1");  // H(sid, ρ_1..ρ_n, Y)
  key_id.absorb(sid);
  for (const PartyId i : parties) key_id.absorb(dealt.opening[i]->rho);
  key_id.absorb(share.Y);
  Transcript chain_code("quorate/dkg/chain-code/1");  // H(sid, cc_1..cc_n)
  chain_code.absorb(sid);
  for (const PartyId i : parties) chain_code.absorb(dealt.opening[i]->cc.expose());

  body.cluster_id = parameters.cluster_id;
  body.key_id = key_id.digest();
  body.name = parameters.name;
  body.algorithm = parameters.algorithm;
  const auto encoded = [](const Point<C>& P) {
    const auto bytes = P.bytes();
    return EncodedPoint(bytes.begin(), bytes.end());
  };
  body.Y = encoded(share.Y);
  const auto wide = chain_code.wide();
  std::copy_n(wide.expose().begin(), 32, share.chain_code.expose().begin());
  body.chain_code_hash = chain_code_digest(share.chain_code);
  declassify(body.chain_code_hash);
  body.number = 1;
  body.policy_digest = parameters.policy_digest;
  body.request_digest = parameters.request_digest;
  body.config_version = parameters.config_version;
  body.committee = parameters.committee;
  for (const Point<C>& X_j : share.X) body.X.push_back(encoded(X_j));
  body.sid = sid;

  share.key_id = body.key_id;
  share.number = body.number;
  share.certificate = body.digest();
  share.me = me;
  share.algorithm = parameters.algorithm;
  share.committee = parameters.committee;
  return prepared;
}

template struct DkgDealing<Secp256k1>;
template DkgDealing<Secp256k1> dkg_deal(const SessionId&, PartyId, std::size_t, Rng&);
template bool has_length(const DkgOpening<Secp256k1>&, std::size_t);
template bool opens(const SessionId&, PartyId, const Digest&, const DkgOpening<Secp256k1>&);
template bool proofs_verify(const SessionId&, PartyId, const DkgOpening<Secp256k1>&, PolynomialCommitment<Secp256k1>&);
template Digest share_message(const SessionId&, PartyId, PartyId, const Digest&, const Scalar<Secp256k1>&);
template bool share_fits(const PolynomialCommitment<Secp256k1>&, PartyId, const Scalar<Secp256k1>&);
template PartySet misdealers(PartyId, const DkgDealt<Secp256k1>&);
template DkgRound3<Secp256k1> dkg_echo(const SessionId&, const DkgParameters&, const DkgDealt<Secp256k1>&, PartySet);
template DkgVerdicts dkg_judge(const SessionId&, const Committee&, const DkgDealt<Secp256k1>&,
                               const PerPeer<DkgRound3<Secp256k1>>&);
template std::optional<PreparedShare<Secp256k1>> dkg_combine(const SessionId&, const DkgParameters&, PartyId,
                                                             const DkgDealt<Secp256k1>&);

template struct DkgDealing<Ed25519>;
template DkgDealing<Ed25519> dkg_deal(const SessionId&, PartyId, std::size_t, Rng&);
template bool has_length(const DkgOpening<Ed25519>&, std::size_t);
template bool opens(const SessionId&, PartyId, const Digest&, const DkgOpening<Ed25519>&);
template bool proofs_verify(const SessionId&, PartyId, const DkgOpening<Ed25519>&, PolynomialCommitment<Ed25519>&);
template Digest share_message(const SessionId&, PartyId, PartyId, const Digest&, const Scalar<Ed25519>&);
template bool share_fits(const PolynomialCommitment<Ed25519>&, PartyId, const Scalar<Ed25519>&);
template PartySet misdealers(PartyId, const DkgDealt<Ed25519>&);
template DkgRound3<Ed25519> dkg_echo(const SessionId&, const DkgParameters&, const DkgDealt<Ed25519>&, PartySet);
template DkgVerdicts dkg_judge(const SessionId&, const Committee&, const DkgDealt<Ed25519>&,
                               const PerPeer<DkgRound3<Ed25519>>&);
template std::optional<PreparedShare<Ed25519>> dkg_combine(const SessionId&, const DkgParameters&, PartyId,
                                                           const DkgDealt<Ed25519>&);

}  // namespace quorate

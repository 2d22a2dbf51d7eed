#include "keygen/dkg_rounds.h"

#include <algorithm>

#include "base/check.h"
#include "base/declassify.h"

namespace quorate {

namespace {

template <class C>
Digest commitment_to(const SessionId& sid, PartyId i, const DkgOpening<C>& o) {
  return commit("quorate/dkg/commit/1", sid, i, o.blind, o.F, o.proofs, o.rho, o.cc);
}

}  // namespace

template <class C>
DkgDealing<C> dkg_deal(const SessionId& sid, PartyId i, std::size_t t, Rng& rng) {
  DkgDealing<C> dealing{{Polynomial<C>::random(t, rng, Scalar<C>::random(rng)), {}, {}, {}}};
  dealing.F = dealing.f.commit();
  DkgOpening<C>& o = dealing.opening;
  static_cast<ProvedPolynomial<C>&>(o) = prove_polynomial(sid, i, dealing.f, dealing.F, rng);
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
  const DkgOpening<C>& o = this->opening;
  const ProvedPolynomial<C>& shown = o;
  DkgDeal<C> deal{{shown, o.rho, o.cc.copy(), o.blind}, this->f.at(j), {}};
  deal.share_signature = identity.sign(share_message(sid, i, j, this->commitment, deal.share));
  return deal;
}

template <class C>
bool opens(const SessionId& sid, PartyId i, const Digest& commitment, const DkgOpening<C>& opening) {
  return commitment == commitment_to(sid, i, opening);
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
  for (const PartyId i : misdealers) echo.complaints.push_back(complain(i, dealt));
  return echo;
}

template <class C>
PreparedShare<C> dkg_combine(const SessionId& sid, const DkgParameters& parameters, PartyId me,
                             const DkgDealt<C>& dealt, const KeyPoints<C>& points) {
  Transcript key_id("quorate/dkg/key-id/1");  // H(sid, ρ_1..ρ_n, Y)
  key_id.absorb(sid);
  for (const PartyId i : dealt.opening.parties()) key_id.absorb(dealt.opening[i]->rho);
  key_id.absorb(points.Y);
  Transcript wide_chain_code("quorate/dkg/chain-code/1");  // H(sid, cc_1..cc_n)
  wide_chain_code.absorb(sid);
  for (const PartyId i : dealt.opening.parties()) wide_chain_code.absorb(dealt.opening[i]->cc.expose());
  const auto wide = wide_chain_code.wide();
  Secret<Bytes32> chain_code;
  std::copy_n(wide.expose().begin(), 32, chain_code.expose().begin());

  CertificateBody body;
  body.cluster_id = parameters.cluster_id;
  body.key_id = key_id.digest();
  body.name = parameters.name;
  body.algorithm = parameters.algorithm;
  body.chain_code_hash = chain_code_digest(chain_code);
  declassify(body.chain_code_hash);
  body.number = 1;
  body.policy_digest = parameters.policy_digest;
  body.request_digest = parameters.request_digest;
  body.config_version = parameters.config_version;
  body.committee = parameters.committee;
  body.sid = sid;
  certify_points(body, points);

  PreparedShare<C> prepared;
  prepared.share = share_without_secrets(body, points, me);
  prepared.share.x_i = sum_of_shares(dealt.share);
  prepared.share.chain_code = std::move(chain_code);
  prepared.body = std::move(body);
  return prepared;
}

template struct DkgDealing<Secp256k1>;
template DkgDealing<Secp256k1> dkg_deal(const SessionId&, PartyId, std::size_t, Rng&);
template bool opens(const SessionId&, PartyId, const Digest&, const DkgOpening<Secp256k1>&);
template DkgRound3<Secp256k1> dkg_echo(const SessionId&, const DkgParameters&, const DkgDealt<Secp256k1>&, PartySet);
template PreparedShare<Secp256k1> dkg_combine(const SessionId&, const DkgParameters&, PartyId,
                                              const DkgDealt<Secp256k1>&, const KeyPoints<Secp256k1>&);

template struct DkgDealing<Ed25519>;
template DkgDealing<Ed25519> dkg_deal(const SessionId&, PartyId, std::size_t, Rng&);
template bool opens(const SessionId&, PartyId, const Digest&, const DkgOpening<Ed25519>&);
template DkgRound3<Ed25519> dkg_echo(const SessionId&, const DkgParameters&, const DkgDealt<Ed25519>&, PartySet);
template PreparedShare<Ed25519> dkg_combine(const SessionId&, const DkgParameters&, PartyId, const DkgDealt<Ed25519>&,
                                            const KeyPoints<Ed25519>&);

}  // namespace quorate

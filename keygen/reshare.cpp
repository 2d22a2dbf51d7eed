#include "keygen/reshare.h"

#include "base/check.h"

namespace quorate {

template <class C, class Setup>
Task<ReshareResult<C, Setup>> reshare(Party self, ReshareParameters parameters, const KeyShare<C>* old,
                                      const Ed25519SecretKey& identity,
                                      StartTrial<typename Setup::template Prepared<C>> start_trial) {
  using Opening = ReshareRound2<C>;
  using Share = ReshareShare<C>;
  using Echo = ReshareRound3<C>;
  const SessionId sid = self.sid();
  const PartyId me = self.me();
  const CertificateBody& base = parameters.base();
  const std::size_t t = parameters.committee().threshold();
  const PartySet dealers = parameters.dealers(), members = parameters.members();
  const bool deals = dealers.contains(me), joins = members.contains(me);
  const PartySet partners = joins ? members.without(me) : PartySet{};  // in pairwise setups
  const PartySet givers = joins ? dealers.without(me) : PartySet{};    // of shares to me
  QUORATE_ASSERT(self.parties() == parameters.parties());
  QUORATE_ASSERT(is_on<C>(base.algorithm) && Setup::serves(base.algorithm));
  QUORATE_ASSERT(deals == (old != nullptr) && (!deals || old->belongs_to(base, me)));
  QUORATE_ASSERT(parameters.party_of(identity.public_key()) == me);

  // R1: dealers commit; new members ask each other
  std::optional<ReshareDealing<C>> mine;
  if (deals) mine.emplace(reshare_deal(sid, parameters, *old, self.rng()));
  if (deals) self.send_all(ReshareRound1{mine->commitment});
  Setup setup(sid, me, partners, self.rng());
  if constexpr (Setup::kPairwise)
    for (const PartyId j : partners) self.send(j, ReshareSetup1{setup.round1(j)});
  const PerPeer<ReshareRound1> commitments = co_await self.receive<ReshareRound1>(dealers);
  if constexpr (Setup::kPairwise) {
    const PerPeer<ReshareSetup1> requests = co_await self.receive<ReshareSetup1>(partners);
    self.require_each(
        partners, [&](PartyId j) { return setup.take(j, requests[j].setup, self.rng()); }, Reason::bad_base_ot);
  }

  // R2: dealers open and deal; new members answer each other
  if (deals) self.send_each([&](PartyId) { return mine->open(); });
  if (deals)
    for (const PartyId j : members.without(me)) self.send(j, mine->deal_to(sid, me, j, identity));
  if constexpr (Setup::kPairwise)
    for (const PartyId j : partners) self.send(j, ReshareSetup2{setup.round2(j)});
  const PerPeer<Opening> openings = co_await self.receive<Opening>(dealers);
  self.require_each(
      dealers, [&](PartyId i) { return has_length(openings[i], t); }, Reason::bad_length);
  self.require_each(
      dealers, [&](PartyId i) { return opens(sid, i, commitments[i].C, openings[i]); }, Reason::bad_opening);
  PerPeer<PolynomialCommitment<C>> F(dealers.without(me));
  self.require_each(
      dealers, [&](PartyId i) { return proofs_verify(sid, i, openings[i], F[i]); }, Reason::bad_proof);
  self.require_each(
      dealers, [&](PartyId i) { return deals_its_share(parameters, i, F[i]); }, Reason::bad_constant_term);
  self.require_each(
      dealers, [&](PartyId i) { return chain_code_digest(openings[i].chain_code) == base.chain_code_hash; },
      Reason::bad_chain_code);
  const PerPeer<Share> shares = co_await self.receive<Share>(givers);
  self.require_each(
      givers,
      [&](PartyId i) {
        const Digest message = share_message(sid, i, me, commitments[i].C, shares[i].share);
        return base.committee.identity_of(i).verify(message, shares[i].share_signature);
      },
      Reason::bad_share_signature);
  PerPeer<typename Setup::Round2> parts(partners);
  if constexpr (Setup::kPairwise) {
    PerPeer<ReshareSetup2> replies = co_await self.receive<ReshareSetup2>(partners);
    for (const PartyId j : partners) parts[j] = std::move(replies[j].setup);
  }

  // R3: echo; whoever was dealt a wrong share shows it and stops
  const ReshareDealing<C>* own = deals ? &*mine : nullptr;
  const ReshareDealt<C> dealt = reshare_dealt(me, parameters, own, commitments, openings, shares, F);
  std::optional<KeyPoints<C>> points = sum_of_dealings(dealt.F, parameters.terms().committee);
  const PartySet accused = misdealers(me, dealt, public_share(points, parameters.terms().committee, me));
  const Echo echo = reshare_echo(sid, parameters, dealt, accused);
  self.send_all(echo);
  self.require_each([&](PartyId i) { return !accused.contains(i); }, Reason::bad_share);
  const PerPeer<Echo> echoes = co_await self.receive<Echo>();
  const Verdicts verdicts = judge_all(sid, base.committee, members, dealt, echoes);
  self.require_each([&](PartyId j) { return !verdicts.slanderers.contains(j); }, Reason::false_complaint);
  self.require_each([&](PartyId i) { return !verdicts.convicted.contains(i); }, Reason::bad_share);
  for (const PartyId j : self.peers())
    self.require(echoes[j].complaints.empty() && echoes[j].seen == echo.seen, Reason::echo_mismatch);

  // R4: dealers say that they have dealt this
  self.require(points.has_value(), Reason::identity_point);
  const NextKey<C> key = reshare_combine(sid, parameters, std::move(*points));
  const ReshareRound4 dealing{deals ? sign_dealing(key.body, identity) : Signature64{}};
  if (deals) self.send_all(dealing);
  const PerPeer<ReshareRound4> dealings = co_await self.receive<ReshareRound4>(dealers);
  self.require_each(
      dealers,
      [&](PartyId i) {
        return verify_dealing_signature(key.body, base.committee.identity_of(i), dealings[i].signature);
      },
      Reason::bad_certificate_signature);
  DealerSignatures dealt_by;
  for (const PartyId i : dealers) dealt_by.push_back(i == me ? dealing.signature : dealings[i].signature);

  // T1 to T3: the new members sign with what they are about to store
  ReshareResult<C, Setup> result;
  const typename Setup::template Prepared<C>* tried = nullptr;
  if (joins) {
    auto& prepared = result.prepared.emplace();
    static_cast<typename Setup::template Prepared<C>&>(prepared) =
        std::move(setup).finish(reshared(key, me, dealt), parts);
    prepared.dealers = dealt_by;
    tried = &prepared;
  }
  co_await try_out<C, Setup>(self, members, t, start_trial, tried);

  // R5: prepared on disk before the certificate is signed
  CertificateCollector collector(key.body, dealt_by);
  if (joins) {
    SecretBytes record = encode(*result.prepared);
    co_await self.durable(DurableStep::prepared_share, std::move(record));
    const ReshareRound5 last{sign_certificate(key.body, identity)};
    self.send_all(last);
    collector.add_own(me, last.signature);
  }
  const PerPeer<ReshareRound5> signatures = co_await self.receive<ReshareRound5>(members);
  self.require_each(
      members, [&](PartyId j) { return collector.add(j, signatures[j].signature); }, Reason::bad_certificate_signature);
  result.certificate = *collector.complete();
  co_return result;
}

template Task<ReshareResult<Secp256k1>> reshare<Secp256k1>(Party, ReshareParameters, const KeyShare<Secp256k1>*,
                                                           const Ed25519SecretKey&,
                                                           StartTrial<PreparedShare<Secp256k1>>);
template Task<ReshareResult<Ed25519>> reshare<Ed25519>(Party, ReshareParameters, const KeyShare<Ed25519>*,
                                                       const Ed25519SecretKey&, StartTrial<PreparedShare<Ed25519>>);
template Task<ReshareResult<Secp256k1, EcdsaSetup>> reshare<Secp256k1, EcdsaSetup>(Party, ReshareParameters,
                                                                                   const KeyShare<Secp256k1>*,
                                                                                   const Ed25519SecretKey&,
                                                                                   StartTrial<PreparedEcdsaShare>);

}  // namespace quorate

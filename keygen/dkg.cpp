#include "keygen/dkg.h"

#include "base/check.h"

namespace quorate {

template <class C, class Setup>
Task<DkgResult<C, Setup>> dkg(Party self, DkgParameters parameters, const Ed25519SecretKey& identity) {
  using Round1 = DkgRound1<Setup>;
  using Round2 = DkgRound2<C, Setup>;
  const SessionId sid = self.sid();
  const PartyId me = self.me();
  const Committee& committee = parameters.committee;
  const std::size_t t = committee.threshold();
  QUORATE_ASSERT(self.parties() == committee.parties());
  QUORATE_ASSERT(is_on<C>(parameters.algorithm) && Setup::serves(parameters.algorithm));
  QUORATE_ASSERT(committee.identity_of(me) == identity.public_key());

  // R1: commit
  const DkgDealing<C> mine = dkg_deal<C>(sid, me, t, self.rng());
  Setup setup(sid, me, self.peers(), self.rng());
  self.send_each([&](PartyId j) { return Round1{mine.commitment, setup.round1(j)}; });
  const PerPeer<Round1> commitments = co_await self.receive<Round1>();
  self.require_each([&](PartyId j) { return setup.take(j, commitments[j].setup, self.rng()); }, Reason::bad_base_ot);

  // R2: open, deal
  self.send_each([&](PartyId j) { return Round2{mine.deal_to(sid, me, j, identity), setup.round2(j)}; });
  PerPeer<Round2> dealings = co_await self.receive<Round2>();
  self.require_each([&](PartyId i) { return has_length(dealings[i].opening, t); }, Reason::bad_length);
  self.require_each([&](PartyId i) { return opens(sid, i, commitments[i].C, dealings[i].opening); },
                    Reason::bad_opening);
  PerPeer<PolynomialCommitment<C>> F(self.peers());
  self.require_each([&](PartyId i) { return proofs_verify(sid, i, dealings[i].opening, F[i]); }, Reason::bad_proof);
  self.require_each(
      [&](PartyId i) {
        const Digest message = share_message(sid, i, me, commitments[i].C, dealings[i].share);
        return committee.identity_of(i).verify(message, dealings[i].share_signature);
      },
      Reason::bad_share_signature);

  // R3: echo; whoever was dealt a wrong share shows it and stops
  const DkgDealt<C> dealt = dkg_dealt(me, mine, commitments, dealings, F);
  std::optional<KeyPoints<C>> points = sum_of_dealings(dealt.F, committee);
  const PartySet accused = misdealers(me, dealt, public_share(points, committee, me));
  const DkgRound3<C> echo = dkg_echo(sid, parameters, dealt, accused);
  self.send_all(echo);
  self.require_each([&](PartyId i) { return !accused.contains(i); }, Reason::bad_share);
  const PerPeer<DkgRound3<C>> echoes = co_await self.receive<DkgRound3<C>>();
  const Verdicts verdicts = judge_all(sid, committee, committee.parties(), dealt, echoes);
  self.require_each([&](PartyId j) { return !verdicts.slanderers.contains(j); }, Reason::false_complaint);
  self.require_each([&](PartyId i) { return !verdicts.convicted.contains(i); }, Reason::bad_share);
  for (const PartyId j : self.peers())
    self.require(echoes[j].complaints.empty() && echoes[j].seen == echo.seen, Reason::echo_mismatch);

  // Finish: prepared on disk before the certificate is signed
  self.require(points.has_value(), Reason::identity_point);
  PreparedShare<C> key = dkg_combine(sid, parameters, me, dealt, *points);
  const PerPeer<typename Setup::Round2> parts(self.peers(), [&](PartyId j) { return std::move(dealings[j].setup); });
  typename Setup::template Prepared<C> prepared = std::move(setup).finish(std::move(key), parts);
  SecretBytes record = encode(prepared);
  co_await self.durable(DurableStep::prepared_share, std::move(record));

  const DkgRound4 last{sign_certificate(prepared.body, identity)};
  self.send_all(last);
  const PerPeer<DkgRound4> signatures = co_await self.receive<DkgRound4>();
  CertificateCollector collector(prepared.body);
  collector.add_own(me, last.signature);
  self.require_each([&](PartyId j) { return collector.add(j, signatures[j].signature); },
                    Reason::bad_certificate_signature);

  DkgResult<C, Setup> result{std::move(prepared), *collector.complete()};
  co_return result;
}

template Task<DkgResult<Secp256k1>> dkg<Secp256k1>(Party, DkgParameters, const Ed25519SecretKey&);
template Task<DkgResult<Ed25519>> dkg<Ed25519>(Party, DkgParameters, const Ed25519SecretKey&);
template Task<DkgResult<Secp256k1, EcdsaSetup>> dkg<Secp256k1, EcdsaSetup>(Party, DkgParameters,
                                                                           const Ed25519SecretKey&);

}  // namespace quorate

// A key generation under test, for the simulation; and a party that deviates from it at chosen points.
#pragma once
#include "keygen/dkg.h"
#include "tests/support/committees.h"
#include "tests/support/tamper.h"

namespace quorate::test {

template <>
struct RandomLeaf<AlgorithmField> {
  static AlgorithmField make(Rng& rng) { return static_cast<Algorithm>(1 + rng.below(3)); }
};

template <>
struct RandomLeaf<NoSetup::Nothing> {
  static NoSetup::Nothing make(Rng&) { return {}; }
};

template <class C, class Setup>
constexpr Algorithm algorithm_of() {
  if (std::is_same_v<Setup, EcdsaSetup>) return Algorithm::ecdsa_secp256k1;
  return std::is_same_v<C, Ed25519> ? Algorithm::eddsa_ed25519 : Algorithm::schnorr_secp256k1;
}

template <class C, class Setup = NoSetup>
struct DkgWorld {
  using Result = DkgResult<C, Setup>;
  using MessageList = DkgMessages<C, Setup>;

  std::vector<Ed25519SecretKey> identities;
  DkgParameters parameters;

  DkgWorld(unsigned n, unsigned t) {
    SeededRng rng(n * 100 + t);
    identities = random_identities(n, rng);
    parameters.cluster_id = rng.bytes<32>();
    parameters.name = "treasury";
    parameters.algorithm = algorithm_of<C, Setup>();
    parameters.committee = *Committee::make(static_cast<std::uint8_t>(t), members_with(identities));
    parameters.policy_digest = rng.bytes<32>();
    parameters.request_digest = rng.bytes<32>();
    parameters.config_version = 3;
  }
  const Ed25519SecretKey& identity_of(PartyId i) const { return identities[i.index() - 1u]; }
  std::size_t t() const { return parameters.committee.threshold(); }

  PartySet parties() const { return parameters.committee.parties(); }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    return std::make_unique<Session<Result>>(config, MessageList{}, &dkg<C, Setup>, parameters, identity_of(config.me));
  }
  std::string fingerprint(PartyId me, const Result& r) const {
    if (!verify_certificate(r.certificate) || !r.share.is_valid() || !r.share.belongs_to(r.certificate.body, me))
      return "";
    return to_hex(r.certificate.body.digest()) + to_hex(r.share.chain_code.expose());
  }
};

// ---- a dealer that follows the protocol except where its plan says otherwise, and checks nothing

template <class C, class Setup = NoSetup>
struct Plan {
  using Round1 = DkgRound1<Setup>;
  using Round2 = DkgRound2<C, Setup>;
  std::function<void(const SessionId&, PartyId me, DkgDealing<C>&)> deal;  // before C_i is computed
  std::function<void(const SessionId&, PartyId me, PartyId to, Round1&)> round1;
  std::function<void(const SessionId&, PartyId me, PartyId to, Round2&)> round2;
  std::function<void(const DkgDealt<C>&, PartyId to, DkgRound3<C>&)> round3;
  std::function<void(const CertificateBody&, PartyId to, DkgRound4&)> round4;
};

template <class C>
Digest commitment_of(const SessionId& sid, PartyId i, const DkgOpening<C>& o) {
  return commit("quorate/dkg/commit/1", sid, i, o.blind, o.F, o.proofs, o.rho, o.cc);
}
template <class C>
Transcript proof_context(const SessionId& sid, PartyId i, std::size_t k, const DkgOpening<C>& o) {
  Transcript context("quorate/dkg/proof/1");
  context.absorb(sid).absorb(i).absorb(static_cast<std::uint64_t>(k)).absorb(o.F);
  return context;
}
// A proof for F_{i,k} = a·G in this opening.
template <class C>
SchnorrProof<C> coefficient_proof(const SessionId& sid, PartyId i, std::size_t k, const Scalar<C>& a,
                                  const DkgOpening<C>& o, Rng& rng) {
  return SchnorrProof<C>::prove(a, Point<C>::base(a), proof_context(sid, i, k, o), rng);
}
// Puts another polynomial into a dealing, with its proofs.
template <class C>
void deal_instead(const SessionId& sid, PartyId me, DkgDealing<C>& d, Polynomial<C> f, Rng& rng) {
  d.f = std::move(f);
  d.F = d.f.commit();
  d.opening.F.clear();
  d.opening.proofs.clear();
  for (const Point<C>& F_k : d.F) d.opening.F.emplace_back(F_k);
  for (std::size_t k = 0; k < d.F.size(); ++k)
    d.opening.proofs.push_back(coefficient_proof(sid, me, k, d.f.coefficient(k), d.opening, rng));
}

template <class C, class Setup>
Task<DkgResult<C, Setup>> deviating_dkg(Party self, DkgParameters parameters, const Ed25519SecretKey& identity,
                                        const Plan<C, Setup>& plan) {
  using Round1 = DkgRound1<Setup>;
  using Round2 = DkgRound2<C, Setup>;
  const SessionId sid = self.sid();
  const PartyId me = self.me();
  DkgDealing<C> mine = dkg_deal<C>(sid, me, parameters.committee.threshold(), self.rng());
  Setup setup(sid, me, self.peers(), self.rng());
  if (plan.deal) {
    plan.deal(sid, me, mine);
    mine.commitment = commitment_of(sid, me, mine.opening);
  }
  for (const PartyId j : self.peers()) {
    Round1 m{mine.commitment, setup.round1(j)};
    if (plan.round1) plan.round1(sid, me, j, m);
    self.send(j, m);
  }
  const PerPeer<Round1> commitments = co_await self.receive<Round1>();
  for (const PartyId j : self.peers()) {
    setup.take(j, commitments[j].setup, self.rng());
    Round2 m{mine.deal_to(sid, me, j, identity), setup.round2(j)};
    if (plan.round2) plan.round2(sid, me, j, m);
    self.send(j, m);
  }
  const PerPeer<Round2> dealings = co_await self.receive<Round2>();
  PerPeer<PolynomialCommitment<C>> F(self.peers());
  for (const PartyId j : self.peers()) proofs_verify(sid, j, dealings[j].opening, F[j]);
  const DkgDealt<C> dealt = dkg_dealt(me, mine, commitments, dealings, F);
  for (const PartyId j : self.peers()) {
    DkgRound3<C> m = dkg_echo(sid, parameters, dealt, PartySet{});
    if (plan.round3) plan.round3(dealt, j, m);
    self.send(j, m);
  }
  const PerPeer<DkgRound3<C>> echoes = co_await self.receive<DkgRound3<C>>();
  const auto points = sum_of_dealings(dealt.F, parameters.committee);
  self.require(points.has_value(), Reason::identity_point);
  const PreparedShare<C> prepared = dkg_combine(sid, parameters, me, dealt, *points);
  for (const PartyId j : self.peers()) {
    DkgRound4 m{sign_certificate(prepared.body, identity)};
    if (plan.round4) plan.round4(prepared.body, j, m);
    self.send(j, m);
  }
  const PerPeer<DkgRound4> signatures = co_await self.receive<DkgRound4>();
  DkgResult<C, Setup> result;
  co_return result;
}

template <class C, class Setup>
std::unique_ptr<AnySession> start_deviating(const DkgWorld<C, Setup>& world, const SessionConfig& config,
                                            const Plan<C, Setup>& plan) {
  return std::make_unique<Session<DkgResult<C, Setup>>>(config, DkgMessages<C, Setup>{}, &deviating_dkg<C, Setup>,
                                                        world.parameters, world.identity_of(config.me), plan);
}

// "finished", or the reason, with "!" when it names the attacker and only it as a cheat.
template <class Result>
std::string how_it_ended(const Outcome<Result>& o, PartyId attacker) {
  if (o.end == End::finished) return "finished";
  if (!o.abort) return "?";
  const bool named = o.abort->kind == AbortKind::cheated && o.abort->culprits == PartySet{attacker};
  return o.abort->what() + std::string(named ? "!" : "");
}

// Runs `world` with the last party deviating. The outcome has been through expect_safe.
template <class C, class Setup = NoSetup>
struct Attack {
  using World = DkgWorld<C, Setup>;
  World world;
  Simulation<World> sim;
  PartyId attacker;
  typename Simulation<World>::Outcomes outcomes;

  Attack(unsigned n, unsigned t, const Plan<C, Setup>& plan, std::uint64_t seed = 1)
      : world(n, t), sim(world, seed), attacker(n) {
    sim.replace(attacker, [this, &plan](const SessionConfig& config) { return start_deviating(world, config, plan); });
    outcomes = sim.run();
    EXPECT_TRUE(expect_safe(sim, outcomes));
  }
  std::string end(unsigned i) const { return how_it_ended(outcomes[PartyId(i)], attacker); }
  PartySet honest() const { return sim.honest(); }
};

#define QUORATE_EXPECT_ALL(attack, expected) \
  for (const PartyId i : (attack).honest()) EXPECT_EQ((attack).end(i.index()), expected) << "party " << int(i.index())

// attack 15: whoever opens before it has everyone's commitment lets the last one choose after it has seen.
template <class C, class Setup>
void expect_openings_after_all_commitments(const DkgWorld<C, Setup>& world) {
  const PartyId withholder(3);
  for (const PartySet victims : {world.parties(), PartySet{PartyId(1)}}) {
    Simulation<DkgWorld<C, Setup>> sim(world, 6);
    sim.corrupt = {withholder};
    sim.tamper = [&](Wire& w) { w.dropped = w.tag == DkgRound1<Setup>::tag && victims.contains(w.to); };
    PartySet opened;
    sim.watch = [&](const Wire& w) {
      if (w.tag == DkgRound2<C, Setup>::tag) opened.insert(w.from);
    };
    ASSERT_TRUE(expect_safe(sim, sim.run()));
    // The withholder has them all, and opens; its victims do not.
    EXPECT_EQ(opened & victims.without(withholder), PartySet{});
    EXPECT_TRUE(opened.contains(withholder));
  }
}

// log of the group key, which nobody ever knows, from any set of shares.
template <class C>
Scalar<C> reconstruct(const PerParty<Scalar<C>>& x, PartySet set) {
  Scalar<C> sum;
  for (const PartyId i : set) sum += lagrange<C>(set, i) * x[i];
  return sum;
}

// What is no point of order q: identity, off-curve, small-order and non-canonical encodings.
template <class C>
std::vector<typename UncheckedPoint<C>::Encoding> bad_encodings() {
  std::vector<std::string> hex;
  if constexpr (std::is_same_v<C, Secp256k1>)
    hex = {std::string(66, '0'), "04" + std::string(64, '0'), "02" + std::string(64, 'f'),
           "020000000000000000000000000000000000000000000000000000000000000005"};  // x = 5 is not on the curve
  else
    hex = {"0100000000000000000000000000000000000000000000000000000000000000",   // identity
           "0000000000000000000000000000000000000000000000000000000000000000",   // order 4
           "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",   // order 2
           "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",   // order 8
           "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",   // y = p
           "0200000000000000000000000000000000000000000000000000000000000000"};  // not on the curve
  std::vector<typename UncheckedPoint<C>::Encoding> encodings;
  for (const std::string& h : hex) encodings.push_back(array_from_hex<Point<C>::size>(h).value());
  return encodings;
}

using Curves = testing::Types<Secp256k1, Ed25519>;
struct CurveNames {
  template <class C>
  static std::string GetName(int) {
    return std::string(C::name);
  }
};

}  // namespace quorate::test

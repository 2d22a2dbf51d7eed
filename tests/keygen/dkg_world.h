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

template <class C>
constexpr Algorithm algorithm_on() {
  return std::is_same_v<C, Ed25519> ? Algorithm::eddsa_ed25519 : Algorithm::schnorr_secp256k1;
}

template <class C>
struct DkgWorld {
  using Result = DkgResult<C>;
  using MessageList = DkgMessages<C>;

  std::vector<Ed25519SecretKey> identities;
  DkgParameters parameters;

  DkgWorld(unsigned n, unsigned t) {
    SeededRng rng(n * 100 + t);
    identities = random_identities(n, rng);
    parameters.cluster_id = rng.bytes<32>();
    parameters.name = "treasury";
    parameters.algorithm = algorithm_on<C>();
    parameters.committee = *Committee::make(static_cast<std::uint8_t>(t), members_with(identities));
    parameters.policy_digest = rng.bytes<32>();
    parameters.request_digest = rng.bytes<32>();
    parameters.config_version = 3;
  }
  const Ed25519SecretKey& identity_of(PartyId i) const { return identities[i.index() - 1u]; }
  std::size_t t() const { return parameters.committee.threshold(); }

  PartySet parties() const { return parameters.committee.parties(); }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    return std::make_unique<Session<Result>>(config, MessageList{}, &dkg<C>, parameters, identity_of(config.me));
  }
  std::string fingerprint(PartyId me, const Result& r) const {
    if (!verify_certificate(r.certificate) || !r.share.is_valid() || !r.share.belongs_to(r.certificate.body, me))
      return "";
    return to_hex(r.certificate.body.digest()) + to_hex(r.share.chain_code.expose());
  }
};

// ---- a dealer that follows the protocol except where its plan says otherwise, and checks nothing

template <class C>
struct Plan {
  std::function<void(const SessionId&, PartyId me, DkgDealing<C>&)> deal;  // before C_i is computed
  std::function<void(PartyId to, DkgRound1&)> round1;
  std::function<void(const SessionId&, PartyId me, PartyId to, DkgRound2<C>&)> round2;
  std::function<void(const DkgDealt<C>&, const PerPeer<DkgRound2<C>>&, PartyId to, DkgRound3<C>&)> round3;
  std::function<void(const CertificateBody&, PartyId to, DkgRound4&)> round4;
};

template <class C>
Digest commitment_of(const SessionId& sid, PartyId i, const DkgOpening<C>& o) {
  return commit("quorate/dkg/commit/1", sid, i, o.blind, o.F, o.proofs, o.rho, o.cc);
}
template <class C>
SchnorrProof<C> coefficient_proof(const SessionId& sid, PartyId i, std::size_t k, const Scalar<C>& a,
                                  const PolynomialCommitment<C>& F, Rng& rng) {
  Transcript context("quorate/dkg/proof/1");
  context.absorb(sid).absorb(i).absorb(static_cast<std::uint64_t>(k)).absorb(F);
  return SchnorrProof<C>::prove(a, Point<C>::base(a), context, rng);
}

template <class C>
Task<DkgResult<C>> deviating_dkg(Party self, DkgParameters parameters, const Ed25519SecretKey& identity,
                                 const Plan<C>& plan) {
  const SessionId sid = self.sid();
  const PartyId me = self.me();
  DkgDealing<C> mine = dkg_deal<C>(sid, me, parameters.committee.threshold(), self.rng());
  if (plan.deal) {
    plan.deal(sid, me, mine);
    mine.commitment = commitment_of(sid, me, mine.message.opening);
  }
  for (const PartyId j : self.peers()) {
    DkgRound1 m{mine.commitment};
    if (plan.round1) plan.round1(j, m);
    self.send(j, m);
  }
  const PerPeer<DkgRound1> commitments = co_await self.receive<DkgRound1>();
  for (const PartyId j : self.peers()) {
    mine.message_for(sid, me, j, identity);
    DkgRound2<C> m = decode<DkgRound2<C>>(encode(mine.message));  // a copy to change
    if (plan.round2) plan.round2(sid, me, j, m);
    self.send(j, m);
  }
  const PerPeer<DkgRound2<C>> dealings = co_await self.receive<DkgRound2<C>>();
  const DkgDealt<C> dealt = dkg_dealt(me, mine, commitments, dealings);
  for (const PartyId j : self.peers()) {
    DkgRound3<C> m = dkg_echo(sid, parameters, dealt, PartySet{}, dealings);
    if (plan.round3) plan.round3(dealt, dealings, j, m);
    self.send(j, m);
  }
  const PerPeer<DkgRound3<C>> echoes = co_await self.receive<DkgRound3<C>>();
  std::optional<PreparedShare<C>> prepared = dkg_combine(sid, parameters, me, dealt);
  self.require(prepared.has_value(), Reason::identity_point);
  for (const PartyId j : self.peers()) {
    DkgRound4 m{sign_certificate(prepared->body, identity)};
    if (plan.round4) plan.round4(prepared->body, j, m);
    self.send(j, m);
  }
  const PerPeer<DkgRound4> signatures = co_await self.receive<DkgRound4>();
  DkgResult<C> result{std::move(prepared->share), {}};
  co_return result;
}

// Runs `world` with the last party deviating. The outcome has been through expect_safe.
template <class C>
struct Attack {
  DkgWorld<C> world;
  Simulation<DkgWorld<C>> sim;
  PartyId attacker;
  typename Simulation<DkgWorld<C>>::Outcomes outcomes;

  Attack(unsigned n, unsigned t, const Plan<C>& plan, std::uint64_t seed = 1)
      : world(n, t), sim(world, seed), attacker(n) {
    sim.replace(attacker, [this, &plan](const SessionConfig& config) -> std::unique_ptr<AnySession> {
      return std::make_unique<Session<DkgResult<C>>>(config, DkgMessages<C>{}, &deviating_dkg<C>, world.parameters,
                                                     world.identity_of(config.me), plan);
    });
    outcomes = sim.run();
    EXPECT_TRUE(expect_safe(sim, outcomes));
  }
  // How party i ended: "finished", or the reason, with "!" when it names the attacker and only it as a cheat.
  std::string end(unsigned i) const {
    const auto& o = outcomes[PartyId(i)];
    if (o.end == End::finished) return "finished";
    if (!o.abort) return "?";
    const bool named = o.abort->kind == AbortKind::cheated && o.abort->culprits == PartySet{attacker};
    return o.abort->what() + std::string(named ? "!" : "");
  }
  PartySet honest() const { return sim.honest(); }
};

// log of the group key, which nobody ever knows, from any set of shares.
template <class C>
Scalar<C> reconstruct(const PerParty<Scalar<C>>& x, PartySet set) {
  Scalar<C> sum;
  for (const PartyId i : set) sum += lagrange<C>(set, i) * x[i];
  return sum;
}

using Curves = testing::Types<Secp256k1, Ed25519>;
struct CurveNames {
  template <class C>
  static std::string GetName(int) {
    return std::string(C::name);
  }
};

}  // namespace quorate::test

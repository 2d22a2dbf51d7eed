// A reshare under test, for the simulation; a dealer that deviates from it; and signing under what it leaves.
#pragma once
#include "keygen/key_history.h"
#include "keygen/reshare.h"
#include "signing/ecdsa.h"
#include "signing/frost.h"
#include "signing/trial.h"
#include "signing/verify.h"
#include "tests/keygen/dkg_world.h"
#include "tests/support/deal_key.h"

namespace quorate::test {

template <class C, class Setup = NoSetup>
struct ReshareWorld {
  using Result = ReshareResult<C, Setup>;
  using MessageList = ReshareMessages<C, Setup>;
  using Outcomes = typename Simulation<ReshareWorld>::Outcomes;

  std::shared_ptr<const DealtBase<C>> base;
  std::optional<ReshareParameters> parameters;

  // {1..n_old} → members, both with their thresholds.
  ReshareWorld(unsigned n_old, unsigned t_old, PartySet dealers, PartySet members, unsigned t)
      : ReshareWorld(std::make_shared<DealtBase<C>>(PartySet::first(n_old), t_old, algorithm_of<C, Setup>()), dealers,
                     members, t, 2) {}
  ReshareWorld(std::shared_ptr<const DealtBase<C>> from, PartySet dealers, PartySet members, unsigned t,
               std::uint64_t number)
      : base(std::move(from)) {
    parameters = ReshareParameters::make(terms(dealers, members, t, number));
    QUORATE_ASSERT(parameters.has_value());
  }
  ReshareTerms terms(PartySet dealers, PartySet members, unsigned t, std::uint64_t number) const {
    ReshareTerms terms;
    terms.base = base->certificate;
    terms.dealers = dealers;
    terms.committee = base->committee(members, t);
    terms.number = number;
    terms.policy_digest = Digest{4};
    terms.request_digest = Digest{5, static_cast<std::uint8_t>(number - 2)};  // a request for each number
    terms.config_version = 6;
    return terms;
  }

  // What a client has asked for, and the cluster's nodes: the certificate of this reshare with them.
  Link link(KeyCertificate certificate) const {
    const CertificateBody& from = parameters->base();
    ReshareRequest request{parameters->terms().request_digest,
                           0,
                           10'000,
                           from.key_id,
                           from.Y,
                           from.chain_code_hash,
                           parameters->base_digest(),
                           parameters->committee().threshold(),
                           {}};
    for (const Member& m : parameters->committee().members()) request.nodes.push_back(m.node);
    std::vector<NewMember> cluster;
    for (const auto& [id, identity] : base->identities)
      cluster.push_back({"node-" + std::to_string(id.index()), identity.public_key()});
    return {std::move(certificate), std::move(request), std::move(cluster)};
  }

  const KeyShare<C>* old_share(PartyId i) const {
    return parameters->dealers().contains(i) ? &base->shares.at(i) : nullptr;
  }
  PartySet parties() const { return parameters->parties(); }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    return start(config, *parameters, old_share(config.me));
  }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config, const ReshareParameters& other,
                                         const KeyShare<C>* old) const {
    return std::make_unique<Session<Result>>(config, MessageList{}, &reshare<C, Setup>, other, old,
                                             base->identities.at(config.me), &trial_signature<C, Setup>);
  }
  std::string fingerprint(PartyId me, const Result& r) const {
    if (verify_successor(base->certificate.body, link(r.certificate)) != Succession::follows) return "";
    if (r.prepared.has_value() != parameters->members().contains(me)) return "";
    if (r.prepared && (!r.prepared->share.is_valid() || !r.prepared->share.belongs_to(r.certificate.body, me)))
      return "";
    return to_hex(r.certificate.body.digest());
  }
  // What the members have when all have finished; the base of the next reshare.
  std::shared_ptr<DealtBase<C>> after(const Outcomes& outcomes) const {
    auto next = std::make_shared<DealtBase<C>>(PartySet::first(2), 2, base->certificate.body.algorithm);
    next->shares.clear();
    for (const PartyId j : parameters->members()) {
      QUORATE_ASSERT(outcomes[j].end == End::finished);
      next->shares.emplace(j, decode<KeyShare<C>>(encode(outcomes[j].result->prepared->share)));
      next->certificate = outcomes[j].result->certificate;
    }
    return next;
  }
};

// ---- a dealer that follows the protocol except where its plan says otherwise, and checks nothing

template <class C>
struct ResharePlan {
  std::function<void(const SessionId&, PartyId me, ReshareDealing<C>&)> deal;  // before C_i is computed
  std::function<void(PartyId to, ReshareRound1&)> round1;
  std::function<void(PartyId to, ReshareRound2<C>&)> round2;
  std::function<void(const SessionId&, const Digest& C_i, PartyId to, ReshareShare<C>&)> share;
  std::function<void(const ReshareDealt<C>&, PartyId to, ReshareRound3<C>&)> round3;
  std::function<void(const CertificateBody&, PartyId to, ReshareRound4&)> round4;
  std::function<void(PreparedShare<C>&)> prepared;  // what it tries out
  std::function<void(const CertificateBody&, PartyId to, ReshareRound5&)> round5;
};

template <class C>
Digest commitment_of(const SessionId& sid, PartyId i, const ReshareRound2<C>& o) {
  return commit("quorate/reshare/commit/1", sid, i, o.blind, o.F, o.proofs, o.chain_code);
}

// Puts another polynomial into a dealing, with its proofs.
template <class C>
void deal_instead(const SessionId& sid, PartyId me, ReshareDealing<C>& d, Polynomial<C> f, Rng& rng) {
  d.f = std::move(f);
  d.F = d.f.commit();
  static_cast<ProvedPolynomial<C>&>(d.opening) = prove_polynomial(sid, me, d.f, d.F, rng);
}

// A dealer that stays or leaves.
template <class C, class Setup>
Task<ReshareResult<C, Setup>> deviating_reshare(Party self, ReshareParameters parameters, const KeyShare<C>* old,
                                                const Ed25519SecretKey& identity, const ResharePlan<C>& plan) {
  using Opening = ReshareRound2<C>;
  const SessionId sid = self.sid();
  const PartyId me = self.me();
  const PartySet dealers = parameters.dealers(), members = parameters.members();
  const PartySet givers = members.contains(me) ? dealers : PartySet{};
  const PartySet partners = members.contains(me) ? members.without(me) : PartySet{};
  ReshareDealing<C> mine = reshare_deal(sid, parameters, *old, self.rng());
  if (plan.deal) {
    plan.deal(sid, me, mine);
    mine.commitment = commitment_of(sid, me, mine.opening);
  }
  for (const PartyId j : self.peers()) {
    ReshareRound1 m{mine.commitment};
    if (plan.round1) plan.round1(j, m);
    self.send(j, m);
  }
  Setup setup(sid, me, partners, self.rng());
  if constexpr (Setup::kPairwise)
    for (const PartyId j : partners) self.send(j, ReshareSetup1{setup.round1(j)});
  const PerPeer<ReshareRound1> commitments = co_await self.receive<ReshareRound1>(dealers);
  if constexpr (Setup::kPairwise) {
    const PerPeer<ReshareSetup1> requests = co_await self.receive<ReshareSetup1>(partners);
    for (const PartyId j : partners) setup.take(j, requests[j].setup, self.rng());
    for (const PartyId j : partners) self.send(j, ReshareSetup2{setup.round2(j)});
  }
  PerPeer<typename Setup::Round2> parts(partners);
  if constexpr (Setup::kPairwise) {
    PerPeer<ReshareSetup2> replies = co_await self.receive<ReshareSetup2>(partners);
    for (const PartyId j : partners) parts[j] = std::move(replies[j].setup);
  }
  for (const PartyId j : self.peers()) {
    Opening m = mine.open();
    if (plan.round2) plan.round2(j, m);
    self.send(j, m);
  }
  for (const PartyId j : members.without(me)) {
    ReshareShare<C> m = mine.deal_to(sid, me, j, identity);
    if (plan.share) plan.share(sid, mine.commitment, j, m);
    self.send(j, m);
  }
  const PerPeer<Opening> openings = co_await self.receive<Opening>(dealers);
  const PerPeer<ReshareShare<C>> shares = co_await self.receive<ReshareShare<C>>(givers);
  PerPeer<PolynomialCommitment<C>> F(dealers.without(me));
  for (const PartyId j : F.parties()) proofs_verify(sid, j, openings[j], F[j]);
  const ReshareDealt<C> dealt = reshare_dealt(me, parameters, &mine, commitments, openings, shares, F);
  for (const PartyId j : self.peers()) {
    ReshareRound3<C> m = reshare_echo(sid, parameters, dealt, PartySet{});
    if (plan.round3) plan.round3(dealt, j, m);
    self.send(j, m);
  }
  const PerPeer<ReshareRound3<C>> echoes = co_await self.receive<ReshareRound3<C>>();
  const auto points = sum_of_dealings(dealt.F, parameters.terms().committee);
  self.require(points.has_value(), Reason::identity_point);
  const NextKey<C> key = reshare_combine(sid, parameters, *points);
  for (const PartyId j : self.peers()) {
    ReshareRound4 m{sign_dealing(key.body, identity)};
    if (plan.round4) plan.round4(key.body, j, m);
    self.send(j, m);
  }
  const PerPeer<ReshareRound4> dealings = co_await self.receive<ReshareRound4>(dealers);
  typename Setup::template Prepared<C> prepared;
  const typename Setup::template Prepared<C>* tried = nullptr;
  if (members.contains(me)) {
    prepared = std::move(setup).finish(reshared(key, me, dealt), parts);
    if (plan.prepared) plan.prepared(prepared);
    tried = &prepared;
  }
  const std::size_t t = parameters.committee().threshold();
  const auto start = &trial_signature<C, Setup>;
  co_await try_out<C, Setup>(self, members, t, start, tried);
  if (members.contains(me)) {
    for (const PartyId j : self.peers()) {
      ReshareRound5 m{sign_certificate(key.body, identity)};
      if (plan.round5) plan.round5(key.body, j, m);
      self.send(j, m);
    }
  }
  const PerPeer<ReshareRound5> signatures = co_await self.receive<ReshareRound5>(members);
  ReshareResult<C, Setup> result;
  co_return result;
}

using EdWorld = ReshareWorld<Ed25519>;
using EcdsaReshare = ReshareWorld<Secp256k1, EcdsaSetup>;

// Runs `world` with this dealer deviating. The outcome has been through expect_safe.
template <class C, class Setup = NoSetup>
struct ReshareAttack {
  using World = ReshareWorld<C, Setup>;
  Simulation<World> sim;
  PartyId attacker;
  typename Simulation<World>::Outcomes outcomes;

  ReshareAttack(const World& world, PartyId attacker_, const ResharePlan<C>& plan, std::uint64_t seed = 1)
      : sim(world, seed), attacker(attacker_) {
    sim.replace(attacker, [&](const SessionConfig& config) {
      return std::make_unique<Session<ReshareResult<C, Setup>>>(
          config, ReshareMessages<C, Setup>{}, &deviating_reshare<C, Setup>, *world.parameters,
          world.old_share(config.me), world.base->identities.at(config.me), plan);
    });
    outcomes = sim.run();
    EXPECT_TRUE(expect_safe(sim, outcomes));
  }
  std::string end(unsigned i) const { return how_it_ended(outcomes[PartyId(i)], attacker); }
  PartySet honest() const { return sim.honest(); }
};

// ---- signing under what a reshare leaves

template <class S>
struct FrostSigning {
  using C = typename S::Curve;
  using Result = FrostSignatures;
  using MessageList = FrostMessages<C>;
  PartySet T;
  std::map<PartyId, const KeyShare<C>*> shares;
  frost::EffectiveKey<C> key;

  PartySet parties() const { return T; }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    FrostItems<C> items;
    items.push_back({key, secret_bytes(view_of("to be signed"))});
    return std::make_unique<Session<Result>>(config, MessageList{}, &frost_sign<S>, *shares.at(config.me),
                                             std::move(items));
  }
  std::string fingerprint(PartyId, const Result&) const { return "signed"; }
};
struct EcdsaSigning {
  using Result = ecdsa::Signatures;
  using MessageList = EcdsaMessages;
  PartySet T;
  std::map<PartyId, const KeyShare<Secp256k1>*> shares;
  std::map<PartyId, const Pairwise*> pairs;
  ecdsa::EffectiveKey key;

  PartySet parties() const { return T; }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    return std::make_unique<Session<Result>>(config, MessageList{}, &ecdsa_sign, *shares.at(config.me),
                                             *pairs.at(config.me), ecdsa::Keys{key}, ecdsa::Digests{Digest{7}});
  }
  std::string fingerprint(PartyId, const Result&) const { return "signed"; }
};

// Whether T signs with these shares, and the signature is one of the unchanged key.
template <class S>
bool frost_signs(PartySet T, const std::map<PartyId, const KeyShare<typename S::Curve>*>& shares, const Bytes& Y,
                 const frost::EffectiveKey<typename S::Curve>& key) {
  const FrostSigning<S> world{T, shares, key};
  Simulation<FrostSigning<S>> sim(world, 77);
  const auto outcomes = sim.run();
  Bytes public_key = Y;
  if (S::algorithm == Algorithm::schnorr_secp256k1) public_key.erase(public_key.begin());  // x only
  for (const PartyId i : T)
    if (!outcomes[i].result ||
        !verify_signature(S::algorithm, public_key, view_of("to be signed"), (*outcomes[i].result)[0]))
      return false;
  return true;
}
inline bool signs(PartySet T, const std::map<PartyId, const KeyShare<Ed25519>*>& shares, const Bytes& Y) {
  const auto key = effective_key_ed25519(Point<Ed25519>::parse(Y).value(), Scalar<Ed25519>::zero()).value();
  return frost_signs<FrostEd25519>(T, shares, Y, key);
}
inline bool signs(PartySet T, const std::map<PartyId, const KeyShare<Secp256k1>*>& shares, const Bytes& Y) {
  const auto zero = Scalar<Secp256k1>::zero();
  const auto key = effective_key_bip340(Point<Secp256k1>::parse(Y).value(), zero, std::nullopt).value();
  return frost_signs<FrostBip340>(T, shares, Y, key);
}
inline bool signs_ecdsa(PartySet T, const std::map<PartyId, const KeyShare<Secp256k1>*>& shares,
                        const std::map<PartyId, const Pairwise*>& pairs, const Bytes& Y) {
  const Scalar<Secp256k1> zero;
  const auto key = ecdsa::effective_key(Point<Secp256k1>::parse(Y).value(), zero).value();
  const EcdsaSigning world{T, shares, pairs, key};
  Simulation<EcdsaSigning> sim(world, 77);
  const auto outcomes = sim.run();
  for (const PartyId i : T)
    if (!outcomes[i].result || !verify_signature(Algorithm::ecdsa_secp256k1, Y, Digest{7}, (*outcomes[i].result)[0].rs))
      return false;
  return true;
}

inline PartySet set_of(std::initializer_list<unsigned> indices) {
  PartySet set;
  for (const unsigned i : indices) set.insert(PartyId(i));
  return set;
}
// Every subset of `set` with k members.
inline std::vector<PartySet> subsets(PartySet set, std::size_t k) {
  std::vector<PartySet> found;
  for (std::uint32_t bits = 1; bits < (1u << set.size()); ++bits) {
    PartySet subset;
    for (const PartyId j : set)
      if ((bits >> set.position(j)) & 1) subset.insert(j);
    if (subset.size() == k) found.push_back(subset);
  }
  return found;
}

// ---- attacks, for each of the three algorithms

template <class C_, class Setup_>
struct Of {
  using C = C_;
  using Setup = Setup_;
};
using Algorithms = testing::Types<Of<Ed25519, NoSetup>, Of<Secp256k1, NoSetup>, Of<Secp256k1, EcdsaSetup>>;
struct AlgorithmNames {
  template <class A>
  static std::string GetName(int) {
    return std::is_same_v<typename A::Setup, EcdsaSetup> ? "ecdsa"
           : std::is_same_v<typename A::C, Ed25519>      ? "eddsa"
                                                         : "schnorr";
  }
};

template <class A>
class ReshareAttackTest : public testing::Test {
 protected:
  using Curve = typename A::C;
  using World = ReshareWorld<Curve, typename A::Setup>;
  using Attack = ReshareAttack<Curve, typename A::Setup>;
  const PartyId P1{1}, P2{2}, P3{3}, P4{4}, P5{5};
  // 3-of-4 → 2-of-{1, 4, 5}: 1 deals and stays, 2 and 3 deal and leave, 4 stays and does not deal, 5 is new.
  const World world{4, 3, set_of({1, 2, 3}), set_of({1, 4, 5}), 2};

  using Record = PreparedReshare<typename A::Setup::template Prepared<Curve>>;

  // With what they have stored.
  bool sign(const std::map<PartyId, Record>& records) const {
    PartySet T;
    std::map<PartyId, const KeyShare<Curve>*> shares;
    for (const auto& [j, record] : records) T.insert(j), shares[j] = &record.share;
    if constexpr (A::Setup::kPairwise) {
      std::map<PartyId, const Pairwise*> pairs;
      for (const auto& [j, record] : records) pairs[j] = &record.pairwise;
      return signs_ecdsa(T, shares, pairs, world.base->Y());
    } else {
      return signs(T, shares, world.base->Y());
    }
  }
  // Nothing is stored unless all ends well.
  void expect_all(const Attack& attack, const std::string& expected) {
    for (const PartyId i : attack.honest()) {
      EXPECT_EQ(attack.end(i.index()), expected) << "party " << int(i.index());
      const bool stores = expected == "finished" && world.parameters->members().contains(i);
      EXPECT_EQ(attack.sim.durable[i].size(), stores ? 1u : 0u) << "party " << int(i.index());
    }
  }
  // By a dealer that leaves and by one that stays.
  void expect_all(const ResharePlan<Curve>& plan, const std::string& expected) {
    for (const PartyId attacker : {P3, P1}) expect_all(Attack(world, attacker, plan), expected);
  }
  ResharePlan<Curve> dealing(std::size_t length, std::function<Scalar<Curve>(PartyId)> constant) {
    ResharePlan<Curve> plan;
    plan.deal = [=](const SessionId& sid, PartyId me, ReshareDealing<Curve>& d) {
      SeededRng rng(7);
      deal_instead(sid, me, d, Polynomial<Curve>::random(length, rng, constant(me)), rng);
    };
    return plan;
  }
  Scalar<Curve> x(PartyId i) const { return world.base->shares.at(i).x_i; }
  Scalar<Curve> lambda(PartyId i) const { return lagrange<Curve>(world.parameters->dealers(), i); }
};

}  // namespace quorate::test

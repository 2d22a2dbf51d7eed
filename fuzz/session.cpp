// Key generation, reshare and FROST through fuzz/session_driver.h.
#include <optional>

#include "fuzz/session_driver.h"
#include "keygen/dkg.h"
#include "keygen/reshare.h"
#include "signing/frost.h"
#include "signing/trial.h"
#include "tests/support/deal_key.h"

using namespace quorate;
using namespace quorate::fuzz;

namespace {

constexpr unsigned kParties = 3;

std::vector<Ed25519SecretKey> identities() {
  std::vector<Ed25519SecretKey> keys;
  for (unsigned i = 1; i <= kParties; ++i) {
    SeededRng rng(1000 + i);
    keys.push_back(Ed25519SecretKey::generate(rng));
  }
  return keys;
}
const std::vector<Ed25519SecretKey>& keys() {
  static const auto k = identities();
  return k;
}

template <class C, class Setup> DkgParameters parameters(unsigned n) {
  Members members;
  for (unsigned i = 1; i <= n; ++i) members.push_back({PartyId(i), "node" + std::to_string(i), keys()[i - 1].public_key()});
  DkgParameters p;
  p.name = "fuzzed";
  p.algorithm = std::is_same_v<Setup, EcdsaSetup> ? Algorithm::ecdsa_secp256k1
                : std::is_same_v<C, Ed25519>      ? Algorithm::eddsa_ed25519
                                                  : Algorithm::schnorr_secp256k1;
  p.committee = *Committee::make(2, std::move(members));
  return p;
}

template <class C, class Setup = NoSetup, unsigned n = kParties> std::unique_ptr<AnySession> start_dkg(PartyId i, Rng& rng) {
  const SessionConfig config{SessionId{1}, PartySet::first(n), i, rng};
  return std::make_unique<Session<DkgResult<C, Setup>>>(config, DkgMessages<C, Setup>{}, &dkg<C, Setup>, parameters<C, Setup>(n),
                                                        keys()[i.index() - 1]);
}

template <class C, class Setup = NoSetup, unsigned n = kParties> Case dkg_case() {
  Case c;
  c.start = &start_dkg<C, Setup, n>;
  record(c, PartySet::first(n));
  return c;
}

// Party 1 deals and stays, deals and leaves, or joins.
enum class Role { stays, leaves, joins };
template <class C, class Setup, Role role> std::unique_ptr<AnySession> start_reshare(PartyId i, Rng& rng) {
  struct Given {
    test::DealtBase<C> base;
    ReshareParameters parameters;
  };
  static const Given given = [] {
    const auto pair = [](unsigned a, unsigned b) { return PartySet{PartyId(a), PartyId(b)}; };
    const PartySet dealers = role == Role::joins ? pair(2, 3) : pair(1, 2);
    const PartySet members = role == Role::leaves ? pair(2, 3) : pair(1, 2);
    test::DealtBase<C> base(dealers, 2, parameters<C, Setup>(kParties).algorithm);
    ReshareTerms terms;
    terms.base = base.certificate;
    terms.dealers = dealers;
    terms.committee = base.committee(members, 2);
    terms.number = 2;
    return Given{std::move(base), *ReshareParameters::make(std::move(terms))};
  }();
  const SessionConfig config{SessionId{3}, given.parameters.parties(), i, rng};
  const KeyShare<C>* old = given.parameters.dealers().contains(i) ? &given.base.shares.at(i) : nullptr;
  return std::make_unique<Session<ReshareResult<C, Setup>>>(config, ReshareMessages<C, Setup>{}, &reshare<C, Setup>,
                                                            given.parameters, old, given.base.identities.at(i),
                                                            &trial_signature<C, Setup>);
}
template <class C, class Setup, Role role> Case reshare_case() {
  Case c;
  c.start = &start_reshare<C, Setup, role>;
  record(c, role == Role::stays ? PartySet::first(2) : PartySet::first(3));
  return c;
}

frost::EffectiveKey<Ed25519> root_key(const KeyShare<Ed25519>& share) {
  return *effective_key_ed25519(share.Y, Scalar<Ed25519>::zero());
}
frost::EffectiveKey<Secp256k1> root_key(const KeyShare<Secp256k1>& share) {
  return *effective_key_bip340(share.Y, Scalar<Secp256k1>::zero(), std::nullopt);
}

template <class S> Case frost_case() {
  using C = typename S::Curve;
  static std::map<PartyId, KeyShare<C>> shares;
  std::map<PartyId, std::unique_ptr<AnySession>> sessions;
  std::map<PartyId, SeededRng> rngs;
  for (const PartyId i : PartySet::first(kParties)) sessions[i] = start_dkg<C>(i, rngs.try_emplace(i, i.index()).first->second);
  run_all(sessions);
  for (auto& [i, session] : sessions) shares.emplace(i, static_cast<Session<DkgResult<C>>&>(*session).take_result().share);
  Case c;
  c.start = [](PartyId i, Rng& rng) -> std::unique_ptr<AnySession> {
    const SessionConfig config{SessionId{2}, PartySet::first(2), i, rng};
    FrostItems<C> items;
    for (const std::string_view message : {"fuzzed message", "another"}) items.push_back({root_key(shares.at(i)), secret_bytes(view_of(message))});
    return std::make_unique<Session<FrostSignatures>>(config, FrostMessages<C>{}, &frost_sign<S>, shares.at(i), std::move(items));
  };
  record(c, PartySet::first(2));
  return c;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> c;
    c.push_back(dkg_case<Ed25519>());
    c.push_back(dkg_case<Secp256k1>());
    c.push_back(frost_case<FrostEd25519>());
    c.push_back(frost_case<FrostBip340>());
    c.push_back(dkg_case<Secp256k1, EcdsaSetup, 2>());  // two parties: its setup is dear
    c.push_back(reshare_case<Ed25519, NoSetup, Role::stays>());
    c.push_back(reshare_case<Secp256k1, NoSetup, Role::leaves>());
    c.push_back(reshare_case<Ed25519, NoSetup, Role::joins>());
    c.push_back(reshare_case<Secp256k1, EcdsaSetup, Role::stays>());
    return c;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{{data, size}};
  const Case& c = cases()[in.byte() % cases().size()];
  drive(c, in);
  return 0;
}

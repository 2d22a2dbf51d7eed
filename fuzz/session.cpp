// Key generation and FROST through fuzz/session_driver.h.
#include <optional>

#include "fuzz/session_driver.h"
#include "keygen/dkg.h"
#include "signing/frost.h"

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

// One party's CPU in whole protocols.
#include <map>

#include "bench/floors.h"
#include "keygen/dkg.h"
#include "signing/frost_bip340.h"
#include "signing/frost_ed25519.h"

namespace quorate::bench {
namespace {

inline frost::EffectiveKey<Ed25519> root_key(const Point<Ed25519>& Y) {
  return effective_key_ed25519(Y, Scalar<Ed25519>::zero()).value();
}
inline frost::EffectiveKey<Secp256k1> root_key(const Point<Secp256k1>& Y) {
  return effective_key_bip340(Y, Scalar<Secp256k1>::zero(), std::nullopt).value();
}

// Signer 1 of {1, …, t}: its commitment, reading the others', its share.
template <class S>
void frost_signer(benchmark::State& state, unsigned t) {
  using C = typename S::Curve;
  SystemRng rng;
  const auto f = Polynomial<C>::random(t, rng, Scalar<C>::random(rng));
  const Point<C> Y = Point<C>::base(f.coefficient(0));
  const PartySet T = PartySet::first(t);
  const PartyId me(1);
  const Scalar<C> x_i = f.at(me);
  const auto message = rng.bytes<32>();

  measure<C>(state, 1, [&](Stopwatch& stopwatch) {
    std::map<PartyId, SecretBytes> received;
    for (const PartyId j : T.without(me)) received[j] = encode(frost::commit<S>(f.at(j), rng).commitment());

    auto pair = stopwatch.time([&] { return frost::commit<S>(x_i, rng); });
    stopwatch.time([&] {
      frost::CommitmentList<C> list;
      for (const PartyId i : T)
        list.push_back({i, i == me ? pair.commitment() : decode<frost::Commitment<C>>(received.at(i))});
      const auto key = root_key(Y);
      const auto round = std::get<frost::Round<S>>(frost::prepare<S>(key, T, list, message, me, &pair));
      benchmark::DoNotOptimize(frost::sign_share<S>(std::move(pair), round, key, me, x_i));
    });
  });
}

// Party 1 of n through its session: every message read and written, signatures of the node key included.
template <class C>
void dkg_party(benchmark::State& state, std::uint8_t t, unsigned n) {
  SystemRng rng;
  std::vector<Ed25519SecretKey> identities;
  Members members;
  for (unsigned i = 1; i <= n; ++i) {
    identities.push_back(Ed25519SecretKey::generate(rng));
    members.push_back({PartyId(i), "node-" + std::to_string(i), identities.back().public_key()});
  }
  DkgParameters parameters;
  parameters.name = "bench";
  parameters.algorithm = std::is_same_v<C, Ed25519> ? Algorithm::eddsa_ed25519 : Algorithm::schnorr_secp256k1;
  parameters.committee = Committee::make(t, members).value();

  measure<C>(state, 1, [&](Stopwatch& stopwatch) {
    const SessionId sid = rng.bytes<32>();
    std::vector<std::unique_ptr<Session<DkgResult<C>>>> sessions;
    const auto run = [&](std::size_t i, auto&& part) {
      if (i != 0)
        part();
      else
        stopwatch.time(part);
    };
    for (std::size_t i = 0; i < n; ++i)
      run(i, [&] {
        const SessionConfig config{sid, PartySet::first(n), PartyId(static_cast<unsigned>(i) + 1), rng};
        sessions.push_back(
            std::make_unique<Session<DkgResult<C>>>(config, DkgMessages<C>{}, &dkg<C>, parameters, identities[i]));
      });
    for (int round = 0; round < 8; ++round)
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<Outgoing> out;
        run(i, [&] {
          sessions[i]->resume();
          if (sessions[i]->pending_durable()) {
            sessions[i]->durable_done();
            sessions[i]->resume();
          }
          out = sessions[i]->take_outbox();
        });
        for (const Outgoing& m : out) {
          const std::size_t to = m.to.index() - std::size_t{1};
          run(to, [&] { sessions[to]->deliver(PartyId(static_cast<unsigned>(i) + 1), m.tag, m.body); });
        }
      }
    if (!sessions[0]->has_result()) state.SkipWithError("the key generation did not finish");
  });
}

}  // namespace

void add_protocols() {
  add("frost/ed25519/2-of-3", [](benchmark::State& s) { frost_signer<FrostEd25519>(s, 2); });
  add("frost/ed25519/3-of-5", [](benchmark::State& s) { frost_signer<FrostEd25519>(s, 3); });
  add("frost/bip340/2-of-3", [](benchmark::State& s) { frost_signer<FrostBip340>(s, 2); });
  add("frost/bip340/3-of-5", [](benchmark::State& s) { frost_signer<FrostBip340>(s, 3); });
  add("dkg/ed25519/2-of-3", [](benchmark::State& s) { dkg_party<Ed25519>(s, 2, 3); });
  add("dkg/secp256k1/2-of-3", [](benchmark::State& s) { dkg_party<Secp256k1>(s, 2, 3); });
}

}  // namespace quorate::bench

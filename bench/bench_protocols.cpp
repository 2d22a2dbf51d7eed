// One party's CPU in whole protocols.
#include <map>

#include "bench/floors.h"
#include "keygen/dkg.h"
#include "keygen/reshare.h"
#include "signing/ecdsa.h"
#include "signing/frost_bip340.h"
#include "signing/frost_ed25519.h"
#include "signing/trial.h"
#include "tests/support/deal.h"
#include "tests/support/deal_key.h"

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
    for (const PartyId j : T.without(me))
      received[j] = encode(frost::commit<S>(f.at(j), Digest{}, message, rng).commitment());

    auto pair = stopwatch.time([&] { return frost::commit<S>(x_i, Digest{}, message, rng); });
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

// Sessions of all n parties, from making them to their results; party 1's part is what is measured, in one piece a
// round: reading the clock costs more than delivering a message. The counter bytes_per_peer: what it sends to one peer
// in all rounds.
template <class C, class Result>
void whole_sessions(benchmark::State& state, unsigned n, auto&& make) {
  struct Incoming {
    PartyId from;
    Outgoing message;
  };
  SystemRng rng;
  std::size_t bytes_per_peer = 0;
  measure<C>(state, 1, [&](Stopwatch& stopwatch) {
    const SessionId sid = rng.bytes<32>();
    std::vector<std::unique_ptr<Session<Result>>> sessions(n);
    std::vector<std::vector<Incoming>> incoming(n);
    bytes_per_peer = 0;
    const auto step = [&](std::size_t i) {
      if (!sessions[i]) sessions[i] = make(PartyId(static_cast<unsigned>(i) + 1), sid);
      Session<Result>& session = *sessions[i];
      for (const Incoming& m : std::exchange(incoming[i], {})) session.deliver(m.from, m.message.tag, m.message.body);
      session.resume();
      if (session.pending_durable()) {
        session.durable_done();
        session.resume();
      }
      return session.take_outbox();
    };
    const auto all_done = [&] {
      return std::all_of(sessions.begin(), sessions.end(),
                         [](const auto& session) { return session && session->done(); });
    };
    for (int round = 0; round < 10 && !all_done(); ++round)
      for (std::size_t i = 0; i < n; ++i) {
        std::vector<Outgoing> out = i == 0 ? stopwatch.time([&] { return step(i); }) : step(i);
        for (Outgoing& m : out) {
          const std::size_t to = m.to.index() - std::size_t{1};
          if (i == 0 && to == 1) bytes_per_peer += m.body.size();
          incoming[to].push_back({PartyId(static_cast<unsigned>(i) + 1), std::move(m)});
        }
      }
    if (!sessions[0]->has_result()) state.SkipWithError("the protocol did not finish");
  });
  state.counters["bytes_per_peer"] = static_cast<double>(bytes_per_peer);
}

// Party 1 of {1, …, t} through its session: every message read and written.
void ecdsa_signer(benchmark::State& state, unsigned t, unsigned n) {
  SystemRng rng;
  const PartySet T = PartySet::first(t);
  const auto shares = test::deal_shares<Secp256k1>(t, n, Algorithm::ecdsa_secp256k1, rng);
  const auto pairs = test::deal_pairs(T, rng);
  const auto key = ecdsa::effective_key(shares.at(PartyId(1)).Y, Scalar<Secp256k1>::zero()).value();
  const ecdsa::Digests digests{rng.bytes<32>()};
  whole_sessions<Secp256k1, ecdsa::Signatures>(state, t, [&](PartyId i, const SessionId& sid) {
    const SessionConfig config{sid, T, i, rng};
    return std::make_unique<Session<ecdsa::Signatures>>(config, EcdsaMessages{}, &ecdsa_sign, shares.at(i), pairs.at(i),
                                                        ecdsa::Keys{key}, digests);
  });
}

// Party 1 of n: every message read and written, signatures of the node key included.
template <class C, class Setup = NoSetup>
void dkg_party(benchmark::State& state, Algorithm algorithm, std::uint8_t t, unsigned n) {
  SystemRng rng;
  std::vector<Ed25519SecretKey> identities;
  Members members;
  for (unsigned i = 1; i <= n; ++i) {
    identities.push_back(Ed25519SecretKey::generate(rng));
    members.push_back({PartyId(i), "node-" + std::to_string(i), identities.back().public_key()});
  }
  DkgParameters parameters;
  parameters.name = "bench";
  parameters.algorithm = algorithm;
  parameters.committee = Committee::make(t, members).value();

  whole_sessions<C, DkgResult<C, Setup>>(state, n, [&](PartyId i, const SessionId& sid) {
    const SessionConfig config{sid, PartySet::first(n), i, rng};
    return std::make_unique<Session<DkgResult<C, Setup>>>(config, DkgMessages<C, Setup>{}, &dkg<C, Setup>, parameters,
                                                          identities[i.index() - std::size_t{1}]);
  });
}

// Party 1 of n, which deals and stays: ReshareParameters, every message read and written, signatures included.
template <class C, class Setup = NoSetup>
void refresh_party(benchmark::State& state, Algorithm algorithm, unsigned t, unsigned n) {
  SystemRng rng;
  const test::DealtBase<C> base(PartySet::first(n), t, algorithm);
  ReshareTerms terms;
  terms.base = base.certificate;
  terms.dealers = PartySet::first(t);
  terms.committee = base.certificate.body.committee;
  terms.number = 1'800'000'000'000;
  whole_sessions<C, ReshareResult<C, Setup>>(state, n, [&](PartyId i, const SessionId& sid) {
    auto parameters = ReshareParameters::make(terms).value();
    const KeyShare<C>* old = parameters.dealers().contains(i) ? &base.shares.at(i) : nullptr;
    const SessionConfig config{sid, PartySet::first(n), i, rng};
    return std::make_unique<Session<ReshareResult<C, Setup>>>(config, ReshareMessages<C, Setup>{}, &reshare<C, Setup>,
                                                              std::move(parameters), old, base.identities.at(i),
                                                              &trial_signature<C, Setup>);
  });
}

// What every signature begins with: party 1's share out of its record. `wholly`: with all checks, as when it was
// stored.
template <class C>
void share_load(benchmark::State& state, std::uint8_t t, unsigned n, bool wholly) {
  SystemRng rng;
  const auto f = Polynomial<C>::random(t, rng, Scalar<C>::random(rng));
  Members members;
  for (unsigned i = 1; i <= n; ++i)
    members.push_back({PartyId(i), "node-" + std::to_string(i), Ed25519SecretKey::generate(rng).public_key()});
  PreparedShare<C> prepared;
  KeyShare<C>& share = prepared.share;
  CertificateBody& body = prepared.body;
  const auto encoded = [](const Point<C>& P) {
    const auto bytes = P.bytes();
    return EncodedPoint(bytes.begin(), bytes.end());
  };
  share.Y = Point<C>::base(f.coefficient(0));
  body.Y = encoded(share.Y);
  for (const PartyId j : PartySet::first(n)) {
    share.X.push_back(Point<C>::base(f.at(j)));
    body.X.push_back(encoded(share.X.back()));
  }
  body.name = "bench";
  body.number = share.number = 1;
  body.algorithm = share.algorithm =
      std::is_same_v<C, Ed25519> ? Algorithm::eddsa_ed25519 : Algorithm::schnorr_secp256k1;
  body.committee = share.committee = Committee::make(t, members).value();
  body.chain_code_hash = chain_code_digest(share.chain_code);
  share.certificate = body.digest();
  share.me = PartyId(1);
  share.x_i = f.at(share.me);
  const SecretBytes stored = encode(prepared);
  const auto points = KeyPoints<C>::of(body).value();

  measure<C>(state, 1, [&](Stopwatch& stopwatch) {
    const bool loaded = stopwatch.time([&] {
      if (!wholly) return stored_share(stored, body, points, PartyId(1)).has_value();
      return decode<PreparedShare<C>>(stored).share.belongs_to(body, PartyId(1));
    });
    if (!loaded) state.SkipWithError("the share does not load");
  });
}

}  // namespace

void add_protocols() {
  for (const bool wholly : {false, true}) {
    const std::string how = wholly ? "share/check/" : "share/load/";
    add(how + "ed25519/2-of-3", [wholly](benchmark::State& s) { share_load<Ed25519>(s, 2, 3, wholly); });
    add(how + "secp256k1/2-of-3", [wholly](benchmark::State& s) { share_load<Secp256k1>(s, 2, 3, wholly); });
    add(how + "ed25519/7-of-10", [wholly](benchmark::State& s) { share_load<Ed25519>(s, 7, 10, wholly); });
    add(how + "secp256k1/7-of-10", [wholly](benchmark::State& s) { share_load<Secp256k1>(s, 7, 10, wholly); });
  }
  add("frost/ed25519/2-of-3", [](benchmark::State& s) { frost_signer<FrostEd25519>(s, 2); });
  add("frost/ed25519/3-of-5", [](benchmark::State& s) { frost_signer<FrostEd25519>(s, 3); });
  add("frost/bip340/2-of-3", [](benchmark::State& s) { frost_signer<FrostBip340>(s, 2); });
  add("frost/bip340/3-of-5", [](benchmark::State& s) { frost_signer<FrostBip340>(s, 3); });
  add("ecdsa/sign/2-of-2", [](benchmark::State& s) { ecdsa_signer(s, 2, 2); });
  add("ecdsa/sign/3-of-5", [](benchmark::State& s) { ecdsa_signer(s, 3, 5); });
  add("dkg/ed25519/2-of-3", [](benchmark::State& s) { dkg_party<Ed25519>(s, Algorithm::eddsa_ed25519, 2, 3); });
  add("dkg/secp256k1/2-of-3", [](benchmark::State& s) { dkg_party<Secp256k1>(s, Algorithm::schnorr_secp256k1, 2, 3); });
  add("ecdsa/dkg/2-of-3",
      [](benchmark::State& s) { dkg_party<Secp256k1, EcdsaSetup>(s, Algorithm::ecdsa_secp256k1, 2, 3); });
  add("refresh/ed25519/2-of-3", [](benchmark::State& s) { refresh_party<Ed25519>(s, Algorithm::eddsa_ed25519, 2, 3); });
  add("ecdsa/refresh/2-of-3",
      [](benchmark::State& s) { refresh_party<Secp256k1, EcdsaSetup>(s, Algorithm::ecdsa_secp256k1, 2, 3); });
}

}  // namespace quorate::bench

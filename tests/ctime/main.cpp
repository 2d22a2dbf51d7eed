// Constant time, tried under Valgrind: everything that the protocols draw at random, every share and every pairwise
// secret counts as uninitialised memory, so that a branch or an index which depends on it is an error of memcheck. What
// a party sends is public once it is sent. Run by scripts/ctime, which also sees that `ctime leak` fails.
#include <valgrind/memcheck.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include "base/declassify.h"
#include "keygen/dkg.h"
#include "keygen/reshare.h"
#include "signing/ecdsa.h"
#include "signing/frost.h"
#include "signing/trial.h"
#include "tests/support/committees.h"
#include "tests/support/deal.h"
#include "tests/support/deal_key.h"

namespace quorate {

void declassify(const void* p, std::size_t n) noexcept { VALGRIND_MAKE_MEM_DEFINED(p, n); }

namespace {

class PoisonedRng final : public Rng {
 public:
  explicit PoisonedRng(std::uint64_t seed) : inner_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    inner_.fill(out);
    VALGRIND_MAKE_MEM_UNDEFINED(out.data(), out.size());
  }

 private:
  SeededRng inner_;
};

template <class T>
void poison(const T& secret) {
  static_assert(std::is_trivially_copyable_v<T> || requires { secret.rep(); });
  VALGRIND_MAKE_MEM_UNDEFINED(&secret, sizeof secret);
}
void poison(const Pairwise& pairs) {
  for (const PairSecrets& pair : pairs) {
    VALGRIND_MAKE_MEM_UNDEFINED(&pair.as_A, sizeof pair.as_A);
    VALGRIND_MAKE_MEM_UNDEFINED(&pair.as_B, sizeof pair.as_B);
    VALGRIND_MAKE_MEM_UNDEFINED(&pair.seed, sizeof pair.seed);
  }
}

// Runs the sessions of all parties to their end. False: one of them has no result.
template <class T>
bool run(std::map<PartyId, std::unique_ptr<Session<T>>>& sessions) {
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [i, session] : sessions) {
      if (session->done()) continue;
      session->resume();
      if (session->pending_durable()) {
        session->durable_done();
        moved = true;
      }
      for (Outgoing& message : session->take_outbox()) {
        declassify(message.body.data(), message.body.size());
        sessions.at(message.to)->deliver(i, message.tag, message.body);
        moved = true;
      }
    }
  }
  for (auto& [i, session] : sessions)
    if (!session->has_result()) return false;
  return true;
}

constexpr unsigned n = 3, t = 2;
const SessionId sid = [] {
  SessionId id{};
  id[0] = 1;
  return id;
}();

template <class C, class Setup>
bool key_generation(Algorithm algorithm) {
  PoisonedRng rng(1);
  SeededRng dealer(7);
  const std::vector<Ed25519SecretKey> identities = test::random_identities(n, dealer);
  const Committee committee = Committee::make(t, test::members_with(identities)).value();
  std::map<PartyId, std::unique_ptr<Session<DkgResult<C, Setup>>>> sessions;
  for (const PartyId i : PartySet::first(n)) {
    DkgParameters parameters;
    parameters.name = "k";
    parameters.algorithm = algorithm;
    parameters.committee = committee;
    sessions[i] = std::make_unique<Session<DkgResult<C, Setup>>>(SessionConfig{sid, PartySet::first(n), i, rng},
                                                                 DkgMessages<C, Setup>{}, &dkg<C, Setup>, parameters,
                                                                 identities[i.index() - 1u]);
  }
  return run(sessions);
}

// 1 deals and stays, 3 deals and leaves, 4 joins.
template <class C, class Setup>
bool resharing(Algorithm algorithm) {
  PoisonedRng rng(1);
  const test::DealtBase<C> base(PartySet::first(n), t, algorithm);
  ReshareTerms terms;
  terms.base = base.certificate;
  terms.dealers = {PartyId(1), PartyId(3)};
  terms.committee = base.committee({PartyId(1), PartyId(4)}, t);
  terms.number = 2;
  const auto parameters = ReshareParameters::make(std::move(terms)).value();
  std::map<PartyId, std::unique_ptr<Session<ReshareResult<C, Setup>>>> sessions;
  for (const PartyId i : parameters.parties()) {
    const KeyShare<C>* old = parameters.dealers().contains(i) ? &base.shares.at(i) : nullptr;
    if (old != nullptr) poison(old->x_i);
    sessions[i] = std::make_unique<Session<ReshareResult<C, Setup>>>(SessionConfig{sid, parameters.parties(), i, rng},
                                                                     ReshareMessages<C, Setup>{}, &reshare<C, Setup>,
                                                                     parameters, old, base.identities.at(i),
                                                                     &trial_signature<C, Setup>);
  }
  return run(sessions);
}

template <class S, class MakeKey>
bool frost_signing(Algorithm algorithm, MakeKey&& make_key) {
  using C = typename S::Curve;
  SeededRng dealer(2);
  PoisonedRng rng(3);
  auto shares = test::deal_shares<C>(t, n, algorithm, dealer);
  const PartySet T{PartyId(1), PartyId(3)};
  std::map<PartyId, std::unique_ptr<Session<FrostSignatures>>> sessions;
  for (const PartyId i : T) {
    const KeyShare<C>& share = shares.at(i);
    poison(share.x_i);
    FrostItems<C> items;
    items.push_back({make_key(share.Y), secret_bytes(view_of("a message"))});
    items.push_back({make_key(share.Y), secret_bytes(view_of("another message"))});
    sessions[i] = std::make_unique<Session<FrostSignatures>>(SessionConfig{sid, T, i, rng}, FrostMessages<C>{},
                                                             &frost_sign<S>, share, std::move(items));
  }
  return run(sessions);
}

bool ecdsa_signing(PartySet T) {
  SeededRng dealer(4);
  PoisonedRng rng(5);
  auto shares = test::deal_shares<Secp256k1>(T.size(), n, Algorithm::ecdsa_secp256k1, dealer);
  auto pairs = test::deal_pairs(T, dealer);
  const auto key = ecdsa::effective_key(shares.begin()->second.Y, Scalar<Secp256k1>::from_u64(7));
  std::map<PartyId, std::unique_ptr<Session<ecdsa::Signatures>>> sessions;
  for (const PartyId i : T) {
    poison(shares.at(i).x_i);
    poison(pairs.at(i));
    sessions[i] = std::make_unique<Session<ecdsa::Signatures>>(
        SessionConfig{sid, T, i, rng}, EcdsaMessages{}, &ecdsa_sign, shares.at(i), pairs.at(i), ecdsa::Keys{*key, *key},
        ecdsa::Digests{Digest{1}, Digest{2}});
  }
  return run(sessions);
}

// What the run must find.
bool leak() {
  PoisonedRng rng(6);
  const Secret<Bytes32> secret = rng.secret<32>();
  return (secret.expose()[0] & 1) != 0 ? std::puts("odd") >= 0 : std::puts("even") >= 0;
}

}  // namespace
}  // namespace quorate

int main(int argc, char** argv) {
  using namespace quorate;
  if (argc == 2 && std::strcmp(argv[1], "leak") == 0) return leak() ? 0 : 1;
  if (RUNNING_ON_VALGRIND == 0) {
    std::fputs("run by scripts/ctime, under Valgrind\n", stderr);
    return 2;
  }
  const struct {
    const char* name;
    bool ok;
  } results[]{
      {"dkg/ed25519", key_generation<Ed25519, NoSetup>(Algorithm::eddsa_ed25519)},
      {"dkg/secp256k1", key_generation<Secp256k1, NoSetup>(Algorithm::schnorr_secp256k1)},
      {"dkg/ecdsa", key_generation<Secp256k1, EcdsaSetup>(Algorithm::ecdsa_secp256k1)},
      {"reshare/ed25519", resharing<Ed25519, NoSetup>(Algorithm::eddsa_ed25519)},
      {"reshare/ecdsa", resharing<Secp256k1, EcdsaSetup>(Algorithm::ecdsa_secp256k1)},
      {"frost/ed25519",
       frost_signing<FrostEd25519>(Algorithm::eddsa_ed25519,
                                   [](const auto& Y) { return *effective_key_ed25519(Y, Scalar<Ed25519>::zero()); })},
      {"frost/bip340", frost_signing<FrostBip340>(Algorithm::schnorr_secp256k1,
                                                  [](const auto& Y) {
                                                    return *effective_key_bip340(Y, Scalar<Secp256k1>::zero(),
                                                                                 std::nullopt);
                                                  })},
      {"ecdsa/2-of-3", ecdsa_signing({PartyId(1), PartyId(3)})},
      {"ecdsa/3-of-3", ecdsa_signing(PartySet::first(3))},
  };
  int failed = 0;
  for (const auto& [name, ok] : results) {
    std::printf("%s: %s\n", name, ok ? "ran" : "did not finish");
    failed += ok ? 0 : 1;
  }
  return failed;
}

// A key dealt by hand, and signing with it by the pure functions.
#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "signing/frost_bip340.h"
#include "signing/frost_ed25519.h"
#include "signing/verify.h"

namespace quorate {

template <class C>
struct DealtKey {
  PartySet parties;
  std::size_t t;
  Scalar<C> secret;
  std::map<PartyId, Scalar<C>> x;
  std::map<PartyId, Point<C>> X;
  Point<C> Y;

  DealtKey(PartySet parties_, std::size_t t_, Rng& rng) : parties(parties_), t(t_), secret(Scalar<C>::random(rng)) {
    const auto f = Polynomial<C>::random(t, rng, secret);
    Y = Point<C>::base(secret);
    for (const PartyId j : parties) X[j] = Point<C>::base(x[j] = f.at(j));
  }
};

// What a suite's signatures are verified with outside.
template <class S>
Algorithm algorithm_of(S) {
  return S::algorithm;
}
inline Bytes public_key_of(const Point<Ed25519>& Q) {
  const auto b = Q.bytes();
  return {b.begin(), b.end()};
}
inline Bytes public_key_of(const Point<Secp256k1>& Q) {
  const auto b = x_only(Q);
  return {b.begin(), b.end()};
}
inline frost::EffectiveKey<Ed25519> root_key(const Point<Ed25519>& Y) {
  return effective_key_ed25519(Y, Scalar<Ed25519>::zero()).value();
}
inline frost::EffectiveKey<Secp256k1> root_key(const Point<Secp256k1>& Y) {
  return effective_key_bip340(Y, Scalar<Secp256k1>::zero(), std::nullopt).value();
}

// A child's key; for BIP-340, by turns, also tweaked as taproot's outputs are.
inline frost::EffectiveKey<Ed25519> child_key(const Point<Ed25519>& Y, const Scalar<Ed25519>& tau, std::size_t) {
  return effective_key_ed25519(Y, tau).value();
}
inline frost::EffectiveKey<Secp256k1> child_key(const Point<Secp256k1>& Y, const Scalar<Secp256k1>& tau,
                                                std::size_t l) {
  std::optional<TaprootTweak> tweak;
  if (l % 3 != 0) tweak.emplace();
  if (l % 3 == 2) tweak->merkle_root = Digest{7};
  return effective_key_bip340(Y, tau, tweak).value();
}

template <class S>
struct Signers {
  using C = typename S::Curve;
  std::map<PartyId, frost::NoncePair<C>> pairs;
  frost::CommitmentList<C> list;

  Signers(PartySet T, const DealtKey<C>& key, Rng& rng) {
    for (const PartyId i : T) {
      const auto& pair = pairs.emplace(i, frost::commit<S>(key.x.at(i), Digest{}, {}, rng)).first->second;
      list.push_back({i, pair.commitment()});
    }
  }
};

template <class S>
Signature64 sign_with(const DealtKey<typename S::Curve>& key, const frost::EffectiveKey<typename S::Curve>& effective,
                      PartySet T, ByteView message, Rng& rng) {
  using C = typename S::Curve;
  Signers<S> signers(T, key, rng);
  std::vector<Scalar<C>> z;
  std::optional<frost::Round<S>> round;
  for (const PartyId i : T) {
    frost::NoncePair<C>& pair = signers.pairs.at(i);
    round = std::get<frost::Round<S>>(frost::prepare<S>(effective, T, signers.list, message, i, &pair));
    z.push_back(frost::sign_share<S>(std::move(pair), *round, effective, i, key.x.at(i)));
    EXPECT_TRUE(frost::verify_share<S>(*round, effective, i, key.X.at(i), z.back()));
  }
  return frost::aggregate<S>(*round, z);
}

inline std::optional<std::string> text_of_file(const std::string& path) {
  std::ifstream in(std::string(QUORATE_SOURCE_DIR) + "/" + path);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
// A file of published vectors, or nothing: the test that asked counts as skipped.
inline std::optional<std::string> published(const std::string& file) {
  return text_of_file("../shared/vectors/" + file);
}
// One of our own, which is always there.
inline std::string own_vectors(const std::string& file) { return text_of_file("tests/vectors/" + file).value(); }

}  // namespace quorate

// A signing session under test, for the simulation.
#pragma once
#include "signing/frost.h"
#include "tests/signing/signing_support.h"
#include "tests/support/committees.h"
#include "tests/support/tamper.h"

namespace quorate::test {

template <class S>
struct FrostWorld {
  using C = typename S::Curve;
  using Result = FrostSignatures;
  using MessageList = FrostMessages<C>;

  PartySet T;
  DealtKey<C> dealt;
  std::map<PartyId, KeyShare<C>> shares;
  std::vector<frost::EffectiveKey<C>> keys;
  std::vector<Bytes> messages;

  // m signatures in one session: the first with the root key, the others with children.
  FrostWorld(PartySet T_, std::size_t t, unsigned n, std::size_t m = 1)
      : FrostWorld(T_, t, n, m, std::make_unique<SeededRng>(n * 100 + t)) {}

  PartySet parties() const { return T; }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    FrostItems<C> items;
    for (std::size_t l = 0; l < keys.size(); ++l) items.push_back({keys[l], secret_bytes(messages[l])});
    return std::make_unique<Session<Result>>(config, MessageList{}, &frost_sign<S>, shares.at(config.me),
                                             std::move(items));
  }
  std::string fingerprint(PartyId, const Result& signatures) const {
    std::string text;
    if (signatures.size() != keys.size()) return "";
    for (std::size_t l = 0; l < keys.size(); ++l) {
      if (!verify_signature(algorithm_of(S{}), public_key_of(keys[l].Q), messages[l], signatures[l])) return "";
      text += to_hex(signatures[l]);
    }
    return text;
  }

 private:
  FrostWorld(PartySet T_, std::size_t t, unsigned n, std::size_t m, std::unique_ptr<SeededRng> rng)
      : T(T_), dealt(PartySet::first(n), t, *rng) {
    for (std::size_t l = 0; l < m; ++l) {
      keys.push_back(l == 0 ? root_key(dealt.Y) : child_key(dealt.Y, Scalar<C>::random(*rng), l));
      messages.push_back(bytes_of("to be signed"));
    }
    const auto committee = Committee::make(static_cast<std::uint8_t>(t), random_members(n, *rng)).value();
    for (const PartyId i : dealt.parties) {
      KeyShare<C>& share = shares[i];
      share.me = i;
      share.number = 1;
      share.algorithm = algorithm_of(S{});
      share.committee = committee;
      share.Y = dealt.Y;
      share.x_i = dealt.x.at(i);
      for (const PartyId j : dealt.parties) share.X.push_back(dealt.X.at(j));
    }
  }
};

}  // namespace quorate::test

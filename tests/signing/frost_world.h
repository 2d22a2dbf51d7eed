// A signing session under test, for the simulation.
#pragma once
#include "signing/frost.h"
#include "tests/signing/signing_support.h"
#include "tests/support/committees.h"
#include "tests/support/tamper.h"

namespace quorate::test {

template <class C>
struct RandomLeaf<UncheckedPoint<C>> {
  static UncheckedPoint<C> make(Rng& rng) { return UncheckedPoint<C>(RandomLeaf<Point<C>>::make(rng)); }
};

template <class S>
struct FrostWorld {
  using C = typename S::Curve;
  using Result = Signature64;
  using MessageList = FrostMessages<C>;

  PartySet T;
  DealtKey<C> dealt;
  std::map<PartyId, KeyShare<C>> shares;
  frost::EffectiveKey<C> key;
  Bytes message;

  FrostWorld(PartySet T_, std::size_t t, unsigned n) : FrostWorld(T_, t, n, std::make_unique<SeededRng>(n * 100 + t)) {}

  PartySet parties() const { return T; }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    return std::make_unique<Session<Result>>(config, MessageList{}, &frost_sign<S>, shares.at(config.me), key,
                                             secret_bytes(message));
  }
  std::string fingerprint(PartyId, const Result& signature) const {
    return verify_signature(algorithm_of(S{}), public_key_of(key.Q), message, signature) ? to_hex(signature) : "";
  }

 private:
  FrostWorld(PartySet T_, std::size_t t, unsigned n, std::unique_ptr<SeededRng> rng)
      : T(T_), dealt(PartySet::first(n), t, *rng), key(root_key(dealt.Y)), message(bytes_of("to be signed")) {
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

// An ECDSA signing session under test, for the simulation.
#pragma once
#include "signing/ecdsa.h"
#include "signing/verify.h"
#include "tests/support/deal.h"
#include "tests/support/runs.h"
#include "tests/support/tamper.h"

namespace quorate::test {

using K = Secp256k1;
inline const PartyId P1(1), P2(2), P3(3);

inline PartySet last_of(unsigned k, unsigned n) { return PartySet::first(n) - PartySet::first(n - k); }

// The digests at which reduction mod q shows, and a random one.
inline ecdsa::Digests edge_digests(std::size_t m, Rng& rng) {
  Digest q{}, all;
  Scalar<K>().wire_put(q.data());
  (-Scalar<K>::one()).wire_put(q.data());
  ++q[31];  // q − 1 ends in 0x40
  all.fill(0xff);
  ecdsa::Digests digests{Digest{}, q, all};
  while (digests.size() < m) digests.push_back(rng.bytes<32>());
  digests.resize(m);
  return digests;
}

// Pairwise secrets and shares outlive many sessions, as a certificate's do.
struct EcdsaWorld {
  using Result = ecdsa::Signatures;
  using MessageList = EcdsaMessages;

  PartySet T;
  std::map<PartyId, KeyShare<K>> shares;
  std::map<PartyId, Pairwise> pairs;  // among T
  ecdsa::Keys keys;
  ecdsa::Digests digests;

  EcdsaWorld(PartySet signers, std::size_t t, unsigned n, std::size_t m = 1, bool derived = false)
      : EcdsaWorld(signers, t, n, m, derived, SeededRng(signers.bits() * 1000 + n * 10 + m)) {}
  EcdsaWorld(PartySet signers, std::size_t t, unsigned n, std::size_t m, bool derived, SeededRng rng)
      : T(signers), shares(deal_shares<K>(t, n, Algorithm::ecdsa_secp256k1, rng)), pairs(deal_pairs(T, rng)) {
    for (std::size_t l = 0; l < m; ++l) {
      const Scalar<K> tau = derived ? Scalar<K>::random(rng) : Scalar<K>::zero();
      keys.push_back(ecdsa::effective_key(shares.begin()->second.Y, tau).value());
      digests.push_back(rng.bytes<32>());
    }
  }

  PartySet parties() const { return T; }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config) const {
    return start(config, shares.at(config.me), pairs.at(config.me));
  }
  std::unique_ptr<Session<Result>> start(const SessionConfig& config, const KeyShare<K>& share,
                                         const Pairwise& mine) const {
    return std::make_unique<Session<Result>>(config, MessageList{}, &ecdsa_sign, share, mine, keys, digests);
  }
  std::string fingerprint(PartyId, const Result& signatures) const {
    std::string text;
    if (signatures.size() != digests.size()) return "";
    for (std::size_t l = 0; l < signatures.size(); ++l) {
      const auto& [rs, recovery_id] = signatures[l];
      if (!verify_signature(Algorithm::ecdsa_secp256k1, keys[l].Q.bytes(), digests[l], rs)) return "";
      if (recover_key(digests[l], rs, recovery_id) != keys[l].Q.bytes()) return "";
      text += to_hex(rs) + std::to_string(recovery_id);
    }
    return text;
  }
};

// Changes what a corrupt party sends, message by message.
template <class Message, class Change>
void change_message(Wire& w, Change&& change) {
  if (w.tag != Message::tag) return;
  Message m = decode<Message>(w.body);
  change(m, w.to);
  const SecretBytes bytes = encode(m);
  w.body.assign(bytes.begin(), bytes.end());
}

}  // namespace quorate::test

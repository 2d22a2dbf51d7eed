// FROST signing among a signer set T: two rounds, after which every signer has the verified signature.
#pragma once
#include "keygen/key_share.h"
#include "session/session.h"
#include "signing/frost_bip340.h"
#include "signing/frost_ed25519.h"

namespace quorate {

template <class C>
struct FrostRound1 {
  static constexpr std::string_view tag = "frost/commitment/1";
  frost::Commitment<C> commitment;
  static auto fields(auto& m) { return std::tie(m.commitment); }
};

template <class C>
struct FrostRound2 {
  static constexpr std::string_view tag = "frost/share/1";
  Digest list{};  // what the sender signs under
  Scalar<C> z;
  static auto fields(auto& m) { return std::tie(m.list, m.z); }
};

template <class C>
using FrostMessages = Messages<FrostRound1<C>, FrostRound2<C>>;

// The record of DurableStep::spent.
struct FrostSpent {
  SessionId sid{};
  KeyId key_id{};
  std::uint64_t number = 0;  // of the certificate
  PartySet signers;
  static auto fields(auto& m) { return std::tie(m.sid, m.key_id, m.number, m.signers); }
};

// The session's parties are T, at least t members of the share's committee; its id binds certificate, T and request.
// `key` is effective_key_…(share.Y, …). `message` is what is signed: for Ed25519 and BIP-340 alike the caller has
// hashed it, if it is to be hashed.
//
// The host is asked for one durable step, DurableStep::spent, before the share leaves. The nonces live in this task's
// frame and nowhere else. Replacing a signer is a new session.
template <class S>
Task<Signature64> frost_sign(Party self, const KeyShare<typename S::Curve>& share,
                             frost::EffectiveKey<typename S::Curve> key, SecretBytes message);

extern template Task<Signature64> frost_sign<FrostEd25519>(Party, const KeyShare<Ed25519>&,
                                                           frost::EffectiveKey<Ed25519>, SecretBytes);
extern template Task<Signature64> frost_sign<FrostBip340>(Party, const KeyShare<Secp256k1>&,
                                                          frost::EffectiveKey<Secp256k1>, SecretBytes);

}  // namespace quorate

// FROST signing among a signer set T: two rounds, after which every signer has the verified signatures.
#pragma once
#include "keygen/key_share.h"
#include "session/session.h"
#include "signing/frost_bip340.h"
#include "signing/frost_ed25519.h"

namespace quorate {

// What is signed: one signature per element, each with nonces of its own. `message` is what the scheme signs: for
// Ed25519 and BIP-340 alike the caller has hashed it, if it is to be hashed.
template <class C>
struct FrostItem {
  frost::EffectiveKey<C> key;  // effective_key_…(share.Y, …)
  SecretBytes message;
};
template <class C>
using FrostItems = Bounded<FrostItem<C>, limits::kMaxDigests>;
using FrostSignatures = Bounded<Signature64, limits::kMaxDigests>;

// Lists have one element per signature.
template <class C>
struct FrostRound1 {
  static constexpr std::string_view tag = "frost/commitment/2";
  Bounded<frost::Commitment<C>, limits::kMaxDigests> commitments;
  static auto fields(auto& m) { return std::tie(m.commitments); }
};

template <class C>
struct FrostShare {
  Digest list{};  // what the sender signs under
  Scalar<C> z;
  static auto fields(auto& m) { return std::tie(m.list, m.z); }
};
template <class C>
struct FrostRound2 {
  static constexpr std::string_view tag = "frost/share/2";
  Bounded<FrostShare<C>, limits::kMaxDigests> shares;
  static auto fields(auto& m) { return std::tie(m.shares); }
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
// One signature per item, in order; they stand and fall together.
//
// The host is asked for one durable step, DurableStep::spent, before the shares leave. The nonces live in this task's
// frame and nowhere else. Replacing a signer is a new session.
template <class S>
Task<FrostSignatures> frost_sign(Party self, const KeyShare<typename S::Curve>& share,
                                 FrostItems<typename S::Curve> items);

extern template Task<FrostSignatures> frost_sign<FrostEd25519>(Party, const KeyShare<Ed25519>&, FrostItems<Ed25519>);
extern template Task<FrostSignatures> frost_sign<FrostBip340>(Party, const KeyShare<Secp256k1>&, FrostItems<Secp256k1>);

}  // namespace quorate

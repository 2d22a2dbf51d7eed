// FROST among t signers as a protocol: two rounds, everyone aggregates and verifies, whoever sent a wrong share is named.
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

// The list's hash comes along because the same nonces under another list give another share: whoever was told other commitments answers
// another question, and is not to be blamed for it.
template <class C>
struct FrostRound2 {
  static constexpr std::string_view tag = "frost/share/1";
  Digest list{};  // frost_list_digest of what I have received
  Scalar<C> z;
  static auto fields(auto& m) { return std::tie(m.list, m.z); }
};

template <class C>
using FrostMessages = Messages<FrostRound1<C>, FrostRound2<C>>;

template <class C>
frost::CommitmentList<C> frost_list(PartyId me, const FrostRound1<C>& mine, const PerPeer<FrostRound1<C>>& theirs);
template <class C>
Digest frost_list_digest(const SessionId& sid, const frost::CommitmentList<C>& list);

// The session's parties are the signers, exactly t members of the share's committee. `message` is what this node itself has derived from the
// request that it accepted. The host is asked for one durable step, DurableStep::spent, before the share leaves. The result verifies.
template <class C>
Task<Signature64> frost_sign(Party self, KeyShare<C> share, SecretBytes message);

extern template Task<Signature64> frost_sign(Party, KeyShare<Secp256k1>, SecretBytes);
extern template Task<Signature64> frost_sign(Party, KeyShare<Ed25519>, SecretBytes);

}  // namespace quorate

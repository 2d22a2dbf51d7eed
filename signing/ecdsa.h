// Threshold ECDSA among a signer set T: three rounds, after which every signer has the verified signatures.
#pragma once
#include "session/session.h"
#include "signing/ecdsa_rounds.h"

namespace quorate {

using EcdsaMessages = Messages<ecdsa::Round1, ecdsa::Round2, ecdsa::Round3>;

// The record of DurableStep::spent.
struct EcdsaSpent {
  SessionId sid{};
  KeyId key_id{};
  std::uint64_t number = 0;  // of the certificate
  PartySet signers;
  static auto fields(auto& m) { return std::tie(m.sid, m.key_id, m.number, m.signers); }
};
// The session's parties are T, at least t members of the share's committee; its id binds certificate, T and request.
// `pairs` has the secrets with every other member; share and pairs outlive the task. `keys` are
// ecdsa::effective_key(share.Y, …), one per digest: children of one key may sign together. One signature per digest, in
// order; they stand and fall together.
//
// The host is asked for one durable step, DurableStep::spent, before the shares leave; or, if a peer's extension fails
// its check, for DurableStep::quarantine instead, after which the task ends. The host lets messages with the tag
// ecdsa::Round2::tag out only through the pair's open gate (docs/ecdsa.md). Nonces and choices live in this task's
// frame and nowhere else. Replacing a signer is a new session.
Task<ecdsa::Signatures> ecdsa_sign(Party self, const KeyShare<Secp256k1>& share, const Pairwise& pairs,
                                   ecdsa::Keys keys, ecdsa::Digests digests);

}  // namespace quorate

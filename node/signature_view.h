// A signature as clients see it.
#pragma once

#include "base/ed25519.h"
#include "base/json.h"
#include "base/seen_signatures.h"
#include "keygen/algorithm.h"
#include "node/signable.h"

namespace quorate::node {

// {hex}; of ECDSA also r, s, recovery_id and der.
Json signature_view(Algorithm algorithm, const Signature64& signature, std::uint8_t recovery_id);

// The result of a sign request but for its signers, from 64 bytes per signature, each verified under its key: the first
// signature, the public key at the path, for a PSBT all signatures, and what the client broadcasts. nullopt: they are
// not the signatures of this payload. `payload`: as it stands in the request.
std::optional<Json> sign_result(Algorithm algorithm, const Signable& what, const Json& payload, ByteView signatures,
                                SeenSignatures& seen);
// The session that has made it has verified it: sign_result does not do so again.
void note_verified(Algorithm algorithm, const transactions::ToSign& item, const Signature64& signature,
                   std::uint8_t recovery_id, SeenSignatures& seen);
// The bytes that such a result was made from; nullopt: none was.
std::optional<Bytes> signatures_in(const Json& result);

// SEQUENCE {INTEGER r, INTEGER s} (X.690; RFC 3279 2.2.3).
Bytes der_of(const Signature64& signature);

}  // namespace quorate::node

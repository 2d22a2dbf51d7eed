// A signature as clients see it.
#pragma once

#include "base/ed25519.h"
#include "base/json.h"
#include "keygen/algorithm.h"

namespace quorate::node {

// {hex}; of ECDSA also r, s, recovery_id and der. The signature is one of these bytes under Y.
Json signature_view(Algorithm algorithm, ByteView Y, ByteView to_be_signed, const Signature64& signature);

// SEQUENCE {INTEGER r, INTEGER s} (X.690; RFC 3279 2.2.3).
Bytes der_of(const Signature64& signature);

}  // namespace quorate::node

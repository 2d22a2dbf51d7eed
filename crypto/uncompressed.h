// SEC1's uncompressed form of a point of secp256k1: 0x04 ‖ X ‖ Y.
#pragma once
#include "crypto/point.h"

namespace quorate {

// Not for the identity.
ByteArray<65> uncompressed(const Point<Secp256k1>& P);

}  // namespace quorate

// RIPEMD-160, and HASH160 = RIPEMD-160(SHA-256(·)), Bitcoin's name for keys and scripts.
#pragma once
#include "base/bytes.h"

namespace quorate::transactions {

ByteArray<20> ripemd160(ByteView bytes);
ByteArray<20> hash160(ByteView bytes);
Digest hash256(ByteView bytes);  // SHA-256(SHA-256(·))

}  // namespace quorate::transactions

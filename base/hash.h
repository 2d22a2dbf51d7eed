// SHA-256 for names and documents (request ids, digests of JSON). Protocols hash only through crypto/transcript.h.
#pragma once
#include "base/bytes.h"

namespace quorate {

Digest sha256(ByteView bytes);

// SHA-256 over the list: its count, then each part with its length, all as 8-byte big-endian numbers. Different lists never collide by
// moving a boundary.
Digest sha256_list(std::span<const ByteView> parts);

}  // namespace quorate

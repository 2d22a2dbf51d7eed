// base64url: RFC 4648 §5, without padding.
#pragma once
#include "base/bytes.h"

namespace quorate {

std::string to_base64url(ByteView bytes);
// Strict: canonical, no padding, no white space.
std::optional<Bytes> from_base64url(std::string_view text);

}  // namespace quorate

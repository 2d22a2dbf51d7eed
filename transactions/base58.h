// Base58 with Bitcoin's alphabet, and Base58Check.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace quorate::transactions {

std::string to_base58(ByteView bytes);
// At most 128 characters, since the conversion takes time that grows with their square.
std::optional<Bytes> from_base58(std::string_view text);

std::string to_base58check(ByteView payload);  // with the first four bytes of HASH256 behind it
std::optional<Bytes> from_base58check(std::string_view text);

}  // namespace quorate::transactions

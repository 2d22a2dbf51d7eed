// The part of Structured Fields (RFC 9651) that signatures and digests use: dictionaries of inner lists of strings, and
// of byte sequences. Stricter than the RFC where it lets a reader choose: duplicates are refused, base64 is canonical,
// items carry no parameters of their own.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"

namespace quorate::http {

// Integers and strings are all that signature parameters are made of (RFC 9421 §2.3).
using ParameterValue = std::variant<std::int64_t, std::string>;

struct InnerList {
  std::string name;  // its key in the dictionary
  std::vector<std::string> items;
  std::vector<std::pair<std::string, ParameterValue>> parameters;
  std::string text;  // the list with its parameters, as received
};

// nullopt: not of that form, or more than a few members.
std::optional<std::vector<InnerList>> parse_inner_lists(std::string_view field);
std::optional<std::vector<std::pair<std::string, Bytes>>> parse_byte_sequences(std::string_view field);

std::string to_sf_string(std::string_view text);  // quoted; visible ASCII and spaces only
std::string to_sf_bytes(ByteView bytes);

}  // namespace quorate::http

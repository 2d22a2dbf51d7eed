// Why a payload is not signed, and where in the request's body the reason stands.
#pragma once
#include <string>

#include "base/codec.h"
#include "base/json.h"

namespace quorate::transactions {

// An answer of 422. Codes: "payload_malformed" (not a canonical encoding, or not of this shape), "payload_invalid"
// (well-formed, but no chain takes it, or it contradicts itself), "payload_unsupported", "algorithm_mismatch",
// "not_our_key", "path_invalid".
struct Refusal {
  std::string code;
  std::string pointer;  // RFC 6901, into the request's body: "/payload/raw"
  std::string detail;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

// Inside this room a refusal travels as an exception: Malformed from the binary decoders, JsonError from JSON, and this
// one.
struct Refused : std::runtime_error {
  Refusal refusal;
  Refused(std::string code, std::string pointer, const std::string& detail)
      : std::runtime_error(detail), refusal{std::move(code), std::move(pointer), detail} {}
};

}  // namespace quorate::transactions

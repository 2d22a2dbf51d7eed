// What `quorate sign` and `quorate inspect` are about, as the command line names it.
#pragma once
#include <iosfwd>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/json.h"

namespace quorate::cli {

struct MessageOptions {
  std::optional<std::string> message;  // text, or @file, or - for standard input
  std::optional<std::string> hex, base64;
};
// At most limits::kMaxSignedBytes. Throws Failure.
Bytes read_message(const MessageOptions& options, std::istream& in);

// Exactly one is set, but for `hash` (with a message) and `network` (with a PSBT).
struct PayloadOptions {
  MessageOptions message;
  std::optional<std::string> digest;       // 32 bytes, hex
  std::optional<std::string> eth_message;  // as a message
  std::optional<std::string> eth_tx;       // 0x…, or a file: 0x…, or the fields as JSON
  std::optional<std::string> typed_data;   // a file, or - for standard input, or the JSON itself
  std::optional<std::string> psbt;         // base64, or a file: base64 or binary
  std::optional<std::string> solana;       // base64 of the message, or a file: likewise
  std::optional<std::string> hash, network;
};
// The `payload` of a request. Throws Failure.
Json payload_of(const PayloadOptions& options, std::istream& in);
// Throws Failure that names `what` it was to be.
Bytes hex_of(const std::string& text, const char* what);

}  // namespace quorate::cli

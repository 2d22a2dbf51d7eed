// `quorate sign` and `quorate verify`.
#pragma once
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/cluster_client.h"

namespace quorate::cli {

// What is signed, as the command line names it; exactly one is set.
struct MessageOptions {
  std::optional<std::string> message;  // text, or @file, or - for standard input
  std::optional<std::string> hex, base64;
};
// At most limits::kMaxSignedBytes. Throws Failure.
Bytes read_message(const MessageOptions& options, std::istream& in);

struct SignOptions {
  std::string key;
  MessageOptions message;
  std::optional<std::string> digest;  // instead of a message: 32 bytes, hex
  std::optional<std::string> hash, memo, path, out;
};
Exit sign_command(const SignOptions& options, ClusterClient& client, Console& console, std::istream& in);

struct VerifyOptions {
  std::string algorithm, public_key, signature;  // hex
  MessageOptions message;
  std::optional<std::string> digest, hash;
};
// Offline: needs neither cluster nor user. A signature that does not hold is Exit::failed.
Exit verify_command(const VerifyOptions& options, Console& console, std::istream& in);

// Whether `signature` is one of `public_key` on these bytes. Throws Failure for a key or signature of another form.
bool signature_holds(const std::string& algorithm, ByteView public_key, ByteView signed_bytes, ByteView signature);
// What a key of this algorithm signs for a message: the message itself for Ed25519, else its hash. Throws Failure.
Bytes bytes_signed(const std::string& algorithm, Bytes message, const std::optional<std::string>& hash);

}  // namespace quorate::cli

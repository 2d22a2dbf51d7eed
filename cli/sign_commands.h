// `quorate sign`, `inspect` and `verify`.
#pragma once
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/cluster_client.h"
#include "cli/payload_options.h"

namespace quorate::cli {

struct SignOptions {
  std::string key;
  PayloadOptions payload;
  std::optional<std::string> memo, path, out;
};
Exit sign_command(const SignOptions& options, ClusterClient& client, Console& console, std::istream& in);

// The facts of a payload, line by line, each with its end. null: it shows none.
std::string text_of_facts(const Json& facts);

// What a node sees in a payload; nothing is signed.
struct InspectOptions {
  std::string key;
  PayloadOptions payload;
  std::optional<std::string> path;
};
Exit inspect_command(const InspectOptions& options, ClusterClient& client, Console& console, std::istream& in);

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

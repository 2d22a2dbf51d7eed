#include "cli/sign_commands.h"

#include <algorithm>
#include <iostream>

#include "base/limits.h"
#include "cli/files.h"
#include "cli/key_commands.h"
#include "policy/requests.h"
#include "signing/verify.h"

namespace quorate::cli {
namespace {

Bytes checked(Bytes message) {
  if (message.size() > limits::kMaxSignedBytes)
    throw usage("the message is longer than " + std::to_string(limits::kMaxSignedBytes) + " bytes");
  return message;
}

Bytes read_stream(std::istream& in) {
  std::string content(limits::kMaxSignedBytes + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(in.gcount()));
  return bytes_of(content);
}

Bytes hex_of(const std::string& text, const char* what) {
  auto bytes = from_hex(text);
  if (!bytes) throw usage(std::string(what) + " is not hex");
  return std::move(*bytes);
}

Json payload_of(const SignOptions& options, std::istream& in) {
  Json payload;
  if (options.digest) {
    if (options.hash) throw usage("--hash goes with a message, not with --digest");
    payload = {{"kind", "digest"}, {"hex", to_hex(hex_of(*options.digest, "--digest"))}};
  } else {
    const Bytes message = read_message(options.message, in);
    payload = {{"kind", "message"}, {"base64", to_base64(message)}};
    if (options.hash) payload["hash"] = *options.hash;
  }
  return payload;
}

}  // namespace

Bytes read_message(const MessageOptions& options, std::istream& in) {
  if (options.hex) return checked(hex_of(*options.hex, "--message-hex"));
  if (options.base64) {
    auto bytes = from_base64(*options.base64);
    if (!bytes) throw usage("--message-base64 is not base64 (RFC 4648, padded)");
    return checked(std::move(*bytes));
  }
  if (!options.message) throw usage("one of --message, --message-hex, --message-base64 is needed");
  const std::string& text = *options.message;
  if (text == "-") return checked(read_stream(in));
  if (text.starts_with('@')) return bytes_of(read_text_file(text.substr(1), limits::kMaxSignedBytes));
  return checked(bytes_of(text));
}

Exit sign_command(const SignOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  Json body{{"payload", payload_of(options, in)}};
  if (options.path) body["path"] = *options.path;
  if (options.memo) body["memo"] = *options.memo;
  // A signature must not be made that then cannot be written.
  std::optional<NewFile> out;
  if (options.out) out.emplace(*options.out);
  http::ClientReply reply;
  {
    const Progress progress(console, "signing with " + options.key);
    reply = client.post("/v1/keys/" + percent_encoded(options.key) + "/signatures", body);
  }
  const Json& request = expect_success(reply);
  const Exit exit = exit_of_state(text_at(request, "state"));
  const auto result = request.find("result");
  if (exit != Exit::ok || result == request.end() || !result->is_object()) {
    console.result(request, text_of_request(request));
    return exit;
  }
  const std::string signature = text_at(result->value("signature", Json()), "hex");
  if (out) out->write(hex_of(signature, "the signature"));
  std::string signers;
  for (const auto& node : result->value("signers", Json::array()))
    if (node.is_string()) signers += (signers.empty() ? "" : ", ") + node.get<std::string>();
  console.result(request, "signature  " + signature + "\npublic key " + text_at(*result, "public_key") +
                              "\nsigners    " + signers + "\nrequest    " + text_at(request, "id"));
  return Exit::ok;
}

Bytes bytes_signed(const std::string& algorithm, Bytes message, const std::optional<std::string>& hash) {
  const auto scheme = policy::parse_scheme(algorithm);
  if (!scheme) throw usage("--algorithm must be eddsa-ed25519, schnorr-secp256k1 or ecdsa-secp256k1");
  policy::SignPayload payload;
  payload.kind = policy::PayloadKind::message;
  payload.bytes = std::move(message);
  if (hash) payload.hash = *hash == "sha256" ? policy::MessageHash::sha256 : policy::MessageHash::double_sha256;
  try {
    return policy::bytes_to_sign(payload, *scheme);
  } catch (const JsonError& e) {
    throw usage(e.what());
  }
}

bool signature_holds(const std::string& algorithm, ByteView public_key, ByteView signed_bytes, ByteView signature) {
  const auto known = parse_algorithm(algorithm);
  if (!known) throw usage("'" + one_line(algorithm) + "' is not an algorithm");
  ByteArray<64> fixed;
  if (signature.size() != fixed.size()) throw failed("bad_signature", "a signature has 64 bytes");
  std::copy(signature.begin(), signature.end(), fixed.begin());
  // BIP-340 knows keys by x alone; the API shows the whole point, too.
  if (*known == Algorithm::schnorr_secp256k1 && public_key.size() == 33 && (public_key[0] == 2 || public_key[0] == 3))
    public_key = public_key.subspan(1);
  return verify_signature(*known, public_key, signed_bytes, fixed);
}

Exit verify_command(const VerifyOptions& options, Console& console, std::istream& in) {
  const Bytes public_key = hex_of(options.public_key, "--public-key");
  const Bytes signature = hex_of(options.signature, "--signature");
  Bytes bytes;
  if (options.digest) {
    if (options.hash) throw usage("--hash goes with a message, not with --digest");
    bytes = hex_of(*options.digest, "--digest");
    if (bytes.size() != 32) throw usage("--digest must be 64 hex digits");
  } else {
    bytes = bytes_signed(options.algorithm, read_message(options.message, in), options.hash);
  }
  if (!signature_holds(options.algorithm, public_key, bytes, signature))
    throw failed("bad_signature", "the signature does not belong to this key and message");
  console.result({{"valid", true}}, "valid");
  return Exit::ok;
}

}  // namespace quorate::cli

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

// A movement or a call, as people read it.
std::string movement_line(const Json& movement) {
  const std::string kind = text_at(movement, "kind"), amount = text_at(movement, "amount");
  if (kind == "unknown") return "it may move anything to anybody";
  if (kind == "fee") return "fee        at most " + amount + " of " + text_at(movement, "asset");
  std::string text =
      (kind == "allowance" ? "allowance  " : "transfer   ") + amount + " of " + text_at(movement, "asset");
  if (const auto other = text_at(movement, "or_asset"); !other.empty()) text += " or " + other;
  text += " from " + text_at(movement, "from") + " to " + text_at(movement, "to");
  if (const auto owner = text_at(movement, "to_owner"); !owner.empty()) text += ", an account of " + owner;
  return text;
}

std::string text_of_inspection(const Json& seen) {
  std::string text = text_at(seen, "kind") + ", key " + text_at(seen.value("key", Json()), "name") + " at " +
                     text_at(seen, "path") + "\n";
  text += text_of_facts(seen.value("facts", Json()));
  for (const Json& item : seen.value("to_sign", Json::array()))
    text += "signs      " + text_at(item, "bytes").substr(0, 64) + " with " + text_at(item, "public_key") + "\n";
  const Json policy = seen.value("policy", Json::object());
  text += "policy     " + text_at(policy, "decision");
  if (const auto rule = text_at(policy, "rule"); !rule.empty()) text += ", rule " + rule;  // for readers
  return text;
}

// What is written to a file: a PSBT if there is one, else the signature.
Bytes output_of(const Json& result) {
  if (const auto psbt = from_base64(text_at(result, "psbt")); psbt && !psbt->empty()) return *psbt;
  return hex_of(text_at(result.value("signature", Json()), "hex"), "the signature");
}

}  // namespace

std::string text_of_facts(const Json& facts) {
  if (!facts.is_object()) return "what it does cannot be told\n";
  std::string text;
  if (const auto chain = text_at(facts, "chain"); !chain.empty()) text += "chain      " + chain + "\n";
  for (const Json& movement : facts.value("movements", Json::array())) text += movement_line(movement) + "\n";
  for (const Json& call : facts.value("calls", Json::array()))
    text += "call       " + text_at(call, "contract") + " " + text_at(call, "name") + "\n";
  return text;
}

Exit sign_command(const SignOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  Json body{{"payload", payload_of(options.payload, in)}};
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
  if (out) out->write(output_of(*result));
  std::string broadcast;
  for (const char* name : {"signed_transaction", "partially_signed_transaction", "transaction_hash", "psbt"})
    if (const auto text = text_at(*result, name); !text.empty()) broadcast += "\n" + std::string(name) + "  " + text;
  std::string signers;
  for (const auto& node : result->value("signers", Json::array()))
    if (node.is_string()) signers += (signers.empty() ? "" : ", ") + node.get<std::string>();
  console.result(request, "signature  " + signature + "\npublic key " + text_at(*result, "public_key") +
                              "\nsigners    " + signers + "\nrequest    " + text_at(request, "id") + broadcast);
  return Exit::ok;
}

Exit inspect_command(const InspectOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  Json body{{"key", options.key}, {"payload", payload_of(options.payload, in)}};
  if (options.path) body["path"] = *options.path;
  const auto reply = client.post("/v1/transactions/inspect", body);
  const Json& seen = expect_success(reply);
  console.result(seen, text_of_inspection(seen));
  return Exit::ok;
}

Bytes bytes_signed(const std::string& algorithm, Bytes message, const std::optional<std::string>& hash) {
  const auto scheme = policy::parse_scheme(algorithm);
  if (!scheme) throw usage("--algorithm must be eddsa-ed25519, schnorr-secp256k1 or ecdsa-secp256k1");
  policy::SignPayload payload;
  payload.kind = policy::PayloadKind::message;
  payload.bytes = std::move(message);
  if (hash) {
    const auto known_hash = policy::parse_hash(*hash);
    if (!known_hash) throw usage("--hash must be sha256, double_sha256 or keccak256");
    payload.hash = *known_hash;
  }
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

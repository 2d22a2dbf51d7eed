#include "policy/requests.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "base/limits.h"
#include "transactions/keccak.h"

namespace quorate::policy {
namespace {

constexpr std::array kSchemes{
    std::pair{SignatureScheme::ecdsa_secp256k1, std::string_view("ecdsa-secp256k1")},
    std::pair{SignatureScheme::eddsa_ed25519, std::string_view("eddsa-ed25519")},
    std::pair{SignatureScheme::schnorr_secp256k1, std::string_view("schnorr-secp256k1")},
};

std::vector<std::string> parse_participants(JsonObject& body) {
  const Json& array = body.array("participants", limits::kMaxParties);
  if (array.size() < limits::kMinThreshold) body.fail("participants", "must be at least two nodes");
  std::vector<std::string> participants;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string pointer = body.pointer("participants") + "/" + std::to_string(i);
    if (!array[i].is_string() || !is_name(array[i].get_ref<const std::string&>()))
      throw JsonError(pointer, "must be the id of a node");
    const auto& node = array[i].get_ref<const std::string&>();
    if (std::find(participants.begin(), participants.end(), node) != participants.end())
      throw JsonError(pointer, "is there twice");
    participants.push_back(node);
  }
  std::sort(participants.begin(), participants.end());
  return participants;
}

std::size_t parse_threshold(JsonObject& body, std::size_t participants) {
  return static_cast<std::size_t>(body.integer("threshold", static_cast<std::int64_t>(limits::kMinThreshold),
                                               static_cast<std::int64_t>(participants)));
}

void parse_message(JsonObject& payload, SignPayload& out) {
  if (payload.has("base64") == payload.has("utf8"))
    throw JsonError("/payload", "a message has exactly one of base64 and utf8");
  if (payload.has("utf8")) {
    out.bytes = bytes_of(payload.text("utf8", 0, limits::kMaxSignedBytes));
  } else {
    auto bytes = from_base64(payload.text("base64", 0, (limits::kMaxSignedBytes + 2) / 3 * 4));
    if (!bytes) payload.fail("base64", "is not padded base64 in canonical form");
    if (bytes->size() > limits::kMaxSignedBytes)
      payload.fail("base64", "is more than " + std::to_string(limits::kMaxSignedBytes) + " bytes");
    out.bytes = std::move(*bytes);
  }
  if (!payload.has("hash")) return;
  const auto hash = parse_hash(payload.text("hash", 1, limits::kMaxName));
  if (!hash) payload.fail("hash", "must be sha256, double_sha256 or keccak256");
  out.hash = *hash;
}

void parse_digest(JsonObject& payload, SignPayload& out) {
  const std::string hex = payload.text("hex", 64, 64);
  const auto digest = array_from_hex<32>(hex);
  if (!digest) payload.fail("hex", "must be 64 hex digits");
  out.bytes.assign(digest->begin(), digest->end());
}

}  // namespace

std::string_view name_of(SignatureScheme scheme) {
  for (const auto& [value, name] : kSchemes)
    if (value == scheme) return name;
  return "";
}

std::optional<SignatureScheme> parse_scheme(std::string_view text) {
  for (const auto& [value, name] : kSchemes)
    if (name == text) return value;
  return std::nullopt;
}

std::optional<MessageHash> parse_hash(std::string_view text) {
  if (text == "sha256") return MessageHash::sha256;
  if (text == "double_sha256") return MessageHash::double_sha256;
  if (text == "keccak256") return MessageHash::keccak256;
  return std::nullopt;
}

CreateKey parse_create_key(const Json& json) {
  JsonObject body(json, "");
  CreateKey out;
  out.name = body.text("name", 1, limits::kMaxName);
  if (!is_name(out.name)) body.fail("name", "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
  const auto scheme = parse_scheme(body.text("algorithm", 1, limits::kMaxName));
  if (!scheme) body.fail("algorithm", "must be ecdsa-secp256k1, eddsa-ed25519 or schnorr-secp256k1");
  out.algorithm = *scheme;
  out.participants = parse_participants(body);
  out.threshold = parse_threshold(body, out.participants.size());
  body.expect_no_more();
  return out;
}

namespace {

std::optional<Digest> parse_certificate(JsonObject& body) {
  if (!body.has("certificate")) return std::nullopt;
  const std::string text = body.text("certificate", 64, 64);
  const auto digest = array_from_hex<32>(text);
  if (!digest || to_hex(*digest) != text) body.fail("certificate", "must be 64 digits of lower-case hex");
  return *digest;
}

}  // namespace

Reshare parse_refresh(const Json& json) {
  JsonObject body(json, "");
  Reshare out;
  out.refresh = true;
  out.certificate = parse_certificate(body);
  body.expect_no_more();
  return out;
}

Reshare parse_reshare(const Json& json) {
  JsonObject body(json, "");
  Reshare out;
  out.certificate = parse_certificate(body);
  out.participants = parse_participants(body);
  out.threshold = parse_threshold(body, out.participants.size());
  body.expect_no_more();
  return out;
}

std::string parse_freeze_scope(const Json& json) {
  JsonObject body(json, "");
  std::string scope = body.text("scope", 1, 64);
  const bool is_hex_id = scope.size() == 64 && array_from_hex<32>(scope).has_value();
  if (!is_name(scope) && !is_hex_id) body.fail("scope", R"(must be "all" or a key)");
  body.expect_no_more();
  return scope;
}

void parse_empty(const Json& json) { JsonObject(json, "").expect_no_more(); }

SignPayload parse_sign(const Json& json) {
  JsonObject body(json, "");
  JsonObject payload(body.object("payload"), "/payload");
  SignPayload out;
  const auto kind = parse_payload_kind(payload.text("kind", 1, limits::kMaxName));
  if (!kind) payload.fail("kind", "is not a kind of payload");
  out.kind = *kind;
  switch (out.kind) {
    case PayloadKind::message:
      parse_message(payload, out);
      break;
    case PayloadKind::digest:
      parse_digest(payload, out);
      break;
    case PayloadKind::eth_message:
    case PayloadKind::eth_transaction:
    case PayloadKind::eth_typed_data:
    case PayloadKind::btc_psbt:
    case PayloadKind::solana_transaction:
      break;
    case PayloadKind::unset:
      payload.fail("kind", "is not a kind of payload");
  }
  if (!shows_facts(out.kind)) payload.expect_no_more();
  if (body.has("path")) out.path = body.text("path", 1, limits::kMaxAddress);
  if (body.has("memo")) out.memo = body.text("memo", 0, limits::kMaxMemo);
  body.expect_no_more();
  return out;
}

Bytes bytes_to_sign(const SignPayload& payload, SignatureScheme scheme) {
  QUORATE_ASSERT(payload.kind == PayloadKind::message || payload.kind == PayloadKind::digest);
  QUORATE_ASSERT(scheme != SignatureScheme::unset);
  if (payload.kind == PayloadKind::digest) return payload.bytes;
  if (scheme == SignatureScheme::eddsa_ed25519) {
    // RFC 8032 hashes by itself: to sign a hash under another name would surprise every verifier.
    if (payload.hash != MessageHash::unset)
      throw JsonError("/payload/hash", "an Ed25519 key signs the message as it is");
    return payload.bytes;
  }
  const auto hashed = [&]() -> Digest {
    switch (payload.hash) {
      case MessageHash::unset:
      case MessageHash::sha256:
        break;
      case MessageHash::double_sha256:
        return sha256(sha256(payload.bytes));
      case MessageHash::keccak256:
        return transactions::keccak256(payload.bytes);
    }
    return sha256(payload.bytes);
  };
  const Digest digest = hashed();
  return {digest.begin(), digest.end()};
}

}  // namespace quorate::policy

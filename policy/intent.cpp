#include "policy/intent.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace quorate::policy {
namespace {

Digest digest_member(JsonObject& object, std::string_view member) {
  const auto digest = array_from_hex<32>(object.text(member, 64, 64));
  if (!digest) object.fail(member, "must be 64 hex digits");
  return *digest;
}

void add_what_is_signed(Json& json, const Intent& intent) {
  json["public_key"] = intent.public_key;
  json["path"] = intent.path;
  json["payload_digest"] = to_hex(intent.payload_digest);
  json["facts_digest"] = to_hex(intent.facts_digest);
}

}  // namespace

Json what_is_signed(const Intent& intent) {
  Json json = Json::object();
  add_what_is_signed(json, intent);
  return json;
}

Json to_json(const Intent& intent) {
  Json json = Json::object();
  json["v"] = 1;
  json["cluster"] = intent.cluster;
  json["request"] = intent.request;
  json["kind"] = std::string(name_of(intent.kind));
  json["key"] = intent.key;
  json["key_name"] = intent.key_name;
  add_what_is_signed(json, intent);
  json["decoder"] = intent.decoder;
  json["policy_version"] = std::to_string(intent.policy_version);
  json["policy_digest"] = to_hex(intent.policy_digest);
  json["requested_by"] = intent.requested_by;
  json["expires_at"] = to_rfc3339(intent.expires_at);
  return json;
}

std::string intent_jcs(const Intent& intent) { return to_jcs(to_json(intent)); }
Digest request_digest(const Intent& intent) { return sha256(view_of(intent_jcs(intent))); }

Intent parse_intent(const Json& json, const std::string& pointer) {
  JsonObject object(json, pointer);
  Intent intent;
  object.integer("v", 1, 1);
  intent.cluster = object.text("cluster", 64, 64);
  intent.request = object.text("request", 1, limits::kMaxName);
  const auto kind = parse_kind(object.text("kind", 1, limits::kMaxName));
  if (!kind) object.fail("kind", "is not a kind of request");
  intent.kind = *kind;
  intent.key = object.text("key", 0, 64);
  intent.key_name = object.text("key_name", 0, limits::kMaxName);
  intent.public_key = object.text("public_key", 0, 130);
  intent.path = object.text("path", 1, limits::kMaxAddress);
  intent.payload_digest = digest_member(object, "payload_digest");
  intent.facts_digest = digest_member(object, "facts_digest");
  intent.decoder = object.text("decoder", 1, limits::kMaxName);
  const std::string version = object.text("policy_version", 1, 19);
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), intent.policy_version);
  if (error != std::errc{} || end != version.data() + version.size()) object.fail("policy_version", "must be a number");
  intent.policy_digest = digest_member(object, "policy_digest");
  intent.requested_by = object.text("requested_by", 1, limits::kMaxName);
  const auto expires_at = from_rfc3339(object.text("expires_at", 20, 20));
  if (!expires_at) object.fail("expires_at", "must be a time like 2026-01-31T23:59:59Z");
  intent.expires_at = *expires_at;
  object.expect_no_more();
  // Two texts of one intent would be two digests of it.
  if (to_json(intent) != json) throw JsonError(pointer, "is not in canonical form");
  return intent;
}

Digest signing_payload_digest(std::span<const ByteView> to_be_signed) { return sha256_list(to_be_signed); }
Digest signing_payload_digest(ByteView to_be_signed) { return sha256_list(std::span(&to_be_signed, 1)); }
Digest body_payload_digest(const Json& body) { return jcs_digest(body); }
Digest no_facts_digest() { return sha256(view_of("{}")); }

WallTime expires_without_approvals(std::int64_t created_unix_seconds) {
  return from_unix_seconds(created_unix_seconds) + limits::kRequestLife;
}

WallTime expires_with_approvals(std::int64_t created_unix_seconds, std::int64_t hours) {
  return from_unix_seconds(created_unix_seconds) + std::chrono::hours(hours);
}

}  // namespace quorate::policy

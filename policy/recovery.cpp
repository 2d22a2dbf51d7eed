#include "policy/recovery.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "policy/cluster_parts.h"
#include "policy/kinds.h"

namespace quorate::policy {
namespace {

constexpr std::string_view kRecoveryPrefix = "quorate/recover-admins/1\n";

void expect_new_name(JsonObject& object, std::string_view member, const std::string& name) {
  if (!is_name(name)) object.fail(member, "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
}

RecoveryAsked asked_in(const Json& statement) {
  JsonObject object(statement, "/recovery");
  RecoveryAsked asked;
  asked.cluster = to_hex(hex_member<32>(object, "cluster"));
  asked.state = hex_member<32>(object, "state");
  asked.created = object.integer("created", 1, INT64_C(1) << 52);
  asked.threshold = object.integer("threshold", 0, static_cast<std::int64_t>(limits::kMaxParties));
  JsonObject admins(object.object("admins"), object.pointer("admins"));
  asked.group = admins.text("group", 1, limits::kMaxName);
  expect_new_name(admins, "group", asked.group);
  asked.min = admins.integer("min", 1, static_cast<std::int64_t>(limits::kMaxRecoveredAdmins));
  admins.expect_no_more();
  const Json& users = object.array("users", limits::kMaxRecoveredAdmins);
  for (std::size_t i = 0; i < users.size(); ++i) {
    JsonObject user(users[i], object.pointer("users") + "/" + std::to_string(i));
    expect_new_name(user, "id", user.text("id", 1, limits::kMaxName));
    for (const char* member : {"key", "webauthn"})
      if (user.has(member)) user.any(member);  // the policy's reader looks at them
    user.expect_no_more();
    asked.users.push_back(users[i]);
  }
  for (const Json& member : object.array("members", limits::kMaxRecoveredAdmins)) {
    if (!member.is_string()) object.fail("members", "must be a list of user ids");
    asked.members.push_back(member.get<std::string>());
  }
  object.expect_no_more();
  return asked;
}

Json statement_of(const RecoveryAsked& asked) {
  Json statement = Json::object();
  statement["cluster"] = asked.cluster;
  statement["state"] = to_hex(asked.state);
  statement["created"] = asked.created;
  statement["threshold"] = asked.threshold;
  statement["admins"] = {{"group", asked.group}, {"min", asked.min}};
  statement["users"] = Json::array();
  for (const Json& user : asked.users) statement["users"].push_back(user);
  statement["members"] = asked.members;
  return statement;
}

// What is wrong with the policy that it makes, in the words of the recovery.
JsonError in_recovery(const JsonError& e, std::size_t users_before) {
  constexpr std::string_view kUsers = "/users/", kAdmins = "/admins/";
  if (e.pointer.starts_with(kAdmins)) return {"/recovery" + e.pointer, e.what()};
  if (e.pointer.starts_with(kUsers)) {
    std::size_t at = 0;
    const char* end = e.pointer.data() + e.pointer.size();
    const auto [stop, error] = std::from_chars(e.pointer.data() + kUsers.size(), end, at);
    if (error == std::errc() && at >= users_before)
      return {"/recovery/users/" + std::to_string(at - users_before) + std::string(stop, end), e.what()};
  }
  return {"/recovery", "makes no policy: " + (e.pointer.empty() ? "it" : e.pointer) + " " + e.what()};
}

}  // namespace

Recovery Recovery::make(const RecoveryAsked& asked) {
  return parse(Json{{"recovery", statement_of(asked)}, {"signatures", Json::object()}});
}

Recovery Recovery::parse(std::string_view text) {
  if (text.size() > limits::kMaxRecoveryBytes) throw JsonError("", "is larger than a recovery may be");
  return parse(parse_json(text));
}

Recovery Recovery::parse(const Json& body) {
  JsonObject object(body, "");
  Recovery recovery;
  const Json& statement = object.object("recovery");
  recovery.asked_ = asked_in(statement);
  recovery.statement_ = to_jcs(statement);
  recovery.digest_ = jcs_digest(statement);
  const Json& given = object.object("signatures");
  JsonObject signatures(given, "/signatures");
  for (const auto& [node, hex] : given.items()) recovery.signatures_[node] = hex_member<64>(signatures, node);
  if (recovery.signatures_.size() > limits::kMaxNodes) object.fail("signatures", "are of more nodes than there can be");
  object.expect_no_more();
  if (recovery.text().size() > limits::kMaxRecoveryBytes) throw JsonError("", "is larger than a recovery may be");
  return recovery;
}

std::string Recovery::id() const { return "rec_" + to_hex(digest_).substr(0, 32); }

Signature64 Recovery::sign(const Ed25519SecretKey& identity) const {
  return identity.sign(signed_bytes(kRecoveryPrefix, parse_json(statement_)));
}

std::size_t Recovery::needed(const ClusterDocument& cluster) const {
  return std::max(static_cast<std::size_t>(asked_.threshold), cluster.nodes().size() / 2 + 1);
}

void Recovery::expect_signed(const ClusterDocument& cluster) const {
  if (asked_.cluster != cluster.id()) throw JsonError("/recovery/cluster", "is the id of another cluster");
  const Bytes bytes = signed_bytes(kRecoveryPrefix, parse_json(statement_));
  for (const auto& [node, signature] : signatures_) {
    const std::string at = "/signatures/" + pointer_escape(node);
    const NodeCard* card = cluster.find(node);
    if (card == nullptr) throw JsonError(at, "is of no node of this cluster");
    if (!card->identity_key.verify(bytes, signature)) throw JsonError(at, "is not this node's signature of it");
  }
  if (signatures_.size() < needed(cluster))
    throw JsonError("/signatures", "are of " + std::to_string(signatures_.size()) + " nodes; " +
                                       std::to_string(needed(cluster)) + " of the " +
                                       std::to_string(cluster.nodes().size()) + " must sign");
}

PolicyDocument Recovery::next(const PolicyDocument& before) const {
  // What a rule, or a list of readers, names has members: so the new admins get nothing but the admins' place.
  if (before.members_of(asked_.group) != 0)
    throw JsonError("/recovery/admins/group", "has members already: new admins get a group of their own");
  Json document = parse_json(before.jcs());
  const std::size_t users_before = document.at("users").size();
  std::set<std::string> members;
  for (std::size_t i = 0; i < asked_.members.size(); ++i) {
    const std::string at = "/recovery/members/" + std::to_string(i);
    if (before.user_of(asked_.members[i]) == nullptr) throw JsonError(at, "is no user of the policy");
    if (!members.insert(asked_.members[i]).second) throw JsonError(at, "is there twice");
  }
  document["version"] = before.version() + 1;
  document["previous"] = to_hex(before.digest());
  document["admins"]["group"] = asked_.group;  // the delay stays
  document["admins"]["min"] = asked_.min;
  for (Json& user : document["users"]) {
    if (!members.contains(user.at("id").get<std::string>())) continue;
    if (!user.contains("groups")) user["groups"] = Json::array();
    user["groups"].push_back(asked_.group);
  }
  for (const Json& user : asked_.users) {
    Json added = user;
    added["groups"] = Json::array({asked_.group});
    document["users"].push_back(added);
  }
  try {
    return PolicyDocument::parse(to_jcs(document));  // with the bounds of one that is proposed
  } catch (const JsonError& e) {
    throw in_recovery(e, users_before);
  }
}

Json Recovery::json() const {
  Json body = Json::object();
  body["recovery"] = parse_json(statement_);
  body["signatures"] = Json::object();
  for (const auto& [node, signature] : signatures_) body["signatures"][node] = to_hex(signature);
  return body;
}

std::string Recovery::text() const { return to_jcs(json()); }

Json to_json(const RecoverySignature& signature) {
  return {{"recovery", signature.recovery}, {"node", signature.node}, {"signature", to_hex(signature.signature)}};
}

RecoverySignature parse_recovery_signature(std::string_view text) {
  const Json json = parse_json(text);
  JsonObject object(json, "");
  RecoverySignature signature;
  signature.recovery = to_hex(hex_member<32>(object, "recovery"));
  signature.node = object.text("node", 1, limits::kMaxName);
  signature.signature = hex_member<64>(object, "signature");
  object.expect_no_more();
  return signature;
}

}  // namespace quorate::policy

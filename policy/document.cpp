#include "policy/document.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace quorate::policy {
namespace {

using limits::kMaxConditionEntries;
using limits::kMaxName;

constexpr std::string_view kNotSupported = "is not supported in this version";

// Known to the format, decided by later versions. To ignore one would be to allow what its author meant to forbid.
constexpr std::array kLaterConditions{std::string_view("label")};
constexpr std::int64_t kMaxRefreshDays = 3650;

template <std::size_t N>
void refuse_later(const JsonObject& object, const std::array<std::string_view, N>& names) {
  for (const std::string_view name : names)
    if (object.has(name)) object.fail(name, std::string(kNotSupported));
}

[[noreturn]] void fail(const std::string& pointer, const std::string& what) { throw JsonError(pointer, what); }

const std::string& text_of_element(const Json& element, const std::string& pointer, std::size_t most) {
  if (!element.is_string()) fail(pointer, "must be a string");
  const auto& text = element.get_ref<const std::string&>();
  if (text.empty() || text.size() > most) fail(pointer, "must have 1 to " + std::to_string(most) + " bytes");
  return text;
}

std::string name_member(JsonObject& object, std::string_view member) {
  std::string text = object.text(member, 1, kMaxName);
  if (!is_name(text)) object.fail(member, "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
  return text;
}

std::string hex_digest_member(JsonObject& object, std::string_view member, bool may_be_empty) {
  std::string text = object.text(member, may_be_empty ? 0 : 64, 64);
  if (may_be_empty && text.empty()) return text;
  const bool lower = std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  if (!lower || !array_from_hex<32>(text)) object.fail(member, "must be 64 lower-case hex digits");
  return text;
}

// The strings of a non-empty array without repetition; `check` gets each with its pointer.
template <class Check>
void each_text(JsonObject& object, std::string_view member, std::size_t most, std::size_t most_bytes, bool may_be_empty,
               const Check& check) {
  const Json& array = object.array(member, most);
  if (array.empty() && !may_be_empty) object.fail(member, "must not be empty");
  std::set<std::string> seen;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string pointer = object.pointer(member) + "/" + std::to_string(i);
    const std::string& text = text_of_element(array[i], pointer, most_bytes);
    if (!seen.insert(text).second) fail(pointer, "is there twice");
    check(text, pointer);
  }
}

// Who there is, for the members that name users and groups.
struct Directory {
  std::map<std::string, User, std::less<>> users;
  std::map<std::string, std::size_t> group_size;
  void expect_group(const std::string& group, const std::string& pointer) const {
    if (!group_size.contains(group)) fail(pointer, "is a group without members");
  }
};

// Whose a key is already: one that two people have would be one person's who counts as two.
struct Owners {
  std::map<Ed25519PublicKey, std::string> keys;
  std::map<Es256PublicKey, std::string> authenticators;
  std::map<Bytes, std::string> credentials;
};

template <class K>
void own(std::map<K, std::string>& owners, const K& key, const std::string& id, const std::string& pointer) {
  const auto [owner, is_new] = owners.emplace(key, id);
  if (!is_new) fail(pointer, owner->second == id ? "is there twice" : "is " + owner->second + "'s, too");
}

// A key, or authenticators, or both.
void parse_keys(JsonObject& object, const std::string& id, Owners& owners, User& user) {
  if (object.has("key") || !object.has("webauthn")) {
    user.key = Ed25519PublicKey::parse_text(object.text("key", 1, 128));
    if (!user.key) object.fail("key", "must be ed25519: and the 64 hex digits of a public key of prime order");
    own(owners.keys, *user.key, id, object.pointer("key"));
  }
  if (!object.has("webauthn")) return;
  user.webauthn = parse_credentials(object);
  for (std::size_t i = 0; i < user.webauthn.size(); ++i) {
    const std::string pointer = object.pointer("webauthn") + "/" + std::to_string(i);
    own(owners.authenticators, user.webauthn[i].key, id, pointer + "/public_key");
    own(owners.credentials, user.webauthn[i].id, id, pointer + "/credential_id");
  }
}

Directory parse_users(JsonObject& document) {
  Directory directory;
  Owners owners;
  const Json& users = document.array("users", limits::kMaxUsers);
  if (users.empty()) document.fail("users", "must not be empty");
  for (std::size_t i = 0; i < users.size(); ++i) {
    JsonObject object(users[i], document.pointer("users") + "/" + std::to_string(i));
    const std::string id = name_member(object, "id");
    if (directory.users.contains(id)) object.fail("id", "is the id of another user, too");
    User user;
    parse_keys(object, id, owners, user);
    each_text(object, "groups", limits::kMaxGroupsPerUser, kMaxName, true,
              [&](const std::string& group, const std::string& at) {
                if (!is_name(group)) fail(at, "is not a name");
                user.groups.insert(group);
                ++directory.group_size[group];
              });
    object.expect_no_more();
    directory.users.emplace(id, std::move(user));
  }
  return directory;
}

Admins parse_admins(JsonObject& document, const Directory& directory) {
  JsonObject object(document.object("admins"), document.pointer("admins"));
  Admins admins;
  admins.group = name_member(object, "group");
  directory.expect_group(admins.group, object.pointer("group"));
  const std::size_t members = directory.group_size.at(admins.group);
  admins.min = static_cast<std::size_t>(object.integer("min", 1, static_cast<std::int64_t>(kMaxApprovals)));
  if (admins.min > members)
    object.fail("min", "cannot be reached: the group has " + std::to_string(members) + " members");
  admins.delay_hours = object.integer("delay_hours", 0, limits::kMaxDelayHours);
  object.expect_no_more();
  return admins;
}

Lists parse_lists(JsonObject& document) {
  const Json& json = document.object("lists");
  JsonObject object(json, document.pointer("lists"));
  Lists lists;
  std::size_t entries = 0;
  for (const auto& [name, unused] : json.items()) {
    if (!is_name(name)) object.fail(name, "is not a name");
    auto& list = lists[name];
    each_text(object, name, limits::kMaxListEntries, limits::kMaxAddress, true,
              [&](const std::string& entry, const std::string&) { list.push_back(entry); });
    entries += list.size();
    if (entries > limits::kMaxListEntries) object.fail(name, "too many entries in all lists together");
  }
  return lists;
}

std::vector<std::string> parse_by(JsonObject& condition, const Directory& directory) {
  constexpr std::string_view group = "group:", user = "user:";
  std::vector<std::string> by;
  each_text(condition, "by", kMaxConditionEntries, group.size() + kMaxName, false,
            [&](const std::string& who, const std::string& at) {
              if (who.starts_with(group))
                directory.expect_group(who.substr(group.size()), at);
              else if (!who.starts_with(user))
                fail(at, "must be user:… or group:…");
              else if (!directory.users.contains(who.substr(user.size())))
                fail(at, "is not a user of this policy");
              by.push_back(who);
            });
  return by;
}

std::set<Kind> parse_kinds(JsonObject& condition) {
  std::set<Kind> kinds;
  const auto add = [&](const std::string& text, const std::string& pointer) {
    const auto kind = parse_kind(text);
    if (!kind) fail(pointer, "is not a kind of request");
    kinds.insert(*kind);
  };
  if (condition.any("kind").is_string())
    add(condition.text("kind", 1, kMaxName), condition.pointer("kind"));
  else
    each_text(condition, "kind", kMaxConditionEntries, kMaxName, false, add);
  return kinds;
}

// What a name may hold, and '*'.
bool is_key_glob(std::string_view glob) {
  return !glob.empty() && glob.size() <= limits::kMaxName && std::all_of(glob.begin(), glob.end(), [](char c) {
    return c == '*' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

std::vector<std::string> parse_key_globs(JsonObject& object, std::string_view member) {
  std::vector<std::string> globs;
  each_text(object, member, kMaxConditionEntries, kMaxName, false, [&](const std::string& glob, const std::string& at) {
    if (!is_key_glob(glob)) fail(at, "can match no key: a glob has the characters of a name and '*'");
    globs.push_back(glob);
  });
  return globs;
}

std::set<PayloadKind> parse_payloads(JsonObject& condition) {
  std::set<PayloadKind> payloads;
  each_text(condition, "payload", kMaxConditionEntries, kMaxName, false,
            [&](const std::string& text, const std::string& at) {
              const auto kind = parse_payload_kind(text);
              if (!kind) fail(at, "is not a kind of payload");
              payloads.insert(*kind);
            });
  return payloads;
}

void parse_then(JsonObject& object, Rule& rule, const Directory& directory) {
  const Json& then = object.any("then");
  if (then.is_object()) {
    JsonObject approve(then, object.pointer("then"));
    rule.then = Effect::approve;
    rule.approvals = Approvals::parse(approve, [&](const std::string& group) {
      const auto it = directory.group_size.find(group);
      return it == directory.group_size.end() ? 0 : it->second;
    });
    approve.expect_no_more();
  } else if (then == "allow") {
    rule.then = Effect::allow;
  } else if (then != "deny") {
    object.fail("then", R"(must be "allow", "deny" or an object with "approve")");
  }
}

// A limit is what an allow keeps to. In a deny it would say the opposite of what it looks like.
void expect_no_limit(const JsonObject& condition, const Rule& rule) {
  if (rule.then != Effect::deny) return;
  for (const std::string_view limit : {"max", "fee_max", "window"})
    if (condition.has(limit)) condition.fail(limit, "is for rules that allow: a deny would match what is within it");
}

// Conditions about payloads in a rule about other requests would never hold.
void expect_about_payloads(const JsonObject& condition, const Rule& rule) {
  if (!rule.kinds || rule.kinds->contains(Kind::sign)) return;
  for (const std::string_view name :
       {"payload", "chain", "asset", "to", "contract", "call", "sighash", "domain", "max", "fee_max", "window", "path"})
    if (condition.has(name) && !(name == "path" && rule.kinds->contains(Kind::derive)))
      condition.fail(name, "only requests of kind sign have a payload");
}

Rule parse_rule(const Json& json, const std::string& pointer, const Directory& directory, const AddressLists& lists) {
  JsonObject object(json, pointer);
  Rule rule;
  rule.id = name_member(object, "id");
  JsonObject condition(object.object("if"), object.pointer("if"));
  refuse_later(condition, kLaterConditions);
  if (condition.has("kind")) rule.kinds = parse_kinds(condition);
  if (condition.has("key")) rule.keys = parse_key_globs(condition, "key");
  if (condition.has("by")) rule.by = parse_by(condition, directory);
  if (condition.has("payload")) rule.payloads = parse_payloads(condition);
  rule.facts = FactConditions::parse(condition, lists);
  rule.time = TimeConditions::parse(condition);
  if (condition.has("window")) rule.windows = parse_windows(condition);
  condition.expect_no_more();
  parse_then(object, rule, directory);
  expect_about_payloads(condition, rule);
  expect_no_limit(condition, rule);
  object.expect_no_more();
  return rule;
}

std::vector<Rule> parse_rules(JsonObject& document, const Directory& directory, const AddressLists& lists) {
  const Json& array = document.array("rules", limits::kMaxRules);
  std::vector<Rule> rules;
  std::set<std::string> ids{"default"};  // what a decision names when no rule decides
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string pointer = document.pointer("rules") + "/" + std::to_string(i);
    rules.push_back(parse_rule(array[i], pointer, directory, lists));
    if (!ids.insert(rules.back().id).second) fail(pointer + "/id", "is the id of another rule, or \"default\"");
  }
  return rules;
}

std::vector<std::pair<std::string, std::int64_t>> parse_refresh(JsonObject& document) {
  const Json& all = document.object("refresh_every_days");
  JsonObject object(all, document.pointer("refresh_every_days"));
  if (all.empty() || all.size() > limits::kMaxRules) document.fail("refresh_every_days", "must have 1 to 1000 members");
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (const auto& [glob, days] : all.items()) {
    if (!is_key_glob(glob)) object.fail(glob, "must be a glob of key names");
    out.emplace_back(glob, object.integer(glob, 1, kMaxRefreshDays));
  }
  object.expect_no_more();
  return out;
}

}  // namespace

std::string_view name_of(Effect effect) {
  switch (effect) {
    case Effect::deny:
      return "deny";
    case Effect::approve:
      return "approve";
    case Effect::allow:
      return "allow";
  }
  return "deny";
}

PolicyDocument PolicyDocument::parse(std::string_view text) {
  if (text.size() > limits::kMaxPolicyBytes) throw JsonError("", "is larger than a policy may be");
  return from_json(parse_json(text));
}

PolicyDocument PolicyDocument::from_json(const Json& json) {
  PolicyDocument policy;
  JsonObject document(json, "");

  policy.version_ = document.integer("version", 1, INT64_C(1) << 52);
  policy.previous_ = hex_digest_member(document, "previous", true);
  if (policy.previous_.empty() != (policy.version_ == 1))
    document.fail("previous", R"(must be "" for version 1 and the predecessor's digest for every other)");
  policy.cluster_id_ = hex_digest_member(document, "cluster", false);

  Directory directory = parse_users(document);
  policy.admins_ = parse_admins(document, directory);
  each_text(document, "readers", limits::kMaxUsers, kMaxName, true,
            [&](const std::string& group, const std::string& at) {
              directory.expect_group(group, at);
              policy.readers_.push_back(group);
            });
  if (document.has("lists")) policy.lists_ = parse_lists(document);
  policy.rules_ = parse_rules(document, directory, read_addresses(policy.lists_));
  for (const Rule& rule : policy.rules_)
    for (const Window& window : rule.windows)
      if (const SumKind kind{window.per, window.counts()};
          std::find(policy.sum_kinds_.begin(), policy.sum_kinds_.end(), kind) == policy.sum_kinds_.end())
        policy.sum_kinds_.push_back(kind);
  policy.users_ = std::move(directory.users);
  if (document.has("refresh_every_days")) policy.refresh_every_days_ = parse_refresh(document);
  if (document.has("self_approve")) policy.self_approve_ = parse_key_globs(document, "self_approve");
  if (document.text("default", 1, kMaxName) != "deny") document.fail("default", R"(must be "deny")");
  document.expect_no_more();

  policy.jcs_ = to_jcs(json);
  policy.digest_ = sha256(view_of(policy.jcs_));
  policy.anchor_ = quorate::policy::policy_anchor(json);
  return policy;
}

bool PolicyDocument::self_approve(std::string_view key) const {
  return std::any_of(self_approve_.begin(), self_approve_.end(),
                     [&](const std::string& glob) { return glob_matches(glob, key); });
}

bool PolicyDocument::may_approve(std::string_view user, const std::vector<Need>& needs) const {
  return std::any_of(needs.begin(), needs.end(), [&](const Need& need) { return is_member(user, need.group); });
}

std::optional<std::int64_t> PolicyDocument::refresh_every_days(std::string_view key) const {
  std::optional<std::int64_t> least;
  for (const auto& [glob, days] : refresh_every_days_)
    if (glob_matches(glob, key) && (!least || days < *least)) least = days;
  return least;
}

const User* PolicyDocument::user_of(std::string_view user) const {
  const auto it = users_.find(user);
  return it == users_.end() ? nullptr : &it->second;
}

const Ed25519PublicKey* PolicyDocument::key_of(std::string_view user) const {
  const User* known = user_of(user);
  return known == nullptr || !known->key ? nullptr : &*known->key;
}

bool PolicyDocument::is_member(std::string_view user, std::string_view group) const {
  const auto it = users_.find(user);
  return it != users_.end() && it->second.groups.contains(std::string(group));
}

std::size_t PolicyDocument::members_of(std::string_view group) const {
  return static_cast<std::size_t>(std::count_if(
      users_.begin(), users_.end(), [&](const auto& user) { return user.second.groups.contains(std::string(group)); }));
}

bool PolicyDocument::is_reader(std::string_view user) const {
  return std::any_of(readers_.begin(), readers_.end(),
                     [&](const std::string& group) { return is_member(user, group); });
}

bool PolicyDocument::may_read(std::string_view user, std::string_view requested_by) const {
  return users_.contains(user) && (user == requested_by || is_reader(user));
}

Digest policy_anchor(const Json& policy_document) {
  if (!policy_document.is_object()) throw JsonError("", "must be an object");
  Json anchored = policy_document;
  anchored.erase("cluster");
  return jcs_digest(anchored);
}

}  // namespace quorate::policy

#include "node/sight.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/message_signature.h"

namespace quorate::node {
namespace {

using Names = std::vector<std::string_view>;

bool is_one_of(std::string_view text, const Names& all) { return std::find(all.begin(), all.end(), text) != all.end(); }

bool changes_a_key(const Json& entry) {
  const auto kind = entry.find("kind");
  return kind != entry.end() && kind->is_string() &&
         is_one_of(kind->get_ref<const std::string&>(), {"create_key", "refresh", "reshare", "archive", "unarchive"});
}

struct Public {
  Names fields;  // of the entry
  bool with_request = false;
};

// What every user can see on other routes. nullopt: nothing.
std::optional<Public> open_to_all(const std::string& kind, const Json& entry) {
  // GET /v1/keys
  if (kind == "succeeded" && changes_a_key(entry)) return Public{{"kind", "key"}};
  if (kind == "archived" || kind == "unarchived") return Public{{"key"}};
  if (kind == "quarantined") return Public{{"key", "certificate", "by", "node", "since"}};
  // GET /v1/policy and /v1/cluster
  if (kind == "policy_changed" || kind == "cluster_changed") return Public{{"version", "digest", "recovery"}};
  if (kind == "card_renewed") return Public{{"id", "identity_key", "tls_spki", "addresses", "seq"}};
  // GET /v1/node: frozen, recoveries
  if (kind == "frozen") return Public{{"scope", "user"}, true};
  if (kind == "unfrozen") return Public{{"scope"}};
  if (kind == "recovery_pending")
    return Public{
        {"id", "state", "group", "min", "users", "members", "threshold", "signed_by", "created", "effective_at"}};
  if (kind == "recovery_vetoed") return Public{{"id", "by"}};
  if (kind == "policy_vote" && entry.contains("recovery")) return Public{{"recovery"}};
  // /readyz
  if (kind == "rolled_back") return Public{};
  return std::nullopt;
}

// What a request's own view tells of a change of it. Other entries are steps of this node on the way.
bool is_a_requests(const std::string& kind) {
  return is_one_of(
      kind, {"requested",     "pending_approval", "votes",         "queued",    "scheduled",      "policy_vote",
             "unfreeze_vote", "postponed",        "attempt_ended", "succeeded", "policy_changed", "cluster_changed",
             "frozen",        "unfrozen",         "denied",        "rejected",  "expired",        "cancelled",
             "failed",        "archived",         "unarchived"});
}
const Names kOfARequest{"kind", "user",  "key",          "coordinator", "payload", "approved_by", "rule",  "state",
                        "code", "scope", "effective_at", "version",     "digest",  "check",       "round", "healed"};

}  // namespace

std::optional<Ed25519PublicKey> caller_key(std::string_view user, const World& world) {
  if (user.starts_with(http::kNodePrefix)) {
    const policy::NodeCard* card = world.cluster->find(user.substr(http::kNodePrefix.size()));
    return card == nullptr ? std::nullopt : std::optional(card->identity_key);
  }
  const auto policy = world.policy.now();
  const Ed25519PublicKey* key = policy->key_of(user);
  if (key == nullptr) return std::nullopt;
  return *key;
}

bool sees_all(const std::string& user, const policy::PolicyDocument& policy) {
  return policy.is_reader(user) || policy.is_admin(user);
}

bool may_see(const std::string& user, const RequestRecord& record, const policy::PolicyDocument& policy) {
  if (record.requested_by.text == user || sees_all(user, policy)) return true;
  return std::any_of(record.needs.begin(), record.needs.end(),
                     [&](const NeedSeen& need) { return policy.is_member(user, need.group.text); });
}

Json audit_view(const storage::AuditRecord& r) {
  return {{"seq", r.seq},
          {"time", to_rfc3339(from_unix_seconds(r.entry.time))},
          {"kind", r.entry.kind},
          {"request", r.entry.request},
          {"entry", Json::parse(r.entry.text)},
          {"previous", to_hex(r.previous)},
          {"hash", to_hex(r.hash)}};
}

const Json& LoggedEvent::entry() {
  if (!entry_) entry_ = std::make_unique<const Json>(Json::parse(record_.entry.text));
  return *entry_;
}

const RequestRecord* LoggedEvent::request() {
  if (!request_) {
    request_.emplace();
    if (!record_.entry.request.empty())
      if (const auto row = store_.request(record_.entry.request)) *request_ = record_of(*row);
  }
  return *request_ ? &**request_ : nullptr;
}

std::string LoggedEvent::less(const Names& fields, bool with_request) {
  Json shown{{"seq", record_.seq},
             {"time", to_rfc3339(from_unix_seconds(record_.entry.time))},
             {"kind", record_.entry.kind},
             {"request", with_request ? record_.entry.request : ""},
             {"entry", Json::object()}};
  for (const std::string_view name : fields)
    if (const auto it = entry().find(name); it != entry().end()) shown["entry"][std::string(name)] = *it;
  return shown.dump();
}

const std::string* LoggedEvent::public_part() {
  if (!public_) {
    public_.emplace();
    if (const auto open = open_to_all(record_.entry.kind, entry())) *public_ = less(open->fields, open->with_request);
  }
  return *public_ ? &**public_ : nullptr;
}

const std::string* LoggedEvent::requests_part() {
  if (!requests_) {
    requests_.emplace();
    if (is_a_requests(record_.entry.kind)) *requests_ = less(kOfARequest, true);
  }
  return *requests_ ? &**requests_ : nullptr;
}

const std::string* LoggedEvent::shown_to(const std::string& user, const policy::PolicyDocument& policy) {
  if (sees_all(user, policy)) {
    if (!all_) all_ = audit_view(record_).dump();
    return &**all_;
  }
  const RequestRecord* mine = request();
  if (mine != nullptr && may_see(user, *mine, policy))
    if (const std::string* line = requests_part()) return line;
  return public_part();
}

}  // namespace quorate::node

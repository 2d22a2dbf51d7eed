// GET /v1/policy, and POST /v1/policy/simulate: what the policy, or one that is to follow it, says of a request that
// nobody has made.
#include <nlohmann/json.hpp>

#include "http/router.h"
#include "node/api.h"
#include "node/api_replies.h"
#include "node/examine.h"
#include "node/keys.h"
#include "node/policy_chain.h"
#include "node/signable.h"
#include "node/windows.h"
#include "policy/document.h"

namespace quorate::node {
namespace {

using http::Problem;
using http::Reply;
using policy::Kind;

Kind kind_in(JsonObject& body) {
  const auto kind = policy::parse_kind(body.text("kind", 1, limits::kMaxName));
  if (!kind) body.fail("kind", "is not a kind of request");
  return *kind;
}

// A document for this cluster; its `previous` and `version` need not follow from the one in force.
policy::PolicyDocument policy_in(JsonObject& body, const World& world) {
  const Json& document = body.object("policy");
  try {
    auto policy = policy::PolicyDocument::from_json(document);
    if (policy.cluster_id() != world.cluster->id()) throw JsonError("/cluster", "is the id of another cluster");
    return policy;
  } catch (const JsonError& e) {
    throw JsonError(body.pointer("policy") + e.pointer, e.what());
  }
}

std::int64_t time_in(JsonObject& body) {
  const auto time = from_rfc3339(body.text("at", 1, 32));
  if (!time) body.fail("at", "must be a time in UTC: 2026-01-31T23:59:59Z");
  return unix_seconds(*time);
}

Json rules_of(const policy::PolicyDocument& policy, const policy::Decision& decision) {
  Json rules = Json::array();
  for (const policy::RuleReason& reason : decision.reasons) {
    policy::Effect then = policy::Effect::deny;  // of "default"
    for (const policy::Rule& rule : policy.rules())
      if (rule.id == reason.rule) then = rule.then;
    rules.push_back({{"rule", reason.rule},
                     {"then", policy::name_of(then)},
                     {"matched", policy::name_of(reason.matched)},
                     {"why", reason.why}});
  }
  return rules;
}

// Those that no rule decides, but who is an admin.
bool is_of_admins(Kind kind) {
  return kind == Kind::freeze || kind == Kind::unfreeze || kind == Kind::change_policy || kind == Kind::change_cluster;
}

// What a change of the policy would be: what loosens in it, and why it would be refused.
struct Change {
  std::vector<std::string> loosens;
  std::optional<Refusal> refused;
};
Change change_to(const Json& document, const http::Verified& who, const policy::PolicyDocument& before,
                 const policy::ClusterDocument& cluster) {
  Examined asked;
  asked.who = who;
  asked.who.if_match = std::to_string(before.version());
  try {
    const auto planned = plan_change(std::move(asked), document, before, cluster);
    if (const auto* refused = std::get_if<Refusal>(&planned)) return {{}, *refused};
    return {std::get<Examined>(planned).change()->loosens, std::nullopt};
  } catch (const JsonError& e) {  // it does not follow the version in force
    return {{}, Refusal{400, "malformed_body", e.what(), "/policy" + e.pointer}};
  }
}

std::optional<Refusal> refused_unfreeze(const std::string& scope, std::int64_t created, const World& world) {
  const auto all = all_nodes(*world.cluster);
  if (const auto* refused = std::get_if<Refusal>(&all)) return *refused;
  auto refused = cannot_lift(scope, created, world);
  if (refused) refused->pointer.reset();  // into another body
  return refused;
}

std::vector<std::string> members_of(const policy::PolicyDocument& policy, const std::string& group) {
  std::vector<std::string> members;
  for (const auto& [id, user] : policy.users())
    if (policy.is_member(id, group)) members.push_back(id);
  return members;
}

Json to_json(const Refusal& refused) {
  Json view{{"status", refused.status}, {"code", refused.code}, {"detail", refused.detail}};
  if (refused.pointer) view["pointer"] = *refused.pointer;
  return view;
}

}  // namespace

http::Answered NodeApi::show_policy(const http::Call& call) const {
  const auto number = parameter(call, "version");
  const auto policy = number ? world_.policy.version(std::stoll(*number)) : world_.policy.now();
  if (!policy)
    return problem_of({404, "unknown_version", "no such version of the policy has been in force here", std::nullopt});
  return Reply{200, Json::parse(policy->jcs()), {}};
}

http::Answered NodeApi::simulate(const http::Call& call) const {
  // Every rule, list and limit shows in the answers.
  if (!sees_all(call.who.user)) return problem_of({403, "denied", "for the policy's readers and admins", std::nullopt});
  JsonObject body(call.body, "");
  policy::PolicyQuery query;
  query.kind = kind_in(body);
  query.user = body.has("as") ? body.text("as", 1, limits::kMaxName) : call.who.user;
  query.created = body.has("at") ? time_in(body) : call.who.created;
  std::optional<policy::PolicyDocument> candidate;
  if (body.has("policy")) candidate = policy_in(body, world_);

  const bool signs = query.kind == Kind::sign;
  std::optional<storage::KeyRow> row;
  if (query.kind == Kind::create_key) {
    query.key = body.text("key", 1, limits::kMaxName);
    if (!policy::is_name(*query.key)) body.fail("key", "is not a name ([a-z0-9][a-z0-9._-]{0,62})");
  } else if (policy::concerns_a_key(query.kind)) {
    const bool may_be_all = query.kind == Kind::freeze || query.kind == Kind::unfreeze;
    if (!may_be_all || body.has("key")) {
      row = find_key(world_.store, body.text("key", 1, limits::kMaxName + 1));
      if (!row) return problem_of({404, "unknown_key", "no such key", "/key"});
      query.key = world_.known_keys->of(*row)->certificate.body.name;
    }
  }
  if (query.kind == Kind::derive) query.paths = {body.text("path", 1, limits::kMaxAddress)};

  std::optional<Signable> what;  // the query refers to these
  const StoredLedger ledger(world_);
  if (signs) {
    Json request = Json::object();
    request["payload"] = body.object("payload");
    if (body.has("path")) request["path"] = body.text("path", 1, limits::kMaxAddress);
    const policy::SignPayload payload = policy::parse_sign(request);
    const auto known = world_.known_keys->of(*row);
    const auto key = key_facts(*row, *known, payload, world_);
    if (const auto* refused = std::get_if<Refusal>(&key)) return problem_of(*refused);
    auto read = decode_payload(request, payload, std::get<transactions::KeyFacts>(key));
    if (const auto* refused = std::get_if<Refusal>(&read)) return problem_of(*refused);
    what = std::get<Signable>(std::move(read));
    add_to(query, *what);
    add_windows(query, row->id, known->certificate.body.committee, ledger, world_);
  }
  const bool changes_policy = query.kind == Kind::change_policy;
  const Json* next = changes_policy ? &body.object("policy") : nullptr;
  body.expect_no_more();

  // A change is judged by the version that it would end.
  const auto in_force = world_.policy.now();
  const policy::PolicyDocument& policy = candidate && !changes_policy ? *candidate : *in_force;
  const policy::Decision decision = query.kind == Kind::freeze ? decide_freeze(query.user, policy)
                                    : is_of_admins(query.kind) ? decide_change(query.user, policy)
                                                               : policy.explain(query);
  Json view{{"kind", policy::name_of(query.kind)},
            {"as", query.user},
            {"at", to_rfc3339(WallTime(Seconds(*query.created)))},
            {"policy",
             {{"version", policy.version()},
              {"digest", to_hex(policy.digest())},
              {"decision", policy::name_of(decision.effect)},
              {"rule", decision.rule}}},
            {"rules", rules_of(policy, decision)}};
  if (decision.effect == policy::Effect::approve) {
    Json needs = Json::array();
    for (const policy::Need& need : decision.approvals.needs) {
      Json& added = needs.emplace_back(Json{{"group", need.group}, {"min", need.min}});
      if (is_of_admins(query.kind)) added["members"] = members_of(policy, need.group);
    }
    view["needs"] = std::move(needs);
    view["expires_hours"] = decision.approvals.expires_hours;
  }
  std::optional<Refusal> refused;
  bool waits = query.kind == Kind::unfreeze || query.kind == Kind::change_cluster;
  if (next != nullptr) {
    Change change = change_to(*next, call.who, policy, *world_.cluster);
    refused = std::move(change.refused);
    waits = !change.loosens.empty();
    if (!refused) view["loosens"] = std::move(change.loosens);
  } else if (query.kind == Kind::unfreeze) {
    refused = refused_unfreeze(row ? row->id : std::string(kAllKeys), *query.created, world_);
  }
  if (decision.effect == policy::Effect::approve && is_of_admins(query.kind) && !refused)
    view["delay_hours"] = waits ? policy.admins().delay_hours : 0;
  if (decision.effect != policy::Effect::deny && refused) view["refused"] = to_json(*refused);
  if (query.key) view["key"] = *query.key;
  if (what && what->facts) view["facts"] = transactions::to_json(*what->facts);
  return Reply{200, std::move(view), {}};
}

}  // namespace quorate::node

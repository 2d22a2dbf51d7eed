#include "node/policy_chain.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "policy/loosening.h"

namespace quorate::node {
namespace {

// If-Match: a version, as a number or as an entity tag.
std::string version_in(const std::string& if_match) {
  const bool quoted = if_match.size() > 2 && if_match.front() == '"' && if_match.back() == '"';
  return quoted ? if_match.substr(1, if_match.size() - 2) : if_match;
}

// Of a user of the version before.
auto verified_request(const policy::PolicyDocument& before, const PolicyLink& link,
                      const policy::ClusterDocument& cluster) {
  return http::verify(link.original, cluster.id(), [&](std::string_view user) {
    const Ed25519PublicKey* key = before.key_of(user);
    return key == nullptr ? std::nullopt : std::optional(*key);
  });
}

// `policy`: the one in force, whose admins decide.
Examined changing(Examined x, policy::Kind kind, const Json& body, const policy::PolicyDocument& policy,
                  ChangePlan plan) {
  x.kind = kind;
  x.intent.kind = kind;
  x.intent.payload_digest = policy::body_payload_digest(body);
  x.intent.expires_at = policy::expires_with_approvals(x.who.created, kChangeHours + policy.admins().delay_hours);
  x.plan = std::move(plan);
  return x;
}

// By node, those that are for this document.
std::map<std::string, Signature64> votes_for(const Digest& next, const InForce& before, const PolicyLink& link) {
  std::map<std::string, Signature64> votes;
  for (const PolicyVote& vote : link.votes)
    if (vote.round == link.round && vote.next == next && verify_vote(vote, before.digest(), before.cluster->document()))
      votes[vote.node.text] = vote.signature;
  return votes;
}

// No admin has said anything: so many operators have, and a majority of the nodes, each of which has waited for an
// admin's veto. How large the largest threshold was then, only those that voted could tell.
std::variant<InForce, std::string> follow_recovery(const InForce& before, const policy::Recovery& recovery,
                                                   const PolicyLink& link) {
  const policy::ClusterDocument& cluster = before.cluster->document();
  if (recovery.asked().state != before.digest()) return "its recovery of the admins follows another state";
  recovery.expect_signed(cluster);
  auto next = std::make_shared<const policy::PolicyDocument>(recovery.next(*before.policy));
  // Votes are for the recovery, not for the policy, which another one may make as well: one that an admin has vetoed.
  if (votes_for(recovery.digest(), before, link).size() < majority_of(cluster)) return "too few nodes have signed it";
  return InForce{std::move(next), before.cluster};
}

struct NextNodes {
  Json document;
  std::map<std::string, std::string> consents;
  std::string removed;
};
NextNodes next_nodes(const http::Match& match, Json body, const policy::ClusterChain& before) {
  for (const char* member : {"version", "previous"}) body.erase(member);
  NextNodes next;
  if (match.route == http::Route::add_node) {
    next.document = before.next_with(body);
    next.consents[body.at("card").at("id").get<std::string>()] = body.at("joins").get<std::string>();
    return next;
  }
  JsonObject object(body, "");
  next.removed = object.text("node", 1, limits::kMaxName);
  object.expect_no_more();
  if (next.removed != match.subject) object.fail("node", "is another one than the path's");
  if (before.document().find(next.removed) == nullptr) object.fail("node", "is no node of this cluster");
  if (before.document().nodes().size() == limits::kMinThreshold)
    object.fail("node", "is one of the last two: a cluster has at least two nodes");
  next.document = before.next({}, {next.removed});
  return next;
}

}  // namespace

PolicyVote sign_vote(const std::string& node, std::uint32_t round, const Digest& next, const Digest& previous,
                     const std::string& cluster, const Ed25519SecretKey& identity) {
  PolicyVote vote;
  vote.node = node;
  vote.round = round;
  vote.next = next;
  vote.signature = identity.sign(view_of(policy::vote_text(cluster, node, round, previous, next)));
  return vote;
}

bool verify_vote(const PolicyVote& vote, const Digest& previous, const policy::ClusterDocument& cluster) {
  const policy::NodeCard* card = cluster.find(vote.node.text);
  return card != nullptr && vote.round < kMaxRounds &&
         card->identity_key.verify(
             view_of(policy::vote_text(cluster.id(), vote.node.text, vote.round, previous, vote.next)), vote.signature);
}

bool is_dead(const std::vector<Digest>& votes, std::size_t nodes) {
  QUORATE_ASSERT(votes.size() <= nodes);
  std::map<Digest, std::size_t> count;
  std::size_t most = 0;
  for (const Digest& vote : votes) most = std::max(most, ++count[vote]);
  return most + (nodes - votes.size()) < nodes / 2 + 1;
}

std::variant<Committee, Refusal> all_nodes(const policy::ClusterDocument& cluster) {
  std::vector<std::string> nodes;
  for (const policy::NodeCard& card : cluster.nodes()) nodes.push_back(card.id);
  if (nodes.size() > limits::kMaxParties)
    return Refusal{422, "too_many_participants",
                   "a cluster of more than " + std::to_string(limits::kMaxParties) +
                       " nodes cannot change its policy or its nodes, or lift a freeze, in this version",
                   std::nullopt};
  return committee_of(cluster, nodes, majority_of(cluster));
}

std::variant<Examined, Refusal> plan_change(Examined x, const Json& body, const policy::PolicyDocument& before,
                                            const policy::ClusterDocument& cluster) {
  if (!x.who.if_match)
    return Refusal{428, "precondition_required", "If-Match must name the version that the change follows",
                   std::nullopt};
  ChangePlan plan;
  auto all = all_nodes(cluster);
  if (auto* refused = std::get_if<Refusal>(&all)) return std::move(*refused);
  plan.committee = std::get<Committee>(std::move(all));
  auto next = std::make_shared<const policy::PolicyDocument>(policy::PolicyDocument::from_json(body));
  if (next->cluster_id() != cluster.id()) throw JsonError("/cluster", "is the id of another cluster");
  if (version_in(*x.who.if_match) != std::to_string(before.version())) {
    plan.unfit = Refusal{412, "version_not_current",
                         "version " + std::to_string(before.version()) + " of the policy is in force", std::nullopt};
  } else {
    if (next->version() != before.version() + 1)
      throw JsonError("/version", "must be " + std::to_string(before.version() + 1));
    if (next->previous() != to_hex(before.digest()))
      throw JsonError("/previous", "must be the digest of the version in force, " + to_hex(before.digest()));
    plan.loosens = policy::loosenings(before, *next);
    plan.digest = next->digest();
    plan.next = std::move(next);
  }
  return changing(std::move(x), policy::Kind::change_policy, body, before, std::move(plan));
}

std::variant<Examined, Refusal> plan_cluster(Examined x, const http::Match& match, const Json& body,
                                             const policy::PolicyDocument& policy, const policy::ClusterChain& before) {
  ChangePlan plan;
  auto all = all_nodes(before.document());
  if (auto* refused = std::get_if<Refusal>(&all)) return std::move(*refused);
  plan.committee = std::get<Committee>(std::move(all));
  JsonObject object(body, "");
  const std::int64_t version = object.integer("version", 2, INT64_C(1) << 52);
  const std::string previous = object.text("previous", 64, 64);
  if (version != before.version() + 1) {
    plan.unfit = Refusal{412, "version_not_current",
                         "version " + std::to_string(before.version()) + " of the cluster is in force", "/version"};
  } else {
    if (previous != to_hex(before.digest()))
      object.fail("previous", "must be the digest of the document in force, " + to_hex(before.digest()));
    NextNodes next = next_nodes(match, body, before);
    plan.digest = jcs_digest(next.document);
    plan.removed = std::move(next.removed);
    plan.loosens.push_back(plan.removed.empty() ? "node " + next.consents.begin()->first + " joins"
                                                : "node " + plan.removed + " leaves");
    plan.cluster =
        std::make_shared<const Json>(policy::ClusterChain::entry_of(next.document, next.consents, policy.digest()));
  }
  return changing(std::move(x), policy::Kind::change_cluster, body, policy, std::move(plan));
}

policy::Decision decide_change(const std::string& user, const policy::PolicyDocument& before) {
  policy::Decision decision;
  decision.rule = "admins";
  if (!before.is_admin(user)) {
    decision.reasons.push_back({decision.rule, policy::Truth::no, "only an admin may ask for it"});
    return decision;
  }
  decision.effect = policy::Effect::approve;
  decision.approvals.needs = {{before.admins().group, before.admins().min}};
  decision.approvals.expires_hours = kChangeHours;
  decision.self_approve = true;
  return decision;
}

policy::Decision decide_freeze(const std::string& user, const policy::PolicyDocument& policy) {
  policy::Decision decision;
  decision.rule = "admins";
  if (policy.is_admin(user))
    decision.effect = policy::Effect::allow;
  else
    decision.reasons.push_back({decision.rule, policy::Truth::no, "only an admin may ask for it"});
  return decision;
}

ClientRequest request_of(const policy::Recovery& recovery) {
  const std::string text = recovery.text();
  ClientRequest request;
  request.method = "POST";
  request.target = "/v1/recoveries";
  request.body.assign(text.begin(), text.end());
  return request;
}

std::optional<policy::Recovery> recovery_in(const ClientRequest& original) {
  const auto matched = http::route(original.method.text, original.target.text);
  const auto* match = std::get_if<http::Match>(&matched);
  if (match == nullptr || match->route != http::Route::recover) return std::nullopt;
  return policy::Recovery::parse(http::parse_body(original.body));
}

std::int64_t end_of(const policy::PolicyDocument& before, const PolicyLink& link,
                    const policy::ClusterDocument& cluster) {
  if (const auto recovery = recovery_in(link.original))
    return recovery->asked().created + Seconds(limits::kRecoveryLife).count();
  const auto verified = verified_request(before, link, cluster);
  const auto* who = std::get_if<http::Verified>(&verified);
  QUORATE_ASSERT(who != nullptr);
  return unix_seconds(policy::expires_with_approvals(who->created, kChangeHours + before.admins().delay_hours));
}

std::variant<InForce, std::string> follow(const InForce& before, const PolicyLink& link) {
  if (link.version != 1) return "it has a form that this program does not know";
  const policy::PolicyDocument& policy = *before.policy;
  const policy::ClusterDocument& cluster = before.cluster->document();
  try {
    if (const auto recovery = recovery_in(link.original)) return follow_recovery(before, *recovery, link);
  } catch (const JsonError& e) {
    return "its recovery of the admins does not count: " + e.pointer + " " + e.what();
  }
  const auto verified = verified_request(policy, link, cluster);
  if (const auto* error = std::get_if<http::AuthError>(&verified)) return "its request is not signed: " + error->code;
  const auto matched = http::route(link.original.method.text, link.original.target.text);
  const auto* match = std::get_if<http::Match>(&matched);
  const bool of_policy = match != nullptr && match->route == http::Route::change_policy;
  const bool of_cluster =
      match != nullptr && (match->route == http::Route::add_node || match->route == http::Route::remove_node);
  if (!of_policy && !of_cluster) return "its request changes neither the policy nor the cluster";

  Examined x;
  x.who = std::get<http::Verified>(verified);
  x.id = http::request_id(x.who, cluster.id());
  x.intent.cluster = cluster.id();
  x.intent.request = x.id;
  x.intent.policy_version = policy.version();
  x.intent.policy_digest = policy.digest();
  x.intent.facts_digest = policy::no_facts_digest();
  x.intent.requested_by = x.who.user;
  try {
    const Json body = http::parse_body(link.original.body);
    auto planned = of_policy ? plan_change(std::move(x), body, policy, cluster)
                             : plan_cluster(std::move(x), *match, body, policy, *before.cluster);
    if (const auto* refused = std::get_if<Refusal>(&planned)) return refused->detail;
    x = std::get<Examined>(std::move(planned));
  } catch (const JsonError& e) {
    return "its document is none: " + e.pointer + " " + e.what();
  }
  const ChangePlan& plan = *x.change();
  if (plan.unfit) return plan.unfit->detail;
  const policy::Decision decision = decide_change(x.who.user, policy);
  if (decision.effect != policy::Effect::approve) return "no admin has asked for it";
  if (!consent_in(link.original, x.intent, decision, policy).given()) return "too few admins have approved it";
  const auto votes = votes_for(plan.digest, before, link);
  if (votes.size() < majority_of(cluster)) return "too few nodes have signed it";
  if (of_policy) return InForce{plan.next, before.cluster};
  Json entry = *plan.cluster;
  for (const auto& [node, signature] : votes) policy::ClusterChain::add_vote(entry, link.round, node, signature);
  auto next = std::make_shared<policy::ClusterChain>(*before.cluster);
  try {
    next->append(entry);
  } catch (const JsonError& e) {
    return "it does not follow: " + e.pointer + " " + e.what();
  }
  return InForce{before.policy, std::move(next)};
}

}  // namespace quorate::node

#include "node/examine.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "http/router.h"
#include "node/keys.h"
#include "node/policy_chain.h"
#include "node/scheduled_refresh.h"

namespace quorate::node {
namespace {

std::variant<Examined, Refusal> plan_create_key(Examined x, const Json& body, const World& world) {
  CreateKeyPlan plan;
  plan.body = policy::parse_create_key(body);
  switch (plan.body.algorithm) {
    case policy::SignatureScheme::eddsa_ed25519:
      plan.algorithm = Algorithm::eddsa_ed25519;
      break;
    case policy::SignatureScheme::schnorr_secp256k1:
      plan.algorithm = Algorithm::schnorr_secp256k1;
      break;
    case policy::SignatureScheme::ecdsa_secp256k1:
      plan.algorithm = Algorithm::ecdsa_secp256k1;
      break;
    case policy::SignatureScheme::unset:
      return Refusal{400, "malformed_body", "no such algorithm", "/algorithm"};
  }
  auto committee = committee_of(*world.cluster, plan.body.participants, plan.body.threshold);
  if (auto* refused = std::get_if<Refusal>(&committee)) return std::move(*refused);
  plan.committee = std::get<Committee>(std::move(committee));

  x.kind = policy::Kind::create_key;
  x.intent.key_name = plan.body.name;
  x.intent.payload_digest = policy::body_payload_digest(body);
  x.plan = std::move(plan);
  return x;
}

std::variant<Examined, Refusal> plan_sign(Examined x, const std::string& subject, const Json& body,
                                          const World& world) {
  SignPlan plan;
  auto row = find_key(world.store, subject);
  if (!row) return Refusal{404, "unknown_key", "no such key", std::nullopt};
  if (row->state == storage::KeyState::archived)
    plan.unfit = Refusal{409, "key_archived", "the key is archived", std::nullopt};
  plan.key = std::move(*row);
  plan.known = world.known_keys->of(plan.key);
  plan.payload = policy::parse_sign(body);
  auto key = key_facts(plan.key, *plan.known, plan.payload, world);
  if (auto* refused = std::get_if<Refusal>(&key)) return std::move(*refused);
  auto what = decode_payload(body, plan.payload, std::get<transactions::KeyFacts>(key));
  if (auto* refused = std::get_if<Refusal>(&what)) return std::move(*refused);
  plan.what = std::make_shared<const Signable>(std::get<Signable>(std::move(what)));
  plan.document = std::make_shared<const Json>(body.at("payload"));
  x.kind = policy::Kind::sign;
  x.intent.key = plan.key.id;
  x.intent.key_name = plan.body().name;  // the same everywhere, whatever name the row has here
  x.intent.public_key = to_hex(plan.what->child.public_key);
  x.intent.path = plan.payload.path;
  x.intent.payload_digest = plan.what->payload_digest();
  x.intent.facts_digest = plan.what->facts_digest();
  x.intent.decoder = transactions::decoder_version(policy::name_of(plan.payload.kind));
  x.plan = std::move(plan);
  return x;
}

// The committees that the request comes to over the certificate in force here.
std::optional<Refusal> fit(ResharePlan& plan, const World& world) {
  if (plan.asked.certificate && *plan.asked.certificate != plan.known->digest)
    return Refusal{409, "other_certificate",
                   "the key's certificate in force is " + to_hex(plan.known->digest) + ", not the one of the request",
                   "/certificate"};
  const Committee& old = plan.body().committee;
  std::vector<NewMember> nodes;
  const auto add = [&](const std::string& name) {
    const policy::NodeCard* card = world.cluster->find(name);
    if (card != nullptr) nodes.push_back({card->id, card->identity_key});
    return card != nullptr;
  };
  for (const std::string& name : plan.asked.participants)
    if (!add(name)) return Refusal{422, "unknown_participant", "no node " + name + " in this cluster", "/participants"};
  if (plan.asked.refresh)
    for (const Member& m : old.members())
      if (!add(m.node))
        return Refusal{409, "unknown_participant", m.node.text + " is no longer in this cluster: reshare the key",
                       std::nullopt};
  const auto threshold = plan.asked.refresh ? old.threshold() : static_cast<std::uint8_t>(plan.asked.threshold);
  auto committee = next_committee(old, threshold, nodes);
  if (!committee)
    return Refusal{422, "too_many_participants",
                   "old and new members together are more than " + std::to_string(limits::kMaxParties),
                   "/participants"};
  // A node that comes back under its name with another identity is in it as what it is now.
  Members members = committee->members();
  for (const Member& m : old.members())
    if (committee->find(m.id) == nullptr && committee->find(m.node.text) == nullptr) members.push_back(m);
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  plan.all = *Committee::make(2, std::move(members));
  plan.committee = std::move(*committee);
  return std::nullopt;
}

std::variant<Examined, Refusal> plan_reshare(Examined x, const std::string& subject, policy::Reshare asked,
                                             const Json& body, const World& world) {
  ResharePlan plan;
  auto row = find_key(world.store, subject);
  if (!row) return Refusal{404, "unknown_key", "no such key", std::nullopt};
  plan.key = std::move(*row);
  plan.known = world.known_keys->of(plan.key);
  plan.asked = std::move(asked);
  plan.unfit = fit(plan, world);
  x.kind = plan.asked.refresh ? policy::Kind::refresh : policy::Kind::reshare;
  x.intent.key = plan.key.id;
  x.intent.key_name = plan.body().name;
  x.intent.public_key = to_hex(plan.body().Y);
  x.intent.payload_digest = policy::body_payload_digest(body);
  x.plan = std::move(plan);
  return x;
}

std::variant<Examined, Refusal> plan_state(Examined x, const std::string& subject, bool archived, const Json& body,
                                           const World& world) {
  policy::parse_empty(body);
  StatePlan plan;
  auto row = find_key(world.store, subject);
  if (!row) return Refusal{404, "unknown_key", "no such key", std::nullopt};
  plan.key = std::move(*row);
  plan.known = world.known_keys->of(plan.key);
  plan.archived = archived;
  x.kind = archived ? policy::Kind::archive : policy::Kind::unarchive;
  x.intent.key = plan.key.id;
  x.intent.key_name = plan.known->certificate.body.name;
  x.intent.public_key = to_hex(plan.known->certificate.body.Y);
  x.intent.payload_digest = policy::body_payload_digest(body);
  x.plan = std::move(plan);
  return x;
}

std::variant<Examined, Refusal> plan_freeze(Examined x, bool freezes, const Json& body,
                                            const policy::PolicyDocument& policy, const World& world) {
  FreezePlan plan;
  plan.freezes = freezes;
  plan.scope = policy::parse_freeze_scope(body);
  if (plan.scope != kAllKeys) {
    const auto row = find_key(world.store, plan.scope);
    if (!row) return Refusal{404, "unknown_key", "no such key", "/scope"};
    plan.scope = row->id;
    const auto known = world.known_keys->of(*row);
    x.intent.key = row->id;
    x.intent.key_name = known->certificate.body.name;
    x.intent.public_key = to_hex(known->certificate.body.Y);
  }
  x.kind = freezes ? policy::Kind::freeze : policy::Kind::unfreeze;
  if (!freezes) {
    auto all = all_nodes(*world.cluster);
    if (auto* refused = std::get_if<Refusal>(&all)) return std::move(*refused);
    plan.committee = std::get<Committee>(std::move(all));
    x.intent.expires_at = policy::expires_with_approvals(x.who.created, kChangeHours + policy.admins().delay_hours);
  }
  x.intent.payload_digest = policy::body_payload_digest(body);
  x.plan = std::move(plan);
  return x;
}

}  // namespace

void add_windows(policy::PolicyQuery& query, const std::string& key_id, const Committee& committee,
                 const policy::Ledger& ledger, const World& world) {
  query.key_id = key_id;
  query.ledger = &ledger;
  // So many nodes are honest at most while it takes one of them to sign.
  query.split_key = committee.size() - committee.threshold() + 1;
  query.split_cluster = world.cluster->nodes().size() - limits::kMinThreshold + 1;
}

namespace {

// A node that has shares stays until its keys are reshared without it. A dead one's share is dealt anew without it,
// too.
std::optional<Refusal> still_needed(const std::string& node, const World& world) {
  constexpr std::size_t kPage = 200, kMostNamed = 5;
  std::string keys;
  std::size_t found = 0;
  std::optional<storage::Cursor> after;
  do {
    const auto page = world.store.keys(kPage, after);
    for (const storage::KeyRow& row : page.items) {
      if (row.certificate.empty() || decode<KeyCertificate>(row.certificate).body.committee.find(node) == nullptr)
        continue;
      if (++found <= kMostNamed) keys += (found == 1 ? "" : ", ") + row.name;
    }
    after = page.next;
  } while (after);
  // What is about to come into force.
  for (const storage::ShareInfo& share : world.store.prepared_shares()) {
    const auto row = world.store.key_by_id(share.key);
    if (!row || row->state == storage::KeyState::prepared) continue;
    const auto body = prepared_body(world.store, share.key, share.number);
    if (body && body->committee.find(node) != nullptr && ++found <= kMostNamed)
      keys += (found == 1 ? "" : ", ") + row->name;
  }
  if (found == 0) return std::nullopt;
  if (found > kMostNamed) keys += " and " + std::to_string(found - kMostNamed) + " more keys";
  return Refusal{409, "node_has_shares", node + " has shares of " + keys + ": reshare them to other nodes first",
                 "/node"};
}

std::variant<Examined, Refusal> plan_nodes(Examined x, const http::Match& match, const Json& body,
                                           const policy::PolicyDocument& policy, const World& world) {
  auto planned = plan_cluster(std::move(x), match, body, policy, *world.cluster.chain());
  if (auto* seen = std::get_if<Examined>(&planned)) {
    ChangePlan& plan = std::get<ChangePlan>(seen->plan);
    const bool looks = !plan.removed.empty() && !plan.unfit && policy.is_admin(seen->who.user);  // which keys there are
    if (looks) plan.unfit = still_needed(plan.removed, world);
  }
  return planned;
}

// Nothing of the intent changes any more.
void close(Examined& x) {
  x.intent_jcs = policy::intent_jcs(x.intent);
  x.request_digest = sha256(view_of(x.intent_jcs));  // policy::request_digest
}

}  // namespace

const Committee& Examined::committee() const {
  if (const auto* c = create()) return c->committee;
  if (const auto* r = reshare()) return r->all;
  if (const auto* s = state()) return s->known->certificate.body.committee;
  if (const auto* c = change()) return c->committee;
  if (const auto* f = freeze()) return f->committee;
  return sign()->body().committee;
}

Digest Examined::certificate() const {
  if (const auto* s = sign()) return s->known->digest;
  if (const auto* r = reshare()) return r->known->digest;
  if (const auto* s = state()) return s->known->digest;
  return {};
}

std::optional<Refusal> Examined::outdated() const {
  if (const auto* s = sign()) return s->unfit;
  if (const auto* c = change()) return c->unfit;
  return reshare() == nullptr ? std::nullopt : reshare()->unfit;
}

std::optional<Refusal> frozen(const Examined& x, const World& world) {
  if (!x.uses_shares() || !world.frozen->stops(x.intent.key)) return std::nullopt;
  const bool all = world.frozen->holds(kAllKeys);
  return Refusal{409, "frozen", all ? "an admin has frozen all keys" : "an admin has frozen the key", std::nullopt};
}

std::optional<Refusal> cannot_lift(const std::string& scope, std::int64_t created, const World& world) {
  const auto frozen = world.frozen->find(scope);
  if (!frozen) return Refusal{409, "not_frozen", "there is no such freeze", "/scope"};
  if (frozen->at >= created)  // which would outlast it
    return Refusal{409, "superseded", "it was frozen in this second, or later: ask again", "/scope"};
  return std::nullopt;
}

std::optional<Refusal> hindrance(const Examined& x, const World& world) {
  auto refused = x.outdated();
  return refused ? refused : frozen(x, world);
}

std::optional<GatedKey> Examined::gated() const {
  const SignPlan* signing = sign();
  if (signing == nullptr || signing->body().algorithm != Algorithm::ecdsa_secp256k1) return std::nullopt;
  return GatedKey{signing->key.id, signing->known->digest};
}

Refusal refusal_of(const http::AuthError& error) { return {error.status, error.code, error.detail, std::nullopt}; }

std::variant<Committee, Refusal> committee_of(const policy::ClusterDocument& cluster,
                                              const std::vector<std::string>& nodes, std::size_t threshold) {
  Members members;
  unsigned index = 0;
  for (const std::string& node : nodes) {
    const policy::NodeCard* card = cluster.find(node);
    if (card == nullptr)
      return Refusal{422, "unknown_participant", "no node " + node + " in this cluster", "/participants"};
    members.push_back({PartyId(++index), node, card->identity_key});
  }
  const auto committee = Committee::make(static_cast<std::uint8_t>(threshold), std::move(members));
  if (!committee)
    return Refusal{400, "malformed_body", "the threshold must lie between 2 and the number of participants",
                   "/threshold"};
  return *committee;
}

Examination examine(const ClientRequest& request, const World& world) {
  return examine(request, world, *world.policy.now());  // one for all that is decided here
}

namespace {

std::variant<Examined, Refusal> examine_anew(const ClientRequest& request, const World& world,
                                             const policy::PolicyDocument& policy) {
  const auto key_of = [&](std::string_view user) -> std::optional<Ed25519PublicKey> {
    if (const policy::NodeCard* node = asking_node(user, *world.cluster)) return node->identity_key;
    const Ed25519PublicKey* key = policy.key_of(user);
    if (key == nullptr) return std::nullopt;
    return *key;
  };
  const auto check = [&](const Ed25519PublicKey& key, ByteView message, const Signature64& signature) {
    return world.seen->holds(SeenSignatures::name_of("ed25519", key.bytes(), message, signature),
                             [&] { return key.verify(message, signature); });
  };
  auto verified = http::verify(request, world.cluster->id(), key_of, check);
  if (const auto* error = std::get_if<http::AuthError>(&verified)) return refusal_of(*error);

  const auto matched = http::route(request.method.text, request.target.text);
  if (const auto* not_matched = std::get_if<http::NotMatched>(&matched))
    return Refusal{not_matched->problem.status, not_matched->problem.code, not_matched->problem.detail, std::nullopt};
  const auto& match = std::get<http::Match>(matched);

  Examined x;
  x.who = std::get<http::Verified>(std::move(verified));
  x.id = http::request_id(x.who, world.cluster->id());
  x.intent.cluster = world.cluster->id();
  x.intent.request = x.id;
  x.intent.policy_version = policy.version();
  x.intent.policy_digest = policy.digest();
  x.intent.facts_digest = policy::no_facts_digest();
  x.intent.requested_by = x.who.user;
  x.intent.expires_at = policy::expires_without_approvals(x.who.created);

  std::variant<Examined, Refusal> planned =
      Refusal{404, "not_found", "not a request that can be forwarded", std::nullopt};
  try {
    const Json body = http::parse_body(request.body);
    if (match.route == http::Route::create_key)
      planned = plan_create_key(std::move(x), body, world);
    else if (match.route == http::Route::sign)
      planned = plan_sign(std::move(x), match.subject, body, world);
    else if (match.route == http::Route::refresh_key)
      planned = plan_reshare(std::move(x), match.subject, policy::parse_refresh(body), body, world);
    else if (match.route == http::Route::archive_key || match.route == http::Route::unarchive_key)
      planned = plan_state(std::move(x), match.subject, match.route == http::Route::archive_key, body, world);
    else if (match.route == http::Route::change_policy)
      planned = plan_change(std::move(x), body, policy, *world.cluster);
    else if (match.route == http::Route::freeze || match.route == http::Route::unfreeze)
      planned = plan_freeze(std::move(x), match.route == http::Route::freeze, body, policy, world);
    else if (match.route == http::Route::add_node || match.route == http::Route::remove_node)
      planned = plan_nodes(std::move(x), match, body, policy, world);
    else if (match.route == http::Route::reshare_key)
      planned = plan_reshare(std::move(x), match.subject, policy::parse_reshare(body), body, world);
  } catch (const JsonError& e) {
    return Refusal{400, "malformed_body", e.what(), e.pointer};
  }
  if (std::holds_alternative<Refusal>(planned)) return planned;

  Examined& done = std::get<Examined>(planned);
  done.intent.kind = done.kind;
  done.expires = done.intent.expires_at;
  if (asking_node(done.who.user, *world.cluster) != nullptr) {
    close(done);
    done.decision = decide_scheduled(done, world, policy);
    done.consent = consent_in(request, done.intent, done.decision, policy);
    return planned;
  }
  const FreezePlan* freeze = done.freeze();
  if (done.change() != nullptr || freeze != nullptr) {  // the version in force says who, not its rules
    done.decision = freeze != nullptr && freeze->freezes ? decide_freeze(done.who.user, policy)
                                                         : decide_change(done.who.user, policy);
    close(done);
    done.consent = consent_in(request, done.intent, done.decision, policy);
    return planned;
  }
  policy::PolicyQuery query;
  query.kind = done.kind;
  query.key = done.intent.key_name;
  query.user = done.who.user;
  query.created = done.who.created;
  const policy::EmptyLedger room;
  if (const SignPlan* sign = done.sign()) {
    add_to(query, *sign->what);
    add_windows(query, sign->key.id, sign->body().committee, room, world);
  }
  // Whether a window has room is found when the request's part is reserved (node/windows.h). Here all have, but those
  // that somebody has found exceeded: the same decision on every node.
  for (const auto& rule : request.exceeded) query.over.insert(rule.text);
  done.decision = policy.evaluate(query);
  if (done.sign() != nullptr && policy.has_windows()) done.charges = policy.charges_of(query);
  if (done.asks_people())
    done.expires = policy::expires_with_approvals(done.who.created, done.decision.approvals.expires_hours);
  if (done.decision.life_hours != 0)
    done.intent.expires_at = policy::expires_with_approvals(done.who.created, done.decision.life_hours);
  close(done);
  done.consent = consent_in(request, done.intent, done.decision, policy);
  return planned;
}

}  // namespace

// Nothing of a signing depends on the time, nor on anything else of this node than what is named here.
Examination examine(const ClientRequest& request, const World& world, const policy::PolicyDocument& policy) {
  const std::uint64_t keys = world.store.keys_version();  // before any of them is read
  ExaminedBefore::Grounds grounds;
  bool kept = request.body.size() <= limits::kMaxExaminedBody;
  if (kept) {
    const auto bytes = encode(request);
    kept = bytes.size() <= 4 * limits::kMaxExaminedBody;  // with what people have signed
    grounds = {sha256(bytes), policy.digest(), &*world.cluster, keys};
    if (const auto before = kept ? world.examined_before->find(grounds) : nullptr) return before;
  }
  auto examined = examine_anew(request, world, policy);
  if (auto* refused = std::get_if<Refusal>(&examined)) return std::move(*refused);
  Examined& x = std::get<Examined>(examined);
  x.keys = keys;
  auto shared = std::make_shared<const Examined>(std::move(x));
  if (kept && shared->sign() != nullptr) world.examined_before->add(grounds, shared);
  return shared;
}

}  // namespace quorate::node

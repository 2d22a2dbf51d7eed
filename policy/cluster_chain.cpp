#include "policy/cluster_chain.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/hash.h"
#include "policy/approval.h"
#include "policy/cluster_parts.h"
#include "policy/intent.h"

namespace quorate::policy {
namespace {

constexpr std::string_view kJoinPrefix = "quorate/cluster-join/1\n";
constexpr std::string_view kHeldPrefix = "quorate/cluster-held/1\n";

Bytes holding_bytes(const Json& document, const Json& intent) {
  Json what = Json::object();
  what["document"] = to_hex(jcs_digest(document));
  what["intent"] = to_hex(jcs_digest(intent));
  return signed_bytes(kHeldPrefix, what);
}

const NodeCard* find_in(const std::vector<NodeCard>& nodes, std::string_view id) {
  const auto it = std::find_if(nodes.begin(), nodes.end(), [&](const NodeCard& node) { return node.id == id; });
  return it == nodes.end() ? nullptr : &*it;
}

// Of `nodes`, by id, the ids whose identity key is not that of the same node in `others`.
std::vector<std::string> missing_in(const std::vector<NodeCard>& nodes, const std::vector<NodeCard>& others) {
  std::vector<std::string> ids;
  for (const NodeCard& node : nodes) {
    const NodeCard* same = find_in(others, node.id);
    if (same == nullptr || same->identity_key != node.identity_key) ids.push_back(node.id);
  }
  return ids;
}

struct Document {
  std::vector<NodeCard> nodes;
  std::vector<std::string> joins, removes;
  std::int64_t version = 0;
  std::string previous;
};

std::vector<std::string> ids_member(JsonObject& object, std::string_view member) {
  std::vector<std::string> ids;
  for (const Json& id : object.array(member, limits::kMaxNodes)) {
    if (!id.is_string()) object.fail(member, "must be a list of node ids");
    ids.push_back(id.get<std::string>());
  }
  return ids;
}

Document parse_document(const Json& json, const std::string& cluster, const std::string& pointer) {
  JsonObject object(json, pointer);
  Document document;
  if (object.text("cluster", 64, 64) != cluster) object.fail("cluster", "is another cluster");
  document.version = object.integer("version", 2, INT64_C(1) << 52);
  document.previous = object.text("previous", 64, 64);
  document.joins = ids_member(object, "joins");
  document.removes = ids_member(object, "removes");
  document.nodes = parse_nodes(object.array("nodes", limits::kMaxNodes), object.pointer("nodes"));
  object.expect_no_more();
  return document;
}

// Who stays may have a newer card, never an older one, nor another one of the same seq.
void expect_no_older_cards(const Document& document, const std::vector<NodeCard>& before, const std::string& pointer) {
  for (std::size_t i = 0; i < document.nodes.size(); ++i) {
    const NodeCard& card = document.nodes[i];
    const NodeCard* old = find_in(before, card.id);
    if (old == nullptr || old->identity_key != card.identity_key) continue;
    const std::string at = pointer + "/nodes/" + std::to_string(i) + "/card/seq";
    if (card.seq < old->seq) throw JsonError(at, "is lower than in the document before");
    if (card.seq == old->seq && card != *old) throw JsonError(at, "is that of another card");
  }
}

// The approvals that the admins of the policy give to exactly this document. Returns the policy's version.
std::int64_t expect_approved(JsonObject& entry, const Digest& document, const std::string& cluster,
                             const PolicyOf& policy_of) {
  const Json& intent_json = entry.object("intent");
  const Intent intent = parse_intent(intent_json, entry.pointer("intent"));
  const auto expect = [&](bool condition, const char* member, const char* what) {
    if (!condition) throw JsonError(entry.pointer("intent") + "/" + member, what);
  };
  expect(intent.cluster == cluster, "cluster", "is another cluster");
  expect(intent.kind == Kind::change_cluster, "kind", "must be change_cluster");
  expect(intent.payload_digest == document, "payload_digest", "is another document's");
  const PolicyDocument* policy = policy_of(intent.policy_version, intent.policy_digest);
  expect(policy != nullptr, "policy_digest", "is not that of a policy that was in force");

  std::set<std::string> approvers;
  const Json& approvals = entry.array("approvals", kMaxApprovals);
  for (std::size_t i = 0; i < approvals.size(); ++i) {
    JsonObject approval(approvals[i], entry.pointer("approvals") + "/" + std::to_string(i));
    const std::string approver = approval.text("approver", 1, limits::kMaxName);
    if (!policy->is_admin(approver)) approval.fail("approver", "is not one of the admins");
    if (!approvers.insert(approver).second) approval.fail("approver", "is there twice");
    const std::string text = approval_text(Vote::approve, approver, intent_json);
    const Ed25519PublicKey* key = policy->key_of(approver);  // none: an admin who has an authenticator only
    if (key == nullptr || !key->verify(view_of(text), hex_member<64>(approval, "signature")))
      approval.fail("signature", "is not this admin's approval of this change");
    approval.expect_no_more();
  }
  if (approvers.size() < policy->admins().min)
    entry.fail("approvals", "are " + std::to_string(approvers.size()) + " of the " +
                                std::to_string(policy->admins().min) + " that the policy asks for");
  return intent.policy_version;
}

void expect_joined(JsonObject& entry, const Json& json, const Document& document) {
  JsonObject signatures(entry.object("signatures"), entry.pointer("signatures"));
  const Bytes bytes = signed_bytes(kJoinPrefix, json);
  for (const std::string& id : document.joins)
    if (!find_in(document.nodes, id)->identity_key.verify(bytes, hex_member<64>(signatures, id)))
      signatures.fail(id, "is not the joining node's signature of this document");
  signatures.expect_no_more();
}

// Two documents of one version cannot both have this unless some node has signed that it holds both.
void expect_held(JsonObject& entry, const Json& json, const std::vector<NodeCard>& before) {
  JsonObject held(entry.object("held"), entry.pointer("held"));
  const Bytes bytes = holding_bytes(json, entry.object("intent"));
  std::size_t holders = 0;
  for (const NodeCard& node : before) {
    if (!held.has(node.id)) continue;
    if (!node.identity_key.verify(bytes, hex_member<64>(held, node.id)))
      held.fail(node.id, "is not this node's signature that it holds this document");
    ++holders;
  }
  held.expect_no_more();
  if (2 * holders <= before.size())
    entry.fail("held", "are " + std::to_string(holders) + " of the " + std::to_string(before.size()) +
                           " nodes before, no majority");
}

}  // namespace

ClusterChain::ClusterChain(const ClusterDocument& genesis)
    : id_(genesis.id()), digest_(genesis.digest()), digests_{genesis.digest()} {
  const Json file = parse_json(genesis.json());
  entries_.push_back(to_jcs(file.at("documents").at(0)));
  take_over(file.at("documents").at(0).at("document"));
}

ClusterChain ClusterChain::parse(std::string_view text, const PolicyOf& policy_of) {
  if (text.size() > limits::kMaxClusterBytes) throw JsonError("", "is larger than a cluster document may be");
  const Json json = parse_json(text);
  JsonObject file(json, "");
  const Json& documents = file.array("documents", limits::kMaxListEntries);
  if (documents.empty()) file.fail("documents", "must begin with the genesis document");
  Json first = Json::object();
  first["id"] = file.text("id", 64, 64);
  first["documents"] = Json::array({documents[0]});
  ClusterChain chain(ClusterDocument::parse(to_jcs(first)));
  for (std::size_t i = 1; i < documents.size(); ++i) {
    const std::string at = "/documents/" + std::to_string(i);
    if (chain.append(documents[i], policy_of, at) == Appended::known) throw JsonError(at, "is there twice");
  }
  if (file.has("cards")) {
    const Json& cards = file.array("cards", limits::kMaxNodes);
    with_newer_cards(chain.in_document_, cards, "/cards");
    for (const Json& card : cards) chain.renewals_[card.at("card").at("id").get<std::string>()] = to_jcs(card);
    chain.apply_renewals();
  }
  file.expect_no_more();
  return chain;
}

const NodeCard* ClusterChain::find(std::string_view node_id) const { return find_in(nodes_, node_id); }

std::string ClusterChain::text() const {
  Json file = Json::object();
  file["id"] = id_;
  file["documents"] = Json::array();
  for (const std::string& entry : entries_) file["documents"].push_back(parse_json(entry));
  file["cards"] = Json::array();
  for (const auto& [id, card] : renewals_) file["cards"].push_back(parse_json(card));
  if (file["cards"].empty()) file.erase("cards");  // what has not changed is read by ClusterDocument, too
  return file.dump(2) + "\n";
}

Json ClusterChain::next(const std::vector<Json>& joins, const std::vector<std::string>& removes) const {
  std::map<std::string, Json> cards;
  const Json newest = parse_json(entries_.back());
  for (const Json& card : newest.at("document").at("nodes")) cards[card.at("card").at("id").get<std::string>()] = card;
  for (const auto& [id, card] : renewals_) cards[id] = parse_json(card);
  for (const std::string& id : removes)
    if (cards.erase(id) == 0) throw JsonError("/removes", "'" + id + "' is no node of this cluster");
  for (std::size_t i = 0; i < joins.size(); ++i)
    cards[parse_signed_card(joins[i], "/joins/" + std::to_string(i)).id] = joins[i];
  Json document = Json::object();
  document["cluster"] = id_;
  document["version"] = version_ + 1;
  document["previous"] = to_hex(digest_);
  document["nodes"] = Json::array();
  for (const auto& [id, card] : cards) document["nodes"].push_back(card);
  const auto after = parse_nodes(document["nodes"], "/nodes");
  document["joins"] = missing_in(after, in_document_);
  document["removes"] = missing_in(in_document_, after);
  return document;
}

ClusterChain::Appended ClusterChain::append(const Json& entry_json, const PolicyOf& policy_of,
                                            const std::string& pointer) {
  JsonObject entry(entry_json, pointer);
  const Json& json = entry.object("document");
  const std::string at = entry.pointer("document");
  const Document document = parse_document(json, id_, at);
  const Digest digest = jcs_digest(json);
  if (document.version <= version_) {
    if (digests_[static_cast<std::size_t>(document.version - 1)] == digest) return Appended::known;
    throw JsonError(at,
                    "is another document of version " + std::to_string(document.version) + " than the one in force");
  }
  if (document.version != version_ + 1)
    throw JsonError(at + "/version", "does not follow version " + std::to_string(version_));
  if (document.previous != to_hex(digest_)) throw JsonError(at + "/previous", "is not the newest document's digest");

  if (document.joins != missing_in(document.nodes, in_document_))
    throw JsonError(at + "/joins", "must name exactly the nodes with an identity key that is new");
  if (document.removes != missing_in(in_document_, document.nodes))
    throw JsonError(at + "/removes", "must name exactly the nodes whose identity key is not there any more");
  if (document.joins.empty() && document.removes.empty()) throw JsonError(at, "changes nothing");
  for (std::size_t i = 0; i < document.nodes.size(); ++i) {
    const NodeCard& card = document.nodes[i];
    const auto known = identities_.find(card.identity_key);
    const NodeCard* same = find_in(in_document_, card.id);
    if (known != identities_.end() && (same == nullptr || same->identity_key != card.identity_key))
      throw JsonError(at + "/nodes/" + std::to_string(i) + "/card/identity_key",
                      "is or was that of node " + known->second + ": an identity key is never used again");
  }
  expect_no_older_cards(document, in_document_, at);

  const std::int64_t policy_version = expect_approved(entry, digest, id_, policy_of);
  if (policy_version < policy_version_)
    throw JsonError(entry.pointer("intent") + "/policy_version", "is older than the policy of the document before");
  expect_joined(entry, json, document);
  expect_held(entry, json, in_document_);
  entry.expect_no_more();

  version_ = document.version;
  policy_version_ = policy_version;
  digest_ = digest;
  digests_.push_back(digest);
  entries_.push_back(to_jcs(entry_json));
  take_over(json);
  return Appended::added;
}

ClusterChain::Renewed ClusterChain::renew(const Json& signed_card, const std::string& pointer) {
  const NodeCard card = parse_signed_card(signed_card, pointer);
  const NodeCard* present = find(card.id);
  if (present != nullptr && present->identity_key == card.identity_key && card.seq <= present->seq) {
    if (card.seq < present->seq) return Renewed::older;
    if (card != *present) throw JsonError(pointer + "/card/seq", "is that of another card of this node");
    return Renewed::known;
  }
  try {
    with_newer_cards(nodes_, Json::array({signed_card}), "");
  } catch (const JsonError& e) {
    throw JsonError(pointer + e.pointer.substr(e.pointer.starts_with("/0") ? 2 : 0), e.what());
  }
  renewals_[card.id] = to_jcs(signed_card);
  apply_renewals();
  return Renewed::newer;
}

void ClusterChain::take_over(const Json& document) {
  in_document_ = parse_nodes(document.at("nodes"), "");
  for (const NodeCard& node : in_document_) identities_.emplace(node.identity_key, node.id);
  apply_renewals();
}

// What a document says comes first: a card that is not newer, or not possible beside it, is forgotten.
void ClusterChain::apply_renewals() {
  std::erase_if(renewals_, [&](const auto& renewal) {
    const NodeCard card = parse_signed_card(parse_json(renewal.second));
    const NodeCard* node = find_in(in_document_, card.id);
    return node == nullptr || node->identity_key != card.identity_key || card.seq <= node->seq;
  });
  for (;;) {
    nodes_ = in_document_;
    for (NodeCard& node : nodes_)
      if (const auto renewal = renewals_.find(node.id); renewal != renewals_.end())
        node = parse_signed_card(parse_json(renewal->second));
    const auto shared = shared_between(nodes_);
    if (!shared) return;
    // One of the two has been renewed: the document's own cards share nothing.
    const NodeCard& later = nodes_[shared->node];
    const auto clashing = std::find_if(nodes_.begin(), nodes_.end(), [&](const NodeCard& node) {
      return renewals_.contains(node.id) &&
             (node.id == later.id || (node.id < later.id && shared_between({node, later})));
    });
    QUORATE_ASSERT(clashing != nodes_.end());
    renewals_.erase(clashing->id);
  }
}

Signature64 sign_joining(const Json& document, const Ed25519SecretKey& identity) {
  return identity.sign(signed_bytes(kJoinPrefix, document));
}

Signature64 sign_holding(const Json& document, const Json& intent, const Ed25519SecretKey& identity) {
  return identity.sign(holding_bytes(document, intent));
}

}  // namespace quorate::policy

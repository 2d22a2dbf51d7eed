#include "policy/cluster_chain.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "policy/cluster_parts.h"

namespace quorate::policy {
namespace {

// For one more entry and all newer cards, of as many nodes as there may be.
constexpr std::size_t kRoom = 256 * 1024;

constexpr std::string_view kJoinPrefix = "quorate/cluster-join/1\n";

// What the node says that joins: this card, into this cluster.
Bytes consent_bytes(const Json& card, std::string_view cluster) {
  Json what = Json::object();
  what["cluster"] = cluster;
  what["card"] = card;
  return signed_bytes(kJoinPrefix, what);
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

// Who joins has said so.
void expect_joined(JsonObject& entry, const Json& json, const Document& document, const std::string& cluster) {
  JsonObject signatures(entry.object("signatures"), entry.pointer("signatures"));
  for (const std::string& id : document.joins) {
    const auto at = static_cast<std::size_t>(find_in(document.nodes, id) - document.nodes.data());
    const Bytes bytes = consent_bytes(json.at("nodes").at(at).at("card"), cluster);
    if (!document.nodes[at].identity_key.verify(bytes, hex_member<64>(signatures, id)))
      signatures.fail(id, "is not the joining node's consent");
  }
  signatures.expect_no_more();
}

// Two documents of one version cannot both have this unless some node has voted for both in one round, or in a later
// one before the earlier was dead.
void expect_voted(JsonObject& entry, const Digest& next, const ClusterDocument& before) {
  const Digest previous = state_digest(hex_member<32>(entry, "policy"), before.version(), before.digest());
  const auto round = static_cast<std::uint32_t>(entry.integer("round", 0, kMaxVoteRounds - 1));
  JsonObject votes(entry.object("votes"), entry.pointer("votes"));
  std::size_t voters = 0;
  for (const NodeCard& node : before.nodes()) {
    if (!votes.has(node.id)) continue;
    const std::string text = vote_text(before.id(), node.id, round, previous, next);
    if (!node.identity_key.verify(view_of(text), hex_member<64>(votes, node.id)))
      votes.fail(node.id, "is not this node's vote for this document");
    ++voters;
  }
  votes.expect_no_more();
  if (2 * voters <= before.nodes().size())
    entry.fail("votes", "are " + std::to_string(voters) + " of the " + std::to_string(before.nodes().size()) +
                            " nodes before, no majority");
}

}  // namespace

std::string vote_text(std::string_view cluster, std::string_view node, std::uint32_t round, const Digest& previous,
                      const Digest& next) {
  Json what = Json::object();
  what["cluster"] = cluster;
  what["node"] = node;
  what["round"] = round;
  what["previous"] = to_hex(previous);
  what["next"] = to_hex(next);
  return "quorate/policy-vote/v1\n" + to_jcs(what);
}

Digest state_digest(const Digest& policy, std::int64_t cluster_version, const Digest& cluster) {
  if (cluster_version == 1) return policy;
  Json what = Json::object();
  what["policy"] = to_hex(policy);
  what["cluster"] = to_hex(cluster);
  return jcs_digest(what);
}

Json sign_offer(const Json& signed_card, std::string_view cluster, const Ed25519SecretKey& identity) {
  Json offer = signed_card;
  offer["joins"] = to_hex(identity.sign(consent_bytes(signed_card.at("card"), cluster)));
  return offer;
}

ClusterChain::ClusterChain(const ClusterDocument& genesis) : document_(genesis), digests_{genesis.digest()} {
  const Json file = parse_json(genesis.json());
  entries_.push_back(to_jcs(file.at("documents").at(0)));
  take_over(file.at("documents").at(0).at("document"));
}

ClusterChain ClusterChain::parse(std::string_view text) {
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
    if (chain.append(documents[i], at) == Appended::known) throw JsonError(at, "is there twice");
  }
  if (file.has("cards")) {
    const Json& cards = file.array("cards", limits::kMaxNodes);
    with_newer_cards(chain.document_.nodes_, cards, "/cards");
    for (const Json& card : cards) chain.renewals_[card.at("card").at("id").get<std::string>()] = to_jcs(card);
    chain.apply_renewals();
  }
  file.expect_no_more();
  return chain;
}

ClusterDocument ClusterChain::with_newest_cards() const {
  ClusterDocument document = document_;
  document.nodes_ = nodes_;
  return document;
}

ClusterDocument ClusterChain::genesis() const {
  Json file = Json::object();
  file["id"] = id();
  file["documents"] = Json::array({parse_json(entries_.front())});
  return ClusterDocument::parse(to_jcs(file));
}

bool ClusterChain::extends(const ClusterChain& older) const {
  return older.id() == id() && older.version() <= version() &&
         digests_[static_cast<std::size_t>(older.version() - 1)] == older.digest();
}

bool ClusterChain::has_left(const Ed25519PublicKey& identity) const {
  const auto& now = document_.nodes();
  return identities_.contains(identity) &&
         std::none_of(now.begin(), now.end(), [&](const NodeCard& node) { return node.identity_key == identity; });
}

std::vector<Json> ClusterChain::renewals() const {
  std::vector<Json> cards;
  for (const auto& [id, card] : renewals_) cards.push_back(parse_json(card));
  return cards;
}

const NodeCard* ClusterChain::find(std::string_view node_id) const { return find_in(nodes_, node_id); }

std::string ClusterChain::text() const {
  Json file = Json::object();
  file["id"] = id();
  file["documents"] = Json::array();
  for (const std::string& entry : entries_) file["documents"].push_back(parse_json(entry));
  file["cards"] = Json::array();
  for (const auto& [id, card] : renewals_) file["cards"].push_back(parse_json(card));
  if (file["cards"].empty()) file.erase("cards");  // what has not changed is read by ClusterDocument, too
  return file.dump(entries_.size() == 1 ? 2 : -1) + "\n";
}

Json ClusterChain::next(const std::vector<Json>& joins, const std::vector<std::string>& removes) const {
  std::size_t bytes = kRoom;
  for (const std::string& entry : entries_) bytes += entry.size();
  if (bytes > limits::kMaxClusterBytes)
    throw JsonError("/version", "cannot be: the documents of this cluster would be larger than its file may be");
  std::map<std::string, Json> cards;
  const Json newest = parse_json(entries_.back());
  for (const Json& card : newest.at("document").at("nodes")) cards[card.at("card").at("id").get<std::string>()] = card;
  for (const std::string& id : removes)
    if (cards.erase(id) == 0) throw JsonError("/removes", "'" + id + "' is no node of this cluster");
  for (std::size_t i = 0; i < joins.size(); ++i)
    cards[parse_signed_card(joins[i], "/joins/" + std::to_string(i)).id] = joins[i];
  Json document = Json::object();
  document["cluster"] = id();
  document["version"] = version() + 1;
  document["previous"] = to_hex(digest());
  document["nodes"] = Json::array();
  for (const auto& [id, card] : cards) document["nodes"].push_back(card);
  const auto after = parse_nodes(document["nodes"], "/nodes");
  document["joins"] = missing_in(after, document_.nodes());
  document["removes"] = missing_in(document_.nodes(), after);
  return document;
}

Json ClusterChain::next_with(const Json& offer) const {
  JsonObject object(offer, "");
  Json signed_card = Json::object();
  for (const char* member : {"card", "signature"}) signed_card[member] = object.any(member);
  const NodeCard card = parse_signed_card(signed_card);
  if (!card.identity_key.verify(consent_bytes(signed_card["card"], id()), hex_member<64>(object, "joins")))
    object.fail("joins", "is not this node's consent to be in this cluster");
  object.expect_no_more();
  if (const NodeCard* present = document_.find(card.id);
      present != nullptr && present->identity_key == card.identity_key)
    throw JsonError("/card/id", "is a node of this cluster already");
  if (const auto known = identities_.find(card.identity_key); known != identities_.end())
    throw JsonError("/card/identity_key",
                    "is or was that of node " + known->second + ": an identity key is never used again");
  auto nodes = document_.nodes();
  std::erase_if(nodes, [&](const NodeCard& node) { return node.id == card.id; });
  nodes.insert(std::upper_bound(nodes.begin(), nodes.end(), card,
                                [](const NodeCard& a, const NodeCard& b) { return a.id < b.id; }),
               card);
  if (nodes.size() > kMostVoters)
    throw JsonError("/card", "a cluster has at most " + std::to_string(kMostVoters) + " nodes");
  if (const auto shared = shared_between(nodes))
    throw JsonError("/card/" + std::string(shared->member), "is that of another node, too");
  return next({signed_card}, {});
}

Json ClusterChain::entry_of(const Json& document, const std::map<std::string, std::string>& consents,
                            const Digest& policy) {
  Json entry = Json::object();
  entry["document"] = document;
  entry["signatures"] = Json::object();
  for (const auto& [node, consent] : consents) entry["signatures"][node] = consent;
  entry["policy"] = to_hex(policy);
  entry["round"] = 0;
  entry["votes"] = Json::object();
  return entry;
}

void ClusterChain::add_vote(Json& entry, std::uint32_t round, const std::string& node, const Signature64& signature) {
  entry["round"] = round;
  entry["votes"][node] = to_hex(signature);
}

ClusterChain::Appended ClusterChain::append(const Json& entry_json, const std::string& pointer) {
  JsonObject entry(entry_json, pointer);
  const Json& json = entry.object("document");
  const std::string at = entry.pointer("document");
  const Document document = parse_document(json, id(), at);
  const Digest digest = jcs_digest(json);
  if (document.version <= version()) {
    if (digests_[static_cast<std::size_t>(document.version - 1)] == digest) return Appended::known;
    throw JsonError(at,
                    "is another document of version " + std::to_string(document.version) + " than the one in force");
  }
  if (document.version != version() + 1)
    throw JsonError(at + "/version", "does not follow version " + std::to_string(version()));
  if (document.previous != to_hex(this->digest()))
    throw JsonError(at + "/previous", "is not the newest document's digest");

  if (document.joins != missing_in(document.nodes, document_.nodes()))
    throw JsonError(at + "/joins", "must name exactly the nodes with an identity key that is new");
  if (document.removes != missing_in(document_.nodes(), document.nodes))
    throw JsonError(at + "/removes", "must name exactly the nodes whose identity key is not there any more");
  if (document.joins.empty() && document.removes.empty()) throw JsonError(at, "changes nothing");
  for (std::size_t i = 0; i < document.nodes.size(); ++i) {
    const NodeCard& card = document.nodes[i];
    const auto known = identities_.find(card.identity_key);
    const NodeCard* same = find_in(document_.nodes(), card.id);
    if (known != identities_.end() && (same == nullptr || same->identity_key != card.identity_key))
      throw JsonError(at + "/nodes/" + std::to_string(i) + "/card/identity_key",
                      "is or was that of node " + known->second + ": an identity key is never used again");
  }
  expect_no_older_cards(document, document_.nodes(), at);

  expect_joined(entry, json, document, id());
  expect_voted(entry, digest, document_);
  entry.expect_no_more();

  document_.version_ = document.version;
  document_.digest_ = digest;
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
  document_.nodes_ = parse_nodes(document.at("nodes"), "");
  for (const NodeCard& node : document_.nodes_) identities_.emplace(node.identity_key, node.id);
  apply_renewals();
}

// What a document says comes first: a card that is not newer, or not possible beside it, is forgotten.
void ClusterChain::apply_renewals() {
  std::erase_if(renewals_, [&](const auto& renewal) {
    const NodeCard card = parse_signed_card(parse_json(renewal.second));
    const NodeCard* node = document_.find(card.id);
    return node == nullptr || node->identity_key != card.identity_key || card.seq <= node->seq;
  });
  for (;;) {
    nodes_ = document_.nodes_;
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

}  // namespace quorate::policy

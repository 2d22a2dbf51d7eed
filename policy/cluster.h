// The cluster document: who the nodes are. docs/cluster.md describes the format.
//
// Circle without a knot: the policy names the cluster's id, so the cluster cannot name the policy's digest. The genesis
// document names the policy's *anchor* (its digest without the member `cluster`), so one fingerprint, the cluster id,
// binds nodes and first policy.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ed25519.h"
#include "base/json.h"
#include "base/limits.h"
#include "policy/document.h"

namespace quorate::policy {

// Of a cluster that is founded or that a node joins. Its nodes vote as one committee: one of more nodes could sign, but
// never again change its policy or its nodes, or lift a freeze.
inline constexpr std::size_t kMostVoters = limits::kMaxParties;

struct NodeCard {
  std::string id;                 // is_name()
  Ed25519PublicKey identity_key;  // signs certificates, acceptances, this card
  Bytes tls_spki;                 // DER of the SubjectPublicKeyInfo, P-256 uncompressed: 91 bytes
  std::string peers_address;      // "host:port", "[v6]:port"
  std::string rest_address;
  std::int64_t seq = 0;  // a card with a higher one replaces this one
  bool operator==(const NodeCard&) const = default;
};

// `quorate node card` prints {"card": {…}, "signature": hex}; documents carry the same.
Json make_card(const NodeCard& card);                                                  // the unsigned card
Json sign_card(const NodeCard& card, const Ed25519SecretKey& identity);                // with its signature
NodeCard parse_signed_card(const Json& signed_card, const std::string& pointer = "");  // verifies; throws JsonError

// The genesis document of these signed cards, sorted by node id. `policy_anchor`: see policy/document.h.
Json make_genesis(const std::string& cluster_name, std::vector<Json> signed_cards, const Digest& policy_anchor);
std::string cluster_id_of(
    const Json& genesis_document);  // hex SHA-256 of its JCS: the fingerprint that operators compare
Signature64 sign_genesis(const Json& genesis_document, const Ed25519SecretKey& identity);
// The content of cluster.json.
Json make_cluster_file(const Json& genesis_document,
                       const std::vector<std::pair<std::string, Signature64>>& signature_of_node);

class ClusterDocument {
 public:
  // The content of cluster.json of a cluster that has not changed (policy/cluster_chain.h reads the others): every
  // card's signature, and every node's signature of the genesis document. Throws JsonError.
  static ClusterDocument parse(std::string_view text);

  const std::string& id() const { return id_; }  // hex SHA-256 of the genesis document
  const Digest& digest() const {
    return digest_;
  }  // of the newest document: equal to id's bytes while there is only the genesis
  std::int64_t version() const { return version_; }
  const std::string& name() const { return name_; }
  const std::vector<NodeCard>& nodes() const { return nodes_; }  // sorted by id
  const NodeCard* find(std::string_view node_id) const;          // nullptr: no such node
  const NodeCard* find_by_spki(ByteView tls_spki) const;
  const Digest& policy_anchor() const { return policy_anchor_; }
  const std::string& json() const { return json_; }  // canonical text of the whole file

  // Whether this is the first policy that the genesis document fixes, for this very cluster.
  bool anchors(const PolicyDocument& policy) const;

 private:
  friend class ClusterChain;  // makes those that follow
  ClusterDocument() = default;
  std::string id_, name_, json_;
  Digest digest_{}, policy_anchor_{};
  std::int64_t version_ = 0;
  std::vector<NodeCard> nodes_;
};

}  // namespace quorate::policy

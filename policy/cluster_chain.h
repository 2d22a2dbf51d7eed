// How a cluster changes: each later document names its predecessor, holds the consent of who joins, and is in force by
// the votes of a majority of the predecessor's nodes, which have seen the admins' approvals. docs/cluster.md has the
// format and why.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cluster.h"

namespace quorate::policy {

// Of votes on what follows one state of the cluster; a node has one in each (docs/governance.md).
inline constexpr std::uint32_t kMaxVoteRounds = 16;

// What a node signs of what follows: `next` is the digest of a policy or of a cluster's document, `previous` the state
// that it follows.
std::string vote_text(std::string_view cluster, std::string_view node, std::uint32_t round, const Digest& previous,
                      const Digest& next);

// Policy and nodes change in one line of steps. A state is both documents in force; as long as the nodes are the first
// ones, which the policy binds by the cluster's id, it is the policy's digest.
Digest state_digest(const Digest& policy, std::int64_t cluster_version, const Digest& cluster);
// How many steps came before it.
inline std::int64_t state_number(std::int64_t policy_version, std::int64_t cluster_version) {
  return policy_version + cluster_version - 1;
}

// A card, and its node's word that it wants to be in this cluster: {"card", "signature", "joins"}.
Json sign_offer(const Json& signed_card, std::string_view cluster, const Ed25519SecretKey& identity);

class ClusterChain {
 public:
  explicit ClusterChain(const ClusterDocument& genesis);
  // The content of cluster.json with any number of documents. Verifies all of it from genesis on. Throws JsonError.
  static ClusterChain parse(std::string_view text);

  const std::string& id() const { return document_.id(); }
  std::int64_t version() const { return document_.version(); }
  const Digest& digest() const { return document_.digest(); }    // of the newest document
  const ClusterDocument& document() const { return document_; }  // the newest, with the cards that are in it
  const std::vector<NodeCard>& nodes() const { return nodes_; }  // their newest cards, sorted by id
  const NodeCard* find(std::string_view node_id) const;          // nullptr: no such node
  ClusterDocument with_newest_cards() const;
  ClusterDocument genesis() const;
  // That one, or what has become of it.
  bool extends(const ClusterChain& older) const;
  // It was a node's, and is no more. For good: no identity key comes back.
  bool has_left(const Ed25519PublicKey& identity) const;
  std::string text() const;            // what parse() reads
  std::vector<Json> renewals() const;  // signed cards that are newer than the document

  // The document that follows the newest one, the same wherever it is made: `joins` are signed cards of new nodes, or
  // of nodes that get a new identity key; `removes` are ids. Nobody else's card changes. Throws JsonError.
  Json next(const std::vector<Json>& joins, const std::vector<std::string>& removes) const;
  // With one node more, of whose card and consent this is (sign_offer). Throws JsonError.
  Json next_with(const Json& offer) const;

  // An entry of `documents` with all but the votes. `policy`: the digest of the one in force.
  static Json entry_of(const Json& document, const std::map<std::string, std::string>& consents, const Digest& policy);
  static void add_vote(Json& entry, std::uint32_t round, const std::string& node, const Signature64& signature);

  enum class Appended { added, known };
  // A later entry of `documents`. One that is in the chain already is known; one that would take the place of another
  // is refused. Throws JsonError and leaves the chain as it was.
  Appended append(const Json& entry, const std::string& pointer = "");

  enum class Renewed { newer, known, older };
  // A node's own card with a higher seq: its TLS key and addresses, without a vote. Its identity key stays. Throws
  // JsonError.
  Renewed renew(const Json& signed_card, const std::string& pointer = "");

 private:
  void take_over(const Json& document);  // after all checks
  void apply_renewals();

  ClusterDocument document_;
  std::vector<Digest> digests_;                         // of all documents
  std::vector<std::string> entries_;                    // JCS
  std::vector<NodeCard> nodes_;                         // of the newest document, with newer cards in their places
  std::map<std::string, std::string> renewals_;         // JCS of signed cards, by id
  std::map<Ed25519PublicKey, std::string> identities_;  // of every node there ever was: its id
};

}  // namespace quorate::policy

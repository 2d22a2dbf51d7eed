// How a cluster changes: each later document names its predecessor and is in force by the admins' approvals, the
// joining nodes' signatures, and a majority of the predecessor's nodes, who sign that they hold it. docs/cluster.md
// has the format and why.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cluster.h"

namespace quorate::policy {

// The policy that was in force under this version and digest, at some time; nullptr: there was none.
using PolicyOf = std::function<const PolicyDocument*(std::int64_t version, const Digest& digest)>;

class ClusterChain {
 public:
  explicit ClusterChain(const ClusterDocument& genesis);
  // The content of cluster.json with any number of documents. Verifies all of it from genesis on. Throws JsonError.
  static ClusterChain parse(std::string_view text, const PolicyOf& policy_of);

  const std::string& id() const { return id_; }
  std::int64_t version() const { return version_; }
  const Digest& digest() const { return digest_; }               // of the newest document
  const std::vector<NodeCard>& nodes() const { return nodes_; }  // their newest cards, sorted by id
  const NodeCard* find(std::string_view node_id) const;          // nullptr: no such node
  std::string text() const;                                      // what parse() reads

  // The document that follows the newest one, for all to sign: `joins` are signed cards of new nodes, or of nodes that
  // get a new identity key; `removes` are ids. Nobody else's card changes.
  Json next(const std::vector<Json>& joins, const std::vector<std::string>& removes) const;

  enum class Appended { added, known };
  // A later entry of `documents`. One that is in the chain already is known; one that would take the place of another
  // is refused. Throws JsonError and leaves the chain as it was.
  Appended append(const Json& entry, const PolicyOf& policy_of, const std::string& pointer = "");

  enum class Renewed { newer, known, older };
  // A node's own card with a higher seq: its TLS key and addresses, without a vote. Its identity key stays. Throws
  // JsonError.
  Renewed renew(const Json& signed_card, const std::string& pointer = "");

 private:
  void take_over(const Json& document);  // after all checks
  void apply_renewals();

  std::string id_;
  std::int64_t version_ = 1, policy_version_ = 1;
  Digest digest_{};
  std::vector<Digest> digests_;                         // of all documents
  std::vector<std::string> entries_;                    // JCS
  std::vector<NodeCard> in_document_, nodes_;           // of the newest document; with newer cards in their places
  std::map<std::string, std::string> renewals_;         // JCS of signed cards, by id
  std::map<Ed25519PublicKey, std::string> identities_;  // of every node there ever was: its id
};

// What a joining node's identity key signs of a later document.
Signature64 sign_joining(const Json& document, const Ed25519SecretKey& identity);
// What a node's identity key signs once it holds a later document that it has verified, under the policy then in force
// and no other document of that version: the intent is that of the request to change the cluster.
Signature64 sign_holding(const Json& document, const Json& intent, const Ed25519SecretKey& identity);

}  // namespace quorate::policy

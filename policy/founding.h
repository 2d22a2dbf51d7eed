// What several operators agree on before there is a cluster: the genesis document, the first policy, and the nodes'
// signatures so far. docs/operators.md is the way from one to a running cluster.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cluster.h"

namespace quorate::policy {

class Founding {
 public:
  // Nobody has signed. `first_policy`: its `version`, `previous` and `cluster` are filled in, whatever they say. Throws
  // JsonError; the pointer begins with /cards/i or /policy.
  static Founding make(const std::string& cluster_name, const std::vector<Json>& signed_cards,
                       const Json& first_policy);
  // All that is there is checked; that signatures are missing is no error. Throws JsonError.
  static Founding parse(std::string_view text);

  const std::string& id() const { return id_; }  // hex: the cluster's, the fingerprint that operators compare
  const std::string& name() const { return genesis_name_; }
  const std::vector<NodeCard>& nodes() const { return nodes_; }  // sorted by id
  const NodeCard* find(std::string_view node) const;             // nullptr: none
  const std::string& policy_jcs() const { return policy_; }
  bool has_signed(const std::string& node) const { return signatures_.contains(node); }
  std::vector<std::string> unsigned_nodes() const;

  Signature64 sign(const Ed25519SecretKey& identity) const;
  // A node's signature of this document. Throws JsonError: no such node, or not its signature.
  void add(const std::string& node, const Signature64& signature);

  std::string text() const;          // what parse() reads
  std::string cluster_file() const;  // what ClusterDocument::parse() reads; when nobody is missing
  std::string policy_file() const;

 private:
  Founding() = default;
  std::string id_, genesis_name_, document_, policy_;  // the last two: JCS
  std::vector<NodeCard> nodes_;
  std::map<std::string, Signature64> signatures_;
};

// One operator's answer to a founding: {"cluster": id, "node": …, "signature": hex}.
struct FoundingSignature {
  std::string cluster, node;
  Signature64 signature{};
};
std::string to_text(const FoundingSignature& signature);
FoundingSignature parse_founding_signature(std::string_view text);  // throws JsonError

}  // namespace quorate::policy

// Lost admin keys: what operators sign, with the identity keys of their nodes, to name new admins (docs/recovery.md).
// It holds no policy, only who the admins shall be: the policy that follows is made of the one in force, the same
// wherever it is made, so nothing else of it can change.
#pragma once
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/cluster.h"

namespace quorate::policy {

struct RecoveryAsked {
  std::string cluster;               // hex id
  Digest state{};                    // that it follows, policy and cluster: state_digest()
  std::int64_t created = 0;          // Unix seconds
  std::int64_t threshold = 0;        // the largest of all keys; 0: there are none
  std::string group;                 // the admins' from then on; nobody is in it yet
  std::int64_t min = 0;              // of them, for a change
  std::vector<Json> users;           // new ones: {"id", "key", "webauthn"}
  std::vector<std::string> members;  // users of the policy who shall be admins, too
};

class Recovery {
 public:
  // Nobody has signed. Throws JsonError.
  static Recovery make(const RecoveryAsked& asked);
  // {"recovery": {…}, "signatures": {node: hex}}; that signatures are missing is no error. Throws JsonError.
  static Recovery parse(const Json& body);
  static Recovery parse(std::string_view text);

  const RecoveryAsked& asked() const { return asked_; }
  const Digest& digest() const { return digest_; }  // of what is signed
  std::string id() const;                           // "rec_" and 32 hex digits of that
  const std::map<std::string, Signature64>& signatures() const { return signatures_; }

  Signature64 sign(const Ed25519SecretKey& identity) const;
  void add(const std::string& node, const Signature64& signature) { signatures_[node] = signature; }

  // So many nodes of this cluster must have signed.
  std::size_t needed(const ClusterDocument& cluster) const;
  // Throws JsonError: too few, not its signature, or some other cluster's node.
  void expect_signed(const ClusterDocument& cluster) const;
  // The policy that follows. Throws JsonError.
  PolicyDocument next(const PolicyDocument& before) const;

  Json json() const;         // what parse() reads
  std::string text() const;  // the same as canonical text

 private:
  Recovery() = default;
  RecoveryAsked asked_;
  std::string statement_;  // JCS
  Digest digest_{};
  std::map<std::string, Signature64> signatures_;
};

// One operator's answer: {"recovery": digest, "node": …, "signature": hex}.
struct RecoverySignature {
  std::string recovery, node;
  Signature64 signature{};
};
Json to_json(const RecoverySignature& signature);
RecoverySignature parse_recovery_signature(std::string_view text);  // throws JsonError

}  // namespace quorate::policy

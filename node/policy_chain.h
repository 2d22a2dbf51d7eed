// The versions of the policy and of the cluster, in one line of steps: what proves a step, and who may take it
// (docs/governance.md, docs/cluster.md). Pure: no clock, no store.
#pragma once
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "http/router.h"
#include "node/client_request.h"
#include "node/examine.h"
#include "policy/cluster_chain.h"
#include "policy/document.h"
#include "policy/recovery.h"

namespace quorate::node {

// A change lives so long: for people to approve it, and then its delay.
inline constexpr std::int64_t kChangeHours = 7 * 24;
inline constexpr std::uint32_t kMaxRounds = policy::kMaxVoteRounds;  // on what follows one step

// What is in force after a step.
struct InForce {
  std::shared_ptr<const policy::PolicyDocument> policy;
  std::shared_ptr<const policy::ClusterChain> cluster;
  std::int64_t number() const { return policy::state_number(policy->version(), cluster->version()); }
  Digest digest() const { return policy::state_digest(policy->digest(), cluster->version(), cluster->digest()); }
};

// One node's word on what follows: in each round it has one.
struct PolicyVote {
  BoundedText<limits::kMaxName> node;
  std::uint32_t round = 0;
  Digest next{};  // of the document
  Signature64 signature{};
  static auto fields(auto& m) { return std::tie(m.node, m.round, m.next, m.signature); }
  bool operator==(const PolicyVote&) const = default;
};
PolicyVote sign_vote(const std::string& node, std::uint32_t round, const Digest& next, const Digest& previous,
                     const std::string& cluster, const Ed25519SecretKey& identity);
// `previous`: the digest of what it follows.
bool verify_vote(const PolicyVote& vote, const Digest& previous, const policy::ClusterDocument& cluster);

inline std::size_t majority_of(const policy::ClusterDocument& cluster) { return cluster.nodes().size() / 2 + 1; }

// Whether in a round with these votes, one of each node, no document can have a majority or get one, whatever the other
// nodes have said or will say. Then, and only then, a node votes in the next round.
bool is_dead(const std::vector<Digest>& votes, std::size_t nodes);

// A step: the document is the body of the request, or follows from it.
struct PolicyLink {
  std::uint16_t version = 1;  // of this form
  ClientRequest original;     // PUT /v1/policy, or to /v1/cluster/nodes; with the admins' approvals; or request_of()
  std::uint32_t round = 0;
  Bounded<PolicyVote, limits::kMaxNodes> votes;  // a majority's, of this round
  static auto fields(auto& m) { return std::tie(m.version, m.original, m.round, m.votes); }
};

// How a step holds a recovery of the admins: nobody's call, for what counts is in its body.
ClientRequest request_of(const policy::Recovery& recovery);
// That of such a step; nullopt: it is another one. Throws JsonError.
std::optional<policy::Recovery> recovery_in(const ClientRequest& original);

// What is in force then, or why this is no step from `before`.
std::variant<InForce, std::string> follow(const InForce& before, const PolicyLink& link);

// When the change that this step is would have lived no longer, Unix seconds: nothing that somebody asks for after
// that is of `before`. It follows.
std::int64_t end_of(const policy::PolicyDocument& before, const PolicyLink& link,
                    const policy::ClusterDocument& cluster);

// All nodes of the cluster, and their majority.
std::variant<Committee, Refusal> all_nodes(const policy::ClusterDocument& cluster);

// Of examine(). Throws JsonError for a body that is no policy.
std::variant<Examined, Refusal> plan_change(Examined x, const Json& body, const policy::PolicyDocument& before,
                                            const policy::ClusterDocument& cluster);
// The same of add_node and remove_node, whose answer depends on nothing but what was asked and the documents: a node's
// newer card is no part of it.
std::variant<Examined, Refusal> plan_cluster(Examined x, const http::Match& match, const Json& body,
                                             const policy::PolicyDocument& policy, const policy::ClusterChain& before);
// An admin may ask, and so many of them must approve; who has asked is one of them, if they approve, too.
policy::Decision decide_change(const std::string& user, const policy::PolicyDocument& before);
// Any admin, alone.
policy::Decision decide_freeze(const std::string& user, const policy::PolicyDocument& policy);

}  // namespace quorate::node

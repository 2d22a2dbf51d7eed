// What every node checks of a client's request by itself, before it takes part: who asks, what exactly is asked,
// whether the policy allows it. The node that the client talks to and the nodes that it is forwarded to run the same
// function on the same bytes.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "http/message_signature.h"
#include "keygen/certificate.h"
#include "keygen/reshare_parameters.h"
#include "node/client_request.h"
#include "node/refusal.h"
#include "node/signable.h"
#include "node/world.h"
#include "policy/intent.h"
#include "policy/requests.h"
#include "session/committee.h"

namespace quorate::node {

struct CreateKeyPlan {
  policy::CreateKey body;
  Algorithm algorithm = Algorithm::unset;
  Committee committee;
};

struct SignPlan {
  storage::KeyRow key;
  std::shared_ptr<const KnownKey> known;  // what the key's certificate says
  policy::SignPayload payload;
  std::shared_ptr<const Signable> what;  // the payload as this node understands it
  std::shared_ptr<const Json> document;  // the payload as it stands in the body
  std::optional<Refusal> unfit;          // why nothing is signed now: the key is archived

  const CertificateBody& body() const { return known->certificate.body; }
};

// Refresh or reshare.
struct ResharePlan {
  storage::KeyRow key;                    // active or archived
  std::shared_ptr<const KnownKey> known;  // its certificate in force here: what would be dealt from
  policy::Reshare asked;
  // Why nothing can come of it over what is in force here, though it may have led to a certificate before.
  std::optional<Refusal> unfit;
  // Set unless it is unfit.
  Committee committee;  // the new one
  Committee all;        // its members and those of the old one: names for whoever may take part

  const CertificateBody& body() const { return known->certificate.body; }
};

// archive or unarchive.
struct StatePlan {
  storage::KeyRow key;
  std::shared_ptr<const KnownKey> known;
  bool archived = false;  // what it shall be
};

// change_policy and change_cluster: what would be in force (node/policy_chain.h). One of the two is set, none if it is
// unfit.
struct ChangePlan {
  std::shared_ptr<const policy::PolicyDocument> next;
  std::shared_ptr<const Json> cluster;  // an entry of the cluster's documents, without votes
  std::string removed;                  // the node that would be in the cluster no more
  Digest digest{};                      // of the document: what nodes vote for
  std::vector<std::string> loosens;     // why it waits; empty: it does not
  std::optional<Refusal> unfit;         // it follows another version than the one in force
  Committee committee;                  // all nodes of the cluster, and their majority
};

// freeze or unfreeze (node/freezes.h).
struct FreezePlan {
  bool freezes = false;
  std::string scope;    // kAllKeys, or the key's id
  Committee committee;  // all nodes of the cluster, and their majority; of an unfreeze
};

struct Examined {
  http::Verified who;
  std::string id;  // of the request
  policy::Kind kind = policy::Kind::unset;
  policy::Intent intent;
  std::string intent_jcs;
  Digest request_digest{};
  policy::Decision decision;
  Consent consent;
  std::uint64_t keys = 0;  // storage::Store::keys_version when its key was read
  WallTime expires{};      // by its decision; the intent names the latest end that any node may come to
  // What it adds to the sums that the policy's windows are about. Of signings.
  std::vector<policy::Charge> charges;
  std::variant<CreateKeyPlan, SignPlan, ResharePlan, StatePlan, ChangePlan, FreezePlan> plan;

  const CreateKeyPlan* create() const { return std::get_if<CreateKeyPlan>(&plan); }
  const SignPlan* sign() const { return std::get_if<SignPlan>(&plan); }
  const ResharePlan* reshare() const { return std::get_if<ResharePlan>(&plan); }
  const StatePlan* state() const { return std::get_if<StatePlan>(&plan); }
  const ChangePlan* change() const { return std::get_if<ChangePlan>(&plan); }
  const FreezePlan* freeze() const { return std::get_if<FreezePlan>(&plan); }
  // By the policy, and by the people whom it asks.
  bool allowed() const { return !consent.cancelled && (decision.allowed() || (asks_people() && consent.given())); }
  bool asks_people() const { return decision.effect == policy::Effect::approve; }
  bool waits_for_people() const { return asks_people() && !consent.cancelled && !consent.rejected && !consent.given(); }
  // It ends with a certificate, and needs all members of a committee.
  bool makes_certificate() const { return create() != nullptr || reshare() != nullptr; }
  // It moves shares.
  bool uses_shares() const { return sign() != nullptr || makes_certificate(); }
  // It changes what every node of the cluster knows, which it does by its own policy.
  bool changes_key() const { return sign() == nullptr; }
  // Names for all who may take part. Empty if outdated.
  const Committee& committee() const;
  Digest certificate() const;               // of the key in force here, which this is about; zero for a new key
  std::optional<Refusal> outdated() const;  // the plan's `unfit`
  // A signing whose messages need open gates (node/gates.h): ECDSA's.
  std::optional<GatedKey> gated() const;
};

// Never changed once it is made, and large: who keeps one shares it.
using SharedExamined = std::shared_ptr<const Examined>;
using Examination = std::variant<SharedExamined, Refusal>;
inline const Examined* seen_in(const Examination& e) {
  const auto* shared = std::get_if<SharedExamined>(&e);
  return shared != nullptr ? shared->get() : nullptr;
}

// Pure but for look-ups in this node's own database. Freshness and replay are the caller's: they depend on what it has
// seen before.
Examination examine(const ClientRequest& request, const World& world);
// The same under another version of the policy than the one in force: of what was done under it.
Examination examine(const ClientRequest& request, const World& world, const policy::PolicyDocument& policy);

// Why nothing comes of it here now: it is outdated, or what it would use is frozen. What waits for people waits on.
std::optional<Refusal> hindrance(const Examined& x, const World& world);
// The latter alone.
std::optional<Refusal> frozen(const Examined& x, const World& world);
// Why an unfreeze of this scope that was asked for then would lift nothing.
std::optional<Refusal> cannot_lift(const std::string& scope, std::int64_t created, const World& world);

// The committee of these nodes: indices 1..n in the order of their names, so that all nodes agree on it without asking.
// Refuses an unknown participant by name.
std::variant<Committee, Refusal> committee_of(const policy::ClusterDocument& cluster,
                                              const std::vector<std::string>& nodes, std::size_t threshold);

// What a decision over windows needs besides the payload.
void add_windows(policy::PolicyQuery& query, const std::string& key_id, const Committee& committee,
                 const policy::Ledger& ledger, const World& world);

Refusal refusal_of(const http::AuthError& error);

}  // namespace quorate::node

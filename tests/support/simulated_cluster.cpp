#include "tests/support/simulated_cluster.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "policy/cluster.h"
#include "policy/first_policy.h"

namespace quorate::test {

SimulatedCluster::SimulatedCluster(unsigned n, unsigned founders)
    : SimulatedCluster(n, founders == 0 ? n : founders, SeededRng(n)) {}
SimulatedCluster::~SimulatedCluster() = default;

const SimulatedCluster& SimulatedCluster::of(unsigned n, unsigned founders) {
  static std::map<std::pair<unsigned, unsigned>, std::unique_ptr<SimulatedCluster>> made;
  auto& one = made[{n, founders}];
  if (!one) one = std::make_unique<SimulatedCluster>(n, founders);
  return *one;
}

SimulatedCluster::SimulatedCluster(unsigned n, unsigned founders, SeededRng rng)
    : admin(Ed25519SecretKey::generate(rng)), approver(Ed25519SecretKey::generate(rng)) {
  QUORATE_ASSERT(n >= 2 && n <= 9);  // so that the order of names is that of numbers
  std::vector<Json> signed_cards;
  for (unsigned i = 1; i <= n; ++i) {
    identities.push_back(Ed25519SecretKey::generate(rng));
    policy::NodeCard card;
    card.id = "node" + std::to_string(i);
    card.identity_key = identities.back().public_key();
    card.tls_spki = *from_hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
    card.tls_spki.resize(91, static_cast<std::uint8_t>(i));
    card.peers_address = "127.0.0.1:" + std::to_string(7100 + i);
    card.rest_address = "127.0.0.1:" + std::to_string(7000 + i);
    card.seq = 1;
    cards.push_back(card);
    if (i <= founders) signed_cards.push_back(policy::sign_card(card, identities.back()));
  }
  const auto first = [&](const std::string& id) {
    return policy::first_policy(id, {"admin", admin.public_key()}, {"approver", approver.public_key()});
  };
  const Json genesis = policy::make_genesis("simulated", signed_cards, policy::policy_anchor(first("")));
  std::vector<std::pair<std::string, Signature64>> signatures;
  for (unsigned i = 1; i <= founders; ++i)
    signatures.emplace_back("node" + std::to_string(i), policy::sign_genesis(genesis, identities[i - 1]));
  cluster = std::make_unique<const policy::ClusterDocument>(
      policy::ClusterDocument::parse(policy::make_cluster_file(genesis, signatures).dump()));
  Json document = first(cluster->id());
  const auto parsed = [](const Json& json) {
    return std::make_unique<const policy::PolicyDocument>(policy::PolicyDocument::parse(json.dump()));
  };
  policy = parsed(document);
  document["rules"][0]["id"] = "other";
  other_policy = parsed(document);
}

}  // namespace quorate::test

#include "tests/node_simulated/reshare_world.h"

#include <algorithm>

namespace quorate::test {

People::People(std::uint64_t seed, std::initializer_list<const char*> names) {
  SeededRng rng(seed);
  for (const char* name : names) keys_.emplace(name, Ed25519SecretKey::generate(rng));
}

void People::join(Json& policy, const std::string& group) const {
  for (const auto& [name, key] : keys_)
    policy["users"].push_back(
        {{"id", name}, {"key", key.public_key().to_text()}, {"groups", {name == "eve" ? "others" : group}}});
}

Reshare::Reshare(unsigned n, std::uint64_t seed, std::vector<std::size_t> members, unsigned t,
                 const std::string& algorithm, unsigned founders)
    : sim(n, seed, founders) {
  const auto& made = sim.ask(0, sim.create("hot", t, std::move(members), algorithm));
  EXPECT_TRUE(made.succeeded()) << made.code();
  sim.settle();
  first = row(0);
  // Numbers are times: the next one lies after the first.
  sim.clock.advance(Seconds(1));
}

void Reshare::restart_under(const Json& policy) {
  policies_.push_back(std::make_unique<policy::PolicyDocument>(policy::PolicyDocument::parse(policy.dump())));
  for (std::size_t i = 0; i < sim.size(); ++i) {
    sim.policies[i] = policies_.back().get();
    sim.kill(i);
  }
  sim.heal();
  sim.run_for(Seconds(5));
}

http::SignedRequest Reshare::refresh(Json body) { return sim.request("/v1/keys/hot/refresh", body); }

http::SignedRequest Reshare::reshare(unsigned t, const std::vector<std::size_t>& members, Json more) {
  Json participants = Json::array();
  for (const std::size_t i : members) participants.push_back(sim.name(i));
  more["threshold"] = t;
  more["participants"] = std::move(participants);
  return sim.request("/v1/keys/hot/reshare", more);
}

storage::KeyRow Reshare::row(std::size_t i) { return *sim.store(i).key_by_name("hot"); }
CertificateBody Reshare::body(std::size_t i) { return decode<KeyCertificate>(row(i).certificate).body; }

void Reshare::expect_one_epoch(const std::vector<std::size_t>& members, unsigned t) {
  SCOPED_TRACE("seed " + std::to_string(sim.seed));
  const CertificateBody before = decode<KeyCertificate>(first.certificate).body;
  for (std::size_t i = 0; i < sim.size(); ++i) {
    const CertificateBody now = body(i);
    EXPECT_EQ(now.digest(), body(0).digest()) << sim.name(i) << " has another certificate";
    EXPECT_EQ(now.Y, before.Y);
    EXPECT_EQ(now.key_id, before.key_id);
    EXPECT_EQ(now.chain_code_hash, before.chain_code_hash);
    EXPECT_EQ(now.committee.threshold(), t);
    EXPECT_EQ(now.committee.size(), members.size());
    const bool member = std::find(members.begin(), members.end(), i) != members.end();
    const auto share = sim.store(i).active_share(first.id);
    EXPECT_EQ(now.committee.find(sim.name(i)) != nullptr, member);
    EXPECT_EQ(share.has_value(), member) << sim.name(i);
    if (share) {
      EXPECT_EQ(share->number, now.number);
    }
    for (const storage::ShareInfo& prepared : sim.store(i).prepared_shares())
      EXPECT_GT(prepared.number, now.number) << sim.name(i) << " keeps a share of an ended number";
  }
}

std::string why(const NodeSimulation::Submission& s) {
  const std::string text = s.record() ? s.record()->reason.text : s.refusal() ? s.refusal()->detail : "";
  return s.code() + ": " + text;
}

}  // namespace quorate::test

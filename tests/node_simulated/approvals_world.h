// A key whose every use needs two people: what the tests of approvals share.
#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/desk.h"
#include "session/context.h"
#include "tests/node_simulated/reshare_world.h"

namespace quorate::test {

inline const People& people() {
  static const People all(77, {"bob", "carol", "dave", "eve"});
  return all;
}

// What a coordinator proposes to P1 and P2 of "hot" for this request.
inline node::Propose proposal_of(const node::ClientRequest& original, const node::World& world, Rng& rng) {
  const auto x = (*node::seen_in(node::examine(original, world)));
  node::Propose p;
  p.random = rng.bytes<32>();
  p.attempt = 1;
  p.cluster_digest = world.cluster->digest();
  p.policy_version = static_cast<std::uint64_t>(world.policy->version());
  p.policy_digest = world.policy->digest();
  p.request_digest = x.request_digest;
  p.key_id = x.intent.key;
  p.certificate = x.certificate();
  p.committee = committee_hash(x.committee());
  p.threshold = 2;
  p.signers = {PartyId(1), PartyId(2)};
  p.original = original;
  return p;
}

// Key "hot" of node1, node2, node3, any two; node4 has no part in it. bob, carol and dave are the treasury, eve is
// somebody else; whatever is done with the key needs two of the treasury.
struct Approved : Reshare {
  explicit Approved(std::uint64_t seed, const std::string& algorithm = kEd25519)
      : Reshare(4, seed, {0, 1, 2}, 2, algorithm) {
    use(rules_with("two", 2));
  }

  static Json rules_with(const std::string& id, int min) {
    Json needs = Json::array({{{"group", "treasury"}, {"min", min}}});
    return Json::array(
        {{{"id", "open"}, {"if", {{"key", {"open*"}}}}, {"then", "allow"}},
         {{"id", id}, {"if", {{"by", {"group:admins"}}}}, {"then", {{"approve", needs}, {"expires_hours", 24}}}}});
  }
  void use(const Json& rules, const Json& more = Json::object()) {
    Json document = Json::parse(sim.documents.policy->jcs());
    people().join(document, "treasury");
    document["rules"] = rules;
    document.update(more);
    restart_under(document);
  }

  node::RequestRecord at(std::size_t i, const std::string& id) {
    return node::record_of(sim.store(i).request(id).value());
  }
  bool knows(std::size_t i, const std::string& id) { return sim.store(i).request(id).has_value(); }
  storage::RequestState state(std::size_t i, const std::string& id) { return at(i, id).request_state(); }

  policy::Approval signed_by(const std::string& user, const Json& intent, policy::Vote vote = policy::Vote::approve) {
    return {user, static_cast<std::uint8_t>(vote),
            people().key_of(user).sign(view_of(policy::approval_text(vote, user, intent)))};
  }
  policy::Approval vote_of(const std::string& user, const std::string& id, policy::Vote vote = policy::Vote::approve) {
    for (std::size_t i = 0; i < 4; ++i)
      if (sim.up(i) && knows(i, id)) return signed_by(user, Json::parse(at(i, id).intent.text), vote);
    throw std::runtime_error("nobody knows the request");
  }
  // What the node says of it; "no answer" while it says nothing.
  std::string tell(std::size_t i, const std::string& id, const policy::Approval& vote, Millis most = Seconds(20)) {
    const auto answer = std::make_shared<std::optional<node::Answer>>();
    sim.desk(i).approvals().vote(id, vote, [answer](const node::Answer& a) {
      EXPECT_FALSE(*answer) << "answered twice";
      *answer = a;
    });
    return ended(answer, most);
  }
  std::string cancel(std::size_t i, const std::string& id, const std::string& user = "admin") {
    const auto answer = std::make_shared<std::optional<node::Answer>>();
    sim.desk(i).approvals().cancel(id, user, sim.request("/v1/requests/" + id + "/cancel", Json::object(), "", user),
                                   [answer](const node::Answer& a) { *answer = a; });
    return ended(answer, Seconds(20));
  }
  std::string ended(const std::shared_ptr<std::optional<node::Answer>>& answer, Millis most) {
    sim.run_until([&] { return answer->has_value(); }, most);
    if (!*answer) return "no answer";
    if (const auto* refused = std::get_if<node::Refusal>(&**answer)) return refused->code;
    return std::string(storage::to_text(std::get<node::RequestRecord>(**answer).request_state()));
  }
  // Until enough nodes hold it.
  NodeSimulation::Submission& wait_for_people(std::size_t i, const http::SignedRequest& original) {
    auto& s = sim.submit(i, original);
    EXPECT_TRUE(sim.run_until([&] { return s.stored || s.answer; }, Seconds(20)));
    EXPECT_TRUE(s.stored) << s.code();
    return s;
  }
  void until_done(NodeSimulation::Submission& s) {
    sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  }
};

}  // namespace quorate::test

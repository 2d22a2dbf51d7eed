// Nodes under a council of three, two of whom decide: what the tests of governance share.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "node/desk.h"
#include "tests/node_simulated/reshare_world.h"

namespace quorate::test {

inline const People& admins() {
  static const People all(78, {"ana", "ben", "cem", "eve"});
  return all;
}

// Nodes with key "hot" of node1, node2, node3, any two. ana, ben and cem are the admins, two of them decide, and what
// loosens waits for a day; eve is somebody else. "admin" signs with "hot", and refreshes it.
struct Governed : Reshare {
  explicit Governed(unsigned n, std::uint64_t seed, unsigned delay_hours = 24, unsigned founders = 0)
      : Reshare(n, seed, {0, 1, 2}, 2, kEd25519, founders) {
    Json document = Json::parse(sim.documents.policy->jcs());
    admins().join(document, "council");
    document["admins"] = {{"group", "council"}, {"min", 2}, {"delay_hours", delay_hours}};
    restart_under(document);
  }

  Json in_force(std::size_t i) { return Json::parse(sim.world(i).policy->jcs()); }
  std::int64_t version(std::size_t i) { return sim.world(i).policy->version(); }
  Json next(std::size_t i = 0) {
    Json document = in_force(i);
    document["version"] = version(i) + 1;
    document["previous"] = to_hex(sim.world(i).policy->digest());
    return document;
  }
  Json tighter(const std::string& id = "stop", std::size_t i = 0) {
    Json document = next(i);
    const Json deny{{"id", id}, {"if", {{"kind", "archive"}}}, {"then", "deny"}};
    document["rules"].insert(document["rules"].begin(), deny);
    return document;
  }
  Json looser() {
    Json document = next();
    document["rules"].push_back({{"id", "more"}, {"if", {{"kind", "sign"}}}, {"then", "allow"}});
    return document;
  }

  http::SignedRequest signed_by(const std::string& user, http::SignedRequest r, const std::string& body,
                                std::int64_t ahead = 0) {
    r.body.assign(body.begin(), body.end());
    http::SignatureParameters p;
    p.user = user;
    p.cluster_id = sim.documents.cluster->id();
    p.created = unix_seconds(sim.clock.wall()) + ahead;
    p.nonce = "governance-nonce-" + std::to_string(1000 + ++nonces);
    return http::sign_request(std::move(r), p, admins().key_of(user));
  }
  http::SignedRequest put(const Json& document, const std::string& user = "ana",
                          std::optional<std::string> if_match = std::nullopt) {
    http::SignedRequest r;
    r.method = "PUT";
    r.target = "/v1/policy";
    r.if_match = {true, if_match.value_or(std::to_string(document["version"].get<std::int64_t>() - 1))};
    return signed_by(user, std::move(r), document.dump());
  }
  std::string propose(std::size_t i, const Json& document, const std::string& user = "ana") {
    return waiting(i, put(document, user));
  }
  std::string waiting(std::size_t i, const http::SignedRequest& original) {
    auto& s = sim.submit(i, original);
    sim.run_until([&] { return s.stored || s.answer; }, Seconds(20));
    EXPECT_TRUE(s.stored) << s.code();
    return s.id;
  }
  node::RequestRecord at(std::size_t i, const std::string& id) {
    return node::record_of(sim.store(i).request(id).value());
  }
  storage::RequestState state(std::size_t i, const std::string& id) { return at(i, id).request_state(); }
  std::string say(std::size_t i, const std::string& id, const std::string& user,
                  policy::Vote vote = policy::Vote::approve) {
    const Json intent = Json::parse(at(i, id).intent.text);
    const policy::Approval approval{user, static_cast<std::uint8_t>(vote),
                                    admins().key_of(user).sign(view_of(policy::approval_text(vote, user, intent)))};
    const auto answer = std::make_shared<std::optional<node::Answer>>();
    sim.desk(i).approvals().vote(id, approval, [answer](const node::Answer& a) { *answer = a; });
    return ended(answer);
  }
  std::string cancel(std::size_t i, const std::string& id, const std::string& user) {
    http::SignedRequest r;
    r.method = "POST";
    r.target = "/v1/requests/" + id + "/cancel";
    const auto answer = std::make_shared<std::optional<node::Answer>>();
    sim.desk(i).approvals().cancel(id, user, signed_by(user, std::move(r), "{}"),
                                   [answer](const node::Answer& a) { *answer = a; });
    return ended(answer);
  }
  std::string ended(const std::shared_ptr<std::optional<node::Answer>>& answer) {
    sim.run_until([&] { return answer->has_value(); }, Seconds(20));
    if (!*answer) return "no answer";
    if (const auto* refused = std::get_if<node::Refusal>(&**answer)) return refused->code;
    return std::string(storage::to_text(std::get<node::RequestRecord>(**answer).request_state()));
  }
  // Approved by two at two nodes.
  std::string change(std::size_t i, const Json& document) {
    const std::string id = propose(i, document);
    EXPECT_EQ(say(i, id, "ana"), "pending_approval");
    EXPECT_NE(say(i, id, "cem"), "no answer");
    return id;
  }
  bool everywhere(std::int64_t v) {
    for (std::size_t i = 0; i < sim.size(); ++i)
      if (!sim.up(i) || version(i) != v) return false;
    return true;
  }
  void expect_one_policy() {
    for (std::size_t i = 0; i < sim.size(); ++i) {
      EXPECT_EQ(in_force(i), in_force(0)) << i;
      EXPECT_FALSE(sim.desk(i).governance().fork()) << i;
      EXPECT_FALSE(sim.desk(i).governance().behind()) << i;
    }
  }

  int nonces = 0;
};

}  // namespace quorate::test

// Nodes whose admins freeze and unfreeze: what the tests of freezes share.
#pragma once
#include <nlohmann/json.hpp>

#include "node/freezes.h"
#include "tests/node_simulated/governance_world.h"

namespace quorate::test {

struct Frost : Governed {
  explicit Frost(std::uint64_t seed = 1, unsigned n = 4) : Governed(n, seed) {}

  http::SignedRequest post(const std::string& target, const std::string& scope, const std::string& user,
                           std::int64_t ahead = 0) {
    http::SignedRequest r;
    r.method = "POST";
    r.target = target;
    return signed_by(user, std::move(r), Json{{"scope", scope}}.dump(), ahead);
  }
  http::SignedRequest freeze(const std::string& scope = "hot", const std::string& user = "ana",
                             std::int64_t ahead = 0) {
    return post("/v1/freeze", scope, user, ahead);
  }
  http::SignedRequest unfreeze(const std::string& scope = "hot", const std::string& user = "ana") {
    sim.clock.advance(Seconds(1));  // of one second the freeze counts
    return post("/v1/unfreeze", scope, user);
  }
  Json frozen(std::size_t i, const http::SignedRequest& original) {
    auto& s = sim.ask(i, original);
    EXPECT_TRUE(s.succeeded()) << why(s);
    return s.succeeded() ? Json::parse(s.record()->result.text) : Json();
  }
  // Asked for and approved by two.
  std::string approved(std::size_t i, const std::string& scope = "hot") {
    const std::string id = waiting(i, unfreeze(scope));
    EXPECT_EQ(say(i, id, "ana"), "pending_approval");
    EXPECT_NE(say(i, id, "cem"), "no answer");
    return id;
  }
  std::string scope_of(const std::string& scope) { return scope == "all" ? scope : first.id; }
  bool is_frozen(std::size_t i, const std::string& scope = "hot") {
    return sim.world(i).frozen->holds(scope_of(scope));
  }
  bool everywhere(bool yes, const std::string& scope = "hot") {
    for (std::size_t i = 0; i < sim.size(); ++i)
      if (!sim.up(i) || is_frozen(i, scope) != yes) return false;
    return true;
  }
  bool becomes(bool yes, const std::string& scope = "hot", Millis within = Seconds(30)) {
    return sim.run_until([&] { return everywhere(yes, scope); }, within);
  }
  std::string sign(std::size_t i = 0, const std::string& text = "x") {
    auto& s = sim.ask(i, sim.sign("hot", text));
    return s.succeeded() ? "signed" : s.code();
  }
  void restart_all() {
    for (std::size_t i = 0; i < sim.size(); ++i)
      if (sim.up(i)) sim.kill(i);
    sim.heal();
    sim.run_for(Seconds(5));
  }
  // As node `from` would show it; who has judged it by which version is its own word.
  void show(std::size_t from, std::size_t to, const http::SignedRequest& original, const Digest& policy) {
    node::FreezeTold told;
    told.freeze.policy = policy;
    told.freeze.original = node::ClientRequest(original);
    sim.raw_send(from, to, node::envelope_of(told));
    sim.run_for(Seconds(1));
  }
  Envelope told(const http::SignedRequest& original) {
    node::FreezeTold message;
    message.freeze.policy = policy();
    message.freeze.original = node::ClientRequest(original);
    return node::envelope_of(message);
  }
  Digest policy() { return sim.world(0).policy->digest(); }
};

}  // namespace quorate::test

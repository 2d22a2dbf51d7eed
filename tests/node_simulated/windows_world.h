// A key under a policy with a window, among whole nodes: what has been signed, and what each ledger holds.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "node/api.h"
#include "node/desk.h"
#include "node/signable.h"
#include "policy/document.h"
#include "tests/node_simulated/reshare_world.h"
#include "tests/support/runs.h"
#include "transactions/addresses.h"

namespace quorate::test {

inline const std::string kSol = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/slip44:501";

// Key "hot" of the nodes `members`, any t of them; "admin" signs with it as far as the window lets him, and then as
// the rules `after` say. Everything else is open to him.
struct Windowed : Reshare {
  Windowed(unsigned n, std::uint64_t seed, const Json& window, const Json& after = Json::array(),
           std::vector<std::size_t> members = {0, 1, 2}, unsigned t = 2)
      : Reshare(n, seed, std::move(members), t) {
    Json document = Json::parse(sim.documents.policy->jcs());
    document["rules"].erase(1);
    document["rules"].push_back({{"id", "cap"}, {"if", {{"kind", "sign"}, {"window", window}}}, {"then", "allow"}});
    if (window.contains("max")) document["rules"][1]["if"]["asset"] = {kSol};
    for (const Json& rule : after) document["rules"].push_back(rule);
    people().join(document, "treasury");
    restart_under(document);
    sim.submissions.clear();
  }
  static Json count(int most, const char* mode = "announced") {
    return {{"hours", 24}, {"count", most}, {"per", "key"}, {"mode", mode}};
  }
  static Json amount(int most, const char* mode = "announced") {
    return {{"hours", 24}, {"max", std::to_string(most)}, {"per", "key"}, {"mode", mode}};
  }
  static const People& people() {
    static const People all(79, {"bob"});
    return all;
  }
  static policy::Approval vote_of_bob(const Json& intent) {
    return {"bob", static_cast<std::uint8_t>(policy::Vote::approve),
            people().key_of("bob").sign(view_of(policy::approval_text(policy::Vote::approve, "bob", intent)))};
  }

  // The policy in force at node1, to be changed into the next one.
  Json next() {
    Json document = Json::parse(sim.world(0).policy->jcs());
    document["version"] = sim.world(0).policy->version() + 1;
    document["previous"] = to_hex(sim.world(0).policy->digest());
    return document;
  }
  // Asked for and approved by "admin"; in force when the nodes have voted.
  void change(const Json& document) {
    http::SignedRequest put;
    put.method = "PUT";
    put.target = "/v1/policy";
    const std::string text = document.dump();
    put.body.assign(text.begin(), text.end());
    put.if_match = {true, std::to_string(sim.world(0).policy->version())};
    http::SignatureParameters p;
    p.user = "admin";
    p.cluster_id = sim.documents.cluster->id();
    p.created = unix_seconds(sim.clock.wall());
    p.nonce = "a-change-of-the-policy-" + std::to_string(++made);
    auto& asked = sim.submit(0, http::sign_request(std::move(put), p, sim.documents.admin));
    sim.run_until([&] { return asked.stored || asked.answer; }, Seconds(20));
    ASSERT_TRUE(asked.stored) << why(asked);
    const Json intent = Json::parse(node::record_of(*sim.store(0).request(asked.id)).intent.text);
    const policy::Approval vote{
        "admin", static_cast<std::uint8_t>(policy::Vote::approve),
        sim.documents.admin.sign(view_of(policy::approval_text(policy::Vote::approve, "admin", intent)))};
    sim.desk(0).approvals().vote(asked.id, vote, [](const node::Answer&) {});
  }

  http::SignedRequest message() { return sim.sign("hot", "message " + std::to_string(++made)); }
  // So many lamports to somebody.
  http::SignedRequest transfer(std::uint8_t lamports) {
    const auto stored = row(0);
    const auto facts = std::get<transactions::KeyFacts>(
        node::key_facts(stored, *node::KnownKeys().of(stored), "m", true, sim.world(0)));
    Bytes text{1, 0, 1, 3};
    text.insert(text.end(), facts.public_key.begin(), facts.public_key.end());
    text.insert(text.end(), 32, 9);
    text.insert(text.end(), 32, 0);
    text.insert(text.end(), 32, static_cast<std::uint8_t>(++made));  // a blockhash
    const Bytes call{1, 2, 2, 0, 1, 12, 2, 0, 0, 0, lamports, 0, 0, 0, 0, 0, 0, 0};
    text.insert(text.end(), call.begin(), call.end());
    return sim.request("/v1/keys/hot/signatures",
                       {{"payload", {{"kind", "solana_transaction"}, {"base64", to_base64(text)}}}, {"path", "m"}});
  }

  // The requests for which these nodes have let go of their last word, and how many of them. Not by the ledger.
  std::map<std::string, std::size_t> released(const std::vector<std::size_t>& nodes) {
    std::map<std::string, std::set<std::size_t>> by;
    for (const std::size_t i : nodes)
      for (const auto& record : sim.store(i).audit(0, SIZE_MAX))
        if (record.entry.kind == "released") by[record.entry.request].insert(i);
    std::map<std::string, std::size_t> all;
    for (const auto& [request, who] : by) all[request] = who.size();
    return all;
  }
  // Of the window's key. What t members have released may be signed, whatever anybody says.
  std::set<std::string> signed_requests(std::size_t t = 2) {
    std::vector<std::size_t> nodes;
    for (std::size_t i = 0; i < sim.size(); ++i) nodes.push_back(i);
    std::set<std::string> all;
    for (const auto& [request, who] : released(nodes)) {
      const auto kind = kind_of(request);
      if (who >= t && kind == "sign") all.insert(request);
    }
    for (const std::size_t i : nodes)
      for (const auto& r : sim.store(i).requests({}, 100'000, std::nullopt).items)
        if (r.state == storage::RequestState::succeeded && node::record_of(r).kind.text == "sign") all.insert(r.id);
    return all;
  }
  std::string kind_of(const std::string& request) {
    for (std::size_t i = 0; i < sim.size(); ++i)
      if (const auto r = sim.store(i).request(request)) return node::record_of(*r).kind.text;
    return "";
  }
  std::map<std::string, storage::LedgerEntry> ledger(std::size_t i) { return sim.store(i).snapshot().ledger; }
  std::size_t counted(std::size_t i) {
    std::size_t n = 0;
    for (const auto& [request, entry] : ledger(i)) n += entry.counted() ? 1 : 0;
    return n;
  }
  // How many of them have this end; the denied ones name the window's rule.
  std::size_t ended_as(const std::string& code) {
    std::size_t n = 0;
    for (const auto& s : sim.submissions) {
      const bool is = code == "succeeded" ? s->succeeded() : !s->succeeded() && s->code() == code;
      n += is ? 1 : 0;
      if (is && code == "denied") {
        EXPECT_NE(why(*s).find("cap: a node has no room in its window"), std::string::npos) << why(*s);
      }
    }
    return n;
  }

  std::uint64_t made = 0;
};

}  // namespace quorate::test

// Refresh and reshare among whole nodes: the key stays, its shares change, and there is always one epoch that signs.
#include <gtest/gtest.h>

#include "node/messages.h"
#include "node/succession.h"
#include "tests/support/node_simulation.h"
#include "tests/support/runs.h"

namespace quorate::test {
namespace {

using storage::MemoryStore;

constexpr const char* kEd25519 = "eddsa-ed25519";
constexpr const char* kBip340 = "schnorr-secp256k1";
constexpr const char* kEcdsa = "ecdsa-secp256k1";

class Reshare {
 public:
  Reshare(unsigned n, std::uint64_t seed, std::vector<std::size_t> members, unsigned t,
          const std::string& algorithm = kEd25519)
      : sim(n, seed) {
    const auto& made = sim.ask(0, sim.create("hot", t, std::move(members), algorithm));
    EXPECT_TRUE(made.succeeded()) << made.code();
    sim.settle();
    first = row(0);
    // Numbers are times: the next one lies after the first.
    sim.clock.advance(Seconds(1));
  }

  http::SignedRequest refresh(Json body = Json::object()) { return sim.request("/v1/keys/hot/refresh", body); }
  http::SignedRequest reshare(unsigned t, const std::vector<std::size_t>& members, Json more = Json::object()) {
    Json participants = Json::array();
    for (const std::size_t i : members) participants.push_back(sim.name(i));
    more["threshold"] = t;
    more["participants"] = std::move(participants);
    return sim.request("/v1/keys/hot/reshare", more);
  }

  storage::KeyRow row(std::size_t i) { return *sim.store(i).key_by_name("hot"); }
  CertificateBody body(std::size_t i) { return decode<KeyCertificate>(row(i).certificate).body; }

  // The key is what it was; every node has the same certificate in force; its members, and nobody else, have a share.
  void expect_one_epoch(const std::vector<std::size_t>& members, unsigned t) {
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

  NodeSimulation sim;
  storage::KeyRow first;
};

std::string why(const NodeSimulation::Submission& s) {
  const std::string text = s.record() ? s.record()->reason.text : s.refusal() ? s.refusal()->detail : "";
  return s.code() + ": " + text;
}

class ReshareOf : public testing::TestWithParam<const char*> {};

TEST_P(ReshareOf, RefreshChangesTheSharesAndNothingElse) {
  Reshare r(3, 1, {0, 1, 2}, 2, GetParam());
  std::vector<SecretBytes> before;
  for (std::size_t i = 0; i < 3; ++i) before.push_back(r.sim.store(i).active_share(r.first.id)->blob);
  const auto& s = r.sim.ask(1, r.refresh());
  ASSERT_TRUE(s.succeeded()) << why(s);
  EXPECT_EQ(Json::parse(s.record()->result.text)["key"]["epoch"], r.body(1).number);
  r.sim.settle();
  EXPECT_GT(r.body(0).number, 1'800'000'000'000u);  // milliseconds
  EXPECT_EQ(r.body(0).base_number, 1u);
  r.expect_one_epoch({0, 1, 2}, 2);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(r.sim.store(i).active_share(r.first.id)->blob, before[i]);
  r.sim.expect_safe();
  r.sim.expect_all_sets_sign();
}

TEST_P(ReshareOf, GrowShrinkReplace) {
  Reshare r(6, 2, {0, 1, 2}, 2, GetParam());
  struct Step {
    std::vector<std::size_t> members;
    unsigned t;
    std::size_t through;
  };
  for (const Step& step :
       {Step{{0, 1, 2, 3, 4}, 3, 0}, Step{{1, 3}, 2, 5}, Step{{0, 4, 5}, 2, 4}, Step{{0, 4, 5}, 3, 0}}) {
    const auto& s = r.sim.ask(step.through, r.reshare(step.t, step.members));
    ASSERT_TRUE(s.succeeded()) << why(s);
    r.sim.settle();
    r.expect_one_epoch(step.members, step.t);
    r.sim.expect_safe();
    r.sim.expect_all_sets_sign();
    r.sim.clock.advance(Seconds(1));
  }
}
INSTANTIATE_TEST_SUITE_P(, ReshareOf, testing::Values(kEd25519, kBip340, kEcdsa), [](const auto& of) {
  return std::string(of.param).substr(0, std::string_view(of.param).find('-'));
});

TEST(NodeReshare, WhoWasAwayLearnsOfItAndDeletesItsShare) {
  Reshare r(5, 3, {0, 1, 2}, 2);
  r.sim.kill(2);  // an old member that is to leave
  r.sim.kill(4);  // a node that has never had a share
  for (const unsigned t : {2u, 3u}) {
    const auto& s = r.sim.ask(0, r.reshare(t, {0, 1, 3}));
    ASSERT_TRUE(s.succeeded()) << s.code();
    r.sim.clock.advance(Seconds(1));
  }
  r.sim.settle();  // starts them again
  r.expect_one_epoch({0, 1, 3}, 3);
  r.sim.expect_all_sets_sign();
}

TEST(NodeReshare, OneDealerLessThanMembersIsEnough) {
  Reshare r(4, 4, {0, 1, 2}, 2);
  r.sim.kill(0);
  const auto& s = r.sim.ask(3, r.reshare(2, {1, 2, 3}));
  ASSERT_TRUE(s.succeeded()) << s.code();
  r.sim.settle();
  r.expect_one_epoch({1, 2, 3}, 2);
}

TEST(NodeReshare, EveryNewMemberMustBeThere) {
  Reshare r(4, 5, {0, 1, 2}, 2);
  r.sim.kill(3);
  const auto& s = r.sim.ask(0, r.reshare(2, {0, 1, 3}));
  ASSERT_NE(s.record(), nullptr);
  EXPECT_EQ(s.record()->code.text, "no_quorum");
  ASSERT_EQ(s.record()->silent.size(), 1u);
  EXPECT_EQ(s.record()->silent[0].text, "node4");
  r.sim.settle();
  EXPECT_EQ(r.body(0).number, 1u);
  r.sim.expect_all_sets_sign();
}

TEST(NodeReshare, ForACertificateThatIsNoLongerInForce) {
  Reshare r(3, 6, {0, 1, 2}, 2);
  const Json named{{"certificate", to_hex(r.body(0).digest())}};
  const auto& s = r.sim.ask(0, r.refresh(named));
  ASSERT_TRUE(s.succeeded()) << s.code();
  r.sim.settle();
  const std::uint64_t number = r.body(0).number;
  const auto& late = r.sim.ask(1, r.refresh(named));
  ASSERT_NE(late.refusal(), nullptr);
  EXPECT_EQ(late.refusal()->status, 409);
  EXPECT_EQ(late.refusal()->code, "other_certificate");
  r.sim.settle();
  EXPECT_EQ(r.body(2).number, number);
  // The request that has led to it is answered again as it was.
  const auto& again = r.sim.ask(2, s.original);
  EXPECT_TRUE(again.succeeded()) << again.code();
  EXPECT_EQ(r.body(2).number, number);
}

TEST(NodeReshare, SigningGoesOnMeanwhile) {
  for (std::uint64_t seed = 0; seed < runs(20); ++seed) {
    Reshare r(5, 100 + seed, {0, 1, 2}, 2);
    r.sim.submit(seed % 5, r.reshare(seed % 2 + 2, {1, 2, 3, 4}));
    for (int k = 0; k < 12; ++k) {
      r.sim.submit(r.sim.rng().below(5), r.sim.sign("hot", "number " + std::to_string(k)));
      for (std::uint64_t steps = r.sim.rng().below(60); steps > 0; --steps) r.sim.step();
      if (k % 4 == 3) r.sim.tick();
    }
    r.sim.settle();
    for (const auto& s : r.sim.submissions) EXPECT_TRUE(s->succeeded()) << "seed " << seed << ": " << why(*s);
    r.expect_one_epoch({1, 2, 3, 4}, static_cast<unsigned>(seed % 2 + 2));
    r.sim.expect_safe();
  }
}

// attacks 4, 47: what a coordinator proposes is compared with what the receiver finds by itself.
TEST(NodeReshare, AProposalThatDiffersIsRefused) {
  using node::Propose;
  const std::vector<std::pair<std::string, std::function<void(Propose&)>>> changes{
      {"context_mismatch", [](Propose& p) { p.committee[0] ^= 1; }},
      {"context_mismatch", [](Propose& p) { p.threshold = 3; }},
      {"context_mismatch", [](Propose& p) { p.request_digest[0] ^= 1; }},
      {"context_mismatch", [](Propose& p) { p.signers.pop_back(); }},         // too few dealers
      {"context_mismatch", [](Propose& p) { p.signers[1] = p.signers[0]; }},  // one twice
      {"context_mismatch", [](Propose& p) { p.signers[0] = PartyId(4); }},    // no old member
      {"context_mismatch", [](Propose& p) { p.number = 1; }},
      {"context_mismatch", [](Propose& p) { p.number = 0; }},
      {"expired", [](Propose& p) { p.number -= 600'000; }},      // before the request
      {"expired", [](Propose& p) { p.number += 600'000'000; }},  // long after it
      {"other_certificate", [](Propose& p) { p.certificate[0] ^= 1; }},
  };
  for (const auto& [code, alter] : changes) {
    const auto& change = alter;
    Reshare r(4, 10, {0, 1, 2}, 2);
    std::set<std::string> codes;
    r.sim.tap = [&](NodeSimulation::Sent s) {
      if (s.envelope.tag == node::Refuse::tag && s.from == "node4")
        codes.insert(decode<node::Refuse>(s.envelope.body).code);
      if (s.envelope.tag == Propose::tag && s.to == "node4") {
        auto p = decode<Propose>(s.envelope.body);
        change(p);
        s.envelope = node::envelope_of(p);
      }
      return std::vector<NodeSimulation::Sent>{std::move(s)};
    };
    r.sim.evil[0] = true;
    const auto& s = r.sim.ask(0, r.reshare(2, {1, 2, 3}));
    EXPECT_FALSE(s.succeeded());
    EXPECT_EQ(codes, std::set<std::string>{code});
    r.sim.tap = nullptr;
    r.sim.settle();
    EXPECT_EQ(r.body(1).number, 1u);
    EXPECT_TRUE(r.sim.store(3).prepared_shares().empty());
  }
}

// Holders of the key, all corrupt, make another certificate out of a request that was served: nobody takes it.
TEST(NodeReshare, ARequestLeadsToOneCertificate) {
  Reshare r(4, 11, {1, 2}, 2);
  const auto& asked = r.sim.ask(0, r.reshare(2, {1, 2}));
  ASSERT_TRUE(asked.succeeded()) << why(asked);
  r.sim.settle();
  const auto before = decode<KeyCertificate>(r.row(0).certificate);
  const auto forge = [&](const std::function<void(CertificateBody&)>& change, const http::SignedRequest& original,
                         const std::string& id) {
    KeyCertificate c;
    c.body = before.body;
    c.body.base_number = before.body.number;
    c.body.base_digest = before.body.digest();
    ++c.body.number;
    change(c.body);
    for (const Member& m : c.body.committee.members())
      c.signatures.push_back(sign_certificate(c.body, r.sim.documents.identities[r.sim.index_of(m.node)]));
    for (const unsigned i : {1u, 2u}) c.signatures.push_back(sign_dealing(c.body, r.sim.documents.identities[i]));
    EXPECT_TRUE(verify_certificate(c));
    node::CertificateChain chain;
    chain.key_id = r.first.id;
    node::CertificateLink link;
    const SecretBytes bytes = encode(c);
    link.certificate.assign(bytes.begin(), bytes.end());
    link.request = id;
    link.original = original;
    chain.links.push_back(link);
    r.sim.log.clear();
    r.sim.raw_send(1, 0, node::envelope_of(chain));
    r.sim.quiesce();
    EXPECT_EQ(r.body(0).digest(), before.body.digest());
    std::string said;
    for (const std::string& line : r.sim.log) said += line + "\n";
    return said;
  };
  const auto as_it_is = [](CertificateBody&) {};
  EXPECT_NE(forge(as_it_is, asked.original, asked.id).find("served before"), std::string::npos);
  EXPECT_NE(forge(as_it_is, asked.original, "req_" + std::string(32, '0')).find("policy allows"), std::string::npos);
  const auto other = r.reshare(2, {1, 2, 3});
  EXPECT_NE(forge(as_it_is, other, asked.id).find("policy allows"), std::string::npos);
  const auto creation = decode<node::KeyRecord>(r.first.record);
  EXPECT_NE(forge(as_it_is, creation.original, creation.request).find("policy allows"), std::string::npos);
  // A request that the policy does not allow.
  const auto denied = r.sim.request("/v1/keys/hot/refresh", Json::object(), "", "approver");
  const auto& refused = r.sim.ask(0, denied);
  EXPECT_NE(forge(as_it_is, denied, refused.id).find("policy allows"), std::string::npos);
}

struct Change {
  std::vector<std::size_t> members;
  unsigned t;
};
const std::vector<Change> kChanges{{{0, 1, 2}, 2}, {{0, 1, 2, 3}, 3}, {{0, 1}, 2}, {{3, 4, 5}, 2}};

// After whatever happened: the old epoch or the new one, the same everywhere, and it signs.
void expect_old_or_new(Reshare& r, const Change& change) {
  r.sim.settle();
  if (r.body(0).number == 1)
    r.expect_one_epoch({0, 1, 2}, 2);
  else
    r.expect_one_epoch(change.members, change.t);
  r.sim.expect_safe();
  r.sim.expect_all_sets_sign();
  if (testing::Test::HasFailure())
    for (const std::string& line : r.sim.log) std::cerr << line << "\n";
}

// Attack 44: whoever sends the k-th message dies instead.
TEST(NodeReshare, ACrashAtEveryMessage) {
  for (const Change& change : kChanges) {
    std::size_t done = 0;
    for (std::uint64_t k = 1; !testing::Test::HasFailure(); k += 1 + k / 20) {
      SCOPED_TRACE("message " + std::to_string(k));
      Reshare r(6, 7, {0, 1, 2}, 2);
      const std::uint64_t before = r.sim.sent;
      r.sim.submit(5, r.reshare(change.t, change.members));
      r.sim.kill_at_message = before + k;
      r.sim.run_for(Seconds(2));
      const bool killed = r.sim.sent >= before + k;
      r.sim.kill_at_message = 0;
      expect_old_or_new(r, change);
      done += r.body(0).number != 1;
      if (!killed) break;
    }
    EXPECT_GT(done, 1u);
  }
}

// Each node in turn at each of its writes, before and after it is durable.
TEST(NodeReshare, ACrashAtEveryWrite) {
  for (const Change& change : kChanges)
    for (std::size_t i = 0; i < 6; ++i)
      for (const auto point : {MemoryStore::Point::before_durable, MemoryStore::Point::after_durable})
        for (std::size_t k = 1; !testing::Test::HasFailure(); ++k) {
          SCOPED_TRACE("node " + std::to_string(i + 1) + ", write " + std::to_string(k));
          Reshare r(6, 8, {0, 1, 2}, 2);
          const std::size_t before = r.sim.store(i).commits();
          r.sim.store(i).fail_at(k, point);
          r.sim.submit(5, r.reshare(change.t, change.members));
          r.sim.run_for(Seconds(2));
          const bool died = !r.sim.up(i);
          r.sim.store(i).fail_at(0);
          const bool all = !died && r.sim.store(i).commits() < before + k;
          expect_old_or_new(r, change);
          if (all) break;
        }
}

}  // namespace
}  // namespace quorate::test

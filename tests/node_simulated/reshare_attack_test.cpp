// Coordinators, dealers and members of a refresh or reshare that do not do what they should.
#include "node/keys.h"
#include "node/succession.h"
#include "tests/node_simulated/reshare_world.h"

namespace quorate::test {
namespace {

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

// A number is only worth something to who signs it: a dealer that leaves cannot use them all up.
TEST(NodeReshare, ALeavingDealerHasNoSayInTheNumber) {
  std::size_t asked = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Reshare r(5, 30 + seed, {0, 1, 2}, 2);
    r.sim.evil[0] = true;
    r.sim.tap = [&](NodeSimulation::Sent s) {
      if (s.from == "node1" && s.envelope.tag == node::Accept::tag) {
        node::Refuse refuse;
        refuse.random = decode<node::Accept>(s.envelope.body).random;
        refuse.code = "number_used";
        refuse.number = 1'900'000'000'000;
        s.envelope = node::envelope_of(refuse);
        ++asked;
      }
      return std::vector<NodeSimulation::Sent>{std::move(s)};
    };
    const auto& s = r.sim.ask(4, r.reshare(2, {2, 3, 4}));
    EXPECT_TRUE(s.succeeded()) << why(s);
    r.sim.tap = nullptr;
    r.sim.settle();
    EXPECT_LT(r.body(4).number, 1'900'000'000'000u);
  }
  EXPECT_GT(asked, 0u);
}

// A new member accuses a dealer that leaves; the coordinator, which saw nothing of it, asks other dealers.
TEST(NodeReshare, ALeavingDealerWithABadShareIsReplaced) {
  std::size_t spoilt = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    Reshare r(6, 50 + seed, {0, 1, 2}, 2);
    r.sim.evil[0] = true;
    r.sim.tap = [&](NodeSimulation::Sent s) {
      if (s.from == "node1" && s.to == "node4" && s.envelope.tag == "reshare/share/1") {
        s.envelope.body[s.envelope.body.size() - 2] ^= 1;
        ++spoilt;
      }
      return std::vector<NodeSimulation::Sent>{std::move(s)};
    };
    const auto& s = r.sim.ask(5, r.reshare(2, {2, 3, 4}));
    EXPECT_TRUE(s.succeeded()) << why(s);
    r.sim.settle();
    EXPECT_NE(r.body(5).number, 1u);
    r.sim.expect_safe();
  }
  EXPECT_GT(spoilt, 0u);
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

}  // namespace
}  // namespace quorate::test

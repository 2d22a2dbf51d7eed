// What ends with an epoch: its shares, its pairs' secrets, its quarantines and strikes; and what a member with
// something to hide cannot do about it.
#include "keygen/reshare.h"
#include "node/keys.h"
#include "node/session_host.h"
#include "node/succession.h"
#include "signing/ecdsa.h"
#include "tests/node_simulated/reshare_world.h"

namespace quorate::test {
namespace {

using State = node::Gates::State;

std::vector<Sent> alone(Sent s) {
  std::vector<Sent> out;
  out.push_back(std::move(s));
  return out;
}

// An ECDSA key whose second holder may cheat the first: its OT extensions fail the check.
struct CheatedPair : Reshare {
  explicit CheatedPair(std::uint64_t seed) : Reshare(4, seed, {0, 1, 2}, 2, kEcdsa) {
    old = {first.id, decode<KeyCertificate>(first.certificate).body.digest()};
    sim.tap = [this](Sent s) {
      if (s.from == "node2" && s.to == "node1" && s.envelope.tag == ecdsa::Round1::tag) {
        if (cheating) {
          auto message = decode<ecdsa::Round1>(s.envelope.body);
          message.extension.x_check[0] ^= 1;
          s.envelope.body = encode(message);
        }
        if (late) {
          kept.push_back(std::move(s.envelope));
          return std::vector<Sent>{};
        }
      }
      return alone(std::move(s));
    };
  }
  // One of the pair's failed checks, and its quarantine on every node.
  void quarantine() {
    cheating = true;
    sim.evil[1] = true;
    sim.isolate({0, 1});
    sim.quiesce();
    EXPECT_FALSE(sim.ask(0, sim.sign("hot", "with node2")).succeeded());
    cheating = false;
    sim.connect_all();
    sim.settle();
    for (const std::size_t i : {0u, 1u, 2u}) EXPECT_EQ(sim.store(i).quarantines(first.id).size(), 1u) << sim.name(i);
  }
  // node1 dies amid a signing with node2.
  void strike() {
    sim.isolate({0, 1});
    sim.quiesce();
    sim.submit(0, sim.sign("hot", "cut short"));
    for (int steps = 0; sim.host(0).running() == 0 && steps < 100'000; ++steps)
      if (!sim.step()) sim.tick();
    sim.kill(0);
    sim.settle();
    EXPECT_EQ(sim.store(0).strikes(first.id, old.certificate, "node2"), 1u);
  }
  // Nothing is left that speaks of the old certificate's pairs, on any node.
  void expect_forgiven() {
    for (std::size_t i = 0; i < sim.size(); ++i) {
      const auto content = sim.store(i).snapshot();
      EXPECT_TRUE(content.quarantines.empty()) << sim.name(i);
      EXPECT_TRUE(content.strikes.empty()) << sim.name(i);
      EXPECT_TRUE(sim.store(i).metas("signing/", "", 1).empty()) << sim.name(i);
    }
    for (const std::size_t i : {0u, 1u}) {
      sim.isolate({0, 1});
      sim.quiesce();
      const auto& s = sim.ask(i, sim.sign("hot", "the two alone, through " + sim.name(i)));
      ASSERT_TRUE(s.succeeded()) << why(s);
      EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node2"}));
      sim.connect_all();
      sim.quiesce();
    }
    EXPECT_FALSE(sim.gates(0).stopped(first.id));
  }

  node::GatedKey old;
  bool cheating = false, late = false;
  std::vector<Envelope> kept;  // of node2 to node1, while it is late
};

Bytes bytes_of_all(const storage::MemoryStore::Content& content) {
  Bytes all;
  const auto add = [&](const auto& bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); };
  for (const auto& [id, row] : content.requests) add(row.record);
  for (const auto& [id, row] : content.keys) add(row.certificate), add(row.record);
  for (const auto& [place, row] : content.shares) add(row.blob), add(row.record);
  for (const auto& [name, value] : content.metas) add(value.first);
  for (const auto& record : content.audit) add(record.entry.text);
  return all;
}
bool holds(const Bytes& all, const SecretBytes& part) {
  return std::search(all.begin(), all.end(), part.begin(), part.end()) != all.end();
}
// Of this node's share: x_i, and the seed, Δ and one OT key of each pair.
std::vector<SecretBytes> secrets_of(Reshare& r, std::size_t i) {
  const CertificateBody body = r.body(i);
  const auto row = r.sim.store(i).active_share(r.first.id);
  const auto points = KeyPoints<Secp256k1>::of(body).value();
  const auto share = stored_ecdsa_share(row->blob, body, points, body.committee.find(r.sim.name(i))->id);
  std::vector<SecretBytes> secrets;
  secrets.push_back(encode(share->share.x_i));
  for (const PairSecrets& pair : share->pairwise) {
    secrets.push_back(encode(pair.seed));
    secrets.push_back(encode(pair.as_A.delta));
    secrets.push_back(encode(pair.as_B.k[127][1]));
  }
  return secrets;
}

// attack 46
TEST(ReshareEpoch, OldSharesAndPairsAreNoLongerStored) {
  CheatedPair r(1);
  std::vector<SecretBytes> secrets;
  for (const std::size_t i : {0u, 1u, 2u}) {
    const Bytes all = bytes_of_all(r.sim.store(i).snapshot());
    for (SecretBytes& secret : secrets_of(r, i)) {
      EXPECT_TRUE(holds(all, secret));
      secrets.push_back(std::move(secret));
    }
  }
  ASSERT_EQ(secrets.size(), 3u * (1 + 2 * 3));
  const auto& s = r.sim.ask(3, r.reshare(2, {0, 1, 3}));
  ASSERT_TRUE(s.succeeded()) << why(s);
  r.sim.settle();
  r.expect_one_epoch({0, 1, 3}, 2);
  for (std::size_t i = 0; i < 4; ++i) {
    const Bytes all = bytes_of_all(r.sim.store(i).snapshot());
    for (const SecretBytes& secret : secrets) EXPECT_FALSE(holds(all, secret)) << r.sim.name(i);
  }
  r.sim.expect_all_sets_sign();
}

// attacks 21, 46
TEST(ReshareEpoch, AQuarantinedPairSignsAgain) {
  CheatedPair r(2);
  r.strike();
  r.quarantine();
  r.sim.isolate({0, 1});
  r.sim.quiesce();
  EXPECT_FALSE(r.sim.ask(0, r.sim.sign("hot", "not yet")).succeeded());
  r.sim.connect_all();
  r.sim.quiesce();

  const auto& s = r.sim.ask(0, r.refresh());
  ASSERT_TRUE(s.succeeded()) << why(s);
  r.sim.settle();
  r.expect_one_epoch({0, 1, 2}, 2);
  const node::GatedKey now{r.first.id, r.body(0).digest()};
  EXPECT_EQ(r.sim.gates(0).state(r.old, {"node2"}), State::closed);  // for as long as anything of it may still run
  EXPECT_EQ(r.sim.gates(0).state(now, {"node2"}), State::open);
  r.expect_forgiven();
  for (const std::size_t i : {0u, 1u, 2u}) r.sim.kill(i);
  r.sim.settle();
  r.expect_forgiven();
  r.sim.expect_all_sets_sign();
}

// A node that was away knows the old quarantine, and tells of it: nobody takes it back.
TEST(ReshareEpoch, WhoWasAwayBringsNoQuarantineBack) {
  CheatedPair r(3);
  r.quarantine();
  r.sim.kill(2);
  const auto& s = r.sim.ask(3, r.reshare(2, {0, 1, 3}));
  ASSERT_TRUE(s.succeeded()) << why(s);
  r.sim.quiesce();
  EXPECT_EQ(r.sim.store(2).quarantines(r.first.id).size(), 1u);
  r.sim.settle();
  r.expect_one_epoch({0, 1, 3}, 2);
  r.expect_forgiven();
}

// A session of the old epoch goes on while the new one comes into force, and its node dies: no strike comes of it.
TEST(ReshareEpoch, ASigningThatOutlivesItsEpochIsNoStrike) {
  CheatedPair r(4);
  r.late = true;
  r.sim.isolate({0, 1});
  r.sim.quiesce();
  r.sim.submit(0, r.sim.sign("hot", "slow"));
  r.sim.quiesce();
  r.sim.connect_all();
  ASSERT_FALSE(r.kept.empty());
  ASSERT_FALSE(r.sim.store(0).metas("signing/", "", 1).empty());
  r.sim.submit(1, r.refresh());
  r.sim.quiesce();
  ASSERT_NE(r.body(0).number, 1u);
  ASSERT_FALSE(r.sim.store(0).metas("signing/", "", 1).empty());
  r.sim.kill(0);
  r.late = false;
  r.sim.settle();
  r.expect_forgiven();
  r.sim.expect_safe();
}

// And its check fails: nothing is to be stored of it any more, so the key does not stop for want of it.
TEST(ReshareEpoch, ACheckThatFailsAfterItsEpochQuarantinesNobody) {
  CheatedPair r(5);
  r.late = r.cheating = true;
  r.sim.evil[1] = true;
  r.sim.isolate({0, 1});
  r.sim.quiesce();
  r.sim.submit(0, r.sim.sign("hot", "slow and wrong"));
  r.sim.quiesce();
  r.sim.connect_all();
  r.sim.submit(1, r.refresh());
  r.sim.quiesce();
  ASSERT_NE(r.body(0).number, 1u);
  r.late = r.cheating = false;
  ASSERT_EQ(r.kept.size(), 1u);
  r.sim.raw_send(1, 0, std::move(r.kept[0]));
  r.sim.quiesce();
  EXPECT_EQ(r.sim.gates(0).state(r.old, {"node2"}), State::closed);
  r.sim.settle();
  r.expect_forgiven();
  r.sim.expect_all_sets_sign();
}

// ---- a member that withholds its signature

// node3 says nothing of new certificates, except what the test has it say.
struct Withheld : Reshare {
  explicit Withheld(std::uint64_t seed, const char* algorithm) : Reshare(4, seed, {0, 1, 2}, 2, algorithm) {
    sim.evil[2] = true;
    sim.tap = [this](Sent s) {
      const std::string& tag = s.envelope.tag;
      const bool tells = tag == ReshareRound5::tag || tag == node::CertificateSignature::tag ||
                         tag == node::CertificateChain::tag || tag == node::KeyList::tag || tag == node::Report::tag ||
                         tag == node::Outcome::tag;
      if (s.from == "node3" && tells && s.to != confidant) return std::vector<Sent>{};
      if (s.to == "node3" && tells && pretends) return std::vector<Sent>{};
      return alone(std::move(s));
    };
  }
  // The certificate that node1 has prepared with this request's number, complete.
  node::CertificateChain complete(const NodeSimulation::Submission& asked, std::uint64_t number) {
    const auto share = sim.store(0).share(first.id, number);
    const auto record = node::prepared_record(first.id, share->record);
    const CertificateBody body = *node::prepared_body(sim.store(0), first.id, number);
    KeyCertificate c;
    c.body = body;
    for (const Member& m : body.committee.members())
      c.signatures.push_back(sign_certificate(body, sim.documents.identities[sim.index_of(m.node)]));
    c.signatures.insert(c.signatures.end(), record->dealers.begin(), record->dealers.end());
    EXPECT_TRUE(verify_certificate(c));
    node::CertificateChain chain;
    chain.key_id = first.id;
    node::CertificateLink link;
    const SecretBytes bytes = encode(c);
    link.certificate.assign(bytes.begin(), bytes.end());
    link.request = asked.id;
    link.original = asked.original;
    chain.links.push_back(link);
    return chain;
  }
  std::string confidant;  // the one node to which it does
  bool pretends = false;  // that it has not heard of any either
};

class Withholder : public testing::TestWithParam<const char*> {};

// attack 43: an acknowledgement for one member alone, or the complete certificate for one node that is none. All learn
// of it there; if nobody was told, all stay with what they have.
TEST_P(Withholder, WhoAcknowledgesToOneOnlySplitsNobody) {
  for (const std::string confidant : {"node1", "node2", "node4", ""}) {
    Withheld r(1, GetParam());
    r.confidant = confidant;
    r.sim.submit(2, r.refresh());  // nor does it tell how the request has ended
    r.sim.quiesce();
    r.sim.settle();
    for (const std::size_t i : {0u, 1u, 3u}) {
      EXPECT_EQ(r.body(i).number != 1, !confidant.empty()) << r.sim.name(i) << ", told: " << confidant;
      EXPECT_EQ(r.body(i).digest(), r.body(0).digest());
    }
    r.sim.expect_safe();
    r.sim.isolate({0, 1});
    r.sim.quiesce();
    const auto& s = r.sim.ask(0, r.sim.sign("hot", "the honest two"));
    EXPECT_TRUE(s.succeeded()) << confidant << ": " << why(s);
  }
}

// attack 43: two certificates, withheld and then shown, each to another honest member first. The greater one wins, and
// every share of it is there.
TEST_P(Withholder, WhoShowsTwoCertificatesSplitsNobody) {
  for (const bool lesser_first : {false, true}) {
    Withheld r(2, GetParam());
    r.pretends = true;
    std::vector<node::CertificateChain> chains;
    std::vector<std::uint64_t> numbers;
    for (int attempt = 0; attempt < 2; ++attempt) {
      const auto& asked = r.sim.ask(0, r.refresh(), Seconds(200));
      EXPECT_FALSE(asked.succeeded());
      ASSERT_EQ(r.body(0).number, 1u);
      std::uint64_t number = 0;
      for (const storage::ShareInfo& share : r.sim.store(0).prepared_shares()) number = std::max(number, share.number);
      ASSERT_NE(number, 0u);
      ASSERT_TRUE(numbers.empty() || number > numbers.back());
      numbers.push_back(number);
      chains.push_back(r.complete(asked, number));
      r.sim.clock.advance(Seconds(1));
    }
    r.sim.net().cut("node1", "node2");
    r.sim.quiesce();
    r.sim.raw_send(2, 0, node::envelope_of(chains[lesser_first ? 0 : 1]));
    r.sim.raw_send(2, 1, node::envelope_of(chains[lesser_first ? 1 : 0]));
    r.sim.quiesce();
    r.sim.settle();
    for (const std::size_t i : {0u, 1u, 3u}) EXPECT_EQ(r.body(i).number, numbers[1]) << r.sim.name(i);
    r.sim.tap = nullptr;
    r.sim.kill(2);
    r.sim.settle();
    r.expect_one_epoch({0, 1, 2}, 2);
    r.sim.expect_safe();
    r.sim.expect_all_sets_sign();
  }
}
INSTANTIATE_TEST_SUITE_P(ReshareEpoch, Withholder, testing::Values(kEd25519, kBip340, kEcdsa), [](const auto& of) {
  return std::string(of.param).substr(0, std::string_view(of.param).find('-'));
});

}  // namespace
}  // namespace quorate::test

// Key certificates that nobody asked for, that do not verify, or that come in the place of another.
#include <nlohmann/json.hpp>

#include "crypto/point.h"
#include "keygen/certificate.h"
#include "node/examine.h"
#include "node/keys.h"
#include "tests/node_simulated/attack_world.h"

namespace quorate::test {
namespace {

// A certificate of `honest`'s key that node2 and node3 alone have agreed on; nothing is wrong with it but that.
KeyCertificate certificate_of_two(const NodeSimulation& sim, const CertificateBody& honest, SeededRng& rng,
                                  const std::function<void(CertificateBody&)>& change) {
  const Scalar<Ed25519> a = Scalar<Ed25519>::random(rng), b = Scalar<Ed25519>::random(rng);
  const auto encoded = [](const Point<Ed25519>& P) {
    const auto bytes = P.bytes();
    return EncodedPoint(bytes.begin(), bytes.end());
  };
  KeyCertificate c;
  c.body = honest;
  Members members;
  for (unsigned i = 1; i <= 2; ++i)
    members.push_back({PartyId(i), "node" + std::to_string(i + 1), sim.documents.identities[i].public_key()});
  c.body.committee = *Committee::make(2, members);
  c.body.Y = encoded(Point<Ed25519>::base(a));
  c.body.X.clear();
  for (unsigned i = 1; i <= 2; ++i)
    c.body.X.push_back(encoded(Point<Ed25519>::base(a + Scalar<Ed25519>::from_u64(i) * b)));
  change(c.body);
  for (unsigned i = 1; i <= 2; ++i) c.signatures.push_back(sign_certificate(c.body, sim.documents.identities[i]));
  if (c.body.base_number != 0)
    for (unsigned i = 1; i <= 2; ++i) c.signatures.push_back(sign_dealing(c.body, sim.documents.identities[i]));
  EXPECT_TRUE(verify_certificate(c));
  return c;
}
CertificateComplete complete_with(const KeyCertificate& c, const KeyRecord& record) {
  CertificateComplete complete;
  const SecretBytes bytes = encode(c);
  complete.certificate.assign(bytes.begin(), bytes.end());
  complete.request = record.request;
  complete.original = record.original;
  return complete;
}

// Two corrupt nodes agree with each other on any key they like: a complete certificate alone proves no more than that
// (attack 18).
TEST(Attack, ACertificateThatOnlyItsSignersWantChangesNothing) {
  World3 sim(2);
  const auto row = sim.active_keys(0).at(0);
  const auto honest = decode<KeyCertificate>(row.certificate);
  const auto record = decode<KeyRecord>(row.record);  // somebody else's request does not help
  SeededRng rng(7);
  const auto try_with = [&](const std::function<void(CertificateBody&)>& change) {
    sim.raw_send(2, 0, envelope_of(complete_with(certificate_of_two(sim, honest.body, rng, change), record)));
    sim.quiesce();
    ASSERT_EQ(sim.active_keys(0).size(), 1u);
    EXPECT_EQ(sim.active_keys(0).at(0).certificate, row.certificate);
  };
  try_with([](CertificateBody&) {});                                           // over the active key, its number
  try_with([](CertificateBody& b) { b.number = 2; });                          // a higher one
  try_with([](CertificateBody& b) { b.key_id[0] ^= 1; });                      // a key of its own under the same name
  try_with([](CertificateBody& b) { b.key_id[0] ^= 1, b.name = "planted"; });  // under a free one
}

// All members of a key that this node's policy denies may be corrupt: it is no key here.
TEST(Attack, AKeyThatThePolicyDeniesIsNotTakenFromItsMembers) {
  World3 sim(2);
  sim.evil[1] = true;
  const auto honest = decode<KeyCertificate>(sim.active_keys(0).at(0).certificate);
  const Json body{{"name", "cold"},
                  {"algorithm", "eddsa-ed25519"},
                  {"threshold", 2},
                  {"participants", Json::array({"node2", "node3"})}};
  for (const std::string user : {"admin", "approver"}) {
    const auto original = sim.request("/v1/keys", body, "", user);
    const auto x = (*node::seen_in(node::examine(original, sim.world(0))));
    SeededRng rng(7);
    const KeyCertificate c = certificate_of_two(sim, honest.body, rng, [&](CertificateBody& b) {
      b.key_id[user == "admin" ? 0 : 1] ^= 1;
      b.name = "cold";
      b.request_digest = x.request_digest;
    });
    Outcome outcome;
    outcome.request = x.id;
    outcome.original = original;
    outcome.state = static_cast<std::uint8_t>(storage::RequestState::succeeded);
    const SecretBytes bytes = encode(c);
    outcome.result.assign(bytes.begin(), bytes.end());
    auto content = sim.store(0).snapshot();
    sim.raw_send(2, 0, envelope_of(outcome));
    sim.quiesce();
    EXPECT_EQ(sim.active_keys(0).size(), user == "admin" ? 2u : 1u) << user;
    sim.store(0).restore(std::move(content));
  }
}

// The same over a key that this node has prepared and not yet seen complete: only what it has signed itself counts.
TEST(Attack, ACertificateOfOthersDoesNotTakeThePlaceOfAPreparedOne) {
  NodeSimulation sim(3, 1);
  sim.evil[1] = sim.evil[2] = true;
  sim.tap = [&](Sent s) {  // node1 gets nobody's signature and no certificate
    const bool last = s.envelope.tag == "dkg/certificate/1" || s.envelope.tag.starts_with("node/certificate") ||
                      s.envelope.tag == Report::tag || s.envelope.tag == Outcome::tag;
    return s.to == "node1" && last ? std::vector<Sent>{} : as_it_is(std::move(s));
  };
  sim.submit(1, sim.create("hot", 2));
  sim.run_for(Seconds(1));
  const auto prepared = sim.store(0).prepared_shares();
  ASSERT_EQ(prepared.size(), 1u);
  const auto row = *sim.store(0).key_by_id(prepared[0].key);
  const auto body = *prepared_body(sim.store(0), row.id, 1);
  SeededRng rng(7);
  const auto try_with = [&](const std::function<void(CertificateBody&)>& change) {
    const KeyCertificate c = certificate_of_two(sim, body, rng, change);
    sim.raw_send(2, 0, envelope_of(complete_with(c, decode<KeyRecord>(row.record))));
    sim.quiesce();
    EXPECT_TRUE(sim.active_keys(0).empty());
    EXPECT_EQ(sim.store(0).prepared_shares().size(), 1u);
  };
  try_with([](CertificateBody&) {});
  try_with([](CertificateBody& b) { b.number = 2; });
  try_with([](CertificateBody& b) { b.base_number = 1, b.base_digest[0] = 1, b.number = 2; });
  sim.tap = nullptr;
  sim.evil[1] = sim.evil[2] = false;
  sim.kill(0);
  sim.settle();  // the honest certificate heals it
  sim.expect_safe();
  ASSERT_EQ(sim.active_keys(0).size(), 1u);
  EXPECT_EQ(decode<KeyCertificate>(sim.active_keys(0).at(0).certificate).body.digest(), body.digest());
}

TEST(Attack, ACertificateThatDoesNotVerifyMakesNoKey) {
  World3 sim(2);
  const auto row = sim.active_keys(0).at(0);
  const auto certificate = decode<KeyCertificate>(row.certificate);
  const auto try_with = [&](const std::function<void(KeyCertificate&)>& change) {
    KeyCertificate forged = certificate;
    change(forged);
    CertificateComplete complete;
    const SecretBytes bytes = encode(forged);
    complete.certificate.assign(bytes.begin(), bytes.end());
    sim.raw_send(2, 0, envelope_of(complete));
    sim.quiesce();
    EXPECT_EQ(sim.active_keys(0).size(), 1u);
    EXPECT_EQ(sim.active_keys(0).at(0).certificate, row.certificate);
  };
  const auto resign = [&](KeyCertificate& c) {  // with its own key in everybody's place
    for (auto& signature : c.signatures) signature = sign_certificate(c.body, sim.documents.identities[2]);
  };
  try_with([](KeyCertificate& c) { c.body.key_id[0] ^= 1; });
  try_with([&](KeyCertificate& c) { c.body.key_id[0] ^= 1, resign(c); });
  try_with([&](KeyCertificate& c) { c.body.number = 2, resign(c); });
  try_with([](KeyCertificate& c) { c.signatures.clear(); });
  try_with([&](KeyCertificate& c) {  // all members are itself
    Members members;
    SeededRng rng(5);
    for (unsigned i = 1; i <= 3; ++i)
      members.push_back({PartyId(i), "evil" + std::to_string(i), Ed25519SecretKey::generate(rng).public_key()});
    c.body.committee = *Committee::make(2, members);
    c.body.key_id[0] ^= 1;
    resign(c);
  });
  CertificateSignature signature;
  signature.key_id = row.id;
  signature.number = 2;
  sim.raw_send(2, 0, envelope_of(signature));
  sim.quiesce();
  sim.settle();
  sim.expect_safe();
}

}  // namespace
}  // namespace quorate::test

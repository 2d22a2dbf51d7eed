// One node of the cluster is evil: whatever it sends, the honest ones answer their clients, name nobody falsely, and
// forget nothing.
#include <gtest/gtest.h>

#include "node/messages.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {
namespace {

using namespace quorate::node;
using storage::RequestState;
using Sent = NodeSimulation::Sent;

std::vector<Sent> as_it_is(Sent s) {
  std::vector<Sent> out;
  out.push_back(std::move(s));
  return out;
}
template <class M>
Sent changed(Sent s, const std::function<void(M&)>& change) {
  if (s.envelope.tag != M::tag) return s;
  M m = decode<M>(s.envelope.body);
  change(m);
  s.envelope.body = encode(m);
  return s;
}

// node1..3 hold "hot" 2-of-3; `evil` (0-based) is the bad one.
struct World3 : NodeSimulation {
  World3(std::size_t bad, std::uint64_t seed_ = 1, unsigned n = 3) : NodeSimulation(n, seed_) {
    EXPECT_TRUE(ask(0, create("hot", 2, {0, 1, 2})).succeeded());
    settle();
    submissions.clear();
    evil[bad] = true;
  }
  std::vector<std::string> refusals;  // code and detail of all that are sent
  void note_refusals(const Sent& s) {
    if (s.envelope.tag != Refuse::tag) return;
    const auto r = decode<Refuse>(s.envelope.body);
    refusals.push_back(r.code.text + " " + r.detail.text);
  }
  void expect_no_blame() {
    for (std::size_t i = 0; i < size(); ++i)
      for (const auto& row : store(i).requests({}, 1000, std::nullopt).items) EXPECT_TRUE(record_of(row).blame.empty());
  }
  std::vector<std::string> blamed(std::size_t i, const std::string& id) {
    std::vector<std::string> names;
    for (const auto& b : record_of(*store(i).request(id)).blame) names.push_back(b.node.text + " " + b.check.text);
    return names;
  }
};

// attack 4: every field of the context is the receiver's own
TEST(Attack, AProposalThatDiffersIsRefusedNamingTheField) {
  const std::vector<std::pair<std::string, std::function<void(Propose&)>>> changes{
      {"cluster document", [](Propose& p) { p.cluster_digest[0] ^= 1; }},
      {"policy", [](Propose& p) { ++p.policy_version; }},
      {"policy", [](Propose& p) { p.policy_digest[31] ^= 1; }},
      {"intent", [](Propose& p) { p.request_digest[0] ^= 1; }},
      {"key", [](Propose& p) { p.key_id.text[0] = p.key_id.text[0] == 'a' ? 'b' : 'a'; }},
      {"key", [](Propose& p) { p.key_id = ""; }},
      {"key certificate", [](Propose& p) { p.certificate[0] ^= 1; }},
      {"committee", [](Propose& p) { p.committee[0] ^= 1; }},
      {"threshold", [](Propose& p) { p.threshold = 3; }},
      {"signer set", [](Propose& p) { p.signers.push_back(p.signers[0]); }},
      {"signer set", [](Propose& p) { p.signers[0] = PartyId(9); }},
      {"number of signers", [](Propose& p) { p.signers.pop_back(); }},
      {"number of signers",
       [](Propose& p) {
         p.signers = list_of(set_of(p.signers) | set_of({PartyId(1), PartyId(2), PartyId(3)}));
       }},
  };
  for (const auto& [field, alter] : changes) {
    const auto& change = alter;
    World3 sim(0);
    sim.tap = [&](Sent s) {
      sim.note_refusals(s);
      if (s.from == "node1" && s.to == "node2") s = changed<Propose>(std::move(s), change);
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.sign("hot", field));
    EXPECT_TRUE(s.succeeded()) << field << ": " << s.code();  // with node3
    ASSERT_EQ(sim.refusals.size(), 1u) << field;
    EXPECT_EQ(sim.refusals[0], field == "key certificate"
                                   ? "other_certificate this node has another certificate of the key in force"
                                   : "context_mismatch this node has another " + field + " for this request");
    sim.settle();
    sim.expect_no_blame();
    sim.expect_safe();
  }
}

TEST(Attack, DifferentProposalsToDifferentMembersOnlyWasteTime) {
  World3 sim(0);
  sim.tap = [&](Sent s) {
    if (s.from == "node1") s = changed<Propose>(std::move(s), [](Propose& p) { p.random[0] ^= 1; });
    return as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  EXPECT_EQ(s.code(), "no_quorum");
  sim.settle();
  sim.expect_no_blame();
}

// attack 61: the client's bytes are what is signed
TEST(Attack, AnAlteredForwardedRequestIsRefused) {
  const std::vector<std::function<void(http::SignedRequest&)>> changes{
      [](auto& r) { r.body[r.body.size() / 2] ^= 1; },
      [](auto& r) { r.signature.text[10] = r.signature.text[10] == 'A' ? 'B' : 'A'; },
      [](auto& r) { r.target.text += "?x=1"; },
      [](auto& r) { r.method = "PUT"; },
      [](auto& r) { r.signature_input.text.replace(r.signature_input.text.find("created=") + 8, 1, "2"); },
      [](auto& r) {
        r.idempotency_key = {true, BoundedText<limits::kMaxSignatureField>("mine")};
      },
      [](auto& r) { r = http::SignedRequest{}; },
  };
  for (std::size_t k = 0; k < changes.size(); ++k) {
    World3 sim(0);
    sim.tap = [&](Sent s) {
      sim.note_refusals(s);
      if (s.from == "node1" && s.to == "node2") {
        s = changed<Propose>(std::move(s), [&](Propose& p) { changes[k](p.original); });
        s = changed<Replicate>(std::move(s), [&](Replicate& r) { changes[k](r.original); });
        s = changed<Outcome>(std::move(s), [&](Outcome& o) { changes[k](o.original); });
      }
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.sign("hot", "x"));
    EXPECT_TRUE(s.succeeded()) << k << ": " << s.code();
    EXPECT_EQ(sim.refusals.size(), 1u) << k;
    EXPECT_FALSE(sim.store(1).request(s.id)) << k;
    sim.settle();
    sim.expect_safe();
  }
}

// api.md, Freshness: who sees a request for the first time too late takes no part
TEST(Attack, AStaleRequestIsNotTakenUp) {
  World3 sim(0);
  std::optional<Envelope> kept;
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    if (s.from != "node1") return as_it_is(std::move(s));
    if (s.envelope.tag == Propose::tag) kept = s.envelope;
    return std::vector<Sent>{};
  };
  EXPECT_EQ(sim.ask(0, sim.sign("hot", "kept back")).code(), "no_quorum");
  ASSERT_TRUE(kept);
  sim.run_for(Seconds(70));
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    return as_it_is(std::move(s));
  };
  sim.refusals.clear();
  for (const std::size_t to : {1u, 2u}) sim.raw_send(0, to, *kept);
  sim.quiesce();
  ASSERT_EQ(sim.refusals.size(), 2u);
  EXPECT_EQ(sim.refusals[0], "expired the request has expired");
  EXPECT_EQ(sim.host(1).running() + sim.host(2).running(), 0u);
  sim.settle();
}

TEST(Attack, ARefusalWithAJunkCodeIsOneRefusal) {
  for (const std::string code : {"", "denied", "expired", "already_final", "busy", "<script>", "name_taken"}) {
    World3 sim(1);
    sim.tap = [&](Sent s) {
      if (s.from == "node2" && s.envelope.tag == Accept::tag) {
        const auto a = decode<Accept>(s.envelope.body);
        Refuse r;
        r.request = a.request;
        r.random = a.random;
        r.status = 65'535;
        r.code = code;
        r.detail = std::string(1023, 'x');
        s.envelope = envelope_of(r);
      }
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.sign("hot", "x"));
    EXPECT_TRUE(s.succeeded()) << code << ": " << s.code();
    const auto& created = sim.ask(0, sim.create("cold", 2));
    ASSERT_NE(created.record(), nullptr);
    EXPECT_FALSE(created.succeeded());
    EXPECT_NE(created.code(), "<script>");
    sim.settle();
    sim.expect_safe();
  }
}

TEST(Attack, LongRefusalsInOtherAlphabetsStayReadable) {
  World3 sim(1, 1, 3);
  sim.tap = [&](Sent s) {
    if (s.from != "node2" && s.from != "node3") return as_it_is(std::move(s));
    if (s.envelope.tag == Accept::tag) {
      const auto a = decode<Accept>(s.envelope.body);
      Refuse r;
      r.random = a.random;
      for (int i = 0; i < 341; ++i) r.detail.text += "€";
      s.envelope = envelope_of(r);
    }
    return as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  EXPECT_EQ(s.code(), "refused");
  EXPECT_EQ(record_of(*sim.store(0).request(s.id)).reason.text, s.record()->reason.text);  // it can be read back
  EXPECT_EQ(cut("a€", 2), "a");
  EXPECT_EQ(cut("a€", 4), "a€");
  EXPECT_EQ(cut("\xff\xfe", 8), "??");
}

TEST(Attack, ANodeWithoutAPartInTheKeyCannotStopItsGeneration) {
  for (const std::string code : {"context_mismatch", "storage", "busy", "junk"}) {
    World3 sim(3, 1, 4);
    sim.tap = [&](Sent s) {
      if (s.from == "node4" && s.envelope.tag == Accept::tag) {
        Refuse r;
        r.random = decode<Accept>(s.envelope.body).random;
        r.code = code;
        s.envelope = envelope_of(r);
      }
      return as_it_is(std::move(s));
    };
    EXPECT_TRUE(sim.ask(0, sim.create("cold", 2, {0, 1, 2})).succeeded()) << code;
    sim.tap = [&](Sent s) { return s.from == "node4" ? std::vector<Sent>{} : as_it_is(std::move(s)); };
    EXPECT_TRUE(sim.ask(0, sim.create("warm", 2, {0, 1, 2})).succeeded()) << code;
  }
}

TEST(Attack, AFalseSuccessProvesNothing) {
  World3 sim(1);
  sim.tap = [&](Sent s) {
    if (s.from != "node2") return as_it_is(std::move(s));
    if (s.envelope.tag == Accept::tag) {  // takes part, and says at once that it is done
      std::vector<Sent> out = as_it_is(s);
      Report report;
      report.request = decode<Accept>(s.envelope.body).request;
      report.succeeded = true;
      report.result.assign(64, 7);
      out.push_back({s.from, s.to, envelope_of(report)});
      return out;
    }
    return s.envelope.tag.starts_with("node/") ? as_it_is(std::move(s)) : std::vector<Sent>{};
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  EXPECT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node3"}));
  sim.settle();
  sim.expect_safe();
}

TEST(Attack, AFalseFailureIsNotBelieved) {
  World3 sim(2);
  const auto original = sim.sign("hot", "x");
  auto& s = sim.submit(0, original);
  for (int k = 0; k < 12; ++k) sim.step();
  Outcome outcome;
  outcome.original = original;
  outcome.code = "denied";
  for (const auto& row : sim.store(0).open_requests()) outcome.request = row.id;
  if (outcome.request.text.empty()) outcome.request = "req_00000000000000000000000000000000";
  for (const auto state : {RequestState::failed, RequestState::denied, RequestState::cancelled, RequestState::unset,
                           RequestState::queued}) {
    outcome.state = static_cast<std::uint8_t>(state);
    for (const std::size_t to : {0u, 1u}) sim.raw_send(2, to, envelope_of(outcome));
  }
  outcome.state = static_cast<std::uint8_t>(RequestState::succeeded);
  outcome.result.assign(64, 1);
  for (const std::size_t to : {0u, 1u}) sim.raw_send(2, to, envelope_of(outcome));
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
  sim.settle();
  sim.expect_safe();
}

TEST(Attack, AFalseReportOnlySeparatesTheTwo) {
  for (const std::string kind : {"cheated", "silent", "unattributed", "junk"}) {
    World3 sim(1);
    sim.tap = [&](Sent s) {
      if (s.from != "node2" || s.envelope.tag.starts_with("node/")) return as_it_is(std::move(s));
      std::vector<Sent> out;
      if (s.to == "node1" && s.envelope.tag == "frost/commitment/2") {
        Report report;
        for (const auto& row : sim.store(0).open_requests()) report.request = row.id;
        report.sid = s.envelope.sid;
        report.abort_kind = kind;
        report.check = "bad_share";
        report.culprits = {PartyId(1), PartyId(2), PartyId(3), PartyId(32)};
        out.push_back({"node2", "node1", envelope_of(report)});
      }
      return out;
    };
    const auto& s = sim.ask(0, sim.sign("hot", kind));
    EXPECT_TRUE(s.succeeded()) << kind << ": " << s.code();
    sim.settle();
    sim.expect_no_blame();
    sim.expect_safe();
  }
}

TEST(Attack, AWrongSignatureShareNamesItsSenderAndAnotherOneSigns) {
  World3 sim(1);
  sim.tap = [&](Sent s) {
    if (s.from == "node2" && s.envelope.tag == "frost/share/2") s.envelope.body[s.envelope.body.size() - 16] ^= 1;
    return as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(sim.blamed(0, s.id), std::vector<std::string>{"node2 signature share does not verify"});
  sim.settle();
  sim.expect_safe();
}

TEST(Attack, SilenceAfterAcceptanceCostsOneRoundAndBlamesNobody) {  // attack 51
  World3 sim(1);
  sim.tap = [&](Sent s) {
    return s.from == "node2" && !s.envelope.tag.starts_with("node/") ? std::vector<Sent>{} : as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_LE(sim.clock.steady() - s.at, limits::kSignRoundTimeout + Seconds(2));
  sim.expect_no_blame();
  const auto& made = sim.ask(0, sim.create("cold", 2));
  EXPECT_EQ(made.code(), "no_quorum");
  sim.settle();
  sim.expect_safe();
}

// 3 of 4: node4 shows its commitment to one signer only, so that the two honest ones wait for each other.
TEST(Attack, SelectiveSilenceTakesNoHonestNodeWithIt) {
  NodeSimulation sim(4, 9);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 3)).succeeded());
  sim.settle();
  sim.evil[1] = true;
  sim.tap = [&](Sent s) {
    return s.from == "node2" && s.to != "node1" && !s.envelope.tag.starts_with("node/") ? std::vector<Sent>{}
                                                                                        : as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node3", "node4"}));
  sim.settle();
  sim.expect_safe();
}

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
    const auto x = std::get<node::Examined>(node::examine(original, sim.world(0)));
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

// Any node may object to a name; the client is told which one did.
TEST(Attack, AFalseClaimOfANameIsToldWithItsClaimant) {
  for (const std::string code : {"name_taken", "name_busy"}) {
    World3 sim(3, 1, 4);
    sim.tap = [&](Sent s) {
      if (s.from == "node4" && s.envelope.tag == Accept::tag) {
        Refuse r;
        r.random = decode<Accept>(s.envelope.body).random;
        r.code = code;
        r.detail = "it is mine";
        s.envelope = envelope_of(r);
      }
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.create("cold", 2, {0, 1, 2}));
    EXPECT_EQ(s.code(), "name_taken") << code;
    ASSERT_NE(s.record(), nullptr);
    EXPECT_EQ(s.record()->reason.text, "node4 says that the name is taken: it is mine");
    EXPECT_LE(sim.clock.steady() - s.at, limits::kProposalTimeout + Seconds(1));
    sim.settle();
    sim.expect_safe();
  }
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

TEST(Attack, FloodsLeaveNothingBehind) {  // attack 50
  World3 sim(2);
  SeededRng rng(3);
  for (int k = 0; k < 20'000; ++k) {
    Envelope e;
    e.sid = rng.bytes<32>();
    e.tag = k % 2 == 0 ? "frost/commitment/2" : "node/begin/1";
    e.body.resize(32);
    rng.fill(e.body);
    sim.raw_send(2, 0, std::move(e));
    if (k % 64 == 0) sim.quiesce();
  }
  KeyList list;
  for (std::size_t k = 0; k < kMaxKeyList; ++k) {
    KeyEntry entry;
    entry.key_id = to_hex(rng.bytes<32>());
    entry.number = 1;
    list.keys.push_back(entry);
  }
  const auto before = sim.sent;
  for (int k = 0; k < 200; ++k) {
    sim.raw_send(2, 0, envelope_of(list));
    sim.quiesce();
  }
  EXPECT_LE(sim.sent - before, limits::kMaxKeys);
  EXPECT_EQ(sim.host(0).running(), 0u);
  EXPECT_GE(sim.host(0).dropped(), 10'000u);
  EXPECT_TRUE(sim.ask(0, sim.sign("hot", "after the flood")).succeeded());
  // More than a peer may have waiting is dropped, not kept: nobody runs the queues in between.
  Envelope big;
  big.tag = "node/keys/1";
  big.body.resize(100'000);
  for (int k = 0; k < 5'000; ++k) sim.desk(0).on_envelope("node3", big);
  EXPECT_GE(sim.desk(0).dropped(), 4'900u);
  sim.quiesce();
  EXPECT_EQ(sim.desk(0).malformed() > 50, true);
  EXPECT_TRUE(sim.ask(0, sim.sign("hot", "after the second flood")).succeeded());
  sim.desk(0).on_envelope("stranger", big);
  sim.quiesce();
}

TEST(Attack, BeginStopAndProtocolMessagesWithoutAnAcceptanceDoNothing) {
  World3 sim(2);
  sim.tap = [&](Sent s) {
    std::vector<Sent> out = as_it_is(s);
    if (s.from == "node3" && s.envelope.tag == Replicate::tag) return out;
    return out;
  };
  auto& s = sim.submit(0, sim.sign("hot", "x"));
  for (int k = 0; k < 400 && !s.answer; ++k) {
    sim.step();
    if (sim.host(1).running() == 0) continue;
    for (const auto& row : sim.store(1).open_requests()) {
      Stop stop;
      stop.request = row.id;
      sim.raw_send(2, 1, envelope_of(stop));
    }
  }
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
}

TEST(Attack, ARecordedSessionDoesNothingTheSecondTime) {  // attack 5
  World3 sim(1);
  std::vector<Sent> recorded;
  sim.tap = [&](Sent s) {
    if (s.from == "node2") recorded.push_back(s);
    return as_it_is(std::move(s));
  };
  ASSERT_TRUE(sim.ask(0, sim.sign("hot", "first")).succeeded());
  sim.settle();
  sim.tap = nullptr;
  auto& s = sim.submit(0, sim.sign("hot", "second"));
  const auto recorded_copy = recorded;
  for (const Sent& r : recorded_copy)
    for (int k = 0; k < 5; ++k) {
      sim.raw_send(1, sim.index_of(r.to), r.envelope);
      sim.step();
    }
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
  sim.settle();
  sim.expect_no_blame();
  sim.expect_safe();
}

TEST(Attack, AProposalIsAcceptedOnce) {
  World3 sim(0);
  std::optional<Envelope> proposal;
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    if (s.from == "node1" && s.to == "node2" && s.envelope.tag == Propose::tag) proposal = s.envelope;
    if (s.from == "node1" && s.envelope.tag != Propose::tag) return std::vector<Sent>{};
    return as_it_is(std::move(s));
  };
  auto& s = sim.submit(0, sim.sign("hot", "x"));
  sim.quiesce();
  ASSERT_TRUE(proposal);
  for (int k = 0; k < 5; ++k) sim.raw_send(0, 1, *proposal);
  sim.quiesce();
  EXPECT_EQ(std::count(sim.refusals.begin(), sim.refusals.end(), "replayed this session has been proposed before"), 5);
  EXPECT_EQ(sim.host(1).running(), 1u);
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  sim.settle();
  sim.expect_no_blame();
}

TEST(Attack, ANodeCannotTakeARequestOutOfItsCoordinatorsHands) {
  World3 sim(2);
  std::optional<Propose> proposal;
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    if (s.from == "node1" && s.envelope.tag == Propose::tag) proposal = decode<Propose>(s.envelope.body);
    return as_it_is(std::move(s));
  };
  auto& s = sim.submit(0, sim.sign("hot", "x"));
  while (!s.answer && sim.step())
    if (proposal) {  // as node3 would propose it: with node2, again and again
      Propose mine = *proposal;
      mine.random = sim.rng().bytes<32>();
      mine.signers = {PartyId(2), PartyId(3)};
      sim.raw_send(2, 1, envelope_of(mine));
    }
  const SteadyTime start = sim.clock.steady();
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
  EXPECT_LE(sim.clock.steady() - start, Seconds(1));
}

// Every byte that node2 sends in turn, mutated at random: the others never hang, and never name an honest node.
TEST(Attack, RandomMutations) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    World3 sim(1, seed);
    SeededRng rng(seed);
    sim.tap = [&](Sent s) {
      std::vector<Sent> out;
      if (s.from == "node2") {
        if (rng.below(4) == 0 && !s.envelope.body.empty())
          s.envelope.body[rng.below(s.envelope.body.size())] ^= static_cast<std::uint8_t>(1 + rng.below(255));
        if (rng.below(20) == 0) return out;
        if (rng.below(10) == 0) out.push_back(s);
        if (rng.below(20) == 0) s.envelope.tag = "node/outcome/1";
        if (rng.below(20) == 0) s.envelope.body.resize(rng.below(s.envelope.body.size() + 1));
      }
      out.push_back(std::move(s));
      return out;
    };
    auto& a = sim.submit(0, sim.sign("hot", "a"));
    auto& b = sim.submit(2, sim.sign("hot", "b"));
    auto& c = sim.submit(0, sim.create("cold", 2));
    sim.run_until([&] { return a.answer && b.answer && c.answer; }, Seconds(100));
    EXPECT_TRUE(a.succeeded()) << "seed " << seed << ": " << a.code();
    EXPECT_TRUE(b.succeeded()) << "seed " << seed << ": " << b.code();
    EXPECT_TRUE(c.answer) << "seed " << seed;
    sim.tap = nullptr;
    sim.settle();
    sim.expect_safe();
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace quorate::test

// What a node checks of a client's request by itself: every refusal with its status, code and JSON pointer.
#include "node/examine.h"

#include <gtest/gtest.h>

#include "tests/support/node_simulation.h"

namespace quorate::test {
namespace {

using node::Examined;
using node::Refusal;

struct Examine : ::testing::Test {
  NodeSimulation sim{3, 1};
  storage::MemoryStore store{storage::Identity{sim.documents.cluster->id(), "node1"}};
  node::QueueExecutor desk;
  peers::MemoryNet net{sim.rng()};
  node::World world{*sim.documents.cluster,
                    *sim.documents.policy,
                    sim.documents.cluster->nodes()[0],
                    sim.documents.identities[0],
                    store,
                    net.add("node1"),
                    sim.clock,
                    sim.rng(),
                    desk,
                    [](node::LogLevel, const std::string&) {}};

  // Keys `hot` (Ed25519) and `btc` (BIP-340) as the simulation makes them, in this store.
  void make_keys() {
    EXPECT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
    EXPECT_TRUE(sim.ask(0, sim.create("btc", 2, {}, "schnorr-secp256k1")).succeeded());
    store.restore(sim.store(0).snapshot());
  }
  void put(storage::KeyRow row) {
    storage::Batch batch;
    batch.put_key(std::move(row));
    ASSERT_TRUE(store.commit_now(std::move(batch)).ok());
  }
  http::SignatureParameters parameters(const std::string& user) {
    http::SignatureParameters p;
    p.user = user;
    p.cluster_id = sim.documents.cluster->id();
    p.created = unix_seconds(sim.clock.wall());
    p.nonce = "a-nonce-of-" + user;
    return p;
  }
  node::Examination examine(const http::SignedRequest& r) { return node::examine(r, world); }
  void expect_refused(const http::SignedRequest& request, int status, const std::string& code,
                      const std::optional<std::string>& pointer) {
    const auto examined = examine(request);
    const auto* refusal = std::get_if<Refusal>(&examined);
    ASSERT_NE(refusal, nullptr);
    EXPECT_EQ(refusal->status, status) << refusal->detail;
    EXPECT_EQ(refusal->code, code) << refusal->detail;
    EXPECT_EQ(refusal->pointer, pointer) << refusal->detail;
    EXPECT_FALSE(refusal->detail.empty());
  }
};

Json create_body() {
  return {
      {"name", "hot"}, {"algorithm", "eddsa-ed25519"}, {"threshold", 2}, {"participants", {"node1", "node2", "node3"}}};
}

TEST_F(Examine, ACreateKeyThatIsRight) {
  const auto request = sim.request("/v1/keys", create_body());
  const auto examined = examine(request);
  const auto* x = seen_in(examined);
  ASSERT_NE(x, nullptr);
  ASSERT_NE(x->create(), nullptr);
  EXPECT_EQ(x->sign(), nullptr);
  EXPECT_EQ(x->kind, policy::Kind::create_key);
  EXPECT_EQ(x->create()->algorithm, Algorithm::eddsa_ed25519);
  EXPECT_EQ(x->committee().size(), 3u);
  EXPECT_EQ(x->committee().threshold(), 2);
  EXPECT_TRUE(x->decision.allowed());
  EXPECT_EQ(x->intent.key_name, "hot");
  EXPECT_EQ(x->intent.key, "");
  EXPECT_EQ(x->intent.requested_by, "admin");
  EXPECT_EQ(x->intent.decoder, "2");
  EXPECT_EQ(x->intent.request, x->id);
  EXPECT_EQ(x->intent.policy_digest, sim.documents.policy->digest());
  EXPECT_EQ(x->intent_jcs, policy::intent_jcs(x->intent));
  EXPECT_EQ(x->request_digest, policy::request_digest(x->intent));
  EXPECT_EQ(x->id, http::request_id(x->who, sim.documents.cluster->id()));
}

TEST_F(Examine, RefusalsOfACreateKey) {
  struct Row {
    const char* what;
    std::function<void(Json&)> change;
    int status;
    const char* code;
    std::optional<std::string> pointer;
  };
  const std::vector<Row> rows{
      {"no name", [](Json& b) { b.erase("name"); }, 400, "malformed_body", "/name"},
      {"name", [](Json& b) { b["name"] = "Hot!"; }, 400, "malformed_body", "/name"},
      {"name of another type", [](Json& b) { b["name"] = 7; }, 400, "malformed_body", "/name"},
      {"no algorithm", [](Json& b) { b.erase("algorithm"); }, 400, "malformed_body", "/algorithm"},
      {"algorithm", [](Json& b) { b["algorithm"] = "rsa"; }, 400, "malformed_body", "/algorithm"},
      {"threshold 1", [](Json& b) { b["threshold"] = 1; }, 400, "malformed_body", "/threshold"},
      {"threshold 4", [](Json& b) { b["threshold"] = 4; }, 400, "malformed_body", "/threshold"},
      {"threshold text", [](Json& b) { b["threshold"] = "2"; }, 400, "malformed_body", "/threshold"},
      {"one participant", [](Json& b) { b["participants"] = {"node1"}; }, 400, "malformed_body", "/participants"},
      {"twice", [](Json& b) { b["participants"][1] = "node1"; }, 400, "malformed_body", "/participants/1"},
      {"stranger", [](Json& b) { b["participants"][2] = "node9"; }, 422, "unknown_participant", "/participants"},
      {"unknown member", [](Json& b) { b["colour"] = "red"; }, 400, "malformed_body", "/colour"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Json body = create_body();
    row.change(body);
    expect_refused(sim.request("/v1/keys", body), row.status, row.code, row.pointer);
  }
}

TEST_F(Examine, RefusalsOfASignature) {
  make_keys();
  auto prepared = *store.key_by_name("hot");
  prepared.id = std::string(64, 'a');
  prepared.name = "prepared";
  prepared.state = storage::KeyState::prepared;
  put(prepared);
  const auto payload = [](Json p) { return Json{{"payload", std::move(p)}}; };
  const Json message{{"kind", "message"}, {"utf8", "x"}};
  struct Row {
    const char* what;
    std::string key;
    Json body;
    int status;
    const char* code;
    std::optional<std::string> pointer;
  };
  const std::vector<Row> rows{
      {"unknown key", "cold", payload(message), 404, "unknown_key", std::nullopt},
      {"unknown id", std::string(64, 'c'), payload(message), 404, "unknown_key", std::nullopt},
      {"prepared", "prepared", payload(message), 404, "unknown_key", std::nullopt},
      {"prepared, by its id", prepared.id, payload(message), 404, "unknown_key", std::nullopt},
      {"no payload", "hot", Json::object(), 400, "malformed_body", "/payload"},
      {"no kind", "hot", payload({{"utf8", "x"}}), 400, "malformed_body", "/payload/kind"},
      {"unknown kind", "hot", payload({{"kind", "letter"}}), 400, "malformed_body", "/payload/kind"},
      {"no kind of this key", "hot", payload({{"kind", "btc_psbt"}, {"base64", "AA=="}}), 422, "algorithm_mismatch",
       "/payload/kind"},
      {"no PSBT", "btc", payload({{"kind", "btc_psbt"}, {"base64", "AA=="}}), 422, "payload_malformed",
       "/payload/base64"},
      {"a member too much", "btc", payload({{"kind", "btc_psbt"}, {"base64", "AA=="}, {"utf8", "x"}}), 422,
       "payload_malformed", "/payload/base64"},
      {"hardened", "hot", Json{{"payload", message}, {"path", "m/0'"}}, 422, "path_invalid", "/path"},
      {"no path", "hot", Json{{"payload", message}, {"path", "0/1"}}, 422, "path_invalid", "/path"},
      {"no message", "hot", payload({{"kind", "message"}}), 400, "malformed_body", "/payload"},
      {"a hash of an Ed25519 message", "hot", payload({{"kind", "message"}, {"utf8", "x"}, {"hash", "sha256"}}), 400,
       "malformed_body", "/payload/hash"},
      {"short digest", "btc", payload({{"kind", "digest"}, {"hex", "00"}}), 400, "malformed_body", "/payload/hex"},
      {"unknown member", "hot", Json{{"payload", message}, {"x", 1}}, 400, "malformed_body", "/x"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    expect_refused(sim.request("/v1/keys/" + row.key + "/signatures", row.body), row.status, row.code, row.pointer);
  }
}

TEST_F(Examine, ASignatureThatIsRight) {
  make_keys();
  const auto hot = *store.key_by_name("hot");
  for (const std::string& subject : {hot.name, hot.id}) {
    const auto examined = examine(sim.sign(subject, "pay"));
    const auto* x = seen_in(examined);
    ASSERT_NE(x, nullptr) << subject;
    ASSERT_NE(x->sign(), nullptr);
    EXPECT_EQ(x->kind, policy::Kind::sign);
    EXPECT_EQ(x->intent.key, hot.id);
    EXPECT_EQ(x->intent.key_name, "hot");
    EXPECT_EQ(x->intent.public_key, to_hex(x->sign()->body().Y));
    ASSERT_EQ(x->sign()->what->to_sign.size(), 1u);
    EXPECT_EQ(x->sign()->what->to_sign[0].bytes, bytes_of("pay"));
    EXPECT_EQ(x->intent.facts_digest, policy::no_facts_digest());
    EXPECT_EQ(x->intent.decoder, "2");  // of every version so far: there is nothing to decode
    EXPECT_EQ(x->committee(), x->sign()->body().committee);
  }
  const auto btc = examine(sim.sign("btc", "pay"));
  const Digest hash = sha256(view_of("pay"));
  EXPECT_EQ(std::get<node::SharedExamined>(btc)->sign()->what->to_sign[0].bytes, Bytes(hash.begin(), hash.end()));
}

TEST_F(Examine, WhoAsksAndWhatForIsCheckedFirst) {
  const auto target = [&](const std::string& t) { return sim.request(t, create_body()); };
  expect_refused(target("/v1/nothing"), 404, "not_found", std::nullopt);
  auto wrong_method = sim.request("/v1/keys/hot/signatures", create_body());
  wrong_method.method = "DELETE";
  expect_refused(wrong_method, 401, "signature_invalid", std::nullopt);  // the method is signed, too
  auto body = target("/v1/keys");
  body.body[5] ^= 1;
  const auto examined = examine(body);
  ASSERT_TRUE(std::holds_alternative<Refusal>(examined));
  EXPECT_EQ(std::get<Refusal>(examined).status, 401);
  http::SignatureParameters p = parameters("mallory");
  http::SignedRequest unknown;
  unknown.method = "POST";
  unknown.target = "/v1/keys";
  expect_refused(http::sign_request(unknown, p, sim.documents.admin), 401, "unknown_user", std::nullopt);
  p.user = "admin";
  p.cluster_id = std::string(64, '0');
  expect_refused(http::sign_request(unknown, p, sim.documents.admin), 401, "wrong_cluster", std::nullopt);
}

TEST_F(Examine, ARouteThatIsNoRequestIsNotForwarded) {
  http::SignedRequest read;
  read.method = "GET";
  read.target = "/v1/keys";
  const auto signed_read = http::sign_request(std::move(read), parameters("admin"), sim.documents.admin);
  const auto examined = examine(signed_read);
  ASSERT_TRUE(std::holds_alternative<Refusal>(examined));
}

TEST_F(Examine, ADenialIsADecisionAndNoRefusal) {
  const auto examined = examine(sim.request("/v1/keys", create_body(), "", "approver"));
  const auto* x = seen_in(examined);
  ASSERT_NE(x, nullptr);
  EXPECT_FALSE(x->decision.allowed());
  EXPECT_EQ(x->decision.rule, "default");
}

TEST_F(Examine, ADamagedCertificateIsThisNodesOwnFault) {
  make_keys();
  auto row = *store.key_by_name("hot");
  row.certificate.pop_back();
  put(row);
  EXPECT_THROW(examine(sim.sign("hot", "x")), storage::StorageCorrupt);
}

}  // namespace
}  // namespace quorate::test

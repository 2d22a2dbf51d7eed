// Transactions and child keys among nodes: each decodes for itself, signs with the child, and shows what it saw.
#include "tests/node_simulated/transactions_world.h"

namespace quorate::test {
namespace {

TEST(NodeTransactions, AnEthereumTransactionThroughAnyNode) {
  Cluster sim(1, {kEcdsa});
  const Decoded expected = std::get<Decoded>(decode(transfer_payload(), sim.facts(kEcdsa)));
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& s = sim.ask(i, sim.signing(kEcdsa, transfer_payload()));
    const Json result = result_of(s);
    const Json& signature = result["signature"];
    EXPECT_TRUE(verify_signature(Algorithm::ecdsa_secp256k1, sim.facts(kEcdsa).public_key, expected.to_sign[0].bytes,
                                 signature_in(signature)));
    const unsigned parity = signature["recovery_id"];
    EXPECT_EQ(signature["v"], std::to_string(37 + parity));  // EIP-155, chain 1
    const auto raw = from_0x(result["signed_transaction"].get<std::string>()).value();
    EXPECT_EQ(result["transaction_hash"], to_0x(keccak256(raw)));
    EXPECT_FALSE(result.contains("signatures"));
    EXPECT_EQ(result["path"], "m");
    EXPECT_EQ(Json::parse(s.record()->facts.text), to_json(expected.facts));
  }
  sim.settle();
  sim.expect_safe();
  // Every node of the key has the same record of it.
  const auto& first = *sim.submissions.at(1);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto record = node::record_of(*sim.store(i).request(first.id));
    EXPECT_EQ(record.facts.text, first.record()->facts.text);
    EXPECT_EQ(record.intent.text, first.record()->intent.text);
    EXPECT_EQ(record.result.text, first.record()->result.text);
    const Json shown = node::request_view(record, true);
    EXPECT_EQ(shown["facts"]["movements"][0]["amount"], "1000");
    EXPECT_FALSE(node::request_view(record, false).contains("facts"));
    const Json intent = shown["intent"];
    EXPECT_EQ(intent["facts_digest"], to_hex(sha256(view_of(record.facts.text))));
    EXPECT_EQ(intent["decoder"], decoder_version("eth_transaction"));
    for (const auto& entry : sim.store(i).audit(0, SIZE_MAX)) {
      if (entry.entry.request != first.id) continue;
      const Json said = Json::parse(entry.entry.text);
      EXPECT_EQ(said["facts"], shown["facts"]) << entry.entry.kind;
      for (const char* name : {"path", "public_key", "facts_digest", "payload_digest"})
        EXPECT_EQ(said[name], intent[name]) << name;
    }
  }
}

TEST(NodeTransactions, MessagesOfEthereumGiveWhatWalletsTake) {
  Cluster sim(2, {kEcdsa});
  const auto& s = sim.ask(1, sim.signing(kEcdsa, {{"kind", "eth_message"}, {"utf8", "hello"}}));
  const Json signature = result_of(s)["signature"];
  const unsigned v = 27 + signature["recovery_id"].get<unsigned>();
  EXPECT_EQ(signature["ethereum"], "0x" + signature["hex"].get<std::string>() + (v == 27 ? "1b" : "1c"));
  EXPECT_EQ(signature["v"], std::to_string(v));
}

TEST(NodeTransactions, ChildKeysSign) {
  Cluster sim(3);
  const std::vector<std::pair<const char*, Algorithm>> algorithms{{kEcdsa, Algorithm::ecdsa_secp256k1},
                                                                  {kBip340, Algorithm::schnorr_secp256k1},
                                                                  {kEd25519, Algorithm::eddsa_ed25519}};
  for (const auto& [name, algorithm] : algorithms) {
    for (const std::string path : {"m", "m/0", "m/44/0/2147483647"}) {
      const auto& s = sim.ask(2, sim.signing(name, {{"kind", "message"}, {"utf8", "pay"}}, path));
      const Json result = result_of(s);
      const DerivedKey child = sim.child(name, path);
      EXPECT_EQ(result["public_key"], to_hex(child.public_key)) << name << path;
      EXPECT_EQ(result["path"], path);
      const Digest hash = sha256(view_of("pay"));
      const ByteView message = algorithm == Algorithm::eddsa_ed25519 ? view_of("pay") : ByteView(hash);
      const ByteView key = algorithm == Algorithm::schnorr_secp256k1 ? ByteView(child.public_key).subspan(1)
                                                                     : ByteView(child.public_key);
      EXPECT_TRUE(verify_signature(algorithm, key, message, signature_in(result["signature"]))) << name << path;
      const Json intent = Json::parse(s.record()->intent.text);
      EXPECT_EQ(intent["path"], path);
      EXPECT_EQ(intent["public_key"], to_hex(child.public_key));
    }
  }
  sim.settle();
}

TEST(NodeTransactions, ASolanaTransaction) {
  Cluster sim(4, {kEd25519});
  const std::string path = "m/7";
  const DerivedKey child = sim.child(kEd25519, path);
  Bytes message{1, 0, 1, 3};  // one signature, no read-only signer, one read-only program; three accounts
  message.insert(message.end(), child.public_key.begin(), child.public_key.end());
  message.insert(message.end(), 32, 9);
  message.insert(message.end(), 32 + 32, 0);  // the system program, a blockhash
  const Bytes transfer{1, 2, 2, 0, 1, 12, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0};
  message.insert(message.end(), transfer.begin(), transfer.end());
  const auto& s =
      sim.ask(0, sim.signing(kEd25519, {{"kind", "solana_transaction"}, {"base64", to_base64(message)}}, path));
  const Json result = result_of(s);
  const Signature64 signature = signature_in(result["signature"]);
  EXPECT_TRUE(verify_signature(Algorithm::eddsa_ed25519, child.public_key, message, signature));
  EXPECT_EQ(result["signature"]["solana"], to_base58(signature));
  EXPECT_FALSE(result["signature"].contains("ethereum"));
  Bytes whole{1};
  whole.insert(whole.end(), signature.begin(), signature.end());
  whole.insert(whole.end(), message.begin(), message.end());
  EXPECT_EQ(result["signed_transaction"], to_base64(whole));
  EXPECT_EQ(Json::parse(s.record()->facts.text)["movements"][0]["amount"], "5");
}

TEST(NodeTransactions, AllInputsOfAPsbtInOneSession) {
  const std::vector<std::string> paths{"m", "m/0/1", "m/0/1", "m/1/7", "m/2", "m/0/3", "m/0/4", "m/0/5"};
  for (const char* name : {kEcdsa, kBip340}) {
    Cluster sim(5, {name});
    std::set<SessionId> sessions;
    sim.tap = [&](NodeSimulation::Sent s) {
      if (!s.envelope.tag.starts_with("node/")) sessions.insert(s.envelope.sid);
      std::vector<NodeSimulation::Sent> all;
      all.push_back(std::move(s));
      return all;
    };
    const Json payload = psbt_of(sim.facts(name), paths);
    const Decoded expected = std::get<Decoded>(transactions::decode(payload, sim.facts(name)));
    const auto& s = sim.ask(0, sim.signing(name, payload));
    const Json result = result_of(s);
    ASSERT_EQ(result["signatures"].size(), paths.size());
    EXPECT_EQ(sessions.size(), 1u);
    const auto algorithm = parse_algorithm(name).value();
    for (std::size_t l = 0; l < paths.size(); ++l) {
      const Json& view = result["signatures"][l];
      EXPECT_EQ(view["path"], paths[l]);
      EXPECT_TRUE(verify_signature(algorithm, node::verification_key(algorithm, expected.to_sign[l]),
                                   expected.to_sign[l].bytes, signature_in(view)))
          << name << l;
    }
    EXPECT_EQ(result["signature"]["hex"], result["signatures"][0]["hex"]);
    const auto raw = from_hex(result["signed_transaction"].get<std::string>()).value();
    EXPECT_EQ(result["transaction_hash"], txid_text(BitcoinTransaction::parse(raw).txid()));
    sim.settle();
    for (std::size_t i = 0; i < 3; ++i)  // also who was no signer: the outcome carries all signatures
      EXPECT_EQ(node::record_of(*sim.store(i).request(s.id)).result.text, s.record()->result.text);
  }
}

TEST(NodeTransactions, MoreInputsThanASessionSignsAreRefused) {
  Cluster sim(6, {kBip340});
  const std::vector<std::string> paths(limits::kMaxDigests + 1, "m/0/1");
  const auto& s = sim.ask(0, sim.signing(kBip340, psbt_of(sim.facts(kBip340), paths)));
  ASSERT_NE(s.refusal(), nullptr);
  EXPECT_EQ(s.refusal()->status, 422);
  EXPECT_EQ(s.refusal()->code, "payload_unsupported");
}

// attack 4, 64: what is signed, with which key, and what it does are every node's own; a coordinator that tells its
// peers another is refused.
TEST(NodeTransactions, ACoordinatorThatSeesSomethingElseIsRefused) {
  const std::vector<std::pair<const char*, std::function<void(policy::Intent&)>>> changes{
      {"other bytes", [](auto& i) { i.payload_digest[0] ^= 1; }},
      {"other facts", [](auto& i) { i.facts_digest[0] ^= 1; }},
      {"no facts", [](auto& i) { i.facts_digest = policy::no_facts_digest(); }},
      {"another path", [](auto& i) { i.path = "m/0/6"; }},
      {"another child", [](auto& i) { i.public_key[5] = i.public_key[5] == '0' ? '1' : '0'; }},
      {"another decoder", [](auto& i) { i.decoder = "2"; }},
  };
  for (const auto& [what, change] : changes) {
    Cluster sim(7, {kEcdsa});
    const auto request = sim.signing(kEcdsa, transfer_payload(), "m/0/5");
    auto examined = node::examine(request, sim.world(0));
    policy::Intent intent = std::get<node::SharedExamined>(examined)->intent;
    change(intent);
    const Digest lie = policy::request_digest(intent);
    std::vector<std::string> refusals;
    sim.tap = [&](NodeSimulation::Sent s) {
      if (s.from == "node1" && s.envelope.tag == node::Propose::tag) {
        auto propose = decode<node::Propose>(s.envelope.body);
        propose.request_digest = lie;
        s.envelope.body = encode(propose);
      }
      if (s.envelope.tag == node::Refuse::tag) refusals.push_back(decode<node::Refuse>(s.envelope.body).detail);
      std::vector<NodeSimulation::Sent> all;
      all.push_back(std::move(s));
      return all;
    };
    const auto& s = sim.ask(0, request);
    EXPECT_FALSE(s.succeeded()) << what;
    ASSERT_FALSE(refusals.empty()) << what;
    for (const auto& refusal : refusals) EXPECT_EQ(refusal, "this node has another intent for this request") << what;
    sim.settle();
  }
}

TEST(NodeTransactions, OnlyMembersKnowTheChildren) {
  Cluster sim(8, {kEcdsa});
  for (const auto& request :
       {sim.signing(kEcdsa, transfer_payload(), "m/0"), sim.signing(kEcdsa, psbt_of(sim.facts(kEcdsa), {"m/0"}))}) {
    const auto& s = sim.ask(3, request);
    ASSERT_NE(s.refusal(), nullptr);
    EXPECT_EQ(s.refusal()->status, 409);
    EXPECT_EQ(s.refusal()->code, "no_share");
    EXPECT_NE(s.refusal()->detail.find("node1, node2, node3"), std::string::npos) << s.refusal()->detail;
  }
  EXPECT_EQ(sim.call(3, http::Route::derive_key, kEcdsa, {{"path", "m/0"}}).body["code"], "no_share");
  const Json view = sim.call(3, http::Route::show_key, kEcdsa, {}).body;
  EXPECT_FALSE(view.contains("xpub"));
  EXPECT_EQ(view["addresses"]["ethereum"].get<std::string>().size(), 42u);
}

// A policy over facts, among nodes: the request that is above the limit is denied by every one of them.
TEST(NodeTransactions, ThePolicyDecidesOverFacts) {
  Cluster sim(11, {kEcdsa});
  Json document = Json::parse(sim.documents.policy->jcs());
  document["rules"] = Json::parse(R"([{"id":"small","if":{"kind":"sign","to":[")" + kTo +
                                  R"("],"max":"1000","fee_max":"105000","path":["m/0/*"]},"then":"allow"}])");
  const auto limited = policy::PolicyDocument::from_json(document);
  for (std::size_t i = 0; i < 4; ++i) {
    sim.kill(i);
    sim.policies[i] = &limited;
  }
  sim.heal();
  EXPECT_TRUE(sim.ask(0, sim.signing(kEcdsa, transfer_payload(), "m/0/1")).succeeded());
  const auto denied = [&](Json payload, const std::string& path) {
    const auto& s = sim.ask(0, sim.signing(kEcdsa, std::move(payload), path));
    EXPECT_EQ(s.code(), "denied");
    return s.record() ? s.record()->reason.text : std::string();
  };
  EXPECT_NE(denied(transfer_payload(), "m/1/1").find("path m/1/1 is not listed"), std::string::npos);
  // A denial keeps its facts in the log alone.
  const auto row = sim.store(0).requests({}, 100, std::nullopt).items;
  const auto last =
      std::find_if(row.begin(), row.end(), [](const auto& r) { return r.state == storage::RequestState::denied; });
  ASSERT_NE(last, row.end());
  EXPECT_EQ(node::record_of(*last).facts.text, "");
  const auto log = sim.store(0).audit(0, SIZE_MAX);
  const auto entry = std::find_if(log.begin(), log.end(), [](const auto& r) { return r.entry.kind == "denied"; });
  ASSERT_NE(entry, log.end());
  EXPECT_EQ(Json::parse(entry->entry.text)["facts"]["movements"][0]["amount"], "1000");
  Json more = transfer_payload();
  more["fields"]["value"] = "1001";
  EXPECT_NE(denied(more, "m/0/1").find("is above 1000"), std::string::npos);
  more = transfer_payload();
  more["fields"]["gas_price"] = 6;
  EXPECT_NE(denied(more, "m/0/1").find("fee"), std::string::npos);
  more = transfer_payload();
  more["fields"]["data"] = "0x12345678";
  denied(more, "m/0/1");
  denied({{"kind", "message"}, {"utf8", "x"}}, "m/0/1");
  sim.settle();
}

// Amount, fee, recipient and change of a PSBT, and that the network that a client names changes nothing of it.
TEST(NodeTransactions, ThePolicyDecidesOverPsbts) {
  Cluster sim(13, {kEcdsa});
  const KeyFacts root = sim.facts(kEcdsa);
  const Bytes shop = p2wpkh_script(Bytes(33, 2)), thief = p2pkh_script(Bytes(33, 3)),
              change = p2wpkh_script(sim.child(kEcdsa, "m/1/7").public_key);
  Json document = Json::parse(sim.documents.policy->jcs());
  document["rules"] = {{{"id", "blocked"},
                        {"if", {{"kind", "sign"}, {"to", {address_of(BitcoinNetwork::mainnet, thief).value()}}}},
                        {"then", "deny"}},
                       {{"id", "shop"},
                        {"if",
                         {{"kind", "sign"},
                          {"chain", {chain_of(BitcoinNetwork::mainnet)}},
                          {"asset", {asset_of(BitcoinNetwork::mainnet)}},
                          {"to", {address_of(BitcoinNetwork::testnet, shop).value()}},
                          {"sighash", {"ALL"}},
                          {"max", "7000"},
                          {"fee_max", "500"}}},
                        {"then", "allow"}}};
  const auto limited = policy::PolicyDocument::from_json(document);
  for (std::size_t i = 0; i < 4; ++i) {
    sim.kill(i);
    sim.policies[i] = &limited;
  }
  sim.heal();
  const auto ask = [&](const std::vector<Paid>& outputs, const char* network) {
    Json payload = psbt_of(root, {"m/0/1"}, outputs);
    if (network != nullptr) payload["network"] = network;
    const auto& s = sim.ask(0, sim.signing(kEcdsa, std::move(payload)));
    return s.succeeded() ? "signed" : s.record() ? s.record()->rule.text + ": " + s.record()->reason.text : s.code();
  };
  for (const char* network : {static_cast<const char*>(nullptr), "mainnet", "testnet", "regtest"}) {
    EXPECT_EQ(ask({{7000, shop, ""}, {2500, change, "m/1/7"}}, network), "signed");
    EXPECT_NE(ask({{7001, shop, ""}, {2499, change, "m/1/7"}}, network).find("is above 7000"), std::string::npos);
    EXPECT_NE(ask({{7000, shop, ""}, {2499, change, "m/1/7"}}, network).find("fee of"), std::string::npos);
    EXPECT_NE(ask({{6000, shop, ""}, {2500, change, ""}}, network).find("is not listed"),
              std::string::npos);  // no proof
    EXPECT_EQ(ask({{7000, thief, ""}, {2500, change, "m/1/7"}}, network).substr(0, 8), "blocked:");
  }
  sim.settle();
}

}  // namespace
}  // namespace quorate::test

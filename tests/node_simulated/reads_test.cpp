// What nodes tell without signing anything: keys and their children, what a payload does, what the policy would say.
#include "tests/node_simulated/transactions_world.h"

namespace quorate::test {
namespace {

TEST(NodeReads, KeysShowTheirAddressesAndChildren) {
  Cluster sim(9);
  const Json root = sim.call(0, http::Route::show_key, kEcdsa, {}).body;
  const DerivedKey key = sim.child(kEcdsa, "m");
  EXPECT_EQ(root["addresses"], addresses_of(Scheme::ecdsa_secp256k1, key, BitcoinNetwork::mainnet));
  EXPECT_EQ(root["xpub"], extended_public_key(Scheme::ecdsa_secp256k1, key, BitcoinNetwork::mainnet));
  EXPECT_FALSE(root.contains("path"));
  const Json child = sim.call(1, http::Route::derive_key, kEcdsa, {{"path", "m/0/5"}, {"network", "testnet"}}).body;
  const DerivedKey derived = sim.child(kEcdsa, "m/0/5");
  EXPECT_EQ(child["path"], "m/0/5");
  EXPECT_EQ(child["public_key"]["hex"], to_hex(derived.public_key));
  EXPECT_EQ(child["addresses"], addresses_of(Scheme::ecdsa_secp256k1, derived, BitcoinNetwork::testnet));
  EXPECT_EQ(child["xpub"], extended_public_key(Scheme::ecdsa_secp256k1, derived, BitcoinNetwork::testnet));
  EXPECT_EQ(child["id"], root["id"]);
  for (const char* name : {"p2wpkh", "p2sh_p2wpkh", "p2pkh"}) EXPECT_TRUE(child["descriptors"].contains(name)) << name;
  EXPECT_EQ(sim.call(0, http::Route::show_key, kBip340, {{"network", "regtest"}})
                .body["addresses"]["bitcoin_p2tr"]
                .get<std::string>()
                .substr(0, 6),
            "bcrt1p");
  const Json solana = sim.call(2, http::Route::derive_key, kEd25519, {{"path", "m/1"}}).body;
  EXPECT_EQ(solana["addresses"],
            addresses_of(Scheme::eddsa_ed25519, sim.child(kEd25519, "m/1"), BitcoinNetwork::mainnet));
  EXPECT_FALSE(solana.contains("xpub"));
  // No share is decrypted for that again.
  auto content = sim.store(0).snapshot();
  content.shares.clear();
  sim.store(0).restore(std::move(content));
  EXPECT_EQ(sim.call(0, http::Route::show_key, kEcdsa, {}).body["xpub"], root["xpub"]);
  // The policy says who may derive; the chain code is for nobody else.
  EXPECT_EQ(sim.call(0, http::Route::derive_key, kEcdsa, {{"path", "m/0"}}, nullptr, "approver").status, 403);
  EXPECT_FALSE(sim.call(0, http::Route::show_key, kEcdsa, {}, nullptr, "approver").body.contains("xpub"));
  EXPECT_EQ(sim.call(0, http::Route::derive_key, kEcdsa, {{"path", "m/0h"}}).body["code"], "path_invalid");
  EXPECT_EQ(sim.call(0, http::Route::derive_key, kEcdsa, {}).status, 400);
  EXPECT_EQ(sim.call(0, http::Route::derive_key, "none", {{"path", "m"}}).status, 404);
}

TEST(NodeReads, AnInspectionShowsWhatWouldBeSignedAndSignsNothing) {
  Cluster sim(10, {kEcdsa});
  const Json body{{"key", kEcdsa}, {"payload", transfer_payload()}, {"path", "m/0/5"}};
  const http::Reply seen = sim.call(0, http::Route::inspect, "", {}, body);
  ASSERT_EQ(seen.status, 200) << seen.body;
  const auto& s = sim.ask(0, sim.signing(kEcdsa, transfer_payload(), "m/0/5"));
  ASSERT_TRUE(s.succeeded());
  const Json intent = Json::parse(s.record()->intent.text);
  for (const char* name : {"payload_digest", "facts_digest", "public_key", "path", "decoder"})
    EXPECT_EQ(seen.body[name], intent[name]) << name;
  EXPECT_EQ(seen.body["facts"], Json::parse(s.record()->facts.text));
  EXPECT_EQ(seen.body["to_sign"].size(), 1u);
  EXPECT_EQ(seen.body["policy"]["decision"], "allow");
  EXPECT_EQ(seen.body["policy"]["rule"], "admin-signs");
  EXPECT_FALSE(seen.body["policy"]["reasons"].empty());
  Json digest = body;
  digest["payload"] = {{"kind", "digest"}, {"hex", std::string(64, '1')}};
  const Json blind = sim.call(1, http::Route::inspect, "", {}, digest).body;
  EXPECT_FALSE(blind.contains("facts"));
  EXPECT_EQ(blind["policy"]["decision"], "deny");  // attack 36
  Json bad = body;
  bad["payload"]["fields"]["gas"] = "x";
  const http::Reply refused = sim.call(0, http::Route::inspect, "", {}, bad);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body["pointer"], "/payload/fields/gas");
  bad = body;
  bad["key"] = "none";
  EXPECT_EQ(sim.call(0, http::Route::inspect, "", {}, bad).status, 404);
  bad.erase("key");
  EXPECT_THROW(sim.call(0, http::Route::inspect, "", {}, bad), JsonError);
}

// What a payload shows of a key (child keys, which addresses are its own) is for readers, for those who may derive, and
// for those who may sign it; what a policy says is for readers.
TEST(NodeReads, AnInspectionIsForThoseWhoMayKnow) {
  Cluster sim(12, {kEcdsa});
  Json document = Json::parse(sim.documents.policy->jcs());
  document["rules"] = Json::parse(R"([
    {"id":"small","if":{"kind":"sign","by":["user:approver"],"max":"1000","path":["m/0/*"]},"then":"allow"},
    {"id":"derive","if":{"kind":"derive","by":["user:approver"],"path":["m/7/*"]},"then":"allow"}])");
  const auto limited = policy::PolicyDocument::from_json(document);
  for (std::size_t i = 0; i < 4; ++i) {
    sim.kill(i);
    sim.policies[i] = &limited;
  }
  sim.heal();
  const auto inspect = [&](Json payload, const std::string& path, const std::string& user) {
    return sim.call(0, http::Route::inspect, "", {}, {{"key", kEcdsa}, {"payload", std::move(payload)}, {"path", path}},
                    user);
  };
  Json more = transfer_payload(), bad = transfer_payload();
  more["fields"]["value"] = "1001";
  bad["fields"]["gas"] = "x";
  const http::Reply may_sign = inspect(transfer_payload(), "m/0/1", "approver");
  ASSERT_EQ(may_sign.status, 200) << may_sign.body;
  EXPECT_EQ(may_sign.body["policy"]["decision"], "allow");
  EXPECT_EQ(may_sign.body["policy"].size(), 2u) << may_sign.body["policy"];  // no rule, no limit, no list
  const http::Reply may_derive = inspect(more, "m/7/1", "approver");
  ASSERT_EQ(may_derive.status, 200) << may_derive.body;
  EXPECT_EQ(may_derive.body["policy"]["decision"], "deny");
  EXPECT_EQ(may_derive.body["policy"].size(), 2u);
  EXPECT_EQ(inspect(bad, "m/7/1", "approver").status, 422);
  // Neither: whatever the payload is.
  for (const Json& payload :
       {more, bad, Json{{"kind", "digest"}, {"hex", std::string(64, '1')}}, psbt_of(sim.facts(kEcdsa), {"m/0/1"})}) {
    const http::Reply reply = inspect(payload, "m/0/1", "approver");
    EXPECT_EQ(reply.status, 403) << payload;
    EXPECT_EQ(reply.body["code"], "denied");
    EXPECT_EQ(reply.body["pointer"], "");
  }
  // A PSBT shows the children that it names, not only the one at the path.
  EXPECT_EQ(inspect(psbt_of(sim.facts(kEcdsa), {"m/7/1"}), "m/7/1", "approver").status, 200);
  EXPECT_EQ(inspect(psbt_of(sim.facts(kEcdsa), {"m/7/1"}), "m", "approver").status, 403);
  const http::Reply admin = inspect(more, "m/0/1", "admin");
  ASSERT_EQ(admin.status, 200);
  EXPECT_EQ(admin.body["policy"]["rule"], "default");
  EXPECT_EQ(admin.body["policy"]["reasons"][0]["why"], "user admin is not listed");
}

// Every rule, with why; of the policy in force or of another.
TEST(NodeReads, ASimulationShowsEveryRuleAndSignsNothing) {
  Cluster sim(13, {kEcdsa});
  const auto simulate = [&](Json body, std::size_t i = 0, const std::string& user = "admin") {
    return sim.call(i, http::Route::simulate, "", {}, std::move(body), user);
  };
  const Json sign{{"kind", "sign"}, {"key", kEcdsa}, {"payload", transfer_payload()}, {"path", "m/0/5"}};
  const http::Reply seen = simulate(sign);
  ASSERT_EQ(seen.status, 200) << seen.body;
  EXPECT_EQ(seen.body["as"], "admin");
  EXPECT_EQ(seen.body["key"], kEcdsa);
  EXPECT_EQ(seen.body["at"], to_rfc3339(sim.clock.wall()));
  EXPECT_EQ(seen.body["policy"]["decision"], "allow");
  EXPECT_EQ(seen.body["policy"]["rule"], "admin-signs");
  EXPECT_EQ(seen.body["policy"]["digest"], to_hex(sim.documents.policy->digest()));
  EXPECT_EQ(seen.body["rules"], Json::parse(R"([
    {"rule":"admin-keys","then":"allow","matched":"false","why":"kind is sign"},
    {"rule":"admin-signs","then":"allow","matched":"true","why":"every condition holds"}])"));
  EXPECT_EQ(seen.body["facts"]["movements"][0]["to"], kTo);
  EXPECT_EQ(sim.store(0).requests({}, 100, std::nullopt).items.size(), 1u);  // the key's

  Json other = sign;
  other["as"] = "approver";
  EXPECT_EQ(simulate(other).body["policy"]["decision"], "deny");
  EXPECT_EQ(simulate(other).body["rules"][1]["why"], "user approver is not listed");
  other["as"] = "nobody";
  EXPECT_EQ(simulate(other).body["rules"][0]["why"], "no such user");

  // Rules after the one that decides are shown, too; time is that of the request.
  Json document = Json::parse(sim.documents.policy->jcs());
  document["rules"] = Json::parse(R"([
    {"id":"office","if":{"kind":"sign","hours_utc":"08:00-20:00","weekdays":["mon"]},"then":"allow"},
    {"id":"late","if":{"kind":"sign"},"then":"deny"}])");
  Json candidate = sign;
  candidate["policy"] = document;
  candidate["at"] = "2026-11-23T09:00:00Z";
  const Json monday = simulate(candidate).body;
  EXPECT_EQ(monday["policy"]["rule"], "office");
  EXPECT_EQ(monday["at"], "2026-11-23T09:00:00Z");
  EXPECT_EQ(monday["rules"][1]["matched"], "true");
  candidate["at"] = "2026-11-24T09:00:00Z";
  EXPECT_EQ(simulate(candidate).body["policy"]["rule"], "late");
  EXPECT_EQ(simulate(candidate).body["rules"][0]["why"], "it is tue");

  // Other kinds.
  EXPECT_EQ(simulate({{"kind", "create_key"}, {"key", "new"}}).body["policy"]["decision"], "allow");
  EXPECT_EQ(simulate({{"kind", "refresh"}, {"key", kEcdsa}}).body["policy"]["decision"], "allow");
  EXPECT_EQ(simulate({{"kind", "derive"}, {"key", kEcdsa}, {"path", "m/1"}}).body["policy"]["decision"], "allow");
  EXPECT_EQ(simulate({{"kind", "freeze"}}).body["policy"]["decision"], "allow");
  other = {{"kind", "freeze"}, {"as", "approver"}};
  EXPECT_EQ(simulate(other).body["policy"]["decision"], "deny");
  EXPECT_EQ(simulate(other).body["rules"][0]["why"], "only an admin may ask for it");
}

TEST(NodeReads, ASimulationRefusesWhatIsNoRequest) {
  Cluster sim(14, {kEcdsa});
  const auto error = [&](Json body) -> std::string {
    try {
      const auto reply = sim.call(0, http::Route::simulate, "", {}, std::move(body));
      return std::to_string(reply.status) + " " + reply.body.value("pointer", "");
    } catch (const JsonError& e) {
      return e.pointer;
    }
  };
  EXPECT_EQ(sim.call(0, http::Route::simulate, "", {}, {{"kind", "freeze"}}, "approver").status, 403);
  EXPECT_EQ(error(Json::object()), "/kind");
  EXPECT_EQ(error({{"kind", "change_policy"}}), "/policy");
  EXPECT_EQ(error({{"kind", "unfreeze"}, {"key", "none"}}), "404 /key");
  EXPECT_EQ(error({{"kind", "fly"}}), "/kind");
  EXPECT_EQ(error({{"kind", "sign"}}), "/key");
  EXPECT_EQ(error({{"kind", "sign"}, {"key", kEcdsa}}), "/payload");
  EXPECT_EQ(error({{"kind", "sign"}, {"key", "none"}, {"payload", transfer_payload()}}), "404 /key");
  EXPECT_EQ(error({{"kind", "derive"}, {"key", kEcdsa}}), "/path");
  EXPECT_EQ(error({{"kind", "create_key"}, {"key", "No"}}), "/key");
  EXPECT_EQ(error({{"kind", "refresh"}, {"key", kEcdsa}, {"payload", transfer_payload()}}), "/payload");
  EXPECT_EQ(error({{"kind", "change_cluster"}, {"key", kEcdsa}}), "/key");
  EXPECT_EQ(error({{"kind", "freeze"}, {"at", "tomorrow"}}), "/at");
  EXPECT_EQ(error({{"kind", "freeze"}, {"policy", {{"version", 1}}}}), "/policy/previous");
  Json document = Json::parse(sim.documents.policy->jcs());
  document["cluster"] = std::string(64, 'd');
  EXPECT_EQ(error({{"kind", "freeze"}, {"policy", document}}), "/policy/cluster");
  document = Json::parse(sim.documents.policy->jcs());
  document["rules"][0]["if"]["label"] = Json::array({"x"});
  EXPECT_EQ(error({{"kind", "freeze"}, {"policy", document}}), "/policy/rules/0/if/label");
}

}  // namespace
}  // namespace quorate::test

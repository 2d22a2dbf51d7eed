// What an approver's program makes of a request that a node shows: the node is not believed.
#include "cli/vote_commands.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "policy/intent.h"
#include "policy/signable.h"
#include "support.h"

namespace quorate::cli {
namespace {

const std::string kCluster(64, 'c');
const std::string kKeyId(64, 'a');
const std::string kPublicKey = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

struct Shown {
  Json request, key;
};

// As honest nodes show it.
Shown shown(const Json& payload, const std::string& algorithm = "ecdsa-secp256k1") {
  const Json body{{"payload", payload}};
  const auto parsed = policy::parse_sign(body);
  transactions::KeyFacts facts;
  facts.scheme = transactions::Scheme::ecdsa_secp256k1;
  facts.public_key = *from_hex(kPublicKey);
  const auto what = std::get<policy::Signable>(policy::read_payload(body, parsed, facts));
  policy::Intent intent;
  intent.cluster = kCluster;
  intent.request = "req_" + std::string(32, '1');
  intent.kind = policy::Kind::sign;
  intent.key = kKeyId;
  intent.key_name = "hot";
  intent.public_key = kPublicKey;
  intent.payload_digest = what.payload_digest();
  intent.facts_digest = what.facts_digest();
  intent.decoder = transactions::decoder_version(policy::name_of(parsed.kind));
  intent.policy_version = 1;
  intent.requested_by = "bot";
  intent.expires_at = from_unix_seconds(1'800'000'000);
  return {{{"id", intent.request}, {"intent", policy::to_json(intent)}, {"payload", payload}},
          {{"id", kKeyId}, {"algorithm", algorithm}, {"public_key", {{"hex", kPublicKey}}}}};
}

Json transfer() {
  return {{"kind", "eth_transaction"},
          {"fields",
           {{"chain_id", 1},
            {"nonce", 9},
            {"gas", 21000},
            {"gas_price", 20000000000},
            {"to", "0x3535353535353535353535353535353535353535"},
            {"value", "1000000000000000000"}}}};
}

std::string code_of(const Shown& s, const std::string& cluster = kCluster) {
  try {
    understood(s.request, s.key, cluster);
    return "understood";
  } catch (const Failure& f) {
    return f.code;
  }
}

TEST(Approver, SeesWhatWouldBeSigned) {
  const Shown s = shown(transfer());
  const std::string text = understood(s.request, s.key, kCluster);
  for (const char* part : {"sign, asked for by bot", "key        hot", "until      2027-01-15T08:00:00Z",
                           "transfer   1000000000000000000 of eip155:1/slip44:60",
                           "to 0x3535353535353535353535353535353535353535", "fee        at most 420000000000000"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  const Shown message = shown({{"kind", "message"}, {"utf8", "pay bob"}});
  EXPECT_NE(understood(message.request, message.key, kCluster).find("message    pay bob"), std::string::npos);
  EXPECT_NE(understood(message.request, message.key, kCluster).find("cannot be told"), std::string::npos);
}

TEST(Approver, SeesAllOfItAndNothingThatLooksLikeIt) {
  const Shown s =
      shown({{"kind", "message"}, {"utf8", "hello\ntransfer   1 of gold\r" + std::string(5'000, 'x') + "!"}});
  const std::string text = understood(s.request, s.key, kCluster);
  EXPECT_EQ(text.find("\ntransfer"), std::string::npos) << text;
  EXPECT_NE(text.find("x!\n"), std::string::npos);
  std::ostringstream out, err;
  Console(out, err, false).show(text);
  EXPECT_NE(err.str().find("x!\n"), std::string::npos) << "cut";
}

TEST(Approver, IsNotShownOneThingForAnother) {
  EXPECT_EQ(code_of(shown(transfer())), "understood");
  EXPECT_EQ(code_of(shown(transfer()), std::string(64, 'd')), "not_what_it_says") << "another cluster's";
  const auto changed = [](const std::function<void(Shown&)>& change) {
    Shown s = shown(transfer());
    change(s);
    return code_of(s);
  };
  EXPECT_EQ(changed([](Shown& s) { s.request["payload"]["fields"]["value"] = "1"; }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.request["payload"] = {{"kind", "message"}, {"utf8", "x"}}; }), "decoder_version");
  EXPECT_EQ(changed([](Shown& s) { s.request["payload"] = {{"kind", "letter"}}; }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.request.erase("payload"); }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.request["id"] = "req_" + std::string(32, '2'); }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.request.erase("intent"); }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.request["intent"]["more"] = "x"; }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.request["intent"]["facts_digest"] = std::string(64, '0'); }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.request["intent"]["decoder"] = "99"; }), "decoder_version");
  EXPECT_EQ(changed([](Shown& s) { s.key["id"] = std::string(64, 'b'); }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.key["public_key"]["hex"] = "03" + kPublicKey.substr(2); }), "not_what_it_says");
  EXPECT_EQ(changed([](Shown& s) { s.key["algorithm"] = "rsa"; }), "not_what_it_says");
}

TEST(Approver, SeesTheBodyOfEverythingElse) {
  const Json body{{"threshold", 2}, {"participants", {"node1", "node2"}}};
  Shown s = shown(transfer());
  auto intent = policy::parse_intent(s.request["intent"]);
  intent.kind = policy::Kind::reshare;
  intent.payload_digest = policy::body_payload_digest(body);
  intent.facts_digest = policy::no_facts_digest();
  s.request = {{"id", intent.request}, {"intent", policy::to_json(intent)}, {"body", body}};
  EXPECT_NE(understood(s.request, Json(), kCluster).find(body.dump()), std::string::npos);
  s.request["body"]["threshold"] = 3;
  EXPECT_EQ(code_of(s), "not_what_it_says");
  s.request.erase("body");
  EXPECT_EQ(code_of(s), "not_what_it_says");
}

TEST(InitPolicy, FillsInWhatIsMissing) {
  test::Shell shell;
  const auto file = shell.dir("policies") / "first.json";
  Json policy{
      {"users", {{{"id", "admin"}, {"groups", {"admins"}}}, {{"id", "bob"}, {"groups", {"treasury"}}}}},
      {"admins", {{"group", "admins"}, {"min", 1}, {"delay_hours", 0}}},
      {"readers", Json::array()},
      {"rules",
       {{{"id", "all"}, {"if", Json::object()}, {"then", {{"approve", {{{"group", "treasury"}, {"min", 1}}}}}}}}},
      {"default", "deny"}};
  const auto init = [&](const std::string& dir) {
    test::write(file, policy.dump());
    const int base = test::test_base_port(shell.rng);
    return shell({"init", "--dir", (shell.dir() / dir).string(), "--base-port", std::to_string(base), "--policy",
                  file.string(), "--json"});
  };
  const auto made = init("one");
  ASSERT_EQ(made.exit, Exit::ok) << made.err;
  EXPECT_EQ(made.json()["users"], Json::array({"admin", "bob"}));
  const Json written = parse_json(test::read(shell.dir() / "one" / "policy.json"));
  EXPECT_EQ(written["cluster"], made.json()["cluster"]);
  EXPECT_EQ(written["rules"], policy["rules"]);
  const auto bob = Ed25519SecretKey::from_pem(test::read(shell.dir() / "one" / "users" / "bob.pem"));
  ASSERT_TRUE(bob);
  EXPECT_EQ(written["users"][1]["key"], bob->public_key().to_text());

  policy["rules"][0]["then"]["approve"][0]["min"] = 2;
  const auto refused = init("two");
  EXPECT_EQ(refused.exit, Exit::failed);
  EXPECT_NE(refused.err.find("/rules/0/then/approve/0/min"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(shell.dir() / "two" / "cluster.json"));
}

// What changes is what this program computes from both documents; the one in force is bound by the intent, too.
TEST(Approver, AChangeOfThePolicyShowsItsDifference) {
  const auto document = [](std::int64_t version, const std::string& previous, int min) {
    return Json{{"version", version},
                {"previous", previous},
                {"cluster", kCluster},
                {"users",
                 {{{"id", "ana"},
                   {"key", "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
                   {"groups", {"admins"}}}}},
                {"admins", {{"group", "admins"}, {"min", 1}, {"delay_hours", min}}},
                {"readers", Json::array()},
                {"rules", Json::array()},
                {"default", "deny"}};
  };
  const Json before = document(1, "", 24);
  const Json after = document(2, to_hex(jcs_digest(before)), 1);
  policy::Intent intent;
  intent.cluster = kCluster;
  intent.request = "req_" + std::string(32, '1');
  intent.kind = policy::Kind::change_policy;
  intent.payload_digest = policy::body_payload_digest(after);
  intent.facts_digest = policy::no_facts_digest();
  intent.policy_version = 1;
  intent.policy_digest = jcs_digest(before);
  intent.requested_by = "ana";
  intent.expires_at = from_unix_seconds(1'800'000'000);
  Shown s{{{"id", intent.request}, {"intent", policy::to_json(intent)}, {"body", after}}, before};
  const std::string text = understood(s.request, s.key, kCluster);
  EXPECT_NE(text.find("changed  member admins"), std::string::npos) << text;
  EXPECT_NE(text.find("loosens  admins is changed"), std::string::npos) << text;
  Shown lie = s;
  lie.key = document(1, "", 1);  // as if nothing changed
  EXPECT_EQ(code_of(lie), "not_what_it_says");
  lie = s;
  lie.request["body"] = document(2, to_hex(jcs_digest(before)), 24);
  EXPECT_EQ(code_of(lie), "not_what_it_says");
  lie = s;
  lie.key = Json();
  EXPECT_EQ(code_of(lie), "not_what_it_says");
}

// ---- assertions of authenticators

TEST(AssertionFile, IsWhatABrowserGives) {
  const std::string browser = R"({"id":"AQI","rawId":"AQI","type":"public-key","authenticatorAttachment":"platform",
    "response":{"authenticatorData":"AwQ","clientDataJSON":"e30","signature":"BQY","userHandle":null},"clientExtensionResults":{}})";
  const policy::Assertion assertion = assertion_in(browser, "dave.json");
  EXPECT_EQ(
      policy::to_json(assertion),
      (Json{{"credential", "AQI"}, {"authenticator_data", "AwQ"}, {"client_data_json", "e30"}, {"signature", "BQY"}}));
  const auto detail = [](const std::string& text) -> std::string {
    try {
      assertion_in(text, "dave.json");
      return "";
    } catch (const Failure& f) {
      EXPECT_EQ(f.code, "webauthn_file");
      return f.what();
    }
  };
  for (const auto& [member, named] : {std::pair("id", "/credential"),
                                      {"authenticatorData", "/authenticator_data"},
                                      {"clientDataJSON", "/client_data_json"},
                                      {"signature", "/signature"}}) {
    std::string without = browser;
    without.replace(without.find("\"" + std::string(member) + "\""), std::strlen(member) + 2, "\"other\"");
    EXPECT_NE(detail(without).find(named), std::string::npos) << member << ": " << detail(without);
  }
  for (const char* bad : {"", "[]", "{}", "\"x\"", R"({"id":"AQI","response":"x"})", R"({"id":"AQI","response":null})"})
    EXPECT_NE(detail(bad).find("dave.json"), std::string::npos) << bad;
}

TEST(InitPolicy, WhoHasAnAuthenticatorGetsNoKey) {
  test::Shell shell;
  const auto file = shell.dir("policies") / "first.json";
  // RFC 6979 A.2.5
  const Json passkey{{"rp_id", "example.com"},
                     {"origins", {"https://example.com"}},
                     {"credential_id", "AQI"},
                     {"public_key", "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"}};
  test::write(file, Json{{"users",
                          {{{"id", "admin"}, {"groups", {"admins"}}},
                           {{"id", "dave"}, {"groups", {"treasury"}}, {"webauthn", Json::array({passkey})}}}},
                         {"admins", {{"group", "admins"}, {"min", 1}, {"delay_hours", 0}}},
                         {"readers", Json::array()},
                         {"rules", Json::array()},
                         {"default", "deny"}}
                        .dump());
  const auto made = shell({"init", "--dir", (shell.dir() / "one").string(), "--base-port",
                           std::to_string(test::test_base_port(shell.rng)), "--policy", file.string(), "--json"});
  ASSERT_EQ(made.exit, Exit::ok) << made.err;
  EXPECT_EQ(made.json()["users"], Json::array({"admin"}));
  EXPECT_FALSE(std::filesystem::exists(shell.dir() / "one" / "users" / "dave.pem"));
  const Json written = parse_json(test::read(shell.dir() / "one" / "policy.json"));
  EXPECT_FALSE(written["users"][1].contains("key"));
}

}  // namespace
}  // namespace quorate::cli

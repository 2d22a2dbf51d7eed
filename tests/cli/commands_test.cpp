// The client commands against a server whose answers are chosen by the test.
#include "fake_api.h"

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;
using test::FakeApi, test::problem, test::request_json;

// Only node2 of three runs, so that every command has to go on from node1.
struct Commands : ::testing::Test {
  test::Shell shell;
  std::unique_ptr<FakeApi> api;
  std::unique_ptr<http::HttpServer> server;

  void SetUp() override {
    const int base = test::test_base_port(shell.rng);
    ASSERT_EQ(shell({"init", "--dir", shell.dir().string(), "--base-port", std::to_string(base)}).exit, Exit::ok);
    api = std::make_unique<FakeApi>(shell.dir());
    server = test::server_of(shell.dir(), "node2", *api, shell.clock);
    server->start();
  }
};

TEST_F(Commands, GoesOnToTheNextNodeAndSpeaksAsTheUser) {
  auto printed = shell({"key", "list", "--json"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.json()["items"], Json::array());
  EXPECT_EQ(shell({"--as", "approver", "request", "list", "--state", "failed", "--limit", "5"}).exit, Exit::ok);
  EXPECT_EQ(api->targets,
            (std::vector<std::string>{"GET /v1/keys?limit=200", "GET /v1/requests?limit=5&state=failed"}));
  EXPECT_EQ(api->users, (std::vector<std::string>{"admin", "approver"}));
}

TEST_F(Commands, AsksOnlyTheNodeThatWasChosen) {
  const auto printed = shell({"key", "list", "--node", "node1", "--json"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_EQ(printed.json()["error"]["code"], "unreachable");
  EXPECT_NE(printed.err.find("node1"), std::string::npos);
  EXPECT_EQ(printed.err.find("node2"), std::string::npos);
  EXPECT_EQ(std::count(printed.err.begin(), printed.err.end(), '\n'), 1);
  EXPECT_EQ(shell({"key", "list", "--node", "node9"}).exit, Exit::usage);
  EXPECT_TRUE(api->targets.empty());
}

TEST_F(Commands, CreatesAKeyOfAllNodesWithAMajority) {
  const Json key{{"id", "ab"},
                 {"name", "hot"},
                 {"algorithm", "eddsa-ed25519"},
                 {"threshold", 2},
                 {"participants", {"node1", "node2", "node3"}},
                 {"state", "active"},
                 {"public_key", {{"hex", "1234"}}}};
  api->answer = http::Reply{201, request_json("succeeded", {{"key", key}}), {}};
  const auto printed = shell({"key", "create", "--name", "hot", "--algorithm", "eddsa-ed25519"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_NE(printed.out.find("1234"), std::string::npos);
  EXPECT_NE(printed.out.find("2 of node1, node2, node3"), std::string::npos) << printed.out;
  ASSERT_EQ(api->bodies.size(), 1u);
  EXPECT_EQ(api->bodies[0], (Json{{"name", "hot"},
                                  {"algorithm", "eddsa-ed25519"},
                                  {"threshold", 2},
                                  {"participants", {"node1", "node2", "node3"}}}));
  EXPECT_EQ(api->keys[0].size(), 32u);  // an Idempotency-Key of its own

  shell({"key", "create", "--name", "x", "--algorithm", "schnorr-secp256k1", "--threshold", "3", "--participants",
         "node3,node1,node2"});
  EXPECT_EQ(api->bodies[1]["threshold"], 3);
  EXPECT_EQ(api->bodies[1]["participants"], (Json{"node3", "node1", "node2"}));
  EXPECT_NE(api->keys[0], api->keys[1]);
}

TEST_F(Commands, SignsAMessageHoweverItIsGiven) {
  const Json result{
      {"signature", {{"hex", "aabb"}}}, {"public_key", "1234"}, {"path", "m"}, {"signers", {"node1", "node3"}}};
  api->answer = http::Reply{201, request_json("succeeded", result), {}};
  test::write(shell.dir("message"), "hello\n");
  const std::string out = shell.dir("signature").string();
  auto printed = shell({"sign", "--key", "hot", "--message", "hello\n", "--out", out});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_NE(printed.out.find("signature  aabb\n"), std::string::npos);
  EXPECT_NE(printed.out.find("signers    node1, node3\n"), std::string::npos);
  EXPECT_EQ(test::read(out), "\xaa\xbb");
  shell({"sign", "--key", "hot", "--message", "@" + shell.dir("message").string()});
  shell({"sign", "--key", "hot", "--message", "-"}, "hello\n");
  shell({"sign", "--key", "hot", "--message-hex", "68656c6c6f0a"});
  shell({"sign", "--key", "hot", "--message-base64", "aGVsbG8K"});
  ASSERT_EQ(api->bodies.size(), 5u);
  for (const auto& body : api->bodies)
    EXPECT_EQ(body, (Json{{"payload", {{"kind", "message"}, {"base64", "aGVsbG8K"}}}}));
  EXPECT_EQ(api->targets[0], "POST /v1/keys/hot/signatures");

  shell({"sign", "--key", "hot", "--digest", std::string(64, 'A'), "--memo", "m", "--path", "m"});
  EXPECT_EQ(api->bodies[5],
            (Json{{"payload", {{"kind", "digest"}, {"hex", std::string(64, 'a')}}}, {"memo", "m"}, {"path", "m"}}));
  shell({"sign", "--key", "hot", "--message", "", "--hash", "double_sha256"});
  EXPECT_EQ(api->bodies[6], (Json{{"payload", {{"kind", "message"}, {"base64", ""}, {"hash", "double_sha256"}}}}));
}

TEST_F(Commands, SignsAndInspectsTransactionsHoweverTheyAreGiven) {
  const Json result{{"signature", {{"hex", "aabb"}}},
                    {"public_key", "1234"},
                    {"path", "m/0/5"},
                    {"signed_transaction", "0xf8"},
                    {"signers", {"node1", "node3"}}};
  api->answer = http::Reply{201, request_json("succeeded", result), {}};
  const std::string psbt("psbt\xff\x00\x01", 7), psbt64 = to_base64(view_of(psbt));
  const auto file = [&](const std::string& name, const std::string& content) {
    test::write(shell.dir(name), content);
    return shell.dir(name).string();
  };
  const std::string fields = file("tx.json", R"({"chain_id":1,"to":"0x35"})"), raw = file("tx.hex", "0xf80a\n"),
                    binary = file("a.psbt", psbt), text = file("b.psbt", psbt64 + "\n"),
                    typed = file("typed.json", R"({"types":{}})");
  const Json psbt_payload{{"kind", "btc_psbt"}, {"base64", psbt64}};
  // A message with one account, which pays, and nothing to do.
  const std::string message = std::string("\x01\x00\x00\x01", 4) + std::string(32, 'k') + std::string(33, '\0');
  const std::string solana = to_base64(view_of(message));
  const std::vector<std::tuple<std::string, std::string, Json>> cases{
      {"--eth-tx", "0xf80a", {{"kind", "eth_transaction"}, {"raw", "0xf80a"}}},
      {"--eth-tx", raw, {{"kind", "eth_transaction"}, {"raw", "0xf80a"}}},
      {"--eth-tx", "@" + fields, {{"kind", "eth_transaction"}, {"fields", {{"chain_id", 1}, {"to", "0x35"}}}}},
      {"--eth-message", "hello", {{"kind", "eth_message"}, {"base64", "aGVsbG8="}}},
      {"--typed-data", typed, {{"kind", "eth_typed_data"}, {"typed_data", {{"types", Json::object()}}}}},
      {"--typed-data", R"({"types":{}})", {{"kind", "eth_typed_data"}, {"typed_data", {{"types", Json::object()}}}}},
      {"--psbt", psbt64, psbt_payload},
      {"--psbt", binary, psbt_payload},
      {"--psbt", text, psbt_payload},
      {"--solana", solana, {{"kind", "solana_transaction"}, {"base64", solana}}},
      {"--solana", file("m.bin", message), {{"kind", "solana_transaction"}, {"base64", solana}}},
      {"--solana", file("m.txt", solana + "\n"), {{"kind", "solana_transaction"}, {"base64", solana}}},
  };
  for (const auto& [option, word, payload] : cases) {
    const auto printed = shell({"sign", "--key", "hot", option, word, "--path", "m/0/5"});
    EXPECT_EQ(printed.exit, Exit::ok) << option << " " << printed.err;
    EXPECT_NE(printed.out.find("signed_transaction  0xf8"), std::string::npos) << printed.out;
    EXPECT_EQ(api->bodies.back(), (Json{{"payload", payload}, {"path", "m/0/5"}}));
    shell({"inspect", "--key", "hot", option, word});
    EXPECT_EQ(api->bodies.back(), (Json{{"key", "hot"}, {"payload", payload}}));
    EXPECT_EQ(api->targets.back(), "POST /v1/transactions/inspect");
  }
  shell({"sign", "--key", "hot", "--psbt", psbt64, "--network", "signet"});
  EXPECT_EQ(api->bodies.back()["payload"]["network"], "signet");
}

TEST_F(Commands, WritesTheSignedPsbtToTheFile) {
  const std::string psbt("psbt\xff\x02", 6);
  const Json result{{"signature", {{"hex", "aabb"}}}, {"psbt", to_base64(view_of(psbt))}, {"signers", Json::array()}};
  api->answer = http::Reply{201, request_json("succeeded", result), {}};
  const std::string out = shell.dir("signed.psbt").string();
  EXPECT_EQ(shell({"sign", "--key", "hot", "--psbt", to_base64(view_of(psbt)), "--out", out}).exit, Exit::ok);
  EXPECT_EQ(test::read(out), psbt);
}

TEST_F(Commands, ShowsWhatANodeSees) {
  const Json movement{
      {"kind", "transfer"}, {"amount", "7"}, {"asset", "eip155:1/slip44:60"}, {"from", "0x34"}, {"to", "0x35"}};
  const Json either{{"kind", "allowance"}, {"amount", "8"}, {"asset", "a"},         {"or_asset", "b"},
                    {"from", "c"},         {"to", "d"},     {"to_owner", "unknown"}};
  const Json seen{
      {"kind", "eth_transaction"},
      {"key", {{"name", "hot"}}},
      {"path", "m/0/5"},
      {"facts",
       {{"chain", "eip155:1"},
        {"movements", {movement, either, {{"kind", "unknown"}}, {{"kind", "fee"}, {"amount", "5"}, {"asset", "x"}}}},
        {"calls", {{{"contract", "0x36"}, {"name", "unknown"}}}}}},
      {"to_sign", {{{"bytes", "aa"}, {"public_key", "02"}}}},
      {"policy", {{"decision", "deny"}, {"rule", "blocked"}}}};
  api->answer = http::Reply{200, seen, {}};
  const auto printed = shell({"inspect", "--key", "hot", "--eth-tx", "0xf8"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  for (const char* line : {"transfer   7 of eip155:1/slip44:60 from 0x34 to 0x35\n",
                           "allowance  8 of a or b from c to d, an account of unknown\n",
                           "it may move anything to anybody\n", "fee        at most 5 of x\n",
                           "call       0x36 unknown\n", "signs      aa with 02\n", "policy     deny, rule blocked\n"})
    EXPECT_NE(printed.out.find(line), std::string::npos) << line << printed.out;
  Json other = seen;
  other["policy"].erase("rule");  // rules are for readers
  api->answer = http::Reply{200, other, {}};
  EXPECT_TRUE(shell({"inspect", "--key", "hot", "--eth-tx", "0xf8"}).out.ends_with("policy     deny\n"));
  Json blind = seen;
  blind.erase("facts");
  api->answer = http::Reply{200, blind, {}};
  EXPECT_NE(shell({"inspect", "--key", "hot", "--digest", std::string(64, '0')}).out.find("cannot be told"),
            std::string::npos);
  EXPECT_EQ(shell({"inspect", "--key", "hot", "--eth-tx", "0xf8", "--json"}).json(), blind);
}

TEST_F(Commands, ARequestThatHasFailedSaysWhy) {
  Json request = request_json("failed");
  request["reason"] = {{"code", "no_quorum"}, {"detail", "node3 did not answer"}};
  api->answer = http::Reply{200, request, {}};
  const auto printed = shell({"request", "show", "req_" + std::string(32, '0')});
  EXPECT_NE(printed.out.find("is failed: node3 did not answer"), std::string::npos) << printed.out << printed.err;
}

TEST_F(Commands, DerivesAChild) {
  api->answer = http::Reply{200,
                            Json{{"name", "hot"},
                                 {"path", "m/0/5"},
                                 {"xpub", "xpub6"},
                                 {"addresses", {{"ethereum", "0x35"}}},
                                 {"descriptors", {{"p2wpkh", "wpkh(x)#y"}}}},
                            {}};
  const auto printed = shell({"key", "derive", "hot", "--path", "m/0/5", "--network", "testnet"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(api->targets.back(), "GET /v1/keys/hot/derive?path=m%2F0%2F5&network=testnet");
  for (const char* line : {"ethereum  0x35\n", "path       m/0/5\n", "xpub       xpub6\n", "wpkh(x)#y\n"})
    EXPECT_NE(printed.out.find(line), std::string::npos) << printed.out;
}

TEST_F(Commands, AFileThatCannotBeWrittenIsToldBeforeAnythingIsSigned) {
  const fs::path there = shell.dir("there"), fresh = shell.dir("fresh");
  test::write(there, "mine");
  for (const fs::path& out : {there, shell.dir("missing") / "file"}) {
    const auto printed = shell({"sign", "--key", "hot", "--message", "x", "--out", out.string()});
    EXPECT_EQ(printed.exit, Exit::failed);
    EXPECT_NE(printed.err.find(out.string()), std::string::npos) << printed.err;
  }
  EXPECT_TRUE(api->targets.empty());
  EXPECT_EQ(test::read(there), "mine");
  // Without a signature there is no file.
  for (const auto& answer : std::vector<http::Answered>{
           problem(403, "denied"), http::Reply{202, request_json("pending_approval"), {}}}) {
    api->answer = answer;
    shell({"sign", "--key", "hot", "--message", "x", "--out", fresh.string()});
    EXPECT_FALSE(fs::exists(fresh));
  }
  EXPECT_EQ(api->targets.size(), 2u);
}

TEST_F(Commands, WrongWordsAreUsageErrorsAndAskNobody) {
  const std::vector<std::vector<std::string>> wrong{
      {"sign", "--key", "hot"},
      {"sign", "--message", "x"},
      {"sign", "--key", "hot", "--message", "x", "--message-hex", "00"},
      {"sign", "--key", "hot", "--message-hex", "0"},
      {"sign", "--key", "hot", "--message-base64", "!"},
      {"sign", "--key", "hot", "--message", "x", "--hash", "md5"},
      {"sign", "--key", "hot", "--digest", "zz"},
      {"sign", "--key", "hot", "--eth-tx", "0x00", "--hash", "sha256"},
      {"sign", "--key", "hot", "--eth-tx", "0x00", "--network", "testnet"},
      {"sign", "--key", "hot", "--eth-tx", "0x00", "--psbt", "cHNidP8="},
      {"sign", "--key", "hot", "--psbt", "cHNidP8=", "--network", "moon"},
      {"sign", "--key", "hot", "--typed-data", "{"},
      {"inspect", "--key", "hot"},
      {"inspect", "--eth-tx", "0x00"},
      {"key", "derive", "hot"},
      {"sign", "--key", "hot", "--message", "-x", "--bogus"},
      {"key", "create", "--name", "x", "--algorithm", "rsa"},
      {"key"},
      {"frobnicate"},
      {},
      {"api", "PATCH", "/v1/keys"},
      {"key", "list", "--as", "../node1/identity"},
      {"request", "list", "--limit", "0"},
  };
  for (const auto& words : wrong) {
    const auto printed = shell(words);
    EXPECT_EQ(printed.exit, Exit::usage) << (words.empty() ? "" : words.back()) << printed.err;
    EXPECT_EQ(std::count(printed.err.begin(), printed.err.end(), '\n'), 1) << printed.err;
    EXPECT_EQ(printed.out, "");
  }
  // A file that is not there, although its name is base64: no message.
  EXPECT_NE(shell({"sign", "--key", "hot", "--solana", "AQAB"}).exit, Exit::ok);
  EXPECT_TRUE(api->targets.empty());
  EXPECT_EQ(shell({"--json", "key"}).json()["error"]["code"], "usage");
  const auto big = shell({"sign", "--key", "hot", "--message", "-"}, std::string(limits::kMaxSignedBytes + 1, 'x'));
  EXPECT_EQ(big.exit, Exit::usage);
}

TEST_F(Commands, ExitCodesTellHowItEnded) {
  const std::vector<std::string> sign{"sign", "--key", "hot", "--message", "x"};
  const std::vector<std::pair<http::Answered, Exit>> cases{
      {problem(403, "denied"), Exit::denied},
      {problem(504, "no_quorum"), Exit::no_quorum},
      {problem(409, "conflict"), Exit::failed},
      {problem(422, "unsignable"), Exit::failed},
      {problem(404, "not_found"), Exit::failed},
      {problem(500, "internal"), Exit::failed},
      {http::Reply{202, request_json("pending_approval"), {}}, Exit::waiting},
      {http::Reply{202, request_json("running"), {}}, Exit::waiting},
      {http::Reply{200, request_json("cancelled"), {}}, Exit::failed},
      {http::Reply{200, request_json("a state of another version"), {}}, Exit::failed},
      {http::Reply{200, request_json(""), {}}, Exit::failed},
  };
  for (const auto& [answer, exit] : cases) {
    api->answer = answer;
    const auto printed = shell(sign);
    EXPECT_EQ(printed.exit, exit) << printed.err << printed.out;
    auto words = sign;
    words.emplace_back("--json");
    const auto json = shell(words);
    EXPECT_EQ(json.exit, exit);
    if (const auto* p = std::get_if<http::Problem>(&answer)) {
      EXPECT_NE(printed.err.find("because of " + p->code + " (req_00)"), std::string::npos) << printed.err;
      EXPECT_EQ(std::count(printed.err.begin(), printed.err.end(), '\n'), 1);
      EXPECT_EQ(json.json()["error"]["code"], p->code);
      EXPECT_EQ(json.json()["error"]["request"]["id"], "req_00");
    } else {
      EXPECT_EQ(json.json()["id"], "req_00");
      EXPECT_NE(printed.out.find("req_00 is "), std::string::npos);
    }
  }
}

TEST_F(Commands, ApiSignsAnyCall) {
  auto printed = shell({"api", "GET", "/v1/keys?limit=3"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  api->answer = http::Reply{202, request_json("queued"), {}};
  printed =
      shell({"api", "POST", "/v1/keys/hot/signatures", R"({"a": 1})", "--idempotency-key", "mine", "--wait", "0"});
  EXPECT_EQ(printed.exit, Exit::waiting) << printed.err;
  EXPECT_EQ(api->keys.back(), "mine");
  EXPECT_EQ(api->bodies.back(), (Json{{"a", 1}}));
  EXPECT_EQ(printed.json()["state"], "queued");
  shell({"api", "POST", "/v1/keys", "-"}, R"({"b": 2})");
  EXPECT_EQ(api->bodies.back(), (Json{{"b", 2}}));
  api->answer = problem(403, "denied");
  printed = shell({"api", "POST", "/v1/keys", "{}"});
  EXPECT_EQ(printed.exit, Exit::denied);
  EXPECT_EQ(parse_json(printed.out)["code"], "denied");
}

TEST_F(Commands, ShowsAKeyAndItsPem) {
  const Json key{{"name", "hot"}, {"algorithm", "eddsa-ed25519"}, {"public_key", {{"hex", "12"}, {"pem", "-----X\n"}}}};
  api->answer = http::Reply{200, key, {}};
  EXPECT_EQ(shell({"key", "show", "hot", "--pem"}).out, "-----X\n");
  EXPECT_EQ(shell({"key", "show", "hot", "--json"}).json(), key);
  EXPECT_EQ(api->targets[0], "GET /v1/keys/hot");
  EXPECT_EQ(shell({"key", "show", "../node"}).exit, Exit::failed);  // one segment, whatever it is called
  EXPECT_EQ(api->targets.size(), 2u);
}

TEST_F(Commands, ArchivesAKeyAndTakesItBack) {
  for (const auto& [word, state] : {std::pair("archive", "archived"), std::pair("unarchive", "active")}) {
    api->answer = http::Reply{201, request_json("succeeded", {{"key", {{"name", "hot"}, {"state", state}}}}), {}};
    const auto printed = shell({"key", word, "hot"});
    EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
    EXPECT_NE(printed.out.find("state      " + std::string(state) + "\n"), std::string::npos) << printed.out;
    EXPECT_EQ(api->targets.back(), "POST /v1/keys/hot/" + std::string(word));
    EXPECT_EQ(api->bodies.back(), Json::object());
    EXPECT_EQ(shell({"key", word}).exit, Exit::usage);
    EXPECT_EQ(shell({"key", word, "hot", "cold"}).exit, Exit::usage);
    api->answer = http::Reply{202, request_json("pending_approval"), {}};
    EXPECT_EQ(shell({"key", word, "hot"}).exit, Exit::waiting);
  }
  EXPECT_EQ(api->targets.size(), 4u);
}

TEST_F(Commands, NodeStatusTellsWhoDoesNotAnswer) {
  api->answer = http::Reply{
      200,
      Json{{"id", "node2"},
           {"peers", {{{"node", "node1"}, {"connected", false}}, {{"node", "node3"}, {"connected", true}}}}},
      {}};
  const auto printed = shell({"node", "status"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_NE(printed.out.find("1 of 2 peers connected"), std::string::npos) << printed.out;
  EXPECT_NE(printed.out.find("does not answer"), std::string::npos);
  EXPECT_EQ(shell({"node", "status", "--node", "node2", "--json"}).exit, Exit::ok);
}

// security.md 49: the pin decides, not the name and not the issuer.
TEST_F(Commands, RefusesAServerWithAnotherKey) {
  server.reset();
  const auto cluster = policy::ClusterDocument::parse(test::read(shell.dir() / "cluster.json"));
  const std::string address = cluster.find("node2")->rest_address;
  http::HttpConfig config;
  config.port = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
  config.threads = limits::kMinHttpThreads;
  config.certificate_pem = test::read(shell.dir() / "node3/tls.cert.pem");
  const std::string key = test::read(shell.dir() / "node3/tls.key.pem");
  config.key_pem = secret_bytes(view_of(key));
  server = std::make_unique<http::HttpServer>(std::move(config), *api, shell.clock, shell.rng);
  server->start();
  const auto printed = shell({"key", "list", "--node", "node2"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_TRUE(api->targets.empty());
}

TEST_F(Commands, NamesWhatIsMissingInTheDirectory) {
  auto printed = shell({"key", "list", "--as", "nobody"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_NE(printed.err.find("users/nobody.pem"), std::string::npos) << printed.err;
  printed = shell({"key", "list", "--dir", shell.dir("nothing").string()});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_NE(printed.err.find("no cluster.json"), std::string::npos) << printed.err;
  test::write(shell.dir("broken") / "cluster.json", "{\"x\": 1}");
  printed = shell({"key", "list", "--dir", shell.dir("broken").string()});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_NE(printed.err.find("cluster.json"), std::string::npos) << printed.err;
}

}  // namespace
}  // namespace quorate::cli

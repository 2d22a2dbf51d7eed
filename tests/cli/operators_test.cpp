// Three operators found a cluster.
#include "tests/cli/operators_world.h"

namespace quorate::cli {
namespace {

TEST_F(Operators, MakeAClusterOfTheirNodes) {
  ASSERT_NO_FATAL_FAILURE(found());
  const std::string id = policy::Founding::parse(read(at("founded"))).id();
  for (const std::string name : {"a", "b", "c", "alice"}) {
    const auto accepted = shell({"cluster", "accept", path("founded"), "--dir", path(name), "--fingerprint", id});
    ASSERT_EQ(accepted.exit, Exit::ok) << accepted.err;
    EXPECT_NE(accepted.out.find("fingerprint " + id), std::string::npos);
    EXPECT_EQ(accepted.out.find("quorated --config") != std::string::npos, name != "alice");
    const auto cluster = load_cluster(at(name));
    EXPECT_EQ(cluster.id(), id);
    EXPECT_TRUE(cluster.anchors(policy::PolicyDocument::parse(read(at(name) / "policy.json"))));
    // Once more changes nothing.
    const std::string before = read(at(name) / "cluster.json");
    EXPECT_EQ(shell({"cluster", "accept", path("founded"), "--dir", path(name)}).exit, Exit::ok);
    EXPECT_EQ(read(at(name) / "cluster.json"), before);
    const auto shown = shell({"cluster", "show", "--dir", path(name)});
    EXPECT_EQ(shown.exit, Exit::ok) << shown.err;
    EXPECT_NE(shown.out.find("fingerprint " + id), std::string::npos);
  }
  // The user's folder is one that client commands work with; the node's says that it is none.
  const Place place = find_place({false, path("alice"), {}, {}}, shell.env);
  EXPECT_EQ(place.user, "alice");
  std::ostringstream out, err;
  Console console(out, err, false);
  World world{shell.clock, shell.rng, console};
  EXPECT_EQ(ClusterClient(place, world).cluster().id(), id);
  expect_failure({"key", "list", "--dir", path("a")}, "node_folder", {path("a")});
}

TEST_F(Operators, ANodesFolderIsItsOwnersAlone) {
  const mode_t before = ::umask(0);
  const auto made = node_init("a");
  ::umask(before);
  ASSERT_EQ(made.exit, Exit::ok) << made.err;
  std::set<std::string> files;
  struct stat info {};
  for (const auto& entry : fs::recursive_directory_iterator(at("a"))) {
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, entry.is_directory() ? 0700u : 0600u) << entry.path();
    files.insert(fs::relative(entry.path(), at("a")).string());
  }
  EXPECT_EQ(files, (std::set<std::string>{"ca", "ca/ca.key.pem", "ca.pem", "card.json", "config.toml", "database.key",
                                          "identity.pem", "tls.cert.pem", "tls.key.pem"}));
  const auto card = policy::parse_signed_card(parse_json(read(at("a") / "card.json")));
  const std::string certificate = read(at("a") / "tls.cert.pem");
  EXPECT_EQ(peers::spki_of_certificate(certificate), card.tls_spki);
  EXPECT_TRUE(peers::issued_by(certificate, read(at("a") / "ca.pem")));
  const auto info_of = peers::parse_certificate(certificate);
  ASSERT_TRUE(info_of);
  EXPECT_TRUE(std::count(info_of->dns.begin(), info_of->dns.end(), "a.example") == 1);
  const std::string config = read(at("a") / "config.toml");
  for (const char* line : {"listen = \"0.0.0.0:7001\"", "listen = \"0.0.0.0:7101\"", "listen = \"127.0.0.1:7201\"",
                           "cluster = \"cluster.json\"", "key_file = \"database.key\""})
    EXPECT_NE(config.find(line), std::string::npos) << line << config;
}

TEST_F(Operators, NodesListenWhereTheyAreTold) {
  const auto config = [&](const std::string& name, const std::vector<std::string>& words) {
    std::vector<std::string> all{"node", "init", "--dir", path(name), "--id", "n"};
    all.insert(all.end(), words.begin(), words.end());
    const auto made = shell(all);
    EXPECT_EQ(made.exit, Exit::ok) << made.err;
    return read(at(name) / "config.toml");
  };
  const auto has = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << text;
  };
  std::string text = config("v4", {"--peers", "127.0.0.1:65501", "--rest", "192.0.2.1:65500"});
  has(text, "[peers]\nlisten = \"127.0.0.1:65501\"");
  has(text, "[http]\nlisten = \"0.0.0.0:65500\"");
  has(text, "[metrics]\nlisten = \"127.0.0.1:65300\"");
  text = config("v6", {"--peers", "[::1]:1", "--rest", "[2001:db8::1]:2"});
  has(text, "[peers]\nlisten = \"[::1]:1\"");
  has(text, "[http]\nlisten = \"[::]:2\"");
  const auto certificate = peers::parse_certificate(read(at("v6") / "tls.cert.pem"));
  ASSERT_TRUE(certificate);
  EXPECT_EQ(std::count(certificate->ips.begin(), certificate->ips.end(), "2001:db8::1"), 1);
  text = config("told", {"--peers", "localhost:1", "--rest", "n.example:2", "--listen-rest", "10.0.0.1:3",
                         "--listen-metrics", "10.0.0.1:4", "--key-command", "vault", "read", "key"});
  has(text, "[peers]\nlisten = \"127.0.0.1:1\"");
  has(text, "[http]\nlisten = \"10.0.0.1:3\"");
  has(text, "[metrics]\nlisten = \"10.0.0.1:4\"");
  has(text, "key_command = [\"vault\", \"read\", \"key\"]");
  EXPECT_FALSE(fs::exists(at("told") / "database.key"));
  has(config("env", {"--peers", "n:1", "--rest", "n:2", "--key-env", "KEY"}), "key_env = \"KEY\"");
  has(config("pass", {"--peers", "n:1", "--rest", "n:2", "--passphrase-env", "P"}), "passphrase_env = \"P\"");
}

TEST_F(Operators, BadWordsMakeNoNode) {
  const auto refused = [&](const std::vector<std::string>& words, const std::string& told) {
    std::vector<std::string> all{"node", "init", "--dir", path("n")};
    all.insert(all.end(), words.begin(), words.end());
    expect_failure(all, "usage", {told});
    EXPECT_FALSE(fs::exists(at("n")));
  };
  refused({"--id", "No Name", "--peers", "n:1", "--rest", "n:2"}, "--id");
  refused({"--id", "n", "--peers", "n", "--rest", "n:2"}, "--peers");
  refused({"--id", "n", "--peers", "n:1", "--rest", "https://n:2"}, "--rest");
  refused({"--id", "n", "--peers", "n:1", "--rest", "n:2", "--listen-peers", "7001"}, "--listen-peers");
  refused({"--id", "n", "--peers", "n:1", "--rest", "n:2", "--listen-rest", "7001"}, "--listen-rest");
  refused({"--id", "n", "--peers", "n:1", "--rest", "n:2", "--listen-metrics", "x"}, "--listen-metrics");
  refused({"--id", "n", "--peers", "n:1", "--rest", "n:1"}, "two addresses");
  refused({"--id", "n", "--peers", "n:1", "--rest", "m:1"}, "different ports");
  refused({"--id", "n", "--peers", "n:202", "--rest", "n:2"}, "--listen-metrics");
  refused({"--id", "n", "--peers", "n:1", "--rest", "n:2", "--key-env", "A", "--passphrase-env", "B"}, "");
  expect_failure({"node", "init", "--id", "n", "--peers", "n:1", "--rest", "n:2"}, "usage", {"--dir"});
  expect_failure({"node", "card"}, "usage", {"--dir"});
  write(at("used") / "notes.txt", "mine");
  expect_failure({"node", "init", "--dir", path("used"), "--id", "n", "--peers", "n:1", "--rest", "n:2"},
                 "directory_used", {path("used")});
  EXPECT_EQ(std::distance(fs::directory_iterator(at("used")), {}), 1);
}

TEST_F(Operators, AFolderThatDoesNotFitTogetherIsNamed) {
  ASSERT_EQ(node_init("a").exit, Exit::ok);
  ASSERT_EQ(node_init("b").exit, Exit::ok);
  const std::vector<std::string> card{"node", "card", "--dir", path("a")};
  ASSERT_EQ(shell(card).exit, Exit::ok);
  for (const char* name : {"identity.pem", "tls.key.pem", "database.key", "ca/ca.key.pem"}) {
    fs::permissions(at("a") / name, fs::perms(0640));
    expect_failure(card, "file", {name, "chmod 600"});
    fs::permissions(at("a") / name, fs::perms(0600));
  }
  const auto with_b = [&](const char* name, const std::string& code) {
    const std::string own = read(at("a") / name);
    write(at("a") / name, read(at("b") / name));
    expect_failure(card, code, {name});
    write(at("a") / name, own);
  };
  for (const char* name : {"tls.key.pem", "tls.cert.pem", "card.json"}) with_b(name, "node_folder");
  for (const char* name : {"identity.pem", "tls.key.pem", "tls.cert.pem"}) {
    write(at("b") / name, "no key");
    with_b(name, "node_folder");
  }
  write(at("b") / "card.json", "{}");
  with_b("card.json", "card_invalid");
  ASSERT_EQ(shell(card).exit, Exit::ok);
  expect_failure({"node", "card", "--dir", path("nowhere")}, "no_node", {path("nowhere")});
}

TEST_F(Operators, EveryWrongCardIsNamed) {
  ASSERT_NO_FATAL_FAILURE(create());
  fs::remove(at("founding"));
  const std::string good = read(at("b.card")), other = read(at("a.card"));
  const auto refused = [&](const std::string& code, const std::vector<std::string>& told) {
    expect_failure(create_words(), code, told);
    EXPECT_FALSE(fs::exists(at("founding")));
    write(at("b.card"), good);
  };
  change("b.card", "/card/addresses/rest", "evil:7001");
  refused("card_invalid", {path("b.card"), "/signature"});
  change("b.card", "/card/seq", "1");
  refused("card_invalid", {path("b.card"), "/card/seq"});
  write(at("b.card"), "{");
  refused("card_invalid", {path("b.card")});
  write(at("b.card"), other);
  refused("cards_clash", {"node a", "id"});

  // Cards that are signed well, of nodes that share something.
  const auto identity = Ed25519SecretKey::from_pem(read(at("b") / "identity.pem"));
  const auto a = policy::parse_signed_card(parse_json(other)), b = policy::parse_signed_card(parse_json(good));
  const auto with = [&](const std::function<void(policy::NodeCard&)>& bend) {
    policy::NodeCard card = b;
    bend(card);
    write(at("b.card"), policy::sign_card(card, *identity).dump());
  };
  with([&](auto& card) { card.tls_spki = a.tls_spki; });
  refused("cards_clash", {path("b.card"), "node b", "tls_spki"});
  with([&](auto& card) { card.peers_address = a.peers_address; });
  refused("cards_clash", {path("b.card"), "node b", "addresses/peers"});
  with([&](auto& card) { card.rest_address = a.rest_address; });
  refused("cards_clash", {path("b.card"), "node b", "addresses/rest"});
  with([&](auto& card) { card.tls_spki[90] ^= 1; });
  refused("card_invalid", {path("b.card"), "tls_spki of b", "P-256"});
  const auto identity_a = Ed25519SecretKey::from_pem(read(at("a") / "identity.pem"));
  policy::NodeCard twin = b;
  twin.identity_key = a.identity_key;
  write(at("b.card"), policy::sign_card(twin, *identity_a).dump());
  refused("cards_clash", {path("b.card"), "node b", "identity_key"});
  fs::remove(at("b.card"));
  refused("file", {path("b.card")});

  expect_failure({"cluster", "create", "--card", path("a.card"), "--policy", path("policy.json"), "--name", "acme",
                  "--out", path("founding")},
                 "usage", {"2 to 32"});
}

TEST_F(Operators, EveryWrongPolicyIsNamed) {
  ASSERT_NO_FATAL_FAILURE(create());
  fs::remove(at("founding"));
  const std::string good = read(at("policy.json"));
  const auto refused = [&](const std::string& told) {
    expect_failure(create_words(), "policy_invalid", {path("policy.json"), told});
    EXPECT_FALSE(fs::exists(at("founding")));
    write(at("policy.json"), good);
  };
  change("policy.json", "/admins/group", "nobody-there");
  refused("/admins/group");
  change("policy.json", "/readers/0", "nobody-there");
  refused("/readers/0");
  change("policy.json", "/rules/0/if", {{"by", {"group:nobody-there"}}});
  refused("/rules/0/if/by");
  change("policy.json", "/users/0", {{"id", "alice"}, {"groups", {"admins"}}});
  refused("/users/0/key");
  write(at("policy.json"), "[]");
  refused("must be an object");
  write(at("policy.json"), "{");
  refused("");
  // And the file that is written must be a new one.
  write(at("founding"), "mine");
  expect_failure(create_words(), "file", {path("founding")});
  EXPECT_EQ(read(at("founding")), "mine");
  fs::remove(at("founding"));
  auto words = create_words();
  *std::find(words.begin(), words.end(), "acme") = "No Name";
  expect_failure(words, "founding_invalid", {"/document/name"});
}

TEST_F(Operators, SigningShowsAllOfItAndAsks) {
  ASSERT_NO_FATAL_FAILURE(create());
  const std::string id = policy::Founding::parse(read(at("founding"))).id();
  const std::vector<std::string> words{"cluster", "sign", path("founding"), "--dir", path("a")};
  const auto no = shell(words, "no\n");
  EXPECT_EQ(no.exit, Exit::failed);
  EXPECT_EQ(no.out, "");
  for (const std::string part : {"acme", id.c_str(), "a.example:7101", "b.example:7001", "ed25519:", "\"admins\"",
                                 "\"allow\"", "not yet by a, b, c"})
    EXPECT_NE(no.err.find(part), std::string::npos) << part << no.err;
  EXPECT_EQ(shell(words).exit, Exit::failed);  // no answer at all
  const auto yes = shell(words, "yes\n");
  ASSERT_EQ(yes.exit, Exit::ok) << yes.err;
  const auto signature = policy::parse_founding_signature(yes.out);
  EXPECT_EQ(signature.cluster, id);
  EXPECT_EQ(signature.node, "a");
  auto founding = policy::Founding::parse(read(at("founding")));
  founding.add("a", signature.signature);
  expect_failure(words, "usage", {"--yes"});
}

TEST_F(Operators, NobodySignsWhatIsNotTheirs) {
  ASSERT_NO_FATAL_FAILURE(create());
  const auto words = [&](const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> all{"cluster", "sign", path("founding"), "--dir", path(name), "--yes"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_failure(words("a", {"--fingerprint", std::string(64, '0')}), "fingerprint_differs", {std::string(64, '0')});
  ASSERT_EQ(node_init("d").exit, Exit::ok);
  expect_failure(words("d"), "not_in_it", {"node d"});
  // b made a new folder since: same id, other keys.
  fs::rename(at("b"), at("old-b"));
  ASSERT_EQ(node_init("b").exit, Exit::ok);
  expect_failure(words("b"), "other_card", {"node b", "identity key"});
  fs::remove_all(at("b"));
  fs::rename(at("old-b"), at("b"));
  // Another card of the same identity: what was bent is named.
  const auto identity = Ed25519SecretKey::from_pem(read(at("b") / "identity.pem"));
  const auto card = policy::parse_signed_card(parse_json(read(at("b") / "card.json")));
  const auto bent = [&](const std::function<void(policy::NodeCard&)>& bend, const std::string& told) {
    policy::NodeCard other = card;
    bend(other);
    write(at("b") / "card.json", policy::sign_card(other, *identity).dump());
    expect_failure(words("b"), "other_card", {told});
    write(at("b") / "card.json", policy::sign_card(card, *identity).dump());
  };
  bent([](auto& c) { c.peers_address = "x:1"; }, "peers address");
  bent([](auto& c) { c.rest_address = "x:1"; }, "REST address");
  bent([](auto& c) { c.seq = 2; }, "seq");
  change("founding", "/document/name", "other");
  expect_failure(words("a"), "founding_invalid", {path("founding"), "/id"});
}

TEST_F(Operators, OnlyAllSignaturesOfThisDocumentMakeACluster) {
  ASSERT_NO_FATAL_FAILURE(found());
  fs::remove(at("founded"));
  expect_failure(assemble_words({"a", "b"}), "incomplete", {"not yet signed by c"});
  const std::string good = read(at("c.signature"));
  const auto refused = [&](const std::string& code, const std::vector<std::string>& told) {
    expect_failure(assemble_words(names), code, told);
    EXPECT_FALSE(fs::exists(at("founded")));
    write(at("c.signature"), good);
  };
  change("c.signature", "/node", "b");
  refused("signature_invalid", {path("c.signature"), "/signatures/b"});
  change("c.signature", "/node", "d");
  refused("signature_invalid", {path("c.signature"), "'d'"});
  change("c.signature", "/cluster", std::string(64, 'a'));
  refused("other_document", {path("c.signature"), std::string(64, 'a')});
  // c signed another document, of another name.
  auto words = create_words("founding2");
  *std::find(words.begin(), words.end(), "acme") = "acme2";
  ASSERT_EQ(shell(words).exit, Exit::ok);
  const auto other = sign("c", "founding2");
  ASSERT_EQ(other.exit, Exit::ok);
  write(at("c.signature"), other.out);
  refused("other_document", {path("c.signature")});
  Json lie = other.json();
  lie["cluster"] = parse_json(good)["cluster"];
  write(at("c.signature"), lie.dump());
  refused("signature_invalid", {path("c.signature"), "/signatures/c"});
  EXPECT_EQ(shell(assemble_words(names)).exit, Exit::ok);
  write(at("c.signature"), good);
  expect_failure(assemble_words(names), "file", {path("founded")});
}

TEST_F(Operators, OnlyTheirOwnClusterIsAccepted) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto words = [&](const std::string& file, const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> all{"cluster", "accept", path(file), "--dir", path(name)};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto nothing_in = [&](const std::string& name) {
    EXPECT_FALSE(fs::exists(at(name) / "cluster.json"));
    EXPECT_FALSE(fs::exists(at(name) / "policy.json"));
  };
  expect_failure(words("founding", "a"), "incomplete", {"a, b, c"});
  expect_failure(words("founded", "a", {"--fingerprint", "ab"}), "fingerprint_differs");
  ASSERT_EQ(node_init("d").exit, Exit::ok);
  expect_failure(words("founded", "d"), "not_in_it", {"node d"});
  fs::create_directories(at("empty"));
  expect_failure(words("founded", "empty"), "no_folder", {path("empty")});
  fs::permissions(at("a") / "database.key", fs::perms(0644));
  expect_failure(words("founded", "a"), "file", {"database.key"});
  fs::permissions(at("a") / "database.key", fs::perms(0600));
  for (const char* name : {"a", "d", "empty"}) nothing_in(name);
  const std::string good = read(at("founded"));
  change("founded", "/policy/admins/delay_hours", 1);
  expect_failure(words("founded", "a"), "founding_invalid", {"/policy"});
  nothing_in("a");
  write(at("founded"), good);
  ASSERT_EQ(shell(words("founded", "a")).exit, Exit::ok);

  // A node or a user that is in a cluster joins no other one.
  auto again = create_words("founding2");
  *std::find(again.begin(), again.end(), "acme") = "acme2";
  ASSERT_EQ(shell(again).exit, Exit::ok);
  expect_failure({"cluster", "sign", path("founding2"), "--dir", path("a"), "--yes"}, "node_in_use", {path("a")});
  auto second = policy::Founding::parse(read(at("founding2")));
  for (const std::string& name : names)
    second.add(name, second.sign(*Ed25519SecretKey::from_pem(read(at(name) / "identity.pem"))));
  write(at("founded2"), second.text());
  const std::string before = read(at("a") / "cluster.json");
  expect_failure(words("founded2", "a"), "directory_used", {path("a")});
  EXPECT_EQ(read(at("a") / "cluster.json"), before);
}

TEST_F(Operators, UsersHaveKeysOfTheirOwn) {
  const auto made = shell({"user", "init", "--dir", path("u"), "--id", "alice", "--groups", "admins,treasury"});
  ASSERT_EQ(made.exit, Exit::ok) << made.err;
  const auto key = Ed25519SecretKey::from_pem(read(at("u") / "users/alice.pem"));
  ASSERT_TRUE(key);
  EXPECT_EQ(made.json(),
            Json({{"id", "alice"}, {"key", key->public_key().to_text()}, {"groups", {"admins", "treasury"}}}));
  struct stat info {};
  ASSERT_EQ(::stat((at("u") / "users/alice.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(find_place({false, path("u"), {}, {}}, shell.env).user, "alice");
  // A second one beside the first, and never over it.
  EXPECT_EQ(shell({"user", "init", "--dir", path("u"), "--id", "bob"}).exit, Exit::ok);
  expect_failure({"user", "init", "--dir", path("u"), "--id", "alice"}, "file", {"alice.pem"});
  EXPECT_EQ(Ed25519SecretKey::from_pem(read(at("u") / "users/alice.pem"))->public_key(), key->public_key());
  expect_failure({"user", "init", "--dir", path("u"), "--id", "No"}, "usage", {"--id"});
  expect_failure({"user", "init", "--dir", path("u"), "--id", "eve", "--groups", "a b"}, "usage", {"a b"});
  write(at("used") / "notes.txt", "mine");
  expect_failure({"user", "init", "--dir", path("used"), "--id", "eve"}, "directory_used", {path("used")});
  ASSERT_EQ(node_init("a").exit, Exit::ok);
  expect_failure({"user", "init", "--dir", path("a"), "--id", "eve"}, "node_folder", {path("a")});
}

TEST_F(Operators, ShowsAnyOfTheFiles) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto founding = shell({"cluster", "show", path("founding"), "--json"}).json();
  EXPECT_EQ(founding["missing"], Json::array({"a", "b", "c"}));
  EXPECT_EQ(founding["nodes"].size(), 3u);
  EXPECT_EQ(founding["policy"]["cluster"], founding["cluster"]);
  const auto founded = shell({"cluster", "show", path("founded"), "--json"}).json();
  EXPECT_EQ(founded["signed"], Json::array({"a", "b", "c"}));
  EXPECT_EQ(founded["cluster"], founding["cluster"]);
  expect_failure({"cluster", "show", path("a.card")}, "cluster_document", {path("a.card")});
  change("founded", "/signatures/b", std::string(128, '0'));
  expect_failure({"cluster", "show", path("founded")}, "founding_invalid", {"/signatures/b"});
}

}  // namespace
}  // namespace quorate::cli

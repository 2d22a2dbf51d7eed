// What operators do once there is a cluster: certificates, cards, who comes and goes.
#include "tests/cli/operators_world.h"

namespace quorate::cli {
namespace {

TEST_F(Operators, RenewKeepsTheKey) {
  ASSERT_EQ(node_init("a").exit, Exit::ok);
  const fs::path file = at("a") / "tls.cert.pem";
  const std::string before = read(file), card = read(at("a") / "card.json");
  const auto renewed = shell({"node", "renew", "--dir", path("a")});
  ASSERT_EQ(renewed.exit, Exit::ok) << renewed.err;
  EXPECT_NE(read(file), before);
  EXPECT_EQ(peers::spki_of_certificate(read(file)), peers::spki_of_certificate(before));
  EXPECT_TRUE(peers::issued_by(read(file), read(at("a") / "ca.pem")));
  EXPECT_EQ(peers::parse_certificate(read(file))->dns, peers::parse_certificate(before)->dns);
  EXPECT_EQ(read(at("a") / "card.json"), card);
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(node_init("b").exit, Exit::ok);
  write(at("a") / "ca.pem", read(at("b") / "ca.pem"));
  expect_failure({"node", "renew", "--dir", path("a")}, "node_folder", {"ca.pem"});
  fs::remove_all(at("a") / "ca");
  expect_failure({"node", "renew", "--dir", path("a")}, "no_authority", {"ca.key.pem"});
}

// A fourth node joins; the nodes' votes are made here, as running nodes make them.
TEST_F(Operators, TakeOverWhatTheClusterHasBecome) {
  ASSERT_NO_FATAL_FAILURE(found());
  for (const std::string name : {"a", "b", "c", "alice"})
    ASSERT_EQ(shell({"cluster", "accept", path("founded"), "--dir", path(name)}).exit, Exit::ok);
  const std::string first = read(at("alice") / "cluster.json");
  auto chain = policy::ClusterChain::parse(first);
  ASSERT_NO_FATAL_FAILURE(make_card("d"));
  expect_failure({"cluster", "accept", path("founded"), "--dir", path("d")}, "not_in_it");
  expect_failure({"cluster", "accept", path("founded"), "--joining", "--dir", path("a")}, "not_joining");
  ASSERT_EQ(shell({"cluster", "accept", path("founded"), "--joining", "--dir", path("d")}).exit, Exit::ok);
  expect_failure({"node", "card", "--dir", path("d"), "--join", "acme"}, "usage", {"--join"});
  expect_failure({"node", "card", "--dir", path("d"), "--join", std::string(64, 'a')}, "node_in_use");
  const auto printed = shell({"node", "card", "--dir", path("d"), "--join", chain.id()});
  ASSERT_EQ(printed.exit, Exit::ok) << printed.err;
  Json offer = printed.json();

  const Digest policy = policy::PolicyDocument::parse(read(at("alice") / "policy.json")).digest();
  const auto key_of = [&](const std::string& name) {
    return *Ed25519SecretKey::from_pem(read(at(name) / "identity.pem"));
  };
  const auto with = [&](const Json& document, const std::map<std::string, std::string>& consents) {
    Json entry = policy::ClusterChain::entry_of(document, consents, policy);
    for (const char* name : {"a", "b"})
      policy::ClusterChain::add_vote(
          entry, 0, name,
          key_of(name).sign(view_of(policy::vote_text(chain.id(), name, 0, policy, jcs_digest(document)))));
    auto next = chain;
    next.append(entry);
    return next;
  };
  const auto grown = with(chain.next_with(offer), {{"d", offer["joins"].get<std::string>()}});
  write(at("now.json"), grown.text());
  const std::vector<std::string> words{"cluster", "update", path("now.json"), "--dir", path("alice"), "--json"};
  const Json updated = shell(words).json();
  EXPECT_EQ(updated["changed"], true);
  EXPECT_EQ(updated["version"], 2);
  EXPECT_EQ(updated["nodes"].size(), 4u);
  EXPECT_EQ(shell(words).json()["changed"], false);
  EXPECT_EQ(load_cluster(at("alice")).id(), chain.id());
  EXPECT_NE(load_cluster(at("alice")).find("d"), nullptr);
  EXPECT_EQ(shell({"cluster", "show", "--dir", path("alice"), "--json"}).json()["version"], 2);
  ASSERT_EQ(shell({"cluster", "update", path("now.json"), "--dir", path("d")}).exit, Exit::ok);

  // Neither back, nor aside, nor elsewhere.
  write(at("first.json"), first);
  expect_failure({"cluster", "update", path("first.json"), "--dir", path("alice")}, "older");
  write(at("rival.json"), with(chain.next({}, {"c"}), {}).text());
  expect_failure({"cluster", "update", path("rival.json"), "--dir", path("alice")}, "cluster_fork");
  std::vector<Json> cards;
  for (const std::string& name : names) cards.push_back(parse_json(read(at(name + ".card"))));
  auto other = policy::Founding::make("other", cards, parse_json(read(at("policy.json"))));
  for (const std::string& name : names) other.add(name, other.sign(key_of(name)));
  write(at("other.json"), other.cluster_file());
  expect_failure({"cluster", "update", path("other.json"), "--dir", path("alice")}, "other_cluster");
  EXPECT_EQ(load_cluster(at("alice")).version(), 2);

  // What an approver is shown.
  offer["version"] = 2;
  offer["previous"] = to_hex(chain.digest());
  const std::string text = text_of_membership(offer);
  EXPECT_NE(text.find("joins      d\n"), std::string::npos) << text;
  EXPECT_NE(text.find("d.example:7101"), std::string::npos) << text;
  offer["card"]["addresses"]["rest"] = "elsewhere.example:7001";
  EXPECT_THROW(text_of_membership(offer), JsonError);
  const Json removal{{"version", 2}, {"previous", to_hex(chain.digest())}, {"node", "c"}};
  EXPECT_NE(text_of_membership(removal).find("leaves     c\n"), std::string::npos);
}

TEST_F(Operators, ANewKeyOrAddressIsANewCardThatOthersTakeOver) {
  ASSERT_NO_FATAL_FAILURE(found());
  for (const std::string name : {"a", "b", "alice"})
    ASSERT_EQ(shell({"cluster", "accept", path("founded"), "--dir", path(name)}).exit, Exit::ok);
  const auto before = policy::parse_signed_card(parse_json(read(at("a") / "card.json")));
  const auto renewed = shell(
      {"node", "renew", "--dir", path("a"), "--new-key", "--rest", "a2.example:7001", "--peers", "a2.example:7101"});
  ASSERT_EQ(renewed.exit, Exit::ok) << renewed.err;
  const auto card = shell({"node", "card", "--dir", path("a")});
  ASSERT_EQ(card.exit, Exit::ok) << card.err;  // all of the folder fits together
  const auto after = policy::parse_signed_card(card.json());
  EXPECT_EQ(after.seq, 2);
  EXPECT_EQ(after.identity_key, before.identity_key);
  EXPECT_NE(after.tls_spki, before.tls_spki);
  EXPECT_EQ(after.rest_address, "a2.example:7001");
  EXPECT_EQ(peers::parse_certificate(read(at("a") / "tls.cert.pem"))->dns,
            (std::vector<std::string>{"a", "localhost", "a2.example"}));
  EXPECT_EQ(*load_cluster(at("a")).find("a"), after);
  for (const auto& entry : fs::directory_iterator(at("a"))) EXPECT_NE(entry.path().extension(), ".next");
  struct stat info {};
  ASSERT_EQ(::stat((at("a") / "tls.key.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  const std::string old = read(at("a.card"));
  write(at("a.card"), card.out);
  const std::string id = load_cluster(at("b")).id();
  for (const char* name : {"b", "alice"}) {
    const std::vector<std::string> words{"cluster", "renew", path("a.card"), "--dir", path(name), "--json"};
    EXPECT_EQ(shell(words).json()["added"], true);
    EXPECT_EQ(*load_cluster(at(name)).find("a"), after);
    EXPECT_EQ(load_cluster(at(name)).id(), id);
    EXPECT_EQ(shell(words).json()["added"], false);
  }
  // The old one changes nothing any more.
  write(at("a.card"), old);
  const auto late = shell({"cluster", "renew", path("a.card"), "--dir", path("b"), "--json"}).json();
  EXPECT_EQ(late["added"], false);
  EXPECT_EQ(late["seq"], 2);
  EXPECT_EQ(*load_cluster(at("b")).find("a"), after);
}

TEST_F(Operators, EveryWrongNewCardIsNamed) {
  ASSERT_NO_FATAL_FAILURE(found());
  for (const std::string name : {"a", "b"})
    ASSERT_EQ(shell({"cluster", "accept", path("founded"), "--dir", path(name)}).exit, Exit::ok);
  const std::string before = read(at("b") / "cluster.json");
  const auto identity = Ed25519SecretKey::from_pem(read(at("a") / "identity.pem"));
  const auto card = policy::parse_signed_card(parse_json(read(at("a.card"))));
  const auto refused = [&](const std::string& code, const std::string& told) {
    expect_failure({"cluster", "renew", path("a.card"), "--dir", path("b")}, code, {told});
    EXPECT_EQ(read(at("b") / "cluster.json"), before);
  };
  const auto bent = [&](const std::function<void(policy::NodeCard&)>& bend, const std::string& code,
                        const std::string& told) {
    policy::NodeCard other = card;
    ++other.seq;
    bend(other);
    write(at("a.card"), policy::sign_card(other, *identity).dump());
    refused(code, told);
  };
  bent([](auto& c) { c.seq = 1, c.rest_address = "x:1"; }, "card_refused", "/card/seq");
  bent([](auto& c) { c.id = "z"; }, "card_refused", "/card/id");
  bent([](auto& c) { c.rest_address = "b.example:7001"; }, "card_refused", "addresses/rest");
  bent([](auto& c) { c.tls_spki[90] ^= 1; }, "card_invalid", "P-256");
  write(at("a.card"), policy::sign_card(card, *identity).dump());
  change("a.card", "/card/seq", 2);
  refused("card_invalid", "/signature");
  ASSERT_EQ(node_init("other").exit, Exit::ok);
  policy::NodeCard foreign = policy::parse_signed_card(parse_json(read(at("other") / "card.json")));
  foreign.id = "a";
  write(at("a.card"),
        policy::sign_card(foreign, *Ed25519SecretKey::from_pem(read(at("other") / "identity.pem"))).dump());
  refused("card_refused", "/card/identity_key");
  expect_failure({"cluster", "renew", path("a.card"), "--dir", path("other")}, "no_cluster", {path("other")});

  // A node refuses an own card that would not fit, before it has changed anything.
  const std::string own = read(at("b") / "card.json");
  expect_failure({"node", "renew", "--dir", path("b"), "--rest", "a.example:7001"}, "card_refused", {"addresses/rest"});
  expect_failure({"node", "renew", "--dir", path("b"), "--rest", "b.example:7101"}, "usage", {"two addresses"});
  expect_failure({"node", "renew", "--dir", path("b"), "--rest", "b"}, "usage", {"--rest"});
  expect_failure({"node", "renew", "--dir", path("b"), "--peers", "b"}, "usage", {"--peers"});
  EXPECT_EQ(read(at("b") / "card.json"), own);
  EXPECT_EQ(read(at("b") / "cluster.json"), before);
}

TEST_F(Operators, ARenewalThatWasCutShortIsFinishedOrUndone) {
  ASSERT_NO_FATAL_FAILURE(found());
  ASSERT_EQ(shell({"cluster", "accept", path("founded"), "--dir", path("a")}).exit, Exit::ok);
  const auto node_files = [&] {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::directory_iterator(at("a")))
      if (entry.is_regular_file()) all[entry.path().filename().string()] = read(entry.path());
    return all;
  };
  const auto before = node_files();
  ASSERT_EQ(shell({"node", "renew", "--dir", path("a"), "--new-key"}).exit, Exit::ok);
  const auto after = node_files();
  const std::vector<std::string> changed{"cluster.json", "tls.key.pem", "tls.cert.pem", "card.json"};
  const auto put = [&](const std::string& name, const std::string& content) {
    write(at("a") / name, content);
    fs::permissions(at("a") / name, fs::perms(0600));
  };
  // Cut short after its card was there and `done` of the files were in their places.
  for (std::size_t done = 0; done < changed.size(); ++done) {
    for (std::size_t i = 0; i < changed.size(); ++i) {
      put(changed[i], i < done ? after.at(changed[i]) : before.at(changed[i]));
      if (i >= done && changed[i] != "cluster.json") put(changed[i] + ".next", after.at(changed[i]));
    }
    expect_failure({"node", "card", "--dir", path("a")}, "renewal_unfinished", {path("a")});
    const auto finished = shell({"node", "renew", "--dir", path("a")});
    ASSERT_EQ(finished.exit, Exit::ok) << done << finished.err;
    EXPECT_EQ(node_files(), after) << done;
  }
  // Cut short before: nothing of it stays.
  for (const auto& name : changed) put(name, before.at(name));
  put("tls.key.pem.next", after.at("tls.key.pem"));
  put("tls.cert.pem.next", "half a certifi");
  ASSERT_EQ(shell({"node", "renew", "--dir", path("a")}).exit, Exit::ok);
  auto undone = node_files();
  undone.erase("tls.cert.pem");
  auto expected = before;
  expected.erase("tls.cert.pem");
  EXPECT_EQ(undone, expected);
}

}  // namespace
}  // namespace quorate::cli

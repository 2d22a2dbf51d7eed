// Operators with a folder each; only what is meant for others is passed between them.
#pragma once
#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/hash.h"
#include "cli/cluster_client.h"
#include "cli/membership_commands.h"
#include "peers/certificates.h"
#include "policy/cluster_chain.h"
#include "policy/founding.h"
#include "tests/cli/support.h"

namespace quorate::cli {

namespace fs = std::filesystem;
using test::Printed, test::read, test::Shell, test::write;

struct Operators : ::testing::Test {
  Shell shell;
  const std::vector<std::string> names{"a", "b", "c"};

  fs::path at(const std::string& name) const { return shell.dir(name); }
  std::string path(const std::string& name) const { return at(name).string(); }
  // Whether the words fail in this way, and tell it with all of these.
  void expect_failure(const std::vector<std::string>& words, const std::string& code,
                      const std::vector<std::string>& told = {}, const std::string& input = "") {
    std::vector<std::string> all = words;
    all.emplace_back("--json");
    const Printed printed = shell(all, input);
    EXPECT_EQ(printed.exit, code == "usage" ? Exit::usage : Exit::failed) << printed.err;
    EXPECT_EQ(printed.json()["error"]["code"], code) << printed.err;
    for (const std::string& text : told) EXPECT_NE(printed.err.find(text), std::string::npos) << printed.err;
  }
  Printed node_init(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"node",    "init",
                                   "--dir",   path(name),
                                   "--id",    name,
                                   "--peers", name + ".example:7101",
                                   "--rest",  name + ".example:7001"};
    words.insert(words.end(), more.begin(), more.end());
    return shell(words);
  }
  void make_card(const std::string& name) {
    const auto made = node_init(name);
    ASSERT_EQ(made.exit, Exit::ok) << made.err;
    const auto card = shell({"node", "card", "--dir", path(name)});
    ASSERT_EQ(card.exit, Exit::ok) << card.err;
    write(at(name + ".card"), card.out);
  }
  // The first policy, of a user alice whose key is made.
  void make_policy() {
    const auto user = shell({"user", "init", "--dir", path("alice"), "--id", "alice", "--groups", "admins"});
    ASSERT_EQ(user.exit, Exit::ok) << user.err;
    Json policy = parse_json(R"({"admins": {"group": "admins", "min": 1, "delay_hours": 0}, "readers": ["admins"],
      "rules": [{"id": "all", "if": {}, "then": "allow"}], "default": "deny"})");
    policy["users"] = Json::array({user.json()});
    write(at("policy.json"), policy.dump());
  }
  std::vector<std::string> create_words(const std::string& out = "founding") const {
    std::vector<std::string> words{"cluster", "create"};
    for (const std::string& name : names) words.insert(words.end(), {"--card", path(name + ".card")});
    words.insert(words.end(), {"--policy", path("policy.json"), "--name", "acme", "--out", path(out)});
    return words;
  }
  void create() {
    for (const std::string& name : names) ASSERT_NO_FATAL_FAILURE(make_card(name));
    ASSERT_NO_FATAL_FAILURE(make_policy());
    const auto made = shell(create_words());
    ASSERT_EQ(made.exit, Exit::ok) << made.err;
  }
  Printed sign(const std::string& name, const std::string& file = "founding") {
    return shell({"cluster", "sign", path(file), "--dir", path(name), "--yes"});
  }
  std::vector<std::string> assemble_words(const std::vector<std::string>& of) const {
    std::vector<std::string> words{"cluster", "assemble", path("founding"), "--out", path("founded")};
    for (const std::string& name : of) words.insert(words.end(), {"--signature", path(name + ".signature")});
    return words;
  }
  void found() {
    ASSERT_NO_FATAL_FAILURE(create());
    for (const std::string& name : names) {
      const auto made = sign(name);
      ASSERT_EQ(made.exit, Exit::ok) << made.err;
      write(at(name + ".signature"), made.out);
    }
    const auto made = shell(assemble_words(names));
    ASSERT_EQ(made.exit, Exit::ok) << made.err;
  }
  Json change(const std::string& file, const char* pointer, const Json& value) {
    Json json = parse_json(read(at(file)));
    json[Json::json_pointer(pointer)] = value;
    write(at(file), json.dump());
    return json;
  }
};

}  // namespace quorate::cli

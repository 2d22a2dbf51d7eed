// Operators name new admins; what running nodes say of it is chosen here.
#include "cli/recovery_commands.h"

#include "policy/cluster_chain.h"
#include "policy/recovery.h"
#include "tests/cli/fake_api.h"
#include "tests/cli/operators_world.h"

namespace quorate::cli {
namespace {

// A node in the operators' cluster cannot be reached under its name: the file is made as `create` makes it.
TEST_F(Operators, SignARecoveryOfTheAdmins) {
  ASSERT_NO_FATAL_FAILURE(found());
  for (const std::string& name : names)
    ASSERT_EQ(shell({"cluster", "accept", path("founded"), "--dir", path(name)}).exit, Exit::ok);
  const auto user = shell({"user", "init", "--dir", path("zoe"), "--id", "zoe"});
  Json zoe = user.json();
  zoe.erase("groups");
  policy::RecoveryAsked asked;
  asked.cluster = load_cluster(at("a")).id();
  asked.state = policy::PolicyDocument::parse(read(at("a") / "policy.json")).digest();
  asked.created = unix_seconds(shell.clock.wall());
  asked.threshold = 2;
  asked.group = "admins-2";
  asked.min = 1;
  asked.users.push_back(zoe);
  const auto made = policy::Recovery::make(asked);
  write(at("recovery"), made.text());

  const auto show = shell({"recover-admins", "show", path("recovery")});
  ASSERT_EQ(show.exit, Exit::ok) << show.err;
  for (const std::string& told : {made.id(), std::string("new user  zoe"), std::string("signed by   nobody")})
    EXPECT_NE(show.out.find(told), std::string::npos) << show.out;

  expect_failure({"recover-admins", "sign", path("recovery"), "--dir", path("a")}, "usage", {"--yes"});
  EXPECT_EQ(shell({"recover-admins", "sign", path("recovery"), "--dir", path("a")}, "no\n").exit, Exit::failed);
  const auto asks = shell({"recover-admins", "sign", path("recovery"), "--dir", path("a")}, "yes\n");
  ASSERT_EQ(asks.exit, Exit::ok) << asks.err;
  EXPECT_NE((asks.out + asks.err).find("new user  zoe"), std::string::npos) << "what is signed is shown";
  for (const std::string name : {"a", "b"}) {
    const auto signature = shell({"recover-admins", "sign", path("recovery"), "--dir", path(name), "--yes"});
    ASSERT_EQ(signature.exit, Exit::ok) << signature.err;
    write(at(name + ".recovers"), signature.out);
  }
  const auto one =
      shell({"recover-admins", "assemble", path("recovery"), "--signature", path("a.recovers"), "--out", path("one")});
  ASSERT_EQ(one.exit, Exit::ok) << one.err;
  expect_failure({"recover-admins", "submit", path("one"), "--dir", path("a")}, "recovery_invalid", {"/signatures"});
  const auto both = shell({"recover-admins", "assemble", path("recovery"), "--signature", path("a.recovers"),
                           "--signature", path("b.recovers"), "--out", path("both")});
  ASSERT_EQ(both.exit, Exit::ok) << both.err;
  policy::Recovery::parse(std::string_view(read(at("both")))).expect_signed(load_cluster(at("a")));

  // Neither ahead of its time, to wait for one that suits, nor when it is worth nothing.
  for (const auto& [created, code] :
       {std::pair(asked.created + 3600, "clock_skew"), std::pair(asked.created - 14 * 24 * 3600, "expired")}) {
    policy::RecoveryAsked other = asked;
    other.created = created;
    write(at(code), policy::Recovery::make(other).text());
    expect_failure({"recover-admins", "sign", path(code), "--dir", path("a"), "--yes"}, code, {code});
  }

  // Of another file, of another cluster, changed.
  ++asked.created;
  write(at("other"), policy::Recovery::make(asked).text());
  expect_failure({"recover-admins", "assemble", path("other"), "--signature", path("a.recovers"), "--out", path("x")},
                 "other_document", {"a.recovers"});
  asked.cluster = std::string(64, 'a');
  write(at("foreign"), policy::Recovery::make(asked).text());
  expect_failure({"recover-admins", "sign", path("foreign"), "--dir", path("a"), "--yes"}, "other_cluster");
  change("recovery", "/recovery/rules", Json::array());
  expect_failure({"recover-admins", "sign", path("recovery"), "--dir", path("a"), "--yes"}, "recovery_invalid",
                 {"/recovery/rules"});
}

struct RecoveryCommands : test::FakeNodes<test::FakeApi> {
  void SetUp() override {
    start([&](const std::string&) {
      auto api = std::make_unique<test::FakeApi>(shell.dir());
      api->answer = http::Reply{200, Json{{"id", "rec_0"}, {"state", "vetoed"}}, {}};
      return api;
    });
  }
};

TEST_F(RecoveryCommands, AVetoGoesToEveryNode) {
  const std::string id = "rec_" + std::string(32, 'a');
  const auto printed = shell({"recover-admins", "veto", id, "--json"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.json()["vetoed_on"], (Json{"node1", "node2", "node3"}));
  for (const auto& api : nodes)
    EXPECT_EQ(api->targets, (std::vector<std::string>{"GET /v1/cluster", "POST /v1/recoveries/" + id + "/veto"}));
  nodes[2]->answer = test::problem(503, "storage");
  EXPECT_EQ(shell({"recover-admins", "veto", id}).exit, Exit::ok) << "one alone is no majority";
  servers[1].reset();
  const auto one = shell({"recover-admins", "veto", id});
  EXPECT_EQ(one.exit, Exit::no_quorum);
  EXPECT_NE(one.out.find("because of storage"), std::string::npos) << one.out;
  nodes[0]->answer = test::problem(403, "denied");
  EXPECT_EQ(shell({"recover-admins", "veto", id}).exit, Exit::denied);
}

// node3 has left since: what it says is nothing, and of the two that there are both must have it.
TEST_F(RecoveryCommands, AVetoGoesToTheNodesOfTheClusterInForce) {
  const auto known = policy::ClusterChain::parse(test::read(shell.dir() / "cluster.json"));
  const Digest policy = nodes[0]->policy.digest();
  const Json document = known.next({}, {"node3"});
  Json entry = policy::ClusterChain::entry_of(document, {}, policy);
  const auto vote_of = [&](const std::string& node) {
    const auto key = Ed25519SecretKey::from_pem(test::read(shell.dir() / node / "identity.pem"));
    const Digest before = policy::state_digest(policy, known.version(), known.digest());
    policy::ClusterChain::add_vote(
        entry, 0, node, key->sign(view_of(policy::vote_text(known.id(), node, 0, before, jcs_digest(document)))));
  };
  vote_of("node1");
  const std::string id = "rec_" + std::string(32, 'a');
  Json file = parse_json(known.text());
  file["documents"].push_back(entry);
  nodes[1]->answer = http::Reply{200, file, {}};
  EXPECT_EQ(shell({"recover-admins", "veto", id, "--json"}).json()["vetoed_on"], (Json{"node1", "node2", "node3"}))
      << "one vote proves nothing";
  vote_of("node2");
  file["documents"][1] = entry;
  nodes[1]->answer = http::Reply{200, file, {}};
  const auto printed = shell({"recover-admins", "veto", id, "--json"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.json()["vetoed_on"], (Json{"node1", "node2"}));
}

}  // namespace
}  // namespace quorate::cli

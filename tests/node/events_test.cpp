// GET /v1/events: who is told what, and from where on.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "http/event_reader.h"
#include "tests/node/single_node.h"

namespace quorate::test {
namespace {

const std::string kMine = "req_" + std::string(32, '1');    // uma's
const std::string kAsking = "req_" + std::string(32, '2');  // uli's; group "vips" is asked
const std::string kOther = "req_" + std::string(32, '3');   // uli's

// What one listener was sent. Work for the pool waits, if the test wants, or runs at once.
struct Heard {
  std::string bytes;
  bool full = false, over = false;
  std::size_t turns = 0;

  std::vector<Json> events() const {
    http::EventReader reader;
    std::vector<http::ServerEvent> events;
    EXPECT_TRUE(reader.feed(bytes, events)) << bytes;
    std::vector<Json> all;
    for (const auto& event : events) {
      all.push_back(Json::parse(event.data));
      EXPECT_EQ(event.kind, all.back()["kind"]);
    }
    return all;
  }
  std::string last_id() const {
    http::EventReader reader;
    std::vector<http::ServerEvent> events;
    EXPECT_TRUE(reader.feed(bytes, events));
    return reader.last_id();
  }
  std::vector<std::uint64_t> seqs() const {
    std::vector<std::uint64_t> all;
    for (const Json& event : events()) all.push_back(event["seq"].get<std::uint64_t>());
    return all;
  }
};
struct HeardFlow final : http::Outflow {
  explicit HeardFlow(std::shared_ptr<Heard> h) : heard(std::move(h)) {}
  ~HeardFlow() override { heard->over = true; }
  bool add(std::string_view piece) override {
    if (heard->over || heard->full) return false;
    heard->bytes += piece;
    return true;
  }
  bool full() const override { return heard->full; }
  bool over() const override { return heard->over; }
  void end() override { heard->over = true; }
  bool go_on(std::function<void()> work) override {
    ++heard->turns;
    work();
    return true;
  }
  const std::shared_ptr<Heard> heard;
};

struct Events : SingleNode {
  Json document = Json::parse(documents.policy->jcs());
  SeededRng keys{7};

  void SetUp() override {
    for (const auto& [id, group] : {std::pair("rita", "auditors"), {"uma", "staff"}, {"uli", "staff"}, {"vic", "vips"}})
      document["users"].push_back(
          {{"id", id}, {"key", Ed25519SecretKey::generate(keys).public_key().to_text()}, {"groups", {group}}});
    document["readers"] = {"auditors"};
    put_in_force();
    put_request(kMine, "uma");
    put_request(kAsking, "uli", "vips");
    put_request(kOther, "uli");
  }
  void put_in_force() {
    world.policy.set(std::make_shared<const policy::PolicyDocument>(policy::PolicyDocument::from_json(document)),
                     unix_seconds(clock.wall()));
  }
  Json& user(const std::string& id) {
    for (Json& one : document["users"])
      if (one["id"] == id) return one;
    throw std::logic_error("no user " + id);
  }
  void put_request(const std::string& id, const std::string& by, const std::string& asks = "") {
    node::RequestRecord r;
    r.id = id;
    r.kind = "sign";
    r.requested_by = by;
    r.created = 1'800'000'000;
    r.expires = 1'800'000'060;
    r.set_state(storage::RequestState::queued);
    if (!asks.empty()) r.needs.push_back({asks, 1, 0});
    ASSERT_TRUE(store.commit_now(std::move(storage::Batch().insert_request(node::row_of(r)))).ok());
  }
  std::uint64_t log(const std::string& kind, const std::string& request = "", const Json& entry = Json::object()) {
    const auto done = store.commit_now(
        std::move(storage::Batch().append_audit({unix_seconds(clock.wall()), kind, request, entry.dump()})));
    EXPECT_TRUE(done.ok());
    return done.audit_head.seq;
  }
  http::Answered ask(const std::string& who, const std::string& after = "") {
    const http::SignedRequest none;
    http::Verified by;
    by.user = who;
    http::QueryParameters query;
    if (!after.empty()) query["after"] = after;
    return api.call({http::Route::events, "", query, {}, none, by, {}, ""});
  }
  std::shared_ptr<Heard> listen(const std::string& who, const std::string& after = "") {
    auto answered = ask(who, after);
    auto heard = std::make_shared<Heard>();
    if (const auto* events = std::get_if<http::Events>(&answered))
      events->begin(std::make_unique<HeardFlow>(heard));
    else
      ADD_FAILURE() << who << " may not listen";
    return heard;
  }
  static std::string refused(const http::Answered& answered) {
    const auto* problem = std::get_if<http::Problem>(&answered);
    return problem == nullptr ? "" : std::to_string(problem->status) + " " + problem->code;
  }
  using Seqs = std::vector<std::uint64_t>;
};

TEST_F(Events, BeginNowAndComeInOrder) {
  log("requested", kMine);
  const auto admin = listen("admin");
  EXPECT_EQ(admin->last_id(), "1") << "a place to go on from, before anything happens";
  api.tick();
  EXPECT_TRUE(admin->events().empty());
  log("accepted", kMine, {{"attempt", 1}});
  log("succeeded", kMine, {{"kind", "sign"}});
  api.tick();
  EXPECT_EQ(admin->seqs(), (Seqs{2, 3}));
  EXPECT_EQ(admin->last_id(), "3");
  // Readers and admins are told what GET /v1/audit says.
  const http::SignedRequest none;
  http::Verified by;
  by.user = "rita";
  const auto page = api.call({http::Route::list_audit, "", {{"after", "1"}}, {}, none, by, {}, ""});
  EXPECT_EQ(Json(admin->events()), std::get<http::Reply>(page).body["items"]);
  EXPECT_NE(api.metrics().find("\nquorate_event_streams 1\n"), std::string::npos);
}

TEST_F(Events, GoOnWithoutAGapOrARepetition) {
  for (int i = 0; i < 250; ++i) log("requested", kMine);
  const auto admin = listen("admin", "17"), all = listen("rita", "0"), now = listen("rita");
  for (int i = 0; i < 3; ++i) {
    api.tick();
    log("requested", kMine);
  }
  api.tick();
  const auto expect = [](const Heard& heard, std::uint64_t first, std::uint64_t last) {
    Seqs seqs;
    for (std::uint64_t seq = first; seq <= last; ++seq) seqs.push_back(seq);
    EXPECT_EQ(heard.seqs(), seqs);
  };
  expect(*admin, 18, 253);
  expect(*all, 1, 253);
  expect(*now, 251, 253);
  // An id of another node, or of a log that this database no longer has.
  EXPECT_EQ(refused(ask("admin", "254")), "409 after_the_end");
  EXPECT_EQ(refused(ask("admin", "253")), "");
}

TEST_F(Events, AreReadOnlyWhenThereAreAny) {
  const auto a = listen("admin"), b = listen("rita");
  api.tick();
  const std::size_t turns = a->turns;
  for (int i = 0; i < 10; ++i) api.tick();
  EXPECT_EQ(a->turns, turns);
  log("requested", kMine);
  for (int i = 0; i < 10; ++i) api.tick();
  EXPECT_EQ(a->turns + b->turns, turns + 1) << "once for both";
  EXPECT_EQ(b->seqs(), Seqs{1});
}

// What the ordinary routes would not show them is not told.
TEST_F(Events, OfRequestsAreForThoseWhoMaySeeThem) {
  const auto uma = listen("uma"), vic = listen("vic"), uli = listen("uli"), rita = listen("rita"),
             op = listen("node:node2");
  const Json entry{{"kind", "sign"},           {"user", "someone"},    {"key", "hot"},       {"rule", "r"},
                   {"facts", {{"secret", 1}}}, {"facts_digest", "ab"}, {"intent", "secret"}, {"coordinator", "node2"}};
  log("requested", kMine, entry);
  log("pending_approval", kAsking, entry);
  log("succeeded", kOther, entry);
  log("released", kMine, entry);                        // a step of this node, not of the request
  log("failed", "req_" + std::string(32, '9'), entry);  // not kept
  log("something_new", "", {{"secret", 1}});
  api.tick();
  EXPECT_EQ(rita->seqs(), (Seqs{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(uma->seqs(), Seqs{1});
  EXPECT_EQ(vic->seqs(), Seqs{2}) << "who is asked to approve it";
  EXPECT_EQ(uli->seqs(), (Seqs{2, 3}));
  EXPECT_TRUE(op->seqs().empty());
  const Json told = uma->events().at(0);
  EXPECT_EQ(told["request"], kMine);
  EXPECT_EQ(told["entry"],
            (Json{{"kind", "sign"}, {"user", "someone"}, {"key", "hot"}, {"rule", "r"}, {"coordinator", "node2"}}));
  EXPECT_FALSE(told.contains("hash"));
  for (const auto& less : {uma, vic, uli, op}) EXPECT_EQ(less->bytes.find("secret"), std::string::npos);
}

TEST_F(Events, OfWhatEverybodySeesAreForEverybody) {
  const auto uma = listen("uma"), op = listen("node:node2");
  const Json by{{"user", "ana"}, {"from", "node3"}, {"secret", 1}};
  const auto with = [&](Json more) {
    more.update(by);
    return more;
  };
  log("succeeded", kOther, with({{"kind", "create_key"}, {"key", "hot"}}));
  log("succeeded", kOther, with({{"kind", "reshare"}, {"key", "hot"}}));
  log("archived", kOther, with({{"key", "hot"}}));
  log("policy_changed", kOther, with({{"version", 2}, {"digest", "ab"}}));
  log("cluster_changed", kOther, with({{"version", 3}}));
  log("frozen", kOther, with({{"scope", "all"}}));
  log("unfrozen", kOther, with({{"scope", "all"}}));
  log("recovery_pending", "", with({{"id", "rec_1"}, {"effective_at", "soon"}}));
  log("recovery_vetoed", "", with({{"id", "rec_1"}, {"by", "ana"}}));
  log("quarantined", "", with({{"key", "hot"}, {"by", "node1"}, {"node", "node3"}, {"reason", "secret"}}));
  log("rolled_back", "", by);
  log("card_renewed", "", with({{"id", "node2"}}));
  api.tick();
  for (const auto& who : {uma, op}) {
    ASSERT_EQ(who->seqs(), (Seqs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
    EXPECT_EQ(who->bytes.find("secret"), std::string::npos);
    EXPECT_EQ(who->bytes.find("\"from\""), std::string::npos);
    const auto events = who->events();
    for (const std::size_t i : {0u, 1u, 2u, 3u, 4u, 6u}) {
      EXPECT_EQ(events[i]["request"], "") << i << ": whose it was is not told";
      EXPECT_FALSE(events[i]["entry"].contains("user")) << i;
    }
    EXPECT_EQ(events[0]["entry"], (Json{{"kind", "create_key"}, {"key", "hot"}}));
    EXPECT_EQ(events[5]["entry"], (Json{{"scope", "all"}, {"user", "ana"}}));
    EXPECT_EQ(events[5]["request"], kOther) << "as `frozen` of GET /v1/node has it";
    EXPECT_EQ(events[7]["entry"], (Json{{"id", "rec_1"}, {"effective_at", "soon"}}));
    EXPECT_EQ(events[10]["entry"], Json::object());
  }
}

TEST_F(Events, EndWithTheUser) {
  const auto uma = listen("uma"), uli = listen("uli"), op = listen("node:node2"), rita = listen("rita");
  auto& users = document["users"];
  users.erase(std::find_if(users.begin(), users.end(), [](const Json& u) { return u["id"] == "uma"; }));
  user("uli")["key"] = Ed25519SecretKey::generate(keys).public_key().to_text();
  put_in_force();
  log("requested", kMine);
  log("requested", kOther);
  api.tick();
  EXPECT_TRUE(uma->over) << "nobody";
  EXPECT_TRUE(uli->over) << "another key's now";
  EXPECT_TRUE(uma->seqs().empty() && uli->seqs().empty());
  EXPECT_FALSE(rita->over || op->over);
  EXPECT_EQ(rita->seqs(), (Seqs{1, 2}));
  EXPECT_EQ(refused(ask("uma")), "403 denied");
  EXPECT_EQ(refused(ask("node:node9")), "403 denied");
}

TEST_F(Events, EndWithoutAnyEntry) {
  const auto uma = listen("uma");
  api.tick();
  auto& users = document["users"];
  users.erase(std::find_if(users.begin(), users.end(), [](const Json& u) { return u["id"] == "uma"; }));
  put_in_force();
  api.tick();
  EXPECT_TRUE(uma->over);
  api.tick();
  EXPECT_NE(api.metrics().find("\nquorate_event_streams 0\n"), std::string::npos);
}

TEST_F(Events, NarrowWithTheRights) {
  const auto rita = listen("rita"), vic = listen("vic");
  log("requested", kOther);
  log("pending_approval", kAsking);
  api.tick();
  EXPECT_EQ(rita->seqs(), (Seqs{1, 2}));
  EXPECT_EQ(vic->seqs(), Seqs{2});
  user("rita")["groups"] = {"staff"};
  user("vic")["groups"] = {"auditors"};
  put_in_force();
  log("failed", kOther);
  log("frozen", kOther, {{"scope", "all"}});
  api.tick();
  EXPECT_FALSE(rita->over);
  EXPECT_EQ(rita->seqs(), (Seqs{1, 2, 4}));
  EXPECT_EQ(vic->seqs(), (Seqs{2, 3, 4}));
}

TEST_F(Events, WaitForWhoReadsSlowly) {
  const auto slow = listen("admin"), quick = listen("rita");
  slow->full = true;
  for (int i = 0; i < 300; ++i) log("requested", kMine);
  api.tick();
  EXPECT_EQ(quick->seqs().size(), 300u);
  EXPECT_TRUE(slow->seqs().empty());
  slow->full = false;
  api.tick();
  EXPECT_EQ(slow->seqs(), quick->seqs()) << "nothing is lost";
}

TEST_F(Events, HaveAHeartbeat) {
  const auto admin = listen("admin"), uma = listen("uma");
  api.tick();
  const std::string before = admin->bytes;
  clock.advance(Seconds(14));
  api.tick();
  EXPECT_EQ(admin->bytes, before);
  clock.advance(Seconds(1));
  api.tick();
  EXPECT_EQ(admin->bytes, before + ":\n\n");
  log("requested", kOther);
  api.tick();
  EXPECT_EQ(uma->last_id(), "0");
  clock.advance(Seconds(15));
  api.tick();
  EXPECT_EQ(uma->last_id(), "1") << "need not look at what is not theirs again";
  EXPECT_TRUE(uma->seqs().empty());
}

TEST_F(Events, EndWithTheNode) {
  const auto admin = listen("admin");
  api.drain();
  log("requested", kMine);
  api.tick();
  EXPECT_EQ(admin->seqs(), Seqs{1}) << "what runs is finished, and told";
  EXPECT_EQ(refused(ask("admin")), "503 stopping");
  api.close();
  EXPECT_TRUE(admin->over);
}

TEST_F(Events, EndWhenTheLogCannotBeRead) {
  const auto admin = listen("admin"), uma = listen("uma");
  log("requested", kMine);
  auto content = store.snapshot();
  content.audit.back().entry.text = "{";
  store.restore(std::move(content));
  api.tick();
  EXPECT_TRUE(admin->over && uma->over);
  ASSERT_FALSE(logged.empty());
  EXPECT_TRUE(logged.back().starts_with("events end")) << logged.back();
  api.tick();
  const std::size_t lines = logged.size();
  api.tick();
  EXPECT_EQ(logged.size(), lines);
}

}  // namespace
}  // namespace quorate::test

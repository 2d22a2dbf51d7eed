// Calls of a REST client that wait for their request's end.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/api.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {
namespace {

// A client of node1, where a key is.
struct Client {
  explicit Client(std::uint64_t seed) : sim(3, seed) {
    EXPECT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
    api.emplace(sim.world(0), sim.desk(0), sim.host(0));
  }
  void sign(Millis wait) {
    const http::SignedRequest original = sim.sign("hot", "x");
    http::Verified who;
    who.user = "admin";
    http::Call call{http::Route::sign, "hot", {}, nullptr, original, who, wait, {}, {}, std::make_shared<int>()};
    place = call.place;
    call.respond = [this](std::function<http::Answer()> make) { answers.push_back(make()); };
    const auto answered = api->call(call);
    ASSERT_TRUE(std::holds_alternative<http::Later>(answered));
    gone = std::get<http::Later>(answered).gone;
  }
  int status() const {
    if (answers.size() != 1) return -static_cast<int>(answers.size());
    if (const auto* reply = std::get_if<http::Reply>(&answers[0])) return reply->status;
    return std::get<http::Problem>(answers[0]).status;
  }
  std::string id() {
    storage::RequestFilter signing;
    signing.kind = "sign";
    return sim.store(0).requests(signing, 1, std::nullopt).items.at(0).id;
  }
  bool awaited() { return sim.desk(0).requests().awaited(id()); }
  void pass(Millis time) {
    sim.run_for(time);
    api->tick();
    sim.quiesce();
  }

  NodeSimulation sim;
  std::optional<node::NodeApi> api;
  std::vector<http::Answer> answers;
  std::function<void()> gone;
  std::weak_ptr<const void> place;
};

TEST(WaitingCalls, AreAnsweredWithTheEnd) {
  Client c(1);
  c.sign(Seconds(10));
  EXPECT_EQ(c.api->waiting(), 1u);
  EXPECT_TRUE(c.sim.run_until([&] { return c.status() != 0; }, Seconds(5)));
  EXPECT_EQ(c.status(), 201);
  EXPECT_EQ(std::get<http::Reply>(c.answers[0]).body["state"], "succeeded");
  EXPECT_EQ(c.api->waiting(), 0u);
  EXPECT_FALSE(c.awaited());
  c.sim.settle();
  EXPECT_EQ(c.status(), 201) << "once";
}

TEST(WaitingCalls, AreAnsweredWhenTheirTimeIsOver) {
  Client c(2);
  c.sim.isolate({0});
  c.sign(Seconds(1));
  c.pass(Millis(250));
  EXPECT_EQ(c.status(), 0);
  EXPECT_TRUE(c.awaited());
  c.pass(Millis(1'000));
  EXPECT_EQ(c.status(), 202);
  EXPECT_EQ(std::get<http::Reply>(c.answers[0]).headers[0].second, "/v1/requests/" + c.id());
  EXPECT_FALSE(c.awaited());
  EXPECT_EQ(c.api->waiting(), 0u);
}

TEST(WaitingCalls, ThatDoNotWaitAreAnsweredWhenTheRequestIsStored) {
  Client c(3);
  c.sim.isolate({0});
  c.sim.slow_disk(0, true);
  c.sign(Millis(0));
  c.pass(Millis(500));
  EXPECT_EQ(c.status(), 0);
  c.sim.slow_disk(0, false);
  c.sim.quiesce();
  EXPECT_EQ(c.status(), 202);
  EXPECT_FALSE(c.awaited());
}

TEST(WaitingCalls, OfADiskThatDoesNotAnswerEnd) {
  Client c(4);
  c.sim.slow_disk(0, true);
  c.sign(Seconds(1));
  c.pass(Seconds(10));
  EXPECT_EQ(c.status(), 0);
  c.pass(Millis(1'250));
  EXPECT_EQ(c.status(), 503);
  c.sim.slow_disk(0, false);
  c.sim.settle();
  EXPECT_FALSE(c.awaited());
}

TEST(WaitingCalls, WhoseClientsHaveLeftLeaveNothingBehind) {
  for (const bool stored : {true, false}) {
    Client c(5);
    c.sim.isolate({0});
    c.sign(Seconds(10));
    if (stored) c.sim.quiesce();
    c.gone();
    EXPECT_EQ(c.api->waiting(), 0u);
    EXPECT_EQ(c.place.expired(), stored) << "what is still to be done for it is its user's";
    c.sim.quiesce();
    EXPECT_TRUE(c.place.expired());
    EXPECT_FALSE(c.awaited()) << stored;
    c.sim.connect_all();
    c.sim.settle();
    EXPECT_EQ(c.status(), 0);
    EXPECT_EQ(c.sim.store(0).request(c.id())->state, storage::RequestState::succeeded) << "the request goes on";
  }
}

TEST(WaitingCalls, AreAnsweredWhenTheNodeStops) {
  Client c(6);
  c.sim.isolate({0});
  c.sign(Seconds(60));
  c.sim.quiesce();
  c.api->close();
  EXPECT_EQ(c.status(), 202);
}

}  // namespace
}  // namespace quorate::test

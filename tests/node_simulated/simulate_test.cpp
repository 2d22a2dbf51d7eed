// POST /v1/policy/simulate of what no rule decides, but who is an admin: it says what the request itself would meet.
#include <nlohmann/json.hpp>

#include "http/router.h"
#include "node/api.h"
#include "tests/node_simulated/freezes_world.h"
#include "tests/node_simulated/transactions_world.h"

namespace quorate::test {
namespace {

struct Simulated : Frost {
  explicit Simulated(std::uint64_t seed) : Frost(seed) {}

  Json simulate(Json body, const std::string& user = "ana", int status = 200) {
    node::NodeApi api(sim.world(0), sim.desk(0), sim.host(0));
    const http::SignedRequest original;
    http::Verified who;
    who.user = user;
    who.created = unix_seconds(sim.clock.wall());
    const auto before = stored();
    const auto answer = api.call({http::Route::simulate, "", {}, std::move(body), original, who, {}, {}});
    sim.run_for(Seconds(1));
    EXPECT_EQ(stored(), before) << "nothing is written";
    const auto* reply = std::get_if<http::Reply>(&answer);
    EXPECT_EQ(reply != nullptr ? reply->status : std::get<http::Problem>(answer).status, status);
    if (reply == nullptr) return {};
    expect_described("Simulation", reply->body);
    return reply->body;
  }
  std::size_t stored() {
    std::size_t n = 0;
    for (std::size_t i = 0; i < sim.size(); ++i)
      n += sim.store(i).audit(0, SIZE_MAX).size() + sim.store(i).requests({}, 1000, std::nullopt).items.size();
    return n;
  }
};

const Json kCouncil = Json::parse(R"([{"group": "council", "min": 2, "members": ["ana", "ben", "cem"]}])");

TEST(NodeSimulate, AFreezeNeedsOneAdmin) {
  Simulated s(1);
  const Json seen = s.simulate({{"kind", "freeze"}, {"key", "hot"}});
  EXPECT_EQ(seen["policy"]["decision"], "allow");
  EXPECT_EQ(seen["policy"]["rule"], "admins");
  EXPECT_EQ(seen["key"], "hot");
  for (const char* absent : {"needs", "delay_hours", "refused", "loosens"})
    EXPECT_FALSE(seen.contains(absent)) << absent;
  EXPECT_FALSE(s.is_frozen(0));
  const Json denied = s.simulate({{"kind", "freeze"}, {"as", "eve"}});
  EXPECT_EQ(denied["policy"]["decision"], "deny");
  EXPECT_EQ(denied["rules"][0]["why"], "only an admin may ask for it");
  // As the request itself.
  EXPECT_EQ(s.sim.ask(0, s.freeze("all", "eve")).code(), "denied");
  s.frozen(0, s.freeze("hot", "ana"));
}

TEST(NodeSimulate, AnUnfreezeNeedsAdminsTheDelayAndAFreeze) {
  Simulated s(2);
  const Json unfreeze{{"kind", "unfreeze"}, {"key", "hot"}};
  const Json nothing = s.simulate(unfreeze);
  EXPECT_EQ(nothing["policy"]["decision"], "approve");
  EXPECT_EQ(nothing["refused"]["code"], "not_frozen");
  EXPECT_EQ(nothing["refused"]["code"], s.sim.ask(0, s.unfreeze()).code());
  EXPECT_FALSE(nothing.contains("delay_hours"));
  s.frozen(0, s.freeze());
  Json at = unfreeze;
  at["at"] = to_rfc3339(s.sim.clock.wall() - Seconds(5));
  EXPECT_EQ(s.simulate(at)["refused"]["code"], "superseded");
  s.sim.clock.advance(Seconds(1));
  const Json seen = s.simulate(unfreeze);
  EXPECT_FALSE(seen.contains("refused")) << seen;
  EXPECT_EQ(seen["needs"], kCouncil);
  EXPECT_EQ(seen["expires_hours"], 7 * 24);
  EXPECT_EQ(seen["delay_hours"], 24);
  EXPECT_EQ(s.simulate({{"kind", "unfreeze"}})["refused"]["code"], "not_frozen") << "of all keys";
  EXPECT_EQ(s.simulate({{"kind", "unfreeze"}, {"key", "hot"}, {"as", "eve"}})["policy"]["decision"], "deny");
  EXPECT_TRUE(s.is_frozen(0));
}

TEST(NodeSimulate, AChangeOfThePolicyTellsWhyItLoosens) {
  Simulated s(3);
  const auto change = [&](const Json& next, const std::string& as = "ana") {
    return s.simulate({{"kind", "change_policy"}, {"policy", next}, {"as", as}});
  };
  const Json looser = change(s.looser());
  EXPECT_EQ(looser["policy"]["decision"], "approve");
  EXPECT_EQ(looser["policy"]["version"], 1) << "the one in force decides";
  EXPECT_EQ(looser["needs"], kCouncil);
  EXPECT_EQ(looser["loosens"].size(), 1u) << looser["loosens"];
  EXPECT_EQ(looser["delay_hours"], 24);
  EXPECT_FALSE(looser.contains("refused"));
  const Json tighter = change(s.tighter());
  EXPECT_EQ(tighter["loosens"], Json::array());
  EXPECT_EQ(tighter["delay_hours"], 0);
  EXPECT_EQ(change(s.tighter(), "eve")["policy"]["decision"], "deny");

  Json skipped = s.tighter();
  skipped["version"] = 3;
  EXPECT_EQ(change(skipped)["refused"]["pointer"], "/policy/version");
  EXPECT_EQ(s.sim.ask(0, s.put(skipped, "ana", "1")).code(), "malformed_body");
  Json other = s.tighter();
  other["previous"] = std::string(64, 'a');
  EXPECT_EQ(change(other)["refused"]["pointer"], "/policy/previous");
  EXPECT_FALSE(change(other).contains("loosens"));
  // Admins of what follows have no say in it.
  Json mine = s.next();
  mine["admins"]["min"] = 1;
  EXPECT_EQ(change(mine)["needs"], kCouncil);
  EXPECT_EQ(s.version(0), 1);

  const Json nodes = s.simulate({{"kind", "change_cluster"}});
  EXPECT_EQ(nodes["needs"], kCouncil);
  EXPECT_EQ(nodes["delay_hours"], 24);
}

TEST(NodeSimulate, IsForReadersAndAdmins) {
  Simulated s(4);
  s.simulate({{"kind", "freeze"}}, "eve", 403);
}

}  // namespace
}  // namespace quorate::test

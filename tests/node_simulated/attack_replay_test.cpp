// Proposals and sessions played again, given back, relayed, and drawn out.
#include <algorithm>
#include <optional>

#include "node/messages.h"
#include "tests/node_simulated/attack_world.h"
#include "tests/node_simulated/windows_world.h"

namespace quorate::test {
namespace {

TEST(Attack, ARecordedSessionDoesNothingTheSecondTime) {  // attack 5
  World3 sim(1);
  std::vector<Sent> recorded;
  sim.tap = [&](Sent s) {
    if (s.from == "node2") recorded.push_back(s);
    return as_it_is(std::move(s));
  };
  ASSERT_TRUE(sim.ask(0, sim.sign("hot", "first")).succeeded());
  sim.settle();
  sim.tap = nullptr;
  auto& s = sim.submit(0, sim.sign("hot", "second"));
  const auto recorded_copy = recorded;
  for (const Sent& r : recorded_copy)
    for (int k = 0; k < 5; ++k) {
      sim.raw_send(1, sim.index_of(r.to), r.envelope);
      sim.step();
    }
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
  sim.settle();
  sim.expect_no_blame();
  sim.expect_safe();
}

TEST(Attack, AProposalIsAcceptedOnce) {
  World3 sim(0);
  std::optional<Envelope> proposal;
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    if (s.from == "node1" && s.to == "node2" && s.envelope.tag == Propose::tag) proposal = s.envelope;
    if (s.from == "node1" && s.envelope.tag != Propose::tag) return std::vector<Sent>{};
    return as_it_is(std::move(s));
  };
  auto& s = sim.submit(0, sim.sign("hot", "x"));
  sim.quiesce();
  ASSERT_TRUE(proposal);
  for (int k = 0; k < 5; ++k) sim.raw_send(0, 1, *proposal);
  sim.quiesce();
  EXPECT_EQ(std::count(sim.refusals.begin(), sim.refusals.end(), "replayed this session has been proposed before"), 5);
  EXPECT_EQ(sim.host(1).running(), 1u);
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  sim.settle();
  sim.expect_no_blame();
}

// attack 5. A signer gives the proposal back to its coordinator, whose disk is slow.
TEST(Attack, AProposalThatIsGivenBackGainsNothing) {
  for (const bool known : {false, true}) {
    NodeSimulation sim(3, 18);
    ASSERT_TRUE(sim.ask(0, sim.create("all", 3)).succeeded());
    std::size_t given_back = 0, replayed = 0, attempts = 0;
    sim.tap = [&](Sent s) {
      std::vector<Sent> out;
      if (s.envelope.tag == Propose::tag && s.from == "node1" && s.to == "node2") {
        if (known && ++attempts == 1) {  // the first attempt comes to nothing
          Refuse no;
          no.random = decode<Propose>(s.envelope.body).random;
          no.code = "busy";
          sim.raw_send(1, 0, envelope_of(no));
          return out;
        }
        sim.raw_send(1, 0, s.envelope);
        ++given_back;
      }
      replayed += s.envelope.tag == Refuse::tag && decode<Refuse>(s.envelope.body).code.text == "replayed" ? 1 : 0;
      out.push_back(std::move(s));
      return out;
    };
    const SteadyTime began = sim.clock.steady();
    sim.slow_disk(0, true);
    auto& s = sim.submit(0, sim.sign("all", "x"));
    sim.quiesce();
    sim.slow_disk(0, false);
    ASSERT_TRUE(sim.run_until([&] { return s.answer.has_value(); }, Seconds(20)));
    EXPECT_TRUE(s.succeeded()) << s.code() << ": " << (s.record() ? s.record()->reason.text : s.refusal()->detail);
    EXPECT_GE(given_back, 1u);
    EXPECT_GE(replayed, 1u);
    EXPECT_LT(sim.clock.steady() - began, Seconds(3)) << "nobody waits for what was dropped";
  }
}

// A coordinator that lets a member's session wait, and then goes on with it.
TEST(Attack, NothingIsReleasedForARequestWhoseTimeIsOver) {
  for (const bool over : {false, true}) {
    World3 sim(0);
    std::vector<Sent> held;
    sim.tap = [&](Sent s) {
      const bool hold = s.from == "node1" && s.envelope.tag.starts_with("frost/");
      if (hold) held.push_back(s);
      return hold ? std::vector<Sent>{} : as_it_is(std::move(s));
    };
    sim.submit(0, sim.sign("hot", "x"));
    ASSERT_TRUE(sim.run_until([&] { return !held.empty(); }, Seconds(5)));
    const std::size_t member = sim.index_of(held[0].to);
    ASSERT_TRUE(sim.run_until([&] { return sim.host(member).running() == 1; }, Seconds(1)));
    sim.quiesce();
    if (over) sim.clock.advance(limits::kRequestLife + Seconds(1));
    sim.raw_send(0, member, held[0].envelope);
    while (sim.step()) continue;  // no deadline is looked at
    std::size_t released = 0;
    for (const auto& entry : sim.store(member).audit(0, SIZE_MAX)) released += entry.entry.kind == "released" ? 1 : 0;
    EXPECT_EQ(released, over ? 0u : 1u);
  }
}

// Somebody relays a proposal to a member before its coordinator's copy is there, and is refused: what the coordinator
// says in that session counts all the same, whether it comes afterwards or had come before. With a word that makes it
// one to deny, and as it is, which is not the relayer's turn.
TEST(Attack, ARelayedProposalTakesNothingAway) {
  for (const bool altered : {true, false}) {
    SCOPED_TRACE(altered);
    Windowed w(3, 19, Windowed::count(5), Json::array(), {0, 1});
    NodeSimulation& sim = w.sim;
    std::vector<Sent> proposals, said;
    sim.tap = [&](Sent s) {
      const bool asks = s.from == "node1" && s.to == "node2" && s.envelope.tag == Propose::tag;
      const bool speaks = s.from == "node1" && s.envelope.tag.starts_with("frost/");
      if (asks && proposals.empty()) {
        proposals.push_back(std::move(s));
        return std::vector<Sent>{};
      }
      if (altered && speaks && said.empty()) {  // else it comes before the relayed one
        said.push_back(std::move(s));
        return std::vector<Sent>{};
      }
      return as_it_is(std::move(s));
    };
    auto& s = sim.submit(0, w.message());
    ASSERT_TRUE(sim.run_until([&] { return !proposals.empty(); }, Seconds(3)));
    const SteadyTime began = sim.clock.steady();
    Propose relayed = decode<Propose>(proposals[0].envelope.body);
    if (altered) relayed.original.exceeded.push_back(std::string("cap"));
    sim.raw_send(2, 1, envelope_of(relayed));
    sim.quiesce();
    sim.slow_disk(1, true);
    sim.raw_send(0, 1, proposals[0].envelope);
    sim.quiesce();
    for (const Sent& word : said) sim.raw_send(0, 1, word.envelope);
    sim.quiesce();
    sim.slow_disk(1, false);
    ASSERT_TRUE(sim.run_until([&] { return s.answer.has_value(); }, Seconds(20)));
    EXPECT_TRUE(s.succeeded()) << why(s);
    EXPECT_LT(sim.clock.steady() - began, Seconds(2)) << "nobody waits for what was dropped";
  }
}

}  // namespace
}  // namespace quorate::test

// At most t − 1 nodes cheat, and coordinate: what they can have signed is what docs/windows.md says, to the last one
// (attack 63).
#include "node/messages.h"
#include "tests/node_simulated/windows_world.h"

namespace quorate::test {
namespace {

using Nodes = std::vector<std::size_t>;

// The key "hot" of all n nodes, any t of them; the first t − 1 are corrupt, and node1 coordinates. They say nothing of
// what they sign, of no end, and keep their own shares of the signatures, which they can all complete.
struct Corrupted : Windowed {
  Corrupted(unsigned n, unsigned t, std::uint64_t seed, const Json& window)
      : Windowed(n, seed, window, Json::array(), all_of(0, n), t), corrupt(all_of(0, t - 1)), honest(all_of(t - 1, n)) {
    for (const std::size_t i : corrupt) sim.evil[i] = true;
    sim.tap = [this](Sent s) {
      const bool to_itself = is_corrupt(s.to);
      const bool kept = s.envelope.tag == node::Outcome::tag || s.envelope.tag == node::LedgerNews::tag ||
                        s.envelope.tag == node::LedgerMark::tag ||
                        (s.from == "node1" && s.envelope.tag.starts_with("frost/share/"));
      std::vector<Sent> out;
      if (!is_corrupt(s.from) || to_itself || !kept) out.push_back(std::move(s));
      return out;
    };
  }
  static Nodes all_of(std::size_t first, std::size_t end) {
    Nodes nodes;
    for (std::size_t i = first; i < end; ++i) nodes.push_back(i);
    return nodes;
  }
  bool is_corrupt(const std::string& node) const { return sim.evil[sim.index_of(node)]; }
  // Their own ledgers never stop them.
  void forget() {
    for (const std::size_t i : corrupt) {
      auto content = sim.store(i).snapshot();
      content.ledger.clear();
      sim.store(i).restore(std::move(content));
    }
  }
  // What the honest ones have let go of may be signed: the corrupt ones' parts are theirs to give.
  std::size_t signable() { return released(honest).size(); }
  // Each honest ledger holds what its node has released, and keeps nothing of its own that it has not.
  void expect_honest_ledgers() {
    for (const std::size_t i : honest) {
      const auto mine = released({i});
      for (const auto& [request, entry] : ledger(i)) {
        EXPECT_NE(entry.own, storage::LedgerOwn::reserved) << request << " at " << i;
        EXPECT_EQ(entry.own == storage::LedgerOwn::spent, mine.contains(request)) << request << " at " << i;
      }
      for (const auto& [request, times] : mine) EXPECT_TRUE(ledger(i).contains(request)) << request << " at " << i;
    }
  }

  const Nodes corrupt, honest;
};

// One honest node after the other is alone with the corrupt ones, and hears no other.
std::size_t most_with_signers_rotated(unsigned n, unsigned t, const char* mode) {
  Corrupted w(n, t, 6, Windowed::count(4, mode));
  for (std::size_t k = 0; k < 6 * w.honest.size(); ++k) {
    Nodes together = w.corrupt;
    together.push_back(w.honest[k % w.honest.size()]);
    w.sim.heal();
    w.sim.isolate(together);
    w.sim.run_for(Seconds(5));
    w.forget();
    w.sim.ask(0, w.message());
    w.sim.run_for(Seconds(20));
  }
  w.expect_honest_ledgers();
  for (const std::size_t i : w.honest) EXPECT_LE(w.released({i}).size(), 4u) << i;
  return w.signable();
}
TEST(NodeWindowsAttacked, RotatedSignersNeverPassASplitLimit) {
  EXPECT_EQ(most_with_signers_rotated(3, 2, "split"), 4u);
  EXPECT_EQ(most_with_signers_rotated(5, 3, "split"), 3u);  // each part is 4 / 3, rounded down
}
TEST(NodeWindowsAttacked, RotatedSignersPassAnAnnouncedOneByNoMoreThanThatOfEachHonestNode) {
  EXPECT_EQ(most_with_signers_rotated(3, 2, "announced"), 8u);  // (n − t + 1) · 4
  EXPECT_EQ(most_with_signers_rotated(5, 3, "announced"), 12u);
}

// The net is whole: the honest ones hear each other, whatever the others keep to themselves, and however many requests
// there are at once.
std::size_t most_at_once(unsigned n, unsigned t, const char* mode, std::uint64_t seed) {
  Corrupted w(n, t, seed, Windowed::count(4, mode));
  for (int round = 0; round < 6; ++round) {
    w.forget();
    for (std::size_t k = 0; k < 8; ++k) w.sim.submit(k % 2 == 0 ? 0 : w.sim.rng().below(n), w.message());
    w.sim.run_for(Seconds(25));
  }
  w.expect_honest_ledgers();
  return w.signable();
}
TEST(NodeWindowsAttacked, WhoSaysNothingOfWhatItSignsGainsNothingInAWholeNet) {
  for (std::uint64_t seed = 1; seed <= runs(3); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    for (const char* mode : {"announced", "split"})
      for (const unsigned t : {2u, 3u}) {
        SCOPED_TRACE(mode + std::to_string(t));
        const std::size_t most = most_at_once(2 * t - 1, t, mode, 10 * seed + t);
        EXPECT_LE(most, 4u);
        EXPECT_GE(most, 1u);  // it is not by refusing everything
      }
  }
}

// node3 has never told all, and connects again before it is taken to be silent.
TEST(NodeWindowsAttacked, WhoNeverTellsAllDoesNotKeepTheOthersFromSigning) {
  Windowed w(3, 60, Windowed::count(4));
  w.sim.evil[2] = true;
  w.sim.tap = [](Sent s) {
    if (s.from == "node3" && s.envelope.tag == node::LedgerNews::tag) {
      auto page = decode<node::LedgerNews>(s.envelope.body);
      page.last = false;
      s.envelope = node::envelope_of(page);
    }
    std::vector<Sent> out;
    out.push_back(std::move(s));
    return out;
  };
  const auto again = [&] {
    for (const char* other : {"node1", "node2"}) w.sim.net().cut(other, "node3");
    w.sim.connect_all();
    w.sim.run_for(Millis(1500));
  };
  for (int k = 0; k < 45; ++k) again();
  const auto& s = w.sim.submit(0, w.message());
  for (int k = 0; k < 20 && !s.answer; ++k) again();
  EXPECT_TRUE(s.succeeded()) << why(s);
}

// node1 coordinates, and says that there is no room. What is sent again to another node is asked of the ledgers anew,
// and has its one place in them.
TEST(NodeWindowsAttacked, WhoSaysThatThereIsNoRoomDeniesNothing) {
  Windowed w(3, 61, Windowed::count(2));
  w.sim.evil[0] = true;
  const auto told = [&](const http::SignedRequest& original) {
    node::Outcome outcome;
    outcome.request = (*node::seen_in(node::examine(original, w.sim.world(1)))).id;
    outcome.original = original;
    outcome.original.exceeded.push_back(std::string("cap"));
    outcome.state = static_cast<std::uint8_t>(storage::RequestState::denied);
    outcome.code = "denied";
    for (const std::size_t to : {1u, 2u}) w.sim.raw_send(0, to, node::envelope_of(outcome));
    w.sim.run_for(Seconds(1));
    return outcome.request.text;
  };
  const auto state = [&](const std::string& id) {
    return node::record_of(w.sim.store(1).request(id).value()).request_state();
  };
  for (std::size_t k = 1; k <= 2; ++k) {
    const auto original = w.message();
    EXPECT_EQ(state(told(original)), storage::RequestState::failed);
    const auto& s = w.sim.ask(1, original, Seconds(30));
    EXPECT_TRUE(s.succeeded()) << why(s);
    w.sim.run_for(Seconds(1));
    for (const std::size_t i : {1u, 2u}) EXPECT_EQ(w.counted(i), k);
  }
  const auto original = w.message();
  const std::string id = told(original);
  // It has found so itself, and cannot know what node1 has made the others release.
  EXPECT_EQ(w.sim.ask(1, original, Seconds(30)).code(), "window_exceeded");
  EXPECT_EQ(state(id), storage::RequestState::failed);
  EXPECT_EQ(w.signed_requests().size(), 2u);
  for (const std::size_t i : {1u, 2u}) EXPECT_EQ(w.counted(i), 2u);
}

// node1 says of everybody's requests that it takes no part, answers what it has not written, stops attempts after it
// has seen the last words, and proposes again what has been proposed.
TEST(NodeWindowsAttacked, NoLieMakesRoom) {
  for (std::uint64_t seed = 1; seed <= runs(6); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Corrupted w(3, 2, 50 + seed, Windowed::count(4));
    std::set<std::string> heard_of;
    std::vector<Sent> proposed;
    const auto silent = w.sim.tap;
    w.sim.tap = [&](Sent s) {
      if (s.to == "node1" && s.envelope.tag == node::LedgerNews::tag)
        for (const node::LedgerRow& row : decode<node::LedgerNews>(s.envelope.body).rows)
          heard_of.insert(row.request.text);
      if (s.from != "node1") return silent(std::move(s));
      std::vector<Sent> out;
      const std::string to = s.to;
      const auto lie = [&](const auto& message) { out.push_back({"node1", to, node::envelope_of(message)}); };
      if (s.envelope.tag == node::Propose::tag) proposed.push_back(s);
      switch (w.sim.rng().below(6)) {
        case 0: {
          node::LedgerNews none;
          for (const std::string& request : heard_of)
            if (none.rows.size() < 32) none.rows.emplace_back().request = request;
          lie(none);
          break;
        }
        case 1: {
          node::LedgerNoted noted;
          for (const std::string& request : heard_of)
            if (noted.rows.size() < 32) noted.rows.push_back({request, w.sim.rng().below(UINT64_MAX)});
          lie(noted);
          break;
        }
        case 2:
          if (!proposed.empty()) {
            const Sent& again = proposed[w.sim.rng().below(proposed.size())];
            out.push_back({"node1", to, again.envelope});
          }
          break;
        case 3: {
          node::LedgerMark mark;
          mark.seq = w.sim.rng().below(1000);
          lie(mark);
          break;
        }
        case 4: {
          const auto records = w.sim.store(0).open_requests();
          if (records.empty()) break;
          node::Outcome failed;
          const node::RequestRecord r = node::record_of(records[w.sim.rng().below(records.size())]);
          failed.request = r.id;
          failed.original = r.original;
          failed.state = static_cast<std::uint8_t>(storage::RequestState::failed);
          failed.code = "no_quorum";
          lie(failed);
          break;
        }
        default:
          break;
      }
      for (Sent& m : silent(std::move(s))) out.push_back(std::move(m));
      return out;
    };
    for (int round = 0; round < 3; ++round) {
      w.forget();
      for (std::size_t k = 0; k < 9; ++k) w.sim.submit(k % 3, w.message());
      w.sim.run_for(Seconds(25));
    }
    w.expect_honest_ledgers();
    EXPECT_LE(w.signable(), 4u);
    EXPECT_GE(w.signable(), 1u);
  }
}

}  // namespace
}  // namespace quorate::test

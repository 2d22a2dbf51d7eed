// The tamper matrix: every message × every leaf × every way of changing it, by one corrupt party; generated from
// `fields`.
#pragma once
#include "tests/support/simulation.h"

namespace quorate::test {

enum class Change {
  flip,
  random_valid,
  zero,
  replayed,
  per_recipient,
  one_recipient,
  shorter,
  longer,
  whole_replayed,
  dropped
};
inline constexpr std::array kPerLeaf{Change::flip,     Change::random_valid,  Change::zero,
                                     Change::replayed, Change::per_recipient, Change::one_recipient};
inline constexpr std::array kPerMessage{Change::shorter, Change::longer, Change::whole_replayed, Change::dropped};

inline std::string_view name_of(Change change) {
  switch (change) {
    case Change::flip:
      return "one bit flipped";
    case Change::random_valid:
      return "another valid value";
    case Change::zero:
      return "zero";
    case Change::replayed:
      return "replayed from another session";
    case Change::per_recipient:
      return "another valid value per recipient";
    case Change::one_recipient:
      return "another valid value to one recipient";
    case Change::shorter:
      return "one byte short";
    case Change::longer:
      return "one byte long";
    case Change::whole_replayed:
      return "the whole message from another session";
    case Change::dropped:
      return "never sent";
  }
  return "unknown";
}

struct TamperReport {
  int cells = 0, changed_runs = 0;
  std::vector<std::string> unnoticed;  // every honest party finished although a byte was changed
  std::map<Reason, int> reasons;       // of honest parties' aborts
};

using LeafChoice = std::function<bool(std::string_view tag, std::size_t leaf, Change)>;

// `corrupt` sends what an honest party would, changed. Violations of expect_safe are test failures. `chosen`: which
// changes of which leaves are made, all of them unless told.
template <class Protocol>
TamperReport tamper_matrix(const Protocol& protocol, PartyId corrupt, std::uint64_t seeds,
                           const LeafChoice& chosen = {}) {
  using Tools = MessageTools<typename Protocol::MessageList>;
  TamperReport report;
  std::map<std::pair<std::string, PartyId>, Bytes> other;  // what the same party sent in another session
  {
    Simulation<Protocol> s(protocol, 424242);
    s.watch = [&](const Wire& w) {
      if (w.from == corrupt) other[{w.tag, w.to}] = w.body;
    };
    EXPECT_TRUE(expect_safe(s, s.run()));
  }
  const PartyId victim = *protocol.parties().without(corrupt).begin();

  const auto cell = [&](std::string_view tag, std::size_t leaf, Change how) {
    ++report.cells;
    bool missed = false;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      Simulation<Protocol> s(protocol, seed);
      s.corrupt.insert(corrupt);
      SeededRng shared(seed);
      bool changed = false;
      s.tamper = [&](Wire& w) {
        if (w.tag != tag) return;
        const bool per_leaf = std::find(kPerLeaf.begin(), kPerLeaf.end(), how) != kPerLeaf.end();
        if (per_leaf && leaf >= Tools::leaves(tag, w.body).size()) return;  // a shorter list goes to this one
        const Bytes before = w.body;
        SeededRng rng(how == Change::per_recipient ? seed * 100 + w.to.index() : seed);
        const Bytes& replay = other.at({w.tag, w.to});
        switch (how) {
          case Change::flip:
          case Change::zero: {
            const wire::Span at = Tools::leaves(tag, w.body).at(leaf);
            if (how == Change::zero)
              std::fill_n(w.body.begin() + static_cast<std::ptrdiff_t>(at.offset), at.length, std::uint8_t{0});
            else
              w.body[at.offset + rng.below(at.length)] ^= static_cast<std::uint8_t>(1u << rng.below(8));
            break;
          }
          case Change::replayed: {
            const wire::Span at = Tools::leaves(tag, w.body).at(leaf), from = Tools::leaves(tag, replay).at(leaf);
            Bytes b(w.body.begin(), w.body.begin() + static_cast<std::ptrdiff_t>(at.offset));
            b.insert(b.end(), replay.begin() + static_cast<std::ptrdiff_t>(from.offset),
                     replay.begin() + static_cast<std::ptrdiff_t>(from.offset + from.length));
            b.insert(b.end(), w.body.begin() + static_cast<std::ptrdiff_t>(at.offset + at.length), w.body.end());
            w.body = b;
            break;
          }
          case Change::one_recipient:
            if (w.to != victim) return;
            [[fallthrough]];
          case Change::random_valid:
          case Change::per_recipient:
            w.body = Tools::with_random_leaf(tag, w.body, leaf, rng);
            break;
          case Change::shorter:
            w.body.pop_back();
            break;
          case Change::longer:
            w.body.push_back(0);
            break;
          case Change::whole_replayed:
            w.body = replay;
            break;
          case Change::dropped:
            w.dropped = true;
            break;
        }
        changed |= w.dropped || w.body != before;
      };
      const auto outcomes = s.run();
      EXPECT_TRUE(expect_safe(s, outcomes)) << tag << ", leaf " << leaf << ", " << name_of(how);
      bool all_finished = true;
      for (const PartyId i : s.honest()) {
        all_finished &= outcomes[i].end == End::finished;
        if (outcomes[i].abort) ++report.reasons[outcomes[i].abort->reason];
      }
      report.changed_runs += changed;
      missed |= changed && all_finished;
    }
    if (missed)
      report.unnoticed.push_back(std::string(tag) + ", leaf " + std::to_string(leaf) + ", " +
                                 std::string(name_of(how)));
  };

  for (const TagInfo& message : Protocol::MessageList::tags) {
    const auto sample = other.find({std::string(message.tag), victim});
    EXPECT_NE(sample, other.end()) << message.tag << " is never sent";
    if (sample == other.end()) continue;
    const std::size_t leaves = Tools::leaves(message.tag, sample->second).size();
    for (std::size_t leaf = 0; leaf < leaves; ++leaf) {
      for (const Change how : kPerLeaf)
        if (!chosen || chosen(message.tag, leaf, how)) cell(message.tag, leaf, how);
    }
    for (const Change how : kPerMessage) cell(message.tag, 0, how);
  }
  return report;
}

}  // namespace quorate::test

#include "node/choose.h"

#include <algorithm>

namespace quorate::node {
namespace {

constexpr int kMaxSteps = 20'000;

struct Search {
  const Candidates& c;
  std::size_t t;
  std::vector<PartyId> order;
  int steps = 0;

  bool fits(PartySet chosen, PartyId next) const {
    for (const PartyId other : chosen)
      if (c.edges.contains({std::min(other, next), std::max(other, next)})) return false;
    return true;
  }
  std::optional<PartySet> from(PartySet chosen, std::size_t at) {
    if (chosen.size() == t) return c.failed.contains(chosen) ? std::nullopt : std::optional(chosen);
    for (std::size_t i = at; i < order.size() && order.size() - i >= t - chosen.size(); ++i) {
      if (++steps > kMaxSteps) return std::nullopt;
      if (!fits(chosen, order[i])) continue;
      PartySet more = chosen;
      more.insert(order[i]);
      if (auto found = from(more, i + 1)) return found;
    }
    return std::nullopt;
  }
};

}  // namespace

std::optional<PartySet> choose_signers(const Candidates& c, std::size_t t) {
  const PartySet usable = c.reachable - c.excluded;
  Search search{c, t, {}};
  PartySet listed;
  const auto add = [&](PartyId id) {
    if (!usable.contains(id) || listed.contains(id)) return;
    listed.insert(id);
    search.order.push_back(id);
  };
  if (c.me) add(*c.me);
  for (const PartyId id : c.preferred)
    if (!c.doubtful.contains(id)) add(id);
  for (const PartyId id : usable - c.doubtful) add(id);
  for (const PartyId id : c.preferred) add(id);
  for (const PartyId id : usable) add(id);
  return search.from({}, 0);
}

}  // namespace quorate::node

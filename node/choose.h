// Which members sign: t of those that can be reached, avoiding what has failed. Pure.
#pragma once
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "crypto/party_id.h"

namespace quorate::node {

struct Candidates {
  PartySet reachable;                           // with me if I am a member
  std::optional<PartyId> me;                    // taken whenever possible: one hop less
  std::vector<PartyId> preferred;               // the others, nearest first; who is not listed comes last
  PartySet excluded;                            // not to be asked again for this request
  PartySet doubtful;                            // were waited for in vain once, which proves nothing: taken last
  std::set<std::pair<PartyId, PartyId>> edges;  // one accuses the other: never both (first < second)
  std::set<PartySet> failed;                    // sets that have failed without anybody being named
};

// nullopt: no such set. Gives up (as if there were none) after a bounded number of steps.
std::optional<PartySet> choose_signers(const Candidates& candidates, std::size_t t);

}  // namespace quorate::node

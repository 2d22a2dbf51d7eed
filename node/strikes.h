// Signings of ECDSA in which this node takes part are noted on disk before they can tell a peer anything. A note that
// is there at the next start may hide a failed check that was not stored any more: a strike (docs/ecdsa.md, "The
// gate").
#pragma once
#include <string>
#include <vector>

#include "node/gates.h"
#include "node/world.h"
#include "session/committee.h"
#include "session/envelope.h"

namespace quorate::node {

// In the batch that precedes this node's first message of the session.
void note_signing(storage::Batch& batch, const SessionId& sid, const GatedKey& key, std::uint64_t number,
                  const std::vector<std::string>& peers);
// After the session has ended, in a batch that is committed after whatever the session has committed.
void erase_note(storage::Batch& batch, const SessionId& sid);
// A process that ends in order leaves no note: all its sessions are over.
void erase_notes(storage::Batch& batch, const storage::Store& store);

struct Struck {
  GatedKey key;
  std::uint64_t number = 0;
  std::string node;
  std::uint64_t count = 0;  // with this one
};
// Adds to the batch one strike per pair that has notes, however many: in one life of a process a pair's first failure
// closes its gate. And erases the notes.
std::vector<Struck> count_strikes(storage::Batch& batch, const World& world);

}  // namespace quorate::node

// Broadcast = the same bytes to all, then this: everyone compares what everyone has seen.
#pragma once
#include "session/party.h"
#include "session/task.h"

namespace quorate {

// `seen` is the hash of the index-ordered list of all broadcasts, one's own included. M is the protocol's echo message,
// with a member `Digest seen`. A difference names nobody: the sender of the echo may be honest and have been told
// something else.
template <wire::Message M>
Task<void> agree(Party self, Digest seen) {
  M mine;
  mine.seen = seen;
  self.send_all(mine);
  const PerPeer<M> theirs = co_await self.receive<M>();
  for (const PartyId j : self.peers()) self.require(theirs[j].seen == seen, Reason::echo_mismatch);
}

}  // namespace quorate

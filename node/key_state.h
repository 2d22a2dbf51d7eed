// Whether a key is archived: of all requests about that which its nodes have seen the newest decides, so that they
// agree whatever reaches them in whatever order. Of two of the same second the one that archives.
#pragma once
#include <optional>
#include <string>

#include "node/examine.h"
#include "node/messages.h"
#include "node/requests.h"

namespace quorate::node {

// meta("key_state/" + id), beside the state of the key's row.
struct KeyStateRecord {
  std::uint16_t version = 1;
  bool archived = false;
  std::uint64_t created = 0;  // unix seconds, as the client has signed them
  BoundedText<40> request;
  ClientRequest original;
  static auto fields(auto& m) { return std::tie(m.version, m.archived, m.created, m.request, m.original); }
  std::uint64_t stamp() const { return 2 * created + (archived ? 1 : 0); }  // the greatest decides
};

// nullopt: it was never archived. Throws storage::StorageCorrupt.
std::optional<KeyStateRecord> key_state(const std::string& key_id, const storage::Store& store);
std::uint64_t key_state_stamp(const std::string& key_id, const storage::Store& store);  // 0: as above

// Adds to the batch what this request makes of the key. False, and nothing is added, when a newer one has decided, or
// when it comes from the future. The request is allowed, and the key is known.
bool put_key_state(storage::Batch& batch, const Examined& x, const ClientRequest& original, const World& world);

// The message that makes others follow; the key's state was changed.
std::optional<KeyStateChange> key_state_change(const std::string& key_id, const World& world);

// Another node's change, which counts because of the client's signature. `taken` when it, or a newer one, is in force.
void take_key_state(const std::string& from, const KeyStateChange& change, Requests& requests, const World& world,
                    std::function<void()> taken, int retries = 2);

}  // namespace quorate::node

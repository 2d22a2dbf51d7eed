#include "node/key_state.h"

#include <nlohmann/json.hpp>

namespace quorate::node {
namespace {

std::string meta_of(const std::string& key_id) { return "key_state/" + key_id; }

KeyStateRecord decoded(const SecretBytes& bytes, const std::string& key_id) {
  try {
    auto record = decode_any_original<KeyStateRecord>(bytes);
    if (record.version != 1) throw Malformed("its version");
    return record;
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("the state of key " + key_id + ": " + e.what());
  }
}

KeyStateRecord record_of(const Examined& x, const ClientRequest& original) {
  KeyStateRecord record;
  record.archived = x.state()->archived;
  record.created = static_cast<std::uint64_t>(x.who.created);
  record.request = x.id;
  record.original = original;
  return record;
}

}  // namespace

std::optional<KeyStateRecord> key_state(const std::string& key_id, const storage::Store& store) {
  const auto bytes = store.meta(meta_of(key_id));
  return bytes ? std::optional(decoded(*bytes, key_id)) : std::nullopt;
}

std::uint64_t key_state_stamp(const std::string& key_id, const storage::Store& store) {
  const auto record = key_state(key_id, store);
  return record ? record->stamp() : 0;
}

bool put_key_state(storage::Batch& batch, const Examined& x, const ClientRequest& original, const World& world) {
  const std::string& id = x.intent.key;
  const auto row = world.store.key_by_id(id);
  if (!row || row->state == storage::KeyState::prepared) return false;
  if (from_unix_seconds(x.who.created) > world.clock.wall() + limits::kClockAhead) return false;
  // What was withdrawn here counts no more, and what counts can no longer be withdrawn.
  if (const auto asked = x.asks_people() ? world.store.request(x.id) : std::nullopt) {
    if (asked->state == storage::RequestState::rejected || asked->state == storage::RequestState::cancelled)
      return false;
    batch.update_request(*asked, {asked->state});
    Requests::add_released(batch, node::record_of(*asked));
  }
  const KeyStateRecord record = record_of(x, original);
  auto before = world.store.meta(meta_of(id));
  if (before) {
    const KeyStateRecord decided = decoded(*before, id);
    if (decided.stamp() > record.stamp()) return false;
    if (decided.stamp() == record.stamp()) return true;
  }
  batch.expect_meta(meta_of(id), std::move(before)).put_meta(meta_of(id), encode(record));
  const auto state = record.archived ? storage::KeyState::archived : storage::KeyState::active;
  if (row->state != state) batch.set_key_state(id, row->state, state);
  return true;
}

std::optional<KeyStateChange> key_state_change(const std::string& key_id, const World& world) {
  const auto record = key_state(key_id, world.store);
  if (!record) return std::nullopt;
  KeyStateChange change;
  change.request = record->request;
  change.original = record->original;
  return change;
}

void take_key_state(const std::string& from, const KeyStateChange& change, Requests& requests, const World& world,
                    std::function<void()> taken, int retries) {
  const auto examined = examine(change.original, world);
  const auto* x = seen_in(examined);
  if (x == nullptr || x->state() == nullptr || x->id != change.request.text || !x->allowed())
    return world.log(LogLevel::warn, from + " told a change of a key's state that does not count here");
  const std::uint64_t decided = key_state_stamp(x->intent.key, world.store);
  if (decided >= KeyStateRecord(record_of(*x, change.original)).stamp()) return taken();
  storage::Batch batch;
  if (!put_key_state(batch, *x, change.original, world)) return;
  storage::AuditEntry entry;
  entry.time = unix_seconds(world.clock.wall());
  entry.kind = std::string(policy::name_of(x->kind)) + "d";  // archived, unarchived
  entry.request = x->id;
  entry.text = Json{{"key", x->intent.key_name}, {"user", x->who.user}, {"from", from}}.dump();
  batch.append_audit(std::move(entry));
  requests.commit(std::move(batch), [from, change, &requests, &world, taken = std::move(taken),
                                     retries](const storage::CommitResult& result) {
    if (result.ok()) return taken();
    if (result.status == storage::CommitStatus::conflict && retries > 0)
      return take_key_state(from, change, requests, world, taken, retries - 1);
    world.log(LogLevel::error, "the state of a key could not be stored: " + result.text);
  });
}

}  // namespace quorate::node

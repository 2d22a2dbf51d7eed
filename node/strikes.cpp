#include "node/strikes.h"

#include <algorithm>
#include <map>

namespace quorate::node {
namespace {

constexpr std::string_view kPrefix = "signing/";
constexpr std::size_t kPage = 1000;

struct Note {
  std::uint16_t version = 1;
  BoundedText<64> key_id;
  std::uint64_t number = 0;
  Digest certificate{};
  Bounded<BoundedText<limits::kMaxName>, limits::kMaxParties> peers;
  static auto fields(auto& m) { return std::tie(m.version, m.key_id, m.number, m.certificate, m.peers); }
};

std::string name_of(const SessionId& sid) { return std::string(kPrefix) + to_hex(sid); }

template <class F>
void for_each_note(const storage::Store& store, F&& f) {
  std::string after;
  for (;;) {
    const auto rows = store.metas(std::string(kPrefix), after, kPage);
    for (const storage::MetaRow& row : rows) f(row);
    if (rows.size() < kPage) return;
    after = rows.back().name;
  }
}

}  // namespace

void note_signing(storage::Batch& batch, const SessionId& sid, const GatedKey& key, std::uint64_t number,
                  const std::vector<std::string>& peers) {
  Note note;
  note.key_id = key.key;
  note.number = number;
  note.certificate = key.certificate;
  note.peers.assign(peers.begin(), peers.end());
  batch.put_meta(name_of(sid), encode(note));
}

void erase_note(storage::Batch& batch, const SessionId& sid) { batch.erase_meta(name_of(sid)); }

void erase_notes(storage::Batch& batch, const storage::Store& store) {
  for_each_note(store, [&](const storage::MetaRow& row) { batch.erase_meta(row.name); });
}

std::vector<Struck> count_strikes(storage::Batch& batch, const World& world) {
  std::map<std::pair<GatedKey, std::string>, std::uint64_t> pairs;  // -> number
  for_each_note(world.store, [&](const storage::MetaRow& row) {
    batch.erase_meta(row.name);
    try {
      const Note note = decode<Note>(row.bytes);
      for (const auto& peer : note.peers) pairs[{{note.key_id, note.certificate}, peer}] = note.number;
    } catch (const Malformed& e) {
      world.log(LogLevel::error, row.name + ": " + e.what());
    }
  });
  std::vector<Struck> struck;
  for (const auto& [pair, number] : pairs) {
    const auto key = world.store.key_by_id(pair.first.key);
    if (!key || key->number > number) continue;  // superseded, and its secrets with it
    batch.add_strike(pair.first.key, number, pair.first.certificate, pair.second);
    struck.push_back({pair.first, number, pair.second,
                      world.store.strikes(pair.first.key, pair.first.certificate, pair.second) + 1});
  }
  return struck;
}

}  // namespace quorate::node

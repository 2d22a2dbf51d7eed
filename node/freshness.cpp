#include "node/freshness.h"

#include <nlohmann/json.hpp>

namespace quorate::node {
namespace {

constexpr auto kTellEvery = Seconds(5);
constexpr const char* kOwn = "progress/own";
std::string seen_meta(const std::string& node) { return "progress/of/" + node; }

// All that this node may have forgotten is over then, here and by the clock of whoever else took part.
constexpr auto kRest = limits::kRequestLife + limits::kClockBehind + limits::kClockAhead + Seconds(10);

template <class T>
std::optional<T> stored(const storage::Store& store, const std::string& name) {
  const auto bytes = store.meta(name);
  if (!bytes) return std::nullopt;
  try {
    return decode<T>(*bytes);
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt(name + ": " + e.what());
  }
}

}  // namespace

std::map<std::string, Progress> kept_progress(const World& world) {
  std::map<std::string, Progress> kept;
  for (const policy::NodeCard& card : world.cluster->nodes())
    if (const auto seen = stored<Progress>(world.store, seen_meta(card.id))) kept[card.id] = *seen;
  return kept;
}

Freshness::Freshness(const World& world, Requests& requests, const PeerView& peers)
    : world_(world), requests_(requests), peers_(peers) {}

void Freshness::load() {
  if (const auto own = stored<Own>(world_.store, kOwn)) own_ = *own;
  seen_ = kept_ = kept_progress(world_);
  look_at_rest();
}

Progress Freshness::progress() const {
  const storage::AuditHead head = world_.store.audit_head();
  Progress p;
  p.life = own_.life;
  p.seq = head.seq;
  p.head = head.hash;
  return sign_progress(p, world_.store.identity(), world_.identity);
}

void Freshness::on_peer_up(const std::string& node) {
  MyProgress mine;
  mine.progress = progress();
  world_.mesh.send(node, envelope_of(mine));
  const auto seen = seen_.find(node);
  if (seen == seen_.end()) return;
  YourProgress yours;
  yours.progress = seen->second;
  world_.mesh.send(node, envelope_of(yours));
}

void Freshness::on_mine(const std::string& from, const Progress& theirs) {
  const policy::NodeCard* card = world_.cluster->find(from);
  if (card == nullptr || !verify_progress(theirs, {world_.cluster->id(), from}, card->identity_key)) return;
  const auto [it, first] = seen_.try_emplace(from, theirs);
  if (first || theirs.later_than(it->second)) {
    it->second = theirs;
    return;
  }
  if (!it->second.later_than(theirs)) return;
  world_.log(LogLevel::warn, from + " says less than it has said before: its database is an old copy");
  YourProgress yours;
  yours.progress = it->second;
  world_.mesh.send(from, envelope_of(yours));
}

bool Freshness::holds(const Progress& mine) const {
  if (mine.life != own_.life) return mine.life < own_.life;
  const storage::AuditHead head = world_.store.audit_head();
  if (mine.seq > head.seq) return false;
  if (mine.seq == 0) return true;
  const auto there = world_.store.audit(mine.seq - 1, 1);
  return there.empty() ? head.seq == mine.seq && head.hash == mine.head : there.front().hash == mine.head;
}

void Freshness::on_yours(const std::string& from, const Progress& mine) {
  if (!verify_progress(mine, world_.store.identity(), world_.me.identity_key) || holds(mine)) return;
  world_.log(LogLevel::error, "rolled back: " + from + " has this node's own word that its log had come to entry " +
                                  std::to_string(mine.seq) + ", which is not in it: this database is an old copy");
  own_.life = mine.life + 1;
  own_.noticed = static_cast<std::uint64_t>(unix_seconds(world_.clock.wall()));
  look_at_rest();
  storage::Batch batch;
  storage::AuditEntry entry;
  entry.time = static_cast<std::int64_t>(own_.noticed);
  entry.kind = "rolled_back";
  entry.text = Json{{"told_by", from}, {"seq", mine.seq}, {"hash", to_hex(mine.head)}}.dump();
  batch.put_meta(kOwn, encode(own_)).append_audit(std::move(entry));
  requests_.commit(std::move(batch), [this](const storage::CommitResult& result) {
    if (!result.ok()) world_.log(LogLevel::error, "that this database is an old copy could not be stored");
  });
}

void Freshness::look_at_rest() {
  const bool now = own_.noticed != 0 &&
                   unix_seconds(world_.clock.wall()) < static_cast<std::int64_t>(own_.noticed) + Seconds(kRest).count();
  if (resting_ && !now) world_.log(LogLevel::info, "what this node may have forgotten is over: it takes part again");
  resting_ = now;
}

void Freshness::tick() {
  const SteadyTime now = world_.clock.steady();
  if (now < next_tell_) return;
  next_tell_ = now + kTellEvery;
  look_at_rest();
  storage::Batch batch;
  for (const auto& [node, seen] : seen_)
    if (const auto kept = kept_.find(node); kept == kept_.end() || seen.later_than(kept->second)) {
      batch.put_meta(seen_meta(node), encode(seen));
      kept_[node] = seen;
    }
  if (!batch.empty())
    requests_.commit(std::move(batch), [this](const storage::CommitResult& result) {
      if (!result.ok()) kept_.clear();  // again with the next tick
    });
  MyProgress mine;
  mine.progress = progress();
  if (mine.progress.seq == told_) return;
  told_ = mine.progress.seq;
  for (const auto& [node, same] : peers_.all()) world_.mesh.send(node, envelope_of(mine));
}

}  // namespace quorate::node

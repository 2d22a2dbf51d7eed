// What nodes tell each other of their ledgers: at once of every reservation of their own, and, to who was away, what it
// has missed. A row counts because a client has signed what it is about, and the policy allows that.
#include <algorithm>

#include "node/windows.h"

namespace quorate::node {
namespace {

constexpr std::size_t kRowsOfPage = kMaxLedgerRows;
constexpr std::size_t kMostBytesOfPage = 96 * 1024;  // of one page, but for its last row

constexpr auto kListenMost = Seconds(60);
constexpr int kComesBack = 20;  // so many times as slowly as it was used

constexpr std::size_t kMostVersions = 16;  // of the policy that what was signed is looked at by

constexpr const char* kLearnAnew = "ledger/learn_anew";

std::string heard_meta(const std::string& node) { return "ledger/heard/" + node; }

struct Heard {
  std::uint64_t seq = 0;
  static auto fields(auto& m) { return std::tie(m.seq); }
};

std::uint64_t heard_of(const std::string& node, const World& world) {
  const auto bytes = world.store.meta(heard_meta(node));
  if (!bytes) return 0;
  try {
    return decode<Heard>(*bytes).seq;
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt(heard_meta(node) + ": " + e.what());
  }
}

// It was signed, as far as a policy says, under the version in force here or one that was while it could be: what a
// client asked for today may have happened before this version was there. nullptr: under none of them.
SharedExamined judged(const ClientRequest& original, const World& world) {
  // Cancelled or not: what people have withdrawn may have been signed before.
  const auto allowed = [](const Examination& examined) -> SharedExamined {
    const auto* x = std::get_if<SharedExamined>(&examined);
    const bool is = x != nullptr && ((*x)->decision.allowed() || ((*x)->asks_people() && (*x)->consent.given()));
    return is ? *x : nullptr;
  };
  const auto now = examine(original, world);
  if (auto x = allowed(now)) return x;
  const auto* denied = seen_in(now);
  const std::int64_t since = unix_seconds(world.clock.wall()) - limits::kMaxWindowHours * 3600;
  for (const PolicyInForce::Version& version : world.policy.earlier(since, kMostVersions)) {
    if (denied != nullptr && denied->who.created > version.until) continue;
    const auto examined = examine(original, world, *version.policy);
    if (auto x = allowed(examined); x != nullptr && x->who.created <= version.until) return x;
  }
  return nullptr;
}

}  // namespace

void Windows::tell_all(const LedgerNews& news) {
  const Envelope envelope = envelope_of(news);
  for (auto& [node, peer] : peers_)
    if (!world_.mesh.send(node, envelope)) peer.missed = true;  // it asks when it is told so, or comes again
}

void Windows::ask(const std::string& node, std::uint64_t after) {
  LedgerQuery query;
  query.after = after;
  world_.mesh.send(node, envelope_of(query));
}

void learn_ledgers_anew(storage::Batch& batch) {
  const std::uint8_t yes = 1;
  batch.put_meta(kLearnAnew, secret_bytes(ByteView(&yes, 1)));
}

void Windows::learn_anew() {
  if (learning_anew_ || !world_.store.meta(kLearnAnew)) return;
  learning_anew_ = true;
  storage::Batch batch;
  batch.erase_meta(kLearnAnew);
  for (const policy::NodeCard& card : world_.cluster->nodes()) batch.erase_meta(heard_meta(card.id));
  requests_.commit(std::move(batch), [this](const storage::CommitResult& result) {
    learning_anew_ = false;
    if (!result.ok()) return;
    for (auto& [node, peer] : peers_) listen_to(node, peer);
  });
}

// While a peer tells what was missed nothing is signed here, so its time is limited: whoever takes long to say that it
// has nothing to tell, again and again, is not waited for. What it has used comes back slowly.
void Windows::listen_to(const std::string& node, Peer& peer) {
  heard_out(node, peer);
  const SteadyTime now = world_.clock.steady();
  const SteadyTime tired = std::max(now, tired_of_[node]);
  peer.told_all = false;
  peer.unread = false;
  peer.since = peer.last_heard = now;
  peer.until = now + std::max<Millis>(Millis(0), kListenMost - (tired - now) / kComesBack);
  peer.after = heard_of(node, world_);
  ask(node, peer.after);
}

void Windows::heard_out(const std::string& node, const Peer& peer) {
  if (peer.told_all) return;
  const SteadyTime now = world_.clock.steady();
  const SteadyTime end = std::min({now, peer.until, peer.last_heard + kListen});
  SteadyTime& tired = tired_of_[node];
  if (end > peer.since) tired = std::max(now, tired) + kComesBack * (end - peer.since);
}

void Windows::on_peer_up(const std::string& node) {
  on_peer_down(node);
  slow_.erase(node);
  listen_to(node, peers_[node]);
}

void Windows::on_lost(const std::string& node) {
  if (const auto peer = peers_.find(node); peer != peers_.end()) listen_to(node, peer->second);
}

void Windows::hear_again() {
  for (auto& [node, peer] : peers_)
    if (peer.unread) listen_to(node, peer);
}

void Windows::on_peer_down(const std::string& node) {
  if (const auto peer = peers_.find(node); peer != peers_.end()) heard_out(node, peer->second);
  peers_.erase(node);
  noted_by(node, [](const Waiting&) { return true; });
}

void Windows::on_query(const std::string& from, const LedgerQuery& query) {
  // Greater than all that there is: this node's database was another one then.
  std::uint64_t after = query.after > world_.store.ledger_seq() ? 0 : query.after;
  const auto entries = world_.store.ledger_after(after, kRowsOfPage);
  LedgerNews news;
  std::size_t bytes = 0;
  bool all = entries.size() < kRowsOfPage;
  for (const storage::LedgerEntry& entry : entries) {
    if (bytes > kMostBytesOfPage) {
      all = false;
      break;
    }
    after = entry.seq;
    LedgerRow row;
    row.request = entry.request;
    if (entry.own != storage::LedgerOwn::none) {
      const auto record = requests_.load(entry.request);
      if (!record) continue;  // no window sees it any more
      row.counts = true;
      row.time = static_cast<std::uint64_t>(entry.minute) * 60;
      row.original.push_back(record->original);
    }
    bytes += encode(row).size();
    news.rows.push_back(std::move(row));
  }
  news.seq = after;
  news.after = query.after;
  news.page = true;
  news.last = all;
  world_.mesh.send(from, envelope_of(news));
}

// Adds what it says. False: it says nothing that counts here.
bool Windows::hear(storage::Batch& batch, const std::string& from, const LedgerRow& row) {
  if (!row.counts) {
    batch.unhear(row.request, from);
    return true;
  }
  if (row.original.empty()) return false;
  // Whoever found a window exceeded afterwards does not undo what was signed before.
  ClientRequest original = row.original.front();
  original.exceeded.clear();
  const auto x = judged(original, world_);
  if (!x || x->id != row.request.text || x->charges.empty()) return false;
  const std::int64_t now = unix_seconds(world_.clock.wall());
  const std::int64_t ends = std::min(now, unix_seconds(x->intent.expires_at)), begins = std::min(x->who.created, ends);
  storage::LedgerHeard heard;
  heard.request = x->id;
  heard.node = from;
  heard.time = std::clamp(static_cast<std::int64_t>(std::min<std::uint64_t>(row.time, INT64_MAX)), begins, ends);
  heard.parts = parts_of(*x);
  // Also if it is there already: that it is taken out may be on its way to the disk.
  batch.hear(std::move(heard));
  const auto known = requests_.load(x->id);
  const auto entry = known && known->open() ? std::nullopt : world_.store.ledger_entry(x->id);
  if (!entry || !entry->certain) note(x->id, *x, false);
  return true;
}

void Windows::on_news(const std::string& from, const LedgerNews& news) {
  if (world_.cluster->find(from) == nullptr) return;
  storage::Batch batch;
  LedgerNoted noted;
  const auto peer = peers_.find(from);
  if (news.page && (peer == peers_.end() || news.after != peer->second.after)) return;
  for (const LedgerRow& row : news.rows) {
    if (!hear(batch, from, row) && row.counts) {
      world_.log(LogLevel::debug, from + " tells of " + row.request.text + ", which does not count here");
      // It may be about a policy or a key that is on its way here.
      if (peer != peers_.end()) peer->second.unread = true;
    }
    if (row.counts && !news.page) noted.rows.push_back({row.request, row.telling});
  }
  if (news.page && !peer->second.unread) batch.put_meta(heard_meta(from), encode(Heard{news.seq}));
  const auto next = [this, from, noted, page = news.page, last = news.last, after = news.after, seq = news.seq,
                     nothing = news.rows.empty()] {
    if (!noted.rows.empty()) world_.mesh.send(from, envelope_of(noted));
    const auto told = peers_.find(from);
    if (!page || told == peers_.end() || told->second.after != after || (nothing && !last)) return;
    told->second.last_heard = world_.clock.steady();
    told->second.after = seq;
    if (!last) return ask(from, seq);
    heard_out(from, told->second);
    told->second.told_all = true;
  };
  if (batch.empty()) return next();
  requests_.commit(std::move(batch), [this, from, next](const storage::CommitResult& result) {
    if (result.ok()) return next();
    world_.log(LogLevel::warn, "what " + from + " tells of its ledger could not be stored: " + result.text);
  });
}

void Windows::on_noted(const std::string& from, const LedgerNoted& noted) {
  // Of this attempt: an answer to an earlier one says nothing of what its sender had reserved before this one.
  for (const NotedRow& row : noted.rows)
    noted_by(from, [&](const Waiting& w) { return w.telling == row.telling && w.x->id == row.request.text; });
}

void Windows::on_mark(const std::string& from, const LedgerMark& mark) {
  const auto peer = peers_.find(from);
  if (peer == peers_.end()) return;
  if (mark.missed) return listen_to(from, peer->second);
  if (!peer->second.told_all || peer->second.unread || mark.seq == heard_of(from, world_)) return;
  storage::Batch batch;
  batch.put_meta(heard_meta(from), encode(Heard{mark.seq}));
  requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
}

}  // namespace quorate::node

#include "node/windows.h"

#include <algorithm>

#include "base/check.h"
#include "transactions/amount.h"

namespace quorate::node {
namespace {

constexpr auto kNoteTimeout = Millis(500);   // for a peer to have noted a reservation …
constexpr auto kSlowFor = Seconds(30);       // … and then it is not waited for
constexpr auto kLookAgain = Millis(200);     // after one that could not be written
constexpr auto kLookForEnded = Millis(250);  // for reservations that nothing came of
constexpr auto kPruneEvery = Seconds(10);
constexpr auto kMostUnsettled = Seconds(70);  // of others' reservations

std::int64_t now_of(const World& world) { return unix_seconds(world.clock.wall()); }

bool is_announced(const Examined& x) {
  return std::any_of(x.decision.limits.begin(), x.decision.limits.end(),
                     [](const policy::Limit& limit) { return !limit.own_only; });
}

// Whose knowledge a limit of this request is about: a sum of one key is the business of its members.
std::set<std::string> keepers_of(const Examined& x, const World& world) {
  std::set<std::string> nodes;
  const bool of_key = std::all_of(x.decision.limits.begin(), x.decision.limits.end(),
                                  [](const policy::Limit& limit) { return limit.own_only || limit.of_key; });
  if (of_key)
    for (const Member& m : x.committee().members()) nodes.insert(m.node);
  else
    for (const policy::NodeCard& card : world.cluster->nodes()) nodes.insert(card.id);
  nodes.erase(world.me.id);
  return nodes;
}

}  // namespace

std::vector<storage::LedgerPart> parts_of(const Examined& x) {
  std::vector<storage::LedgerPart> parts;
  for (const policy::Charge& charge : x.charges)
    parts.push_back({charge.sum, transactions::to_big_endian(charge.amount)});
  return parts;
}

void reserve(storage::Batch& batch, const Examined& x, const World& world) {
  storage::LedgerReserve reservation;
  reservation.request = x.id;
  reservation.time = now_of(world);
  reservation.parts = parts_of(x);
  for (const policy::Limit& limit : x.decision.limits) {
    storage::LedgerLimit& l = reservation.limits.emplace_back();
    l.sum = limit.sum;
    l.rule = limit.rule;
    l.hours = limit.hours;
    l.own_only = limit.own_only;
    if (limit.max) l.most_amount = transactions::to_big_endian(*limit.max);
    l.most_count = limit.count;
  }
  batch.reserve(std::move(reservation));
}

void spend(storage::Batch& batch, const Examined& x, const World& world) {
  if (!x.charges.empty()) batch.spend(x.id, now_of(world));
}

void settle(storage::Batch& batch, const Examined& x, const World& world) {
  if (!x.charges.empty()) batch.settle({x.id, now_of(world), parts_of(x)});
}

policy::Ledger::Sum StoredLedger::sum(const std::string& name, std::int64_t hours) const {
  const storage::LedgerSum stored = world_.store.ledger_sum(name, hours, now_of(world_));
  const auto wide = [](const auto& bytes) {
    policy::WideSum sum;
    boost::multiprecision::import_bits(sum, bytes.begin(), bytes.end());
    return sum;
  };
  return {wide(stored.total), wide(stored.own), stored.count, stored.own_count};
}

Windows::Windows(const World& world, Requests& requests, const PeerView& peers,
                 std::function<bool(const std::string&)> worked)
    : world_(world), requests_(requests), told_(peers), worked_(std::move(worked)) {}

void Windows::note(const std::string& request, const Examined& x, bool mine) {
  // Never one of its own, which would keep its room until a restart: of those there are no more than open requests.
  if (!mine && !unsettled_.contains(request) && unsettled_.size() >= 2 * limits::kMaxOpenRequests) return;
  Unsettled& entry = unsettled_[request];
  entry.mine = entry.mine || mine;
  entry.until = world_.clock.steady() + kMostUnsettled;
  for (const policy::Charge& charge : x.charges) entry.sums.insert(charge.sum);
}

void Windows::reserved(const SharedExamined& x, const ClientRequest& original, Then then) {
  LedgerRow row;
  row.request = x->id;
  row.counts = true;
  row.time = static_cast<std::uint64_t>(now_of(world_));
  row.telling = world_.rng.below(UINT64_MAX);
  row.original.push_back(original);
  Waiting waiting{x, row.telling, {}, world_.clock.steady() + kNoteTimeout, std::move(then)};
  LedgerNews news;
  news.rows.push_back(std::move(row));
  tell_all(news);
  if (!is_announced(*x)) return waiting.then(std::nullopt);
  for (const std::string& node : keepers_of(*x, world_)) {
    const auto slow = slow_.find(node);
    if (told_.can_sign(node) && (slow == slow_.end() || slow->second <= world_.clock.steady()))
      waiting.nodes.insert(node);
  }
  if (waiting.nodes.empty()) return look_again(std::move(waiting));
  waiting_.push_back(std::move(waiting));
}

void Windows::noted_by(const std::string& node, const std::function<bool(const Waiting&)>& what) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto here = it++;
    if (!what(*here) || here->nodes.erase(node) == 0 || !here->nodes.empty()) continue;
    Waiting done = std::move(*here);
    waiting_.erase(here);
    look_again(std::move(done));
    it = waiting_.begin();  // whoever was told may have changed the list
  }
}

// Whoever has noted this reservation has told of its own that came before: now they are all in the ledger, or on their
// way there before this look. Of two that leave no room for each other both see that, so at least one lets go.
void Windows::look_again(Waiting waiting) {
  if (!worked_(waiting.x->id)) return waiting.then(std::nullopt);  // it has ended meanwhile
  note(waiting.x->id, *waiting.x, true);
  storage::Batch batch;
  reserve(batch, *waiting.x, world_);
  requests_.commit(std::move(batch), [this, waiting = std::move(waiting)](const storage::CommitResult& result) {
    looked(waiting, result);
  });
}

void Windows::looked(const Waiting& waiting, const storage::CommitResult& result) {
  if (result.ok()) return waiting.then(std::nullopt);
  if (result.conflict == storage::Conflict::limit) return waiting.then(result.text);
  // The disk is full, or its queue is: that says nothing of the room.
  Waiting& again = waiting_.emplace_back(waiting);
  again.nodes.clear();
  again.deadline = world_.clock.steady() + kLookAgain;
}

bool Windows::may_free(const Examined& x) const {
  return std::any_of(unsettled_.begin(), unsettled_.end(), [&](const auto& u) {
    if (u.first == x.id) return false;
    const bool shared = std::any_of(x.decision.limits.begin(), x.decision.limits.end(),
                                    [&](const policy::Limit& limit) { return u.second.sums.contains(limit.sum); });
    if (!shared) return false;
    const auto entry = world_.store.ledger_entry(u.first);
    return entry && entry->counted() && !entry->certain && entry->own != storage::LedgerOwn::spent;
  });
}

bool Windows::listening() {
  learn_anew();
  if (learning_anew_) return true;
  const SteadyTime now = world_.clock.steady();
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& peer) {
    return !peer.second.told_all && now < peer.second.last_heard + kListen && now < peer.second.until &&
           told_.can_sign(peer.first);
  });
}

void Windows::recover() {
  for (const storage::LedgerEntry& entry : world_.store.ledger_open(2 * limits::kMaxOpenRequests)) {
    Unsettled& mine = unsettled_[entry.request];
    mine.mine = true;
    for (const storage::LedgerPart& part : entry.parts) mine.sums.insert(part.sum);
  }
  mark_ = marked_ = world_.store.ledger_seq();
}

void Windows::ended(const std::string& request) {
  const auto it = unsettled_.find(request);
  if (it != unsettled_.end() && it->second.mine && !worked_(request)) release(request);
}

// Nothing came of it here: this node has not sent its last-round message, and after this write it cannot.
void Windows::release(const std::string& request) {
  storage::Batch batch;
  batch.unreserve(request);
  requests_.commit(std::move(batch), [this, request](const storage::CommitResult& result) {
    if (result.ok()) released(request);
  });
}

void Windows::released(const std::string& request) {
  const auto it = unsettled_.find(request);
  if (it == unsettled_.end()) return;
  const auto entry = world_.store.ledger_entry(request);
  // Taken up again meanwhile, durable or not yet.
  if (worked_(request) || (entry && entry->own == storage::LedgerOwn::reserved)) return;
  const bool own_over = entry && entry->own == storage::LedgerOwn::none;
  it->second.mine = false;
  if (!entry || !entry->counted() || entry->certain || !own_over) unsettled_.erase(it);
  if (!own_over) return;
  LedgerRow row;
  row.request = request;
  LedgerNews news;
  news.rows.push_back(std::move(row));
  tell_all(news);
}

void Windows::tick() {
  const SteadyTime now = world_.clock.steady();
  std::vector<Waiting> late;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto here = it++;
    if (now < here->deadline) continue;
    late.push_back(std::move(*here));
    waiting_.erase(here);
  }
  for (Waiting& w : late) {
    for (const std::string& node : w.nodes) {
      slow_[node] = now + kSlowFor;
      world_.log(LogLevel::warn, node + " has not said that it has noted " + w.x->id + "; it is not waited for");
    }
    look_again(std::move(w));
  }
  if (now < next_look_) return;
  next_look_ = now + kLookForEnded;
  std::vector<std::string> over;
  for (auto it = unsettled_.begin(); it != unsettled_.end();) {
    const bool dropped = !it->second.mine && it->second.until <= now;
    if (it->second.mine && !worked_(it->first)) over.push_back(it->first);
    it = dropped ? unsettled_.erase(it) : std::next(it);
  }
  for (const std::string& request : over) release(request);
  if (now < next_sweep_) return;
  next_sweep_ = now + kPruneEvery;
  storage::Batch batch;
  batch.prune_ledger(now_of(world_));
  requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
  // What was in the ledger at the last look has been told since.
  const bool news = mark_ != marked_;
  LedgerMark message;
  message.seq = marked_ = mark_;
  for (auto& [node, peer] : peers_) {
    message.missed = peer.missed;
    if ((news || peer.missed) && world_.mesh.send(node, envelope_of(message))) peer.missed = false;
  }
  mark_ = world_.store.ledger_seq();
}

}  // namespace quorate::node

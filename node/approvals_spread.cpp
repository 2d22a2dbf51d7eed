// Who knows of a request that waits for people, or of its end, and which node goes on with it.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/outcome.h"
#include "node/participant.h"

namespace quorate::node {
namespace {

using storage::RequestState;

constexpr auto kLookEvery = Millis(500);
constexpr auto kSpreadEvery = Seconds(10);  // of one request, to who lacks it
constexpr std::size_t kMostSent = 32;       // messages in one look
constexpr auto kUnreadEvery = Seconds(60);
constexpr auto kTurn = Seconds(2);  // between nodes that may go on with a request whose coordinator does not
constexpr auto kFirstPause = Millis(5'000), kMostPause = Millis(300'000);  // between one node's tries
constexpr std::size_t kPage = 200;

// Whose knowledge of a request counts: those that sign it, or deal it.
const Committee& keepers_of(const Examined& x) {
  return x.reshare() != nullptr ? x.reshare()->body().committee : x.committee();
}

bool is_withdrawn(RequestState state) { return state == RequestState::rejected || state == RequestState::cancelled; }

bool waits_or_goes_on(const RequestRecord& record) {
  return record.open() && record.decision.text == policy::name_of(policy::Effect::approve);
}

}  // namespace

std::vector<std::string> audience_of(const Examined& x, const World& world) {
  std::vector<std::string> nodes;
  for (const policy::NodeCard& card : world.cluster->nodes())
    if (card.id != world.me.id && (x.changes_key() || x.committee().find(card.id) != nullptr)) nodes.push_back(card.id);
  return nodes;
}

Approvals::Known& Approvals::know(const Examined& x, const RequestRecord& record) {
  Known& known = known_[record.id];
  const Digest digest = digest_of(record);
  if (known.digest != digest || is_withdrawn(known.state) != is_withdrawn(record.request_state())) {
    known.holders.clear();
    known.answered.clear();
  }
  known.digest = digest;
  known.user = record.requested_by;
  known.state = record.request_state();
  known.expires = static_cast<std::int64_t>(record.expires);
  known.audience.clear();
  for (const std::string& node : audience_of(x, world_)) known.audience.insert(node);
  // Whom the client has asked may have no part in the key.
  if (record.coordinator.text != world_.me.id && world_.cluster->find(record.coordinator.text) != nullptr)
    known.audience.insert(record.coordinator);
  std::erase_if(known.holders, [&](const std::string& node) { return !known.audience.contains(node); });
  known.members.clear();
  const Committee& keepers = keepers_of(x);
  for (const Member& m : keepers.members()) known.members.insert(m.node);
  // What is withdrawn must not be left to t nodes that have not heard of it.
  known.needed = is_withdrawn(known.state) ? keepers.size() - keepers.threshold() + 1
                                           : static_cast<std::size_t>(keepers.threshold());
  if ((x.change() != nullptr || x.freeze() != nullptr) && record.open()) hooks_.change(record);
  const bool ready = record.open() && record.request_state() != RequestState::pending_approval;
  if (!ready)
    known.ready.reset();
  else if (!known.ready)
    known.ready = world_.clock.steady();
  return known;
}

void Approvals::follow(const Examined& x, const RequestRecord& record) {
  if (x.asks_people()) know(x, record);
}

void Approvals::on_final(const RequestRecord& record) {
  const auto it = known_.find(record.id);
  if (it == known_.end() || is_withdrawn(record.request_state())) return;
  const std::vector<Waiting> waiting = std::move(it->second.waiting);
  known_.erase(it);
  for (const Waiting& w : waiting) w.told(record);
}

bool Approvals::is_room_for(const std::string& user, RequestState state) const {
  std::size_t waiting = 0, own = 0, withdrawn = 0;
  for (const auto& [id, known] : known_) {
    const bool pending = known.state == RequestState::pending_approval, his = known.user == user;
    waiting += pending;
    own += pending && his;
    withdrawn += his && is_withdrawn(known.state);
  }
  if (known_.size() >= kMaxTold) return false;
  return is_withdrawn(state) || (waiting < kMaxWaiting && own < kMaxWaitingPerUser && withdrawn < kMaxWithdrawnPerUser);
}

std::size_t Approvals::spread(const std::string& id, Known& known) {
  known.next_spread = world_.clock.steady() + kSpreadEvery;
  std::vector<std::string> lacking;
  for (const std::string& node : known.audience)
    if (!known.holders.contains(node) && peers_.is_up(node)) lacking.push_back(node);
  if (lacking.empty()) return 0;
  const auto record = requests_.load(id);
  if (!record) return 0;
  Replicate message;
  message.original = record->original;
  const Envelope envelope = envelope_of(message);
  for (const std::string& node : lacking) world_.mesh.send(node, envelope);
  return lacking.size();
}

void Approvals::held(const std::string& to, const RequestRecord& record) {
  Held message;
  message.request = record.id;
  message.digest = digest_of(record);
  world_.mesh.send(to, envelope_of(message));
}

void Approvals::on_held(const std::string& from, const Held& held) {
  const auto it = known_.find(held.request);
  if (it == known_.end() || it->second.digest != held.digest || !it->second.audience.contains(from)) return;
  it->second.holders.insert(from);
  settle(held.request);
}

// Enough nodes hold it: whoever waits for that is told.
void Approvals::settle(const std::string& id) {
  const auto it = known_.find(id);
  if (it == known_.end() || it->second.waiting.empty()) return;
  const Known& known = it->second;
  std::size_t have = known.members.contains(world_.me.id) ? 1 : 0;
  for (const std::string& node : known.holders) have += known.members.contains(node);
  if (have < known.needed) return;
  const auto record = requests_.load(id);
  if (!record) return;
  for (const Waiting& waiting : std::exchange(it->second.waiting, {})) waiting.told(*record);
}

// Too few have answered so far. It is kept, and told when they can hear it.
void Approvals::give_up(const std::string& id) {
  const auto it = known_.find(id);
  if (it == known_.end()) return;
  Known& known = it->second;
  std::vector<Waiting> late;
  for (auto w = known.waiting.begin(); w != known.waiting.end();) {
    if (w->deadline > world_.clock.steady()) {
      ++w;
      continue;
    }
    late.push_back(std::move(*w));
    w = known.waiting.erase(w);
  }
  std::string silent;
  for (const std::string& node : known.members)
    if (node != world_.me.id && !known.holders.contains(node)) silent += (silent.empty() ? "" : ", ") + node;
  const Refusal refused{504, "no_quorum",
                        "it is kept on this node, and goes to the others when they can be reached: " + silent,
                        std::nullopt};
  for (const Waiting& w : late) w.told(refused);
}

// Everybody has approved. The node that took the request goes first; then, as long as nobody's attempt runs, one after
// the other.
void Approvals::go_on(const std::string& id) {
  const auto it = known_.find(id);
  if (it == known_.end() || !it->second.ready || hooks_.worked(id)) return;
  Known& known = it->second;
  const SteadyTime now = world_.clock.steady();
  if (now < known.next_try) return;
  const auto record = requests_.load(id);
  if (!record || !waits_or_goes_on(*record) || record->request_state() == RequestState::pending_approval) return;
  const std::string& first = record->coordinator;
  Millis patience = Millis(0);
  if (first != world_.me.id && peers_.is_up(first)) patience += kHeadStart;
  if (first != world_.me.id)
    for (const std::string& node : known.audience)
      if (node < world_.me.id && node != first && peers_.is_up(node)) patience += kTurn;
  if (now < *known.ready + patience) return;
  known.pause = known.pause == Millis(0) ? kFirstPause : std::min(2 * known.pause, kMostPause);
  known.next_try = now + known.pause;
  hooks_.resume(*record);
}

void Approvals::on_peer_up(const std::string& node) {
  for (auto& [id, known] : known_) {
    if (!known.audience.contains(node)) continue;
    known.holders.erase(node);  // its database may be an old copy
    known.answered.erase(node);
    known.next_spread = SteadyTime{};
    if (known.ready) known.next_try = SteadyTime{};
  }
}

void Approvals::recover() {
  for (const storage::RequestRow& row : world_.store.open_requests()) recover(row);
  // Of what was withdrawn others may hold all approvals, and not the end.
  for (const RequestState state : {RequestState::rejected, RequestState::cancelled}) {
    storage::RequestFilter filter;
    filter.state = state;
    std::optional<storage::Cursor> after;
    do {
      auto page = world_.store.requests(filter, kPage, after);
      for (const storage::RequestRow& row : page.items)
        if (row.expires > unix_seconds(world_.clock.wall()) && known_.size() < kMaxTold) recover(row);
      after = page.next;
    } while (after);
  }
}

void Approvals::recover(const storage::RequestRow& row) {
  try {
    const RequestRecord record = record_of(row);
    if (!waits_or_goes_on(record) && !is_withdrawn(row.state)) return;
    const auto examined = examine(record.original, world_);
    const auto* x = seen_in(examined);
    if (x == nullptr) {
      if (record.open()) unread_.insert(row.id);
      return;
    }
    unread_.erase(row.id);
    if (x->change() != nullptr && record.open() && x->outdated())
      return hooks_.change(record);  // it has no use any more
    // A node's word for an unfreeze is about one intent, too.
    const bool gone = requests_.released(row.id) && x->freeze() == nullptr;
    if (!record.open() || x->intent_jcs == record.intent.text || gone) {
      know(*x, record);
      return;
    }
    // Another policy is in force than the one that people have been asked under.
    RequestRecord anew = new_record(*x, record.original, record.coordinator);
    anew.attempts = record.attempts;
    anew.set_state(x->waits_for_people() ? RequestState::pending_approval
                   : x->allowed()        ? RequestState::queued
                                         : RequestState::denied);
    if (anew.request_state() == RequestState::denied) {
      anew.code = "denied";
      anew.reason = cut("denied by rule " + x->decision.rule, 2048);
    }
    storage::Batch batch;
    batch.update_request(row_of(anew), {row.state});
    if (!anew.open() && x->create() != nullptr) batch.release_name(anew.key_name, anew.id);
    batch.append_audit(requests_.audit(std::string(storage::to_text(anew.request_state())), anew,
                                       Json{{"policy_version", anew.policy_version}}));
    requests_.commit(std::move(batch), anew, [this, anew, x = *x](const storage::CommitResult& result) {
      if (result.status == storage::CommitStatus::conflict)
        if (const auto changed = world_.store.request(anew.id)) return recover(*changed);
      if (!result.ok() || !anew.open()) return;
      if (x.asks_people())
        know(x, anew);
      else
        hooks_.resume(anew);  // it is allowed now: done, or over, at once
    });
  } catch (const storage::StorageCorrupt& e) {
    world_.log(LogLevel::error, e.what());
  }
}

void Approvals::tick() {
  const SteadyTime now = world_.clock.steady();
  if (now < next_look_) return;
  next_look_ = now + kLookEvery;
  const std::int64_t wall = unix_seconds(world_.clock.wall());
  std::vector<std::string> late, ready;
  for (auto it = known_.begin(); it != known_.end();) {
    const Known& known = it->second;
    if (std::any_of(known.waiting.begin(), known.waiting.end(), [&](const Waiting& w) { return w.deadline <= now; }))
      late.push_back(it->first);
    if (known.ready && known.next_try <= now) ready.push_back(it->first);
    it = known.waiting.empty() && known.expires <= wall ? known_.erase(it) : std::next(it);
  }
  for (const std::string& id : late) give_up(id);
  // Where the last look ended, so that all have their turn.
  std::size_t sent = 0;
  auto it = known_.upper_bound(cursor_);
  for (std::size_t seen = 0; seen < known_.size() && sent < kMostSent; ++seen, ++it) {
    if (it == known_.end()) it = known_.begin();
    cursor_ = it->first;
    if (it->second.next_spread <= now && it->second.holders.size() < it->second.audience.size())
      sent += spread(it->first, it->second);
  }
  for (const std::string& id : ready) {
    const auto record = requests_.load(id);
    if (!record || !waits_or_goes_on(*record)) {
      const bool withdrawn = record && is_withdrawn(record->request_state());
      if (const auto found = known_.find(id); found != known_.end()) {
        found->second.ready.reset();
        if (!withdrawn && found->second.waiting.empty()) known_.erase(found);
      }
      continue;
    }
    go_on(id);
  }
  if (unread_.empty() || now < next_unread_) return;
  next_unread_ = now + kUnreadEvery;
  for (const std::string& id : std::set(unread_)) {
    const auto row = world_.store.request(id);
    if (row && storage::is_open(row->state))
      recover(*row);
    else
      unread_.erase(id);
  }
}

}  // namespace quorate::node

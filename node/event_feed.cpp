#include "node/event_feed.h"

#include <algorithm>
#include <map>

#include "node/api_replies.h"
#include "node/sight.h"

namespace quorate::node {
namespace {

constexpr std::size_t kBatch = 100;     // entries of one read
constexpr std::size_t kGroups = 8;      // reads of one round
constexpr std::size_t kRounds = 4;      // of one turn on the pool
constexpr const char* kRetry = "2000";  // milliseconds, before a client comes again

std::string id_line(std::uint64_t seq) { return "id: " + std::to_string(seq) + "\n"; }

}  // namespace

http::Answered EventFeed::open(const http::Call& call) {
  const std::uint64_t head = world_.store.audit_head().seq;
  const auto after = parameter(call, "after");
  auto listener = std::make_shared<Listener>();
  listener->user = call.who.user;
  listener->at = listener->told = after ? std::stoull(*after) : head;
  if (listener->at > head)
    return problem_of({409, "after_the_end",
                       "the log of " + world_.me.id + " has come to entry " + std::to_string(head) +
                           ": an id counts on the node that has sent it",
                       std::nullopt});
  const auto key = caller_key(call.who.user, world_);
  if (!key) return problem_of({403, "denied", "the policy has no such user any more", std::nullopt});
  listener->key = *key;
  return http::Events{[this, listener](std::unique_ptr<http::Outflow> out) { begin(listener, std::move(out)); }};
}

void EventFeed::begin(const std::shared_ptr<Listener>& listener, std::unique_ptr<http::Outflow> out) {
  // The id alone is no event; whoever comes again before the first one has a place to go on from.
  out->add(": the events of " + world_.me.id + "\nretry: " + kRetry + "\n" + id_line(listener->at) + "\n");
  listener->heard = world_.clock.steady();
  listener->out = std::move(out);
  const std::lock_guard lock(mutex_);
  if (closed_) return listener->out->end();
  listeners_.push_back(listener);
  somebody_new_ = true;
}

void EventFeed::tick() {
  Listeners gone;  // let go of without the lock
  std::shared_ptr<Listener> any;
  {
    const std::lock_guard lock(mutex_);
    const auto open = std::stable_partition(listeners_.begin(), listeners_.end(),
                                            [](const auto& listener) { return !listener->out->over(); });
    gone.assign(open, listeners_.end());
    listeners_.erase(open, listeners_.end());
    if (listeners_.empty() || serving_) return;
    const std::uint64_t head = world_.store.audit_head().seq;
    auto policy = world_.policy.now();
    const auto* cluster = &*world_.cluster;
    if (!somebody_new_ && head == seen_ && policy == policy_ && cluster == cluster_ &&
        world_.clock.steady() < again_at_)
      return;
    seen_ = head;
    policy_ = std::move(policy);
    cluster_ = cluster;
    somebody_new_ = false;
    serving_ = true;
    any = listeners_.front();
  }
  if (any->out->go_on([this] { serve(); })) return;
  const std::lock_guard lock(mutex_);
  serving_ = false;
}

void EventFeed::serve() {
  Listeners listeners;
  {
    const std::lock_guard lock(mutex_);
    listeners = listeners_;
  }
  SteadyTime again = world_.clock.steady() + http::kFlowHeartbeat;
  try {
    end_strangers(listeners);
    bool more = true;
    for (std::size_t round = 0; more && round < kRounds; ++round) more = serve_some(listeners);
    heartbeats(listeners);
    const std::uint64_t head = world_.store.audit_head().seq;
    for (const auto& listener : listeners)
      again = std::min(again, listener->at < head ? SteadyTime{} : listener->heard + http::kFlowHeartbeat);
  } catch (const std::exception& e) {
    world_.log(LogLevel::error, std::string("events end, for the log could not be read: ") + e.what());
    for (const auto& listener : listeners) listener->out->end();
  }
  const std::lock_guard lock(mutex_);
  again_at_ = again;
  serving_ = false;
}

// Whose key is not theirs any more, or who is nobody.
void EventFeed::end_strangers(const Listeners& listeners) {
  for (const auto& listener : listeners)
    if (caller_key(listener->user, world_) != listener->key) listener->out->end();
}

// False: nobody can take more, or there is no more.
bool EventFeed::serve_some(const Listeners& listeners) {
  const std::uint64_t head = world_.store.audit_head().seq;
  std::map<std::uint64_t, Listeners> by_place;
  for (const auto& listener : listeners)
    if (listener->at < head && !listener->out->full() && !listener->out->over())
      by_place[listener->at].push_back(listener);
  std::vector<const Listeners*> groups;
  for (const auto& [at, group] : by_place) groups.push_back(&group);
  const auto last_turn = [](const Listeners* group) {
    std::uint64_t turn = UINT64_MAX;
    for (const auto& listener : *group) turn = std::min(turn, listener->turn);
    return turn;
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const Listeners* a, const Listeners* b) { return last_turn(a) < last_turn(b); });
  if (groups.size() > kGroups) groups.resize(kGroups);
  ++turns_;
  for (const Listeners* group : groups) serve_group(*group);
  return !groups.empty();
}

void EventFeed::serve_group(const Listeners& group) {
  const auto policy = world_.policy.now();
  std::vector<Listener*> listening;
  for (const auto& listener : group) {
    listener->turn = turns_;
    listening.push_back(listener.get());
  }
  for (const storage::AuditRecord& record : world_.store.audit(group.front()->at, kBatch)) {
    LoggedEvent event(record, world_.store);
    std::erase_if(listening, [](const Listener* listener) { return listener->out->full() || listener->out->over(); });
    if (listening.empty()) return;
    for (Listener* listener : listening) {
      listener->at = record.seq;
      const std::string* line = event.shown_to(listener->user, *policy);
      if (line == nullptr) continue;
      if (!listener->out->add(id_line(record.seq) + "event: " + record.entry.kind + "\ndata: " + *line + "\n\n"))
        continue;  // over: nobody else adds to it
      listener->told = record.seq;
      listener->heard = world_.clock.steady();
    }
  }
}

// A comment; or how far the log has come without anything for this user, so that they need not begin there again.
void EventFeed::heartbeats(const Listeners& listeners) {
  const SteadyTime now = world_.clock.steady();
  for (const auto& listener : listeners) {
    if (now < listener->heard + http::kFlowHeartbeat) continue;
    const bool further = listener->at > listener->told;
    if (!listener->out->add(further ? ":\n" + id_line(listener->at) + "\n" : ":\n\n")) continue;
    listener->told = listener->at;
    listener->heard = now;
  }
}

void EventFeed::close() {
  Listeners all;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    all = listeners_;
  }
  for (const auto& listener : all) listener->out->end();
}

std::size_t EventFeed::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(listeners_.begin(), listeners_.end(), [](const auto& listener) { return !listener->out->over(); }));
}

}  // namespace quorate::node

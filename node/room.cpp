// A window of the policy has no room for a request: other members may have some, or it comes free; else the request is
// decided anew as if the rule did not let it through (docs/windows.md).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/coordinator.h"
#include "node/outcome.h"

namespace quorate::node {
namespace {

using storage::RequestState;

constexpr auto kPatience = Seconds(2);  // for reservations that come to nothing
constexpr auto kPause = Millis(200);    // between two tries; as much again at random, and again

}  // namespace

void Coordinator::no_room(Job& job, const std::string& rule, const std::string& node) {
  job.exceeded.insert(rule);
  if (const Member* m = job.x->committee().find(node)) job.busy.insert(m->id);
  job.waiting.erase(node);
  job.lacks_room = true;
  go_without_room(job);
}

// Whoever has not answered may go on meanwhile, and have spent.
void Coordinator::go_without_room(Job& job) {
  const bool outstanding = std::any_of(job.signers.begin(), job.signers.end(), [&](PartyId id) {
    const std::string& node = job.x->committee().node_of(id);
    return node != world_.me.id && job.waiting.contains(node);
  });
  if (outstanding && all_may_have_spoken(job)) return;
  const SteadyTime now = world_.clock.steady();
  --job.attempts;
  give_up_attempt(job);
  if (!job.window_patience) job.window_patience = now + kPatience;
  if (choose(job, reachable(job))) return attempt(job);
  job.busy = PartySet();
  if (now < *job.window_patience && windows_.may_free(*job.x)) {
    postpone(job, kPause);
    return windows_.ended(job.x->id);  // others may use the room meanwhile
  }
  decide_without(job);
}

void Coordinator::decide_without(Job& job) {
  ClientRequest stricter = job.record.original;
  add_exceeded(stricter, job.exceeded);
  const auto examined = examine(stricter, world_);
  const auto* x = seen_in(examined);
  if (x == nullptr) {
    const Refusal& refused = std::get<Refusal>(examined);
    return fail(job, refused.code, refused.detail);
  }
  if (stricter == job.record.original)
    return fail(job, "window_exceeded", "more windows are exceeded than a request can tell of");
  if (x->waits_for_people()) {
    if (!job.stored) return postpone(job, kPause);  // others may be quicker to refuse than this disk is to write
    return hand_to_people(job, stricter);
  }
  if (!x->allowed()) {
    // Not for good: somebody's last message may have left, and be all that was missing to who says that it has no room.
    const auto row = requests_.load(job.x->id);
    const bool tried_by_others = row && row->coordinator.text != world_.me.id;
    if (job.may_be_released || job.any_released || tried_by_others || requests_.released(job.x->id))
      return fail(job, "window_exceeded",
                  "a node that takes part has no room in its window; " + reasons_of(x->decision));
    return deny(job, *x, stricter);
  }
  RequestRecord record = new_record(*x, stricter, world_.me.id);
  record.attempts = job.record.attempts;
  record.blame = job.record.blame;
  job.record = std::move(record);
  job.x = std::get<SharedExamined>(examined);
  job.exceeded.clear();
  job.window_patience.reset();
  attempt(job);
}

// Whoever waits for it here goes on to wait.
void Coordinator::hand_to_people(Job& job, const ClientRequest& original) {
  const std::string id = job.x->id;
  by_random_.erase(job.propose.random);
  jobs_.erase(id);
  ask_people_(original, [this, id](const Answer& held) {
    const auto* refused = std::get_if<Refusal>(&held);
    auto record = requests_.load(id);
    if (refused == nullptr || !record || !record->open() || record->request_state() == RequestState::pending_approval)
      return;
    record->set_state(RequestState::failed);
    record->code = refused->code;
    record->reason = cut(refused->detail, 2048);
    record->retryable = record->lives(world_.clock.wall());
    storage::Batch batch;
    batch.update_request(row_of(*record), {RequestState::queued, RequestState::running});
    batch.append_audit(requests_.audit("failed", *record, Json{{"code", refused->code}}));
    requests_.commit(std::move(batch), *record, [](const storage::CommitResult&) {});
  });
}

void Coordinator::deny(Job& job, const Examined& x, const ClientRequest& original) {
  job.phase = Phase::ending;
  job.failing = true;
  RequestRecord record = new_record(x, original, world_.me.id);
  record.attempts = job.record.attempts;
  record.blame = job.record.blame;
  record.set_state(RequestState::denied);
  record.code = "denied";
  record.reason = reasons_of(x.decision);
  storage::Batch batch;
  batch.update_request(row_of(record), {RequestState::queued, RequestState::running});
  batch.append_audit(requests_.audit("denied", record, Json{{"rule", record.rule.text}}));
  const std::string id = x.id;
  requests_.commit(std::move(batch), record, [this, id, record](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    if (!result.ok()) {
      if (finish_if_final(id)) return;
      world_.log(LogLevel::error, "the denial of " + id + " could not be stored: " + result.text);
    }
    if (const auto outcome = outcome_of(record, world_))
      for (const std::string& node : audience_of(*it->second.x, world_)) world_.mesh.send(node, envelope_of(*outcome));
    finish(id, record);
  });
}

}  // namespace quorate::node

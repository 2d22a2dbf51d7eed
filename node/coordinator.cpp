#include "node/coordinator.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/outcome.h"
#include "node/succession.h"

namespace quorate::node {
namespace {

using storage::RequestState;

constexpr int kRetries = 3;  // of a write that lost a race with another change of the request
constexpr auto kWatchEvery = Millis(500);

bool may_try_again(const RequestRecord& r) { return r.request_state() == RequestState::failed && r.retryable; }

Refusal conflict() {
  return {409, "idempotency_conflict", "this Idempotency-Key was used with another body", std::nullopt};
}

}  // namespace

Coordinator::Coordinator(const World& world, Requests& requests, SessionHost& host, Participant& participant,
                         const PeerView& peers, const Quarantines& quarantines, Windows& windows,
                         std::function<bool(const std::string&)> heal,
                         std::function<void(const ClientRequest&, std::function<void(const Answer&)>)> ask_people,
                         std::function<void(const Examined&, const ClientRequest&, std::uint64_t, Stored,
                                            std::function<void(const Answer&)>)>
                             freeze)
    : world_(world),
      requests_(requests),
      host_(host),
      participant_(participant),
      peers_(peers),
      quarantines_(quarantines),
      windows_(windows),
      heal_(std::move(heal)),
      ask_people_(std::move(ask_people)),
      freeze_(std::move(freeze)) {}

void Coordinator::submit(const ClientRequest& original, std::uint64_t ticket, Stored stored,
                         std::function<void(const Answer&)> answer) {
  auto examined = examine(original, world_);
  if (const auto* refused = std::get_if<Refusal>(&examined)) return answer(*refused);
  Job job;
  job.x = std::get<SharedExamined>(std::move(examined));
  const std::string id = job.x->id;

  if (const auto it = jobs_.find(id); it != jobs_.end()) {
    if (it->second.record.original.body != original.body) return answer(conflict());
    requests_.wait(id, ticket, answer);
    if (it->second.stored) return stored(id, false);
    it->second.when_stored.push_back(std::move(stored));
    return;
  }
  auto known = requests_.load(id);
  if (known) {
    if (known->original.body != original.body) return answer(conflict());
    if (!known->open() && !may_try_again(*known)) return answer(*known);
    // What people have approved is what its client signed first, and goes on by itself.
    if (known->open() && known->decision.text == policy::name_of(policy::Effect::approve))
      return wait_for_people(known->original, id, ticket, std::move(stored), std::move(answer));
    if (known->open() && known->coordinator.text != world_.me.id && peers_.is_up(known->coordinator) &&
        in_head_start(*known, world_.clock.wall())) {
      elsewhere_.insert(id);
      requests_.wait(id, ticket, answer);
      return stored(id, false);
    }
  }
  if (requests_.nonce_used_by_other(job.x->who.user, job.x->who.nonce, id))
    return answer(refusal_of(http::nonce_replayed()));
  if (adopt(*job.x, original, answer)) return;
  if (const FreezePlan* plan = job.x->freeze(); plan != nullptr && job.x->decision.effect != policy::Effect::deny) {
    if (plan->freezes) return freeze_(*job.x, original, ticket, std::move(stored), std::move(answer));
    if (const auto refused = cannot_lift(plan->scope, job.x->who.created, world_)) return answer(*refused);
  }
  if (const auto refused = hindrance(*job.x, world_)) return answer(*refused);
  if (jobs_.size() >= limits::kMaxOpenRequests)
    return answer(Refusal{503, "overloaded", "too many requests are open on this node", std::nullopt});
  if (const CreateKeyPlan* plan = job.x->create())
    if (world_.store.key_by_name(plan->body.name))
      return answer(Refusal{409, "name_taken", world_.me.id + " has a key of this name already", "/name"});

  if (job.x->waits_for_people()) return wait_for_people(original, id, ticket, std::move(stored), std::move(answer));
  job.record = new_record(*job.x, original, world_.me.id);
  if (!job.x->allowed()) {
    job.record.set_state(RequestState::denied);
    job.record.code = "denied";
    job.record.reason = reasons_of(job.x->decision);
  }
  job.patience = world_.clock.steady() + limits::kProposalTimeout;
  job.when_stored.push_back(std::move(stored));
  requests_.wait(id, ticket, answer);
  open(std::move(job), std::move(known), kRetries);
}

void Coordinator::wait_for_people(const ClientRequest& original, const std::string& id, std::uint64_t ticket,
                                  Stored stored, std::function<void(const Answer&)> answer) {
  requests_.wait(id, ticket, answer);
  ask_people_(original, [this, id, ticket, stored = std::move(stored), answer](const Answer& held) {
    const auto* record = std::get_if<RequestRecord>(&held);
    if (record != nullptr && record->open())
      return stored(id, record->request_state() == RequestState::pending_approval);
    if (requests_.forget(id, ticket)) answer(held);
  });
}

// The request has led to a certificate that this node has learned from others, who did not tell of the request.
bool Coordinator::adopt(const Examined& x, const ClientRequest& original,
                        const std::function<void(const Answer&)>& answer) {
  if (x.reshare() == nullptr || !x.allowed()) return false;
  const auto made = certificate_made_by(x.id, x.reshare()->key, world_);
  if (!made) return false;
  Outcome outcome;
  outcome.request = x.id;
  outcome.original = original;
  outcome.state = static_cast<std::uint8_t>(RequestState::succeeded);
  outcome.result = *made;
  take_outcome(world_.me.id, outcome, requests_, world_, [answer](const RequestRecord& record) { answer(record); });
  return true;
}

void Coordinator::resume(const RequestRecord& record) {
  if (jobs_.contains(record.id) || record.request_state() == RequestState::pending_approval) return;
  if (changes_documents(record)) return;  // Governance's
  for (const auto kind : {policy::Kind::freeze, policy::Kind::unfreeze})
    if (record.kind.text == policy::name_of(kind)) return;  // Freezes'
  auto examined = examine(record.original, world_);
  const auto* x = seen_in(examined);
  if (x != nullptr && adopt(*x, record.original, [](const Answer&) {})) return;
  const bool in_time = static_cast<std::int64_t>(record.expires) > unix_seconds(world_.clock.wall());
  const bool approved = record.decision.text == policy::name_of(policy::Effect::approve);
  const auto unfit = x == nullptr ? std::nullopt : hindrance(*x, world_);
  if (approved && (x == nullptr || !x->allowed() || !in_time || unfit)) return;  // later, or never
  if (x == nullptr || !x->allowed() || !in_time || unfit) {
    RequestRecord ended = record;
    ended.set_state(RequestState::failed);
    ended.code = "interrupted";
    ended.reason = unfit ? unfit->detail : "the node was restarted and the request's time is over";
    ended.released = requests_.released(record.id);
    ended.retryable = ended.lives(world_.clock.wall());
    storage::Batch batch;
    batch.update_request(row_of(ended), {record.request_state()});
    if (record.kind.text == policy::name_of(policy::Kind::create_key)) batch.release_name(record.key_name, record.id);
    batch.append_audit(requests_.audit("failed", ended, Json{{"code", "interrupted"}}));
    requests_.commit(std::move(batch), ended, [](const storage::CommitResult&) {});
    return;
  }
  Job job;
  job.x = std::get<SharedExamined>(examined);
  job.record = new_record(*x, record.original, world_.me.id);
  // Connections may have to be made first.
  job.patience = world_.clock.steady() + limits::kReconnectMost + limits::kProposalTimeout;
  open(std::move(job), record, kRetries);
}

void Coordinator::open(Job job, std::optional<RequestRecord> known, int retries) {
  const std::string id = job.x->id;
  const bool allowed = job.record.open();
  storage::Batch batch;
  batch.append_audit(
      requests_.audit(allowed ? "requested" : "denied", job.record, Json{{"rule", job.record.rule.text}}));
  if (!allowed) job.record.facts = "";  // they are in the log, and nobody signs them: denials shall cost little
  if (known) {
    job.record.attempts = known->attempts;
    job.record.blame = known->blame;
    job.any_released = requests_.released(id);
    job.record.released = job.any_released;
    job.may_be_released = job.x->sign() != nullptr;  // in an earlier life, or by another node
    // From the state that was looked at: what has ended it in the meantime is not undone.
    batch.update_request(row_of(job.record), {known->request_state()});
  } else {
    batch.insert_request(row_of(job.record));
  }
  requests_.add_nonce(batch, job.x->who.user, job.x->who.nonce, job.record);
  if (const CreateKeyPlan* plan = job.x->create(); plan != nullptr && allowed) batch.reserve_name(plan->body.name, id);
  // A signature's proposal travels while the request is being written here; a name is reserved here first.
  const bool overlap = allowed && job.x->sign() != nullptr;
  Job& placed = jobs_.insert_or_assign(id, std::move(job)).first->second;
  requests_.commit(std::move(batch), [this, id, overlap, retries](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    if (!result.ok()) return not_opened(id, result, retries);
    Job& mine = it->second;
    mine.stored = true;
    for (const Stored& told : std::exchange(mine.when_stored, {})) told(id, false);
    if (!mine.record.open()) {
      const RequestRecord record = mine.record;
      return finish(id, record);
    }
    if (overlap)
      joined(mine);
    else
      attempt(mine);
  });
  if (!allowed) return;
  Replicate replicate;
  replicate.original = placed.record.original;
  for (const std::string& node : audience_of(*placed.x, world_)) world_.mesh.send(node, envelope_of(replicate));
  if (overlap) attempt(placed);
}

// Another node's message has changed the request while it was on its way to the disk, or the disk or the name refuses.
void Coordinator::not_opened(const std::string& id, const storage::CommitResult& result, int retries) {
  Job& job = jobs_.at(id);
  give_up_attempt(job);
  const bool changed = result.conflict == storage::Conflict::exists ||
                       result.conflict == storage::Conflict::wrong_state ||
                       result.conflict == storage::Conflict::not_found;
  if (changed && retries > 0) {
    auto known = requests_.load(id);
    if (known && known->original.body == job.record.original.body && (known->open() || may_try_again(*known))) {
      job.phase = Phase::storing;
      job.tried.clear();
      Job again = std::move(job);
      jobs_.erase(id);
      return open(std::move(again), std::move(known), retries - 1);
    }
    if (known && known->original.body == job.record.original.body && finish_if_final(id)) return;
  }
  const bool taken = result.conflict == storage::Conflict::name_taken;
  const std::string holder = taken ? world_.store.name_holder(job.x->intent.key_name).value_or("") : "";
  RequestRecord record = job.record;
  record.set_state(RequestState::failed);
  record.code = taken ? "name_taken" : changed ? "idempotency_conflict" : "storage";
  record.reason = taken     ? world_.me.id + ": " + name_taken_by(holder)
                  : changed ? conflict().detail
                            : cut("this node cannot store the request: " + result.text, 2048);
  record.retryable = !job.x->asks_people();
  record.released = job.any_released || requests_.released(id);
  const auto stored = requests_.load(id);
  if (!stored) return finish(id, record);
  // What people have approved is tried again.
  if (stored->open() && job.x->asks_people() && !world_.store.key_by_name(job.x->intent.key_name))
    return finish(id, *stored);
  // It is known here, and must not stay open when nobody goes on with it.
  job.phase = Phase::ending;
  storage::Batch batch;
  batch.update_request(row_of(record), {RequestState::queued, RequestState::running, RequestState::failed});
  batch.append_audit(requests_.audit("failed", record, Json{{"code", record.code.text}}));
  requests_.commit(std::move(batch), [this, id, record](const storage::CommitResult&) {
    if (jobs_.contains(id) && !finish_if_final(id)) finish(id, record);
  });
}

void Coordinator::succeed_with(Job& job, const Report& report, const std::string& from) {
  RequestRecord record = job.record;
  record.released = record.released || job.any_released;
  const auto tried = job.tried.find(report.sid);
  const PartySet signers = tried == job.tried.end() ? PartySet() : tried->second;
  storage::Batch batch;
  if (!succeed(batch, record, *job.x, report.result, signers, requests_, world_)) {
    world_.log(LogLevel::warn, from + " reported a result of " + job.x->id + " that does not verify");
    if (const Member* m = job.x->committee().find(from)) job.candidates.excluded.insert(m->id);
    return;
  }
  const Phase before = std::exchange(job.phase, Phase::ending);
  Outcome outcome;
  outcome.request = job.x->id;
  outcome.original = record.original;
  outcome.state = record.state;
  outcome.result.assign(report.result.begin(), report.result.end());
  outcome.signers = list_of(signers);
  const std::string id = job.x->id;
  requests_.commit(std::move(batch), [this, id, record, outcome, before](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    if (!result.ok()) {
      if (finish_if_final(id)) return;
      world_.log(LogLevel::error, "the success of " + id + " could not be stored: " + result.text);
      it->second.phase = before;
      it->second.deadline = world_.clock.steady();
      return;
    }
    for (const std::string& node : audience_of(*it->second.x, world_)) world_.mesh.send(node, envelope_of(outcome));
    it->second.record = record;
    await_members(it->second);
  });
}

void Coordinator::await_members(Job& job) {
  bool missing = false;
  if (job.x->makes_certificate())
    for (const Member& m : job.x->committee().members())
      missing |= m.node.text != world_.me.id && peers_.is_up(m.node) && !job.active_at.contains(m.id);
  if (!missing) {
    const RequestRecord record = job.record;
    return finish(record.id, record);
  }
  if (job.phase == Phase::activating) return;
  job.phase = Phase::activating;
  job.deadline = world_.clock.steady() + limits::kActivationWait;
}

void Coordinator::fail(Job& job, const std::string& code, const std::string& reason) {
  if (job.phase == Phase::ending) return;
  give_up_attempt(job);
  // Somebody's word is not enough: a name is taken when this node has a key of it.
  const bool taken = code == "name_taken" && world_.store.key_by_name(job.x->intent.key_name).has_value();
  if (job.x->asks_people() && !taken) return try_later(job, code, reason);
  job.phase = Phase::ending;
  job.failing = true;
  RequestRecord record = job.record;
  record.set_state(RequestState::failed);
  record.code = code;
  record.reason = cut(reason, 2048);
  record.released = job.any_released || requests_.released(job.x->id);
  record.retryable = record.lives(world_.clock.wall());
  storage::Batch batch;
  batch.update_request(row_of(record), {RequestState::queued, RequestState::running});
  if (job.x->create() != nullptr) batch.release_name(job.x->intent.key_name, job.x->id);
  batch.append_audit(requests_.audit("failed", record, Json{{"code", code}, {"reason", record.reason.text}}));
  const std::string id = job.x->id;
  requests_.commit(std::move(batch), record, [this, id, record](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    if (!result.ok()) {
      if (finish_if_final(id)) return;
      world_.log(LogLevel::error, "the failure of " + id + " could not be stored: " + result.text);
    }
    if (const auto outcome = outcome_of(record, world_))
      for (const std::string& node : audience_of(*it->second.x, world_)) world_.mesh.send(node, envelope_of(*outcome));
    finish(id, record);
  });
}

// What people have approved is tried until it is done, withdrawn, or its time is over.
void Coordinator::try_later(Job& job, const std::string& code, const std::string& reason) {
  job.phase = Phase::ending;
  RequestRecord record = job.record;
  record.set_state(RequestState::queued);
  record.code = code;
  record.reason = cut(reason, 2048);
  record.released = job.any_released || requests_.released(job.x->id);
  storage::Batch batch;
  batch.update_request(row_of(record), {RequestState::queued, RequestState::running});
  if (job.x->create() != nullptr) batch.release_name(job.x->intent.key_name, job.x->id);
  batch.append_audit(requests_.audit("postponed", record, Json{{"code", code}, {"reason", record.reason.text}}));
  const std::string id = job.x->id;
  if (participant_.takes_part(id)) return finish(id, record);  // another node goes on with it already
  requests_.commit(std::move(batch), [this, id, record](const storage::CommitResult& result) {
    if (!jobs_.contains(id)) return;
    if (!result.ok() && finish_if_final(id)) return;
    finish(id, record);  // open: nobody is told that it has ended
  });
}

void Coordinator::finish(const std::string& id, const RequestRecord& record) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end()) return;
  by_random_.erase(it->second.propose.random);
  jobs_.erase(it);
  requests_.tell(record);
}

bool Coordinator::finish_if_final(const std::string& id) {
  const auto stored = requests_.load(id);
  if (!stored || stored->open()) return false;
  give_up_attempt(jobs_.at(id));
  finish(id, *stored);
  return true;
}

void Coordinator::on_final(const RequestRecord& record) {
  const auto it = jobs_.find(record.id);
  if (it == jobs_.end()) return;
  give_up_attempt(it->second);
  finish(record.id, record);
}

void Coordinator::on_policy_changed() {
  std::vector<std::string> approved;
  for (const auto& [id, job] : jobs_)
    if (job.x->asks_people() && job.stored && job.phase != Phase::ending && job.phase != Phase::activating)
      approved.push_back(id);
  for (const std::string& id : approved) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) continue;
    give_up_attempt(it->second);
    const RequestRecord record = it->second.record;
    finish(id, record);
  }
}

void Coordinator::on_frozen() {
  std::vector<std::string> stopped;
  for (const auto& [id, job] : jobs_) {
    const bool runs = job.phase == Phase::waiting || job.phase == Phase::proposing || job.phase == Phase::running;
    if (job.stored && runs && frozen(*job.x, world_)) stopped.push_back(id);
  }
  for (const std::string& id : stopped)
    if (const auto it = jobs_.find(id); it != jobs_.end())
      if (const auto why = frozen(*it->second.x, world_)) fail(it->second, why->code, why->detail);
}

void Coordinator::on_peer_up(const std::string&) {
  std::vector<std::string> waiting;
  for (const auto& [id, job] : jobs_)
    if (job.phase == Phase::waiting && job.stored) waiting.push_back(id);
  for (const std::string& id : waiting)
    if (const auto it = jobs_.find(id); it != jobs_.end()) attempt(it->second);
}

void Coordinator::on_peer_down(const std::string& node) {
  std::vector<std::string> activating, proposing;
  for (const auto& [id, job] : jobs_) {
    if (job.phase == Phase::proposing && job.waiting.contains(node)) proposing.push_back(id);
    if (job.phase == Phase::activating || job.phase == Phase::spreading) activating.push_back(id);
  }
  for (const std::string& id : proposing)
    if (const auto it = jobs_.find(id); it != jobs_.end()) missed(it->second, {node}, true);
  for (const std::string& id : activating)
    if (const auto it = jobs_.find(id); it != jobs_.end()) {
      if (it->second.phase == Phase::activating)
        await_members(it->second);
      else
        spread_on(it->second);
    }
  next_watch_ = SteadyTime{};
  tick();
}

void Coordinator::tick() {
  const SteadyTime now = world_.clock.steady();
  std::vector<std::string> over;
  for (const auto& [id, job] : jobs_)
    if (job.deadline <= now && job.phase != Phase::ending && job.stored) over.push_back(id);
  for (const std::string& id : over) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) continue;
    try {
      late(it->second);
    } catch (const storage::StorageError& e) {  // one bad row must not stop the others
      world_.log(LogLevel::error, "request " + id + " cannot go on: " + e.what());
      RequestRecord record = jobs_.at(id).record;
      record.set_state(RequestState::failed);
      record.code = "storage";
      record.reason = "this node's database is damaged";
      finish(id, record);
    }
  }
  if (now < next_watch_) return;
  next_watch_ = now + kWatchEvery;
  watch_others();
}

// Somebody waits here for a request of a coordinator that is gone, or has had its time: this node goes on with it.
void Coordinator::watch_others() {
  for (auto it = elsewhere_.begin(); it != elsewhere_.end();) {
    const auto record = requests_.load(*it);
    const bool over = !record || !record->open() || !requests_.awaited(*it);
    if (!over && peers_.is_up(record->coordinator) && in_head_start(*record, world_.clock.wall())) {
      ++it;
      continue;
    }
    if (!over && participant_.engaged(*it)) {
      ++it;
      continue;
    }
    it = elsewhere_.erase(it);
    if (!over) resume(*record);
  }
}

}  // namespace quorate::node

#include "node/coordinator.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/outcome.h"
#include "node/protocols.h"
#include "session/context.h"

namespace quorate::node {
namespace {

using storage::RequestState;

std::string joined_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

}  // namespace

Coordinator::Coordinator(const World& world, Requests& requests, SessionHost& host, Participant& participant)
    : world_(world), requests_(requests), host_(host), participant_(participant) {}

void Coordinator::submit(const http::SignedRequest& original, std::uint64_t ticket, std::function<void(const std::string&)> stored,
                         std::function<void(const Answer&)> answer) {
  auto examined = examine(original, world_);
  if (const auto* refused = std::get_if<Refusal>(&examined)) return answer(*refused);
  Job job;
  job.x = std::get<Examined>(std::move(examined));
  const std::string id = job.x.id;

  const auto known = requests_.load(id);
  if (known) {
    if (known->original.body != original.body)
      return answer(Refusal{409, "idempotency_conflict", "this Idempotency-Key was used with another body", std::nullopt});
    const bool again = known->request_state() == RequestState::failed && known->retryable;
    if (!known->open() && !again) return answer(*known);
    const bool elsewhere = known->open() && known->coordinator.text != world_.me.id && is_up(known->coordinator);
    if (jobs_.contains(id) || elsewhere) {
      requests_.wait(id, ticket, [answer](const RequestRecord& r) { answer(r); });
      return stored(id);
    }
  } else if (jobs_.contains(id)) {  // being stored at this moment
    requests_.wait(id, ticket, [answer](const RequestRecord& r) { answer(r); });
    return stored(id);
  }
  if (requests_.nonce_used_by_other(job.x.who.user, job.x.who.nonce, id)) return answer(refusal_of(http::nonce_replayed()));
  if (jobs_.size() >= limits::kMaxOpenRequests)
    return answer(Refusal{503, "overloaded", "too many requests are open on this node", std::nullopt});
  if (const CreateKeyPlan* plan = job.x.create())
    if (world_.store.key_by_name(plan->body.name))
      return answer(Refusal{409, "name_taken", "a key has this name already", "/name"});

  job.record = new_record(job.x, original, world_.me.id);
  if (!job.x.decision.allowed()) {
    job.record.set_state(RequestState::denied);
    job.record.code = "denied";
    std::string reasons = "denied by rule " + job.x.decision.rule;
    for (const policy::RuleReason& r : job.x.decision.reasons) reasons += "; " + r.rule + ": " + r.why;
    job.record.reason = reasons.substr(0, 2048);
  }
  requests_.wait(id, ticket, [answer](const RequestRecord& r) { answer(r); });
  open(std::move(job), known ? &*known : nullptr, std::move(stored));
}

void Coordinator::resume(const RequestRecord& record) {
  if (jobs_.contains(record.id)) return;
  auto examined = examine(record.original, world_);
  const auto* x = std::get_if<Examined>(&examined);
  const bool in_time = static_cast<std::int64_t>(record.expires) > unix_seconds(world_.clock.wall());
  Job job;
  job.record = record;
  if (x == nullptr || !x->decision.allowed() || !in_time) {
    RequestRecord ended = record;
    ended.set_state(RequestState::failed);
    ended.code = "interrupted";
    ended.reason = "the node was restarted and the request's time is over";
    ended.retryable = true;
    storage::Batch batch;
    batch.update_request(row_of(ended), {RequestState::queued, RequestState::running});
    batch.append_audit(requests_.audit("failed", ended, Json{{"code", "interrupted"}}));
    requests_.commit(std::move(batch), ended, [](const storage::CommitResult&) {});
    return;
  }
  job.x = *x;
  open(std::move(job), &record, [](const std::string&) {});
}

void Coordinator::open(Job job, const RequestRecord* known, std::function<void(const std::string&)> stored) {
  const std::string id = job.x.id;
  if (known != nullptr) {
    job.record.attempts = known->attempts;
    job.record.blame = known->blame;
    job.any_released = known->released;
  }
  storage::Batch batch;
  batch.put_request(row_of(job.record));
  requests_.add_nonce(batch, job.x.who.user, job.x.who.nonce, job.record);
  const bool allowed = job.record.open();
  if (const CreateKeyPlan* plan = job.x.create(); plan != nullptr && allowed) batch.reserve_name(plan->body.name, id);
  batch.append_audit(requests_.audit(allowed ? "requested" : "denied", job.record, Json{{"rule", job.record.rule.text}}));
  job.patience = world_.clock.steady() + limits::kProposalTimeout;
  job.deadline = job.patience + limits::kProposalTimeout;
  Job& placed = jobs_.insert_or_assign(id, std::move(job)).first->second;

  // A signature's proposal travels while the request is being written here; a name is reserved here first.
  const bool overlap = allowed && placed.x.sign() != nullptr;
  if (allowed) {
    Replicate replicate;
    replicate.original = placed.record.original;
    for (const std::string& node : audience(placed)) world_.mesh.send(node, envelope_of(replicate));
  }
  if (overlap) attempt(placed);
  const RequestRecord record = jobs_.contains(id) ? jobs_.at(id).record : RequestRecord{};
  requests_.commit(std::move(batch), record, [this, id, overlap, stored](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    Job& mine = it->second;
    if (!result.ok()) {
      const bool taken = result.conflict == storage::Conflict::name_taken;
      mine.record.set_state(RequestState::failed);
      mine.record.code = taken ? "name_taken" : "storage";
      mine.record.reason = taken ? "another request has reserved this name" : "this node cannot store the request: " + result.text;
      mine.record.retryable = true;
      give_up_attempt(mine);
      return finish(id, mine.record);
    }
    stored(id);
    mine.stored = true;
    if (!mine.record.open()) return finish(id, mine.record);
    if (!overlap) return attempt(mine);
    joined(mine);
  });
}

PartySet Coordinator::reachable(const Job& job) const {
  PartySet set;
  for (const Member& m : job.x.committee().members())
    if (m.node.text == world_.me.id || up_.contains(m.node)) set.insert(m.id);
  return set;
}

std::vector<std::string> Coordinator::audience(const Job& job) const {
  std::vector<std::string> nodes;
  for (const policy::NodeCard& card : world_.cluster.nodes()) {
    if (card.id == world_.me.id) continue;
    if (job.x.create() != nullptr || job.x.committee().find(card.id) != nullptr) nodes.push_back(card.id);
  }
  return nodes;
}

void Coordinator::attempt(Job& job) {
  const Committee& committee = job.x.committee();
  const bool whole = job.x.create() != nullptr;
  if (job.record.attempts >= limits::kMaxAttempts + (whole ? limits::kMaxAttempts : 0))
    return fail(job, "no_quorum", "the request has failed too often", !job.any_released);
  const PartySet up = reachable(job);
  job.candidates.reachable = up;
  if (const Member* mine = committee.find(world_.me.id)) job.candidates.me = mine->id;
  std::vector<std::pair<std::chrono::microseconds, PartyId>> near;
  for (const peers::PeerStatus& peer : world_.mesh.peers())
    if (const Member* m = committee.find(peer.node)) near.emplace_back(peer.rtt, m->id);
  std::sort(near.begin(), near.end());
  job.candidates.preferred.clear();
  for (const auto& [rtt, id] : near) job.candidates.preferred.push_back(id);

  std::optional<PartySet> chosen;
  if (!whole) chosen = choose_signers(job.candidates, committee.threshold());
  else if (up == committee.parties()) chosen = up;
  if (!chosen) return lack(job, up);

  ++job.record.attempts;
  job.signers = *chosen;
  by_random_.erase(job.propose.random);
  job.propose = Propose{};
  job.propose.random = world_.rng.bytes<32>();
  job.propose.attempt = job.record.attempts;
  job.propose.cluster_digest = world_.cluster.digest();
  job.propose.policy_version = static_cast<std::uint64_t>(world_.policy.version());
  job.propose.policy_digest = world_.policy.digest();
  job.propose.request_digest = job.x.request_digest;
  job.propose.key_id = job.x.intent.key;
  if (const SignPlan* plan = job.x.sign()) job.propose.certificate = plan->certificate.body.digest();
  job.propose.committee = committee_hash(committee);
  job.propose.threshold = committee.threshold();
  job.propose.signers = list_of(job.signers);
  job.propose.original = job.record.original;
  job.sid = session_id_of(job.x, job.signers, job.propose.random, world_);
  by_random_[job.propose.random] = job.x.id;
  job.phase = Phase::proposing;
  job.deadline = world_.clock.steady() + limits::kProposalTimeout;
  job.waiting.clear();
  for (const PartyId id : job.signers) job.waiting.insert(committee.node_of(id));
  // A new key's name is reserved on every node that can be reached, member or not.
  if (whole)
    for (const std::string& node : up_) job.waiting.insert(node);
  const Envelope envelope = envelope_of(job.propose);
  for (const std::string& node : job.waiting)
    if (node != world_.me.id) world_.mesh.send(node, envelope);
  if (job.stored) joined(job);
}

void Coordinator::lack(Job& job, PartySet up) {
  const Committee& committee = job.x.committee();
  job.phase = Phase::waiting_for_peers;
  job.deadline = job.patience;
  const std::size_t needed = job.x.create() != nullptr ? committee.size() : committee.threshold();
  const bool hopeless = (committee.parties() - job.candidates.excluded).size() < needed;
  if (!hopeless && world_.clock.steady() < job.patience) return;
  std::vector<std::string> missing;
  for (const PartyId id : committee.parties() - up) missing.push_back(committee.node_of(id));
  for (const auto& node : job.record.silent)
    if (std::find(missing.begin(), missing.end(), node.text) == missing.end()) missing.push_back(node);
  if (missing.empty() && job.refused) return fail(job, job.refused->code, job.refused->detail, !job.any_released);
  job.record.silent.clear();
  for (const std::string& node : missing) job.record.silent.push_back(node);
  std::string reason = missing.empty() ? "no set of members is left that has not failed" : "these nodes did not answer: " + joined_text(missing);
  if (job.refused) reason += "; " + job.refused->detail;
  fail(job, "no_quorum", reason, !job.any_released);
}

void Coordinator::joined(Job& job) {
  if (job.phase != Phase::proposing || !job.waiting.contains(world_.me.id)) return begin_if_all(job);
  if (const auto refused = participant_.join(job.x, job.record, job.propose, world_.me.id)) {
    job.candidates.excluded.insert(*job.candidates.me);
    job.refused = *refused;
    job.refused->detail = world_.me.id + ": " + refused->detail;
    if (job.x.create() != nullptr) return fail(job, refused->code, job.refused->detail, true);
    give_up_attempt(job);
    return attempt(job);
  }
  job.waiting.erase(world_.me.id);
  begin_if_all(job);
}

void Coordinator::begin_if_all(Job& job) {
  if (job.phase != Phase::proposing || !job.stored || !job.waiting.empty()) return;
  job.phase = Phase::running;
  // The sessions have deadlines for every round; this one only catches what falls between.
  job.deadline = world_.clock.steady() + 8 * round_timeout_of(job.x);
  Begin begin;
  begin.sid = job.sid;
  for (const PartyId id : job.signers) {
    const std::string& node = job.x.committee().node_of(id);
    if (node == world_.me.id) host_.begin(job.sid);
    else world_.mesh.send(node, envelope_of(begin));
  }
}

Coordinator::Job* Coordinator::job_of(const Bytes32& random) {
  const auto it = by_random_.find(random);
  if (it == by_random_.end()) return nullptr;
  const auto job = jobs_.find(it->second);
  return job == jobs_.end() || job->second.propose.random != random ? nullptr : &job->second;
}

void Coordinator::on_accept(const std::string& from, const Accept& accept) {
  Job* job = job_of(accept.random);
  if (job == nullptr || job->phase != Phase::proposing) return;
  job->waiting.erase(from);
  begin_if_all(*job);
}

void Coordinator::on_refuse(const std::string& from, const Refuse& refuse) {
  Job* job = job_of(refuse.random);
  if (job == nullptr || job->phase != Phase::proposing || !job->waiting.contains(from)) return;
  world_.log(LogLevel::info, from + " refused " + job->x.id + ": " + refuse.code.text);
  if (refuse.code.text == "already_final") return;  // the outcome follows on the same connection
  job->refused = Refusal{refuse.status, refuse.code, from + ": " + refuse.detail.text, std::nullopt};
  if (job->x.create() != nullptr || refuse.code.text == "denied" || refuse.code.text == "expired")
    return fail(*job, refuse.code, job->refused->detail, refuse.code.text != "denied");
  if (const Member* member = job->x.committee().find(from)) job->candidates.excluded.insert(member->id);
  give_up_attempt(*job);
  attempt(*job);
}

void Coordinator::on_report(const std::string& from, const Report& report) {
  const auto it = jobs_.find(report.request);
  if (it == jobs_.end()) return;
  Job& job = it->second;
  const Member* reporter = job.x.committee().find(from);
  if (reporter == nullptr || job.phase == Phase::ending) return;
  job.any_released |= report.released;
  if (report.succeeded) return succeed_with(job, report, from);
  if (report.sid != job.sid || job.phase != Phase::running) return;

  if (from == world_.me.id) add_blame(job.record, job.x.committee(), report);
  const bool silent = report.abort_kind.text == name_of(AbortKind::silent);
  for (const PartyId culprit : set_of(report.culprits)) {
    const Member* member = job.x.committee().find(culprit);
    if (member == nullptr || culprit == reporter->id) continue;
    // What this node saw itself excludes; what others say is an edge between two of whom one lies.
    if (from == world_.me.id) job.candidates.excluded.insert(culprit);
    else job.candidates.edges.insert({std::min(reporter->id, culprit), std::max(reporter->id, culprit)});
    const auto& named = job.record.silent;
    if (silent && std::find(named.begin(), named.end(), member->node) == named.end() && named.size() < limits::kMaxParties)
      job.record.silent.push_back(member->node);
  }
  if (report.culprits.empty()) job.candidates.failed.insert(job.signers);
  if (job.x.create() != nullptr) {
    std::vector<std::string> silent_nodes;
    for (const auto& node : job.record.silent) silent_nodes.push_back(node);
    return silent ? fail(job, "no_quorum", "these nodes did not answer: " + joined_text(silent_nodes), true)
                  : fail(job, "protocol_failed", "the key generation was aborted: " + report.check.text, true);
  }
  give_up_attempt(job);
  attempt(job);
}

void Coordinator::give_up_attempt(Job& job) {
  Stop stop;
  stop.request = job.x.id;
  stop.sid = job.sid;
  for (const PartyId id : job.signers) {
    const std::string& node = job.x.committee().node_of(id);
    if (node == world_.me.id) participant_.leave(job.x.id);
    else world_.mesh.send(node, envelope_of(stop));
  }
  by_random_.erase(job.propose.random);
  job.signers = PartySet();
}

void Coordinator::succeed_with(Job& job, const Report& report, const std::string& from) {
  RequestRecord record = job.record;
  storage::Batch batch;
  if (!succeed(batch, record, job.x, report.result, job.signers, requests_, world_)) {
    world_.log(LogLevel::warn, from + " reported a result of " + job.x.id + " that does not verify");
    if (const Member* m = job.x.committee().find(from)) job.candidates.excluded.insert(m->id);
    return;
  }
  job.phase = Phase::ending;
  Outcome outcome;
  outcome.request = job.x.id;
  outcome.original = record.original;
  outcome.state = record.state;
  outcome.result.assign(report.result.begin(), report.result.end());
  outcome.signers = list_of(job.signers);
  const std::string id = job.x.id;
  requests_.commit(std::move(batch), record, [this, id, record, outcome](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    if (!result.ok()) {
      world_.log(LogLevel::error, "the success of " + id + " could not be stored: " + result.text);
      it->second.phase = Phase::running;
      it->second.deadline = world_.clock.steady();
      return;
    }
    for (const std::string& node : audience(it->second)) world_.mesh.send(node, envelope_of(outcome));
    finish(id, record);
  });
}

void Coordinator::fail(Job& job, const std::string& code, const std::string& reason, bool retryable) {
  if (job.phase == Phase::ending) return;
  give_up_attempt(job);
  job.phase = Phase::ending;
  RequestRecord record = job.record;
  record.set_state(RequestState::failed);
  record.code = code.substr(0, 64);
  record.reason = reason.substr(0, 2048);
  record.retryable = retryable;
  record.released = record.released || job.any_released;
  storage::Batch batch;
  batch.put_request(row_of(record));
  if (job.x.create() != nullptr) batch.release_name(job.x.intent.key_name, job.x.id);
  batch.append_audit(requests_.audit("failed", record, Json{{"code", code}, {"reason", reason}}));
  const std::string id = job.x.id;
  requests_.commit(std::move(batch), record, [this, id, record](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) return;
    if (!result.ok()) world_.log(LogLevel::error, "the failure of " + id + " could not be stored: " + result.text);
    if (const auto outcome = outcome_of(record, world_))
      for (const std::string& node : audience(it->second)) world_.mesh.send(node, envelope_of(*outcome));
    finish(id, record);
  });
}

void Coordinator::finish(const std::string& id, const RequestRecord& record) {
  const auto it = jobs_.find(id);
  if (it == jobs_.end()) return;
  by_random_.erase(it->second.propose.random);
  jobs_.erase(it);
  requests_.tell(record);
}

void Coordinator::on_final(const RequestRecord& record) {
  const auto it = jobs_.find(record.id);
  if (it == jobs_.end()) return;
  give_up_attempt(it->second);
  finish(record.id, record);
}

void Coordinator::on_peer_up(const std::string& node) {
  up_.insert(node);
  std::vector<std::string> waiting;
  for (const auto& [id, job] : jobs_)
    if (job.phase == Phase::waiting_for_peers && job.stored) waiting.push_back(id);
  for (const std::string& id : waiting)
    if (const auto it = jobs_.find(id); it != jobs_.end()) attempt(it->second);
}

void Coordinator::on_peer_down(const std::string& node) {
  up_.erase(node);
  std::vector<std::string> affected;
  for (const auto& [id, job] : jobs_)
    if (job.phase == Phase::proposing && job.waiting.contains(node)) affected.push_back(id);
  for (const std::string& id : affected) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) continue;
    it->second.deadline = world_.clock.steady();
  }
  if (!affected.empty()) tick();
}

void Coordinator::tick() {
  const SteadyTime now = world_.clock.steady();
  std::vector<std::string> late;
  for (const auto& [id, job] : jobs_)
    if (job.deadline <= now && job.phase != Phase::ending && job.stored) late.push_back(id);
  for (const std::string& id : late) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end()) continue;
    Job& job = it->second;
    if (job.phase == Phase::waiting_for_peers) {
      attempt(job);
      continue;
    }
    // Who has not answered: members are replaced, other nodes are done without.
    std::vector<std::string> silent(job.waiting.begin(), job.waiting.end());
    const bool proposing = job.phase == Phase::proposing;
    bool member_silent = !proposing;
    for (const std::string& node : silent) {
      const Member* m = job.x.committee().find(node);
      if (m == nullptr) {
        job.waiting.erase(node);
        continue;
      }
      member_silent = true;
      job.candidates.excluded.insert(m->id);
      if (job.record.silent.size() < limits::kMaxParties) job.record.silent.push_back(m->node);
    }
    if (!member_silent) {
      job.deadline = now + limits::kProposalTimeout;
      begin_if_all(job);
      continue;
    }
    if (!proposing) job.candidates.failed.insert(job.signers);
    if (job.x.create() != nullptr) {
      fail(job, "no_quorum", silent.empty() ? "the key generation took too long" : "these nodes did not answer: " + joined_text(silent), true);
      continue;
    }
    give_up_attempt(job);
    attempt(job);
  }
}

}  // namespace quorate::node

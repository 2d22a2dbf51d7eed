// The attempts of one request: who has answered, what follows from a failure.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "node/coordinator.h"
#include "node/outcome.h"
#include "node/protocols.h"
#include "node/succession.h"
#include "session/context.h"

namespace quorate::node {
namespace {

// What members may give as a reason; anything else is `refused`.
std::string known_code(const std::string& code) {
  constexpr std::array<std::string_view, 35> codes{"context_mismatch",
                                                   "window_exceeded",
                                                   "frozen",
                                                   "other_certificate",
                                                   "number_used",
                                                   "rolled_back",
                                                   "too_many_participants",
                                                   "denied",
                                                   "needs_approval",
                                                   "expired",
                                                   "idempotency_conflict",
                                                   "already_final",
                                                   "busy",
                                                   "nonce_replayed",
                                                   "clock_skew",
                                                   "signature_expired",
                                                   "signature_invalid",
                                                   "unknown_user",
                                                   "unknown_key",
                                                   "key_archived",
                                                   "name_taken",
                                                   "quarantined",
                                                   "storage",
                                                   "overloaded",
                                                   "stopping",
                                                   "replayed",
                                                   "unknown_participant",
                                                   "payload_unsupported",
                                                   "payload_malformed",
                                                   "payload_invalid",
                                                   "algorithm_mismatch",
                                                   "path_invalid",
                                                   "not_our_key",
                                                   "no_share",
                                                   "wrong_cluster"};
  return std::find(codes.begin(), codes.end(), code) == codes.end() ? "refused" : code;
}

// Whoever is silent here is so by itself: a third one that sends nothing to it can keep it from its later messages, and
// be waited for by nobody else.
bool answers_for_itself(const Report& report, PartySet signers) {
  return signers.size() == 2 || is_first_round(report.round.text);
}

}  // namespace

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
  if (job->lacks_room) return go_without_room(*job);
  begin_if_all(*job);
}

void Coordinator::on_refuse(const std::string& from, const Refuse& refuse) {
  Job* job = job_of(refuse.random);
  if (job == nullptr || job->phase != Phase::proposing || !job->waiting.contains(from)) return;
  job->refused_by.insert(from);
  const bool whole = job->x->create() != nullptr;
  std::string code = known_code(refuse.code);
  world_.log(LogLevel::info, from + " refused " + job->x->id + ": " + code);
  if (whole && refuse.code.text == "name_busy") {
    if (world_.clock.steady() < job->patience) {
      --job->attempts;
      give_up_attempt(*job);
      return postpone(*job, kTurnPause);
    }
    code = "name_taken";
  }
  // The outcome has come before this on the same connection, and is being stored here if it counts.
  if (code == "already_final") {
    job->ended_there.insert(from);
    job->refused = Refusal{refuse.status, code, from + ": " + refuse.detail.text, std::nullopt};
    return;
  }
  const Member* member = job->x->committee().find(from);
  // Only who would sign the number has a say in it.
  const ResharePlan* plan = job->x->reshare();
  if (code == "number_used" && plan != nullptr && plan->committee.find(from) != nullptr &&
      job->numbers.size() < limits::kMaxAttempts) {
    job->numbers.push_back(refuse.number);
    give_up_attempt(*job);
    return attempt(*job);
  }
  if (code == "busy" || code == "other_certificate") {
    if (member == nullptr) {
      job->waiting.erase(from);
      return begin_if_all(*job);
    }
    if (!job->x->asks_people()) --job->attempts;  // those are tried again later
    job->busy.insert(member->id);
    give_up_attempt(*job);
    return whole || code == "other_certificate" ? postpone(*job, kTurnPause) : attempt(*job);
  }
  // Its rule is one whose window this node thinks has room: anything else is a refusal as any other.
  const auto& limits = job->x->decision.limits;
  const bool limited = std::any_of(limits.begin(), limits.end(),
                                   [&](const policy::Limit& limit) { return limit.rule == refuse.detail.text; });
  if (code == "window_exceeded" && member != nullptr && limited) return no_room(*job, refuse.detail.text, from);
  // A node without a part in the key can only object to its name.
  if (member == nullptr && code != "name_taken") {
    job->waiting.erase(from);
    return begin_if_all(*job);
  }
  job->refused = Refusal{refuse.status, code, from + ": " + refuse.detail.text, std::nullopt};
  if (code == "name_taken") job->refused->detail = from + " says that the name is taken: " + refuse.detail.text;
  if (whole) return fail(*job, code, job->refused->detail);
  const bool apart = code == "quarantined" && member != nullptr && is_apart(*job, member->id);
  if (apart)
    job->candidates.failed.insert(job->signers);
  else if (member != nullptr)
    job->candidates.excluded.insert(member->id);
  give_up_attempt(*job);
  attempt(*job);
}

// Whether a quarantine that this node has seen the record of keeps the member from another signer of this attempt.
bool Coordinator::is_apart(const Job& job, PartyId member) const {
  const auto key = job.x->gated();
  if (!key) return false;
  for (const auto& [a, b] : quarantines_.edges(*key, job.x->committee()))
    if ((a == member || b == member) && job.signers.contains(a) && job.signers.contains(b)) return true;
  return false;
}

NameClaim Coordinator::give_way(const std::string& request, const std::string& other) {
  const auto it = jobs_.find(request);
  if (it == jobs_.end() || it->second.phase == Phase::storing) return NameClaim::undecided;
  Job& job = it->second;
  if (job.phase == Phase::ending && job.failing) return NameClaim::given_up;
  const bool begun = job.phase != Phase::proposing && job.phase != Phase::waiting;
  if (begun || job.x->create() == nullptr) return NameClaim::kept;
  if (heal_(request)) return NameClaim::kept;  // an earlier attempt may be complete but for its last messages
  fail(job, "name_taken", "request " + other + " wants the same name at the same time, and its id is smaller");
  return NameClaim::given_up;
}

bool Coordinator::stand_back(const std::string& request, const std::string& from) {
  const auto it = jobs_.find(request);
  if (it == jobs_.end()) return true;
  Job& job = it->second;
  const bool begun = job.phase != Phase::proposing && job.phase != Phase::waiting;
  if (begun || !job.stored || job.stood_back || from > world_.me.id) return false;
  job.stood_back = true;
  give_up_attempt(job);
  postpone(job, 2 * limits::kProposalTimeout);
  return true;
}

void Coordinator::on_report(const std::string& from, const Report& report) {
  const auto it = jobs_.find(report.request);
  if (it == jobs_.end()) return;
  Job& job = it->second;
  const Member* reporter = job.x->committee().find(from);
  if (reporter == nullptr) return;
  if (report.succeeded) job.active_at.insert(reporter->id);  // said of itself: a lie shortens the wait for itself
  if (job.phase == Phase::activating) return await_members(job);
  if (job.phase == Phase::ending) return;
  if (const auto tried = job.tried.find(report.sid); tried != job.tried.end() && tried->second.contains(reporter->id))
    job.any_released |= report.released;
  if (report.succeeded) return succeed_with(job, report, from);
  // A signing runs before everybody has accepted it.
  const bool runs = job.phase == Phase::running || (job.phase == Phase::proposing && job.x->sign() != nullptr);
  if (report.sid != job.sid || !runs || !job.signers.contains(reporter->id)) return;

  const bool mine = from == world_.me.id;
  const bool silent = report.abort_kind.text == name_of(AbortKind::silent);
  // Who takes part itself will see by itself, in the same time, for whom it waits.
  const Member* own = job.x->committee().find(world_.me.id);
  if (silent && !mine && own != nullptr && job.signers.contains(own->id)) return;
  if (mine) add_blame(job.record, job.x->committee(), report);
  for (const PartyId culprit : set_of(report.culprits)) {
    if (culprit == reporter->id || !job.signers.contains(culprit)) continue;
    // Who waits for somebody that waits for a third one is as silent as that one. What this node saw itself of cheating
    // excludes; what others say is an edge between two of whom one lies.
    if (silent) {
      const std::string& node = job.x->committee().node_of(culprit);
      job.candidates.doubtful.insert(culprit);
      job.record.name_silent(node);
      if (mine && answers_for_itself(report, job.signers)) doubts_.add(node, world_.clock.steady());
    } else if (mine)
      job.candidates.excluded.insert(culprit);
    else
      job.candidates.edges.insert({std::min(reporter->id, culprit), std::max(reporter->id, culprit)});
  }
  const ResharePlan* plan = job.x->reshare();
  if (report.culprits.empty() || silent) job.candidates.failed.insert(plan == nullptr ? job.signers : job.dealers);
  // Of a reshare other dealers may do; all new members must.
  const PartySet culprits = set_of(report.culprits);
  const bool only_dealers = plan != nullptr && !culprits.empty() && (culprits & plan->committee.parties()).empty();
  if (job.x->makes_certificate() && !only_dealers) {
    std::vector<std::string> silent_nodes;
    for (const auto& node : job.record.silent) silent_nodes.push_back(node);
    return silent ? heal_or_fail(job, "no_quorum", "these nodes did not answer: " + joined_text(silent_nodes))
                  : heal_or_fail(job, "protocol_failed",
                                 std::string(plan == nullptr ? "the key generation" : "the reshare") +
                                     " was aborted: " + report.check.text);
  }
  give_up_attempt(job);
  attempt(job);
}

// The key may be complete but for its last messages, which members give again when asked.
void Coordinator::heal_or_fail(Job& job, const std::string& code, const std::string& reason) {
  if (!job.x->makes_certificate() || !heal_(job.x->id)) return fail(job, code, reason);
  give_up_attempt(job);
  job.phase = Phase::healing;
  job.refused = Refusal{504, code, reason, std::nullopt};
  job.deadline = world_.clock.steady() + limits::kProposalTimeout;
}

bool Coordinator::all_may_have_spoken(const Job& job) const {
  const Member* own = job.x->committee().find(world_.me.id);
  return own == nullptr || !job.signers.contains(own->id) || job.has_joined;
}

void Coordinator::give_up_attempt(Job& job) {
  Stop stop;
  stop.request = job.x->id;
  stop.sid = job.sid;
  const bool signing = job.x->sign() != nullptr;
  for (const PartyId id : job.signers) {
    const std::string& node = job.x->committee().node_of(id);
    if (node == world_.me.id) {
      participant_.leave(job.x->id, job.sid);
      if (signing) host_.forget(job.sid);
      continue;
    }
    // What has left here is known; who has refused may lie.
    job.may_be_released |= signing && all_may_have_spoken(job) && !job.refused_by.contains(node);
    world_.mesh.send(node, envelope_of(stop));
  }
  by_random_.erase(job.propose.random);
  job.signers = PartySet();
}

// The phase's time is over.
void Coordinator::late(Job& job) {
  switch (job.phase) {
    case Phase::storing:
    case Phase::ending:
      return;
    case Phase::waiting:
      return attempt(job);
    case Phase::activating: {
      const RequestRecord record = job.record;
      return finish(record.id, record);
    }
    case Phase::spreading:
      return spread_end(job);
    case Phase::healing: {
      const Refusal failure = *job.refused;
      return fail(job, failure.code, failure.detail);
    }
    case Phase::running:
      job.candidates.failed.insert(job.signers);
      if (job.x->create() != nullptr) return heal_or_fail(job, "no_quorum", "the key generation took too long");
      if (job.x->reshare() != nullptr) return heal_or_fail(job, "no_quorum", "the reshare took too long");
      give_up_attempt(job);
      return attempt(job);
    case Phase::proposing:
      break;
  }
  missed(job, std::set(job.waiting), false);
}

// These nodes do not answer the proposal: members are replaced, other nodes are done without. `gone`: they cannot be
// reached. Whether this attempt goes on.
bool Coordinator::missed(Job& job, const std::set<std::string>& nodes, bool gone) {
  std::vector<std::string> silent;
  bool member_missing = false;
  for (const std::string& node : nodes) {
    if (node == world_.me.id) continue;
    const Member* m = job.x->committee().find(node);
    if (m == nullptr) {
      job.waiting.erase(node);
      continue;
    }
    member_missing = true;
    if (gone && job.x->create() == nullptr) {  // it may come back in time
      job.busy.insert(m->id);
      continue;
    }
    job.candidates.excluded.insert(m->id);
    if (job.ended_there.contains(node)) continue;
    silent.push_back(node);
    job.record.name_silent(node);
    if (!gone) doubts_.add(node, world_.clock.steady());
  }
  if (!member_missing) {
    if (job.deadline <= world_.clock.steady()) job.deadline = world_.clock.steady() + limits::kProposalTimeout;
    begin_if_all(job);
    return true;
  }
  if (job.x->create() != nullptr) {
    if (silent.empty())
      fail(job, job.refused->code, job.refused->detail);
    else
      fail(job, "no_quorum", "these nodes did not answer: " + joined_text(silent));
    return false;
  }
  give_up_attempt(job);
  attempt(job);
  return false;
}

}  // namespace quorate::node

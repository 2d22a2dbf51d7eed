// The attempts of one request: who is asked, and how it begins. What they answer: attempt_answers.cpp.
#include <algorithm>

#include "base/check.h"
#include "node/coordinator.h"
#include "node/outcome.h"
#include "node/protocols.h"
#include "node/succession.h"
#include "session/context.h"

namespace quorate::node {
namespace {

constexpr int kSpreadRetries = 2;
}  // namespace

std::string joined_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

PartySet Coordinator::reachable(const Job& job) const {
  PartySet set;
  for (const Member& m : job.x->committee().members())
    if (m.node.text == world_.me.id || peers_.can_sign(m.node)) set.insert(m.id);
  return set;
}

void Coordinator::attempt(Job& job) {
  const bool whole = job.x->create() != nullptr;
  if (unix_seconds(job.x->expires) <= unix_seconds(world_.clock.wall()))
    return fail(job, "expired",
                "the request's time is over" + (job.refused ? "; " + job.refused->detail : std::string()));
  if (!look_again(job)) return;
  if (job.x->state() != nullptr) return spread(job, kSpreadRetries);
  // Another node was faster: its outcome will be this one's.
  if (participant_.engaged(job.x->id)) return postpone(job, limits::kSignRoundTimeout);
  if (job.attempts >= static_cast<int>(limits::kMaxAttempts))
    return fail(job, "no_quorum",
                "the request has failed too often" + (job.refused ? "; " + job.refused->detail : std::string()));
  if (const auto key = job.x->gated(); key && job.x->committee().find(world_.me.id) != nullptr) {
    if (quarantines_.listening(job.x->committee())) return postpone(job, kTurnPause);
    if (world_.gates->stopped(key->key)) job.candidates.excluded.insert(job.x->committee().find(world_.me.id)->id);
  }
  const Member* own = job.x->committee().find(world_.me.id);
  if (own != nullptr && !job.x->decision.limits.empty() && windows_.listening()) return postpone(job, kTurnPause);
  const PartySet up = reachable(job);
  const auto signers = choose(job, up);
  if (signers) return propose(job, *signers);
  if (whole || job.busy.empty()) return lack(job, up);
  job.busy = PartySet();
  postpone(job, kTurnPause);
}

bool Coordinator::look_again(Job& job) {
  if (const auto stopped = frozen(*job.x, world_)) {
    fail(job, stopped->code, stopped->detail);
    return false;
  }
  const bool same_policy = job.x->intent.policy_digest == world_.policy->digest();
  if (same_policy && job.x->create() != nullptr) return true;
  const auto row = same_policy ? world_.store.key_by_id(job.x->intent.key) : std::nullopt;
  if (row && world_.known_keys->of(*row)->digest == job.x->certificate()) return true;
  auto examined = examine(job.record.original, world_);
  std::optional<Refusal> refused;
  if (auto* r = std::get_if<Refusal>(&examined)) refused = *r;
  const auto* x = seen_in(examined);
  if (x != nullptr) refused = x->outdated();
  if (x != nullptr && !refused && !x->allowed())
    refused = Refusal{403, x->waits_for_people() ? "needs_approval" : "denied",
                      "under the policy that has come into force: rule " + x->decision.rule, std::nullopt};
  if (refused) {
    fail(job, refused->code, refused->detail);
    return false;
  }
  QUORATE_ASSERT(x->id == job.x->id && (x->request_digest == job.x->request_digest || !same_policy));
  if (x->request_digest != job.x->request_digest) {
    RequestRecord anew = new_record(*x, job.record.original, world_.me.id);
    anew.attempts = job.record.attempts;
    anew.blame = job.record.blame;
    anew.silent = job.record.silent;
    anew.released = job.record.released;
    job.record = std::move(anew);
  }
  job.x = std::get<SharedExamined>(std::move(examined));
  job.candidates = Candidates{};  // they were of another committee
  job.busy = PartySet();
  return true;
}

// All new members, and t_old of the old ones: those first who stay, so that few take part.
std::optional<PartySet> Coordinator::choose_reshare(Job& job, PartySet up) {
  const ResharePlan& plan = *job.x->reshare();
  const PartySet members = plan.committee.parties(), old = plan.body().committee.parties();
  const PartySet usable = up - job.busy - job.candidates.excluded;
  if (!usable.includes(members)) return std::nullopt;
  Candidates c = job.candidates;
  c.reachable = usable & old;
  // A new member takes part in any case: whoever it accuses, or is accused by, need not.
  for (const auto& [a, b] : c.edges) {
    if (members.contains(a) && !members.contains(b)) c.excluded.insert(b);
    if (members.contains(b) && !members.contains(a)) c.excluded.insert(a);
  }
  c.me.reset();
  const PartySet staying = c.reachable & members;
  c.preferred.assign(staying.begin(), staying.end());
  const auto dealers = choose_signers(c, plan.body().committee.threshold());
  if (!dealers) return std::nullopt;
  job.dealers = *dealers;
  return *dealers | members;
}

std::optional<PartySet> Coordinator::choose(Job& job, PartySet up) {
  const Committee& committee = job.x->committee();
  if (const Member* mine = committee.find(world_.me.id)) job.candidates.me = mine->id;
  if (job.x->reshare() != nullptr) return choose_reshare(job, up);
  if (job.x->create() != nullptr) return up == committee.parties() ? std::optional(up) : std::nullopt;
  job.candidates.reachable = up - job.busy;
  std::vector<std::pair<std::chrono::microseconds, PartyId>> near;
  for (const peers::PeerStatus& peer : world_.mesh.peers())
    if (const Member* m = committee.find(peer.node)) near.emplace_back(peer.rtt, m->id);
  std::sort(near.begin(), near.end());
  job.candidates.preferred.clear();
  for (const auto& [rtt, id] : near) job.candidates.preferred.push_back(id);
  Candidates candidates = job.candidates;
  for (const Member& m : committee.members())
    if (doubts_.holds(m.node, world_.clock.steady())) candidates.doubtful.insert(m.id);
  if (const auto key = job.x->gated()) candidates.edges.merge(quarantines_.edges(*key, committee));
  return choose_signers(candidates, committee.threshold());
}

std::optional<std::string> Coordinator::kept_apart(const Job& job) const {
  const auto key = job.x->gated();
  if (!key) return std::nullopt;
  const Committee& committee = job.x->committee();
  Candidates all;
  all.reachable = committee.parties();
  all.edges = quarantines_.edges(*key, committee);
  if (choose_signers(all, committee.threshold())) return std::nullopt;
  return "no " + std::to_string(committee.threshold()) +
         " members of the key may sign together: " + quarantines_.text(*key) + "; a refresh of the key cures it";
}

void Coordinator::propose(Job& job, PartySet signers) {
  const Committee& committee = job.x->committee();
  const ResharePlan* plan = job.x->reshare();
  const NextNumber next = plan == nullptr ? NextNumber{} : number_of(job);
  if (next.wait != 0) return postpone(job, Millis(next.wait));
  ++job.attempts;
  ++job.record.attempts;
  job.signers = signers;
  by_random_.erase(job.propose.random);
  job.propose = Propose{};
  job.propose.random = world_.rng.bytes<32>();
  job.propose.attempt = job.record.attempts;
  job.propose.cluster_digest = world_.cluster->digest();
  job.propose.policy_version = static_cast<std::uint64_t>(world_.policy->version());
  job.propose.policy_digest = world_.policy->digest();
  job.propose.request_digest = job.x->request_digest;
  job.propose.key_id = job.x->intent.key;
  job.propose.certificate = job.x->certificate();
  const Committee& whole = plan == nullptr ? committee : plan->committee;
  job.propose.committee = committee_hash(whole);
  job.propose.threshold = whole.threshold();
  job.propose.signers = list_of(plan == nullptr ? signers : job.dealers);
  job.propose.number = next.number;
  job.propose.original = job.record.original;
  const auto sid = session_id_of(*job.x, terms_of(job.propose), world_);
  if (!sid) return fail(job, "context_mismatch", "the committees of this reshare do not fit each other");
  job.sid = *sid;
  participant_.proposes(job.sid);
  job.tried[job.sid] = signers;
  by_random_[job.propose.random] = job.x->id;
  job.phase = Phase::proposing;
  job.deadline = world_.clock.steady() + limits::kProposalTimeout;
  job.waiting.clear();
  job.joining = false;
  job.ended_there.clear();
  job.refused_by.clear();
  job.lacks_room = false;
  job.has_joined = false;
  for (const PartyId id : signers) job.waiting.insert(committee.node_of(id));
  // A new key's name is reserved on every node that can be reached, member or not.
  if (job.x->create() != nullptr)
    for (const auto& [node, same] : peers_.all()) job.waiting.insert(node);
  const Envelope envelope = envelope_of(job.propose);
  std::set<std::string> unreached;
  for (const std::string& node : job.waiting)
    if (node != world_.me.id && !world_.mesh.send(node, envelope)) unreached.insert(node);
  if (!unreached.empty() && !missed(job, unreached, true)) return;
  joined(job);
}

NextNumber Coordinator::number_of(const Job& job) const {
  std::vector<std::uint64_t> reported = job.numbers;
  reported.push_back(history_of(job.x->reshare()->key, world_).highest());
  return next_number(reported, milliseconds(world_.clock.wall()));
}

void Coordinator::postpone(Job& job, Millis by) {
  job.phase = Phase::waiting;
  job.deadline =
      world_.clock.steady() + by + Millis(world_.rng.below(4 * static_cast<std::uint64_t>(kTurnPause.count())));
}

void Coordinator::lack(Job& job, PartySet up) {
  const Committee& committee = job.x->committee();
  job.phase = Phase::waiting;
  job.deadline = job.patience;
  if (const auto apart = kept_apart(job)) return fail(job, "quarantined", *apart);
  // Of those in question, so many at least.
  PartySet wanted = committee.parties();
  std::size_t needed = job.x->create() != nullptr ? committee.size() : committee.threshold();
  bool hopeless = false;
  if (const ResharePlan* plan = job.x->reshare()) {
    wanted = plan->body().committee.parties();
    needed = plan->body().committee.threshold();
    const PartySet members = plan->committee.parties();
    hopeless = !(members & job.candidates.excluded).empty();
    if (!up.includes(members)) wanted = members;
  }
  hopeless |= (wanted - job.candidates.excluded).size() < needed;
  if (!hopeless && world_.clock.steady() < job.patience) return;
  std::vector<std::string> missing, other_documents;
  for (const PartyId id : wanted - up) {
    const std::string& node = committee.node_of(id);
    (peers_.is_up(node) ? other_documents : missing).push_back(node);
  }
  for (const auto& node : job.record.silent)
    if (std::find(missing.begin(), missing.end(), node.text) == missing.end()) missing.push_back(node);
  if (missing.empty() && other_documents.empty() && job.refused) {
    const Refusal refused = *job.refused;
    return fail(job, refused.code, refused.detail);
  }
  job.record.silent.clear();
  for (const std::string& node : missing) job.record.name_silent(node);
  std::string reason;
  const auto add = [&reason](const std::string& text) { reason += (reason.empty() ? "" : "; ") + text; };
  if (!missing.empty()) add("these nodes did not answer: " + joined_text(missing));
  if (!other_documents.empty())
    add("these nodes have another policy or cluster document: " + joined_text(other_documents));
  if (const auto key = job.x->gated())
    if (const std::string pairs = quarantines_.text(*key); !pairs.empty())
      add(pairs + "; a refresh of the key cures that");
  if (job.refused) add(job.refused->detail);
  fail(job, "no_quorum", reason.empty() ? "no set of members is left that has not failed" : reason);
}

// What this node's part needs on the disk is written right behind the request itself; what needs nothing waits for
// that.
void Coordinator::joined(Job& job) {
  if (job.phase != Phase::proposing || job.joining || !job.waiting.contains(world_.me.id)) return begin_if_all(job);
  storage::Batch batch;
  if (job.x->gated()) participant_.note(batch, *job.x, job.sid, job.signers);
  const bool charged = !job.x->charges.empty();
  if (charged) {
    windows_.reserving(*job.x);
    reserve(batch, *job.x, world_);
  }
  if (batch.empty() && !job.stored) return;
  job.joining = true;
  if (batch.empty()) {
    if (take_part(job, false)) agreed(job);
    return;
  }
  // Of the attempt that this was for, if it still waits for this node, and has not failed already.
  const auto current = [this, random = job.propose.random]() -> Job* {
    Job* mine = job_of(random);
    const bool waits = mine != nullptr && mine->phase == Phase::proposing && mine->waiting.contains(world_.me.id);
    return waits && !mine->lacks_room ? mine : nullptr;
  };
  requests_.commit(std::move(batch), [this, current, charged, sid = job.sid, key = job.x->intent.key,
                                      gated = job.x->gated().has_value()](const storage::CommitResult& result) {
    Job* mine = current();
    if (mine == nullptr) {  // it takes no part; once it does, the note is its session's
      if (gated) participant_.erase_note_of(sid, key);
      return;
    }
    if (result.conflict == storage::Conflict::limit) return no_room(*mine, result.text, world_.me.id);
    if (!result.ok()) return fail(*mine, "storage", "this node cannot store that it takes part: " + result.text);
    if (!take_part(*mine, charged)) return;
    if (!charged) return agreed(*mine);
    windows_.reserved(mine->x, mine->record.original, [this, current](const std::optional<std::string>& exceeded) {
      Job* still = current();
      if (still == nullptr) return;
      if (exceeded) return no_room(*still, *exceeded, world_.me.id);
      if (participant_.allow(still->x->id, still->sid)) return agreed(*still);
      give_up_attempt(*still);  // its session has ended, or another node's has taken its place
      postpone(*still, kTurnPause);
    });
  });
}

// `held`: it releases nothing before its windows have been looked at again. False: another attempt has begun, or none.
bool Coordinator::take_part(Job& job, bool held) {
  if (const auto refused = participant_.join(job.x, std::make_shared<const RequestRecord>(job.record), job.propose,
                                             world_.me.id, held)) {
    if (job.x->gated()) participant_.erase_note_of(job.sid, job.x->intent.key);
    if (refused->code == "quarantined")
      job.candidates.failed.insert(job.signers);
    else
      job.candidates.excluded.insert(*job.candidates.me);
    job.refused = *refused;
    job.refused->detail = world_.me.id + ": " + refused->detail;
    if (job.x->create() != nullptr) {
      fail(job, refused->code, job.refused->detail);
      return false;
    }
    give_up_attempt(job);
    attempt(job);
    return false;
  }
  job.has_joined = true;
  return true;
}

void Coordinator::agreed(Job& job) {
  job.waiting.erase(world_.me.id);
  begin_if_all(job);
}

void Coordinator::begin_if_all(Job& job) {
  if (job.phase != Phase::proposing || !job.stored || !job.waiting.empty() || job.lacks_room) return;
  job.phase = Phase::running;
  // The sessions have deadlines for every round; this one only catches what falls between.
  job.deadline = world_.clock.steady() + kMostRounds * round_timeout_of(*job.x);
  if (job.x->sign() != nullptr) return host_.begin(job.sid);  // whoever has accepted has begun
  Begin begin;
  begin.sid = job.sid;
  for (const PartyId id : job.signers) {
    const std::string& node = job.x->committee().node_of(id);
    if (node == world_.me.id)
      host_.begin(job.sid);
    else
      world_.mesh.send(node, envelope_of(begin));
  }
}

}  // namespace quorate::node

#include "node/participant.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/keys.h"
#include "node/outcome.h"
#include "node/protocols.h"
#include "session/context.h"

namespace quorate::node {
namespace {

using storage::RequestState;

constexpr int kRetries = 2;  // of an acceptance that lost a race with another change of the request
constexpr auto kSweepEvery = Seconds(5);

constexpr auto kProposed = Seconds(600);  // so long a proposal of this node is known, should somebody give it back

Refusal replayed() { return {409, "replayed", "this session has been proposed before", std::nullopt}; }

Refusal another_attempt() { return {409, "busy", "another attempt has begun", std::nullopt}; }

// `detail` is the rule's id alone: the coordinator reads it.
Refusal window_exceeded(const std::string& rule) { return {403, "window_exceeded", rule, std::nullopt}; }

}  // namespace

Refusal rolled_back() {
  return {503, "rolled_back", "this node's database is an old copy: it takes no part for some minutes", std::nullopt};
}

RequestRecord new_record(const Examined& x, const ClientRequest& original, const std::string& coordinator) {
  RequestRecord r;
  r.id = x.id;
  r.kind = std::string(policy::name_of(x.kind));
  r.set_state(RequestState::running);
  r.requested_by = x.who.user;
  r.coordinator = coordinator;
  r.created = static_cast<std::uint64_t>(x.who.created);
  r.expires = static_cast<std::uint64_t>(unix_seconds(x.expires));
  r.key_id = x.intent.key;
  r.key_name = x.intent.key_name;
  if (const SignPlan* plan = x.sign()) {
    r.payload_kind = std::string(policy::name_of(plan->payload.kind));
    r.bound = std::make_shared<const Json>(policy::what_is_signed(x.intent));
    if (plan->what->facts) r.facts = plan->what->facts_jcs;
  }
  r.policy_version = static_cast<std::uint64_t>(x.intent.policy_version);
  r.rule = x.decision.rule;
  r.decision = std::string(policy::name_of(x.decision.effect));
  r.intent = x.intent_jcs;
  r.needs.assign(x.consent.needs.begin(), x.consent.needs.end());
  r.original = in_normal_form(original, x.consent);
  return r;
}

std::string reasons_of(const policy::Decision& decision) {
  std::string reasons = "denied by rule " + decision.rule;
  for (const policy::RuleReason& r : decision.reasons) reasons += "; " + r.rule + ": " + r.why;
  return cut(reasons, 2048);
}

std::string name_taken_by(const std::string& request) {
  return request.empty() ? "a key has this name already" : "request " + request + " has reserved this name";
}

Participant::Participant(const World& world, Requests& requests, SessionHost& host, const PeerView& peers,
                         Quarantines& quarantines, Windows& windows, Hooks hooks)
    : world_(world),
      requests_(requests),
      host_(host),
      peers_(peers),
      quarantines_(quarantines),
      windows_(windows),
      hooks_(std::move(hooks)) {}

void Participant::refuse(const std::string& to, const Propose& propose, const std::string& request,
                         const Refusal& refusal) {
  hooks_.refused(to);
  world_.log(LogLevel::info,
             "refused " + request + " proposed by " + to + ": " + refusal.code + " (" + refusal.detail + ")");
  Refuse message;
  message.request = request;
  message.random = propose.random;
  message.status = static_cast<std::uint16_t>(refusal.status);
  message.code = refusal.code;
  message.detail = cut(refusal.detail, 1024);
  message.number = refusal.number;
  world_.mesh.send(to, envelope_of(message));
}

void Participant::refuse(const std::string& to, const Propose& propose, const Examined& x, const Refusal& refusal) {
  // Who is told to come again, or somebody in its name, may be about to.
  if (x.sign() != nullptr && refusal.code != "busy") {
    // Somebody may propose again what this node takes part in, or proposes itself.
    const auto sid = session_id_of(x, terms_of(propose), world_);
    const auto it = active_.find(x.id);
    if (sid && !proposed_.contains(*sid) && (it == active_.end() || it->second.sid != *sid)) host_.forget(*sid);
  }
  refuse(to, propose, x.id, refusal);
}

void Participant::on_propose(const std::string& from, const Propose& propose) { consider(from, propose, kRetries); }

void Participant::consider(const std::string& from, const Propose& propose, int retries) {
  auto examined = examine(propose.original, world_);
  if (const auto* refused = std::get_if<Refusal>(&examined)) {
    // The signature may be worthless, so the id is taken from the proposal's random bytes alone.
    refuse(from, propose, "", *refused);
    return;
  }
  const auto& seen = std::get<SharedExamined>(examined);
  const Examined& x = *seen;
  if (hooks_.resting()) return refuse(from, propose, x, rolled_back());
  auto different = x.outdated();
  if (!different) different = compare(x, propose);
  if (!different) different = frozen(x, world_);
  if (different) {
    if (different->code == "other_certificate") hooks_.exchange(from, x.intent.key);
    return refuse(from, propose, x, *different);
  }
  if (x.consent.cancelled || x.consent.rejected)
    return refuse(from, propose, x, {409, "already_final", "the request has been withdrawn", std::nullopt});
  if (x.waits_for_people())
    return refuse(from, propose, x,
                  {403, "needs_approval", "rule " + x.decision.rule + " asks for more approvals", std::nullopt});
  if (!x.allowed()) return refuse(from, propose, x, {403, "denied", "denied by rule " + x.decision.rule, std::nullopt});
  if (unix_seconds(x.expires) <= unix_seconds(world_.clock.wall()))
    return refuse(from, propose, x, {410, "expired", "the request has expired", std::nullopt});
  if (const auto key = x.gated())
    if (const auto refused = quarantines_.check(*key, x.committee(), set_of(propose.signers))) {
      quarantines_.tell(from, key->key);  // first, so that the coordinator knows whom to keep apart
      return refuse(from, propose, x, *refused);
    }

  // What it has forgotten of requests that live for hours is not over when the rest is.
  if (x.asks_people() && hooks_.noticed() > static_cast<std::uint64_t>(x.who.created))
    return refuse(from, propose, x, rolled_back());
  const auto known = requests_.load(x.id);
  if (!known) {
    // What people have approved is theirs to time: until its end, which they have signed.
    const auto stale = http::check_fresh(x.who, world_.clock.wall());
    if (stale && !x.asks_people()) return refuse(from, propose, x, refusal_of(*stale));
    if (world_.store.open_request_count() >= limits::kMaxOpenRequests)
      return refuse(from, propose, x, {503, "overloaded", "too many requests are open on this node", std::nullopt});
  } else {
    if (known->original.body != propose.original.body)
      return refuse(from, propose, x,
                    {409, "idempotency_conflict", "the same request id stands for another body", std::nullopt});
    if (!known->open() && !(known->request_state() == RequestState::failed && known->retryable)) {
      if (const auto word = word_of_end(*known, world_)) world_.mesh.send(from, *word);
      return refuse(from, propose, x, {409, "already_final", "the request has ended", std::nullopt});
    }
    if (proposed_before(session_id_of(x, terms_of(propose), world_).value()))
      return refuse(from, propose, x, replayed());
    const auto busy = x.asks_people() ? check_turn_of_approved(x, from) : check_turn(*known, from);
    if (busy) return refuse(from, propose, x, *busy);
  }
  if (requests_.nonce_used_by_other(x.who.user, x.who.nonce, x.id))
    return refuse(from, propose, x, refusal_of(http::nonce_replayed()));
  if (const auto overloaded = check_load(from)) return refuse(from, propose, x, *overloaded);
  if (const auto listens = check_ledger(x)) return refuse(from, propose, x, *listens);
  accept(from, propose, seen, known ? &*known : nullptr, retries);
}

void Participant::accept(const std::string& from, const Propose& propose, const SharedExamined& seen,
                         const RequestRecord* known, int retries) {
  const Examined& x = *seen;
  const SessionId sid = session_id_of(x, terms_of(propose), world_).value();  // compare() has seen that it fits
  if (proposed_before(sid)) return refuse(from, propose, x, replayed());
  RequestRecord record = new_record(x, propose.original, from);
  storage::Batch batch;
  if (known != nullptr) {
    record.attempts = known->attempts;
    record.blame = known->blame;
  }
  record.released = requests_.released(x.id);
  ++record.attempts;
  // Only from the state that was looked at: what ends the request in the meantime is not undone.
  if (known == nullptr)
    batch.insert_request(row_of(record));
  else
    batch.update_request(row_of(record), {known->request_state()});
  requests_.add_nonce(batch, x.who.user, x.who.nonce, record);
  if (const CreateKeyPlan* plan = x.create()) {
    if (const auto held = check_name(plan->body.name, x.id)) return refuse(from, propose, x, *held);
    batch.reserve_name(plan->body.name, x.id);
    // An earlier attempt may be complete but for its last messages: then there will be no second key.
    if (known != nullptr) hooks_.heal(x.id);
  }
  if (x.reshare() != nullptr && known != nullptr) hooks_.heal(x.id);
  batch.append_audit(
      requests_.audit("accepted", record, Json{{"attempt", propose.attempt}, {"rule", record.rule.text}}));
  const Member* mine = x.committee().find(world_.me.id);
  const bool noted = x.gated() && mine != nullptr && set_of(propose.signers).contains(mine->id);
  if (noted) note(batch, x, sid, set_of(propose.signers));
  if (!x.charges.empty()) reserve(batch, x, world_);
  // At most one attempt of a request runs here.
  leave(x.id);
  given_up_.erase(x.id);
  used_[sid] = static_cast<std::int64_t>(record.expires) + Seconds(limits::kClockBehind).count();
  if (x.sign() != nullptr) host_.expect(sid);  // somebody may have proposed it before its coordinator, and was refused
  active_[x.id] = {
      sid,         from, false, noted ? x.intent.key : "", world_.clock.steady() + kMostRounds * round_timeout_of(x),
      x.intent.key};
  if (!x.charges.empty()) windows_.reserving(x);
  const auto stored = std::make_shared<const RequestRecord>(std::move(record));
  const auto proposed = std::make_shared<const Propose>(propose);
  requests_.commit(
      std::move(batch), [this, from, proposed, seen, stored, sid, retries](const storage::CommitResult& result) {
        if (result.ok()) return accepted(from, proposed, seen, stored, sid);
        const auto it = active_.find(seen->id);
        if (it != active_.end() && it->second.sid == sid) {
          active_.erase(it);
          const bool changed = result.conflict == storage::Conflict::exists ||
                               result.conflict == storage::Conflict::wrong_state ||
                               result.conflict == storage::Conflict::not_found;
          const bool taken = result.conflict == storage::Conflict::name_taken;
          if ((changed || taken) && retries > 0) {
            used_.erase(sid);
            return consider(from, *proposed, retries - 1);
          }
          if (result.conflict == storage::Conflict::limit)
            return refuse(from, *proposed, *seen, window_exceeded(result.text));
          return refuse(from, *proposed, *seen,
                        taken ? Refusal{409, "name_taken", "another request has reserved this name", "/name"}
                              : Refusal{503, "storage", "this node cannot store the request", std::nullopt});
        }
        refuse(from, *proposed, *seen, another_attempt());
      });
}

// The acceptance is durable. A signing begins at once, and is held before its last message until those who can be heard
// have noted what it adds to windows; the coordinator hears of the acceptance then.
void Participant::accepted(const std::string& from, const std::shared_ptr<const Propose>& proposed,
                           const SharedExamined& seen, const SharedRecord& record, const SessionId& sid) {
  const Examined& x = *seen;
  const Propose& propose = *proposed;
  const auto it = active_.find(x.id);
  if (it == active_.end() || it->second.sid != sid) {  // stopped, ended or replaced meanwhile, and the note erased
    // What has ended let go of its name before this took it again; its coordinator will not say so a second time.
    if (it == active_.end() && x.create() != nullptr && !hooks_.coordinates(x.id)) {
      storage::Batch batch;
      batch.release_name(x.intent.key_name, x.id);
      requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
    }
    return refuse(from, propose, x, another_attempt());
  }
  active_.erase(it);
  hooks_.accepted(x, *record);
  const bool charged = !x.charges.empty();
  const Member* me = x.committee().find(world_.me.id);
  if (me != nullptr && parties_of(x, set_of(propose.signers)).contains(me->id))
    if (const auto why = join(seen, record, propose, from, charged)) {
      if (x.gated()) erase_note_of(sid, x.intent.key);
      if (charged) windows_.ended(x.id);
      return refuse(from, propose, x, *why);
    }
  if (!charged) return agreed(from, propose, x, sid, std::nullopt);
  windows_.reserved(seen, record->original,
                    [this, from, proposed, seen, sid](const std::optional<std::string>& exceeded) {
                      agreed(from, *proposed, *seen, sid, exceeded);
                    });
}

void Participant::agreed(const std::string& from, const Propose& propose, const Examined& x, const SessionId& sid,
                         const std::optional<std::string>& exceeded) {
  if (exceeded) {
    leave(x.id, sid);
    windows_.ended(x.id);
    return refuse(from, propose, x, window_exceeded(*exceeded));
  }
  if (!x.charges.empty() && !allow(x.id, sid)) return refuse(from, propose, x, another_attempt());
  Accept message;
  message.request = x.id;
  message.random = propose.random;
  world_.mesh.send(from, envelope_of(message));
}

void Participant::proposes(const SessionId& sid) {
  proposed_[sid] = unix_seconds(world_.clock.wall()) + kProposed.count();
}

bool Participant::allow(const std::string& request, const SessionId& sid) {
  const auto it = active_.find(request);
  if (it == active_.end() || it->second.sid != sid) return false;
  host_.allow(sid);
  return true;
}

void Participant::on_begin(const std::string& from, const Begin& begin) {
  for (const auto& [request, active] : active_)
    if (active.sid == begin.sid && active.coordinator == from && active.open) return host_.begin(begin.sid);
}

void Participant::on_stop(const std::string& from, const Stop& stop) {
  const auto it = active_.find(stop.request);
  if (it == active_.end() || it->second.coordinator != from || it->second.sid != stop.sid) return;
  leave(stop.request);
  given_up_.insert(stop.request);
  windows_.ended(stop.request);
}

void Participant::tick() {
  if (world_.clock.steady() < next_sweep_) return;
  next_sweep_ = world_.clock.steady() + kSweepEvery;
  const std::int64_t now = unix_seconds(world_.clock.wall());
  for (auto* sids : {&used_, &proposed_}) std::erase_if(*sids, [now](const auto& u) { return u.second < now; });
  if (given_up_.size() > kMaxUsed) given_up_.clear();
}

}  // namespace quorate::node

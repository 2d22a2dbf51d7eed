#include "node/participant.h"

#include <nlohmann/json.hpp>

#include "node/keys.h"
#include "node/outcome.h"
#include "node/protocols.h"
#include "session/context.h"

namespace quorate::node {
namespace {

using storage::RequestState;

Refusal mismatch(const std::string& field) {
  return {409, "context_mismatch", "this node has another " + field + " for this request", std::nullopt};
}

}  // namespace

RequestRecord new_record(const Examined& x, const http::SignedRequest& original, const std::string& coordinator) {
  RequestRecord r;
  r.id = x.id;
  r.kind = std::string(policy::name_of(x.kind));
  r.set_state(RequestState::running);
  r.requested_by = x.who.user;
  r.coordinator = coordinator;
  r.created = static_cast<std::uint64_t>(x.who.created);
  r.expires = static_cast<std::uint64_t>(unix_seconds(x.intent.expires_at));
  r.key_id = x.intent.key;
  r.key_name = x.intent.key_name;
  if (const SignPlan* plan = x.sign()) r.payload_kind = std::string(policy::name_of(plan->payload.kind));
  r.policy_version = static_cast<std::uint64_t>(x.intent.policy_version);
  r.rule = x.decision.rule;
  r.decision = std::string(policy::name_of(x.decision.effect));
  r.intent = x.intent_jcs;
  r.original = original;
  return r;
}

Participant::Participant(const World& world, Requests& requests, SessionHost& host, std::function<void(const Report&)> report_here)
    : world_(world), requests_(requests), host_(host), report_here_(std::move(report_here)) {}

std::optional<Refusal> Participant::compare(const Examined& x, const Propose& p) const {
  if (p.cluster_digest != world_.cluster.digest()) return mismatch("cluster document");
  if (p.policy_version != static_cast<std::uint64_t>(world_.policy.version()) || p.policy_digest != world_.policy.digest())
    return mismatch("policy");
  if (p.key_id.text != x.intent.key) return mismatch("key");
  const Digest certificate = x.sign() != nullptr ? x.sign()->certificate.body.digest() : Digest{};
  if (p.certificate != certificate) return mismatch("key certificate");
  if (p.committee != committee_hash(x.committee())) return mismatch("committee");
  if (p.threshold != x.committee().threshold()) return mismatch("threshold");
  if (p.request_digest != x.request_digest) return mismatch("intent");
  const PartySet signers = set_of(p.signers);
  if (signers.size() != p.signers.size() || !x.committee().parties().includes(signers)) return mismatch("signer set");
  const std::size_t needed = x.create() != nullptr ? x.committee().size() : x.committee().threshold();
  if (signers.size() != needed) return mismatch("number of signers");
  return std::nullopt;
}

void Participant::refuse(const std::string& to, const Propose& propose, const std::string& request, const Refusal& refusal) {
  world_.log(LogLevel::info, "refused " + request + " proposed by " + to + ": " + refusal.code + " (" + refusal.detail + ")");
  Refuse message;
  message.request = request;
  message.random = propose.random;
  message.status = static_cast<std::uint16_t>(refusal.status);
  message.code = refusal.code;
  message.detail = refusal.detail.substr(0, 1024);
  world_.mesh.send(to, envelope_of(message));
}

void Participant::on_propose(const std::string& from, const Propose& propose) {
  auto examined = examine(propose.original, world_);
  if (const auto* refused = std::get_if<Refusal>(&examined)) {
    // The signature may be worthless, so the id is taken from the proposal's random bytes alone.
    refuse(from, propose, "", *refused);
    return;
  }
  Examined& x = std::get<Examined>(examined);
  if (const auto different = compare(x, propose)) return refuse(from, propose, x.id, *different);
  if (!x.decision.allowed()) return refuse(from, propose, x.id, {403, "denied", "denied by rule " + x.decision.rule, std::nullopt});
  if (unix_seconds(x.intent.expires_at) <= unix_seconds(world_.clock.wall()))
    return refuse(from, propose, x.id, {410, "expired", "the request has expired", std::nullopt});

  const auto known = requests_.load(x.id);
  if (!known) {
    if (const auto stale = http::check_fresh(x.who, world_.clock.wall())) return refuse(from, propose, x.id, refusal_of(*stale));
  } else {
    if (known->original.body != propose.original.body)
      return refuse(from, propose, x.id, {409, "idempotency_conflict", "the same request id stands for another body", std::nullopt});
    if (!known->open() && !(known->request_state() == RequestState::failed && known->retryable)) {
      refuse(from, propose, x.id, {409, "already_final", "the request has ended", std::nullopt});
      if (const auto outcome = outcome_of(*known, world_)) world_.mesh.send(from, envelope_of(*outcome));
      return;
    }
  }
  if (requests_.nonce_used_by_other(x.who.user, x.who.nonce, x.id)) return refuse(from, propose, x.id, refusal_of(http::nonce_replayed()));
  // At most one attempt of a request runs here; a newer one of the same coordinator, or another coordinator, replaces it.
  leave(x.id);
  accept(from, propose, std::move(x));
}

void Participant::accept(const std::string& from, const Propose& propose, Examined x) {
  RequestRecord record = new_record(x, propose.original, from);
  storage::Batch batch;
  if (const auto known = requests_.load(x.id)) {
    record.attempts = known->attempts;
    record.blame = known->blame;
    record.released = known->released;
  }
  ++record.attempts;
  batch.put_request(row_of(record));
  requests_.add_nonce(batch, x.who.user, x.who.nonce, record);
  if (const CreateKeyPlan* plan = x.create()) {
    if (world_.store.key_by_name(plan->body.name))
      return refuse(from, propose, x.id, {409, "name_taken", "a key has this name already", "/name"});
    batch.reserve_name(plan->body.name, x.id);
  }
  batch.append_audit(requests_.audit("accepted", record, Json{{"attempt", propose.attempt}, {"rule", record.rule.text}}));
  const std::string id = x.id;
  requests_.commit(std::move(batch), [this, from, propose, x = std::move(x), record](const storage::CommitResult& result) {
    if (!result.ok()) {
      const bool taken = result.conflict == storage::Conflict::name_taken;
      return refuse(from, propose, x.id,
                    taken ? Refusal{409, "name_taken", "another request has reserved this name", "/name"}
                          : Refusal{503, "storage", "this node cannot store the request", std::nullopt});
    }
    if (x.committee().find(world_.me.id) != nullptr && set_of(propose.signers).contains(x.committee().find(world_.me.id)->id))
      if (const auto refused = join(x, record, propose, from)) return refuse(from, propose, x.id, *refused);
    Accept message;
    message.request = x.id;
    message.random = propose.random;
    world_.mesh.send(from, envelope_of(message));
  });
}

std::optional<Refusal> Participant::join(const Examined& x, const RequestRecord& record, const Propose& propose,
                                         const std::string& coordinator) {
  const PartySet signers = set_of(propose.signers);
  const PartyId me = x.committee().find(world_.me.id)->id;
  const SessionId sid = session_id_of(x, signers, propose.random, world_);
  HostedSession hosted;
  try {
    hosted.session = make_session(x, sid, signers, me, world_);
  } catch (const storage::StorageError& e) {
    world_.log(LogLevel::error, "cannot take part in " + x.id + ": " + e.what());
    return Refusal{500, "storage", "this node cannot use its share", std::nullopt};
  }
  hosted.committee = x.committee();
  hosted.round_timeout = round_timeout_of(x);
  hosted.to_batch = [this, record, x](DurableStep step, SecretBytes bytes) {
    switch (step) {
      case DurableStep::prepared_share:
        return prepare_key(x.create()->algorithm, bytes, record.id, world_.clock.wall());
      case DurableStep::spent: {
        RequestRecord spent = record;
        spent.released = true;
        storage::Batch batch;
        batch.update_request(row_of(spent), {RequestState::running});
        batch.append_audit(requests_.audit("released", spent, Json{{"digest", to_hex(x.request_digest)}}));
        return batch;
      }
      case DurableStep::unset: break;
    }
    QUORATE_ASSERT(!"a durable step is set");
  };
  hosted.ended = [this, x, record, coordinator, signers](const SessionEnd& end) {
    Report report;
    report.request = x.id;
    report.sid = end.sid;
    report.released = end.released;
    if (end.session != nullptr) {
      if (auto result = result_of(*end.session, x)) {
        report.succeeded = true;
        report.result.assign(result->begin(), result->end());
      } else if (const Abort* abort = end.session->aborted()) {
        report.abort_kind = std::string(name_of(abort->kind));
        report.check = std::string(name_of(abort->reason));
        report.round = std::string(abort->round);
        report.culprits = list_of(abort->culprits);
      } else {
        report.check = "internal";
        try {
          std::rethrow_exception(end.session->broken());
        } catch (const std::exception& e) {
          world_.log(LogLevel::error, "session of " + x.id + " failed: " + e.what());
        }
      }
    } else if (end.lost) {
      report.abort_kind = std::string(name_of(AbortKind::silent));
      report.check = "peer_lost";
      if (const Member* lost = x.committee().find(*end.lost)) report.culprits.push_back(lost->id);
    } else {
      report.check = end.broken.empty() ? "never_begun" : "storage";
      if (!end.broken.empty()) world_.log(LogLevel::error, "session of " + x.id + " failed: " + end.broken);
    }
    world_.desk.post([this, x, record, coordinator, signers, report] { ended(x, record, coordinator, signers, report); });
  };
  if (!host_.open(std::move(hosted))) return Refusal{503, "overloaded", "too many sessions run here", std::nullopt};
  active_[x.id] = {sid, coordinator};
  return std::nullopt;
}

void Participant::ended(const Examined& x, const RequestRecord& record, const std::string& coordinator, PartySet signers,
                        Report report) {
  const auto it = active_.find(x.id);
  if (it != active_.end() && it->second.sid == report.sid) active_.erase(it);
  if (coordinator == world_.me.id) return report_here_(report);

  storage::Batch batch;
  RequestRecord after = record;
  after.released = report.released;
  if (report.succeeded) {
    succeed(batch, after, x, report.result, signers, requests_, world_);
  } else {
    add_blame(after, x.committee(), report);
    batch.update_request(row_of(after), {RequestState::running});
    batch.append_audit(requests_.audit("attempt_ended", after, Json{{"check", report.check.text}, {"round", report.round.text}}));
  }
  requests_.commit(std::move(batch), after, [this, coordinator, report](const storage::CommitResult& result) {
    // wrong_state: the outcome came first. What the session has proven is told all the same.
    if (!result.ok() && result.conflict != storage::Conflict::wrong_state && result.conflict != storage::Conflict::stale_number)
      world_.log(LogLevel::error, "the end of " + report.request.text + " could not be stored: " + result.text);
    world_.mesh.send(coordinator, envelope_of(report));
  });
}

void Participant::on_begin(const std::string& from, const Begin& begin) {
  for (const auto& [request, active] : active_)
    if (active.sid == begin.sid && active.coordinator == from) return host_.begin(begin.sid);
}

void Participant::on_stop(const std::string& from, const Stop& stop) {
  const auto it = active_.find(stop.request);
  if (it != active_.end() && it->second.coordinator == from && it->second.sid == stop.sid) leave(stop.request);
}

void Participant::leave(const std::string& request) {
  const auto it = active_.find(request);
  if (it == active_.end()) return;
  host_.close(it->second.sid);
  active_.erase(it);
}

}  // namespace quorate::node

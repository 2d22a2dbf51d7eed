// The sessions that this node takes part in: what is on its disk before their messages leave, and how they end.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/keys.h"
#include "node/outcome.h"
#include "node/participant.h"
#include "node/protocols.h"
#include "node/strikes.h"
#include "node/succession.h"
#include "signing/ecdsa.h"

namespace quorate::node {
namespace {

using storage::RequestState;

// What has to be on the disk before a session's messages leave. Throws if it may not go on.
storage::Batch batch_of(DurableStep step, const SecretBytes& bytes, const Examined& x, const RequestRecord& record,
                        const policy::ClusterDocument& nodes, const Requests& requests, const World& world) {
  if (const auto stopped = frozen(x, world)) throw std::runtime_error(stopped->detail);
  switch (step) {
    case DurableStep::prepared_share: {
      storage::Batch batch = x.reshare() != nullptr
                                 ? prepare_successor(bytes, *x.reshare(), x.id, record.original)
                                 : prepare_key(x.create()->algorithm, bytes, key_record(record, world));
      // From here on nobody can take it back: the others may complete it.
      Requests::add_released(batch, record);
      if (x.asks_people()) batch.update_request(row_of(record), {RequestState::queued, RequestState::running});
      world.policy.expect(batch, x.intent.policy_digest);  // attack 61: it has not changed since
      world.cluster.expect(batch, nodes);                  // nobody in it has left
      Frozen::expect_none(batch, x.intent.key);
      return batch;
    }
    case DurableStep::spent: {
      RequestRecord spent = record;
      spent.released = true;
      storage::Batch batch;
      batch.update_request(row_of(spent), x.asks_people() ? std::vector{RequestState::queued, RequestState::running}
                                                          : std::vector{RequestState::running});
      Requests::add_released(batch, spent);
      spend(batch, x, world);
      batch.append_audit(requests.audit("released", spent, Json{{"digest", to_hex(x.request_digest)}}));
      world.policy.expect(batch, x.intent.policy_digest);
      Frozen::expect_none(batch, x.intent.key);
      return batch;
    }
    case DurableStep::quarantine:
    case DurableStep::unset:
      break;
  }
  impossible("a durable step is set");
}

Report report_of(const SessionEnd& end, const Examined& x, const World& world) {
  Report report;
  report.request = x.id;
  report.sid = end.sid;
  report.released = end.released;
  if (end.session != nullptr) {
    if (auto result = result_of(*end.session, x, *world.seen)) {
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
        world.log(LogLevel::error, "session of " + x.id + " failed: " + e.what());
      }
    }
  } else if (end.gate_closed) {
    report.check = "session_ended";
  } else if (end.lost) {
    report.abort_kind = std::string(name_of(AbortKind::silent));
    report.check = "peer_lost";
    if (const Member* lost = x.committee().find(*end.lost)) report.culprits.push_back(lost->id);
  } else {
    report.check = end.broken.empty() ? "never_begun" : "storage";
    if (!end.broken.empty()) world.log(LogLevel::error, "session of " + x.id + " failed: " + end.broken);
  }
  return report;
}

}  // namespace

std::optional<Refusal> Participant::join(const SharedExamined& seen, const SharedRecord& shared, const Propose& propose,
                                         const std::string& coordinator, bool held) {
  const Examined& x = *seen;
  if (hooks_.resting()) return rolled_back();
  if (const auto stopped = frozen(x, world_)) return stopped;
  // What was examined may have ended while the request was being written: its share is gone, and the next is another.
  const auto superseded = [&] {
    if (x.create() != nullptr) return false;
    if (x.keys % 2 == 0 && x.keys == world_.store.keys_version()) return false;  // no key has changed since
    const auto row = world_.store.key_by_id(x.intent.key);
    return !row || world_.known_keys->of(*row)->digest != x.certificate();
  };
  if (superseded()) return other_certificate();
  const PartySet signers = set_of(propose.signers);
  const PartyId me = x.committee().find(world_.me.id)->id;
  HostedSession hosted;
  try {
    MadeSession made = make_session(x, terms_of(propose), me, world_);
    hosted.share = std::move(made.share);
    hosted.session = std::move(made.session);
  } catch (const storage::StorageError& e) {
    if (superseded()) return other_certificate();  // between two reads
    world_.log(LogLevel::error, "cannot take part in " + x.id + ": " + e.what());
    return Refusal{500, "storage", "this node cannot use its share", std::nullopt};
  }
  const SessionId sid = hosted.session->sid();
  hosted.committee = x.committee();
  hosted.round_timeout = round_timeout_of(x);
  hosted.eager = x.sign() != nullptr;
  hosted.held = held;
  if (x.sign() != nullptr) hosted.expires = x.expires;  // however long others keep it here
  const Millis hosted_for = hosted.round_timeout;
  if (const auto key = x.gated()) {
    if (const auto refused = quarantines_.check(*key, x.committee(), signers)) return refused;
    hosted.gated =
        Gated{*key, ecdsa::Round2::tag,
              [this, key = *key, number = x.sign()->body().number](const std::vector<std::string>& nodes) {
                return quarantines_.record(key, number, nodes);
              },
              [this, key = *key](const std::vector<std::string>& nodes, bool stored) {
                world_.desk.post_always([this, key, nodes, stored] { quarantines_.recorded(key, nodes, stored); });
              }};
  }
  const policy::ClusterDocument* nodes = &*world_.cluster;  // it stays where it is
  hosted.to_batch = [this, shared, seen, nodes](DurableStep step, SecretBytes bytes) {
    return batch_of(step, bytes, *seen, *shared, *nodes, requests_, world_);
  };
  hosted.ended = [this, seen, shared, coordinator, signers](const SessionEnd& end) {
    world_.desk.post_always([this, seen, shared, coordinator, signers, report = report_of(end, *seen, world_)] {
      ended(*seen, *shared, coordinator, signers, report);
    });
  };
  leave(x.id);
  if (!host_.open(std::move(hosted))) return Refusal{503, "overloaded", "too many sessions run here", std::nullopt};
  active_[x.id] = {
      sid,         coordinator, true, x.gated() ? x.intent.key : "", world_.clock.steady() + kMostRounds * hosted_for,
      x.intent.key};
  return std::nullopt;
}

void Participant::ended(const Examined& x, const RequestRecord& record, const std::string& coordinator,
                        PartySet signers, Report report) {
  const auto it = active_.find(x.id);
  const bool current = it != active_.end() && it->second.sid == report.sid;
  if (current) active_.erase(it);
  if (coordinator == world_.me.id) {
    if (x.gated()) erase_note_of(report.sid, x.intent.key);
    return hooks_.report_here(report);
  }
  // Another attempt has taken its place: only what it has proven still counts.
  if (!current && !report.succeeded) {
    if (x.gated()) erase_note_of(report.sid, x.intent.key);
    world_.mesh.send(coordinator, envelope_of(report));
    return;
  }

  storage::Batch batch;
  if (x.gated()) erase_note_of(report.sid, x.intent.key);
  RequestRecord after = record;
  after.released = record.released || report.released;
  if (report.succeeded) {
    succeed(batch, after, x, report.result, signers, requests_, world_);
  } else {
    add_blame(after, x.committee(), report);
    batch.update_request(row_of(after), {RequestState::running});
    if (x.makes_certificate()) hooks_.heal(x.id);
    batch.append_audit(
        requests_.audit("attempt_ended", after, Json{{"check", report.check.text}, {"round", report.round.text}}));
  }
  const std::vector<std::string> others =
      report.succeeded && x.asks_people() ? audience_of(x, world_) : std::vector<std::string>{};
  requests_.commit(
      std::move(batch), after, [this, coordinator, report, after, others](const storage::CommitResult& result) {
        // Its coordinator may be silent, and the others wait for people who have approved it.
        if (result.ok() && !others.empty())
          if (const auto word = word_of_end(after, world_))
            for (const std::string& node : others) world_.mesh.send(node, *word);
        // wrong_state: the outcome came first. What the session has proven is told all the same.
        if (!result.ok() && result.conflict != storage::Conflict::wrong_state &&
            result.conflict != storage::Conflict::stale_number)
          world_.log(LogLevel::error, "the end of " + report.request.text + " could not be stored: " + result.text);
        world_.mesh.send(coordinator, envelope_of(report));
      });
}

void Participant::leave(const std::string& request, const SessionId& sid) {
  const auto it = active_.find(request);
  if (it != active_.end() && it->second.sid == sid) leave(request);
}

void Participant::leave(const std::string& request) {
  const auto it = active_.find(request);
  if (it == active_.end()) return;
  const Active left = it->second;
  active_.erase(it);
  const auto erase = [this, left] {
    if (!left.noted_key.empty()) erase_note_of(left.sid, left.noted_key);
  };
  if (!left.open) return erase();
  host_.close(left.sid, [this, erase] { world_.desk.post_always(erase); });
}

void Participant::leave_frozen() {
  std::vector<std::string> stopped;
  for (const auto& [request, active] : active_)
    if (active.coordinator != world_.me.id && world_.frozen->stops(active.key)) stopped.push_back(request);
  for (const std::string& request : stopped) leave(request);
}

void Participant::note(storage::Batch& batch, const Examined& x, const SessionId& sid, PartySet signers) const {
  std::vector<std::string> peers;
  for (const PartyId j : signers)
    if (const std::string& node = x.committee().node_of(j); node != world_.me.id) peers.push_back(node);
  note_signing(batch, sid, *x.gated(), x.sign()->body().number, peers);
}

// What could not be stored may be a quarantine: then the note stays and becomes a strike.
void Participant::erase_note_of(const SessionId& sid, const std::string& key) {
  if (world_.gates->stopped(key)) return;
  storage::Batch batch;
  erase_note(batch, sid);
  requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
}

bool Participant::engaged(const std::string& request) const {
  const auto it = active_.find(request);
  return it != active_.end() && it->second.coordinator != world_.me.id && peers_.is_up(it->second.coordinator);
}

}  // namespace quorate::node

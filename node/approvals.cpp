#include "node/approvals.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "node/outcome.h"
#include "node/participant.h"

namespace quorate::node {
namespace {

using storage::RequestState;

constexpr int kRetries = 3;  // of a write that lost a race with another change of the request

RequestState state_of(const Examined& x) {
  if (x.consent.cancelled) return RequestState::cancelled;
  if (x.consent.rejected) return RequestState::rejected;
  if (x.waits_for_people()) return RequestState::pending_approval;
  return x.allowed() ? RequestState::queued : RequestState::denied;
}

void name_end(RequestRecord& record, const Examined& x) {
  record.code = "";
  record.reason = "";
  record.retryable = false;
  if (record.request_state() == RequestState::cancelled) {
    record.code = "cancelled";
    record.reason = "the request was cancelled";
  } else if (record.request_state() == RequestState::rejected) {
    record.code = "rejected";
    for (const policy::Approval& vote : x.consent.votes)
      if (vote.vote == static_cast<std::uint8_t>(policy::Vote::reject))
        record.reason = cut(vote.approver.text + " has rejected the request", 2048);
  } else if (record.request_state() == RequestState::denied) {
    record.code = "denied";
    record.reason = cut("denied by rule " + x.decision.rule, 2048);
  }
}

bool has(const ClientRequest& request, const policy::Approval& vote) {
  return std::find(request.approvals.begin(), request.approvals.end(), vote) != request.approvals.end();
}

Refusal not_pending(const RequestRecord& record) {
  return {409, "not_pending",
          "the request is " + std::string(storage::to_text(record.request_state())) + ": it waits for nobody",
          std::nullopt};
}

Refusal already_final(const RequestRecord& record) {
  return {409, "already_final", "the request is " + std::string(storage::to_text(record.request_state())),
          std::nullopt};
}

}  // namespace

Digest digest_of(const RequestRecord& record) {
  const bool withdrawn =
      record.request_state() == RequestState::rejected || record.request_state() == RequestState::cancelled;
  return withdrawn ? sha256(view_of("withdrawn " + record.id.text)) : sha256(encode(record.original));
}

ClientRequest joined(const ClientRequest& base, const ClientRequest& other) {
  ClientRequest out = base;
  for (const policy::Approval& vote : other.approvals)
    if (!has(out, vote) && out.approvals.size() < out.approvals.max_count) out.approvals.push_back(vote);
  for (const http::SignedRequest& c : other.cancellation)
    if (std::find(out.cancellation.begin(), out.cancellation.end(), c) == out.cancellation.end() &&
        out.cancellation.size() < out.cancellation.max_count)
      out.cancellation.push_back(c);
  for (const auto& rule : other.exceeded) add_exceeded(out, {rule.text});
  return out;
}

Approvals::Approvals(const World& world, Requests& requests, const PeerView& peers, Hooks hooks)
    : world_(world), requests_(requests), peers_(peers), hooks_(std::move(hooks)) {}

void Approvals::ask(const ClientRequest& original, Told told) {
  take(original, {world_.me.id, std::move(told)}, kRetries);
}

void Approvals::vote(const std::string& id, const policy::Approval& vote, Told told) {
  const auto record = requests_.load(id);
  if (!record) return told(Refusal{404, "not_found", "no such request", std::nullopt});
  const std::string& user = vote.approver;
  const bool asked = std::any_of(record->needs.begin(), record->needs.end(),
                                 [&](const NeedSeen& need) { return world_.policy->is_member(user, need.group.text); });
  if (!asked) return told(Refusal{403, "not_an_approver", "no rule asks " + user + " about the request", std::nullopt});
  if (has(record->original, vote)) return take(record->original, {world_.me.id, std::move(told)}, kRetries);
  if (record->request_state() != RequestState::pending_approval || !record->lives(world_.clock.wall()))
    return told(not_pending(*record));
  ClientRequest with_vote = record->original;
  if (with_vote.approvals.size() == with_vote.approvals.max_count) with_vote.approvals.pop_back();
  with_vote.approvals.insert(with_vote.approvals.begin(), vote);
  const auto examined = examine(with_vote, world_);
  if (const auto* refused = std::get_if<Refusal>(&examined)) return told(*refused);
  const Examined& x = *std::get<SharedExamined>(examined);
  if (user == record->requested_by.text && !x.decision.self_approve)
    return told(Refusal{403, "not_an_approver", "who asks for it does not approve it", std::nullopt});
  if (const auto fault = policy::fault_in(vote, *world_.policy->user_of(user), policy::to_json(x.intent)))
    return told(Refusal{400, "malformed_body", fault->what, fault->pointer});
  // Whatever has happened to the request meanwhile: it was not said to it unless it is there.
  take(with_vote,
       {world_.me.id,
        [told = std::move(told), vote](const Answer& answer) {
          const auto* after = std::get_if<RequestRecord>(&answer);
          const bool there =
              after == nullptr ||
              std::any_of(after->original.approvals.begin(), after->original.approvals.end(),
                          [&](const auto& v) { return v.approver == vote.approver && v.vote >= vote.vote; });
          told(there ? answer : Answer(not_pending(*after)));
        }},
       kRetries);
}

void Approvals::cancel(const std::string& id, const std::string& user, const http::SignedRequest& cancellation,
                       Told told) {
  const auto record = requests_.load(id);
  if (!record || (record->requested_by.text != user && !world_.policy->is_admin(user)))
    return told(Refusal{404, "not_found", "no such request of this user", std::nullopt});
  const bool over = !record->open() && record->request_state() != RequestState::cancelled && !record->retryable;
  if (over) return told(already_final(*record));
  ClientRequest with = record->original;
  if (with.cancellation.empty()) with.cancellation.push_back(cancellation);
  take(with,
       {world_.me.id,
        [told = std::move(told)](const Answer& answer) {
          const auto* after = std::get_if<RequestRecord>(&answer);
          const bool done = after == nullptr || after->request_state() == RequestState::cancelled;
          told(done ? answer : Answer(already_final(*after)));
        }},
       kRetries);
}

void Approvals::on_replicate(const std::string& from, const Replicate& message) {
  take(message.original, {from, nullptr}, kRetries);
}

void Approvals::take(const ClientRequest& incoming, const Source& source, int retries) {
  const auto examined = examine(incoming, world_);
  const auto* x = seen_in(examined);
  if (x == nullptr) {
    if (source.told) source.told(std::get<Refusal>(examined));
    return;
  }
  if (x->freeze() != nullptr && x->freeze()->freezes) return;  // whom nobody asks: Freezes'
  const auto known = requests_.load(x->id);
  if (!known) return take_new(*x, incoming, source, retries);
  const bool plain = !x->asks_people() && incoming.cancellation.empty() && source.from != world_.me.id;
  if (!plain) take_more(*known, *x, incoming, source, retries);
}

void Approvals::take_new(const Examined& x, const ClientRequest& incoming, const Source& source, int retries) {
  const auto refuse = [&](const Refusal& refusal) {
    if (source.told) source.told(refusal);
  };
  const RequestState state = state_of(x);
  if (state == RequestState::denied) return refuse({403, "denied", "denied by rule " + x.decision.rule, std::nullopt});
  // A plain request counts while it is fresh. What people decide about has its own end.
  const WallTime now = world_.clock.wall();
  if (state == RequestState::queued && !x.asks_people() && http::check_fresh(x.who, now)) return;
  if (x.expires <= now || from_unix_seconds(x.who.created) > now + limits::kClockAhead)
    return refuse({410, "expired", "the request's time is over", std::nullopt});
  if (requests_.nonce_used_by_other(x.who.user, x.who.nonce, x.id)) return refuse(refusal_of(http::nonce_replayed()));
  const bool open = storage::is_open(state);
  if (const auto unfit = x.outdated(); unfit && open) return refuse(*unfit);
  const bool full = open && world_.store.open_request_count() >= limits::kMaxOpenRequests;
  if (full || ((x.asks_people() || !open) && !is_room_for(x.who.user, state)))
    return refuse({503, "overloaded", "too many requests are open on this node", std::nullopt});
  RequestRecord record = new_record(x, incoming, source.from);
  record.set_state(state);
  name_end(record, x);
  storage::Batch batch;
  batch.insert_request(row_of(record));
  requests_.add_nonce(batch, x.who.user, x.who.nonce, record);
  if (state != RequestState::queued || x.asks_people())
    batch.append_audit(requests_.audit(std::string(storage::to_text(state)), record, Json{{"rule", record.rule.text}}));
  store(std::move(batch), x, record, source, retries, incoming);
}

void Approvals::take_more(const RequestRecord& known, const Examined& x, const ClientRequest& incoming,
                          const Source& source, int retries) {
  const auto refuse = [&](const Refusal& refusal) {
    if (source.told) source.told(refusal);
  };
  if (known.original.body != incoming.body)
    return refuse({409, "idempotency_conflict", "the same request id stands for another body", std::nullopt});
  // Its client may have signed it twice. While nobody works on it the one that more people have approved goes on, else
  // the older one: the same on every node.
  const WallTime now = world_.clock.wall();
  const auto look = [&](const ClientRequest& one, const ClientRequest& other) {
    ClientRequest both = joined(one, other);
    auto examined = examine(both, world_);
    if (const auto* seen = seen_in(examined)) both = in_normal_form(both, seen->consent);
    return std::pair(std::move(both), std::move(examined));
  };
  auto merged = look(known.original, incoming);
  const bool same_signed = as_signed(known.original) == as_signed(incoming);
  if (!same_signed && known.request_state() == RequestState::pending_approval) {
    const auto rank = [&](const Examination& e) {
      const auto* seen = seen_in(e);
      if (seen == nullptr || !seen->asks_people() || seen->expires <= now)
        return std::tuple<bool, std::size_t, std::int64_t>{};
      return std::tuple<bool, std::size_t, std::int64_t>{seen->consent.given(), 1 + seen->consent.votes.size(),
                                                         -seen->who.created};
    };
    auto other = look(incoming, known.original);
    if (rank(other.second) > rank(merged.second)) merged = std::move(other);
  }
  const auto* m = seen_in(merged.second);
  if (m == nullptr) return refuse(std::get<Refusal>(merged.second));

  RequestState state = state_of(*m);
  const bool withdrawn = state == RequestState::cancelled || state == RequestState::rejected;
  const bool may_change = known.open() || (withdrawn && known.request_state() == RequestState::failed &&
                                           known.retryable && known.lives(now));
  if (merged.first == known.original || !may_change)
    return already(x, known,
                   (same_signed && in_normal_form(incoming, x.consent) == known.original) ||
                       (!known.open() && (x.consent.cancelled || x.consent.rejected)),
                   source);

  RequestRecord record = new_record(*m, merged.first, known.coordinator);
  record.attempts = known.attempts;
  record.blame = known.blame;
  record.silent = known.silent;
  record.released = requests_.released(x.id);
  if (withdrawn && record.released)
    return refuse({409, "too_late", "this node has done its part already: it may be complete elsewhere", std::nullopt});
  // What waits for its time waits anew if it is approved under another policy than it waited under.
  const bool anew = known.request_state() == RequestState::scheduled && m->intent_jcs != known.intent.text;
  if (state == RequestState::queued && known.request_state() != RequestState::pending_approval && !anew)
    state = known.request_state();
  if (state == RequestState::scheduled) record.result = known.result;  // since when it waits
  record.set_state(state);
  name_end(record, *m);
  storage::Batch batch;
  batch.update_request(row_of(record), {known.request_state()});
  if (withdrawn) requests_.expect_unreleased(batch, x.id);
  if (withdrawn && m->create() != nullptr) batch.release_name(m->intent.key_name, m->id);
  Json votes = Json::array();
  for (const policy::Approval& vote : m->consent.votes) votes.push_back(policy::to_json(vote));
  batch.append_audit(
      requests_.audit("votes", record, Json{{"state", std::string(storage::to_text(state))}, {"votes", votes}}));
  store(std::move(batch), *m, record, source, retries, incoming);
}

void Approvals::store(storage::Batch batch, const Examined& x, const RequestRecord& record, const Source& source,
                      int retries, const ClientRequest& incoming) {
  requests_.commit(std::move(batch), record,
                   [this, x, record, source, retries, incoming](const storage::CommitResult& result) {
                     if (result.ok()) return stored(x, record, source);
                     const bool raced = result.status == storage::CommitStatus::conflict;
                     if (raced && retries > 0) return take(incoming, source, retries - 1);
                     if (source.told)
                       source.told(Refusal{503, "storage", "this node cannot store the request", std::nullopt});
                   });
}

void Approvals::stored(const Examined& x, const RequestRecord& record, const Source& source) {
  const bool plain = !x.asks_people() && record.open();
  if (plain) return;  // its coordinator tells of it
  Known& known = know(x, record);
  if (source.told) known.waiting.push_back({source.told, world_.clock.steady() + limits::kProposalTimeout});
  if (source.from != world_.me.id) held(source.from, record);
  spread(record.id, known);
  if (!record.open()) hooks_.final(record);
  settle(record.id);
  if (record.request_state() == RequestState::queued) go_on(record.id);
}

// Nothing new for this node. `same`: nor for the other one.
void Approvals::already(const Examined& x, const RequestRecord& record, bool same, const Source& source) {
  const bool withdrawn =
      record.request_state() == RequestState::rejected || record.request_state() == RequestState::cancelled;
  const bool tells = (record.open() && x.asks_people()) || withdrawn;
  if (source.from == world_.me.id) {
    if (!source.told) return;
    if (!tells) return source.told(record);
    Known& known = know(x, record);
    known.waiting.push_back({source.told, world_.clock.steady() + limits::kProposalTimeout});
    spread(record.id, known);
    return settle(record.id);
  }
  if (!tells) {
    // It has the request itself, so it may know the end.
    if (const auto word = word_of_end(record, world_)) world_.mesh.send(source.from, *word);
    return;
  }
  Known& known = know(x, record);
  held(source.from, record);
  if (same) {
    if (known.audience.contains(source.from)) known.holders.insert(source.from);
    return settle(record.id);
  }
  // Once: should each of them know something that does not count for the other, they would go on for ever.
  if (Digest& answered = known.answered[source.from]; answered != known.digest) {
    answered = known.digest;
    Replicate mine;
    mine.original = record.original;
    world_.mesh.send(source.from, envelope_of(mine));
  }
}

}  // namespace quorate::node

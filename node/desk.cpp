#include "node/desk.h"

#include <nlohmann/json.hpp>

#include "node/outcome.h"

namespace quorate::node {
namespace {

using storage::RequestState;
constexpr auto kExpireEvery = Seconds(2);
constexpr auto kExpireGrace = Seconds(10);  // after a request's end, for an outcome on its way

}  // namespace

Desk::Desk(const World& world, SessionHost& host)
    : world_(world),
      host_(host),
      requests_(world),
      participant_(world, requests_, host, [this](const Report& report) { coordinator_.on_report(world_.me.id, report); }),
      coordinator_(world, requests_, host, participant_),
      healer_(world, requests_, [this](const RequestRecord& record) {
        participant_.on_final(record.id);
        coordinator_.on_final(record);
      }) {}

void Desk::recover() {
  for (const storage::RequestRow& row : world_.store.open_requests()) {
    const RequestRecord record = record_of(row);
    if (record.coordinator.text == world_.me.id) coordinator_.resume(record);
  }
}

void Desk::tick() {
  host_.tick();
  coordinator_.tick();
  if (world_.clock.steady() < next_expiry_) return;
  next_expiry_ = world_.clock.steady() + kExpireEvery;
  expire();
}

// What another node coordinated and never ended: over when its time is.
void Desk::expire() {
  const std::int64_t now = unix_seconds(world_.clock.wall());
  for (const storage::RequestRow& row : world_.store.open_requests()) {
    if (row.expires + kExpireGrace.count() >= now || coordinator_.coordinates(row.id) || participant_.takes_part(row.id)) continue;
    RequestRecord record = record_of(row);
    record.set_state(RequestState::failed);
    record.code = "no_outcome";
    record.reason = "the coordinating node told no outcome in time";
    record.retryable = !record.released;
    storage::Batch batch;
    batch.update_request(row_of(record), {row.state});
    if (record.kind.text == policy::name_of(policy::Kind::create_key)) batch.release_name(record.key_name, record.id);
    batch.append_audit(requests_.audit("failed", record, Json{{"code", record.code.text}}));
    requests_.commit(std::move(batch), record, [](const storage::CommitResult&) {});
  }
  storage::Batch batch;
  batch.forget_before(now);
  requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
}

void Desk::post(std::function<void()> work) noexcept {
  try {
    if (!world_.desk.post(std::move(work))) ++dropped_;
  } catch (const std::exception&) {
    ++dropped_;
  }
}

void Desk::on_peer_up(const std::string& node, const peers::Hello& hello) noexcept {
  const bool same_policy = hello.policy_digest == world_.policy.digest() && hello.cluster_document == world_.cluster.digest();
  post([this, node, same_policy] {
    if (!same_policy) world_.log(LogLevel::warn, node + " has another policy or cluster document: it will refuse to take part");
    coordinator_.on_peer_up(node);
    healer_.on_peer_up(node);
  });
}

void Desk::on_peer_down(const std::string& node) noexcept {
  try {
    host_.peer_lost(node);
  } catch (const std::exception&) {
    ++dropped_;
  }
  post([this, node] { coordinator_.on_peer_down(node); });
}

void Desk::on_envelope(const std::string& from, Envelope envelope) noexcept {
  try {
    if (!envelope.tag.starts_with("node/")) return host_.deliver(from, std::move(envelope));
  } catch (const std::exception&) {
    ++dropped_;
    return;
  }
  post([this, from, envelope = std::move(envelope)] {
    try {
      dispatch(from, envelope);
    } catch (const Malformed& e) {
      ++malformed_;
      world_.log(LogLevel::warn, from + " sent a message that does not decode: " + e.what());
    }
  });
}

void Desk::dispatch(const std::string& from, const Envelope& e) {
  if (e.tag == Propose::tag) participant_.on_propose(from, decode<Propose>(e.body));
  else if (e.tag == Begin::tag) participant_.on_begin(from, decode<Begin>(e.body));
  else if (e.tag == Stop::tag) participant_.on_stop(from, decode<Stop>(e.body));
  else if (e.tag == Accept::tag) coordinator_.on_accept(from, decode<Accept>(e.body));
  else if (e.tag == Refuse::tag) coordinator_.on_refuse(from, decode<Refuse>(e.body));
  else if (e.tag == Report::tag) coordinator_.on_report(from, decode<Report>(e.body));
  else if (e.tag == Replicate::tag) replicate(from, decode<Replicate>(e.body));
  else if (e.tag == Outcome::tag) {
    take_outcome(from, decode<Outcome>(e.body), requests_, world_, [this](const RequestRecord& record) {
      participant_.on_final(record.id);
      coordinator_.on_final(record);
    });
  } else if (e.tag == CertificateQuery::tag) healer_.on_query(from, decode<CertificateQuery>(e.body));
  else if (e.tag == CertificateSignature::tag) healer_.on_signature(from, decode<CertificateSignature>(e.body));
  else if (e.tag == CertificateComplete::tag) healer_.on_certificate(from, decode<CertificateComplete>(e.body));
  else if (e.tag == KeyList::tag) healer_.on_keys(from, decode<KeyList>(e.body));
  else ++malformed_;
}

void Desk::replicate(const std::string& from, const Replicate& message) {
  auto examined = examine(message.original, world_);
  const auto* x = std::get_if<Examined>(&examined);
  if (x == nullptr || !x->decision.allowed() || http::check_fresh(x->who, world_.clock.wall()) || requests_.load(x->id)) return;
  if (requests_.nonce_used_by_other(x->who.user, x->who.nonce, x->id)) return;
  if (world_.store.open_request_count() >= limits::kMaxOpenRequests) return;
  RequestRecord record = new_record(*x, message.original, from);
  record.set_state(RequestState::queued);
  storage::Batch batch;
  batch.insert_request(row_of(record));
  requests_.add_nonce(batch, x->who.user, x->who.nonce, record);
  requests_.commit(std::move(batch), [](const storage::CommitResult&) {});
}

}  // namespace quorate::node

#include "node/requests.h"

#include <nlohmann/json.hpp>

namespace quorate::node {
namespace {

// Bytes of facts that an entry of the audit log holds itself; of more only their digest, the request has them.
constexpr std::size_t kMostAuditedFacts = 16 * 1024;

std::string nonce_name(const std::string& user, const std::string& nonce) { return "nonce/" + user + "/" + nonce; }
std::string released_name(const std::string& id) { return "released/" + id; }
std::int64_t forget_after(const RequestRecord& record) {
  return static_cast<std::int64_t>(record.expires) + Seconds(limits::kRequestMemory).count();
}

}  // namespace

std::optional<RequestRecord> Requests::load(const std::string& id) const {
  const auto row = world_.store.request(id);
  if (!row) return std::nullopt;
  return record_of(*row);
}

void Requests::commit(storage::Batch batch, Then then) {
  world_.store.commit(std::move(batch),
                      [&desk = world_.desk, then = std::move(then)](const storage::CommitResult& result) {
                        desk.post_always([then, result] { then(result); });
                      });
}

void Requests::commit(storage::Batch batch, RequestRecord record, Then then) {
  commit(std::move(batch),
         [this, record = std::move(record), then = std::move(then)](const storage::CommitResult& result) {
           if (result.ok()) tell(record);
           then(result);
         });
}

void Requests::schedule(const RequestRecord& record, std::chrono::hours delay, Json more, std::function<void()> then) {
  more["effective_at"] = to_rfc3339(from_unix_seconds(unix_seconds(world_.clock.wall())) + delay);
  RequestRecord waits = record;
  waits.set_state(storage::RequestState::scheduled);
  waits.result = more.dump();
  storage::Batch batch;
  batch.update_request(row_of(waits), {record.request_state()});
  batch.append_audit(audit("scheduled", waits, std::move(more)));
  commit(std::move(batch), [then = std::move(then)](const storage::CommitResult& result) {
    if (result.ok()) then();
  });
}

void Requests::supersede(const RequestRecord& record, const std::string& why, const std::string& code,
                         std::function<void(const RequestRecord&)> then) {
  RequestRecord ended = record;
  ended.set_state(storage::RequestState::failed);
  ended.code = code;
  ended.reason = cut(why, 2048);
  ended.result = "";
  ended.retryable = false;
  storage::Batch batch;
  batch.update_request(row_of(ended), {record.request_state()});
  batch.append_audit(audit("failed", ended, Json{{"code", code}}));
  commit(std::move(batch), ended, [ended, then = std::move(then)](const storage::CommitResult& result) {
    if (result.ok()) then(ended);
  });
}

void Requests::wait(const std::string& id, std::uint64_t ticket, Waiter waiter) {
  waiting_[id].emplace_back(ticket, std::move(waiter));
}

bool Requests::forget(const std::string& id, std::uint64_t ticket) {
  const auto it = waiting_.find(id);
  if (it == waiting_.end()) return false;
  const bool there = std::erase_if(it->second, [&](const auto& w) { return w.first == ticket; }) != 0;
  if (it->second.empty()) waiting_.erase(it);
  return there;
}

void Requests::tell(const RequestRecord& record) {
  if (record.open()) return;
  auto node = waiting_.extract(record.id.text);
  if (node.empty()) return;
  for (auto& [ticket, waiter] : node.mapped()) waiter(record);
}

bool Requests::nonce_used_by_other(const std::string& user, const std::string& nonce, const std::string& id) const {
  const auto holder = world_.store.meta(nonce_name(user, nonce));
  return holder && text_of(*holder) != id;
}

void Requests::add_nonce(storage::Batch& batch, const std::string& user, const std::string& nonce,
                         const RequestRecord& record) const {
  batch.put_meta(nonce_name(user, nonce), secret_bytes(view_of(record.id.text)), forget_after(record));
}

bool Requests::released(const std::string& id) const { return world_.store.meta(released_name(id)).has_value(); }

void Requests::add_released(storage::Batch& batch, const RequestRecord& record) {
  const std::uint8_t yes = 1;
  batch.put_meta(released_name(record.id), secret_bytes(ByteView(&yes, 1)),
                 forget_after(record) + Seconds(limits::kIdempotencyMemory).count());
}

void Requests::expect_unreleased(storage::Batch& batch, const std::string& id) const {
  batch.expect_meta(released_name(id), std::nullopt);
}

storage::AuditEntry Requests::audit(const std::string& kind, const RequestRecord& record, Json detail) const {
  detail["kind"] = record.kind.text;
  detail["user"] = record.requested_by.text;
  detail["key"] = record.key_name.text;
  detail["coordinator"] = record.coordinator.text;
  if (!record.original.approvals.empty()) {
    detail["approved_by"] = Json::array();
    for (const policy::Approval& vote : record.original.approvals)
      if (vote.vote == static_cast<std::uint8_t>(policy::Vote::approve))
        detail["approved_by"].push_back(vote.approver.text);
  }
  if (!record.payload_kind.text.empty()) {
    detail["payload"] = record.payload_kind.text;
    detail.update(record.bound != nullptr
                      ? *record.bound
                      : policy::what_is_signed(policy::parse_intent(Json::parse(record.intent.text))));
    if (!record.facts.text.empty() && record.facts.text.size() <= kMostAuditedFacts)
      detail["facts"] = Json::parse(record.facts.text);
  }
  storage::AuditEntry entry;
  entry.time = unix_seconds(world_.clock.wall());
  entry.kind = kind;
  entry.request = record.id.text;
  entry.text = to_jcs(detail);
  return entry;
}

}  // namespace quorate::node

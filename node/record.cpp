#include "node/record.h"

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/hash.h"
#include "policy/kinds.h"
#include "storage/store.h"

namespace quorate::node {
namespace {

// As version 1 wrote it: without facts.
struct RecordOfVersion1 {
  RequestRecord record;
  static auto fields(auto& m) {
    auto& r = m.record;
    return std::tie(r.version, r.id, r.kind, r.state, r.code, r.reason, r.retryable, r.requested_by, r.coordinator,
                    r.created, r.expires, r.key_id, r.key_name, r.payload_kind, r.policy_version, r.rule, r.decision,
                    r.intent, r.result, r.blame, r.silent, r.attempts, r.released, as_signed(r.original));
  }
};

// As version 2 wrote it: people had nothing to say.
struct RecordOfVersion2 {
  RequestRecord record;
  static auto fields(auto& m) {
    auto& r = m.record;
    return std::tie(r.version, r.id, r.kind, r.state, r.code, r.reason, r.retryable, r.requested_by, r.coordinator,
                    r.created, r.expires, r.key_id, r.key_name, r.payload_kind, r.policy_version, r.rule, r.decision,
                    r.intent, r.facts, r.result, r.blame, r.silent, r.attempts, r.released, as_signed(r.original));
  }
};

// As version 3 wrote it: nothing was exceeded.
struct RecordOfVersion3 {
  RequestRecord record;
  static auto fields(auto& m) {
    auto& r = m.record;
    return std::tie(r.version, r.id, r.kind, r.state, r.code, r.reason, r.retryable, r.requested_by, r.coordinator,
                    r.created, r.expires, r.key_id, r.key_name, r.payload_kind, r.policy_version, r.rule, r.decision,
                    r.intent, r.facts, r.result, r.blame, r.silent, r.attempts, r.released, r.needs,
                    with_consent(r.original));
  }
};

// An old record becomes one of today with the next update of its row.
RequestRecord decode_any_version(const storage::RequestRow& row) {
  std::uint16_t version = 0;
  wire::Reader(row.record).get(version);
  if (version == kRecordVersion) return decode<RequestRecord>(row.record);
  RequestRecord record;
  if (version == 1)
    record = decode<RecordOfVersion1>(row.record).record;
  else if (version == 2)
    record = decode<RecordOfVersion2>(row.record).record;
  else if (version == 3)
    record = decode<RecordOfVersion3>(row.record).record;
  else
    throw storage::StorageCorrupt("request " + row.id + ": the record is of an unknown version");
  record.version = kRecordVersion;
  return record;
}

Json policy_view(const RequestRecord& r) {
  Json view{{"version", r.policy_version}, {"decision", r.decision.text}, {"rule", r.rule.text}};
  for (const auto& rule : r.original.exceeded) view["exceeded"].push_back(rule.text);
  return view;
}

}  // namespace

void RequestRecord::name_silent(const std::string& node) {
  const bool named = std::any_of(silent.begin(), silent.end(), [&](const auto& s) { return s.text == node; });
  if (!named && silent.size() < limits::kMaxParties) silent.push_back(node);
}

std::string cut(std::string_view text, std::size_t most) {
  if (!is_valid_utf8(text)) {
    std::string plain;
    for (const char c : text.substr(0, most)) plain += static_cast<unsigned char>(c) < 0x80 ? c : '?';
    return plain;
  }
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return std::string(text.substr(0, most));
}

bool changes_documents(const RequestRecord& record) {
  return record.kind.text == policy::name_of(policy::Kind::change_policy) ||
         record.kind.text == policy::name_of(policy::Kind::change_cluster);
}

storage::RequestRow row_of(const RequestRecord& record) {
  storage::RequestRow row;
  row.id = record.id;
  row.kind = record.kind;
  row.state = record.request_state();
  row.user = record.requested_by;
  row.key = record.key_name;
  row.content_digest = sha256(record.original.body);
  row.created = static_cast<std::int64_t>(record.created);
  row.expires = static_cast<std::int64_t>(record.expires);
  row.forget_after = row.expires + std::chrono::seconds(limits::kIdempotencyMemory).count();
  row.record = encode(record);
  return row;
}

RequestRecord record_of(const storage::RequestRow& row) {
  try {
    RequestRecord record = decode_any_version(row);
    if (record.id.text != row.id)
      throw storage::StorageCorrupt("request " + row.id + ": the record is another request's");
    // The column is what preconditions are checked against: it decides.
    record.set_state(row.state);
    return record;
  } catch (const Malformed& e) {
    throw storage::StorageCorrupt("request " + row.id + ": " + e.what());
  }
}

Json request_view(const RequestRecord& r, bool full) {
  Json view{{"id", r.id.text},
            {"kind", r.kind.text},
            {"state", std::string(storage::to_text(r.request_state()))},
            {"created_at", to_rfc3339(from_unix_seconds(static_cast<std::int64_t>(r.created)))},
            {"expires_at", to_rfc3339(from_unix_seconds(static_cast<std::int64_t>(r.expires)))},
            {"requested_by", r.requested_by.text},
            {"coordinator", r.coordinator.text},
            {"policy", policy_view(r)},
            {"approvals", Json::array()},
            {"needs", Json::array()}};
  for (const policy::Approval& a : r.original.approvals) view["approvals"].push_back(policy::to_json(a));
  for (const NeedSeen& n : r.needs)
    view["needs"].push_back({{"group", n.group.text}, {"min", n.min}, {"have", n.have}});
  if (!r.code.text.empty()) view["reason"] = {{"code", r.code.text}, {"detail", r.reason.text}};
  if (r.request_state() == storage::RequestState::failed) view["retryable"] = r.retryable;
  if (!r.key_id.text.empty() || !r.key_name.text.empty())
    view["key"] = {{"id", r.key_id.text}, {"name", r.key_name.text}};
  if (!r.result.text.empty() && r.open())
    view.update(Json::parse(r.result.text));  // scheduled: effective_at, loosens
  else if (!r.result.text.empty())
    view["result"] = Json::parse(r.result.text);
  Json blame = Json::array();
  for (const Blame& b : r.blame)
    blame.push_back({{"node", b.node.text}, {"check", b.check.text}, {"round", b.round.text}});
  if (!blame.empty()) view["blame"] = std::move(blame);
  Json silent = Json::array();
  for (const auto& node : r.silent) silent.push_back(node.text);
  if (!silent.empty()) view["silent"] = std::move(silent);
  if (full) {
    if (!r.intent.text.empty()) view["intent"] = Json::parse(r.intent.text);
    if (!r.facts.text.empty()) view["facts"] = Json::parse(r.facts.text);
    // Accepted once, so it parses; what is shown is what was signed by the requester.
    const Json body = Json::parse(text_of(r.original.body), nullptr, false);
    if (body.is_object() && body.contains("payload")) view["payload"] = body["payload"];
    if (body.is_object() && body.contains("memo")) view["memo"] = body["memo"];
    if (body.is_object() && r.kind.text != policy::name_of(policy::Kind::sign)) view["body"] = body;
  }
  return view;
}

}  // namespace quorate::node

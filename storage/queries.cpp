#include "storage/queries.h"

#include <algorithm>

#include "storage/stored_record.h"

namespace quorate::storage::queries {
namespace {

// A number from a row as a member of its enum, or the row is not ours.
template <class State>
State state_in(const Query& q, int column, State least, State most) {
  const std::int64_t v = q.integer(column);
  if (v < static_cast<std::int64_t>(least) || v > static_cast<std::int64_t>(most))
    throw StorageCorrupt("a row with an unknown state");
  return static_cast<State>(v);
}

const std::string kRequest =
    "SELECT id, kind, state, user, key, content_digest, created, expires, forget_after, record FROM requests ";
RequestRow request_in(const Query& q) {
  RequestRow r;
  r.id = q.text(0);
  r.kind = q.text(1);
  r.state = state_in(q, 2, RequestState::pending_approval, RequestState::failed);
  r.user = q.text(3);
  r.key = q.text(4);
  r.content_digest = q.digest(5);
  r.created = q.integer(6);
  r.expires = q.integer(7);
  r.forget_after = q.integer(8);
  r.record = q.secret(9);
  return r;
}

const std::string kKey = "SELECT id, name, algorithm, state, number, certificate, record FROM keys ";
KeyRow key_in(const Query& q) {
  KeyRow r;
  r.id = q.text(0);
  r.name = q.text(1);
  r.algorithm = q.text(2);
  r.state = state_in(q, 3, KeyState::prepared, KeyState::archived);
  r.number = q.number(4);
  r.certificate = q.bytes(5);
  r.record = q.bytes(6);
  return r;
}

ShareInfo share_info_in(const Query& q) {
  ShareInfo r;
  r.key = q.text(0);
  r.number = q.number(1);
  r.party = static_cast<std::uint16_t>(q.integer(2));
  r.state = state_in(q, 3, ShareState::prepared, ShareState::active);
  r.record = q.bytes(4);
  return r;
}
const std::string kShare = "SELECT key, number, party, state, record, blob FROM shares ";
ShareRow share_in(const Query& q, const Identity& identity) {
  ShareInfo info = share_info_in(q);
  SecretBytes blob = open_share(identity, info, q.blob(5));
  return {info.key, info.number, info.party, info.state, std::move(blob), std::move(info.record)};
}

// One more than asked for was read: whether there is a next page.
template <class Row>
Page<Row> page_of(std::vector<Row> rows, std::size_t limit, auto cursor_of) {
  Page<Row> page{std::move(rows), std::nullopt};
  if (page.items.size() > limit) {
    page.items.resize(limit);
    if (limit != 0) page.next = cursor_of(page.items.back());
  }
  return page;
}

std::int64_t one_more(std::size_t limit) {
  return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT32_MAX)) + 1;
}

}  // namespace

std::optional<RequestRow> request(Connection& c, const std::string& id) {
  Query q(c, kRequest + "WHERE id = ?");
  if (!q.bind(id).row()) return std::nullopt;
  return request_in(q);
}

Page<RequestRow> requests(Connection& c, const RequestFilter& filter, std::size_t limit,
                          const std::optional<Cursor>& after) {
  std::string sql = kRequest + "WHERE TRUE";
  if (filter.state) sql += " AND state = ?";
  if (filter.kind) sql += " AND kind = ?";
  if (filter.key) sql += " AND key = ?";
  if (filter.user) sql += " AND user = ?";
  if (after) sql += " AND (created, id) < (?, ?)";
  sql += " ORDER BY created DESC, id DESC LIMIT ?";
  Query q(c, sql);
  if (filter.state) q.bind(static_cast<std::int64_t>(*filter.state));
  if (filter.kind) q.bind(*filter.kind);
  if (filter.key) q.bind(*filter.key);
  if (filter.user) q.bind(*filter.user);
  if (after) q.bind(after->time).bind(after->id);
  q.bind(one_more(limit));
  std::vector<RequestRow> rows;
  for (std::size_t bytes = 0; rows.size() <= limit && q.row();) {
    if (bytes >= kMaxPageBytes) limit = rows.size();
    bytes += rows.emplace_back(request_in(q)).record.size();
  }
  return page_of(std::move(rows), limit, [](const RequestRow& r) { return Cursor{r.created, r.id}; });
}

std::vector<RequestRow> open_requests(Connection& c) {
  Query q(c, kRequest + "WHERE state BETWEEN 1 AND 4 ORDER BY created, id");
  std::vector<RequestRow> rows;
  while (q.row()) rows.push_back(request_in(q));
  return rows;
}

// Records lie at the end of a row: those of the others are not read.
std::vector<RequestRow> overdue_requests(Connection& c, std::int64_t now) {
  Query q(c, kRequest + "WHERE state BETWEEN 1 AND 4 AND expires < ? ORDER BY created, id");
  q.bind(now);
  std::vector<RequestRow> rows;
  while (q.row()) rows.push_back(request_in(q));
  return rows;
}

std::size_t open_request_count(Connection& c) {
  Query q(c, "SELECT count(*) FROM requests WHERE state BETWEEN 1 AND 4");
  q.row();
  return static_cast<std::size_t>(q.integer(0));
}

std::optional<KeyRow> key_by_id(Connection& c, const std::string& id) {
  Query q(c, kKey + "WHERE id = ?");
  if (!q.bind(id).row()) return std::nullopt;
  return key_in(q);
}

std::optional<KeyRow> key_by_name(Connection& c, const std::string& name) {
  Query q(c, kKey + "WHERE name = ?");
  if (!q.bind(name).row()) return std::nullopt;
  return key_in(q);
}

Page<KeyRow> keys(Connection& c, std::size_t limit, const std::optional<Cursor>& after) {
  Query q(c, kKey + "WHERE name > ? ORDER BY name LIMIT ?");
  const std::string from = after ? after->id : std::string();
  q.bind(from).bind(one_more(limit));
  std::vector<KeyRow> rows;
  while (q.row()) rows.push_back(key_in(q));
  return page_of(std::move(rows), limit, [](const KeyRow& r) { return Cursor{0, r.name}; });
}

std::optional<std::string> name_holder(Connection& c, const std::string& name) {
  Query q(c, "SELECT request FROM names WHERE name = ?");
  if (!q.bind(name).row()) return std::nullopt;
  return q.text(0);
}

std::optional<ShareRow> share(Connection& c, const Identity& identity, const std::string& key, std::uint64_t number) {
  if (number > INT64_MAX) return std::nullopt;
  Query q(c, kShare + "WHERE key = ? AND number = ?");
  if (!q.bind(key).bind(number).row()) return std::nullopt;
  return share_in(q, identity);
}

std::optional<ShareRow> active_share(Connection& c, const Identity& identity, const std::string& key) {
  Query q(c, kShare + "WHERE key = ? AND state = 2");
  if (!q.bind(key).row()) return std::nullopt;
  return share_in(q, identity);
}

std::vector<ShareInfo> prepared_shares(Connection& c) {
  Query q(c, "SELECT key, number, party, state, record FROM shares WHERE state = 1 ORDER BY key, number");
  std::vector<ShareInfo> rows;
  while (q.row()) rows.push_back(share_info_in(q));
  return rows;
}

std::vector<QuarantineRow> quarantines(Connection& c, const std::string& key) {
  Query q(c,
          "SELECT key, number, certificate, by, node, since, reason, signature FROM quarantines WHERE key = ? "
          "ORDER BY certificate, by, node");
  q.bind(key);
  std::vector<QuarantineRow> rows;
  while (q.row()) {
    QuarantineRow r;
    r.key = q.text(0);
    r.number = q.number(1);
    r.certificate = q.digest(2);
    r.by = q.text(3);
    r.node = q.text(4);
    r.since = q.integer(5);
    r.reason = q.text(6);
    const ByteView signature = q.blob(7);
    if (signature.size() != r.signature.size()) throw StorageCorrupt("a quarantine whose signature has a wrong length");
    std::copy(signature.begin(), signature.end(), r.signature.begin());
    rows.push_back(std::move(r));
  }
  return rows;
}

std::vector<std::string> quarantined_keys(Connection& c, const std::string& after, std::size_t limit) {
  Query q(c, "SELECT DISTINCT key FROM quarantines WHERE key > ? ORDER BY key LIMIT ?");
  q.bind(after).bind(one_more(limit) - 1);
  std::vector<std::string> keys;
  while (q.row()) keys.push_back(q.text(0));
  return keys;
}

std::uint64_t strikes(Connection& c, const std::string& key, const Digest& certificate, const std::string& node) {
  Query q(c, "SELECT count FROM strikes WHERE key = ? AND certificate = ? AND node = ?");
  return q.bind(key).bind(ByteView(certificate)).bind(node).row() ? q.number(0) : 0;
}

bool claimed(Connection& c, const std::string& kind, const std::string& id) {
  Query q(c, "SELECT 1 FROM claims WHERE kind = ? AND id = ?");
  return q.bind(kind).bind(id).row();
}

std::vector<AuditRecord> audit(Connection& c, std::uint64_t after_seq, std::size_t limit) {
  std::vector<AuditRecord> rows;
  if (after_seq > INT64_MAX) return rows;
  Query q(c, "SELECT seq, time, kind, request, text, previous, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?");
  q.bind(after_seq).bind(one_more(limit) - 1);
  while (q.row())
    rows.push_back({q.number(0), {q.integer(1), q.text(2), q.text(3), q.text(4)}, q.digest(5), q.digest(6)});
  return rows;
}

AuditHead audit_head(Connection& c, const Identity& identity) {
  Query q(c, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1");
  if (!q.row()) return audit_genesis(identity);
  return {q.number(0), q.digest(1)};
}

std::optional<SecretBytes> meta(Connection& c, const std::string& name) {
  Query q(c, "SELECT bytes FROM metas WHERE name = ?");
  if (!q.bind(name).row()) return std::nullopt;
  return q.secret(0);
}

std::vector<MetaRow> metas(Connection& c, const std::string& prefix, const std::string& after, std::size_t limit) {
  Query q(c, "SELECT name, bytes FROM metas WHERE name >= ? AND name > ? ORDER BY name LIMIT ?");
  q.bind(prefix).bind(after).bind(one_more(limit) - 1);
  std::vector<MetaRow> rows;
  while (q.row()) {
    std::string name = q.text(0);
    if (!name.starts_with(prefix)) break;  // in order, so no later one does
    rows.push_back({std::move(name), q.secret(1)});
  }
  return rows;
}

}  // namespace quorate::storage::queries

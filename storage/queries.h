// What a Store is asked, in SQL.
#pragma once
#include "storage/sqlite_connection.h"

namespace quorate::storage::queries {

std::optional<RequestRow> request(Connection& c, const std::string& id);
Page<RequestRow> requests(Connection& c, const RequestFilter& filter, std::size_t limit,
                          const std::optional<Cursor>& after);
std::vector<RequestRow> open_requests(Connection& c);
std::vector<RequestRow> overdue_requests(Connection& c, std::int64_t now);
std::size_t open_request_count(Connection& c);

std::optional<KeyRow> key_by_id(Connection& c, const std::string& id);
std::optional<KeyRow> key_by_name(Connection& c, const std::string& name);
Page<KeyRow> keys(Connection& c, std::size_t limit, const std::optional<Cursor>& after);
std::optional<std::string> name_holder(Connection& c, const std::string& name);

std::optional<ShareRow> share(Connection& c, const Identity& identity, const std::string& key, std::uint64_t number);
std::optional<ShareRow> active_share(Connection& c, const Identity& identity, const std::string& key);
std::vector<ShareInfo> prepared_shares(Connection& c);

std::vector<QuarantineRow> quarantines(Connection& c, const std::string& key);
std::vector<std::string> quarantined_keys(Connection& c, const std::string& after, std::size_t limit);
std::uint64_t strikes(Connection& c, const std::string& key, const Digest& certificate, const std::string& node);

bool claimed(Connection& c, const std::string& kind, const std::string& id);
std::vector<AuditRecord> audit(Connection& c, std::uint64_t after_seq, std::size_t limit);
AuditHead audit_head(Connection& c, const Identity& identity);
std::optional<SecretBytes> meta(Connection& c, const std::string& name);
std::vector<MetaRow> metas(Connection& c, const std::string& prefix, const std::string& after, std::size_t limit);

}  // namespace quorate::storage::queries

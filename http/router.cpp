#include "http/router.h"

#include <algorithm>

#include "base/check.h"

namespace quorate::http {
namespace {

enum class Subject { none, key, request, node, recovery };

struct Entry {
  RouteInfo info;
  Subject subject;
  std::vector<std::string_view> parameters;
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {{Route::create_key, "POST", "/v1/keys"}, Subject::none, {}},
      {{Route::list_keys, "GET", "/v1/keys"}, Subject::none, {"limit", "cursor"}},
      {{Route::show_key, "GET", "/v1/keys/{key}"}, Subject::key, {"network"}},
      {{Route::derive_key, "GET", "/v1/keys/{key}/derive"}, Subject::key, {"path", "network"}},
      {{Route::sign, "POST", "/v1/keys/{key}/signatures"}, Subject::key, {}},
      {{Route::refresh_key, "POST", "/v1/keys/{key}/refresh"}, Subject::key, {}},
      {{Route::reshare_key, "POST", "/v1/keys/{key}/reshare"}, Subject::key, {}},
      {{Route::archive_key, "POST", "/v1/keys/{key}/archive"}, Subject::key, {}},
      {{Route::unarchive_key, "POST", "/v1/keys/{key}/unarchive"}, Subject::key, {}},
      {{Route::inspect, "POST", "/v1/transactions/inspect"}, Subject::none, {}},
      {{Route::vote, "POST", "/v1/requests/{id}/approvals"}, Subject::request, {}},
      {{Route::cancel, "POST", "/v1/requests/{id}/cancel"}, Subject::request, {}},
      {{Route::list_requests, "GET", "/v1/requests"}, Subject::none, {"state", "kind", "key", "limit", "cursor"}},
      {{Route::show_request, "GET", "/v1/requests/{id}"}, Subject::request, {}},
      {{Route::show_node, "GET", "/v1/node"}, Subject::none, {}},
      {{Route::show_cluster, "GET", "/v1/cluster"}, Subject::none, {}},
      {{Route::add_node, "POST", "/v1/cluster/nodes"}, Subject::none, {}},
      {{Route::renew_node, "PUT", "/v1/cluster/nodes/{node}"}, Subject::node, {}},
      {{Route::remove_node, "DELETE", "/v1/cluster/nodes/{node}"}, Subject::node, {}},
      {{Route::show_policy, "GET", "/v1/policy"}, Subject::none, {"version"}},
      {{Route::change_policy, "PUT", "/v1/policy"}, Subject::none, {}},
      {{Route::simulate, "POST", "/v1/policy/simulate"}, Subject::none, {}},
      {{Route::recover, "POST", "/v1/recoveries"}, Subject::none, {}},
      {{Route::veto, "POST", "/v1/recoveries/{recovery}/veto"}, Subject::recovery, {}},
      {{Route::freeze, "POST", "/v1/freeze"}, Subject::none, {}},
      {{Route::unfreeze, "POST", "/v1/unfreeze"}, Subject::none, {}},
      {{Route::list_audit, "GET", "/v1/audit"}, Subject::none, {"after", "limit"}},
      {{Route::audit_head, "GET", "/v1/audit/head"}, Subject::none, {}},
      {{Route::events, "GET", "/v1/events"}, Subject::none, {"after"}},
  };
  return entries;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_lower_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }

// A key's name or id: [a-z0-9][a-z0-9._-]{0,63}
bool is_key(std::string_view s) {
  if (s.empty() || s.size() > 64 || !(is_lower(s[0]) || is_digit(s[0]))) return false;
  return std::all_of(s.begin(), s.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '_' || c == '-'; });
}
bool is_id(std::string_view s, std::string_view prefix) {
  return s.size() == 36 && s.starts_with(prefix) && std::all_of(s.begin() + 4, s.end(), is_lower_hex);
}
bool is_subject(Subject subject, std::string_view s) {
  switch (subject) {
    case Subject::key:
      return is_key(s);
    case Subject::node:  // a name
      return is_key(s) && s.size() <= limits::kMaxName;
    case Subject::request:
      return is_id(s, "req_");
    case Subject::recovery:
      return is_id(s, "rec_");
    case Subject::none:
      break;
  }
  impossible("a path without a subject has no part in braces");
}
bool is_one_of(std::string_view s, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), s) != all.end();
}
bool is_number(std::string_view s, std::uint64_t least, std::uint64_t most) {
  if (s.empty() || s.size() > 16 || (s.size() > 1 && s[0] == '0') || !std::all_of(s.begin(), s.end(), is_digit))
    return false;
  std::uint64_t n = 0;
  for (const char c : s) n = n * 10 + static_cast<std::uint64_t>(c - '0');
  return n >= least && n <= most;
}

bool is_allowed(std::string_view name, std::string_view value) {
  if (name == "limit") return is_number(value, 1, limits::kMaxListPage);
  if (name == "version") return is_number(value, 1, (std::uint64_t{1} << 53) - 1);
  if (name == "after") return is_number(value, 0, (std::uint64_t{1} << 53) - 1);
  if (name == "key") return is_key(value);
  if (name == "path") return !value.empty() && value.size() <= limits::kMaxAddress;  // which ones are paths: 422
  if (name == "network") return is_one_of(value, {"mainnet", "testnet", "signet", "regtest"});
  if (name == "state")
    return is_one_of(value, {"pending_approval", "queued", "running", "succeeded", "denied", "rejected", "expired",
                             "cancelled", "failed", "scheduled"});
  if (name == "kind")
    return is_one_of(value, {"create_key", "sign", "refresh", "reshare", "archive", "unarchive", "change_policy",
                             "change_cluster", "freeze", "unfreeze"});
  if (name == "cursor")
    return !value.empty() && value.size() <= 256 && std::all_of(value.begin(), value.end(), [](char c) {
      return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.' || c == '=';
    });
  return false;
}

// %XX of visible ASCII only; nullopt if malformed. Nothing is decoded twice.
std::optional<std::string> percent_decoded(std::string_view in) {
  std::string out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (in[i] != '%') {
      out += in[i];
      continue;
    }
    const auto byte = array_from_hex<1>(in.substr(i + 1, 2));
    if (!byte || (*byte)[0] <= 0x20 || (*byte)[0] > 0x7e) return std::nullopt;
    out += static_cast<char>((*byte)[0]);
    i += 2;
  }
  return out;
}

NotMatched problem(int status, std::string code, std::string detail, std::string allow = {}) {
  Problem p;
  p.status = status;
  p.code = std::move(code);
  p.detail = std::move(detail);
  return {std::move(p), std::move(allow)};
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t end = text.find(at);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

// The subject, decoded, if `path` has the form of `entry`; "" if the form has none.
std::optional<std::string> subject_of(const Entry& entry, const std::vector<std::string_view>& segments) {
  const auto form = split(entry.info.path, '/');
  if (form.size() != segments.size()) return std::nullopt;
  std::string subject;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (!form[i].starts_with('{')) {
      if (form[i] != segments[i]) return std::nullopt;
      continue;
    }
    const auto decoded = percent_decoded(segments[i]);
    if (!decoded || !is_subject(entry.subject, *decoded)) return std::nullopt;
    subject = *decoded;
  }
  return subject;
}

std::optional<NotMatched> read_query(const Entry& entry, std::string_view text, QueryParameters& out) {
  if (text.empty()) return std::nullopt;
  for (const std::string_view pair : split(text, '&')) {
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    if (equals == std::string_view::npos ||
        std::find(entry.parameters.begin(), entry.parameters.end(), name) == entry.parameters.end())
      return problem(400, "unknown_parameter", "the query has a parameter that this call does not know");
    const auto value = percent_decoded(pair.substr(equals + 1));
    if (!value || !is_allowed(name, *value))
      return problem(400, "bad_parameter", std::string(name) + " has a value that is not allowed");
    if (!out.emplace(name, *value).second) return problem(400, "bad_parameter", std::string(name) + " is given twice");
  }
  return std::nullopt;
}

}  // namespace

std::variant<Match, NotMatched> route(std::string_view method, std::string_view target) {
  const std::size_t mark = target.find('?');
  const auto segments = split(target.substr(0, mark), '/');
  const std::string_view query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  std::string allow;
  for (const Entry& entry : table()) {
    auto subject = subject_of(entry, segments);
    if (!subject) continue;
    if (entry.info.method != method) {
      allow += (allow.empty() ? "" : ", ") + std::string(entry.info.method);
      continue;
    }
    Match match{entry.info.route, std::move(*subject), {}};
    if (auto error = read_query(entry, query, match.query)) return *error;
    return match;
  }
  if (!allow.empty()) return problem(405, "method_not_allowed", "this path has other methods", allow);
  return problem(404, "not_found", "there is nothing at this path");
}

bool is_mutation(Route r) {
  switch (r) {
    case Route::create_key:
    case Route::sign:
    case Route::refresh_key:
    case Route::reshare_key:
    case Route::archive_key:
    case Route::unarchive_key:
    case Route::change_policy:
    case Route::freeze:
    case Route::unfreeze:
    case Route::add_node:
    case Route::remove_node:
      return true;
    case Route::list_keys:
    case Route::show_key:
    case Route::derive_key:
    case Route::inspect:
    case Route::vote:
    case Route::cancel:
    case Route::list_requests:
    case Route::show_request:
    case Route::show_node:
    case Route::show_cluster:
    case Route::show_policy:
    case Route::simulate:
    case Route::renew_node:
    case Route::recover:
    case Route::veto:
    case Route::list_audit:
    case Route::audit_head:
    case Route::events:
      return false;
    case Route::unset:
      break;
  }
  impossible("a call without a route");
}

bool takes_body(Route r) {
  return is_mutation(r) || r == Route::renew_node || r == Route::inspect || r == Route::simulate || r == Route::vote ||
         r == Route::cancel || r == Route::recover || r == Route::veto;
}

bool may_wait(Route r) { return takes_body(r) && r != Route::inspect && r != Route::simulate; }

bool is_after(std::string_view text) { return is_allowed("after", text); }

Json parse_body(ByteView body) {
  Json value = parse_json(text_of(body));
  if (!value.is_object()) throw JsonError("", "must be an object");
  return value;
}

const std::vector<RouteInfo>& all_routes() {
  static const std::vector<RouteInfo> all = [] {
    std::vector<RouteInfo> out;
    for (const Entry& entry : table()) out.push_back(entry.info);
    return out;
  }();
  return all;
}

}  // namespace quorate::http

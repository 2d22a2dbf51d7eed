// Keys and what is derived from them: the calls that only read.
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "node/api.h"
#include "node/api_replies.h"
#include "node/keys.h"
#include "node/signable.h"

namespace quorate::node {
namespace {

using http::Problem;
using http::Reply;

transactions::BitcoinNetwork network_of(const http::Call& call) {
  const auto name = parameter(call, "network");
  return name ? transactions::parse_network(*name).value() : transactions::BitcoinNetwork::mainnet;
}

Json key_with_quarantines(const storage::KeyRow& row, const storage::Store& store,
                          transactions::BitcoinNetwork network = {}) {
  Json view = key_view(row, network);
  for (const storage::QuarantineRow& q : store.quarantines(row.id))
    if (to_hex(q.certificate) == view["certificate"])
      view["quarantined"].push_back(
          {{"node", q.node}, {"by", q.by}, {"since", to_rfc3339(from_unix_seconds(q.since))}});
  return view;
}

}  // namespace

std::variant<Reply, Problem> NodeApi::list_keys(const http::Call& call) const {
  std::optional<storage::Cursor> after;
  if (const auto text = parameter(call, "cursor")) {
    after = storage::Cursor::parse(*text);
    if (!after) return bad_cursor();
  }
  return page_reply(world_.store.keys(limit_of(call), after),
                    [this](const storage::KeyRow& row) -> std::optional<Json> {
                      if (row.state == storage::KeyState::prepared) return std::nullopt;
                      return key_with_quarantines(row, world_.store);
                    });
}

std::variant<Reply, Problem> NodeApi::show_key(const http::Call& call) const {
  const auto row = find_key(call.subject);
  if (!row) return not_found("no such key");
  const auto network = network_of(call);
  Json view = key_with_quarantines(*row, world_.store, network);
  const auto known = KnownKeys().of(*row);
  // The chain code is the members' and of those who may derive; another node's view is without it.
  if (!may_derive(call.who.user, known->certificate.body.name, "m")) return Reply{200, std::move(view), {}};
  const auto key = key_facts(*row, *known, "m", true, world_);
  if (const auto* root = std::get_if<transactions::KeyFacts>(&key)) {
    show_child(view, known->certificate.body.algorithm, *root, network);
    view.erase("path");
  }
  return Reply{200, std::move(view), {}};
}

std::variant<Reply, Problem> NodeApi::derive_key(const http::Call& call) const {
  const auto path = parameter(call, "path");
  if (!path) return problem_of({400, "bad_parameter", "path is missing", std::nullopt});
  const auto row = find_key(call.subject);
  if (!row) return not_found("no such key");
  const auto known = KnownKeys().of(*row);
  if (!may_derive(call.who.user, known->certificate.body.name, *path))
    return problem_of({403, "denied", "the policy does not let this user derive this key", std::nullopt});
  const auto key = key_facts(*row, *known, *path, true, world_);
  if (const auto* refused = std::get_if<Refusal>(&key)) return problem_of(*refused);
  Json view = key_with_quarantines(*row, world_.store);
  const auto refused =
      show_child(view, known->certificate.body.algorithm, std::get<transactions::KeyFacts>(key), network_of(call));
  if (refused) return problem_of({refused->status, refused->code, refused->detail, std::nullopt});
  return Reply{200, std::move(view), {}};
}

std::variant<Reply, Problem> NodeApi::inspect(const http::Call& call) const {
  Json body = call.body;
  const std::string subject = JsonObject(body, "").text("key", 1, 64);
  body.erase("key");
  const policy::SignPayload payload = policy::parse_sign(body);
  const auto row = find_key(subject);
  if (!row) return problem_of({404, "unknown_key", "no such key", "/key"});
  const auto known = KnownKeys().of(*row);
  const auto key = key_facts(*row, *known, payload, world_);
  if (const auto* refused = std::get_if<Refusal>(&key)) return problem_of(*refused);
  const auto read = read_payload(body, payload, std::get<transactions::KeyFacts>(key));
  if (const auto* refused = std::get_if<Refusal>(&read)) return problem_of(*refused);
  const auto& what = std::get<Signable>(read);
  policy::PolicyQuery query;
  query.kind = policy::Kind::sign;
  query.key = known->certificate.body.name;
  query.user = call.who.user;
  add_to(query, what);
  const policy::Decision decision = world_.policy.evaluate(query);
  Json to_sign = Json::array(), reasons = Json::array();
  for (const transactions::ToSign& item : what.to_sign)
    to_sign.push_back(
        {{"bytes", to_hex(item.bytes)}, {"path", item.path}, {"public_key", to_hex(item.key.public_key)}});
  for (const policy::RuleReason& r : decision.reasons)
    reasons.push_back({{"rule", r.rule}, {"matched", policy::name_of(r.matched)}, {"why", r.why}});
  Json view{{"key", {{"id", row->id}, {"name", row->name}}},
            {"kind", policy::name_of(what.kind)},
            {"path", what.key.path},
            {"public_key", to_hex(what.child.public_key)},
            {"payload_digest", to_hex(what.payload_digest())},
            {"facts_digest", to_hex(sha256(view_of(what.facts_jcs)))},
            {"decoder", transactions::kDecoderVersion},
            {"to_sign", std::move(to_sign)},
            {"policy",
             {{"version", world_.policy.version()},
              {"decision", policy::name_of(decision.effect)},
              {"rule", decision.rule},
              {"reasons", std::move(reasons)}}}};
  if (what.facts) view["facts"] = transactions::to_json(*what.facts);
  return Reply{200, std::move(view), {}};
}

std::optional<storage::KeyRow> NodeApi::find_key(const std::string& subject) const {
  auto row = world_.store.key_by_name(subject);
  if (!row) row = world_.store.key_by_id(subject);
  if (row && row->state == storage::KeyState::prepared) row.reset();
  return row;
}

bool NodeApi::may_derive(const std::string& user, const std::string& key, const std::string& path) const {
  policy::PolicyQuery query;
  query.kind = policy::Kind::derive;
  query.key = key;
  query.user = user;
  query.paths = {path};
  return world_.policy.evaluate(query).allowed();
}

}  // namespace quorate::node

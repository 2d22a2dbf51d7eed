// Keys and what is derived from them: the calls that only read.
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "node/api.h"
#include "node/api_replies.h"
#include "node/keys.h"
#include "node/signable.h"
#include "node/windows.h"

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

http::Answered NodeApi::list_keys(const http::Call& call) const {
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

http::Answered NodeApi::show_key(const http::Call& call) const {
  const auto row = find_key(world_.store, call.subject);
  if (!row) return not_found("no such key");
  const auto network = network_of(call);
  Json view = key_with_quarantines(*row, world_.store, network);
  const auto known = world_.known_keys->of(*row);
  // The chain code is the members' and of those who may derive; another node's view is without it.
  if (!may_derive(call.who.user, known->certificate.body.name, {"m"})) return Reply{200, std::move(view), {}};
  const auto key = key_facts(*row, *known, "m", true, world_);
  if (const auto* root = std::get_if<transactions::KeyFacts>(&key)) {
    show_child(view, known->certificate.body.algorithm, *root, network);
    view.erase("path");
  }
  return Reply{200, std::move(view), {}};
}

http::Answered NodeApi::derive_key(const http::Call& call) const {
  const auto path = parameter(call, "path");
  if (!path) return problem_of({400, "bad_parameter", "path is missing", std::nullopt});
  const auto row = find_key(world_.store, call.subject);
  if (!row) return not_found("no such key");
  const auto known = world_.known_keys->of(*row);
  if (!may_derive(call.who.user, known->certificate.body.name, {*path}))
    return problem_of({403, "denied", "the policy does not let this user derive this key", std::nullopt});
  const auto key = key_facts(*row, *known, *path, true, world_);
  if (const auto* refused = std::get_if<Refusal>(&key)) return problem_of(*refused);
  Json view = key_with_quarantines(*row, world_.store);
  const auto refused =
      show_child(view, known->certificate.body.algorithm, std::get<transactions::KeyFacts>(key), network_of(call));
  if (refused) return problem_of({refused->status, refused->code, refused->detail, std::nullopt});
  return Reply{200, std::move(view), {}};
}

http::Answered NodeApi::inspect(const http::Call& call) const {
  Json body = call.body;
  const std::string subject = JsonObject(body, "").text("key", 1, 64);
  body.erase("key");
  const policy::SignPayload payload = policy::parse_sign(body);
  const auto row = find_key(world_.store, subject);
  if (!row) return problem_of({404, "unknown_key", "no such key", "/key"});
  const auto known = world_.known_keys->of(*row);
  const std::string& user = call.who.user;
  const bool reads_all = sees_all(user);
  // Child keys, and which of a payload's addresses are this key's, are for those who may know them.
  const auto may_know = [&](const std::vector<std::string>& paths) {
    return reads_all || may_derive(user, known->certificate.body.name, paths);
  };
  const Refusal denied{403, "denied", "the policy does not let this user sign this, or see the keys in it",
                       std::nullopt};
  const auto key = key_facts(*row, *known, payload, world_);
  if (const auto* refused = std::get_if<Refusal>(&key)) return problem_of(*refused);
  const auto read = decode_payload(body, payload, std::get<transactions::KeyFacts>(key));
  if (const auto* refused = std::get_if<Refusal>(&read))
    return problem_of(may_know({payload.path}) ? *refused : denied);
  const auto& what = std::get<Signable>(read);
  policy::PolicyQuery query;
  query.kind = policy::Kind::sign;
  query.key = known->certificate.body.name;
  query.user = user;
  query.created = call.who.created;
  add_to(query, what);
  const StoredLedger ledger(world_);
  const auto policy = world_.policy.now();
  add_windows(query, row->id, known->certificate.body.committee, ledger, world_);
  const policy::Decision decision = policy->explain(query);
  std::vector<std::string> shown = what.paths();
  shown.push_back(payload.path);
  if (!decision.allowed() && !may_know(shown)) return problem_of(denied);
  Json to_sign = Json::array();
  for (const transactions::ToSign& item : what.to_sign)
    to_sign.push_back(
        {{"bytes", to_hex(item.bytes)}, {"path", item.path}, {"public_key", to_hex(item.key.public_key)}});
  Json view{{"key", {{"id", row->id}, {"name", row->name}}},
            {"kind", policy::name_of(what.kind)},
            {"path", what.key.path},
            {"public_key", to_hex(what.child.public_key)},
            {"payload_digest", to_hex(what.payload_digest())},
            {"facts_digest", to_hex(sha256(view_of(what.facts_jcs)))},
            {"decoder", transactions::decoder_version(policy::name_of(what.kind))},
            {"to_sign", std::move(to_sign)},
            {"policy", {{"version", world_.policy->version()}, {"decision", policy::name_of(decision.effect)}}}};
  if (what.facts) view["facts"] = transactions::to_json(*what.facts);
  if (!reads_all) return Reply{200, std::move(view), {}};
  // Rules' names, limits and lists.
  Json reasons = Json::array();
  for (const policy::RuleReason& r : decision.reasons)
    reasons.push_back({{"rule", r.rule}, {"matched", policy::name_of(r.matched)}, {"why", r.why}});
  view["policy"]["rule"] = decision.rule;
  view["policy"]["reasons"] = std::move(reasons);
  return Reply{200, std::move(view), {}};
}

bool NodeApi::may_derive(const std::string& user, const std::string& key, std::vector<std::string> paths) const {
  policy::PolicyQuery query;
  query.kind = policy::Kind::derive;
  query.key = key;
  query.user = user;
  query.paths = std::move(paths);
  query.created = unix_seconds(world_.clock.wall());
  return world_.policy->evaluate(query).allowed();
}

}  // namespace quorate::node

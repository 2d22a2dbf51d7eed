// What the nodes decide, for tests/policy/judge/run.py: one JSON object {"rules", "lists", "query"} per line of
// standard input, one answer per line of standard output.
#include <iostream>
#include <string>

#include "tests/policy/sample_policy.h"

using namespace quorate;
using namespace quorate::policy;

namespace {

transactions::Amount amount_of(const Json& text) {
  if (text == "unknown") return {};
  return transactions::Amount(transactions::from_decimal(text.get<std::string>()).value());
}

transactions::Facts facts_of(const Json& json) {
  transactions::Facts facts;
  facts.type = json.at("type");
  facts.chain = json.at("chain");
  for (const Json& m : json.at("movements")) {
    const std::string kind = m.at("kind");
    transactions::Movement& movement = facts.movements.emplace_back();
    movement.kind = kind == "transfer"    ? transactions::MovementKind::transfer
                    : kind == "fee"       ? transactions::MovementKind::fee
                    : kind == "allowance" ? transactions::MovementKind::allowance
                                          : transactions::MovementKind::unknown;
    movement.asset = m.at("asset");
    movement.from = m.at("from");
    movement.to = m.at("to");
    movement.amount = amount_of(m.at("amount"));
    movement.or_asset = m.value("or_asset", "");
    movement.to_owner = m.value("to_owner", "");
  }
  for (const Json& c : json.at("calls")) facts.calls.push_back({c.at("contract"), c.at("selector"), c.at("name")});
  if (json.contains("domain")) {
    const auto member = [&](const char* name) -> std::optional<std::string> {
      const Json& domain = json["domain"];
      return domain.contains(name) ? std::optional(domain[name].get<std::string>()) : std::nullopt;
    };
    facts.domain = transactions::Domain{member("name"), member("version"), member("chain_id"),
                                        member("verifying_contract"), member("salt")};
  }
  for (const Json& type : json.at("sighashes")) facts.sighashes.push_back(type);
  return facts;
}

Json answer_to(const Json& line) {
  Json document = base_policy();
  document["rules"] = line.at("rules");
  document["lists"] = line.at("lists");
  if (line.contains("self_approve")) document["self_approve"] = line["self_approve"];
  const auto policy = PolicyDocument::from_json(document);
  const Json& q = line.at("query");
  PolicyQuery query;
  query.kind = parse_kind(q.at("kind").get<std::string>()).value();
  if (!q.at("key").is_null()) query.key = q["key"].get<std::string>();
  query.user = q.at("user");
  if (!q.at("payload").is_null()) query.payload = parse_payload_kind(q["payload"].get<std::string>()).value();
  query.paths = q.at("paths").get<std::vector<std::string>>();
  if (!q.at("created").is_null()) query.created = q["created"].get<std::int64_t>();
  std::optional<transactions::Facts> facts;
  if (!q.at("facts").is_null()) query.facts = &facts.emplace(facts_of(q["facts"]));
  const Decision decision = policy.evaluate(query), explained = policy.explain(query);
  Json matched = Json::array();
  for (const RuleReason& reason : explained.reasons) matched.push_back(name_of(reason.matched));
  Json needs = nullptr;
  if (decision.effect == Effect::approve) {
    needs = {{"hours", decision.approvals.expires_hours}, {"groups", Json::object()}};
    for (const Need& need : decision.approvals.needs) needs["groups"][need.group] = need.min;
  }
  return {{"decision", name_of(decision.effect)},
          {"needs", needs},
          {"rule", decision.rule},
          {"matched", matched},
          {"same", decision.effect == explained.effect && decision.rule == explained.rule &&
                       decision.approvals.needs == explained.approvals.needs}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    Json answer;
    try {
      answer = answer_to(Json::parse(line));
    } catch (const JsonError& e) {
      answer = {{"error", e.pointer}};
    }
    std::cout << answer.dump() << "\n";
  }
}

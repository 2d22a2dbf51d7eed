// What the nodes decide, for tests/policy/judge/run.py: one JSON object {"rules", "lists", "query"} per line of
// standard input, one answer per line of standard output.
#include <iostream>
#include <map>
#include <set>
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

std::string name_of_sum(const std::string& per, const std::string& whose, const std::string& asset) {
  return per + ":" + std::to_string(whose.size()) + ":" + whose + ":" + asset;
}
// Back to [per, whose, asset].
Json parts_of_sum(const std::string& name) {
  const std::size_t first = name.find(':'), second = name.find(':', first + 1);
  const std::size_t size = std::stoul(name.substr(first + 1, second - first - 1));
  return {name.substr(0, first), name.substr(second + 1, size), name.substr(second + 2 + size)};
}

// {"per|whose|asset|hours": {"total", "own"}}: amounts of a sum with an asset, else counts.
class GivenLedger final : public Ledger {
 public:
  explicit GivenLedger(const Json& json) {
    for (const auto& [key, value] : json.items()) {
      std::vector<std::string> parts{""};
      for (const char c : key)
        if (c == '|')
          parts.emplace_back();
        else
          parts.back() += c;
      Sum& sum = sums_[{name_of_sum(parts.at(0), parts.at(1), parts.at(2)), std::stol(parts.at(3))}];
      const std::uint64_t total = value.at("total"), own = value.at("own");
      if (parts[2].empty()) {
        sum.count = total;
        sum.own_count = own;
      } else {
        sum.total = total;
        sum.own = own;
      }
    }
  }
  Sum sum(const std::string& name, std::int64_t hours) const override {
    const auto it = sums_.find({name, hours});
    return it == sums_.end() ? Sum{} : it->second;
  }

 private:
  std::map<std::pair<std::string, std::int64_t>, Sum> sums_;
};

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
  std::optional<GivenLedger> ledger;
  if (!q.at("ledger").is_null()) query.ledger = &ledger.emplace(q["ledger"]);
  query.key_id = q.at("key_id");
  query.split_key = q.at("split").at(0);
  query.split_cluster = q.at("split").at(1);
  query.over = q.at("over").get<std::set<std::string>>();
  const Decision decision = policy.evaluate(query), explained = policy.explain(query);
  Json limits = Json::array(), charges = Json::array();
  for (const Limit& limit : decision.limits) {
    const auto decimal = [](const auto& value) { return Json(std::stoull(transactions::to_decimal(value))); };
    limits.push_back({parts_of_sum(limit.sum), limit.hours, limit.own_only,
                      limit.max ? decimal(*limit.max) : Json(nullptr),
                      limit.count ? Json(*limit.count) : Json(nullptr)});
  }
  for (const Charge& charge : policy.charges_of(query))
    charges.push_back({parts_of_sum(charge.sum), transactions::to_decimal(charge.amount)});
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
          {"limits", limits},
          {"charges", charges},
          {"life", decision.life_hours},
          {"same", decision.effect == explained.effect && decision.rule == explained.rule &&
                       decision.approvals.needs == explained.approvals.needs && decision.limits == explained.limits &&
                       decision.life_hours == explained.life_hours}};
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

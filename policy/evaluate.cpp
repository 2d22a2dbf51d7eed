// The decision: pure, the same on every node for the same document and query.
#include <algorithm>

#include "policy/document.h"

namespace quorate::policy {
namespace {

Condition kind_holds(const std::set<Kind>& kinds, const PolicyQuery& query, const Say& say) {
  if (kinds.contains(query.kind)) return {Truth::yes, ""};
  return say.no([&] { return "kind is " + std::string(name_of(query.kind)); });
}

Condition key_holds(const std::vector<std::string>& globs, const PolicyQuery& query, const Say& say) {
  if (!concerns_a_key(query.kind)) return say.no([&] { return std::string(name_of(query.kind)) + " is about no key"; });
  if (!query.key) {
    // `freeze` of all keys: a glob that is not "*" holds for some of them, perhaps.
    if (std::find(globs.begin(), globs.end(), "*") != globs.end()) return {Truth::yes, ""};
    return say.unknown([] { return "the request names no key"; });
  }
  if (std::any_of(globs.begin(), globs.end(), [&](const auto& glob) { return glob_matches(glob, *query.key); }))
    return {Truth::yes, ""};
  return say.no([&] { return "key " + *query.key + " is not matched"; });
}

Condition by_holds(const std::vector<std::string>& by, const PolicyQuery& query, const PolicyDocument& policy,
                   const Say& say) {
  for (const std::string_view who : by) {
    if (who.starts_with("user:") && who.substr(5) == query.user) return {Truth::yes, ""};
    if (who.starts_with("group:") && policy.is_member(query.user, who.substr(6))) return {Truth::yes, ""};
  }
  return say.no([&] { return "user " + query.user + " is not listed"; });
}

Condition payload_holds(const std::set<PayloadKind>& payloads, const PolicyQuery& query, const Say& say) {
  if (query.kind != Kind::sign) return say.no([&] { return std::string(name_of(query.kind)) + " has no payload"; });
  if (!query.payload || *query.payload == PayloadKind::unset)
    return say.unknown([] { return "the kind of payload is not known"; });
  if (payloads.contains(*query.payload)) return {Truth::yes, ""};
  return say.no([&] { return "payload is " + std::string(name_of(*query.payload)); });
}

Condition facts_hold(const Rule& rule, const PolicyQuery& query, const Say& say) {
  const bool signs = query.kind == Kind::sign;
  if (!signs && (query.kind != Kind::derive || rule.facts.about_facts()))
    return say.no([&] { return std::string(name_of(query.kind)) + " has no payload"; });
  const auto quantifier = rule.then == Effect::deny ? Quantifier::any : Quantifier::all;
  return holds(rule.facts, query.facts, query.paths, quantifier, say);
}

// All conditions but windows together: the first that does not hold decides, else the first that is unknown. The cheap
// ones come first, and nothing is looked at after one that does not hold.
Condition match(const Rule& rule, const PolicyQuery& query, const PolicyDocument& policy, const Say& say) {
  Condition result{Truth::yes, ""};
  const auto and_also = [&](bool is_there, const auto& condition) {
    if (!is_there || result.holds == Truth::no) return;
    Condition found = condition();
    if (found.holds == Truth::yes || (found.holds == Truth::unknown && result.holds == Truth::unknown)) return;
    result = std::move(found);
  };
  and_also(rule.kinds.has_value(), [&] { return kind_holds(*rule.kinds, query, say); });
  and_also(rule.keys.has_value(), [&] { return key_holds(*rule.keys, query, say); });
  and_also(rule.by.has_value(), [&] { return by_holds(*rule.by, query, policy, say); });
  and_also(rule.payloads.has_value(), [&] { return payload_holds(*rule.payloads, query, say); });
  and_also(rule.time.any(), [&] { return holds(rule.time, query.created, say); });
  and_also(rule.facts.about_facts() || rule.facts.paths, [&] { return facts_hold(rule, query, say); });
  return result;
}

// `over` says no more than that the window has no room: a rule that would be false anyhow stays so.
Room room_of(const Rule& rule, const PolicyQuery& query, Spending& spending, const Say& say) {
  if (query.kind != Kind::sign) return {say.no([&] { return std::string(name_of(query.kind)) + " has no payload"; })};
  Room room = room_in(rule.windows, rule.facts, spending, {query.split_key, query.split_cluster}, say);
  if (room.condition.holds != Truth::no && query.over.contains(rule.id))
    room = {say.no([&] {
              std::string words = "a node has no room in its window";
              for (const Window& window : rule.windows)
                words += (&window == &rule.windows.front() ? ": " : ", and ") + words_of(window);
              return words;
            }),
            true};
  return room;
}

}  // namespace

Decision PolicyDocument::evaluate(const PolicyQuery& query) const {
  Decision decision = decide(query, Say{false});
  return decision.effect == Effect::deny ? explain(query) : decision;
}
Decision PolicyDocument::explain(const PolicyQuery& query) const { return decide(query, Say{true}); }

std::vector<Charge> PolicyDocument::charges_of(const PolicyQuery& query) const {
  if (query.kind != Kind::sign) return {};
  Spending spending(query.key_id, query.user, query.facts, query.ledger);
  return policy::charges_of(sum_kinds_, spending);
}

Decision PolicyDocument::decide(const PolicyQuery& query, const Say& say) const {
  Decision decision;
  decision.rule = "default";
  if (!users_.contains(query.user) || query.kind == Kind::unset) {
    decision.reasons.push_back(
        {"default", Truth::yes, users_.contains(query.user) ? "no kind of request" : "no such user"});
    return decision;
  }
  // Of those that may be stricter than what follows: unknown ones, and those that ask people but have no room. Who
  // names a rule in `over` can say what he likes: without its people the request would be let through by a softer rule.
  std::vector<const Rule*> stricter;
  Spending spending(query.key_id, query.user, query.facts, query.ledger);
  bool decided = false;
  bool settled = false;  // no rule after this one can decide, whatever windows have room
  bool limited = false;  // a window bears on which rule decides
  const Rule* deciding = nullptr;
  for (const Rule& rule : rules_) {
    if (settled && !say.words) break;
    Condition found = match(rule, query, *this, say);
    bool exceeded = false;
    const bool fits = found.holds == Truth::yes;
    if (!settled && found.holds != Truth::no && rule.then == Effect::approve)
      decision.life_hours = std::max(decision.life_hours, rule.approvals.expires_hours);
    if (rule.windows.empty()) {
      settled = settled || fits;
    } else if (found.holds != Truth::no) {
      limited = limited || !settled;
      Room room = room_of(rule, query, spending, say);
      exceeded = room.exceeded;
      if (room.condition.holds == Truth::no || fits) found = std::move(room.condition);
    }
    if (say.words)
      decision.reasons.push_back(
          {rule.id, found.holds, found.holds == Truth::yes ? "every condition holds" : std::move(found.why)});
    if (decided) continue;
    if ((found.holds == Truth::unknown || exceeded) && rule.then != Effect::allow) stricter.push_back(&rule);
    if (found.holds == Truth::yes) {
      decision.effect = rule.then;
      decision.rule = rule.id;
      decision.approvals = rule.approvals;
      deciding = &rule;
      decided = true;
    }
  }
  for (auto it = stricter.rbegin(); it != stricter.rend(); ++it) {
    const Rule& rule = **it;
    if (rule.then < decision.effect) {
      decision.effect = rule.then;
      decision.rule = rule.id;
      decision.approvals = rule.approvals;
    } else if (rule.then == Effect::approve && decision.effect == Effect::approve) {
      decision.rule = rule.id;
      decision.approvals += rule.approvals;
    } else if (rule.then == decision.effect) {
      decision.rule = rule.id;  // the first of several denies
    }
  }
  if (!limited) decision.life_hours = decision.effect == Effect::approve ? decision.approvals.expires_hours : 0;
  if (decision.effect == Effect::approve) expect_reachable(decision, query);
  if (decision.effect != Effect::approve) decision.approvals = Approvals{};
  if (decision.effect != Effect::deny && deciding != nullptr)
    decision.limits = limits_of(deciding->windows, deciding->id, spending, {query.split_key, query.split_cluster});
  return decision;
}

// Better told at once than after a day of waiting.
void PolicyDocument::expect_reachable(Decision& decision, const PolicyQuery& query) const {
  decision.self_approve = query.key && concerns_a_key(query.kind) && self_approve(*query.key);
  std::size_t all = 0;
  for (const Need& need : decision.approvals.needs) {
    all += need.min;
    const std::size_t others =
        members_of(need.group) - (is_member(query.user, need.group) && !decision.self_approve ? 1 : 0);
    if (others >= need.min && all <= kMaxApprovals) continue;
    decision.effect = Effect::deny;
    for (RuleReason& reason : decision.reasons)
      if (reason.rule == decision.rule)
        reason.why = others < need.min ? "it needs " + std::to_string(need.min) + " of group " + need.group +
                                             " besides the requester, who are " + std::to_string(others)
                                       : "it needs more approvals than a request may have";
    return;
  }
}

}  // namespace quorate::policy

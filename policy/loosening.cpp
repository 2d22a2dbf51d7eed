#include "policy/loosening.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace quorate::policy {
namespace {

constexpr unsigned kMinutes = 24 * 60;

// Members of `if` that are lists: with fewer entries fewer requests match.
constexpr std::array kLists{"kind", "key",  "by",      "payload",  "chain",  "to",
                            "path", "call", "sighash", "contract", "domain", "asset"};
// Members that say nothing of whether a change loosens.
constexpr std::array kNames{"version", "previous", "cluster"};

const Json& member(const Json& object, const char* name) {
  static const Json absent;
  const auto it = object.find(name);
  return it == object.end() ? absent : *it;
}

Json list_of(const Json& value) { return value.is_array() ? value : Json::array({value}); }

bool includes(const Json& all, const Json& some) {
  return std::all_of(some.begin(), some.end(),
                     [&](const Json& one) { return std::find(all.begin(), all.end(), one) != all.end(); });
}

// Decimal, as the policy has it: without leading zeros.
bool not_above(const Json& a, const Json& b) {
  const auto number = [](const Json& value) {
    if (!value.is_string()) return std::string();
    const auto text = value.get<std::string>();
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    return digits && (text == "0" || !text.starts_with('0')) ? text : std::string();
  };
  const std::string x = number(a), y = number(b);
  if (x.empty() || y.empty()) return false;
  return x.size() != y.size() ? x.size() < y.size() : x <= y;
}

// "22:00-06:00", which the document has been checked for.
std::vector<bool> minutes_of(const Json& hours) {
  const auto text = hours.get<std::string>();
  const auto at = [&](std::size_t i) {
    return static_cast<unsigned>(std::stoi(text.substr(i, 2)) * 60 + std::stoi(text.substr(i + 3, 2)));
  };
  const unsigned from = at(0), to = at(6);
  std::vector<bool> in(kMinutes, false);
  for (unsigned m = 0; m < kMinutes; ++m) in[m] = from < to ? m >= from && m < to : m >= from || m < to;
  return in;
}

bool within(const Json& after, const Json& before) {
  const auto a = minutes_of(after), b = minutes_of(before);
  for (unsigned m = 0; m < kMinutes; ++m)
    if (a[m] && !b[m]) return false;
  return true;
}

// Whether what this window has no room for, that one had none for either. The sums are those that were kept before.
bool at_least_as_narrow(const Json& now, const Json& old) {
  if (member(now, "per") != member(old, "per")) return false;
  if (now.value("mode", "announced") != old.value("mode", "announced")) return false;
  if (now.at("hours").get<std::int64_t>() < old.at("hours").get<std::int64_t>()) return false;
  const Json &count = member(now, "count"), &old_count = member(old, "count");
  if (count.is_null() != old_count.is_null()) return false;
  if (count.is_null()) return not_above(member(now, "max"), member(old, "max"));
  return count.get<std::uint64_t>() <= old_count.get<std::uint64_t>();
}

// Every window there was has one that is at least as narrow; further ones only narrow.
bool narrower_windows(const Json& now, const Json& old) {
  return std::all_of(old.begin(), old.end(), [&](const Json& o) {
    return std::any_of(now.begin(), now.end(), [&](const Json& n) { return at_least_as_narrow(n, o); });
  });
}

bool bounds_amounts(const Json& condition) {
  const Json windows = list_of(member(condition, "window"));
  return condition.contains("max") ||
         std::any_of(windows.begin(), windows.end(), [](const Json& w) { return w.is_object() && w.contains("max"); });
}

class Comparison {
 public:
  Comparison(const Json& before, const Json& after) : before_(before), after_(after) {}

  std::vector<std::string> run() {
    members();
    rules();
    lists();
    users();
    return std::move(found_);
  }

 private:
  void say(const std::string& what) { found_.push_back(what); }

  // All that is compared nowhere else must be the same.
  void members() {
    const auto apart = [](const std::string& name) {
      return std::find(kNames.begin(), kNames.end(), name) != kNames.end() || name == "rules" || name == "lists" ||
             name == "users";
    };
    for (const Json* document : {&before_, &after_})
      for (const auto& [name, value] : document->items())
        if (!apart(name) && member(before_, name.c_str()) != member(after_, name.c_str()) &&
            std::find(found_.begin(), found_.end(), name + " is changed") == found_.end())
          say(name + " is changed");
  }

  void rules() {
    const Json& old = member(before_, "rules");
    const Json& now = member(after_, "rules");
    const auto is_old = [&](const Json& rule) {
      return std::any_of(old.begin(), old.end(), [&](const Json& o) { return o.at("id") == rule.at("id"); });
    };
    std::size_t k = 0;
    while (k < now.size() && now[k].at("then") == "deny" && !is_old(now[k])) ++k;
    for (const Json& rule : old) {
      if (k < now.size() && now[k].at("id") == rule.at("id"))
        compare_rule(rule, now[k++]);
      else if (rule.at("then") != "allow")
        say("rule " + name_of_rule(rule) + " is not where it was");
    }
    for (; k < now.size(); ++k) say("rule " + name_of_rule(now[k]) + " is new, or elsewhere");
  }

  static std::string name_of_rule(const Json& rule) { return rule.at("id").get<std::string>(); }

  void compare_rule(const Json& old, const Json& now) {
    const std::string rule = "rule " + name_of_rule(old) + ": ";
    const Json& then = old.at("then");
    if (then.is_object())
      compare_approvals(rule, then, now.at("then"));
    else if (then != now.at("then"))
      say(rule + "its effect is changed");
    if (then != "allow") {
      if (old.at("if") != now.at("if")) say(rule + "its conditions are changed, and it does not allow");
      return;
    }
    // Which assets are named decides, too, whether a bound can tell what the amount is: fewer may make it hold.
    const bool has_max = bounds_amounts(old.at("if")) || bounds_amounts(now.at("if"));
    std::set<std::string> conditions;
    for (const Json* all : {&old.at("if"), &now.at("if")})
      for (const auto& [name, value] : all->items()) conditions.insert(name);
    for (const std::string& name : conditions) {
      const Json& was = member(old.at("if"), name.c_str());
      const Json& is = member(now.at("if"), name.c_str());
      if (!not_wider(name, was, is) || (name == "asset" && has_max && was != is)) say(rule + name + " is wider");
    }
  }

  // One condition of an allow rule; null is none, which holds always.
  static bool not_wider(const std::string& name, const Json& old, const Json& now) {
    if (old == now) return true;
    if (now.is_null()) return false;
    if (name == "max" || name == "fee_max") return old.is_null() || not_above(now, old);
    if (name == "hours_utc") return old.is_null() || within(now, old);
    if (name == "window") return old.is_null() || narrower_windows(list_of(now), list_of(old));
    if (name == "weekdays") return old.is_null() || includes(old, now);
    const bool is_list = std::find(kLists.begin(), kLists.end(), name) != kLists.end();
    return is_list && !old.is_null() && includes(list_of(old), list_of(now));
  }

  void compare_approvals(const std::string& rule, const Json& old, const Json& now) {
    if (!now.is_object()) return say(rule + "its effect is changed");
    if (member(old, "expires_hours") != member(now, "expires_hours")) say(rule + "expires_hours is changed");
    const Json& needs = old.at("approve");
    const Json& needs_now = now.at("approve");
    bool same = needs.size() == needs_now.size();
    for (std::size_t i = 0; same && i < needs.size(); ++i)
      same = needs[i].at("group") == needs_now[i].at("group") &&
             needs[i].at("min").get<std::int64_t>() <= needs_now[i].at("min").get<std::int64_t>();
    if (!same) say(rule + "other people are asked, or fewer");
  }

  // Whether of the rules there were only those that allow have this entry in one of these conditions.
  bool only_allow_rules_name(const std::string& entry, std::initializer_list<const char*> conditions) const {
    const Json& old = member(before_, "rules");
    return std::all_of(old.begin(), old.end(),
                       [&](const Json& rule) { return rule.at("then") == "allow" || !names(rule, entry, conditions); });
  }
  static bool names(const Json& rule, const std::string& entry, std::initializer_list<const char*> conditions) {
    return std::any_of(conditions.begin(), conditions.end(), [&](const char* condition) {
      const Json& in = member(rule.at("if"), condition);
      return !in.is_null() && includes(list_of(in), Json::array({entry}));
    });
  }

  void lists() {
    const Json old = before_.value("lists", Json::object()), now = after_.value("lists", Json::object());
    for (const auto& [name, entries] : now.items()) {
      const auto was = old.find(name);
      // A new one is of account for new rules alone; those are denials, or have been named above.
      if (was == old.end() || *was == entries) continue;
      if (!includes(*was, entries))
        say("list " + name + " has new entries");
      else if (!only_allow_rules_name("list:" + name, {"to", "contract"}))
        say("list " + name + " has fewer entries, and not only allow rules name it");
    }
    for (const auto& [name, entries] : old.items())
      if (!now.contains(name) && !only_allow_rules_name("list:" + name, {"to", "contract"}))
        say("list " + name + " is gone, and not only allow rules named it");
  }

  bool only_allow_rules_have_group(const std::string& group) const {
    if (before_.at("admins").at("group") == group) return false;
    if (includes(member(before_, "readers"), Json::array({group}))) return false;
    for (const Json& rule : member(before_, "rules"))
      if (rule.at("then").is_object())
        for (const Json& need : rule.at("then").at("approve"))
          if (need.at("group") == group) return false;
    return only_allow_rules_name("group:" + group, {"by"});
  }

  void users() {
    std::map<std::string, Json> old, now;
    for (const Json& user : member(before_, "users")) old[user.at("id").get<std::string>()] = user;
    for (const Json& user : member(after_, "users")) now[user.at("id").get<std::string>()] = user;
    for (const auto& [id, user] : now)
      if (!old.contains(id)) say("user " + id + " is new");
    for (const auto& [id, user] : old) {
      const auto found = now.find(id);
      const Json groups = found == now.end() ? Json::array() : found->second.at("groups");
      if (found != now.end()) {
        // Whatever else there is of a user than its groups.
        Json a = user, b = found->second;
        a.erase("groups");
        b.erase("groups");
        if (a != b) say("user " + id + " has another key");
        if (!includes(user.at("groups"), groups)) say("user " + id + " is in new groups");
      }
      for (const Json& group : user.at("groups"))
        if (!includes(groups, Json::array({group})) && !only_allow_rules_have_group(group.get<std::string>()))
          say("user " + id + " is no longer in " + group.get<std::string>() + ", which not only allow rules name");
    }
  }

  const Json& before_;
  const Json& after_;
  std::vector<std::string> found_;
};

}  // namespace

std::vector<std::string> loosenings(const PolicyDocument& before, const PolicyDocument& after) {
  const Json old = Json::parse(before.jcs()), now = Json::parse(after.jcs());
  return Comparison(old, now).run();
}

}  // namespace quorate::policy

#include "cli/policy_commands.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "cli/files.h"
#include "cli/key_commands.h"
#include "policy/document.h"
#include "policy/loosening.h"

namespace quorate::cli {
namespace {

Failure invalid(const std::string& file, const JsonError& e) {
  return failed("policy_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
}

void expect_policy(const Json& document, const std::string& file) {
  try {
    policy::PolicyDocument::from_json(document);
  } catch (const JsonError& e) {
    throw invalid(file, e);
  }
}

// Not yet looked at.
Json parse_policy(const std::string& file) {
  try {
    return parse_json(read_text_file(file, limits::kMaxPolicyBytes));
  } catch (const JsonError& e) {
    throw invalid(file, e);
  }
}

Json read_policy(const std::string& file) {
  Json document = parse_policy(file);
  expect_policy(document, file);
  return document;
}

std::string line_of(const Json& rule) {
  const Json then = rule.value("then", Json());
  return text_at(rule, "id") + "  " + (then.is_string() ? then.get<std::string>() : then.dump()) + "  " +
         rule.value("if", Json()).dump();
}

// What each rule's windows let through, by its id.
std::map<std::string, std::vector<std::string>> windows_of(const policy::PolicyDocument& policy) {
  std::map<std::string, std::vector<std::string>> out;
  for (const policy::Rule& rule : policy.rules())
    for (const policy::Window& window : rule.windows) out[rule.id].push_back(policy::words_of(window));
  return out;
}

// Two lists of objects with an `id`, or two objects, by name: what is new, gone or different.
void compare(const std::string& what, const std::map<std::string, Json>& before,
             const std::map<std::string, Json>& after, Json& changes) {
  const auto add = [&](const std::string& name, const char* change) {
    changes.push_back({{"what", what}, {"name", name}, {"change", change}});
  };
  for (const auto& [name, value] : before)
    if (!after.contains(name)) add(name, "removed");
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    if (old == before.end())
      add(name, "added");
    else if (old->second != value)
      add(name, "changed");
  }
}

std::map<std::string, Json> by_id(const Json& policy, const char* member) {
  std::map<std::string, Json> out;
  for (const Json& element : policy.value(member, Json::array())) out[text_at(element, "id")] = element;
  return out;
}
std::map<std::string, Json> by_name(const Json& policy, const char* member) {
  std::map<std::string, Json> out;
  const Json object = policy.value(member, Json::object());
  for (const auto& [name, value] : object.items()) out[name] = value;
  return out;
}

// Of the rules that are in both: the order decides.
std::vector<std::string> order(const Json& policy, const std::map<std::string, Json>& others) {
  std::vector<std::string> ids;
  for (const Json& rule : policy.value("rules", Json::array()))
    if (const std::string id = text_at(rule, "id"); others.contains(id)) ids.push_back(id);
  return ids;
}

bool any(const PayloadOptions& p) {
  return p.message.message || p.message.hex || p.message.base64 || p.digest || p.eth_message || p.eth_tx ||
         p.typed_data || p.psbt || p.solana;
}

std::string text_of_simulation(const Json& seen) {
  const Json policy = seen.value("policy", Json::object());
  std::string text = text_at(policy, "decision") + " by " + text_at(policy, "rule") + ", for " + text_at(seen, "as") +
                     " at " + text_at(seen, "at") + "\n";
  for (const Json& need : seen.value("needs", Json::array())) {
    text += "needs " + std::to_string(need.value("min", 0)) + " of " + text_at(need, "group");
    const char* sign = ": ";
    for (const Json& member : need.value("members", Json::array()))
      text += std::exchange(sign, ", ") + member.get<std::string>();
    text += "\n";
  }
  for (const Json& why : seen.value("loosens", Json::array())) text += "loosens  " + why.get<std::string>() + "\n";
  if (seen.contains("delay_hours"))
    text += "then waits " + std::to_string(seen.value("delay_hours", std::int64_t{0})) + " h\n";
  if (const Json refused = seen.value("refused", Json()); refused.is_object())
    text += "would be refused: " + text_at(refused, "code") + ": " + text_at(refused, "detail") + "\n";
  for (const Json& rule : seen.value("rules", Json::array()))
    text += "  " + text_at(rule, "rule") + "  " + text_at(rule, "then") + "  " + text_at(rule, "matched") + ": " +
            text_at(rule, "why") + "\n";
  text.pop_back();
  return text;
}

}  // namespace

Exit policy_show(std::optional<std::int64_t> version, ClusterClient& client, Console& console) {
  const auto reply = client.get("/v1/policy" + (version ? "?version=" + std::to_string(*version) : ""));
  const Json& policy = expect_success(reply);
  if (version && policy.value("version", Json()) != Json(*version))
    throw failed("not_what_it_says", "the node shows another version than the one that was asked for");
  std::string text = "version " + policy.value("version", Json(0)).dump() + "\n";
  for (const Json& user : policy.value("users", Json::array())) {
    text += "user    " + text_at(user, "id");
    for (const Json& group : user.value("groups", Json::array())) text += " " + group.get<std::string>();
    text += "\n";
  }
  for (const Json& rule : policy.value("rules", Json::array())) text += "rule    " + line_of(rule) + "\n";
  text += "default " + text_at(policy, "default");
  console.result(policy, text);
  return Exit::ok;
}

Exit policy_check(const std::string& file, Console& console) {
  const auto policy = policy::PolicyDocument::from_json(read_policy(file));
  Json windows = Json::object();
  std::string said;
  for (const auto& [rule, all] : windows_of(policy)) {
    windows[rule] = all;
    for (const std::string& window : all) said += "\nwindow " + rule + "  " + window;
  }
  console.result({{"valid", true},
                  {"version", policy.version()},
                  {"digest", to_hex(policy.digest())},
                  {"rules", policy.rules().size()},
                  {"users", policy.users().size()},
                  {"windows", windows}},
                 "a policy, version " + std::to_string(policy.version()) + ": " +
                     std::to_string(policy.rules().size()) + " rules, " + std::to_string(policy.users().size()) +
                     " users\ndigest " + to_hex(policy.digest()) + said);
  return Exit::ok;
}

PolicyChanges changes_of(const Json& before, const Json& after) {
  PolicyChanges out;
  Json changes = Json::array();
  compare("user", by_id(before, "users"), by_id(after, "users"), changes);
  compare("list", by_name(before, "lists"), by_name(after, "lists"), changes);
  const auto old_rules = by_id(before, "rules"), new_rules = by_id(after, "rules");
  compare("rule", old_rules, new_rules, changes);
  if (order(before, new_rules) != order(after, old_rules))
    changes.push_back({{"what", "rules"}, {"name", "order"}, {"change", "changed"}});
  compare("refresh_every_days", by_name(before, "refresh_every_days"), by_name(after, "refresh_every_days"), changes);
  const auto rest = [](const Json& policy) {
    std::map<std::string, Json> others = {};
    for (const auto& [name, value] : policy.items())
      if (name != "users" && name != "lists" && name != "rules" && name != "refresh_every_days") others[name] = value;
    return others;
  };
  compare("member", rest(before), rest(after), changes);

  const auto new_windows = windows_of(policy::PolicyDocument::from_json(after));
  const auto old_windows = windows_of(policy::PolicyDocument::from_json(before));
  const auto lines_of = [](const char* sign, const auto& windows, const std::string& rule) {
    std::string lines;
    if (const auto it = windows.find(rule); it != windows.end())
      for (const std::string& window : it->second) lines += std::string("  ") + sign + "   window " + window + "\n";
    return lines;
  };
  std::string text;
  for (const Json& change : changes) {
    const std::string what = text_at(change, "what"), name = text_at(change, "name"), how = text_at(change, "change");
    text += how + std::string(9 - std::min<std::size_t>(how.size(), 8), ' ') + what + " " + name + "\n";
    if (what != "rule") continue;
    if (how != "added") text += "  - " + line_of(old_rules.at(name)) + "\n" + lines_of("-", old_windows, name);
    if (how != "removed") text += "  + " + line_of(new_rules.at(name)) + "\n" + lines_of("+", new_windows, name);
  }
  const auto old = policy::PolicyDocument::from_json(before), now = policy::PolicyDocument::from_json(after);
  for (const std::string& why : policy::loosenings(old, now)) out.loosens.push_back(why);
  for (const Json& why : out.loosens) text += "loosens  " + why.get<std::string>() + "\n";
  const std::string approved =
      "once " + std::to_string(old.admins().min) + " of " + old.admins().group + " have approved it";
  if (text.empty())
    text = "no change";
  else if (out.loosens.empty())
    text += "in force " + approved;
  else
    text += "waits " + std::to_string(old.admins().delay_hours) + " h " + approved;
  out.changes = std::move(changes);
  out.text = std::move(text);
  return out;
}

Exit policy_diff(const std::string& file, ClusterClient& client, Console& console) {
  const Json after = read_policy(file);
  const auto reply = client.get("/v1/policy");
  const Json& before = expect_success(reply);
  expect_policy(before, "the policy in force");
  const PolicyChanges found = changes_of(before, after);
  console.result({{"changes", found.changes}, {"loosens", found.loosens}}, found.text);
  return Exit::ok;
}

namespace {

// The file's policy as the one that follows.
Json following(const std::string& file, const Json& before, const ClusterClient& client) {
  Json after = parse_policy(file);
  if (!after.is_object()) throw failed("policy_invalid", file + ": must be an object");
  expect_policy(before, "the policy in force");
  after["version"] = before.value("version", std::int64_t{0}) + 1;
  after["previous"] = to_hex(jcs_digest(before));
  after["cluster"] = client.cluster().id();
  expect_policy(after, file);
  return after;
}

}  // namespace

Exit policy_propose(const PolicyProposeOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  const auto reply = client.get("/v1/policy");
  const Json& before = expect_success(reply);
  const Json after = following(options.file, before, client);
  const auto version = before.value("version", std::int64_t{0});
  const PolicyChanges found = changes_of(before, after);
  if (!options.yes) {
    if (console.json()) throw usage("with --json a proposal needs --yes");
    console.show(found.text + "\n");
    console.note("propose? Type yes:");
    std::string answer;
    if (!std::getline(in, answer) || answer != "yes") throw failed("not_proposed", "nothing was proposed");
  }
  const auto proposed = client.call(
      {"PUT", "/v1/policy", after.dump(), options.idempotency_key.value_or(""), std::to_string(version), {}});
  const Json& request = expect_success(proposed);
  console.result(request, text_of_request(request));
  return Exit::waiting;
}

Exit policy_simulate(const PolicySimulateOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  const bool signs = any(options.payload);
  if (!signs && !options.kind) throw usage("give a payload (--message, --eth-tx, …) or another --kind");
  if (signs && options.kind && *options.kind != "sign") throw usage("only requests of kind sign have a payload");
  Json body{{"kind", options.kind.value_or("sign")}};
  if (signs) body["payload"] = payload_of(options.payload, in);
  for (const auto& [name, value] :
       {std::pair("key", options.key), {"path", options.path}, {"as", options.user}, {"at", options.at}})
    if (value) body[name] = *value;
  if (body["kind"] == "change_policy") {
    if (!options.policy) throw usage("give the policy that it would be changed into, with --policy");
    const auto in_force = client.get("/v1/policy");
    body["policy"] = following(*options.policy, expect_success(in_force), client);
  } else if (options.policy) {
    body["policy"] = read_policy(*options.policy);
  }
  const auto reply = client.post("/v1/policy/simulate", body);
  const Json& seen = expect_success(reply);
  console.result(seen, text_of_simulation(seen));
  if (seen.contains("refused")) return Exit::failed;
  const std::string decision = text_at(seen.value("policy", Json::object()), "decision");
  return decision == "allow" ? Exit::ok : decision == "approve" ? Exit::waiting : Exit::denied;
}

}  // namespace quorate::cli

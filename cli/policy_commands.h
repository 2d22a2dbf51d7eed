// `quorate policy …`: the policy in force, another one, and what they say of a request that nobody has made.
#pragma once
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/cluster_client.h"
#include "cli/payload_options.h"

namespace quorate::cli {

// The one in force, or an earlier version.
Exit policy_show(std::optional<std::int64_t> version, ClusterClient& client, Console& console);
// Offline: whether it is a policy. Fails with the JSON pointer of what is wrong.
Exit policy_check(const std::string& file, Console& console);

// What another document changes, and why that loosens (policy/loosening.h). Throws JsonError if one is no policy.
struct PolicyChanges {
  Json changes, loosens = Json::array();
  std::string text;  // for people
};
PolicyChanges changes_of(const Json& before, const Json& after);
// What the file would change of the policy in force.
Exit policy_diff(const std::string& file, ClusterClient& client, Console& console);

struct PolicyProposeOptions {
  std::string file;  // its version, previous and cluster are filled in
  bool yes = false;  // without asking
  std::optional<std::string> idempotency_key;
};
Exit policy_propose(const PolicyProposeOptions& options, ClusterClient& client, Console& console, std::istream& in);

struct PolicySimulateOptions {
  std::optional<std::string> kind;  // "sign" if there is a payload
  std::optional<std::string> key, path, user, at, policy;
  PayloadOptions payload;  // of sign
};
// Exit::ok if it is allowed, Exit::denied if not, Exit::waiting if people are asked, Exit::failed if it would be
// refused all the same.
Exit policy_simulate(const PolicySimulateOptions& options, ClusterClient& client, Console& console, std::istream& in);

}  // namespace quorate::cli

// `quorate request approve`, `reject`, `challenge` and `cancel`.
#pragma once
#include <iosfwd>
#include <optional>
#include <string>

#include "cli/cluster_client.h"
#include "policy/approval.h"

namespace quorate::cli {

struct VoteOptions {
  std::string request;
  bool yes = false;                     // without asking
  std::optional<std::string> webauthn;  // a file: what a browser returned; instead of the user's key
  std::optional<std::string> approver;  // whose it is, if not the user's
};
struct ChallengeOptions {
  std::string request;
  std::optional<std::string> approver;  // the user, if nobody is named
  std::string decision = "approve";
};

// What a request asks for, as this program understands it from what is to be signed alone; the node that shows it is
// not believed. `about`: of a sign request its key, of a change_policy the policy in force, as a node shows them.
// Throws Failure when the request is not what it says.
std::string understood(const Json& request, const Json& about, const std::string& cluster_id);

Exit vote_command(const VoteOptions& options, policy::Vote vote, ClusterClient& client, Console& console,
                  std::istream& in);
// What an authenticator is asked to sign for a vote, after this program has understood the request by itself.
Exit challenge_command(const ChallengeOptions& options, ClusterClient& client, Console& console);
// The assertion in what PublicKeyCredential.toJSON() gives; `file` is its name. Throws Failure.
policy::Assertion assertion_in(const std::string& text, const std::string& file);
Exit cancel_command(const std::string& request, ClusterClient& client, Console& console);

}  // namespace quorate::cli

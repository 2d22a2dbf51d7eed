// A user's view of the cluster: signed calls to any of its nodes.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/outcome.h"
#include "cli/settings.h"
#include "cli/world.h"
#include "http/client.h"
#include "policy/cluster.h"

namespace quorate::cli {

// Reads and checks DIR/cluster.json. Throws Failure.
policy::ClusterDocument load_cluster(const std::filesystem::path& dir);

class ClusterClient {
 public:
  // Reads cluster.json and users/USER.pem. Throws Failure. `first`: where in the cluster's order of nodes to begin,
  // counted round. One thread; the world's clock and generator may be those of other clients on other threads.
  ClusterClient(const Place& place, World& world, std::size_t first = 0);
  // As the operator of a node, with its identity key: user "node:ID".
  ClusterClient(const std::filesystem::path& dir, const std::string& node, Ed25519SecretKey identity, World& world);
  ClusterClient(const ClusterClient&) = delete;  // its connections refer to its key

  const policy::ClusterDocument& cluster() const { return cluster_; }
  // Whom call_node() knows from now on.
  void follow(policy::ClusterDocument cluster);
  const std::string& user() const { return user_; }
  Signature64 sign(ByteView message) const { return key_->sign(message); }  // with the user's key

  // To the chosen node, or else to the first that answers, in the cluster's order; the next call begins with that one.
  // A mutation carries an Idempotency-Key, so that it is one request whichever node it reaches. Throws Failure when
  // none answers.
  http::ClientReply call(http::ClientCall call);
  http::ClientReply get(const std::string& target) { return call({"GET", target, "", "", "", {}}); }
  http::ClientReply post(const std::string& target, const Json& body, std::optional<int> wait_seconds = {}) {
    return call({"POST", target, body.dump(), "", "", wait_seconds});
  }
  // To this node and no other. Throws http::ClientError when it does not answer, Failure when there is no such node.
  http::ClientReply call_node(const std::string& node, const http::ClientCall& call);
  // http::Client::listen, of this node.
  std::optional<http::ClientReply> listen(const std::string& node, const std::string& target,
                                          const std::string& last_event_id,
                                          const std::function<bool(std::string_view)>& got);
  http::ClientReply get_unsigned(const std::string& node, const std::string& target);

 private:
  http::Client& connection(const std::string& node);

  World& world_;
  policy::ClusterDocument cluster_;
  std::string user_;
  std::vector<std::string> nodes_;  // the next one to ask first
  std::optional<Ed25519SecretKey> key_;
  std::map<std::string, http::Client> connections_;
};

// The failure that an answer other than success means: 403 denied, 504 no quorum …
Failure failure_of(const http::ClientReply& reply);
// The body of a 2xx; anything else is thrown.
const Json& expect_success(const http::ClientReply& reply);
// The exit code of a request's state as GET /v1/requests/{id} shows it, or a 201 or 202 brings it.
Exit exit_of_state(const std::string& state);

// A member that is a string, else "".
std::string text_at(const Json& object, const char* name);

}  // namespace quorate::cli

// Refreshes that nobody asks for but the policy (`refresh_every_days`): a member of the key asks in its own name, and
// the others allow it by their own policy and the age of the certificate. Lives on the desk.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "node/coordinator.h"
#include "node/peer_view.h"

namespace quorate::node {

// The node that asks under this user id; nullptr: a client, or no node of the cluster.
const policy::NodeCard* asking_node(std::string_view user, const policy::ClusterDocument& cluster);

// Whether a node may ask for this now: a refresh, over the certificate that the request names, whose time has come when
// the request was made.
policy::Decision decide_scheduled(const Examined& x, const World& world, const policy::PolicyDocument& policy);

class ScheduledRefresh {
 public:
  ScheduledRefresh(const World& world, const PeerView& peers, Coordinator& coordinator);
  void tick();

 private:
  void look_at(const storage::KeyRow& row);

  World world_;
  const PeerView& peers_;
  Coordinator& coordinator_;
  std::map<std::string, SteadyTime> not_before_;  // by key id, of keys whose time has come
  std::size_t running_ = 0;
  SteadyTime next_look_{};
};

}  // namespace quorate::node

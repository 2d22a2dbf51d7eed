#include "node/gates.h"

#include <algorithm>

namespace quorate::node {

Gates::State Gates::worst_of(const GatedKey& key, const std::vector<std::string>& peers) const {
  if (stopped_.contains(key.key)) return State::closed;
  const auto it = closed_.find(key);
  State worst = State::open;
  if (it == closed_.end()) return worst;
  for (const std::string& peer : peers)
    if (const auto found = it->second.find(peer); found != it->second.end()) worst = std::max(worst, found->second);
  return worst;
}

bool Gates::close(const GatedKey& key, const std::string& peer) {
  const std::lock_guard lock(mutex_);
  return closed_[key].try_emplace(peer, State::closing).second;
}

void Gates::settle(const GatedKey& key, const std::string& peer) {
  const std::lock_guard lock(mutex_);
  closed_[key][peer] = State::closed;
}

void Gates::stop(const std::string& key) {
  const std::lock_guard lock(mutex_);
  stopped_.insert(key);
}

Gates::State Gates::state(const GatedKey& key, const std::vector<std::string>& peers) const {
  const std::lock_guard lock(mutex_);
  return worst_of(key, peers);
}

bool Gates::stopped(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return stopped_.contains(key);
}

std::set<std::string> Gates::stopped_keys() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

std::size_t Gates::closed() const {
  const std::lock_guard lock(mutex_);
  std::size_t n = 0;
  for (const auto& [key, peers] : closed_) n += peers.size();
  return n;
}

}  // namespace quorate::node

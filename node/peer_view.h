// Which peers are connected, and which of them hold the same documents as this node. Lives on the desk.
#pragma once
#include <map>
#include <string>

namespace quorate::node {

class PeerView {
 public:
  void set(const std::string& node, bool same_documents) { up_[node] = same_documents; }
  void erase(const std::string& node) { up_.erase(node); }
  bool is_up(const std::string& node) const { return up_.contains(node); }
  // Nodes on different digests do not sign together.
  bool can_sign(const std::string& node) const {
    const auto it = up_.find(node);
    return it != up_.end() && it->second;
  }
  const std::map<std::string, bool>& all() const { return up_; }  // node -> same documents

 private:
  std::map<std::string, bool> up_;
};

}  // namespace quorate::node

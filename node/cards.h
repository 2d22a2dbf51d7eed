// The nodes' newest cards: which TLS key and addresses each of them has now, told by the nodes to each other, and whom
// the mesh connects with (docs/cluster.md, "New cards"). Lives on the desk, but for text().
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "node/messages.h"
#include "node/peer_view.h"
#include "node/world.h"

namespace quorate::node {

inline constexpr std::size_t kMaxCard = 4096;  // bytes of a signed card

// The cards that the sender knows which are newer than the cluster's document.
struct CardList {
  static constexpr std::string_view tag = "node/cards/1";
  Bounded<BoundedText<kMaxCard>, limits::kMaxNodes> cards;
  static auto fields(auto& m) { return std::tie(m.cards); }
};

class Cards {
 public:
  // `changed`: whom the mesh should connect with.
  Cards(const World& world, const PeerView& peers, std::function<void()> changed);

  // What the operator's file says: newer cards, and perhaps documents that this node has yet to hear of from others,
  // until which it connects with the nodes of those.
  void start_with(const policy::ClusterChain& file);
  void document_changed();  // of the cluster
  void on_peer_up(const std::string& node);
  void on_cards(const std::string& from, const CardList& list);
  void tick();

  using Renewed = policy::ClusterChain::Renewed;
  // `told` is called when it is durable; false: it could not be stored. Throws JsonError.
  Renewed renew(const Json& signed_card, std::function<void(bool)> told);

  // The other nodes. None for a node that has left for good.
  std::vector<peers::PeerConfig> peers() const;
  const policy::ClusterChain& chain() const { return chain_; }
  std::string text() const;  // cluster.json as this node knows it; any thread

 private:
  bool take(const Json& signed_card);
  void tell(const std::string& node) const;
  void show();

  World world_;
  const PeerView& peers_;
  std::function<void()> changed_;
  policy::ClusterChain chain_;                 // in force, with newer cards
  std::optional<policy::ClusterChain> ahead_;  // the operator's file, as long as it knows of later documents
  std::map<std::string, SteadyTime> next_;     // node -> when another card of it is taken from a peer
  SteadyTime next_tell_{};
  mutable std::mutex mutex_;
  std::string text_;
};

}  // namespace quorate::node

// Who has quarantined whom (docs/ecdsa.md, "The gate"): signed by the node that refuses, stored, told to all nodes, and
// given back to it should its database be an older one than it was. Lives on the desk, but for record().
#pragma once
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/examine.h"
#include "node/messages.h"
#include "node/peer_view.h"

namespace quorate::node {

// What the refusing node signs.
struct Quarantine {
  BoundedText<64> cluster;  // id
  BoundedText<64> key_id;
  std::uint64_t number = 0;  // of the certificate
  Digest certificate{};
  BoundedText<limits::kMaxName> by, node;  // who refuses whom
  std::uint64_t since = 0;                 // Unix seconds
  BoundedText<64> reason;                  // kExtensionCheck, kStrikes
  static auto fields(auto& m) {
    return std::tie(m.cluster, m.key_id, m.number, m.certificate, m.by, m.node, m.since, m.reason);
  }
};
inline constexpr const char* kExtensionCheck = "extension_check";
inline constexpr const char* kStrikes = "strikes";  // the node died too often amid signings of the pair

struct SignedQuarantine {
  Quarantine body;
  Signature64 signature{};
  static auto fields(auto& m) { return std::tie(m.body, m.signature); }
};
Signature64 sign_quarantine(const Quarantine& body, const Ed25519SecretKey& identity);
bool verify_quarantine(const SignedQuarantine& quarantine, const Ed25519PublicKey& by);

// The sender's own quarantines, and what it knows of the receiver's. Long lists come in several; an empty one says that
// there is nothing.
struct QuarantineList {
  static constexpr std::string_view tag = "node/quarantines/1";
  Bounded<SignedQuarantine, limits::kMaxQuarantineList> items;
  bool last = false;
  static auto fields(auto& m) { return std::tie(m.items, m.last); }
};

class Quarantines {
 public:
  Quarantines(const World& world, const PeerView& peers);

  // At start, before any session: closes the gates of what is stored, counts a strike for every pair that was in a
  // signing when the process ended.
  void load();

  // What makes this node's quarantine of these nodes durable. Any thread.
  storage::Batch record(const GatedKey& key, std::uint64_t number, const std::vector<std::string>& nodes) const;
  // That this batch was stored: told to all. Not stored: the key has stopped here.
  void recorded(const GatedKey& key, const std::vector<std::string>& nodes, bool stored);

  void on_peer_up(const std::string& node);
  void on_list(const std::string& from, const QuarantineList& list);
  void tell_all() const;                                             // again, should a message have been lost
  void tell(const std::string& node, const std::string& key) const;  // this node's own of one key

  using Edges = std::set<std::pair<PartyId, PartyId>>;  // first < second
  Edges edges(const GatedKey& key, const Committee& committee) const;
  // "node1 has quarantined node3, …", for people.
  std::string text(const GatedKey& key) const;
  // Just started: the others may still tell this node of quarantines that its database, an older copy, does not hold.
  bool listening(const Committee& committee) const;
  // Why this node takes no part in a signing with this one among these signers; nullopt: it may.
  std::optional<Refusal> check(const GatedKey& key, const Committee& committee, PartySet signers) const;

  std::uint64_t refused() const { return refused_; }  // records of peers that were not worth keeping

 private:
  struct Place {
    std::string by, node;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  void keep(const storage::QuarantineRow& row);
  void apply_own(const storage::QuarantineRow& row);
  bool take(const std::string& from, const SignedQuarantine& item);
  bool is_here(const Quarantine& body, Committee& committee) const;
  std::vector<SignedQuarantine> for_node(const std::string& node) const;
  void send(const std::string& node, const std::vector<SignedQuarantine>& items) const;
  World world_;
  const PeerView& peers_;
  std::map<GatedKey, std::map<Place, storage::QuarantineRow>> known_;
  std::set<std::string> heard_;                // nodes that have told all theirs since this one started
  std::map<std::string, std::size_t> wasted_;  // records of a peer since it came up that were refused
  SteadyTime started_{};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace quorate::node

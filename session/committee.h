// Who holds shares of one key.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/codec.h"
#include "base/ed25519.h"
#include "base/limits.h"
#include "crypto/party_id.h"

namespace quorate {

struct Member {
  PartyId id;
  BoundedText<limits::kMaxName> node;
  Ed25519PublicKey identity;  // signs certificates and shares
  static auto fields(auto& m) { return std::tie(m.id, m.node, m.identity); }
  friend bool operator==(const Member&, const Member&) = default;
};
using Members = Bounded<Member, limits::kMaxParties>;

// Sorted by index; indices, nodes and identities unique; 2 <= t <= n <= 32. Decoding checks it too. Default-constructed
// it is unset and has no members.
class Committee {
 public:
  Committee() = default;
  // nullopt when a rule above is broken.
  static std::optional<Committee> make(std::uint8_t threshold, Members members);

  const Members& members() const { return members_; }
  std::size_t size() const { return members_.size(); }   // n
  std::uint8_t threshold() const { return threshold_; }  // t: signers needed
  PartySet parties() const;
  const Member* find(std::string_view node) const;  // nullptr: not a member
  const Member* find(PartyId id) const;
  const std::string& node_of(PartyId id) const;           // a member's
  const Ed25519PublicKey& identity_of(PartyId id) const;  // a member's

  friend bool operator==(const Committee&, const Committee&) = default;
  static auto fields(auto& m) { return std::tie(m.threshold_, m.members_); }
  void validate_decoded() const;  // throws Malformed

 private:
  bool is_valid() const;
  std::uint8_t threshold_ = 0;
  Members members_;
};

}  // namespace quorate

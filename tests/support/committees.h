// Committees with fresh node keys.
#pragma once
#include "session/committee.h"
#include "session/per_party.h"

namespace quorate::test {

inline Members members_with(const std::vector<Ed25519SecretKey>& identities) {
  Members members;
  for (std::size_t k = 0; k < identities.size(); ++k)
    members.push_back(
        {PartyId(static_cast<unsigned>(k + 1)), "node-" + std::to_string(k + 1), identities[k].public_key()});
  return members;
}
inline std::vector<Ed25519SecretKey> random_identities(std::size_t n, Rng& rng) {
  std::vector<Ed25519SecretKey> identities;
  for (std::size_t k = 0; k < n; ++k) identities.push_back(Ed25519SecretKey::generate(rng));
  return identities;
}
inline Members random_members(std::size_t n, Rng& rng) { return members_with(random_identities(n, rng)); }

}  // namespace quorate::test

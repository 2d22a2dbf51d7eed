// Values indexed by party: PerPeer without me, PerParty with me. An index outside the set is our own bug.
#pragma once
#include <type_traits>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "crypto/party_id.h"

namespace quorate {

namespace detail {

template <class T>
class IndexedByParty {
  static_assert(!std::is_same_v<T, bool>, "a set of parties is a PartySet");

 public:
  IndexedByParty() = default;
  explicit IndexedByParty(PartySet parties) : parties_(parties), values_(parties.size()) {}
  // make(j) -> T, in the order of the indices
  template <class F>
  IndexedByParty(PartySet parties, F&& make) : IndexedByParty(parties) {
    for (const PartyId j : parties) (*this)[j] = make(j);
  }

  PartySet parties() const { return parties_; }
  T& operator[](PartyId j) { return values_[parties_.position(j)]; }
  const T& operator[](PartyId j) const { return values_[parties_.position(j)]; }

 private:
  PartySet parties_;
  std::vector<T, WipingAllocator<T>> values_;  // messages and shares are secret now and then
};

}  // namespace detail

template <class T>
class PerPeer : public detail::IndexedByParty<T> {
 public:
  using detail::IndexedByParty<T>::IndexedByParty;
};
template <class T>
class PerParty : public detail::IndexedByParty<T> {
 public:
  using detail::IndexedByParty<T>::IndexedByParty;
};

}  // namespace quorate

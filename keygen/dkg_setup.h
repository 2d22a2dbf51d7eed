// What the members of a key make together in the rounds of a key generation or reshare, besides their shares. A setup
// is the second template parameter of both: its parts travel in or beside the messages of R1 and R2, and what it leaves
// is stored with the share.
#pragma once
#include "keygen/ecdsa_share.h"

namespace quorate {

// FROST keys need none.
class NoSetup {
 public:
  struct Nothing {
    static constexpr std::size_t wire_size = 0;
    void wire_put(std::uint8_t*) const {}
    static Nothing wire_get(ByteView) { return {}; }
  };
  using Round1 = Nothing;
  using Round2 = Nothing;
  static constexpr std::string_view kRound1Tag = "dkg/commitment/1";
  static constexpr std::string_view kRound2Tag = "dkg/opening/1";
  template <class C>
  using Prepared = PreparedShare<C>;  // what is stored

  static constexpr bool kPairwise = false;
  static bool serves(Algorithm algorithm) { return algorithm != Algorithm::ecdsa_secp256k1; }
  NoSetup(const SessionId&, PartyId, PartySet, Rng&) {}
  Nothing round1(PartyId) const { return {}; }
  bool take(PartyId, const Nothing&, Rng&) const { return true; }
  Nothing round2(PartyId) const { return {}; }
  template <class C>
  PreparedShare<C> finish(PreparedShare<C> key, const PerPeer<Nothing>&) && {
    return key;
  }
};

// ECDSA keys: base OTs in both directions and a seed, for each pair of members.
class EcdsaSetup : public PairwiseSetup {
 public:
  using Round1 = SetupRound1;
  using Round2 = SetupRound2;
  static constexpr std::string_view kRound1Tag = "dkg-ecdsa/commitment/1";
  static constexpr std::string_view kRound2Tag = "dkg-ecdsa/opening/1";
  template <class>
  using Prepared = PreparedEcdsaShare;

  static constexpr bool kPairwise = true;
  static bool serves(Algorithm algorithm) { return algorithm == Algorithm::ecdsa_secp256k1; }
  using PairwiseSetup::PairwiseSetup;
  PreparedEcdsaShare finish(PreparedShare<Secp256k1> key, const PerPeer<SetupRound2>& theirs) && {
    PreparedEcdsaShare prepared;
    static_cast<PreparedShare<Secp256k1>&>(prepared) = std::move(key);
    prepared.pairwise = static_cast<PairwiseSetup&&>(*this).finish(theirs);
    return prepared;
  }
};

}  // namespace quorate

// The setup of three members against the reference model, byte for byte (attack 25).
#include "keygen/pairwise.h"
#include "tests/support/reference.h"

namespace quorate {
namespace {

using namespace test;

TEST(PairwiseReference, ThreeMembers) {
  const Json v = reference_vectors("setup");
  const Digest sid = bytes_in<32>(v.at("sid"));
  PartySet parties;
  std::map<PartyId, SeededRng> rng;
  for (const auto& [index, seed] : v.at("seeds").items()) {
    const PartyId i(static_cast<unsigned>(std::stoul(index)));
    parties.insert(i);
    rng.emplace(i, rng_of(seed));
  }
  ASSERT_EQ(parties.size(), 3u);
  const auto name = [](PartyId i) { return std::to_string(i.index()); };
  const auto route = [&](PartyId i, PartyId j) { return name(i) + "-" + name(j); };

  std::map<PartyId, PairwiseSetup> setup;
  for (const PartyId i : parties) setup.emplace(i, PairwiseSetup(sid, i, parties.without(i), rng.at(i)));
  for (const PartyId i : parties)
    for (const PartyId j : parties.without(i))
      EXPECT_TRUE(matches(v.at("round1").at(route(i, j)), setup.at(i).round1(j))) << route(i, j);
  for (const PartyId i : parties)
    for (const PartyId j : parties.without(i)) ASSERT_TRUE(setup.at(i).take(j, setup.at(j).round1(i), rng.at(i)));
  for (const PartyId i : parties)
    for (const PartyId j : parties.without(i))
      EXPECT_TRUE(matches(v.at("round2").at(route(i, j)), setup.at(i).round2(j))) << route(i, j);
  std::map<PartyId, PerPeer<SetupRound2>> round2;
  for (const PartyId i : parties)
    round2.emplace(i, PerPeer<SetupRound2>(parties.without(i), [&](PartyId j) { return setup.at(j).round2(i); }));
  for (const PartyId i : parties) {
    const Pairwise secrets = std::move(setup.at(i)).finish(round2.at(i));
    const Json& expected = v.at("secrets").at(name(i));
    ASSERT_EQ(secrets.size(), expected.size());
    for (std::size_t k = 0; k < secrets.size(); ++k)
      EXPECT_TRUE(matches(expected.at(k), secrets[k])) << name(i) << ", pair " << k;
  }
}

}  // namespace
}  // namespace quorate

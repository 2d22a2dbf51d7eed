// Whole signing sessions against the reference model: every message of every party and the signatures, byte for byte
// (attack 25).
#include "signing/ecdsa_rounds.h"
#include "signing/verify.h"
#include "tests/support/reference.h"

namespace quorate::ecdsa {
namespace {

using namespace test;

std::string name(PartyId i) { return std::to_string(i.index()); }
std::string route(PartyId i, PartyId j) { return name(i) + "-" + name(j); }

// What tests/reference/pairwise.py deals: both directions, then the seed of the zero shares.
std::map<PartyId, Pairwise> dealt_pairs(const Json& v, PartySet T) {
  std::map<PartyId, Pairwise> pairs;
  for (const PartyId i : T) {
    for (const PartyId j : T) {
      if (j <= i) continue;
      SeededRng rng = rng_of(v.at("pairs").at(route(i, j)));
      DealtDirection from_i(rng), from_j(rng);
      Secret<Bytes32> seed = rng.secret<32>();
      pairs[i].push_back({j, std::move(from_i.A), std::move(from_j.B), seed.copy()});
      pairs[j].push_back({i, std::move(from_j.A), std::move(from_i.B), std::move(seed)});
    }
  }
  return pairs;
}

struct SessionOfAll {
  const Json& v;
  PartySet T;
  std::map<PartyId, SeededRng> rng;
  std::map<PartyId, Pairwise> pairs;
  std::map<PartyId, Signing> signing;
  std::map<PartyId, Begun> begun;
  std::map<PartyId, Multiplied> state;
  std::map<PartyId, PerPeer<Round2>> sent2;
  std::map<PartyId, Totals> sums;
  std::map<PartyId, Round3> sent3;

  explicit SessionOfAll(const Json& vectors) : v(vectors) {
    for (const Json& index : v.at("T")) T.insert(party_of(index));
    pairs = dealt_pairs(v, T);
    const auto Y = Point<K>::parse(bytes_in<33>(v.at("Y"))).value();
    Keys keys;
    for (const Json& tau : v.at("taus")) keys.push_back(effective_key(Y, scalar_in(tau)).value());
    Digests digests;
    for (const Json& digest : v.at("digests")) digests.push_back(bytes_in<32>(digest));
    for (const PartyId i : T) {
      rng.emplace(i, rng_of(v.at("seeds").at(name(i))));
      signing.emplace(i, Signing{bytes_in<32>(v.at("sid")), T, i, keys, digests});
    }
  }

  void round1() {
    for (const PartyId i : T) {
      begun.emplace(i, begin(signing.at(i), pairs.at(i), rng.at(i)));
      for (const PartyId j : T.without(i)) {
        EXPECT_TRUE(matches(v.at("round1").at(route(i, j)), begun.at(i).messages[j])) << route(i, j);
      }
    }
  }
  void round2() {
    for (const PartyId i : T) {
      const PartySet peers = T.without(i);
      const PerPeer<Round1> theirs(peers, [&](PartyId j) { return begun.at(j).messages[i]; });
      const Scalar<K> x_i = scalar_in(v.at("x").at(name(i)));
      state.emplace(
          i, key_parts(signing.at(i), std::move(begun.at(i).nonces), x_i, pairs.at(i), begun.at(i).messages, theirs));
      PerPeer<Round2>& sent = sent2.emplace(i, PerPeer<Round2>(peers)).first->second;
      for (const PartyId j : peers) {
        std::optional<ot::Columns> q = check_extension(signing.at(i), pairs.at(i), j, theirs[j]);
        ASSERT_TRUE(q.has_value()) << route(j, i);
        sent[j] = multiply(signing.at(i), state.at(i), pairs.at(i), j, std::move(*q), rng.at(i));
      }
      for (const PartyId j : peers) {
        EXPECT_TRUE(matches(v.at("round2").at(route(i, j)), sent2.at(i)[j])) << route(i, j);
      }
    }
  }
  void round3() {
    for (const PartyId i : T) {
      const PartySet peers = T.without(i);
      const PerPeer<Round2> theirs(peers, [&](PartyId j) { return sent2.at(j)[i]; });
      PerPeer<PerInstance<ot::OleShares>> d(peers);
      for (const PartyId j : peers) {
        EXPECT_EQ(theirs[j].echo, state.at(i).echo) << route(j, i);
        EXPECT_TRUE(opens(signing.at(i), j, begun.at(j).messages[i].commit, theirs[j])) << route(j, i);
        d[j] = receive_products(signing.at(i), state.at(i), j, theirs[j]);
        ASSERT_EQ(d[j].size(), signing.at(i).m()) << route(j, i);
        EXPECT_TRUE(fits_points(state.at(i), j, theirs[j], d[j])) << route(j, i);
      }
      EXPECT_TRUE(key_sums_hold(signing.at(i), state.at(i), theirs));
      const std::optional<Totals> total = totals(signing.at(i), state.at(i), theirs);
      ASSERT_TRUE(total.has_value());
      sums.emplace(i, *total);
      sent3.emplace(i, share(signing.at(i), std::move(state.at(i)), *total, theirs, d));
      EXPECT_TRUE(matches(v.at("round3").at(name(i)), sent3.at(i))) << name(i);
    }
  }
  void finish() {
    for (const PartyId i : T) {
      const PerPeer<Round3> theirs(T.without(i), [&](PartyId j) { return sent3.at(j); });
      const std::optional<Signatures> signatures = combine(signing.at(i), sums.at(i), sent3.at(i), theirs);
      ASSERT_TRUE(signatures.has_value());
      ASSERT_EQ(signatures->size(), v.at("signatures").size());
      for (std::size_t l = 0; l < signatures->size(); ++l) {
        const Json& expected = v.at("signatures").at(l);
        const Signature& signature = (*signatures)[l];
        EXPECT_EQ(to_hex(signature.rs), expected.at("r").get<std::string>() + expected.at("s").get<std::string>());
        EXPECT_EQ(signature.recovery_id, expected.at("recovery_id").get<unsigned>());
      }
    }
  }
};

TEST(EcdsaReference, WholeSessions) {
  const Json sessions = reference_vectors("ecdsa_sign");
  ASSERT_EQ(sessions.size(), 4u);
  for (const Json& v : sessions) {
    SCOPED_TRACE(v.at("name").get<std::string>());
    SessionOfAll session(v);
    session.round1();
    ASSERT_NO_FATAL_FAILURE(session.round2());
    ASSERT_NO_FATAL_FAILURE(session.round3());
    session.finish();
  }
}

}  // namespace
}  // namespace quorate::ecdsa

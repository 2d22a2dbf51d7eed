#include <nlohmann/json.hpp>

#include "tests/signing/signing_support.h"

namespace quorate {
namespace {

using K = Secp256k1;

bool odd(const Point<K>& P) { return P.bytes()[0] == 3; }

// BIP-341 written down directly: Q for the internal key P.
std::optional<Point<K>> tweaked(const Bytes32& internal, const std::optional<TaprootTweak>& tweak) {
  ByteArray<33> even{2};
  std::copy(internal.begin(), internal.end(), even.begin() + 1);
  const auto P = Point<K>::parse(even);
  if (!P) return std::nullopt;
  return effective_key_bip340(*P, Scalar<K>::zero(), tweak)->Q;
}

// attack 39: all eight parities of (P, Q, R), for each kind of tweak, with and without derivation.
TEST(FrostBip340, SignsForEveryParity) {
  SeededRng rng(42);
  const Digest root = rng.bytes<32>();
  const std::vector<std::optional<TaprootTweak>> tweaks{std::nullopt, TaprootTweak{}, TaprootTweak{root}};
  for (std::size_t kind = 0; kind < tweaks.size(); ++kind)
    for (const bool with_derivation : {false, true}) {
      std::map<std::tuple<bool, bool, bool>, int> seen;
      const std::size_t wanted = tweaks[kind] ? 8 : 4;  // Q = P without a tweak
      for (int n = 0; n < 400 && seen.size() < wanted; ++n) {
        const DealtKey<K> key(PartySet::first(3), 2, rng);
        const Scalar<K> tau = with_derivation ? Scalar<K>::random(rng) : Scalar<K>::zero();
        const auto effective = effective_key_bip340(key.Y, tau, tweaks[kind]).value();
        EXPECT_FALSE(odd(effective.Q));
        const PartySet T = n % 2 == 0 ? PartySet{PartyId(1), PartyId(2)} : PartySet{PartyId(2), PartyId(3)};
        const auto message = rng.bytes<32>();
        Signers<FrostBip340> signers(T, key, rng);
        std::vector<Scalar<K>> z;
        std::optional<frost::Round<FrostBip340>> round;
        for (const PartyId i : T) {
          auto& pair = signers.pairs.at(i);
          round = std::get<frost::Round<FrostBip340>>(
              frost::prepare<FrostBip340>(effective, T, signers.list, message, i, &pair));
          z.push_back(frost::sign_share<FrostBip340>(std::move(pair), *round, effective, i, key.x.at(i)));
          ASSERT_TRUE(frost::verify_share<FrostBip340>(*round, effective, i, key.X.at(i), z.back()));
        }
        const Signature64 signature = frost::aggregate<FrostBip340>(*round, z);
        ASSERT_TRUE(verify_signature(Algorithm::schnorr_secp256k1, x_only(effective.Q), message, signature));

        // The parities, from the definitions.
        const Point<K> P = tau.is_zero() ? key.Y : key.Y + Point<K>::base(tau);
        const Point<K> even_P = odd(P) ? -P : P;
        const Scalar<K> a = effective.a, b = effective.b;
        ASSERT_EQ(Point<K>::multiply_public(a, key.Y) + Point<K>::base(b), effective.Q);
        ASSERT_EQ(effective.Q, tweaks[kind] ? *tweaked(x_only(P), tweaks[kind]) : even_P);
        const bool a_is_one = a.equals(Scalar<K>::one());
        const bool Q_was_odd = a_is_one == odd(P);  // a = g_Q·g_P
        ASSERT_TRUE(tweaks[kind] || !Q_was_odd);
        seen[{odd(P), Q_was_odd, odd(round->R)}]++;
      }
      EXPECT_EQ(seen.size(), wanted) << "tweak " << kind;
    }
}

TEST(FrostBip340, EmptyAndAbsentRootsDiffer) {
  SeededRng rng(43);
  const Point<K> Y = Point<K>::base(Scalar<K>::random(rng));
  const auto none = effective_key_bip340(Y, Scalar<K>::zero(), std::nullopt)->Q;
  const auto empty = effective_key_bip340(Y, Scalar<K>::zero(), TaprootTweak{})->Q;
  const auto zero_root = effective_key_bip340(Y, Scalar<K>::zero(), TaprootTweak{Digest{}})->Q;
  EXPECT_FALSE(none == empty);
  EXPECT_FALSE(empty == zero_root);
}

TEST(FrostBip340, RefusesADerivedIdentity) {
  SeededRng rng(44);
  const Scalar<K> y = Scalar<K>::random(rng);
  EXPECT_FALSE(effective_key_bip340(Point<K>::base(y), -y, std::nullopt));
}

TEST(FrostBip340, TweaksAsBip341Publishes) {
  const auto file = published("bip341-wallet.json");
  if (!file) GTEST_SKIP() << "no file of published vectors";
  const auto vectors = nlohmann::json::parse(*file);
  int checked = 0;
  for (const auto& v : vectors["scriptPubKey"]) {
    const auto internal = array_from_hex<32>(v["given"]["internalPubkey"].get<std::string>()).value();
    TaprootTweak tweak;
    const auto& root = v["intermediary"]["merkleRoot"];
    if (!root.is_null()) tweak.merkle_root = array_from_hex<32>(root.get<std::string>()).value();
    EXPECT_EQ(to_hex(x_only(*tweaked(internal, tweak))), v["intermediary"]["tweakedPubkey"].get<std::string>());
    ++checked;
  }
  // Secret keys, with the tweaked secret: a·x + b up to the sign that makes Q even.
  for (const auto& v : vectors["keyPathSpending"][0]["inputSpending"]) {
    const auto x = Scalar<K>::parse(from_hex(v["given"]["internalPrivkey"].get<std::string>()).value()).value();
    TaprootTweak tweak;
    const auto& root = v["given"]["merkleRoot"];
    if (!root.is_null()) tweak.merkle_root = array_from_hex<32>(root.get<std::string>()).value();
    const auto key = effective_key_bip340(Point<K>::base(x), Scalar<K>::zero(), tweak).value();
    const auto published_secret =
        Scalar<K>::parse(from_hex(v["intermediary"]["tweakedPrivkey"].get<std::string>()).value()).value();
    EXPECT_TRUE(key.share(x).equals(published_secret) || key.share(x).equals(-published_secret));
    EXPECT_EQ(Point<K>::base(key.share(x)), key.Q);
    ++checked;
  }
  EXPECT_GE(checked, 10);
}

// BIP-340 takes messages of any length.
TEST(FrostBip340, SignsMessagesOfAnyLength) {
  SeededRng rng(45);
  const DealtKey<K> key(PartySet::first(2), 2, rng);
  const auto effective = root_key(key.Y);
  for (const std::size_t length : {0u, 1u, 31u, 32u, 33u, 1000u}) {
    Bytes message(length);
    rng.fill(message);
    const auto signature = sign_with<FrostBip340>(key, effective, key.parties, message, rng);
    EXPECT_TRUE(verify_signature(Algorithm::schnorr_secp256k1, x_only(effective.Q), message, signature));
  }
}

}  // namespace
}  // namespace quorate

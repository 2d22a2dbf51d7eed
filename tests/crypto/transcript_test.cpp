// attack 1: ambiguous hash input.
#include "crypto/transcript.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "crypto/commitment.h"
#include "crypto/point.h"

namespace quorate {
namespace {

// An input is an item or a list of items; a sequence of inputs is what a transcript absorbs.
struct Input {
  bool is_list;
  std::vector<Bytes> items;
  auto operator<=>(const Input&) const = default;
};
using Inputs = std::vector<Input>;

Digest digest_of(const Inputs& inputs) {
  Transcript t("quorate/test/a/1");
  for (const Input& input : inputs) {
    if (input.is_list)
      t.absorb_list(input.items);
    else
      t.absorb(input.items.at(0));
  }
  return t.digest();
}

// Short strings over bytes that look like lengths and counts.
Inputs random_inputs(Rng& rng) {
  const std::array<std::uint8_t, 4> alphabet{0, 1, 8, 0x80};
  const auto item = [&] {
    Bytes b(rng.below(4) == 0 ? 8 * rng.below(3) : rng.below(3));
    for (auto& x : b) x = alphabet[rng.below(4)];
    return b;
  };
  Inputs out(rng.below(4));
  for (Input& input : out) {
    input.is_list = rng.below(2) == 0;
    const std::size_t n = input.is_list ? rng.below(3) : 1;
    for (std::size_t k = 0; k < n; ++k) input.items.push_back(item());
  }
  return out;
}

TEST(Transcript, DifferentInputsDifferentDigests) {
  SeededRng rng(21);
  std::map<Digest, Inputs> seen;
  std::set<Inputs> distinct;
  for (int n = 0; n < 20'000; ++n) {
    const Inputs inputs = random_inputs(rng);
    distinct.insert(inputs);
    const auto [at, fresh] = seen.emplace(digest_of(inputs), inputs);
    ASSERT_TRUE(fresh || at->second == inputs);
  }
  EXPECT_EQ(seen.size(), distinct.size());
  EXPECT_GT(distinct.size(), 1000u);
}

TEST(Transcript, BoundariesDoNotMove) {
  const auto two = [](std::string_view a, std::string_view b) {
    return Transcript("quorate/test/a/1").absorb(a).absorb(b).digest();
  };
  EXPECT_NE(two("ab", "c"), two("a", "bc"));
  EXPECT_NE(two("", "abc"), two("abc", ""));
  EXPECT_NE(two("abc", ""), Transcript("quorate/test/a/1").absorb("abc").digest());
  const std::vector<Bytes> one{Bytes{1}}, none;
  EXPECT_NE(Transcript("quorate/test/a/1").absorb_list(one).digest(),
            Transcript("quorate/test/a/1").absorb(Bytes{1}).digest());
  EXPECT_NE(Transcript("quorate/test/a/1").absorb_list(none).absorb(Bytes{1}).digest(),
            Transcript("quorate/test/a/1").absorb_list(one).digest());
}

TEST(Transcript, EncodingIsAsDocumented) {
  // 8-byte length of each item, count with the top bit set: SHA-512 of these very bytes.
  Bytes expected;
  const auto number = [&](std::uint64_t v) {
    for (int shift = 56; shift >= 0; shift -= 8) expected.push_back(static_cast<std::uint8_t>(v >> shift));
  };
  const auto item = [&](std::string_view s) {
    number(s.size());
    expected.insert(expected.end(), s.begin(), s.end());
  };
  item("quorate 1"), item("quorate/test/b/1"), item("hello");
  number(std::uint64_t{1} << 63 | 2), item("x"), item("yz");
  Transcript t("quorate/test/b/1");
  const std::vector<std::string> list{"x", "yz"};
  t.absorb("hello").absorb_list(list);
  ByteArray<64> hash;
  crypto_hash_sha512(hash.data(), expected.data(), expected.size());
  EXPECT_EQ(t.wide().expose(), hash);
  EXPECT_EQ(to_hex(t.digest()), to_hex(ByteView(hash).first(32)));
  EXPECT_TRUE(t.scalar<Ed25519>().equals(Scalar<Ed25519>::reduce_wide(hash)));
  EXPECT_TRUE(t.scalar<Secp256k1>().equals(Scalar<Secp256k1>::reduce_wide(hash)));
}

struct Both {
  PartyId i;
  std::uint32_t n = 0;
  static auto fields(auto& m) { return std::tie(m.i, m.n); }
};

TEST(Transcript, AbsorbsAnythingWithACodec) {
  Both both;
  both.i = PartyId(3), both.n = 7;
  EXPECT_EQ(Transcript("quorate/test/a/1").absorb(both).digest(),
            Transcript("quorate/test/a/1").absorb(Bytes{3, 0, 0, 0, 7}).digest());
  EXPECT_EQ(Transcript("quorate/test/a/1").absorb(std::uint64_t{5}).digest(),
            Transcript("quorate/test/a/1").absorb(Bytes{0, 0, 0, 0, 0, 0, 0, 5}).digest());
  const auto G = Point<Secp256k1>::generator();
  EXPECT_EQ(Transcript("quorate/test/a/1").absorb(G).digest(),
            Transcript("quorate/test/a/1").absorb(G.bytes()).digest());
}

TEST(Transcript, GoesOnAfterADigest) {
  Transcript t("quorate/test/a/1");
  t.absorb("x");
  const Digest first = t.digest();
  EXPECT_EQ(t.digest(), first);
  t.absorb("y");
  EXPECT_EQ(t.digest(), Transcript("quorate/test/a/1").absorb("x").absorb("y").digest());
}

TEST(Tags, SeparateDomains) {
  std::set<Digest> digests;
  digests.insert(Transcript("quorate/test/a/1").digest());
  digests.insert(Transcript("quorate/test/b/1").digest());
  digests.insert(Transcript("quorate/test/c/1").digest());
  EXPECT_EQ(digests.size(), 3u);
}

TEST(Tags, AreUniqueAndVersioned) {
  std::set<std::string_view> seen;
  for (const std::string_view tag : tags::kAll) {
    EXPECT_TRUE(seen.insert(tag).second) << tag;
    EXPECT_TRUE(tags::well_formed(tag)) << tag;
  }
  for (const std::string_view bad : {"quorate/x", "quorate/x/", "quorate/x/1a", "other/x/1", "quorate/1", ""})
    EXPECT_FALSE(tags::well_formed(bad)) << bad;
}

// attack 3
TEST(Commit, BindsEverything) {
  const Digest sid = Digest{1};
  const Bytes32 blind = Bytes32{2};
  const Digest c = commit("quorate/test/a/1", sid, PartyId(1), blind, std::uint32_t{5}, std::uint32_t{6});
  EXPECT_EQ(c, commit("quorate/test/a/1", sid, PartyId(1), blind, std::uint32_t{5}, std::uint32_t{6}));
  EXPECT_NE(c, commit("quorate/test/b/1", sid, PartyId(1), blind, std::uint32_t{5}, std::uint32_t{6}));
  EXPECT_NE(c, commit("quorate/test/a/1", Digest{2}, PartyId(1), blind, std::uint32_t{5}, std::uint32_t{6}));
  EXPECT_NE(c, commit("quorate/test/a/1", sid, PartyId(2), blind, std::uint32_t{5}, std::uint32_t{6}));
  EXPECT_NE(c, commit("quorate/test/a/1", sid, PartyId(1), Bytes32{3}, std::uint32_t{5}, std::uint32_t{6}));
  EXPECT_NE(c, commit("quorate/test/a/1", sid, PartyId(1), blind, std::uint32_t{6}, std::uint32_t{5}));
  EXPECT_NE(c, commit("quorate/test/a/1", sid, PartyId(1), blind, std::uint32_t{5}));
}

}  // namespace
}  // namespace quorate

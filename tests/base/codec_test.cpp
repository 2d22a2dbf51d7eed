#include "base/codec.h"

#include <gtest/gtest.h>

#include <new>

#include "base/rng.h"

namespace quorate {
namespace {

// A leaf with a coding of its own: one byte, 1..9.
struct Digit {
  std::uint8_t value = 1;
  static constexpr std::size_t wire_size = 1;
  void wire_put(std::uint8_t* out) const { *out = value; }
  static Digit wire_get(ByteView in) {
    if (in[0] < 1 || in[0] > 9) throw Malformed("not a digit");
    return {in[0]};
  }
  bool operator==(const Digit&) const = default;
};

struct Inner {
  std::uint16_t number = 0;
  BoundedText<8> word;
  static auto fields(auto& m) { return std::tie(m.number, m.word); }
  bool operator==(const Inner&) const = default;
};

struct Outer {
  static constexpr std::string_view tag = "test/outer/1";
  std::uint8_t small = 0;
  std::uint32_t middle = 0;
  std::uint64_t large = 0;
  bool flag = false;
  Digest digest{};
  Digit digit;
  std::array<Digit, 2> two;
  BoundedBytes<16> bytes;
  Bounded<Inner, 4> inners;
  Secret<Bytes32> secret;
  static auto fields(auto& m) {
    return std::tie(m.small, m.middle, m.large, m.flag, m.digest, m.digit, m.two, m.bytes, m.inners, m.secret);
  }
};
static_assert(wire::Message<Outer> && wire::Struct<Inner> && !wire::Message<Inner> && wire::Leaf<Digit>);
static_assert(wire::max_size<Inner> == 2 + 4 + 8);
static_assert(wire::max_size<Outer> == 1 + 4 + 8 + 1 + 32 + 1 + 2 + (4 + 16) + (4 + 4 * 14) + 32);

Outer example() {
  Outer out;
  out.small = 0xab, out.middle = 0x01020304, out.large = 0x1122334455667788, out.flag = true;
  out.digest.fill(7);
  out.digit = {9};
  out.two = {Digit{1}, Digit{2}};
  out.bytes = {1, 2, 3};
  out.inners = {{5, "five"}, {6, ""}};
  out.secret.expose().fill(0x5c);
  return out;
}

Bytes plain(const SecretBytes& b) { return {b.begin(), b.end()}; }

TEST(Codec, WritesBigEndianInOrder) {
  const Inner inner{0x0102, "ab"};
  EXPECT_EQ(plain(encode(inner)), (Bytes{1, 2, 0, 0, 0, 2, 'a', 'b'}));
  EXPECT_EQ(plain(encode(std::uint64_t{0x1122334455667788})), (Bytes{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88}));
}

TEST(Codec, RoundTripsEveryKindOfField) {
  const Outer in = example();
  const SecretBytes bytes = encode(in);
  EXPECT_EQ(bytes.size(), wire::encoded_size(in));
  EXPECT_EQ(bytes.capacity(), bytes.size()) << "reserved exactly, so that growing leaves no copy of a secret";
  const Outer out = decode<Outer>(bytes);
  EXPECT_EQ(out.small, in.small);
  EXPECT_EQ(out.middle, in.middle);
  EXPECT_EQ(out.large, in.large);
  EXPECT_EQ(out.flag, in.flag);
  EXPECT_EQ(out.digest, in.digest);
  EXPECT_EQ(out.digit, in.digit);
  EXPECT_EQ(out.two, in.two);
  EXPECT_EQ(out.bytes, in.bytes);
  EXPECT_EQ(out.inners, in.inners);
  EXPECT_EQ(out.secret.expose(), in.secret.expose());
}

TEST(Codec, EveryPrefixAndEverySuffixIsRefused) {  // attack 6, 10
  SecretBytes bytes = encode(example());
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_THROW(decode<Outer>(ByteView(bytes.data(), n)), Malformed) << n;
  bytes.push_back(0);
  EXPECT_THROW(decode<Outer>(bytes), Malformed);
}

// What decodes encodes to the same bytes: no value has two encodings.
TEST(Codec, EveryAcceptedBitFlipIsCanonical) {
  const SecretBytes original = encode(example());
  std::size_t accepted = 0, refused = 0;
  for (std::size_t bit = 0; bit < original.size() * 8; ++bit) {
    SecretBytes bytes = original;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
    try {
      EXPECT_EQ(plain(encode(decode<Outer>(bytes))), plain(bytes));
      ++accepted;
    } catch (const Malformed&) {
      ++refused;
    }
  }
  EXPECT_GT(accepted, 100u);
  EXPECT_GT(refused, 50u);
}

TEST(Codec, BoolIsZeroOrOne) {
  EXPECT_TRUE(decode<bool>(Bytes{1}));
  EXPECT_FALSE(decode<bool>(Bytes{0}));
  for (const auto& bytes : {Bytes{2}, Bytes{3}, Bytes{128}, Bytes{255}}) EXPECT_THROW(decode<bool>(bytes), Malformed);
}

TEST(Codec, ALeafRefusesItsForbiddenValues) {
  EXPECT_EQ(decode<Digit>(Bytes{9}).value, 9);
  EXPECT_THROW(decode<Digit>(Bytes{0}), Malformed);
  EXPECT_THROW(decode<Digit>(Bytes{10}), Malformed);
}

TEST(Codec, TextIsUtf8) {
  EXPECT_EQ(decode<BoundedText<8>>(Bytes{0, 0, 0, 2, 0xc3, 0xa9}).text, "é");
  EXPECT_THROW(decode<BoundedText<8>>(Bytes{0, 0, 0, 2, 0xc3, 0x28}), Malformed);
  EXPECT_THROW(decode<BoundedText<8>>(Bytes{0, 0, 0, 1, 0x80}), Malformed);
}

TEST(Codec, CountsAreBoundedWhenReadAndWhenWritten) {
  EXPECT_EQ(decode<BoundedBytes<3>>(Bytes{0, 0, 0, 3, 1, 2, 3}).size(), 3u);
  EXPECT_THROW(decode<BoundedBytes<3>>(Bytes{0, 0, 0, 4, 1, 2, 3, 4}), Malformed);
  EXPECT_THROW(encode(BoundedBytes<3>{1, 2, 3, 4}), Malformed);
  EXPECT_THROW(encode(BoundedText<3>("four")), Malformed);
  EXPECT_THROW(encode(Bounded<Digit, 1>{Digit{1}, Digit{2}}), Malformed);
}

// A type whose vector would be seen if it was allocated before the bytes were counted.
struct Huge {
  static inline std::size_t constructed = 0;
  ByteArray<1024> bytes{};
  Huge() { ++constructed; }
  static auto fields(auto& m) { return std::tie(m.bytes); }
};

TEST(Codec, ACountIsComparedWithTheBytesThatAreLeftBeforeAnythingIsAllocated) {  // attack 6, 50
  using List = Bounded<Huge, 0xffffffff>;
  for (const Bytes& count : {Bytes{0xff, 0xff, 0xff, 0xff}, Bytes{0x00, 0x10, 0, 0}, Bytes{0, 0, 0, 2}}) {
    Bytes bytes = count;
    bytes.resize(4 + 1500);  // room for one element, not for two
    Huge::constructed = 0;
    EXPECT_THROW(decode<List>(bytes), Malformed);
    EXPECT_EQ(Huge::constructed, 0u);
  }
  EXPECT_THROW((decode<BoundedBytes<0xffffffff>>(Bytes{0xff, 0xff, 0xff, 0xff, 1, 2, 3})), Malformed);
  EXPECT_THROW((decode<Bounded<std::uint16_t, 0xffffffff>>(Bytes{0xff, 0xff, 0xff, 0xff, 1, 2, 3})), Malformed);
}

TEST(Codec, LeavesCoverTheWholeEncodingInOrder) {
  const SecretBytes bytes = encode(example());
  const auto leaves = leaves_of<Outer>(bytes);
  std::size_t at = 0;
  for (const auto& leaf : leaves) {
    EXPECT_EQ(leaf.offset, at);
    EXPECT_GT(leaf.length, 0u);
    at += leaf.length;
  }
  EXPECT_EQ(at, bytes.size());
  EXPECT_EQ(leaves.size(), 17u);  // 6 fixed, 2 digits, count + bytes, count + 2 × (number, count) + 1 word, secret
}

TEST(Codec, GarbageNeverDoesMoreThanThrow) {  // attack 10
  SeededRng rng(4);
  for (int i = 0; i < 20'000; ++i) {
    Bytes bytes(rng.below(200));
    rng.fill(bytes);
    for (auto& b : bytes)
      if (rng.below(2) == 0) b = 0;  // so that counts are often small
    try {
      EXPECT_EQ(plain(encode(decode<Outer>(bytes))), bytes);
    } catch (const Malformed&) {
    }
  }
}

}  // namespace
}  // namespace quorate

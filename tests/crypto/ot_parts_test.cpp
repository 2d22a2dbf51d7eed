// The parts that the oblivious transfers are made of, each against a slow one or published numbers.
#include <gtest/gtest.h>

#include "crypto/ot/aes.h"
#include "crypto/ot/gf128.h"
#include "crypto/ot/inner_product.h"
#include "crypto/ot/pads.h"
#include "crypto/ot/transpose.h"
#include "crypto/transcript.h"
#include "tests/crypto/ot_reference.h"

namespace quorate::ot {
namespace {

namespace ref = reference;

template <std::size_t N>
ByteArray<N> hex(std::string_view text) {
  return array_from_hex<N>(text).value();
}
std::vector<Block> random_blocks(std::size_t n, Rng& rng) {
  std::vector<Block> out(n);
  for (Block& b : out) rng.fill(b);
  return out;
}

TEST(Aes, PublishedNumbers) {
  // FIPS 197, C.1 and C.3
  const Block plain = hex<16>("00112233445566778899aabbccddeeff");
  const auto key_128 = hex<16>("000102030405060708090a0b0c0d0e0f");
  const auto key_256 = hex<32>("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const Block cipher_128 = hex<16>("69c4e0d86a7b0430d8cdb78070b4c55a");
  const Block cipher_256 = hex<16>("8ea2b7ca516745bfeafc49904b496089");
  EXPECT_EQ(ref::Aes(key_128).encrypt(plain), cipher_128);
  EXPECT_EQ(ref::Aes(key_256).encrypt(plain), cipher_256);
  std::vector<Block> blocks{plain, plain};
  FixedKeyAes pi(key_128);
  pi.permute(blocks);
  EXPECT_EQ(blocks, (std::vector<Block>{cipher_128, cipher_128}));
  Block row;
  RowGenerator(plain).generate(key_256, row);
  EXPECT_EQ(row, cipher_256);
}

TEST(Aes, RowsAsTheReferenceMakesThem) {
  SeededRng rng(1);
  for (const char* counter :
       {"000102030405060708090a0b0c0d0e0f", "ffffffffffffffffffffffffffffffff", "0000000000000000fffffffffffffffe",
        "00000000000000ffffffffffffffffff", "000000000000000000000000fffffffe"}) {
    const Block first = hex<16>(counter);
    RowGenerator prg(first);
    for (const std::size_t size : {16u, 80u, 448u, 17u}) {
      const auto key = rng.bytes<32>();
      Bytes row(size, 0xaa);
      prg.generate(key, row);
      EXPECT_EQ(row, ref::prg(key, ref::bytes(first), size)) << counter << " " << size;
    }
  }
}

TEST(Aes, PermutesEveryBlockAlone) {
  SeededRng rng(2);
  const auto key = rng.bytes<16>();
  FixedKeyAes pi(key);
  const ref::Aes slow(key);
  pi.permute({});
  for (const std::size_t n : {1u, 2u, 7u, 8u, 9u, 33u, 416u}) {
    std::vector<Block> blocks = random_blocks(n, rng);
    std::vector<Block> expected;
    for (const Block& b : blocks) expected.push_back(slow.encrypt(b));
    pi.permute(blocks);
    EXPECT_EQ(blocks, expected);
  }
}

// Every bit of a seed changes about half of what is made of it.  // attack 25
TEST(Aes, SeedAvalanche) {
  SeededRng rng(3);
  const Block counter = rng.bytes<16>();
  RowGenerator prg(counter);
  const Bytes32 seed = rng.bytes<32>();
  Bytes row(80), other(80);
  prg.generate(seed, row);
  for (std::size_t b = 0; b < 256; ++b) {
    Bytes32 changed = seed;
    ref::flip(changed, b);
    prg.generate(changed, other);
    int differ = 0;
    for (std::size_t n = 0; n < 640; ++n) differ += ref::bit(row, n) != ref::bit(other, n);
    EXPECT_GT(differ, 320 - 80) << b;
    EXPECT_LT(differ, 320 + 80) << b;
  }
}

using HashRows = void (*)(std::span<const Block>, const std::uint8_t*, std::size_t, Block*);
void expect_as_the_reference(HashRows hash) {
  SeededRng rng(4);
  for (const std::size_t L : {0u, 1u, 4u, 26u}) {
    constexpr std::size_t kRows = 5;
    std::vector<Block> e = random_blocks(L, rng);
    std::vector<Block> rows = random_blocks(kRows * (L + 1), rng);
    if (L > 1) {
      e[0].fill(0xff);
      rows[0].fill(0xff);
    }
    std::vector<Block> out(kRows);
    hash(e, rows.data()->data(), kRows, out.data());
    for (std::size_t i = 0; i < kRows; ++i)
      EXPECT_EQ(out[i], ref::h(e, ByteView(rows[i * (L + 1)].data(), 16 * (L + 1)))) << L << " " << i;
  }
  // All products of two powers of x: every place of the multiplication and of the reduction.
  for (std::size_t a = 0; a < 128; ++a)
    for (std::size_t b = 0; b < 128; ++b) {
      Block x{}, out{};
      std::array<Block, 2> y{};
      ref::flip(x, a);
      ref::flip(y[0], b);
      hash({&x, 1}, y[0].data(), 1, &out);
      ASSERT_EQ(out, ref::multiply(x, y[0])) << a << " " << b;
    }
}
TEST(Gf128, PortableAsTheReference) { expect_as_the_reference(hash_rows_portable); }
TEST(Gf128, CarrylessAsTheReference) {
  if (!has_carryless_multiply()) GTEST_SKIP() << "no carry-less multiplication here";
  expect_as_the_reference(hash_rows_carryless);
}
TEST(Gf128, ChosenAsTheReference) { expect_as_the_reference(hash_rows); }

TEST(Gf128, ManyRandomProducts) {
  SeededRng rng(5);
  for (int n = 0; n < 2000; ++n) {
    const std::vector<Block> e = random_blocks(1, rng), y = random_blocks(2, rng);
    Block portable, chosen;
    hash_rows_portable(e, y[0].data(), 1, &portable);
    hash_rows(e, y[0].data(), 1, &chosen);
    ASSERT_EQ(portable, chosen);
  }
}

TEST(Transpose, EveryBitInItsPlace) {
  SeededRng rng(6);
  for (const std::size_t columns : {416u, 832u, 3328u, 64u, 1u, 65u}) {
    const std::size_t size = 16 * ((columns + 127) / 128 + 1);
    Bytes rows(kKappa * size);
    rng.fill(rows);
    std::vector<Block> out(columns);
    transpose(rows.data(), size, out);
    for (std::size_t j = 0; j < columns; ++j)
      for (std::size_t i = 0; i < kKappa; ++i)
        ASSERT_EQ(ref::bit(out[j], i), ref::bit(ByteView(rows).subspan(i * size, size), j)) << i << " " << j;
  }
}

Limbs limbs_of(const ref::Number& n) { return limbs::load(ref::bytes32(n).data()); }
ref::Number number_of(const Limbs& a) {
  Bytes32 b;
  limbs::store(b.data(), a);
  return ref::number(ref::bytes(b));
}

TEST(Sum, AsBigIntegers) {
  SeededRng rng(7);
  const ref::Number most = (ref::Number(1) << 256) - 1;
  for (const std::size_t terms : {0u, 1u, 2u, 416u, 512u}) {
    for (const bool largest : {true, false}) {
      Sum sum;
      sum.add(split(limbs_of(5)));
      sum.clear();
      ref::Number expected = 0;
      for (std::size_t n = 0; n < terms; ++n) {
        const auto draw = [&] { return largest ? most : ref::number(ref::bytes(rng.bytes<32>())); };
        const ref::Number a = draw(), b = draw(), c = draw();
        sum.add_product(split(limbs_of(a)), split(limbs_of(b)));
        sum.add(split(limbs_of(c)));
        expected += a * b + c;
      }
      EXPECT_EQ(number_of(sum.mod_q()), ref::mod(expected)) << terms;
    }
  }
  for (const ref::Number& n : std::vector<ref::Number>{ref::kQ - 1, ref::kQ, ref::kQ + 1, most, ref::Number(0)}) {
    Sum sum;
    sum.add(split(limbs_of(n)));
    EXPECT_EQ(number_of(sum.mod_q()), ref::mod(n));
    EXPECT_EQ(limbs::below_order(limbs_of(n)), n < ref::kQ ? 1u : 0u);
  }
}

TEST(Sum, Masked) {
  const Split a{1, 2, 3, 4, ~std::uint64_t{0}};
  EXPECT_EQ(masked(a, limbs::mask_of(1)), a);
  EXPECT_EQ(masked(a, limbs::mask_of(0)), Split{});
}

TEST(Pads, AsTheReference) {
  SeededRng rng(8);
  const OleContext context{rng.bytes<32>(), PartyId(3), PartyId(7)};
  const Bytes key = ref::T("quorate/ot/pad-key/1", {ref::bytes(context.pair), ref::u8(3), ref::u8(7)});
  FixedKeyAes pi(ref::block(key, 0));
  const std::vector<Block> columns = random_blocks(9, rng);
  const std::size_t first = 2912;
  const Pads pads(pi, columns, first);
  for (std::size_t n = 0; n < columns.size(); ++n)
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_EQ(ref::mod(number_of(pads.number(n, i))), ref::pads(context, columns[n], first + n)[i]);
}

TEST(Transcript, HashedItem) {
  SeededRng rng(9);
  for (const std::size_t n : {0u, 1u, 127u, 128u, 40'000u}) {
    Bytes b(n);
    rng.fill(b);
    EXPECT_EQ(Transcript("quorate/test/a/1").absorb_hashed(b).digest(),
              Transcript("quorate/test/a/1").absorb(ref::sha512(b)).digest());
  }
}

TEST(Points, SwapIf) {
  SeededRng rng(10);
  using P = Point<Secp256k1>;
  const P A = P::base(ScalarK::random(rng)), B = P::base(ScalarK::random(rng));
  P x = A, y = B;
  P::swap_if(0, x, y);
  EXPECT_TRUE(x == A && y == B);
  P::swap_if(1, x, y);
  EXPECT_TRUE(x == B && y == A);
  P none;
  P::swap_if(1, x, none);
  EXPECT_TRUE(x.is_identity() && none == B);
}

// BIP-324's first vector for decoding, and that all bytes count.
TEST(Points, FromUniform) {
  using P = Point<Secp256k1>;
  EXPECT_EQ(to_hex(P::from_uniform({}).bytes()).substr(2),
            "edd1fd3e327ce90cc7a3542614289aee9682003e9cf7dcc9cf2ca9743be5aa0c");
  SeededRng rng(11);
  const auto bytes = rng.bytes<64>();
  std::set<P::Encoding> seen{P::from_uniform(bytes).bytes()};
  for (std::size_t b = 0; b < 512; b += 13) {
    auto changed = bytes;
    ref::flip(changed, b);
    EXPECT_TRUE(seen.insert(P::from_uniform(changed).bytes()).second);
  }
}

}  // namespace
}  // namespace quorate::ot

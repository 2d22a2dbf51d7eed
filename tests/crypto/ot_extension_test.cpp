// OT extension (docs/ecdsa.md, Extension).
#include "crypto/ot/extension.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/crypto/ot_reference.h"

namespace quorate::ot {
namespace {

namespace ref = reference;

const Direction kDirection{{7, 7}, PartyId(2), PartyId(5)};

// A pair after its setup.
struct Pair {
  SenderKeys of_b;
  Block delta;
  ReceiverKeys of_a;
  explicit Pair(Rng& rng) : of_b(ref::sender_keys(rng)), delta(rng.bytes<16>()) { set(delta); }
  void set(const Block& d) {
    delta = d;
    of_a = ref::receiver_keys(of_b, d);
  }
  bool accepts(const ExtensionMessage& message, std::size_t m = 1) const {
    return receive_extension(kDirection, of_a, m, message).has_value();
  }
};

void expect_correlated(const Columns& q, const Chosen& chosen, const Block& delta, std::size_t m) {
  ASSERT_EQ(q.size(), kXi * m);
  ASSERT_EQ(chosen.t.size(), kXi * m);
  ASSERT_EQ(chosen.beta.size(), kXi * m / 8);
  for (std::size_t j = 0; j < q.size(); ++j) {
    Block expected = chosen.t[j];
    if (ref::bit(chosen.beta, j))
      for (std::size_t n = 0; n < 16; ++n) expected[n] ^= delta[n];
    ASSERT_EQ(q[j], expected) << j;
  }
}

TEST(Extension, ColumnsAreCorrelated) {
  SeededRng rng(1);
  Pair pair(rng);
  for (std::size_t m = 1; m <= limits::kMaxDigests; ++m) {
    const Extended out = extend(kDirection, pair.of_b, m, rng);
    const auto message = decode<ExtensionMessage>(encode(out.message));
    ASSERT_TRUE(has_length(message, m));
    const auto q = receive_extension(kDirection, pair.of_a, m, message);
    ASSERT_TRUE(q) << m;
    expect_correlated(*q, out.chosen, pair.delta, m);
  }
  for (const std::uint8_t all : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {  // the extreme Δ
    Block delta;
    delta.fill(all);
    pair.set(delta);
    const Extended out = extend(kDirection, pair.of_b, 1, rng);
    const auto q = receive_extension(kDirection, pair.of_a, 1, out.message);
    ASSERT_TRUE(q);
    expect_correlated(*q, out.chosen, delta, 1);
  }
}

// Every byte as docs/ecdsa.md says; nonce, then x are drawn.
TEST(Extension, AsDocumented) {
  for (const std::size_t m : {std::size_t{1}, std::size_t{2}, limits::kMaxDigests}) {
    SeededRng rng(2);
    const SenderKeys keys = ref::sender_keys(rng);
    SeededRng draws(3), same(3);
    const Extended out = extend(kDirection, keys, m, draws);
    const auto nonce = same.bytes<32>();
    ref::ExtensionB b;
    b.x.resize(row_bytes(m));
    same.fill(b.x);
    const ExtensionMessage expected = b.message(kDirection, keys, m, nonce);
    EXPECT_EQ(out.message.nonce, expected.nonce);
    EXPECT_EQ(out.message.u, expected.u);
    EXPECT_EQ(out.message.x_check, expected.x_check);
    EXPECT_EQ(out.message.t_check, expected.t_check);
    for (std::size_t j = 0; j < kXi * m; ++j) {
      ASSERT_EQ(ref::bit(out.chosen.beta, j), ref::bit(b.x, j));
      ASSERT_EQ(out.chosen.t[j], b.column(j));
    }
    EXPECT_EQ(draws.bytes<8>(), same.bytes<8>());  // no more was drawn
  }
}

// As a peer may send it: the count is not checked while it is written.
SecretBytes encode_unbounded(const ExtensionMessage& message) {
  SecretBytes out;
  wire::Writer writer(out);
  writer.put(message.nonce);
  writer.put(static_cast<std::uint32_t>(message.u.size()));
  out.insert(out.end(), message.u.begin(), message.u.end());
  writer.put(message.x_check);
  writer.put(message.t_check);
  return out;
}

TEST(Extension, Lengths) {
  SeededRng rng(4);
  const Pair pair(rng);
  for (std::size_t m = 1; m <= limits::kMaxDigests; ++m) {
    ExtensionMessage message = extend(kDirection, pair.of_b, m, rng).message;
    for (std::size_t other = 1; other <= limits::kMaxDigests; ++other)
      EXPECT_EQ(has_length(message, other), choice_blocks(other) == choice_blocks(m));
    message.u.push_back(0);
    EXPECT_FALSE(has_length(message, m));
    message.u.resize(message.u.size() - 2);
    EXPECT_FALSE(has_length(message, m));
    message.u.clear();
    EXPECT_FALSE(has_length(message, m));
  }
  EXPECT_EQ(row_bytes(1), 80u);
  EXPECT_EQ(kMaxRowBytes, 432u);
  EXPECT_DEATH(receive_extension(kDirection, pair.of_a, 1, ExtensionMessage{}), "has_length");
  EXPECT_DEATH(extend(kDirection, pair.of_b, 0, rng), "m >= 1");
  EXPECT_DEATH(extend(kDirection, pair.of_b, limits::kMaxDigests + 1, rng), "kMaxDigests");
  EXPECT_DEATH(receive_extension(kDirection, pair.of_a, 0, ExtensionMessage{}), "m >= 1");
  ExtensionMessage long_one;
  long_one.u.resize(kKappa * row_bytes(limits::kMaxDigests + 1));
  EXPECT_DEATH(receive_extension(kDirection, pair.of_a, limits::kMaxDigests + 1, long_one), "kMaxDigests");
  EXPECT_THROW(decode<ExtensionMessage>(encode_unbounded(long_one)), Malformed);
}

// Whatever else is changed: refused, each for (nearly) every Δ.
TEST(Extension, ChangedMessagesAreRefused) {
  SeededRng rng(5);
  const Pair pair(rng);
  const ExtensionMessage good = extend(kDirection, pair.of_b, 1, rng).message;
  ASSERT_TRUE(pair.accepts(good));
  const auto changed = [&](auto change) {
    ExtensionMessage bad = good;
    change(bad);
    return pair.accepts(bad);
  };
  for (const std::size_t b : {0u, 100u, 255u}) {
    EXPECT_FALSE(changed([&](ExtensionMessage& m) { ref::flip(m.nonce, b); }));
    EXPECT_FALSE(changed([&](ExtensionMessage& m) { ref::flip(m.t_check, b); }));
  }
  for (std::size_t b = 0; b < 128; ++b) EXPECT_FALSE(changed([&](ExtensionMessage& m) { ref::flip(m.x_check, b); }));
  // The challenges follow u, so that even where Δ_i = 0 a flip that T̃ was not made for is caught.
  for (std::size_t b = 0; b < 8 * good.u.size(); b += 97)
    EXPECT_FALSE(changed([&](ExtensionMessage& m) { ref::flip(m.u, b); })) << b;
  for (const Direction& other :
       {Direction{{7, 8}, kDirection.A, kDirection.B}, Direction{kDirection.sid, PartyId(6), kDirection.B},
        Direction{kDirection.sid, kDirection.A, PartyId(6)}, Direction{kDirection.sid, kDirection.B, kDirection.A}})
    EXPECT_FALSE(receive_extension(other, pair.of_a, 1, good));
}

// attack 24: B puts x ⊕ e into row i and makes all else as one who bets on Δ_i. The bet wins exactly when it is right.
TEST(Extension, OneRowPassesExactlyWhenTheBetIsRight) {
  SeededRng rng(6);
  Pair pair(rng);
  const std::size_t size = row_bytes(1);
  const auto nonce = rng.bytes<32>();
  // One bit in every block of the row, the mask's and the padding's included; two bits; a whole random row.
  std::vector<Bytes> errors;
  for (const std::vector<std::size_t>& places : std::vector<std::vector<std::size_t>>{
           {0}, {127}, {128}, {300}, {415}, {416}, {511}, {512}, {639}, {5, 133}, {5, 639}}) {
    errors.emplace_back(size);
    for (const std::size_t b : places) ref::flip(errors.back(), b);
  }
  errors.emplace_back(size);
  rng.fill(errors.back());

  for (std::size_t n = 0; n < errors.size(); ++n) {
    const std::size_t i = (n * 53) % kKappa;
    for (const bool bet : {false, true}) {
      ref::ExtensionB b;
      b.x.resize(size);
      rng.fill(b.x);
      b.e[i] = errors[n];
      if (bet) b.bets.insert(i);
      const ExtensionMessage message = b.message(kDirection, pair.of_b, 1, nonce);
      for (const bool truth : {false, true}) {
        Block delta = pair.delta;
        if (ref::bit(delta, i) != truth) ref::flip(delta, i);
        pair.set(delta);
        EXPECT_EQ(pair.accepts(message), bet == truth) << "error " << n << ", row " << i << ", bet " << bet;
      }
    }
  }
}

// attack 24: a bet on k bits passes for one of the 2^k values of these bits, never for another one.
TEST(Extension, BetsOnManyBitsPassWithOneIn2ToTheK) {
  SeededRng rng(7);
  Pair pair(rng);
  const std::size_t size = row_bytes(1);
  for (const std::size_t k : {2u, 3u, 5u}) {
    ref::ExtensionB b;
    b.x.resize(size);
    rng.fill(b.x);
    std::vector<std::size_t> rows;
    std::size_t guess = 0;
    for (std::size_t n = 0; n < k; ++n) {
      rows.push_back(n * 25 + 1);
      b.e[rows[n]] = Bytes(size);
      ref::flip(b.e[rows[n]], rng.below(8 * size));
      if (rng.below(2) == 1) {
        b.bets.insert(rows[n]);
        guess |= std::size_t{1} << n;
      }
    }
    const ExtensionMessage message = b.message(kDirection, pair.of_b, 1, rng.bytes<32>());
    std::size_t passed = 0;
    for (std::size_t truth = 0; truth < (std::size_t{1} << k); ++truth) {
      Block delta = rng.bytes<16>();
      for (std::size_t n = 0; n < k; ++n)
        if (ref::bit(delta, rows[n]) != (((truth >> n) & 1) != 0)) ref::flip(delta, rows[n]);
      pair.set(delta);
      const bool accepted = pair.accepts(message);
      passed += accepted;
      EXPECT_EQ(accepted, truth == guess);
    }
    EXPECT_EQ(passed, 1u) << k;
  }
}

// attack 24: the same, measured over random Δ.
TEST(Extension, MeasuredRatesOfBets) {
  SeededRng rng(13);
  Pair pair(rng);
  constexpr int kTimes = 400;
  for (const std::size_t k : {1u, 2u, 3u}) {
    ref::ExtensionB b;
    b.x.resize(row_bytes(1));
    rng.fill(b.x);
    for (std::size_t n = 0; n < k; ++n) {
      const std::size_t i = 40 * n + rng.below(40);
      b.e[i] = Bytes(b.x.size());
      rng.fill(b.e[i]);
      if (rng.below(2) == 1) b.bets.insert(i);
    }
    const ExtensionMessage message = b.message(kDirection, pair.of_b, 1, rng.bytes<32>());
    int passed = 0;
    for (int n = 0; n < kTimes; ++n) {
      pair.set(rng.bytes<16>());
      passed += pair.accepts(message);
    }
    const double p = 1.0 / static_cast<double>(1u << k);
    EXPECT_NEAR(passed, kTimes * p, 4 * std::sqrt(kTimes * p * (1 - p))) << k;
  }
}

// attack 24: errors in several rows do not cancel out, even the same error in all of them.
TEST(Extension, TheSameErrorInManyRowsIsCaught) {
  SeededRng rng(8);
  const Pair pair(rng);
  ref::ExtensionB b;
  b.x.resize(row_bytes(1));
  rng.fill(b.x);
  Bytes error(b.x.size());
  ref::flip(error, 17);
  for (std::size_t i = 0; i < kKappa; ++i) b.e[i] = error;
  EXPECT_FALSE(pair.accepts(b.message(kDirection, pair.of_b, 1, rng.bytes<32>())));
  for (std::size_t i = 0; i < kKappa; ++i)  // that is another x, and with the bets on Δ's ones a right one
    if (ref::bit(pair.delta, i)) b.bets.insert(i);
  EXPECT_TRUE(pair.accepts(b.message(kDirection, pair.of_b, 1, rng.bytes<32>())));
}

// attack 25: u tells nothing of the choices, and all of it depends on all keys.
TEST(Extension, UIsNotCorrelatedWithTheChoices) {
  SeededRng rng(9);
  const SenderKeys keys = ref::sender_keys(rng);
  std::size_t equal = 0, ones = 0;
  constexpr std::size_t kTimes = 20, kBits = kTimes * kKappa * kXi;
  for (std::size_t n = 0; n < kTimes; ++n) {
    const Extended out = extend(kDirection, keys, 1, rng);
    for (std::size_t i = 0; i < kKappa; ++i) {
      const ByteView u_i = ByteView(out.message.u).subspan(i * row_bytes(1), row_bytes(1));
      for (std::size_t j = 0; j < kXi; ++j) {
        equal += ref::bit(u_i, j) == ref::bit(out.chosen.beta, j);
        ones += ref::bit(u_i, j);
      }
    }
  }
  const double deviation = 5 * std::sqrt(static_cast<double>(kBits)) / 2;  // five standard deviations
  EXPECT_NEAR(static_cast<double>(equal), kBits / 2.0, deviation);
  EXPECT_NEAR(static_cast<double>(ones), kBits / 2.0, deviation);
}

// attack 25: a bit of any one key changes half of its row of u and nothing of the other rows.
TEST(Extension, EveryKeyCounts) {
  SeededRng rng(10);
  SenderKeys keys = ref::sender_keys(rng);
  const auto u_of = [&] {
    SeededRng same(11);
    return extend(kDirection, keys, 1, same).message.u;
  };
  const auto before = u_of();
  const std::size_t size = row_bytes(1);
  for (const std::size_t i : {0u, 64u, 127u})
    for (std::size_t c = 0; c < 2; ++c) {
      ref::flip(keys.k[i][c].expose(), 2 * i + c);
      const auto after = u_of();
      ref::flip(keys.k[i][c].expose(), 2 * i + c);
      for (std::size_t row = 0; row < kKappa; ++row) {
        std::size_t differ = 0;
        for (std::size_t b = 0; b < 8 * size; ++b)
          differ += ref::bit(before, 8 * size * row + b) != ref::bit(after, 8 * size * row + b);
        if (row == i) {
          EXPECT_NEAR(static_cast<double>(differ), 320, 70);
        } else {
          EXPECT_EQ(differ, 0u);
        }
      }
    }
}

// attack 26: two messages under one nonce show β ⊕ β'; that is why B draws one for each, and why a node refuses
// repeats.
TEST(Extension, ARepeatedNonceShowsTheDifferenceOfTheChoices) {
  SeededRng rng(12);
  const SenderKeys keys = ref::sender_keys(rng);
  const auto nonce = rng.bytes<32>();
  ref::ExtensionB one, two;
  for (ref::ExtensionB* b : {&one, &two}) {
    b->x.resize(row_bytes(1));
    rng.fill(b->x);
  }
  const ExtensionMessage first = one.message(kDirection, keys, 1, nonce),
                         second = two.message(kDirection, keys, 1, nonce);
  const Bytes difference = ref::add(one.x, two.x);
  for (std::size_t i = 0; i < kKappa; ++i)
    for (std::size_t n = 0; n < 80; ++n) ASSERT_EQ(first.u[80 * i + n] ^ second.u[80 * i + n], difference[n]);
  // extend() never does it.
  std::set<Bytes32> nonces;
  for (int n = 0; n < 20; ++n) nonces.insert(extend(kDirection, keys, 1, rng).message.nonce);
  EXPECT_EQ(nonces.size(), 20u);
}

}  // namespace
}  // namespace quorate::ot

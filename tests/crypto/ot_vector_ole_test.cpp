// Vector OLE (docs/ecdsa.md, Vector OLE).
#include "crypto/ot/vector_ole.h"

#include <gtest/gtest.h>

#include "tests/crypto/ot_reference.h"

namespace quorate::ot {
namespace {

namespace ref = reference;

const OleContext kContext{{9, 8, 7}, PartyId(2), PartyId(5)};

// A and B after an extension for m instances.
struct After {
  ReceiverKeys keys;
  Chosen chosen;
  Columns q;
  After(std::size_t m, Rng& rng) {
    keys.delta = rng.secret<16>();
    chosen.beta.resize(kXi * m / 8);
    rng.fill(chosen.beta);
    chosen.t.resize(kXi * m);
    for (Block& t : chosen.t) rng.fill(t);
    for (std::size_t j = 0; j < kXi * m; ++j) {
      q.push_back(chosen.t[j]);
      if (ref::bit(chosen.beta, j))
        for (std::size_t n = 0; n < 16; ++n) q[j][n] ^= keys.delta.expose()[n];
    }
  }
  const Block& delta() const { return keys.delta.expose(); }
};

void expect_products(const OleShares& c, const OleShares& d, const ScalarK& a_1, const ScalarK& a_2, const ScalarK& b) {
  EXPECT_TRUE((c.first + d.first).equals(a_1 * b));
  EXPECT_TRUE((c.second + d.second).equals(a_2 * b));
}

TEST(VectorOle, SharesOfTheProducts) {
  SeededRng rng(1);
  for (std::size_t m = 1; m <= limits::kMaxDigests; ++m) {
    const After s(m, rng);
    for (std::size_t l = 0; l < m; ++l) {
      const ScalarK a_1 = ScalarK::random(rng), a_2 = ScalarK::random(rng);
      const OleSent sent = ole_send(kContext, s.keys, s.q, l, a_1, a_2, rng);
      const auto d = ole_receive(kContext, s.chosen, l, decode<OleMessage>(encode(sent.message)));
      ASSERT_TRUE(d) << m << " " << l;
      expect_products(sent.c, *d, a_1, a_2, ole_value(s.chosen, l));
    }
  }
}

TEST(VectorOle, OverBaseOtsAndExtension) {
  SeededRng rng(2);
  const Direction direction{{4, 4, 4}, PartyId(2), PartyId(5)};
  BaseOtReceiver receiver(direction, rng);
  const auto sent_keys = base_ot_send(direction, receiver.request(), rng);
  ASSERT_TRUE(sent_keys);
  const ReceiverKeys keys = std::move(receiver).finish(sent_keys->reply);
  const Extended out = extend(direction, sent_keys->keys, 2, rng);
  const auto q = receive_extension(direction, keys, 2, out.message);
  ASSERT_TRUE(q);
  for (std::size_t l = 0; l < 2; ++l) {
    const ScalarK a_1 = ScalarK::random(rng), a_2 = ScalarK::random(rng);
    const OleSent sent = ole_send(kContext, keys, *q, l, a_1, a_2, rng);
    const auto d = ole_receive(kContext, out.chosen, l, sent.message);
    ASSERT_TRUE(d);
    expect_products(sent.c, *d, a_1, a_2, ole_value(out.chosen, l));
  }
}

TEST(VectorOle, InputsAtTheEdge) {
  SeededRng rng(3);
  const ScalarK most = -ScalarK::one();
  for (const ScalarK& a : {ScalarK::zero(), ScalarK::one(), most}) {
    const After s(1, rng);
    const OleSent sent = ole_send(kContext, s.keys, s.q, 0, a, most, rng);
    const auto d = ole_receive(kContext, s.chosen, 0, sent.message);
    ASSERT_TRUE(d);
    expect_products(sent.c, *d, a, most, ole_value(s.chosen, 0));
  }
  for (const std::uint8_t all : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {  // the extreme β
    After s(1, rng);
    std::fill(s.chosen.beta.begin(), s.chosen.beta.end(), all);
    s.q = s.chosen.t;
    if (all != 0)
      for (Block& w : s.q)
        for (std::size_t n = 0; n < 16; ++n) w[n] ^= s.delta()[n];
    const OleSent sent = ole_send(kContext, s.keys, s.q, 0, most, most, rng);
    const auto d = ole_receive(kContext, s.chosen, 0, sent.message);
    ASSERT_TRUE(d);
    expect_products(sent.c, *d, most, most, ole_value(s.chosen, 0));
  }
}

// Every byte as docs/ecdsa.md says; â alone is drawn.
TEST(VectorOle, AsDocumented) {
  SeededRng rng(4);
  const After s(3, rng);
  for (const std::size_t l : {0u, 2u}) {
    const ScalarK a_1 = ScalarK::random(rng), a_2 = ScalarK::random(rng);
    SeededRng draws(5), same(5);
    const OleSent sent = ole_send(kContext, s.keys, s.q, l, a_1, a_2, draws);
    ref::OleA a{ref::number(a_1), ref::number(a_2), ref::number(ScalarK::random(same)), {}, {}, 0, {}};
    const OleMessage expected = a.message(kContext, s.delta(), s.q, l);
    EXPECT_EQ(sent.message.a_tilde, expected.a_tilde);
    EXPECT_TRUE(sent.message.eta.equals(expected.eta));
    EXPECT_EQ(sent.message.mu, expected.mu);
    EXPECT_TRUE(sent.c.first.equals(ref::scalar(a.c[0])));
    EXPECT_TRUE(sent.c.second.equals(ref::scalar(a.c[1])));
    EXPECT_EQ(draws.bytes<8>(), same.bytes<8>());
    ref::Number b = 0;
    for (std::size_t j = 0; j < kXi; ++j)
      if (ref::bit(s.chosen.beta, kXi * l + j)) b += ref::gadget()[j];
    EXPECT_TRUE(ole_value(s.chosen, l).equals(ref::scalar(b)));
  }
}

// attack 27: ξ = 256 + 2·80 bits of choice, all of them β's own, against a gadget that nobody chose.
TEST(VectorOle, GadgetIsFixedAndBetaUniform) {
  static_assert(kXi == 416);
  const std::set<ref::Number> distinct(ref::gadget().begin(), ref::gadget().end());
  EXPECT_EQ(distinct.size(), kXi);
  // b of a single bit is the gadget's number, in every instance.
  for (std::size_t l = 0; l < 2; ++l)
    for (const std::size_t j : {0u, 1u, 255u, 415u}) {
      Chosen chosen;
      chosen.beta.assign(kXi * 2 / 8, 0);
      ref::flip(chosen.beta, kXi * l + j);
      EXPECT_TRUE(ole_value(chosen, l).equals(ref::scalar(ref::gadget()[j])));
      EXPECT_TRUE(ole_value(chosen, 1 - l).is_zero());
    }
  // extend() draws every bit anew: none is stuck, half are ones.
  SeededRng rng(6);
  const SenderKeys keys = ref::sender_keys(rng);
  std::array<int, kXi> ones{};
  int all = 0;
  constexpr int kTimes = 64;
  for (int n = 0; n < kTimes; ++n) {
    const Extended out = extend({{}, PartyId(1), PartyId(2)}, keys, 1, rng);
    for (std::size_t j = 0; j < kXi; ++j) ones[j] += ref::bit(out.chosen.beta, j);
  }
  for (std::size_t j = 0; j < kXi; ++j) {
    EXPECT_GT(ones[j], 10) << j;
    EXPECT_LT(ones[j], kTimes - 10) << j;
    all += ones[j];
  }
  EXPECT_NEAR(all, kTimes * 208, 5 * 82);  // five standard deviations
}

TEST(VectorOle, NumbersNotBelowTheOrderDoNotDecode) {
  SeededRng rng(7);
  const After s(1, rng);
  OleMessage message = ole_send(kContext, s.keys, s.q, 0, ScalarK::one(), ScalarK::one(), rng).message;
  EXPECT_NO_THROW(decode<OleMessage>(encode(message)));
  for (const std::size_t at : {0u, 1u, 700u, 1247u}) {
    for (const ref::Number& n : std::vector<ref::Number>{ref::kQ, ref::kQ + 1, (ref::Number(1) << 256) - 1}) {
      OleMessage bad = message;
      const Bytes number = ref::bytes32(n);
      std::copy(number.begin(), number.end(), bad.a_tilde.begin() + static_cast<std::ptrdiff_t>(32 * at));
      EXPECT_THROW(decode<OleMessage>(encode(bad)), Malformed) << at;
      EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, bad));  // nor does it harm
    }
    const Bytes largest = ref::bytes32(ref::kQ - 1);
    std::copy(largest.begin(), largest.end(), message.a_tilde.begin() + static_cast<std::ptrdiff_t>(32 * at));
    EXPECT_NO_THROW(decode<OleMessage>(encode(message)));
  }
  SecretBytes encoded = encode(message);  // η
  std::fill_n(encoded.begin() + static_cast<std::ptrdiff_t>(message.a_tilde.size()), 32, std::uint8_t{0xff});
  EXPECT_THROW(decode<OleMessage>(encoded), Malformed);
}

// attack 28: whatever is changed on the way or by A without a bet is refused.
TEST(VectorOle, ChangedMessagesAreRefused) {
  SeededRng rng(8);
  const After s(2, rng);
  const OleMessage good = ole_send(kContext, s.keys, s.q, 0, ScalarK::random(rng), ScalarK::random(rng), rng).message;
  ASSERT_TRUE(ole_receive(kContext, s.chosen, 0, good));
  for (std::size_t b = 0; b < 8 * good.a_tilde.size(); b += 1999) {
    OleMessage bad = good;
    ref::flip(bad.a_tilde, b);
    EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, bad)) << b;
  }
  for (std::size_t b = 0; b < 256; b += 51) {
    OleMessage bad = good;
    ref::flip(bad.mu, b);
    EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, bad)) << b;
  }
  OleMessage bad = good;
  bad.eta += ScalarK::one();
  EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, bad));
  EXPECT_FALSE(ole_receive(kContext, s.chosen, 1, good));
  for (const OleContext& other :
       {OleContext{{9, 8, 6}, kContext.A, kContext.B}, OleContext{kContext.pair, PartyId(3), kContext.B},
        OleContext{kContext.pair, kContext.A, PartyId(3)}, OleContext{kContext.pair, kContext.B, kContext.A}})
    EXPECT_FALSE(ole_receive(other, s.chosen, 0, good));
}

// attack 28: another input in row j passes exactly when A bets right on β_j.
TEST(VectorOle, AnotherInputInARowPassesExactlyWhenTheBetIsRight) {
  SeededRng rng(9);
  const After s(1, rng);
  for (std::size_t input = 0; input < 3; ++input)
    for (const std::size_t j : {0u, 1u, 2u, 3u, 255u, 414u, 415u})
      for (const bool bet : {false, true}) {
        ref::OleA a{3, 5, 7, {}, {}, 0, {}};
        a.e[j][input] = ref::number(ScalarK::random(rng));
        if (bet) a.bets.insert(j);
        const bool accepted = ole_receive(kContext, s.chosen, 0, a.message(kContext, s.delta(), s.q, 0)).has_value();
        EXPECT_EQ(accepted, bet == ref::bit(s.chosen.beta, j)) << "input " << input << ", row " << j << ", bet " << bet;
      }
}

// attack 28: a bet on k bits of β passes for one of their 2^k values.
TEST(VectorOle, BetsOnManyBitsPassWithOneIn2ToTheK) {
  SeededRng rng(10);
  constexpr std::size_t k = 4;
  const After s(1, rng);
  std::size_t passed = 0;
  for (std::size_t guess = 0; guess < (std::size_t{1} << k); ++guess) {
    ref::OleA a{3, 5, 7, {}, {}, 0, {}};
    bool right = true;
    for (std::size_t n = 0; n < k; ++n) {
      const std::size_t j = 100 * n + 7;
      const bool bet = ((guess >> n) & 1) != 0;
      a.e[j] = {11, 0, 0};
      if (bet) a.bets.insert(j);
      right &= bet == ref::bit(s.chosen.beta, j);
    }
    const auto d = ole_receive(kContext, s.chosen, 0, a.message(kContext, s.delta(), s.q, 0));
    passed += d.has_value();
    EXPECT_EQ(d.has_value(), right) << guess;
    if (!d) continue;
    // Winning, A has put an error into the product for every β_j = 1, which the check on the curve finds.
    const bool harmless = a.bets.empty();
    EXPECT_EQ((ref::scalar(a.c[0]) + d->first).equals(ref::scalar(3) * ole_value(s.chosen, 0)), harmless);
  }
  EXPECT_EQ(passed, 1u);
}

// attack 28: a different input in every row is a bet on all of β; a wrong η, with μ as it should be, one on β = 0.
TEST(VectorOle, ErrorsInAllRowsOrInEtaAreRefused) {
  SeededRng rng(11);
  const After s(1, rng);
  ref::OleA different{3, 5, 7, {}, {}, 0, {}};
  for (std::size_t j = 0; j < kXi; ++j) different.e[j] = {ref::Number(j), 0, 0};
  EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, different.message(kContext, s.delta(), s.q, 0)));
  for (std::size_t j = 0; j < kXi; ++j) different.bets.insert(j);
  EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, different.message(kContext, s.delta(), s.q, 0)));

  ref::OleA eta{3, 5, 7, {}, {}, 1, {}};
  EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, eta.message(kContext, s.delta(), s.q, 0)));
  eta.eta_error = 0;
  EXPECT_TRUE(ole_receive(kContext, s.chosen, 0, eta.message(kContext, s.delta(), s.q, 0)));
  // The same wrong input in all rows is another input, and η must be of it.
  ref::OleA shifted{3, 5, 7, {}, {}, 0, {}};
  for (std::size_t j = 0; j < kXi; ++j) {
    shifted.e[j] = {1, 0, 0};
    if (ref::bit(s.chosen.beta, j)) shifted.bets.insert(j);
  }
  EXPECT_TRUE(ole_receive(kContext, s.chosen, 0, shifted.message(kContext, s.delta(), s.q, 0)));  // knowing all of β
  shifted.bets.clear();
  EXPECT_FALSE(ole_receive(kContext, s.chosen, 0, shifted.message(kContext, s.delta(), s.q, 0)));
}

TEST(VectorOle, InstancesThatWereNotExtendedAssert) {
  SeededRng rng(12);
  const After s(1, rng);
  const OleMessage message = ole_send(kContext, s.keys, s.q, 0, ScalarK::one(), ScalarK::one(), rng).message;
  EXPECT_DEATH(ole_send(kContext, s.keys, s.q, 1, ScalarK::one(), ScalarK::one(), rng), "kXi");
  EXPECT_DEATH(ole_receive(kContext, s.chosen, 1, message), "kXi");
  EXPECT_DEATH(ole_value(s.chosen, 1), "kXi");
  Chosen few;  // columns of two instances, choices of one
  few.beta.assign(kXi / 8, 0);
  few.t.resize(2 * kXi);
  EXPECT_DEATH(ole_receive(kContext, few, 1, message), "chosen.beta");
}

}  // namespace
}  // namespace quorate::ot

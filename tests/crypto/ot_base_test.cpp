// Base oblivious transfer (docs/ecdsa.md, Setup).
#include "crypto/ot/base_ot.h"

#include <gtest/gtest.h>

#include "crypto/transcript.h"
#include "tests/crypto/ot_reference.h"

namespace quorate::ot {
namespace {

namespace ref = reference;
using PointK = Point<Secp256k1>;

const Direction kDirection{{1, 2, 3}, PartyId(4), PartyId(9)};

// Delivers the same bytes again.
class Replay final : public Rng {
 public:
  explicit Replay(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::uint8_t> out) override {
    ASSERT_LE(out.size(), bytes_.size() - at_);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), out.size(), out.begin());
    at_ += out.size();
  }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

PointK hash_to_point(const Direction& d, std::size_t i, std::size_t c, const PointK& P) {
  const Bytes wide = ref::T(
      "quorate/ot/hash-to-point/1",
      {ref::bytes(d.sid), ref::u8(d.A.index()), ref::u8(d.B.index()), ref::u8(i), ref::u8(c), ref::bytes(P.bytes())});
  ByteArray<64> in;
  std::copy_n(wide.begin(), 64, in.begin());
  return PointK::from_uniform(in);
}
Bytes base_key(const Direction& d, std::size_t i, std::size_t c, const std::array<PointK, 2>& R, const PointK& Y,
               const PointK& shared) {
  return ref::first(
      ref::T("quorate/ot/base-key/1",
             {ref::bytes(d.sid), ref::u8(d.A.index()), ref::u8(d.B.index()), ref::u8(i), ref::u8(c),
              ref::bytes(R[0].bytes()), ref::bytes(R[1].bytes()), ref::bytes(Y.bytes()), ref::bytes(shared.bytes())}),
      32);
}
ScalarK reduced(ByteView wide) {
  ByteArray<64> b;
  std::copy_n(wide.begin(), 64, b.begin());
  return ScalarK::reduce_wide(b);
}

// Whether A's key i is B's key of index c.
bool agree(const ReceiverKeys& mine, const SenderKeys& theirs, std::size_t i, std::size_t c) {
  return mine.k[i].expose() == theirs.k[i][c].expose();
}

TEST(BaseOt, EveryKeyIsTheChosenOne) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    SeededRng a(seed), b(100 + seed);
    BaseOtReceiver receiver(kDirection, a);
    const auto request = decode<BaseOtRequest>(encode(receiver.request()));
    const auto sent = base_ot_send(kDirection, request, b);
    ASSERT_TRUE(sent);
    const ReceiverKeys keys = std::move(receiver).finish(decode<BaseOtReply>(encode(sent->reply)));
    std::set<Bytes32> distinct;
    std::size_t ones = 0;
    for (std::size_t i = 0; i < kKappa; ++i) {
      const bool bit = ref::bit(keys.delta.expose(), i);
      ones += bit;
      EXPECT_TRUE(agree(keys, sent->keys, i, bit)) << i;
      EXPECT_FALSE(agree(keys, sent->keys, i, !bit)) << i;
      for (const auto& k : sent->keys.k[i]) distinct.insert(k.expose());
    }
    EXPECT_EQ(distinct.size(), 2 * kKappa);
    EXPECT_GT(ones, 32u);
    EXPECT_LT(ones, 96u);
  }
}

// Every byte as docs/ecdsa.md says, with its order of random draws.
TEST(BaseOt, AsDocumented) {
  SeededRng rng(5);
  Bytes of_a(16 + kKappa * 128), of_b(64);
  rng.fill(of_a);
  rng.fill(of_b);
  Replay a(of_a), b(of_b);
  BaseOtReceiver receiver(kDirection, a);
  const BaseOtRequest request = receiver.request();
  const auto sent = base_ot_send(kDirection, request, b);
  ASSERT_TRUE(sent);
  const ReceiverKeys keys = std::move(receiver).finish(sent->reply);
  EXPECT_EQ(a.left(), 0u);
  EXPECT_EQ(b.left(), 0u);

  EXPECT_EQ(ref::bytes(keys.delta.expose()), ref::first(of_a, 16));
  const ScalarK y = reduced(of_b);
  EXPECT_EQ(sent->reply.Y, PointK::base(y));
  for (std::size_t i = 0; i < kKappa; ++i) {
    const std::size_t bit = ref::bit(of_a, i);
    const ScalarK r_i = reduced(ByteView(of_a).subspan(16 + 128 * i, 64));
    const ScalarK a_i = reduced(ByteView(of_a).subspan(16 + 128 * i + 64, 64));
    const auto& R = request.R[i];
    EXPECT_EQ(R[1 - bit], PointK::base(r_i));
    EXPECT_EQ(R[bit], PointK::base(a_i) - hash_to_point(kDirection, i, bit, R[1 - bit]));
    EXPECT_EQ(ref::bytes(keys.k[i].expose()), base_key(kDirection, i, bit, R, sent->reply.Y, a_i * sent->reply.Y));
    for (std::size_t c = 0; c < 2; ++c) {
      const PointK Q = R[c] + hash_to_point(kDirection, i, c, R[1 - c]);
      EXPECT_EQ(ref::bytes(sent->keys.k[i][c].expose()), base_key(kDirection, i, c, R, sent->reply.Y, y * Q));
    }
  }
}

// attack 23
TEST(BaseOt, IdentityOfASumIsRefused) {
  SeededRng rng(6);
  for (const std::size_t i : {0u, 77u, 127u})
    for (std::size_t c = 0; c < 2; ++c) {
      BaseOtRequest request = BaseOtReceiver(kDirection, rng).request();
      EXPECT_TRUE(base_ot_send(kDirection, request, rng));
      request.R[i][c] = -hash_to_point(kDirection, i, c, request.R[i][1 - c]);
      EXPECT_FALSE(base_ot_send(kDirection, request, rng)) << i << " " << c;
    }
}

// attack 23: no identity, no point off the curve, no x ≥ p becomes a Point.
TEST(BaseOt, WrongPointsDoNotDecode) {
  SeededRng rng(7);
  const SecretBytes good = encode(BaseOtReceiver(kDirection, rng).request());
  ASSERT_EQ(good.size(), 33 * 2 * kKappa);
  const auto with = [&](std::size_t at, std::string_view hex) {
    SecretBytes bad = good;
    const Bytes point = from_hex(hex).value();
    std::copy(point.begin(), point.end(), bad.begin() + static_cast<std::ptrdiff_t>(33 * at));
    return bad;
  };
  EXPECT_NO_THROW(decode<BaseOtRequest>(with(0, "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")));
  for (const std::string_view point :
       {"000000000000000000000000000000000000000000000000000000000000000000",
        "020000000000000000000000000000000000000000000000000000000000000005",  // off the curve
        "02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",  // x = p
        "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "0579be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"})
    for (const std::size_t at : {0u, 255u}) {
      EXPECT_THROW(decode<BaseOtRequest>(with(at, point)), Malformed) << point;
      EXPECT_THROW(decode<BaseOtReply>(from_hex(point).value()), Malformed) << point;
    }
}

// attack 23: the same points under another index, pair, direction or session give other keys.
TEST(BaseOt, KeysAreBoundToIndexAndDirection) {
  const Bytes draws = [] {
    Bytes b(16 + kKappa * 128);
    SeededRng(8).fill(b);
    return b;
  }();
  // A's points of kDirection with B's keys of another direction, with the same y: not a key agrees.
  Replay a(draws);
  BaseOtReceiver receiver(kDirection, a);
  const BaseOtRequest request = receiver.request();
  SeededRng b(9);
  const auto sent = base_ot_send(kDirection, request, b);
  ASSERT_TRUE(sent);
  const ReceiverKeys keys = std::move(receiver).finish(sent->reply);
  for (const Direction& other :
       {Direction{{1, 2, 4}, kDirection.A, kDirection.B}, Direction{kDirection.sid, PartyId(5), kDirection.B},
        Direction{kDirection.sid, kDirection.A, PartyId(5)}, Direction{kDirection.sid, kDirection.B, kDirection.A}}) {
    SeededRng same(9);
    const auto elsewhere = base_ot_send(other, request, same);
    ASSERT_TRUE(elsewhere);
    EXPECT_EQ(elsewhere->reply.Y, sent->reply.Y);
    for (std::size_t i = 0; i < kKappa; ++i)
      for (std::size_t c = 0; c < 2; ++c) {
        EXPECT_NE(elsewhere->keys.k[i][c].expose(), sent->keys.k[i][c].expose());
        EXPECT_FALSE(agree(keys, elsewhere->keys, i, c));
      }
  }
  // The points of index 0 as those of all others: all keys differ.
  BaseOtRequest repeated = request;
  repeated.R.fill(request.R[0]);
  SeededRng same(9);
  const auto copies = base_ot_send(kDirection, repeated, same);
  ASSERT_TRUE(copies);
  std::set<Bytes32> distinct;
  for (const auto& pair : copies->keys.k)
    for (const auto& k : pair) distinct.insert(k.expose());
  EXPECT_EQ(distinct.size(), 2 * kKappa);
  EXPECT_EQ(copies->keys.k[0][0].expose(), sent->keys.k[0][0].expose());
}

// A changed request or reply: the keys part, and nothing tells why.
TEST(BaseOt, ChangedPointsChangeKeys) {
  SeededRng rng(10);
  for (std::size_t c = 0; c < 2; ++c) {
    BaseOtReceiver receiver(kDirection, rng);
    BaseOtRequest request = receiver.request();
    request.R[3][c] = PointK::generator();
    const auto sent = base_ot_send(kDirection, request, rng);
    ASSERT_TRUE(sent);
    const ReceiverKeys keys = std::move(receiver).finish(sent->reply);
    for (std::size_t i = 0; i < kKappa; ++i)
      EXPECT_EQ(agree(keys, sent->keys, i, ref::bit(keys.delta.expose(), i)), i != 3) << i;
  }
  BaseOtReceiver receiver(kDirection, rng);
  const auto sent = base_ot_send(kDirection, receiver.request(), rng);
  ASSERT_TRUE(sent);
  const ReceiverKeys keys = std::move(receiver).finish({PointK::generator()});
  for (std::size_t i = 0; i < kKappa; ++i)
    for (std::size_t c = 0; c < 2; ++c) EXPECT_FALSE(agree(keys, sent->keys, i, c));
}

// Keys are kept for as long as a certificate lives.
TEST(BaseOt, KeysEncode) {
  SeededRng rng(11);
  BaseOtReceiver receiver(kDirection, rng);
  auto sent = base_ot_send(kDirection, receiver.request(), rng);
  ASSERT_TRUE(sent);
  const ReceiverKeys keys = std::move(receiver).finish(sent->reply);
  const SecretBytes a = encode(keys), b = encode(sent->keys);
  EXPECT_EQ(a.size(), 16 + 128 * 32u);
  EXPECT_EQ(b.size(), 256 * 32u);
  EXPECT_EQ(encode(decode<ReceiverKeys>(a)), a);
  EXPECT_EQ(encode(decode<SenderKeys>(b)), b);
}

}  // namespace
}  // namespace quorate::ot

#include "policy/es256.h"

#include <gtest/gtest.h>

#include "tests/support/authenticator.h"

namespace quorate::policy {
namespace {

using namespace std::string_literals;

// RFC 6979 A.2.5: P-256 with SHA-256.
const std::string kX = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
const std::string kY = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
const std::string kR = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
const std::string kS = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";
const std::string kOrder = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

Es256PublicKey known() { return Es256PublicKey::parse_hex("04" + kX + kY).value(); }
bool verifies(const std::string& der_hex) { return known().verify(view_of("sample"), from_hex(der_hex).value()); }

TEST(Es256, VerifiesWhatOthersHaveSigned) {
  EXPECT_TRUE(verifies("3046022100" + kR + "022100" + kS));
  EXPECT_FALSE(known().verify(view_of("simple"), from_hex("3046022100" + kR + "022100" + kS).value()));
  const std::string r2 = "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367";
  const std::string s2 = "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083";
  EXPECT_TRUE(known().verify(view_of("test"), from_hex("3045022100" + r2 + "0220" + s2).value()));
  for (int i = 0; i < 8; ++i) {
    const test::Authenticator a("es256 " + std::to_string(i));
    const Bytes message = bytes_of("message " + std::to_string(i));
    const auto key = Es256PublicKey::parse(a.point);
    ASSERT_TRUE(key);
    const Bytes der = a.sign_bytes(message), other = test::Authenticator::other_signature(der);
    EXPECT_TRUE(key->verify(message, der));
    EXPECT_TRUE(key->verify(message, other)) << "low and high s";
    EXPECT_NE(der, other);
    EXPECT_FALSE(key->verify(bytes_of("another"), der));
    EXPECT_FALSE(known().verify(message, der));
  }
}

TEST(Es256, TakesOneEncodingOfASignature) {
  const std::string good = "3046022100" + kR + "022100" + kS;
  ASSERT_TRUE(verifies(good));
  const std::pair<const char*, std::string> wrong[] = {{"empty", ""},
                                                       {"a byte", "30"},
                                                       {"another tag", "31" + good.substr(2)},
                                                       {"a length in long form", "308146" + good.substr(4)},
                                                       {"an indefinite length", "3080" + good.substr(4) + "0000"},
                                                       {"a byte after it", good + "00"},
                                                       {"a byte in it", "3047" + good.substr(4) + "00"},
                                                       {"a byte less", good.substr(0, good.size() - 2)},
                                                       {"a shorter length", "3045" + good.substr(4)},
                                                       {"r of another tag", "3046032100" + kR + "022100" + kS},
                                                       {"s of another tag", "3046022100" + kR + "032100" + kS},
                                                       {"r below zero", "30450220" + kR + "022100" + kS},
                                                       {"s below zero", "3045022100" + kR + "0220" + kS},
                                                       {"r with another zero", "304702220000" + kR + "022100" + kS},
                                                       {"s with another zero", "3047022100" + kR + "02220000" + kS},
                                                       {"r of no bytes", "30250200022100" + kS},
                                                       {"s of no bytes", "3025022100" + kR + "0200"},
                                                       {"only r", "3023022100" + kR},
                                                       {"r longer than there are bytes", "300402210102"},
                                                       {"r is zero", "3026020100022100" + kS},
                                                       {"s is zero", "3026022100" + kR + "020100"},
                                                       {"r is the order", "3046022100" + kOrder + "022100" + kS},
                                                       {"s is the order", "3046022100" + kR + "022100" + kOrder}};
  for (const auto& [what, der] : wrong) EXPECT_FALSE(verifies(der)) << what;
  // A zero in front where none is needed.
  const std::string small = "7fd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
  EXPECT_FALSE(verifies("3046022100" + small + "022100" + kS));
}

TEST(Es256, AKeyIsAPointOfTheCurve) {
  const auto parse = [](const std::string& hex) { return Es256PublicKey::parse_hex(hex); };
  const auto whole = parse("04" + kX + kY);
  ASSERT_TRUE(whole);
  EXPECT_EQ(to_hex(whole->bytes()), "04" + kX + kY);
  EXPECT_EQ(parse("03" + kX), whole) << "y is odd";
  const auto negated = parse("02" + kX);
  ASSERT_TRUE(negated);
  EXPECT_NE(negated, whole);
  EXPECT_EQ(to_hex(negated->bytes()).substr(0, 66), "04" + kX);
  const std::string p = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
  // x = 5 has a point; x + p is the same number, and another encoding of it.
  const std::string zero(64, '0'), beyond = "ffffffff00000001000000000000000000000001000000000000000000000004";
  ASSERT_TRUE(parse("02" + zero.substr(0, 62) + "05"));
  for (const auto& wrong :
       {std::string(), "00"s, "04"s, "04" + kX, "04" + kX + kY + "00", "06" + kX + kY, "07" + kX + kY, "05" + kX,
        "02" + kX + kY, kX + kY, "04" + kX + kX, "04" + kY + kX, "04" + zero + zero, "02" + p, "04" + p + kY,
        "02" + beyond, "04" + kX + kY.substr(0, 62) + "zz"})
    EXPECT_FALSE(parse(wrong)) << wrong;
  // An x without a y: found, so that this test does not depend on one.
  std::size_t without = 0;
  for (unsigned x = 1; x < 40; ++x) {
    Bytes point(33);
    point[0] = 2;
    point[32] = static_cast<std::uint8_t>(x);
    without += !Es256PublicKey::parse(point);
  }
  EXPECT_GT(without, 5u);
  EXPECT_LT(without, 35u);
}

}  // namespace
}  // namespace quorate::policy

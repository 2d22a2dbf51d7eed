#include "base/seen_signatures.h"

#include <gtest/gtest.h>

namespace quorate {
namespace {

Digest digest_of(std::uint8_t first, std::size_t second = 0) {
  Digest d{};
  d[0] = first;
  for (std::size_t i = 0; i < sizeof second; ++i) d[1 + i] = static_cast<std::uint8_t>(second >> (8 * i));
  return d;
}

TEST(SeenSignatures, AreVerifiedOnce) {
  SeenSignatures seen;
  int asked = 0;
  const auto says = [&](bool valid) { return [&asked, valid] { return ++asked, valid; }; };
  EXPECT_FALSE(seen.holds(digest_of(1), says(false)));
  EXPECT_FALSE(seen.holds(digest_of(1), says(false))) << "what is invalid is not remembered";
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(seen.holds(digest_of(1), says(true)));
  EXPECT_TRUE(seen.holds(digest_of(1), says(false))) << "nobody is asked";
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(seen.holds(digest_of(2), says(false)));
  seen.add(digest_of(2));
  EXPECT_TRUE(seen.holds(digest_of(2), says(false)));
}

TEST(SeenSignatures, AreForgottenInTheEnd) {
  SeenSignatures seen;
  seen.add(digest_of(1));
  for (std::size_t i = 0; i < limits::kMaxSeenSignatures; ++i) seen.add(digest_of(2, i));
  EXPECT_TRUE(seen.holds(digest_of(1), [] { return false; }));
  for (std::size_t i = 0; i < limits::kMaxSeenSignatures; ++i) seen.add(digest_of(3, i));
  EXPECT_FALSE(seen.holds(digest_of(1), [] { return false; }));
}

TEST(SeenSignatures, ANameIsOfAllThatWasVerified) {
  const Bytes key(32, 1), message(40, 2);
  Signature64 signature{};
  const auto name = [&](std::string_view algorithm, ByteView k, ByteView m, std::uint8_t s) {
    signature[0] = s;
    return SeenSignatures::name_of(algorithm, k, m, signature);
  };
  const Digest one = name("ed25519", key, message, 0);
  EXPECT_EQ(name("ed25519", key, message, 0), one);
  EXPECT_NE(name("other", key, message, 0), one);
  EXPECT_NE(name("ed25519", ByteView(key).first(31), message, 0), one);
  EXPECT_NE(name("ed25519", key, ByteView(message).first(39), 0), one);
  EXPECT_NE(name("ed25519", key, message, 1), one);
}

}  // namespace
}  // namespace quorate

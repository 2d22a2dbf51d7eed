// The cipher between nodes: mbedTLS's interface, libsodium's arithmetic (scripts/mbedtls), the numbers of RFC 8439.
#include <gtest/gtest.h>
#include <mbedtls/chacha20.h>
#include <mbedtls/chachapoly.h>
#include <mbedtls/poly1305.h>
#include <sodium.h>

#include "base/rng.h"

namespace quorate {
namespace {

TEST(ChaChaPoly, GivesTheNumbersOfRfc8439) {
  EXPECT_EQ(mbedtls_chacha20_self_test(0), 0);
  EXPECT_EQ(mbedtls_poly1305_self_test(0), 0);
  EXPECT_EQ(mbedtls_chachapoly_self_test(0), 0);
}

// However a message is cut into pieces.
TEST(ChaChaPoly, PiecesGiveTheWhole) {
  SeededRng rng(8439);
  ByteArray<32> key{};
  ByteArray<12> nonce{};
  rng.fill(key);
  rng.fill(nonce);
  for (int round = 0; round < 300; ++round) {
    Bytes message(rng.below(700));
    rng.fill(message);
    const auto counter = static_cast<std::uint32_t>(rng.below(1000));
    Bytes expected(message.size()), made(message.size());
    crypto_stream_chacha20_ietf_xor_ic(expected.data(), message.data(), message.size(), nonce.data(), counter,
                                       key.data());
    ByteArray<16> expected_tag{}, tag{};
    crypto_onetimeauth_poly1305(expected_tag.data(), message.data(), message.size(), key.data());

    mbedtls_chacha20_context cipher;
    mbedtls_chacha20_init(&cipher);
    ASSERT_EQ(mbedtls_chacha20_setkey(&cipher, key.data()), 0);
    ASSERT_EQ(mbedtls_chacha20_starts(&cipher, nonce.data(), counter), 0);
    mbedtls_poly1305_context mac;
    mbedtls_poly1305_init(&mac);
    ASSERT_EQ(mbedtls_poly1305_starts(&mac, key.data()), 0);
    for (std::size_t at = 0; at < message.size();) {
      const std::size_t piece = std::min<std::size_t>(message.size() - at, rng.below(round % 2 == 0 ? 200 : 20));
      ASSERT_EQ(mbedtls_chacha20_update(&cipher, piece, message.data() + at, made.data() + at), 0);
      ASSERT_EQ(mbedtls_poly1305_update(&mac, message.data() + at, piece), 0);
      at += piece;
    }
    ASSERT_EQ(mbedtls_poly1305_finish(&mac, tag.data()), 0);
    mbedtls_chacha20_free(&cipher);
    mbedtls_poly1305_free(&mac);
    EXPECT_EQ(made, expected);
    EXPECT_EQ(tag, expected_tag);
  }
}

}  // namespace
}  // namespace quorate

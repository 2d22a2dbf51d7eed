#include "base/ed25519.h"

#include <gtest/gtest.h>
#include <sodium.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace quorate {
namespace {

struct Rfc8032 {  // §7.1
  const char *seed, *public_key, *message, *signature;
};
constexpr Rfc8032 kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "55141438e"
     "7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "00d291612"
     "bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027beceea"
     "1ec40a"},
};

Ed25519SecretKey key_of(std::uint64_t seed) {
  SeededRng rng(seed);
  return Ed25519SecretKey::generate(rng);
}

TEST(Ed25519, IsRfc8032) {
  for (const auto& v : kVectors) {
    const auto key = Ed25519SecretKey::from_seed(Secret<Bytes32>(*array_from_hex<32>(v.seed)));
    const Bytes message = *from_hex(v.message);
    EXPECT_EQ(to_hex(key.public_key().bytes()), v.public_key);
    EXPECT_EQ(to_hex(key.sign(message)), v.signature);
    EXPECT_TRUE(key.public_key().verify(message, *array_from_hex<64>(v.signature)));
  }
}

TEST(Ed25519, EveryFlippedBitIsRefused) {
  const auto key = key_of(1);
  const Bytes message = bytes_of("message");
  const Signature64 signature = key.sign(message);
  for (std::size_t bit = 0; bit < 512; ++bit) {
    Signature64 bad = signature;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_FALSE(key.public_key().verify(message, bad)) << bit;
  }
  EXPECT_FALSE(key.public_key().verify(bytes_of("messagf"), signature));
  EXPECT_FALSE(key_of(2).public_key().verify(message, signature));
}

TEST(Ed25519, AnUnsetKeyVerifiesNothingAndIsNotSent) {
  const Ed25519PublicKey unset;
  EXPECT_FALSE(unset.verify(bytes_of("message"), Signature64{}));
  Bytes32 out;
  EXPECT_DEATH(unset.wire_put(out.data()), "internal error");
}

constexpr const char* kSmallOrder[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",  // 1
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // 2
    "0000000000000000000000000000000000000000000000000000000000000000",  // 4
    "0000000000000000000000000000000000000000000000000000000000000080",  // 4
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  // 8
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",  // 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",  // 8
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",  // 8
};

TEST(Ed25519, KeysOfSmallOrderAreRefused) {  // attack 40
  for (const char* hex : kSmallOrder) {
    EXPECT_FALSE(Ed25519PublicKey::parse(*from_hex(hex))) << hex;
    EXPECT_THROW(Ed25519PublicKey::wire_get(*from_hex(hex)), Malformed);
  }
}

// P + T for every T of small order but the identity: libsodium's own test lets the one with T of order 2 pass
// (CVE-2025-69277).
TEST(Ed25519, KeysOfMixedOrderAreRefused) {  // attack 40
  const Bytes32 P = key_of(5).public_key().bytes();
  for (const char* hex : kSmallOrder) {
    const Bytes32 T = *array_from_hex<32>(hex);
    Bytes32 sum;
    ASSERT_EQ(crypto_core_ed25519_add(sum.data(), P.data(), T.data()), 0);
    EXPECT_EQ(Ed25519PublicKey::parse(sum).has_value(), hex == kSmallOrder[0]) << hex;
  }
}

TEST(Ed25519, KeysThatAreNotCanonicalOrNotOnTheCurveAreRefused) {
  for (const char* hex : {"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p
                          "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 3
                          "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                          "0200000000000000000000000000000000000000000000000000000000000000",  // no point has this y
                          "0100000000000000000000000000000000000000000000000000000000000080"})
    EXPECT_FALSE(Ed25519PublicKey::parse(*from_hex(hex))) << hex;
  const Bytes32 key = key_of(1).public_key().bytes();
  const Bytes good(key.begin(), key.end());
  EXPECT_TRUE(Ed25519PublicKey::parse(good));
  EXPECT_FALSE(Ed25519PublicKey::parse(ByteView(good).first(31)));
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_FALSE(Ed25519PublicKey::parse(longer));
  EXPECT_FALSE(Ed25519PublicKey::parse({}));
}

TEST(Ed25519, ASignatureIsNotMalleable) {  // S + L, attack 40
  const auto key = key_of(1);
  const Bytes message = bytes_of("message");
  Signature64 signature = key.sign(message);
  const Bytes32 L = *array_from_hex<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned>(signature[32 + i]) + L[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(key.public_key().verify(message, signature));
}

// "Taming the many EdDSAs": twelve signatures on which verifiers differ. A strict one accepts none of them.
TEST(Ed25519, AcceptsNoneOfTheSignaturesOnWhichVerifiersDiffer) {
  std::ifstream file(std::string(QUORATE_SOURCE_DIR) + "/../shared/vectors/ed25519-speccheck.json");
  if (!file) GTEST_SKIP() << "vectors are not there";
  const nlohmann::json cases = nlohmann::json::parse(file);
  std::size_t count = 0;
  for (const auto& c : cases) {
    const auto key = Ed25519PublicKey::parse(*from_hex(c.at("pub_key").get<std::string>()));
    const auto signature = array_from_hex<64>(c.at("signature").get<std::string>());
    ASSERT_TRUE(signature);
    EXPECT_FALSE(key && key->verify(*from_hex(c.at("message").get<std::string>()), *signature)) << count;
    ++count;
  }
  EXPECT_EQ(count, 12u);
}

TEST(Ed25519, TextFormIsStrict) {
  const auto key = key_of(1).public_key();
  EXPECT_EQ(Ed25519PublicKey::parse_text(key.to_text()), key);
  const std::string hex = to_hex(key.bytes());
  for (const std::string& bad :
       {hex, std::string("ed25519:"), "ED25519:" + hex, "ed25519: " + hex, "ed25519:" + hex + "00", "ed25519:0x" + hex})
    EXPECT_FALSE(Ed25519PublicKey::parse_text(bad)) << bad;
}

TEST(Ed25519, TheWireRoundTrips) {
  const auto key = key_of(3).public_key();
  EXPECT_EQ(decode<Ed25519PublicKey>(encode(key)), key);
}

TEST(Ed25519, PemRoundTrips) {
  const auto key = key_of(9);
  const SecretBytes pem = key.to_pem();
  const auto again = Ed25519SecretKey::from_pem(text_of(pem));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_EQ(again->sign(bytes_of("x")), key.sign(bytes_of("x")));
}

// RFC 8410 §10.3
TEST(Ed25519, ReadsThePemOfTheStandard) {
  const auto key = Ed25519SecretKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE "
      "KEY-----\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(ed25519_public_pem(key->public_key().bytes()),
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC "
            "KEY-----\n");
}

TEST(Ed25519, RefusesOtherPems) {
  const auto wrap = [](const std::string& body) {
    return "-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----\n";
  };
  const std::string good = "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
  ASSERT_TRUE(Ed25519SecretKey::from_pem(wrap(good)));
  const std::string x25519 = "MC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC";
  for (const std::string& bad :
       {std::string(), std::string("hello"), wrap(""), wrap(x25519), wrap(good.substr(4)), wrap(good + "AAAA"),
        wrap("*" + good.substr(1)), good, "-----BEGIN PRIVATE KEY-----\n" + good})
    EXPECT_FALSE(Ed25519SecretKey::from_pem(bad)) << bad;
}

// What OpenSSL says about the two PEM forms.
TEST(Ed25519, OpensslReadsOurPems) {
  if (std::system("openssl version >/dev/null 2>&1") != 0) GTEST_SKIP() << "openssl is not installed";
  const auto key = key_of(11);
  const auto folder = std::filesystem::temp_directory_path() / ("quorate-pem-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const SecretBytes pem = key.to_pem();
  std::ofstream(folder / "key.pem") << text_of(pem);
  const std::string expected = ed25519_public_pem(key.public_key().bytes());
  std::ofstream(folder / "public.pem") << expected;
  const auto run = [&](const std::string& arguments) {
    const std::string out = (folder / "out").string();
    const int status =
        std::system(("cd " + folder.string() + " && openssl " + arguments + " >" + out + " 2>/dev/null").c_str());
    std::ifstream file(out);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return std::pair(status, text);
  };
  EXPECT_EQ(run("pkey -in key.pem -pubout"), std::pair(0, expected));
  EXPECT_EQ(run("pkey -pubin -in public.pem -pubout"), std::pair(0, expected));
  EXPECT_EQ(run("pkey -in key.pem"), std::pair(0, std::string(text_of(pem))));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace quorate

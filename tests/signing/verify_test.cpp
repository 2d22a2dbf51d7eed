// Verification against the published edge cases.
#include "signing/verify.h"

#include <secp256k1.h>

#include <nlohmann/json.hpp>

#include "crypto/secp_context.h"
#include "tests/signing/signing_support.h"

namespace quorate {
namespace {

Bytes hex(const nlohmann::json& text) { return from_hex(text.get<std::string>()).value(); }
std::optional<Signature64> signature_of(const Bytes& bytes) {
  if (bytes.size() != 64) return std::nullopt;
  Signature64 out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

TEST(Verify, Bip340Vectors) {
  std::istringstream lines(own_vectors("bip340.csv"));
  std::string line;
  std::getline(lines, line);
  int valid = 0, invalid = 0;
  while (std::getline(lines, line)) {
    std::vector<std::string> field;
    std::istringstream columns(line);
    for (std::string f; std::getline(columns, f, ',');) field.push_back(f);
    ASSERT_GE(field.size(), 7u);
    const bool expected = field[6] == "TRUE";
    const auto signature = array_from_hex<64>(field[5]).value();
    EXPECT_EQ(verify_signature(Algorithm::schnorr_secp256k1, from_hex(field[2]).value(), from_hex(field[4]).value(),
                               signature),
              expected)
        << line;
    (expected ? valid : invalid)++;
  }
  EXPECT_GE(valid, 8);
  EXPECT_GE(invalid, 8);
}

// attack 40: cases on which verifiers disagree. Strict verification takes none of them.
TEST(Verify, Ed25519SpecCheck) {
  const auto file = published("ed25519-speccheck.json");
  if (!file) GTEST_SKIP() << "no file of published vectors";
  int count = 0;
  for (const auto& v : nlohmann::json::parse(*file)) {
    const auto signature = signature_of(hex(v["signature"])).value();
    EXPECT_FALSE(verify_signature(Algorithm::eddsa_ed25519, hex(v["pub_key"]), hex(v["message"]), signature)) << count;
    ++count;
  }
  EXPECT_EQ(count, 12);
}

TEST(Verify, Ed25519Wycheproof) {
  const auto file = published("wycheproof/ed25519_test.json");
  if (!file) GTEST_SKIP() << "no file of published vectors";
  int valid = 0, invalid = 0;
  const auto vectors = nlohmann::json::parse(*file);
  for (const auto& group : vectors["testGroups"])
    for (const auto& v : group["tests"]) {
      const auto signature = signature_of(hex(v["sig"]));
      const bool ok = signature && verify_signature(Algorithm::eddsa_ed25519, hex(group["publicKey"]["pk"]),
                                                    hex(v["msg"]), *signature);
      EXPECT_EQ(ok, v["result"] == "valid") << v["tcId"];
      (ok ? valid : invalid)++;
    }
  EXPECT_GE(valid, 50);
  EXPECT_GE(invalid, 40);
}

// Recovering takes high s as well.
bool verifies_when_normalized(secp256k1_ecdsa_signature signature, const ByteArray<33>& key, const Digest& digest) {
  secp256k1_ecdsa_signature_normalize(secp_context(), &signature, &signature);
  Signature64 low;
  secp256k1_ecdsa_signature_serialize_compact(secp_context(), low.data(), &signature);
  return verify_signature(Algorithm::ecdsa_secp256k1, key, digest, low);
}

struct Counts {
  int valid = 0, invalid = 0;
};
// DER signatures of SHA-256 through r ‖ s; what verifies is recovered from, too. `refuses_high_s`: whether the file
// does.
Counts check_ecdsa(const std::string& text, bool refuses_high_s) {
  Counts counts;
  const auto vectors = nlohmann::json::parse(text);
  for (const auto& group : vectors["testGroups"])
    for (const auto& v : group["tests"]) {
      const Bytes der = hex(v["sig"]), uncompressed = hex(group["publicKey"]["uncompressed"]), message = hex(v["msg"]);
      ByteArray<33> key{};
      key[0] = static_cast<std::uint8_t>(2 + (uncompressed[64] & 1));
      std::copy_n(uncompressed.begin() + 1, 32, key.begin() + 1);
      Digest digest;
      crypto_hash_sha256(digest.data(), message.data(), message.size());
      secp256k1_ecdsa_signature parsed;
      bool ok = false, low = true;
      if (!der.empty() && secp256k1_ecdsa_signature_parse_der(secp_context(), &parsed, der.data(), der.size()) == 1) {
        Signature64 compact;
        low = secp256k1_ecdsa_signature_normalize(secp_context(), nullptr, &parsed) == 0;
        secp256k1_ecdsa_signature_serialize_compact(secp_context(), compact.data(), &parsed);
        ok = verify_signature(Algorithm::ecdsa_secp256k1, key, digest, compact);
        int recovered = 0;
        for (std::uint8_t id = 0; id < 4; ++id) recovered += recover_key(digest, compact, id) == key;
        const auto id = verify_recoverable(key, digest, compact);
        EXPECT_EQ(id.has_value(), ok) << v["tcId"];
        EXPECT_TRUE(!id || recover_key(digest, compact, *id) == key) << v["tcId"];
        EXPECT_EQ(recovered, ok || (!low && verifies_when_normalized(parsed, key, digest)) ? 1 : 0) << v["tcId"];
      }
      EXPECT_EQ(ok, v["result"] == "valid" && (low || refuses_high_s)) << v["tcId"] << v["comment"];
      (ok ? counts.valid : counts.invalid)++;
    }
  return counts;
}

TEST(Verify, EcdsaExcerptOfWycheproof) {
  const Counts counts = check_ecdsa(own_vectors("ecdsa_verify.json"), true);
  EXPECT_GE(counts.valid, 20);
  EXPECT_GE(counts.invalid, 20);
}

TEST(Verify, EcdsaWycheproof) {
  for (const auto& [name, refuses_high_s] : {std::pair("wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json", true),
                                             std::pair("wycheproof/ecdsa_secp256k1_sha256_test.json", false)}) {
    const auto file = published(name);
    if (!file) GTEST_SKIP() << "no file of published vectors";
    const Counts counts = check_ecdsa(*file, refuses_high_s);
    EXPECT_GE(counts.valid, 90);
    EXPECT_GE(counts.invalid, 100);
  }
}

TEST(Verify, RefusesWhatIsUnset) {
  SeededRng rng(61);
  const DealtKey<Ed25519> key(PartySet::first(2), 2, rng);
  const auto effective = root_key(key.Y);
  const Bytes message = bytes_of("m");
  const auto signature = sign_with<FrostEd25519>(key, effective, key.parties, message, rng);
  const auto Y = key.Y.bytes();
  ASSERT_TRUE(verify_signature(Algorithm::eddsa_ed25519, Y, message, signature));
  EXPECT_FALSE(verify_signature(Algorithm::unset, Y, message, signature));
  EXPECT_FALSE(verify_signature(Algorithm::schnorr_secp256k1, Y, message, signature));
  EXPECT_FALSE(verify_signature(Algorithm::eddsa_ed25519, {}, message, signature));
  EXPECT_FALSE(verify_signature(Algorithm::schnorr_secp256k1, {}, message, signature));
  EXPECT_FALSE(verify_signature(Algorithm::ecdsa_secp256k1, {}, message, signature));
  EXPECT_FALSE(verify_signature(Algorithm::ecdsa_secp256k1, Point<Secp256k1>::generator().bytes(), message, signature));
}

TEST(Verify, EcdsaTakesCompressedKeysAndDigestsOf32BytesOnly) {
  SeededRng rng(62);
  const Bytes32 secret = rng.bytes<32>(), digest = rng.bytes<32>();
  secp256k1_pubkey point;
  secp256k1_ecdsa_signature rs;
  ASSERT_EQ(secp256k1_ec_pubkey_create(secp_context(), &point, secret.data()), 1);
  ASSERT_EQ(secp256k1_ecdsa_sign(secp_context(), &rs, digest.data(), secret.data(), nullptr, nullptr), 1);
  Signature64 signature;
  secp256k1_ecdsa_signature_serialize_compact(secp_context(), signature.data(), &rs);
  Bytes compressed(33), whole(65), longer(digest.begin(), digest.end());
  std::size_t length = compressed.size();
  secp256k1_ec_pubkey_serialize(secp_context(), compressed.data(), &length, &point, SECP256K1_EC_COMPRESSED);
  length = whole.size();
  secp256k1_ec_pubkey_serialize(secp_context(), whole.data(), &length, &point, SECP256K1_EC_UNCOMPRESSED);
  longer.push_back(0);
  EXPECT_TRUE(verify_signature(Algorithm::ecdsa_secp256k1, compressed, digest, signature));
  EXPECT_FALSE(verify_signature(Algorithm::ecdsa_secp256k1, whole, digest, signature));
  EXPECT_FALSE(verify_signature(Algorithm::ecdsa_secp256k1, compressed, longer, signature));
  int recovered = 0;
  for (std::uint8_t id = 0; id < 4; ++id) {
    const auto key = recover_key(digest, signature, id);
    recovered += key && std::equal(key->begin(), key->end(), compressed.begin()) ? 1 : 0;
  }
  EXPECT_EQ(recovered, 1);
  EXPECT_FALSE(recover_key(digest, signature, 4));

  const auto id = verify_recoverable(compressed, digest, signature);
  ASSERT_TRUE(id);
  EXPECT_TRUE(std::ranges::equal(recover_key(digest, signature, *id).value(), compressed));
  EXPECT_FALSE(verify_recoverable(whole, digest, signature));
  EXPECT_FALSE(verify_recoverable(compressed, Digest{1}, signature));
  EXPECT_FALSE(verify_recoverable(compressed, digest, Signature64{}));
  Signature64 high = signature;  // the same with q − s: it verifies and recovers as well
  const auto s = Scalar<Secp256k1>::parse(ByteView(signature).subspan(32)).value();
  (-s).wire_put(high.data() + 32);
  EXPECT_TRUE(recover_key(digest, high, *id ^ 1) == recover_key(digest, signature, *id));
  EXPECT_FALSE(verify_recoverable(compressed, digest, high));
}

}  // namespace
}  // namespace quorate

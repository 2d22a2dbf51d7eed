#include "peers/certificates.h"

#include <gtest/gtest.h>
#include <mbedtls/ecp.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/hash.h"

namespace quorate::peers {
namespace {

class Certificates : public ::testing::Test {
 protected:
  SeededRng rng_{7};
  ManualClock clock_{*from_rfc3339("2026-03-01T12:00:00Z")};
};

TEST_F(Certificates, KeysArePemAndDeterministicInTheRng) {
  const SecretBytes key = make_tls_key(rng_);
  EXPECT_EQ(text_of(key).substr(0, 30), "-----BEGIN EC PRIVATE KEY-----");
  EXPECT_EQ(key.back(), '\n');
  EXPECT_EQ(std::count(key.begin(), key.end(), 0), 0);
  SeededRng same(7);
  EXPECT_EQ(make_tls_key(same), key);
  EXPECT_NE(make_tls_key(rng_), key);
  const Bytes spki = spki_of_key(key);
  EXPECT_EQ(spki.size(), 91U);
  EXPECT_TRUE(is_p256_spki(spki));
  EXPECT_EQ(pin_of_spki(spki), sha256(spki));
}

// attack 50: no slow curves for a stranger to choose.
TEST_F(Certificates, OnlyCurvesOfTheWeb) {
  std::set<std::string> names;
  for (auto* curve = mbedtls_ecp_curve_list(); curve->grp_id != MBEDTLS_ECP_DP_NONE; ++curve) names.insert(curve->name);
  EXPECT_EQ(names, (std::set<std::string>{"secp256r1", "secp384r1", "secp521r1", "x25519", "x448"}));
}

TEST_F(Certificates, LeafSaysWhatWasAsked) {
  const Authority authority = make_ca("Quorate test CA", clock_, rng_);
  const SecretBytes key = make_tls_key(rng_);
  const std::string pem = issue_leaf(
      authority, key, {"node1", {"peers.example.org", "localhost"}, {"10.0.0.7", "::1", "127.0.0.1"}}, clock_, rng_);
  const auto leaf = parse_certificate(pem);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(leaf->subject, "node1");
  EXPECT_EQ(leaf->issuer, "Quorate test CA");
  EXPECT_EQ(leaf->dns, (std::vector<std::string>{"node1", "localhost", "peers.example.org"}));
  EXPECT_EQ(leaf->ips, (std::vector<std::string>{"127.0.0.1", "10.0.0.7", "::1"}));
  EXPECT_FALSE(leaf->authority);
  EXPECT_EQ(to_rfc3339(leaf->not_before), "2026-03-01T11:00:00Z");
  EXPECT_EQ(leaf->not_after - leaf->not_before, std::chrono::hours(24 * 397) - Seconds(1));
  EXPECT_EQ(leaf->spki, spki_of_key(key));
  EXPECT_EQ(spki_of_certificate(pem), leaf->spki);
  EXPECT_TRUE(issued_by(pem, authority.certificate_pem));
  EXPECT_FALSE(issued_by(pem, make_ca("Quorate test CA", clock_, rng_).certificate_pem));
  const auto ca = parse_certificate(authority.certificate_pem);
  ASSERT_TRUE(ca);
  EXPECT_TRUE(ca->authority);
  EXPECT_EQ(ca->subject, ca->issuer);
  EXPECT_EQ(ca->not_after - ca->not_before, std::chrono::hours(24 * 3650) - Seconds(1));
  EXPECT_TRUE(issued_by(authority.certificate_pem, authority.certificate_pem));
}

TEST_F(Certificates, RefusesWhatItCannotStandFor) {
  const Authority authority = make_ca("ca", clock_, rng_);
  const SecretBytes key = make_tls_key(rng_);
  const auto issue = [&](const LeafRequest& request) { return issue_leaf(authority, key, request, clock_, rng_); };
  EXPECT_THROW(issue({"", {}, {}}), CertificateError);
  EXPECT_THROW(issue({"a,O=b", {}, {}}), CertificateError);
  EXPECT_THROW(issue({"a+b", {}, {}}), CertificateError);
  EXPECT_THROW(issue({std::string(64, 'a'), {}, {}}), CertificateError);
  EXPECT_THROW(issue({"a", {"no spaces"}, {}}), CertificateError);
  EXPECT_THROW(issue({"a", {}, {"10.0.0"}}), CertificateError);
  EXPECT_THROW(make_ca("a/b\n", clock_, rng_), CertificateError);
  EXPECT_THROW(issue_leaf({authority.key_pem, issue({"a", {}, {}})}, key, {"b", {}, {}}, clock_, rng_),
               CertificateError);  // a leaf issues none
  EXPECT_THROW(issue_leaf({key, authority.certificate_pem}, key, {"b", {}, {}}, clock_, rng_),
               CertificateError);  // not its key
  EXPECT_THROW(spki_of_key(view_of("nonsense")), CertificateError);
  EXPECT_THROW(spki_of_key({}), CertificateError);
  EXPECT_THROW(spki_of_certificate("nonsense"), CertificateError);
  EXPECT_FALSE(parse_certificate(""));
  EXPECT_FALSE(parse_certificate(text_of(key)));
}

TEST_F(Certificates, SpkiIsCanonicalP256) {
  Bytes spki = spki_of_key(make_tls_key(rng_));
  EXPECT_TRUE(is_p256_spki(spki));
  Bytes trailing = spki;
  trailing.push_back(0);
  EXPECT_FALSE(is_p256_spki(trailing));
  Bytes off_curve = spki;
  off_curve.back() ^= 1;
  EXPECT_FALSE(is_p256_spki(off_curve));
  EXPECT_FALSE(is_p256_spki(ByteView(spki).first(90)));
  EXPECT_FALSE(is_p256_spki({}));
  // An Ed25519 key is none: RFC 8410 §4.
  const auto ed25519 =
      from_hex("302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
  EXPECT_FALSE(is_p256_spki(*ed25519));
}

// Another implementation reads and verifies what we write. Skipped where there is no openssl program.
TEST_F(Certificates, OpensslAgrees) {
  if (std::system("openssl version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl program";
  const auto dir = std::filesystem::path(QUORATE_BINARY_DIR) / "certificates_test";
  std::filesystem::create_directories(dir);
  const auto write = [&](const char* name, std::string_view text) { std::ofstream(dir / name) << text; };
  const SystemClock now;
  const Authority authority = make_ca("ca", now, rng_);
  const SecretBytes key = make_tls_key(rng_);
  write("ca.pem", authority.certificate_pem);
  write("key.pem", text_of(key));
  write("leaf.pem", issue_leaf(authority, key, {"node1", {}, {}}, now, rng_));
  const auto run = [&](const std::string& arguments) {
    return std::system(("cd '" + dir.string() + "' && openssl " + arguments + " > out 2>&1").c_str());
  };
  EXPECT_EQ(run("verify -x509_strict -purpose sslserver -verify_ip 127.0.0.1 -CAfile ca.pem leaf.pem"), 0);
  EXPECT_EQ(run("verify -x509_strict -purpose sslclient -verify_hostname localhost -CAfile ca.pem leaf.pem"), 0);
  EXPECT_NE(run("verify -x509_strict -verify_hostname elsewhere -CAfile ca.pem leaf.pem"), 0);
  ASSERT_EQ(run("pkey -in key.pem -pubout -outform DER -out spki.der"), 0);
  std::ifstream in(dir / "spki.der", std::ios::binary);
  const std::string der((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(bytes_of(der), spki_of_key(key));
  ASSERT_EQ(run("pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem"), 0);
  std::ifstream converted(dir / "pkcs8.pem");
  const std::string pkcs8((std::istreambuf_iterator<char>(converted)), {});
  EXPECT_EQ(spki_of_key(view_of(pkcs8)), spki_of_key(key));
  ASSERT_EQ(run("ecparam -name secp384r1 -genkey -noout -out other.pem"), 0);
  std::ifstream other(dir / "other.pem");
  const std::string p384((std::istreambuf_iterator<char>(other)), {});
  EXPECT_THROW(spki_of_key(view_of(p384)), CertificateError);
}

}  // namespace
}  // namespace quorate::peers

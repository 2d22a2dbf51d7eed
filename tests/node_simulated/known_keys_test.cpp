// Certificates that are decoded once.
#include "node/known_keys.h"

#include <gtest/gtest.h>

#include "storage/store.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {
namespace {

struct Known : ::testing::Test {
  storage::KeyRow row = [] {
    NodeSimulation sim(3, 1);
    EXPECT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
    return sim.active_keys(0).at(0);
  }();
  node::KnownKeys keys;
};

TEST_F(Known, SaysWhatTheCertificateSaysAndDecodesItOnce) {
  const auto known = keys.of(row);
  EXPECT_EQ(encode(known->certificate), SecretBytes(row.certificate.begin(), row.certificate.end()));
  EXPECT_EQ(known->digest, known->certificate.body.digest());
  const auto& points = std::get<KeyPoints<Ed25519>>(known->points);
  EXPECT_EQ(points.Y, Point<Ed25519>::parse(known->certificate.body.Y));
  EXPECT_EQ(points.X.size(), 3u);
  EXPECT_EQ(points.X[2], Point<Ed25519>::parse(known->certificate.body.X[2]));
  EXPECT_EQ(keys.of(row), known);
}
TEST_F(Known, AnotherCertificateOfTheSameKeyIsDecodedAnew) {
  const auto known = keys.of(row);
  auto changed = known->certificate;
  changed.body.number = 2;
  const SecretBytes bytes = encode(changed);
  row.certificate.assign(bytes.begin(), bytes.end());
  EXPECT_EQ(keys.of(row)->certificate.body.number, 2u);
  EXPECT_EQ(keys.size(), 1u);
}
TEST_F(Known, ARowThatIsNoCertificateIsDamage) {
  auto cut = row;
  cut.certificate.pop_back();
  EXPECT_THROW(keys.of(cut), storage::StorageCorrupt);
  auto certificate = decode<KeyCertificate>(row.certificate);
  std::swap(certificate.body.X[0], certificate.body.X[1]);  // points that do not belong together
  const SecretBytes bytes = encode(certificate);
  cut.certificate.assign(bytes.begin(), bytes.end());
  EXPECT_THROW(keys.of(cut), storage::StorageCorrupt);
  EXPECT_EQ(keys.size(), 0u);
}
TEST_F(Known, AChainCodeIsLoadedOncePerCertificate) {
  int loads = 0;
  std::optional<Bytes32> code;
  const auto chain_code = [&] {
    return keys.chain_code(row, [&] {
      ++loads;
      return code;
    });
  };
  EXPECT_EQ(chain_code(), std::nullopt);  // no share yet
  code = Bytes32{7};
  EXPECT_EQ(chain_code(), code);
  EXPECT_EQ(chain_code(), code);
  EXPECT_EQ(loads, 2);
  auto changed = decode<KeyCertificate>(row.certificate);
  changed.body.number = 2;
  const SecretBytes bytes = encode(changed);
  row.certificate.assign(bytes.begin(), bytes.end());
  code = Bytes32{8};
  EXPECT_EQ(chain_code(), code);
  EXPECT_EQ(loads, 3);
}
TEST_F(Known, TheOldestIsForgotten) {
  auto other = row;
  const auto kept = keys.of(row);
  other.id = "other 0";
  const std::weak_ptr<const node::KnownKey> first = keys.of(other);
  for (std::size_t k = 1; k < limits::kMaxKnownKeys; ++k) {
    other.id = "other " + std::to_string(k);
    keys.of(other);
    EXPECT_EQ(keys.of(row), kept);  // in use
  }
  EXPECT_EQ(keys.size(), limits::kMaxKnownKeys);
  EXPECT_TRUE(first.expired());
}

}  // namespace
}  // namespace quorate::test

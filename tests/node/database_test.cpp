// A database is made once; one that is gone is missed.
#include "node/database.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "base/ed25519.h"
#include "base/rng.h"

namespace quorate::node {
namespace {

struct Database : ::testing::Test {
  SystemRng rng;
  std::filesystem::path dir;
  Config config;
  std::string log;

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "quorate-database-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir = pattern;
    config.directory = dir;
    std::filesystem::create_directory(dir / "volume");
    config.database = dir / "volume" / "quorate.db";
    config.database_key.key_file = dir / "key";
    std::ofstream(dir / "key") << std::string(32, 'k');
    std::filesystem::permissions(dir / "key", std::filesystem::perms(0600));
  }
  void TearDown() override { std::filesystem::remove_all(dir); }
  std::unique_ptr<storage::Store> open(std::uint8_t identity = 1) {
    Bytes32 seed{};
    seed[0] = identity;
    const auto key = Ed25519SecretKey::from_seed(Secret<Bytes32>(seed)).public_key();
    return open_database(config, {std::string(64, 'c'), "node1"}, key, rng,
                         [this](LogLevel, const std::string& text) { log += text + "\n"; });
  }
  std::string refusal() {
    try {
      open();
    } catch (const storage::StorageError& e) {
      return e.what();
    }
    return "";
  }
};

TEST_F(Database, IsMadeAtTheFirstStartAlone) {
  open();
  EXPECT_NE(log.find("first start"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(config.database));
  log.clear();
  open();
  EXPECT_EQ(log, "");
  std::filesystem::remove_all(dir / "volume");  // a volume that is not mounted
  std::filesystem::create_directory(dir / "volume");
  const std::string why = refusal();
  EXPECT_NE(why.find(config.database.string()), std::string::npos) << why;
  EXPECT_NE(why.find("missing"), std::string::npos);
  EXPECT_NE(why.find((dir / kHadDatabase).string()), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(config.database));
  // As the message says.
  std::filesystem::remove(dir / kHadDatabase);
  open();
  EXPECT_TRUE(std::filesystem::exists(config.database));
}
TEST_F(Database, OneOfAnEarlierVersionIsMissedFromItsNextStartOn) {
  open();
  std::filesystem::remove(dir / kHadDatabase);
  open();
  std::filesystem::remove(config.database);
  EXPECT_NE(refusal(), "");
}
TEST_F(Database, AFirstStartThatFailsMayBeTriedAgain) {
  std::filesystem::remove(dir / "volume");
  EXPECT_NE(refusal(), "");
  std::filesystem::create_directory(dir / "volume");
  EXPECT_EQ(refusal(), "");
}
TEST_F(Database, GoesWithOneIdentityKey) {
  config.identity_key = dir / "identity.pem";
  open();
  open();
  try {
    open(2);
    ADD_FAILURE() << "a database of another identity was opened";
  } catch (const ConfigError& e) {
    EXPECT_NE(std::string(e.what()).find(config.identity_key.string()), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find(config.database.string()), std::string::npos) << e.what();
  }
  open();
}

}  // namespace
}  // namespace quorate::node

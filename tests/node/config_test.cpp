#include "node/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace quorate::node {
namespace {

constexpr const char* kGood = R"(
node = "node1"
cluster = "../cluster.json"
policy = "../policy.json"
identity_key = "identity.pem"
tls_key = "tls.pem"
tls_certificate = "tls.crt"
database = "db"
workers = 2
lock_memory = "tried"
[database_key]
key_file = "db.key"
[http]
listen = "127.0.0.1:7001"
threads = 32
[peers]
listen = "127.0.0.1:7101"
source = "127.0.0.9"
[metrics]
listen = "127.0.0.1:7201"
[log]
file = "log"
level = "debug"
format = "json"
)";

struct ConfigFile : ::testing::Test {
  std::filesystem::path dir;
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "quorate-config-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir); }
  Config load(const std::string& text) {
    std::ofstream(dir / "config.toml") << text;
    return load_config(dir / "config.toml");
  }
  std::string error(const std::string& text) {
    try {
      load(text);
      return "no error";
    } catch (const ConfigError& e) {
      return e.what();
    }
  }
  // The good one with `from` replaced by `to`.
  std::string error(const std::string& from, const std::string& to) {
    std::string text = kGood;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return error(text.replace(at, from.size(), to));
  }
};

TEST_F(ConfigFile, IsReadWholly) {
  const Config c = load(kGood);
  EXPECT_EQ(c.node, "node1");
  EXPECT_EQ(c.cluster, dir / "../cluster.json");
  EXPECT_EQ(c.identity_key, dir / "identity.pem");
  EXPECT_EQ(c.tls_key, dir / "tls.pem");
  EXPECT_EQ(c.tls_certificate, dir / "tls.crt");
  EXPECT_EQ(c.database, dir / "db");
  EXPECT_EQ(c.database_key.key_file, dir / "db.key");
  EXPECT_EQ(c.workers, 2u);
  EXPECT_EQ(c.http_threads, 32u);
  EXPECT_EQ(c.http_listen, "127.0.0.1:7001");
  EXPECT_EQ(c.peers_listen, "127.0.0.1:7101");
  EXPECT_EQ(c.peers_source, "127.0.0.9");
  EXPECT_EQ(c.metrics_listen, "127.0.0.1:7201");
  EXPECT_EQ(c.log_file, dir / "log");
  EXPECT_EQ(c.log_level, "debug");
  EXPECT_EQ(c.log_format, LogFormat::json);
  EXPECT_EQ(c.lock_memory, LockMemory::tried);
}
TEST_F(ConfigFile, WithoutAWordTheStricterIsMeant) {
  std::string text = kGood;
  text.erase(text.find("lock_memory"), std::string("lock_memory = \"tried\"\n").size());
  text.erase(text.find("format = "), std::string("format = \"json\"\n").size());
  text.erase(text.find("source = "), std::string("source = \"127.0.0.9\"\n").size());
  const Config c = load(text);
  EXPECT_EQ(c.lock_memory, LockMemory::required);
  EXPECT_EQ(c.log_format, LogFormat::text);
  EXPECT_EQ(c.peers_source, "");
}
TEST_F(ConfigFile, AbsolutePathsStayWhatTheyAre) {
  std::string text = kGood;
  text.replace(text.find("../cluster.json"), 15, "/etc/cluster.json");
  EXPECT_EQ(load(text).cluster, "/etc/cluster.json");
}
TEST_F(ConfigFile, EveryMissingFieldIsNamed) {
  for (const std::string name :
       {"node", "cluster", "policy", "identity_key", "tls_key", "tls_certificate", "database"}) {
    std::string text = kGood;
    const auto at = text.find("\n" + name + " = ") + 1;
    text.erase(at, text.find('\n', at) - at);
    EXPECT_NE(error(text).find(": " + name + " is missing"), std::string::npos) << error(text);
  }
  EXPECT_NE(error("[http]\nlisten = \"127.0.0.1:7001\"", "[http]").find("http.listen is missing"), std::string::npos);
  EXPECT_NE(error("[peers]\nlisten = \"127.0.0.1:7101\"", "[peers]").find("peers.listen is missing"),
            std::string::npos);
  EXPECT_NE(error("[metrics]\nlisten = \"127.0.0.1:7201\"", "").find("metrics must be a table"), std::string::npos);
  EXPECT_NE(error("[database_key]\nkey_file = \"db.key\"", "").find("database_key must be a table"), std::string::npos);
}
TEST_F(ConfigFile, EveryWrongValueIsNamed) {
  EXPECT_NE(error("\"node1\"", "7").find("node must be a string"), std::string::npos);
  EXPECT_NE(error("\"node1\"", "\"\"").find("node must be a string that is not empty"), std::string::npos);
  EXPECT_NE(error("workers = 2", "workers = 0").find("workers must be an integer from 1 to 64"), std::string::npos);
  EXPECT_NE(error("workers = 2", "workers = 65").find("workers must be"), std::string::npos);
  EXPECT_NE(error("workers = 2", "workers = \"2\"").find("workers must be"), std::string::npos);
  EXPECT_NE(error("threads = 32", "threads = 1").find("http.threads must be an integer from"), std::string::npos);
  EXPECT_NE(error("\"debug\"", "\"loud\"").find("log.level must be debug, info, warn or error"), std::string::npos);
  EXPECT_NE(error("\"json\"", "\"xml\"").find("log.format must be text or json"), std::string::npos);
  EXPECT_NE(error("\"tried\"", "\"no\"").find("lock_memory must be required or tried"), std::string::npos);
  EXPECT_NE(error("workers = 2", "workers = ").find("config.toml:9"), std::string::npos);
}
TEST_F(ConfigFile, UnknownSettingsAreRefusedByName) {
  EXPECT_NE(error("workers = 2", "worker = 2").find("worker is not a known setting"), std::string::npos);
  EXPECT_NE(error("threads = 32", "thread = 32").find("http.thread is not a known setting"), std::string::npos);
  EXPECT_NE(error("level = ", "levels = ").find("log.levels is not a known setting"), std::string::npos);
  EXPECT_NE(error("key_file = \"db.key\"", "key_file = \"db.key\"\nkey = \"x\"").find("database_key.key is not"),
            std::string::npos);
}
TEST_F(ConfigFile, OneSourceOfTheDatabaseKey) {
  const std::string file = "key_file = \"db.key\"";
  EXPECT_NE(error(file, "").find("database_key needs exactly one of"), std::string::npos);
  EXPECT_NE(error(file, file + "\nkey_env = \"K\"").find("database_key needs exactly one of"), std::string::npos);
  EXPECT_NE(error(file, "key_command = []").find("database_key.key_command must be a list"), std::string::npos);
  EXPECT_NE(error(file, "key_command = [\"a\", 1]").find("database_key.key_command must be a list"), std::string::npos);
  EXPECT_EQ(error(file, "key_command = [\"vault\", \"read\"]"), "no error");
  EXPECT_EQ(error(file, "passphrase_env = \"P\""), "no error");
}
TEST_F(ConfigFile, AMissingFileIsNamed) { EXPECT_THROW(load_config(dir / "nothing.toml"), ConfigError); }

}  // namespace
}  // namespace quorate::node

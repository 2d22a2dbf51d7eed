#include "storage/database_key.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

using testing::HasSubstr;

const std::string kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

std::string hex_of(const DatabaseKey& key) { return to_hex(key.expose()); }
std::string error_of(auto action) {
  try {
    action();
  } catch (const StorageError& e) {
    EXPECT_EQ(std::string(e.what()).find("0001020304"), std::string::npos) << "a key in an error";
    return e.what();
  }
  return "no error";
}
void spit_private(const std::string& path, std::string_view content, int mode = 0600) {
  spit(path, content);
  ASSERT_EQ(::chmod(path.c_str(), static_cast<mode_t>(mode)), 0);
}

TEST(DatabaseKeyText, HexOrRaw) {
  const auto parse = [](const std::string& s) { return hex_of(parse_database_key(view_of(s), "x")); };
  EXPECT_EQ(parse(kHex), kHex);
  EXPECT_EQ(parse(" \t" + kHex + "\r\n"), kHex);
  std::string upper = kHex;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(parse(upper), kHex);
  std::string raw;
  for (char c = 0; c < 32; ++c) raw += c;
  EXPECT_EQ(parse(raw), kHex);
  for (const std::string& bad :
       {std::string(), kHex.substr(1), kHex + "0", kHex + "00", kHex.substr(0, 63) + "g", raw + "\n",
        "0x" + kHex.substr(2), kHex.substr(0, 32) + " " + kHex.substr(33), std::string(64, '0'), std::string(32, '\0')})
    EXPECT_THAT(error_of([&] { parse(bad); }), HasSubstr("database key")) << bad.size();
}

TEST(DatabaseKeyFile, MustBePrivate) {
  const TempDir dir;
  const std::string path = dir.file("key");
  EXPECT_THAT(error_of([&] { key_from_file(path); }), HasSubstr(path));
  spit_private(path, kHex + "\n");
  EXPECT_EQ(hex_of(key_from_file(path)), kHex);
  spit_private(path, kHex, 0400);
  EXPECT_EQ(hex_of(key_from_file(path)), kHex);
  for (const int mode : {0640, 0604, 0620, 0610, 0644}) {
    spit_private(path, kHex, mode);
    EXPECT_THAT(error_of([&] { key_from_file(path); }), HasSubstr("chmod 600"));
  }
  spit_private(path, std::string(300, ' '));
  EXPECT_THAT(error_of([&] { key_from_file(path); }), HasSubstr("longer than"));
  EXPECT_THAT(error_of([&] { key_from_file(dir.path().string()); }), HasSubstr("no regular file"));
  ASSERT_EQ(::mkfifo(dir.file("fifo").c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { key_from_file(dir.file("fifo")); }), HasSubstr("no regular file"));
}

TEST(DatabaseKeyEnv, IsReadOnceAndGone) {
  ::setenv("QUORATE_TEST_KEY", kHex.c_str(), 1);
  const char* place = std::getenv("QUORATE_TEST_KEY");
  EXPECT_EQ(hex_of(key_from_env("QUORATE_TEST_KEY")), kHex);
  EXPECT_EQ(std::string(place, 4), std::string(4, '\0'));
  EXPECT_THAT(error_of([] { key_from_env("QUORATE_TEST_KEY"); }), HasSubstr("is not set"));
}

std::string command_error(const std::vector<std::string>& argv) {
  return error_of([&] { key_from_command(argv); });
}

TEST(DatabaseKeyCommand, PrintsTheKey) {
  EXPECT_EQ(hex_of(key_from_command({"echo", kHex})), kHex);
  EXPECT_EQ(hex_of(key_from_command(
                {"/bin/sh", "-c", "cat; sleep 0.1; printf " + kHex.substr(0, 10) + "; printf " + kHex.substr(10)})),
            kHex);
}

TEST(DatabaseKeyCommand, Failures) {
  EXPECT_THAT(command_error({}), HasSubstr("is empty"));
  EXPECT_THAT(command_error({"/nonexistent/program"}), HasSubstr("cannot be run"));
  EXPECT_THAT(command_error({"/bin/sh", "-c", "echo " + kHex + "; exit 7"}), HasSubstr("status 7"));
  EXPECT_THAT(command_error({"/bin/sh", "-c", "kill -9 $$"}), HasSubstr("status 137"));
  EXPECT_THAT(command_error({"true"}), HasSubstr("64 hex digits"));
  EXPECT_THAT(command_error({"echo", "no key"}), HasSubstr("64 hex digits"));
  EXPECT_THAT(command_error({"echo $HOME"}), HasSubstr("cannot be run"));  // no shell
}

TEST(DatabaseKeyCommand, EndlessOutputIsCutOff) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(command_error({"yes"}), HasSubstr("more than a key"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(DatabaseKeyCommand, TimeIsBoundedAndTheGroupDies) {
  const TempDir dir;
  const auto start = std::chrono::steady_clock::now();
  // A grandchild holds the output open.
  const auto script = "(sleep 1000; echo x > " + dir.file("alive") + ") & echo $! > " + dir.file("pid");
  const Millis timeout(700);
  EXPECT_THAT(error_of([&] { key_from_command({"/bin/sh", "-c", script}, timeout); }), HasSubstr("did not end within"));
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, timeout);
  EXPECT_LT(took, limits::kKeyCommandTimeout);
  const int grandchild = std::stoi(slurp(dir.file("pid")));
  // Killed, and soon gone or a zombie that nobody has reaped yet.
  std::string stat = "alive";
  for (int tries = 0; tries < 500 && !stat.empty() && stat.find(") Z") == std::string::npos; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stat = slurp("/proc/" + std::to_string(grandchild) + "/stat");
  }
  EXPECT_TRUE(stat.empty() || stat.find(") Z") != std::string::npos) << stat;
}

TEST(DatabaseKeyCommand, InheritsNoDescriptor) {
  const TempDir dir;
  std::FILE* open = std::fopen(dir.file("open").c_str(), "w");
  ASSERT_NE(open, nullptr);
  const std::string count = "n=$(ls /proc/self/fd | wc -l); [ $n -le 4 ] && echo " + kHex;
  EXPECT_EQ(hex_of(key_from_command({"/bin/sh", "-c", count})), kHex);
  std::fclose(open);
}

TEST(DatabaseKeyPassphrase, SaltBesideTheDatabase) {
  const TempDir dir;
  SeededRng rng(1);
  const KdfCost cheap{1, std::uint64_t{8} << 20};
  const auto key = [&](std::string_view phrase) {
    return hex_of(key_from_passphrase(view_of(phrase), dir.file("db"), rng, cheap));
  };
  const std::string first = key("correct horse");
  EXPECT_EQ(key("correct horse"), first);
  EXPECT_NE(key("correct Horse"), first);
  struct stat s {};
  ASSERT_EQ(::stat(dir.file("db.salt").c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0600u);
  std::filesystem::remove(dir.file("db.salt"));
  EXPECT_NE(key("correct horse"), first) << "another salt, another key";
  std::filesystem::remove(dir.file("db.salt"));
  spit(dir.file("db"), "a database");
  EXPECT_THAT(error_of([&] { key("correct horse"); }), HasSubstr("is missing"));
  spit_private(dir.file("db.salt"), "nonsense");
  EXPECT_THAT(error_of([&] { key("correct horse"); }), HasSubstr("db.salt"));
  EXPECT_THAT(error_of([&] { key(""); }), HasSubstr("a passphrase has"));
}

// RFC 9106's algorithm as libsodium computes it, with the salt and cost as they lie in the file: the same file opens
// for ever.
TEST(DatabaseKeyPassphrase, KnownAnswer) {
  const TempDir dir;
  SeededRng rng(1);
  // magic, version 1, salt 00…0f, 1 pass, 8 MiB
  const auto salt = from_hex("514b44460001000102030405060708090a0b0c0d0e0f00000000000000010000000000800000");
  ASSERT_TRUE(salt);
  spit_private(dir.file("db.salt"), text_of(*salt));
  EXPECT_EQ(hex_of(key_from_passphrase(view_of("password"), dir.file("db"), rng)),
            "6708f1faf7314dfc009386f5258b181f70f6190926363475fadec630a1bde67a");
}

}  // namespace
}  // namespace quorate::storage

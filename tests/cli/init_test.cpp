#include "cli/init.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>

#include "peers/certificates.h"
#include "policy/cluster.h"
#include "support.h"

namespace {
std::set<std::filesystem::path> synced;  // by what their names were then
}  // namespace

// In the place of the C library's.
extern "C" int fsync(int descriptor) {
  std::error_code ignored;
  synced.insert(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor), ignored));
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;
using test::read;
using test::Shell;
using test::write;

// Listens on a port of 127.0.0.1 while it lives.
class Listener {
 public:
  explicit Listener(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd_, 1) != 0)
      throw std::runtime_error("cannot listen");
  }
  ~Listener() { ::close(fd_); }

 private:
  int fd_;
};

struct Init : ::testing::Test {
  Shell shell;
  int base = test::test_base_port(shell.rng);
  fs::path dir = shell.dir();
  test::Printed init(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"init", "--dir", dir.string(), "--base-port", std::to_string(base)};
    words.insert(words.end(), more.begin(), more.end());
    return shell(words);
  }
};

TEST_F(Init, WritesAClusterThatItsOwnReadersAccept) {
  const auto printed = init();
  ASSERT_EQ(printed.exit, Exit::ok) << printed.err;
  const auto cluster = policy::ClusterDocument::parse(read(dir / "cluster.json"));
  const auto policy = policy::PolicyDocument::parse(read(dir / "policy.json"));
  EXPECT_TRUE(cluster.anchors(policy));
  EXPECT_EQ(policy.cluster_id(), cluster.id());
  EXPECT_NE(printed.out.find(cluster.id()), std::string::npos);
  ASSERT_EQ(cluster.nodes().size(), 3u);
  for (int i = 1; i <= 3; ++i) {
    const auto& card = cluster.nodes()[static_cast<std::size_t>(i - 1)];
    const fs::path node = dir / card.id;
    EXPECT_EQ(card.id, "node" + std::to_string(i));
    EXPECT_EQ(card.rest_address, "127.0.0.1:" + std::to_string(base + i));
    EXPECT_EQ(card.peers_address, "127.0.0.1:" + std::to_string(base + 100 + i));
    const auto identity = Ed25519SecretKey::from_pem(read(node / "identity.pem"));
    ASSERT_TRUE(identity);
    EXPECT_EQ(identity->public_key(), card.identity_key);
    const std::string certificate = read(node / "tls.cert.pem");
    EXPECT_TRUE(peers::issued_by(certificate, read(dir / "ca.pem")));
    EXPECT_EQ(peers::spki_of_certificate(certificate), card.tls_spki);
    EXPECT_EQ(peers::spki_of_key(view_of(read(node / "tls.key.pem"))), card.tls_spki);
    EXPECT_EQ(fs::file_size(node / "database.key"), 32u);
    EXPECT_NE(read(node / "config.toml").find("listen = \"127.0.0.1:" + std::to_string(base + 200 + i) + "\""),
              std::string::npos);
  }
  for (const std::string user : {"admin", "approver"}) {
    const auto key = Ed25519SecretKey::from_pem(read(dir / "users" / (user + ".pem")));
    ASSERT_TRUE(key && policy.key_of(user) != nullptr);
    EXPECT_EQ(*policy.key_of(user), key->public_key());
  }
  // Different nodes, different secrets.
  EXPECT_NE(read(dir / "node1/database.key"), read(dir / "node2/database.key"));
}

TEST_F(Init, KeepsEverythingToItsOwner) {
  const mode_t before = ::umask(0);
  const auto printed = init();
  ::umask(before);
  ASSERT_EQ(printed.exit, Exit::ok) << printed.err;
  std::size_t files = 0;
  struct stat info {};
  ASSERT_EQ(::stat(dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, entry.is_directory() ? 0700u : 0600u) << entry.path();
    ++files;
  }
  EXPECT_EQ(files, 3u + 2 + 3 + 3 * 6);  // documents; ca/, users/, three nodes, each with what is in them
}

TEST_F(Init, RefusesAUsedDirectoryAndLeavesItAlone) {
  write(dir / "notes.txt", "mine");
  const auto printed = init();
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_NE(printed.err.find(dir.string()), std::string::npos) << printed.err;
  EXPECT_EQ(std::distance(fs::directory_iterator(dir), {}), 1);
  EXPECT_EQ(read(dir / "notes.txt"), "mine");
}

TEST_F(Init, RefusesItsOwnDirectoryTheSecondTime) {
  ASSERT_EQ(init().exit, Exit::ok);
  const std::string cluster = read(dir / "cluster.json");
  EXPECT_EQ(init().exit, Exit::failed);
  EXPECT_EQ(read(dir / "cluster.json"), cluster);
}

TEST_F(Init, TakesAnEmptyDirectory) {
  fs::create_directories(dir);
  EXPECT_EQ(init().exit, Exit::ok);
  EXPECT_FALSE(fs::exists(dir / ".init"));
}

TEST_F(Init, RefusesAFileInPlaceOfTheDirectory) {
  write(dir, "a file");
  EXPECT_EQ(init().exit, Exit::failed);
  EXPECT_EQ(read(dir), "a file");
}

TEST_F(Init, NamesABusyPortAndLeavesNothing) {
  for (const int offset : {1, 102, 203}) {
    const Listener listener(static_cast<std::uint16_t>(base + offset));
    const auto printed = init({"--json"});
    EXPECT_EQ(printed.exit, Exit::failed);
    EXPECT_EQ(printed.json()["error"]["code"], "port_busy");
    EXPECT_NE(printed.err.find("port " + std::to_string(base + offset)), std::string::npos) << printed.err;
    EXPECT_FALSE(fs::exists(dir));
  }
  EXPECT_EQ(init().exit, Exit::ok);
}

TEST_F(Init, RefusesNumbersOutOfRange) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"--nodes", "1"}, {"--nodes", "33"}, {"--nodes", "-3"}, {"--nodes", "x"}, {"--name", "No Name"}}) {
    EXPECT_EQ(init(words).exit, Exit::usage) << words[1];
    EXPECT_FALSE(fs::exists(dir));
  }
  base = 65'400;
  EXPECT_EQ(init().exit, Exit::usage);
  EXPECT_FALSE(fs::exists(dir));
}

TEST_F(Init, MakesAsManyNodesAsAsked) {
  ASSERT_EQ(init({"--nodes", "5"}).exit, Exit::ok);
  EXPECT_EQ(policy::ClusterDocument::parse(read(dir / "cluster.json")).nodes().size(), 5u);
  EXPECT_TRUE(fs::exists(dir / "node5/config.toml"));
}

// Works k times, then breaks.
struct BrokenRng final : Rng {
  SystemRng real;
  int left;
  explicit BrokenRng(int k) : left(k) {}
  void fill(std::span<std::uint8_t> out) override {
    if (left-- == 0) throw std::runtime_error("no entropy");
    real.fill(out);
  }
};

TEST_F(Init, LeavesNothingWhereverItBreaks) {
  std::ostringstream out, err;
  Console console(out, err, false);
  const fs::path deep = dir / "a/b";
  int k = 0;
  for (;; ++k) {
    ASSERT_LT(k, 500);
    BrokenRng rng(k);
    World world{shell.clock, rng, console};
    try {
      init_cluster({deep, 3, base, "local"}, world);
      break;
    } catch (const std::exception&) {
      EXPECT_FALSE(fs::exists(dir)) << k;
    }
  }
  EXPECT_GT(k, 10);
  EXPECT_TRUE(fs::exists(deep / "cluster.json"));
}

// Works k times, then the user presses Ctrl-C.
struct InterruptingRng final : Rng {
  SystemRng real;
  int left;
  explicit InterruptingRng(int k) : left(k) {}
  void fill(std::span<std::uint8_t> out) override {
    if (left-- == 0) ::raise(SIGINT);
    real.fill(out);
  }
};

TEST_F(Init, LeavesNothingWhenItIsInterrupted) {
  std::ostringstream out, err;
  Console console(out, err, false);
  int interrupted = 0;
  for (int k = 0;; ++k) {
    ASSERT_LT(k, 500);
    InterruptingRng rng(k);
    World world{shell.clock, rng, console};
    try {
      init_command({dir, 3, base, "local"}, shell.env, world);
      if (rng.left >= 0) break;  // it was done before
      FAIL() << "interrupted at " << k << ", and went on";
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code, "interrupted");
      EXPECT_FALSE(fs::exists(dir)) << k;
      ++interrupted;
    }
  }
  EXPECT_GT(interrupted, 10);
  EXPECT_TRUE(fs::exists(dir / "cluster.json"));
}

TEST_F(Init, WhatItHasMadeIsOnTheDisk) {
  synced.clear();
  ASSERT_EQ(init().exit, Exit::ok);
  EXPECT_TRUE(synced.contains(dir)) << dir;
  EXPECT_TRUE(synced.contains(dir.parent_path()));
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    const fs::path staged = dir / ".init" / fs::relative(entry.path(), dir);
    EXPECT_TRUE(synced.contains(staged)) << staged;
  }
}

TEST_F(Init, LeavesAnEmptyDirectoryEmptyWhenItBreaks) {
  fs::create_directories(dir);
  std::ostringstream out, err;
  Console console(out, err, false);
  BrokenRng rng(7);
  World world{shell.clock, rng, console};
  EXPECT_THROW(init_cluster({dir, 3, base, "local"}, world), std::exception);
  EXPECT_TRUE(fs::is_empty(dir));
}

TEST_F(Init, WritesTheClientConfigOnce) {
  const fs::path config = client_config(shell.env);
  auto printed = init();
  ASSERT_EQ(printed.exit, Exit::ok);
  EXPECT_EQ(find_place({}, shell.env).dir, dir);
  EXPECT_EQ(find_place({}, shell.env).user, "admin");
  EXPECT_EQ(printed.out.find("--dir"), std::string::npos) << printed.out;
  const std::string first = read(config);

  // A second cluster: the config stays, and the commands that are shown name the directory.
  dir = shell.dir("other one");
  printed = init();
  ASSERT_EQ(printed.exit, Exit::ok);
  EXPECT_EQ(read(config), first);
  EXPECT_NE(printed.out.find("left as it is"), std::string::npos);
  EXPECT_NE(printed.out.find("quorate up --dir '" + dir.string() + "'"), std::string::npos) << printed.out;
}

TEST_F(Init, TellsTheNextThreeCommandsAndThatItIsForTryingOut) {
  shell.env.program = "build/release/quorate";
  const auto printed = init();
  EXPECT_NE(printed.out.find("for trying out"), std::string::npos);
  for (const std::string command : {"up", "key create", "sign"})
    EXPECT_NE(printed.out.find("  build/release/quorate " + command), std::string::npos) << printed.out;
  fs::remove_all(dir);
  const Json json = init({"--json"}).json();
  EXPECT_EQ(json["next"].size(), 3u);
  EXPECT_EQ(json["nodes"][2]["url"], "https://127.0.0.1:" + std::to_string(base + 3));
}

}  // namespace
}  // namespace quorate::cli

#include "cli/local_nodes.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "support.h"

namespace quorate::cli {
namespace {

namespace fs = std::filesystem;

// Directories like those of init, and a shell script in place of quorated.
struct LocalNodesTest : ::testing::Test {
  test::TemporaryDirectory temporary;
  fs::path dir = temporary.path();
  fs::path program = dir / "quorated";

  void script(const std::string& text) {
    test::write(program, "#!/bin/sh\n" + text);
    fs::permissions(program, fs::perms::owner_all);
    for (const std::string node : {"node1", "node2"}) test::write(dir / node / "config.toml", "");
  }
  std::vector<Ended> reap_one(LocalNodes& nodes) {
    for (int i = 0; i < 500; ++i) {
      auto ended = nodes.reap();
      if (!ended.empty()) return ended;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return {};
  }
  void await_log(const std::string& node, const std::string& text) {
    for (int i = 0; i < 500 && last_line_of(node).find(text) == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::string last_line_of(const std::string& node) {
    const std::string log = test::read(dir / node / "log");
    return log;
  }
};

TEST_F(LocalNodesTest, TellsWhoEndedHowAndWhatItSaidLast) {
  script("echo \"$1 $2\"; echo first >&2; printf 'bad \\033[2Jkey\\n\\n' >&2; exit 3\n");
  LocalNodes nodes(dir, program);
  nodes.start("node1");
  const auto ended = reap_one(nodes);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].text(), "node1 ended (exit status 3): bad ?[2Jkey");
  EXPECT_FALSE(nodes.any_running());
  EXPECT_EQ(test::read(dir / "node1/log").substr(0, 9), "--config ");
}

TEST_F(LocalNodesTest, TellsASignal) {
  script("kill -9 $$\n");
  LocalNodes nodes(dir, program);
  nodes.start("node2");
  const auto ended = reap_one(nodes);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].text(), "node2 ended (signal 9, Killed)");
}

TEST_F(LocalNodesTest, StopsAllPolitely) {
  script("trap 'echo bye; exit 0' TERM; echo started; while true; do sleep 0.05; done\n");
  LocalNodes nodes(dir, program);
  nodes.start("node1");
  nodes.start("node2");
  await_log("node1", "started");
  await_log("node2", "started");
  EXPECT_THROW(nodes.start("node1"), Failure);  // once is enough
  nodes.stop_all();
  EXPECT_FALSE(nodes.any_running());
  for (const std::string node : {"node1", "node2"})
    EXPECT_NE(test::read(dir / node / "log").find("bye"), std::string::npos);
}

TEST_F(LocalNodesTest, KillsWhatDoesNotListenWithinBounds) {
  script("trap '' TERM; echo started; while true; do sleep 0.05; done\n");
  LocalNodes nodes(dir, program);
  nodes.start("node1");
  await_log("node1", "started");
  const auto start = std::chrono::steady_clock::now();
  nodes.stop_all();
  EXPECT_FALSE(nodes.any_running());
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GT(took, std::chrono::seconds(5));
  EXPECT_LT(took, std::chrono::seconds(20));
}

TEST_F(LocalNodesTest, NoNodeOutlivesItsSupervisor) {
  script("echo $$ >" + (dir / "pid").string() + "; exec sleep 60\n");
  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    LocalNodes nodes(dir, program);
    nodes.start("node1");
    ::pause();
    ::_exit(0);
  }
  std::string pid;
  for (int i = 0; i < 500 && !pid.ends_with('\n'); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    pid = test::read(dir / "pid");
  }
  ASSERT_TRUE(pid.ends_with('\n'));
  ::kill(supervisor, SIGKILL);
  ::waitpid(supervisor, nullptr, 0);
  // Gone, or a zombie that nobody has collected yet.
  const auto alive = [&] {
    std::ifstream status("/proc/" + std::to_string(std::stoi(pid)) + "/stat");
    std::string number, name, state;
    return static_cast<bool>(status >> number >> name >> state) && state != "Z" && state != "X";
  };
  for (int i = 0; i < 500 && alive(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(alive());
}

TEST_F(LocalNodesTest, RefusesANodeThatIsNotThere) {
  script("exit 0\n");
  LocalNodes nodes(dir, program);
  EXPECT_FALSE(nodes.has("node9"));
  EXPECT_THROW(nodes.start("node9"), Failure);
}

}  // namespace
}  // namespace quorate::cli

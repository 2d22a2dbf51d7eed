#include "tests/support/memory_mesh.h"

#include <gtest/gtest.h>

namespace quorate::peers {
namespace {

struct Ear : Inbox {
  void on_peer_up(const std::string& node, const Hello& hello) noexcept override {
    EXPECT_FALSE(up.contains(node));
    up[node] = hello.boot_id;
    log.push_back("up " + node);
  }
  void on_peer_down(const std::string& node) noexcept override {
    EXPECT_TRUE(up.contains(node));
    up.erase(node);
    log.push_back("down " + node);
  }
  void on_envelope(const std::string& from, Envelope envelope) noexcept override {
    EXPECT_TRUE(up.contains(from));
    log.push_back(from + " " + envelope.tag);
    if (mesh != nullptr && envelope.tag.front() == 'q') mesh->send(from, {{}, "a" + envelope.tag.substr(1), {}});
  }
  void on_peer_hello(const std::string& node, const Hello& hello) noexcept override {
    log.push_back("hello " + node + " " + std::to_string(hello.policy_version));
  }
  std::map<std::string, BootId> up;
  std::vector<std::string> log;
  MemoryMesh* mesh = nullptr;
};

struct World {
  explicit World(std::uint64_t seed, std::size_t n = 3) : rng(seed), net(rng), ears(n) {
    for (std::size_t i = 0; i < n; ++i) {
      ears[i].mesh = &net.add("n" + std::to_string(i));
      ears[i].mesh->attach(&ears[i]);
    }
  }
  SeededRng rng;
  MemoryNet net;
  std::vector<Ear> ears;
};

Envelope tagged(const std::string& tag) { return {{}, tag, {}}; }

TEST(MemoryMesh, FirstInFirstOutPerLinkAndReproducible) {
  std::vector<std::vector<std::string>> logs;
  for (const std::uint64_t seed : {1U, 1U, 2U}) {
    World w(seed);
    EXPECT_FALSE(w.net.at("n0").send("n1", tagged("early")));
    w.net.connect_all();
    w.net.run();
    for (int i = 0; i < 20; ++i)
      for (const char* to : {"n1", "n2"}) EXPECT_TRUE(w.net.at("n0").send(to, tagged("q" + std::to_string(i))));
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(w.net.at("n1").send("n2", tagged("m" + std::to_string(i))));
    w.net.run();
    std::vector<std::string> from_n0;
    for (const auto& line : w.ears[2].log)
      if (line.starts_with("n0 ")) from_n0.push_back(line);
    ASSERT_EQ(from_n0.size(), 20U);
    for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(from_n0[i], "n0 q" + std::to_string(i));
    logs.push_back(w.ears[2].log);
  }
  EXPECT_EQ(logs[0], logs[1]);
  EXPECT_NE(logs[0], logs[2]);
}

TEST(MemoryMesh, CutLosesWhatIsInTheAirAndTellsBoth) {
  World w(3);
  w.net.connect_all();
  w.net.run();
  const BootId boot = w.ears[0].up.at("n1");
  EXPECT_TRUE(w.net.at("n0").send("n1", tagged("lost")));
  w.net.cut("n0", "n1");
  EXPECT_FALSE(w.net.at("n0").send("n1", tagged("refused")));
  w.net.run();
  EXPECT_EQ(w.ears[1].log.back(), "down n0");
  EXPECT_EQ(w.ears[0].log.back(), "down n1");
  w.net.connect("n0", "n1");
  w.net.run();
  EXPECT_EQ(w.ears[0].up.at("n1"), boot);
  EXPECT_TRUE(w.net.at("n0").send("n1", tagged("again")));
  w.net.run();
  EXPECT_EQ(w.ears[1].log.back(), "n0 again");
}

TEST(MemoryMesh, CrashAndRestartHaveAnotherBootId) {
  World w(4);
  w.net.connect_all();
  w.net.run();
  const BootId boot = w.ears[0].up.at("n1");
  w.net.crash("n1");
  w.ears[1].log.clear();
  w.ears[1].up.clear();
  EXPECT_FALSE(w.net.at("n1").send("n0", tagged("dead")));
  w.net.run();
  EXPECT_TRUE(w.ears[1].log.empty());
  EXPECT_FALSE(w.ears[0].up.contains("n1"));
  w.net.restart("n1").attach(&w.ears[1]);
  w.net.connect_all();
  w.net.run();
  EXPECT_NE(w.ears[0].up.at("n1"), boot);
  EXPECT_EQ(w.ears[1].up.size(), 2U);
}

TEST(MemoryMesh, HeldLinksWait) {
  World w(5);
  w.net.connect_all();
  w.net.run();
  w.net.hold("n0", "n1");
  w.net.at("n0").send("n1", tagged("m"));
  w.net.run();
  EXPECT_EQ(w.net.in_the_air(), 1U);
  w.net.release("n0", "n1");
  w.net.run();
  EXPECT_EQ(w.ears[1].log.back(), "n0 m");
}

TEST(MemoryMesh, BoundsAreTheMeshs) {
  World w(6);
  w.net.connect_all();
  w.net.run();
  EXPECT_FALSE(w.net.at("n0").send("n1", tagged("")));
  EXPECT_FALSE(w.net.at("n0").send("n1", {{}, "t", SecretBytes(kMaxBodyBytes + 1)}));
  std::size_t sent = 0;
  while (w.net.at("n0").send("n1", {{}, "t", SecretBytes(kMaxBodyBytes)})) ++sent;
  EXPECT_EQ(sent, limits::kMaxPeerQueue / kMaxBodyBytes);
  Hello hello = w.net.at("n0").hello();
  hello.policy_version = 4;
  w.net.at("n0").set_hello(hello);
  w.net.run();
  EXPECT_EQ(w.ears[2].log.back(), "hello n0 4");
}

// Any mixture of cuts, crashes, connections and messages keeps ups and downs paired (checked in Ear).
TEST(MemoryMesh, UpsAndDownsStayPaired) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    World w(seed, 4);
    const auto any = [&] { return "n" + std::to_string(w.rng.below(4)); };
    for (int i = 0; i < 300; ++i) {
      const std::string a = any(), b = any();
      switch (w.rng.below(8)) {
        case 0:
          w.net.connect(a, b);
          break;
        case 1:
          w.net.cut(a, b);
          break;
        case 2:
          if (w.rng.below(10) != 0) break;
          w.net.crash(a);
          w.ears[static_cast<std::size_t>(a[1] - '0')].up.clear();
          break;
        case 3:
          w.net.restart(a).attach(&w.ears[static_cast<std::size_t>(a[1] - '0')]);
          break;
        case 4:
          w.net.at(a).send(b, tagged("q"));
          break;
        default:
          w.net.step();
      }
    }
    w.net.run();
    for (int i = 0; i < 4; ++i) {
      const std::string a = "n" + std::to_string(i);
      for (const auto& s : w.net.at(a).peers()) ASSERT_EQ(s.connected, w.net.connected(a, s.node)) << seed;
    }
  }
}

}  // namespace
}  // namespace quorate::peers

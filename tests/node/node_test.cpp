// Whole nodes in one process: threads, loopback TLS, SQLite. Under ThreadSanitizer it looks for races between all of
// them.
#include "node/node.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/client.h"
#include "peers/certificates.h"
#include "policy/first_policy.h"

namespace quorate::node {
namespace {

// Ports that nobody else has now: bound all at once, then let go.
std::vector<std::uint16_t> free_ports(std::size_t n) {
  std::vector<int> sockets;
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < n; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof a;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&a), length) != 0) throw std::runtime_error("bind");
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &length);
    ports.push_back(ntohs(a.sin_port));
    sockets.push_back(fd);
  }
  for (const int fd : sockets) ::close(fd);
  return ports;
}

struct RealCluster : ::testing::Test {
  static constexpr std::size_t kNodes = 3;
  SystemClock clock;
  SystemRng rng;
  std::filesystem::path dir;
  std::optional<Ed25519SecretKey> admin;
  std::string cluster_id, ca;
  std::vector<std::string> rest;
  std::vector<std::unique_ptr<Node>> nodes;
  std::atomic<bool> running{true};
  std::thread ticker;
  std::mutex mutex;  // of nodes, against the ticker
  std::mutex log_mutex;
  std::string log;

  static void write(const std::filesystem::path& file, ByteView bytes) {
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    std::filesystem::permissions(file, std::filesystem::perms(0600));
  }

  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "quorate-node-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir = pattern;
    const auto ports = free_ports(3 * kNodes);
    const auto authority = peers::make_ca("test", clock, rng);
    ca = authority.certificate_pem;
    admin = Ed25519SecretKey::generate(rng);
    const auto approver = Ed25519SecretKey::generate(rng);
    std::vector<Json> cards;
    std::vector<Ed25519SecretKey> identities;
    for (std::size_t i = 0; i < kNodes; ++i) {
      const std::string id = "node" + std::to_string(i + 1);
      const auto at = [&](std::size_t k) { return "127.0.0.1:" + std::to_string(ports[3 * i + k]); };
      std::filesystem::create_directory(dir / id);
      identities.push_back(Ed25519SecretKey::generate(rng));
      const SecretBytes key = peers::make_tls_key(rng);
      policy::NodeCard card;
      card.id = id;
      card.identity_key = identities.back().public_key();
      card.tls_spki = peers::spki_of_key(key);
      card.rest_address = at(0);
      card.peers_address = at(1);
      card.seq = 1;
      rest.push_back("https://" + at(0));
      cards.push_back(policy::sign_card(card, identities.back()));
      write(dir / id / "identity.pem", identities.back().to_pem());
      write(dir / id / "tls.key", key);
      write(dir / id / "tls.crt", view_of(peers::issue_leaf(authority, key, {id, {}, {}}, clock, rng)));
      write(dir / id / "db.key", rng.bytes<32>());
      write(
          dir / id / "config.toml",
          view_of(
              "node = \"" + id +
              "\"\ncluster = \"../cluster.json\"\npolicy = \"../policy.json\"\nidentity_key = \"identity.pem\"\n" +
              "tls_key = \"tls.key\"\ntls_certificate = \"tls.crt\"\ndatabase = \"db\"\nworkers = 2\n[database_key]\n" +
              "key_file = \"db.key\"\n[http]\nthreads = 4\nlisten = \"" + at(0) + "\"\n[peers]\nlisten = \"" + at(1) +
              "\"\n[metrics]\nlisten = \"" + at(2) + "\"\n"));
    }
    const auto policy_for = [&](const std::string& id) {
      return policy::first_policy(id, {"admin", admin->public_key()}, {"approver", approver.public_key()});
    };
    const Json genesis = policy::make_genesis("test", cards, policy::policy_anchor(policy_for("")));
    cluster_id = policy::cluster_id_of(genesis);
    std::vector<std::pair<std::string, Signature64>> signatures;
    for (std::size_t i = 0; i < kNodes; ++i)
      signatures.emplace_back("node" + std::to_string(i + 1), policy::sign_genesis(genesis, identities[i]));
    write(dir / "cluster.json", view_of(policy::make_cluster_file(genesis, signatures).dump()));
    write(dir / "policy.json", view_of(policy_for(cluster_id).dump()));
    nodes.resize(kNodes);
    for (std::size_t i = 0; i < kNodes; ++i) start(i);
    ticker = std::thread([this] {
      while (running) {
        {
          const std::lock_guard lock(mutex);
          for (auto& node : nodes)
            if (node) node->tick();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    });
  }
  void TearDown() override {
    running = false;
    if (ticker.joinable()) ticker.join();
    nodes.clear();
    if (HasFailure()) std::cerr << log;
    std::filesystem::remove_all(dir);
  }
  void start(std::size_t i) {
    auto node = std::make_unique<Node>(load_config(dir / ("node" + std::to_string(i + 1)) / "config.toml"),
                                       [this, i](LogLevel, const std::string& text) {
                                         const std::lock_guard lock(log_mutex);
                                         log += "node" + std::to_string(i + 1) + " " + text + "\n";
                                       });
    node->start();
    const std::lock_guard lock(mutex);
    nodes[i] = std::move(node);
  }
  void stop(std::size_t i) {
    std::unique_ptr<Node> node;
    {
      const std::lock_guard lock(mutex);
      node = std::move(nodes[i]);
    }
  }
  http::Client client(std::size_t i) {
    http::ClientConfig config;
    config.base_url = rest[i];
    config.ca_pem = ca;
    config.user = "admin";
    config.cluster_id = cluster_id;
    return http::Client(config, *admin, clock, rng);
  }
  void wait_connected(std::size_t i, std::size_t peers) {
    auto c = client(i);
    for (int k = 0; k < 600; ++k) {
      const auto reply = c.get("/v1/node");
      std::size_t up = 0;
      for (const auto& p : reply.body["peers"]) up += p["connected"].get<bool>();
      if (up >= peers) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    FAIL() << "node" << i + 1 << " does not reach its peers";
  }
  http::ClientReply create(std::size_t i, const std::string& name, const std::string& algorithm = "eddsa-ed25519") {
    return client(i).post(
        "/v1/keys",
        {{"name", name}, {"algorithm", algorithm}, {"threshold", 2}, {"participants", {"node1", "node2", "node3"}}},
        60);
  }
  static Json message(const std::string& text) { return {{"payload", {{"kind", "message"}, {"utf8", text}}}}; }
};

TEST_F(RealCluster, KeysAndSignaturesFromManyThreadsWhileANodeRestarts) {
  for (std::size_t i = 0; i < kNodes; ++i) wait_connected(i, 2);
  ASSERT_EQ(create(0, "base").status, 201);
  std::atomic<int> signed_ones{0}, made{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      auto c = client(t % kNodes);
      if (t < 3)
        made += create(t, "key" + std::to_string(t), t == 0 ? "schnorr-secp256k1" : "eddsa-ed25519").status == 201;
      for (int k = 0; k < 6; ++k) {
        const auto reply = c.post("/v1/keys/base/signatures", message(std::to_string(t) + "/" + std::to_string(k)), 60);
        signed_ones += reply.status == 201;
        if (reply.status != 201) ADD_FAILURE() << reply.status << " " << reply.body.dump();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(signed_ones, 48);
  EXPECT_EQ(made, 3);

  // One goes away in the middle of work, and comes back with all its keys.
  std::thread busy([&] {
    auto c = client(0);
    for (int k = 0; k < 10; ++k) {
      const auto reply = c.post("/v1/keys/base/signatures", message("while node3 is away " + std::to_string(k)), 60);
      EXPECT_EQ(reply.status, 201) << reply.body.dump();
    }
  });
  stop(2);
  start(2);
  busy.join();
  wait_connected(2, 2);
  const auto reply = client(2).post("/v1/keys/key0/signatures", message("back again"), 60);
  EXPECT_EQ(reply.status, 201) << reply.body.dump();
  const auto audit = client(2).get("/v1/audit?limit=200");
  EXPECT_EQ(audit.status, 200);
  EXPECT_GT(audit.body["items"].size(), 10u);
}

TEST_F(RealCluster, CallsThatWaitHoldNoThreadAndAreAnsweredAtTheStop) {
  for (std::size_t i = 0; i < kNodes; ++i) wait_connected(i, 2);
  ASSERT_EQ(create(0, "base").status, 201);
  stop(1);
  stop(2);
  constexpr int kWaiting = 20;  // there are four threads
  std::atomic<int> answered{0};
  std::vector<std::thread> waiting;
  for (int k = 0; k < kWaiting; ++k)
    waiting.emplace_back([&, k] {
      try {
        const auto reply = client(0).post("/v1/keys/base/signatures", message(std::to_string(k)), 60);
        answered += reply.status == 202 || reply.status == 503 || reply.status == 504;
      } catch (const http::ClientError& e) {
        ADD_FAILURE() << e.what();
      }
    });
  auto c = client(0);
  while (c.get("/v1/requests?kind=sign&limit=200").body["items"].size() < kWaiting)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(c.get("/v1/node").status, 200);
  stop(0);
  for (auto& thread : waiting) thread.join();
  EXPECT_EQ(answered, kWaiting);
}

TEST_F(RealCluster, StopsAtOnceWithCallsWaiting) {
  for (std::size_t i = 0; i < kNodes; ++i) wait_connected(i, 2);
  ASSERT_EQ(create(0, "base").status, 201);
  stop(1);
  stop(2);
  std::thread waiting([&] {
    try {
      client(0).post("/v1/keys/base/signatures", message("nobody is there"), 60);
    } catch (const http::ClientError&) {
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto begin = std::chrono::steady_clock::now();
  stop(0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
  waiting.join();
}

}  // namespace
}  // namespace quorate::node

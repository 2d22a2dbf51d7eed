#include "tests/peers/mesh_fixture.h"

#include <algorithm>
#include <cstdio>

namespace quorate::peers {
namespace {

TEST_F(MeshTest, AllConnectAndKnowEachOther) {
  make(5);
  for (const auto& a : nodes_)
    for (const auto& b : nodes_) {
      if (a == b) continue;
      const PeerStatus s = status(*a, b->name);
      EXPECT_EQ(s.connects, 1U) << a->name << " " << b->name;
      EXPECT_EQ(s.hello.node.text, b->name);
      EXPECT_EQ(a->inbox.ups(b->name).size(), 1U);
      EXPECT_TRUE(eventually([&] { return status(*a, b->name).rtt.count() > 0; }));
      EXPECT_GT(status(*a, b->name).bytes_in, 0U);
    }
  EXPECT_FALSE(at(0).mesh->send("node9", envelope(1)));
  EXPECT_FALSE(at(0).mesh->send("node1", envelope(1)));  // itself
  stop_all();
  for (const auto& a : nodes_)
    for (const auto& b : nodes_)
      if (a != b) {
        EXPECT_EQ(a->inbox.downs(b->name), static_cast<int>(a->inbox.ups(b->name).size()));
      }
  EXPECT_FALSE(at(0).mesh->send("node2", envelope(1)));
}

TEST_F(MeshTest, TenThousandInOrderEachWay) {
  make(3);
  constexpr std::uint64_t kCount = 10'000;
  std::vector<std::thread> senders;
  for (const auto& a : nodes_)
    for (const auto& b : nodes_)
      if (a != b)
        senders.emplace_back([&from = *a, to = b->name] {
          for (std::uint64_t i = 0; i < kCount; ++i) send_surely(from, to, i, 16 + i % 300);
        });
  for (auto& t : senders) t.join();
  for (const auto& a : nodes_)
    for (const auto& b : nodes_) {
      if (a == b) continue;
      ASSERT_TRUE(eventually([&] { return a->inbox.count(b->name) == kCount; })) << a->inbox.count(b->name);
      std::uint64_t expected = 0;
      for (const Envelope& e : a->inbox.take(b->name)) {
        ASSERT_EQ(number_of(e), expected);
        ASSERT_EQ(e.sid[5], static_cast<std::uint8_t>(expected));
        ASSERT_EQ(e.body.size(), 16 + expected % 300);
        ++expected;
      }
      EXPECT_TRUE(eventually(
          [&] { return status(*a, b->name).envelopes_out == kCount && status(*a, b->name).queued_bytes == 0; }));
      EXPECT_EQ(status(*a, b->name).envelopes_in, kCount);
    }
}

TEST_F(MeshTest, BiggestEnvelopeArrivesBiggerIsRefused) {
  make(3);
  EXPECT_FALSE(at(0).mesh->send("node2", envelope(1, kMaxBodyBytes + 1)));
  Envelope longest_tag = envelope(0, kMaxBodyBytes);
  longest_tag.tag = std::string(limits::kMaxTag, 'x');
  EXPECT_TRUE(at(0).mesh->send("node2", longest_tag));
  for (std::uint64_t i = 1; i <= 20; ++i) send_surely(at(0), "node2", i, kMaxBodyBytes);
  ASSERT_TRUE(eventually([&] { return at(1).inbox.count("node1") == 21; }));
  std::uint64_t expected = 0;
  for (const Envelope& e : at(1).inbox.take("node1")) {
    EXPECT_EQ(number_of(e), expected++);
    EXPECT_EQ(e.body.size(), kMaxBodyBytes);
    EXPECT_TRUE(std::all_of(e.body.begin() + 8, e.body.end(), [](auto b) { return b == 0xA5; }));
  }
  for (std::string tag :
       {std::string(), std::string(limits::kMaxTag + 1, 'x'), std::string("a b"), std::string("a\n")}) {
    Envelope bad = envelope(1);
    bad.tag = tag;
    EXPECT_FALSE(at(0).mesh->send("node2", bad));
  }
}

// attack 50
TEST_F(MeshTest, SlowReaderFillsItsOwnQueueOnly) {
  for (std::size_t i = 0; i < 3; ++i) add(name(i), [](MeshConfig& c) { c.times.silent = Millis(60'000); });
  start_all();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  at(1).inbox.be_slow(true);
  std::size_t accepted = 0;
  bool full = false;
  for (std::uint64_t i = 0; i < 2000 && !full; ++i) {
    full = !at(0).mesh->send("node2", envelope(i, 64 * 1024));
    if (!full) ++accepted;
  }
  ASSERT_TRUE(full);
  EXPECT_GE(accepted, limits::kMaxPeerQueue / (65 * 1024));
  EXPECT_LE(status(at(0), "node2").queued_bytes, limits::kMaxPeerQueue);
  EXPECT_GT(status(at(0), "node2").refused, 0U);
  for (std::uint64_t i = 0; i < 100; ++i) ASSERT_TRUE(at(0).mesh->send("node3", envelope(i)));  // unaffected
  EXPECT_TRUE(eventually([&] { return at(2).inbox.count("node1") == 100; }));
  at(1).inbox.be_slow(false);
  EXPECT_TRUE(eventually([&] { return at(1).inbox.count("node1") == accepted; }));
  EXPECT_TRUE(eventually([&] { return at(0).mesh->send("node2", envelope(1)); }));
  EXPECT_EQ(status(at(0), "node2").connects, 1U);
}

// Longer than a peer may be silent.
TEST_F(MeshTest, WhoIsNotWantedWaitsAndIsNotCalledSilent) {
  make(3);
  at(0).inbox.want_no_more_of("node2");
  const auto began = clock_.steady();
  for (std::uint64_t i = 0; i < 200; ++i) {
    send_surely(at(1), "node1", i, 4096);
    send_surely(at(2), "node1", i, 4096);
  }
  EXPECT_TRUE(eventually([&] { return at(0).inbox.count("node3") == 200; }));
  EXPECT_TRUE(at(0).mesh->send("node2", envelope(7)));
  EXPECT_TRUE(eventually([&] { return at(1).inbox.count("node1") == 1; }));
  std::this_thread::sleep_for(at(0).config.times.silent + Millis(500));
  const auto waited = static_cast<std::size_t>((clock_.steady() - began) / Millis(1));
  // What it had sent itself when it was last asked: greetings and heartbeats.
  EXPECT_EQ(at(0).inbox.count("node2"), 0U);
  EXPECT_EQ(at(0).inbox.downs("node2"), 0);
  EXPECT_EQ(at(1).inbox.downs("node1"), 0);
  EXPECT_LT(at(0).inbox.asked(), 1000 + 2 * waited) << "it looks all the time";
  at(0).inbox.want_no_more_of("");
  EXPECT_TRUE(eventually([&] { return at(0).inbox.count("node2") == 200; }));
  std::uint64_t next = 0;
  for (const Envelope& e : at(0).inbox.take("node2")) EXPECT_EQ(number_of(e), next++);
}

// Whose socket is never empty has one reading in a turn, however long that has been so.
TEST_F(MeshTest, NobodyWaitsTheLongerTheLongerAnotherOneHasFlooded) {
  std::atomic<std::size_t> flooded{0}, behind{0};
  add(name(0)).inbox.on_each = [&](const std::string& from, const Envelope&) {
    if (from == "node2") behind = flooded.load();
    if (from == "node3") ++flooded;
  };
  add(name(1));
  add(name(2));
  start_all();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  at(0).inbox.be_slow(true);
  for (std::uint64_t i = 0; i < 400; ++i) send_surely(at(2), "node1", i, 4096);
  ASSERT_TRUE(eventually([&] { return flooded >= 240; }));
  const std::size_t before = flooded;
  send_surely(at(1), "node1", 1);
  ASSERT_TRUE(eventually([&] { return behind > 0; }));
  at(0).inbox.be_slow(false);
  EXPECT_LE(behind - before, 32U) << "of some 8 in a reading";
  EXPECT_TRUE(eventually([&] { return flooded == 400; }));
}

// The node's own work does not go on, for whatever reason: a new connection begins anew.
TEST_F(MeshTest, WhoIsNotWantedForVeryLongIsLost) {
  for (std::size_t i = 0; i < 2; ++i) add(name(i), [](MeshConfig& c) { c.times.silent = Millis(1500); });
  start_all();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  at(0).inbox.want_no_more_of("node2");
  EXPECT_TRUE(eventually([&] { return at(0).inbox.downs("node2") > 0; }));
  at(0).inbox.want_no_more_of("");
  EXPECT_TRUE(eventually([&] { return all_connected(); }));
}

TEST_F(MeshTest, TheEndOfWhoIsNotWantedIsNoticed) {
  make(2);
  at(0).inbox.want_no_more_of("node2");
  for (std::uint64_t i = 0; i < 100; ++i) send_surely(at(1), "node1", i, 4096);
  std::this_thread::sleep_for(Millis(100));
  at(1).mesh->stop();
  EXPECT_TRUE(eventually([&] { return !at(0).inbox.up("node2"); }));
}

TEST_F(MeshTest, RestartReconnectsQuicklyWithAnotherBootId) {
  make(3);
  const BootId before = at(1).inbox.ups("node1").empty() ? BootId{} : at(0).inbox.ups("node2").back();
  for (const std::size_t who : {1U, 0U}) {  // the one that is dialled, and the arbiter of all its pairs
    TestNode& node = at(who);
    const std::size_t ups = at(2).inbox.ups(node.name).size();
    node.config.listen = "127.0.0.1:" + std::to_string(node.mesh->listening_port());
    node.mesh->stop();
    ASSERT_TRUE(eventually([&] { return !at(2).inbox.up(node.name); }));
    EXPECT_FALSE(at(2).mesh->send(node.name, envelope(1)));
    boot(node);
    node.mesh->update_peers(peers_of(node));
    const auto begin = std::chrono::steady_clock::now();
    node.mesh->start();
    ASSERT_TRUE(eventually([&] { return all_connected(); }));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, Seconds(5));
    const auto boots = at(2).inbox.ups(node.name);
    ASSERT_EQ(boots.size(), ups + 1);
    EXPECT_NE(boots[ups - 1], boots[ups]);
  }
  EXPECT_NE(at(0).inbox.ups("node2").back(), before);
  send_surely(at(0), "node2", 5);
  EXPECT_TRUE(eventually([&] { return at(1).inbox.count("node1") == 1; }));
}

TEST_F(MeshTest, StopWritesWhatIsQueued) {
  for (std::size_t i = 0; i < 2; ++i) add(name(i), [](MeshConfig& c) { c.times.flush = kPatience; });
  start_all();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  for (std::uint64_t i = 0; i < 500; ++i) send_surely(at(0), "node2", i, 4096);
  at(0).mesh->stop();
  EXPECT_TRUE(eventually([&] { return at(1).inbox.count("node1") == 500; }));
  EXPECT_TRUE(eventually([&] { return at(1).inbox.downs("node1") == 1; }));
  EXPECT_EQ(at(0).inbox.downs("node2"), 1);
}

// A firewall that lets connections through in one direction only: the node that is not the arbiter dials too.
TEST_F(MeshTest, OneDirectionIsEnough) {
  add("node1");
  add("node2", [](MeshConfig& c) { c.times.second_dialler = Millis(100); });
  PeerConfig without = peer(at(1));
  without.addresses.clear();
  at(0).mesh->update_peers({without});
  at(1).mesh->update_peers({peer(at(0))});
  at(0).mesh->start();
  at(1).mesh->start();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  send_surely(at(0), "node2", 1);
  send_surely(at(1), "node1", 1);
  EXPECT_TRUE(eventually([&] { return at(0).inbox.total() == 1 && at(1).inbox.total() == 1; }));
}

// Both dial at the same time, again and again: both sides end up on the same connection and stay there.
TEST_F(MeshTest, SimultaneousDialsSettle) {
  for (std::size_t i = 0; i < 4; ++i) add(name(i), [](MeshConfig& c) { c.times.second_dialler = Millis(0); });
  start_all();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  std::this_thread::sleep_for(Millis(700));
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  std::vector<std::uint64_t> connects;
  for (const auto& a : nodes_)
    for (const auto& s : a->mesh->peers()) connects.push_back(s.connects);
  std::this_thread::sleep_for(Millis(700));
  std::size_t i = 0;
  for (const auto& a : nodes_)
    for (const auto& s : a->mesh->peers()) {
      EXPECT_TRUE(s.connected);
      EXPECT_EQ(s.connects, connects[i++]);
    }
  for (const auto& a : nodes_)
    for (const auto& b : nodes_)
      if (a != b) send_surely(*a, b->name, 1);
  for (const auto& a : nodes_) EXPECT_TRUE(eventually([&] { return a->inbox.total() == 3; }));
}

// The file of a certificate may hold its authorities too: clients of the API want them, peers do not.
TEST_F(MeshTest, OnlyTheFirstCertificateIsShown) {
  for (std::size_t i = 0; i < 2; ++i)
    add(name(i), [](MeshConfig& c) { c.certificate_pem += authority().certificate_pem; });
  start_all();
  EXPECT_TRUE(eventually([&] { return all_connected(); }));
}

TEST_F(MeshTest, HostNamesAreLookedUp) {
  add("node1");
  add("node2");
  PeerConfig by_name = peer(at(1));
  by_name.addresses = {"no-such-host.invalid:7", "localhost:" + std::to_string(at(1).mesh->listening_port())};
  at(0).mesh->update_peers({by_name});
  PeerConfig silent = peer(at(0));
  silent.addresses.clear();
  at(1).mesh->update_peers({silent});
  at(0).mesh->start();
  at(1).mesh->start();
  EXPECT_TRUE(eventually([&] { return all_connected(); }));
}

TEST_F(MeshTest, ChangedHelloReachesPeersWithTheHeartbeat) {
  make(2);
  Hello next = at(0).config.hello;
  next.policy_version = 8;
  next.node = "somebody";   // stays
  next.cluster_id.fill(1);  // stays
  at(0).mesh->set_hello(next);
  ASSERT_TRUE(eventually([&] { return !at(1).inbox.hellos("node1").empty(); }));
  const Hello heard = at(1).inbox.hellos("node1").back();
  EXPECT_EQ(heard.policy_version, 8U);
  EXPECT_EQ(heard.node.text, "node1");
  EXPECT_EQ(heard.boot_id, at(1).inbox.ups("node1").back());
  EXPECT_EQ(status(at(1), "node1").hello.policy_version, 8U);
  EXPECT_EQ(status(at(1), "node1").connects, 1U);
}

TEST_F(MeshTest, UpdatePeersAddsRemovesAndRekeys) {
  make(2);
  TestNode& third = add("node3");
  for (std::size_t i = 0; i < 2; ++i) at(i).mesh->update_peers(peers_of(at(i)));
  third.mesh->update_peers(peers_of(third));
  third.mesh->start();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  EXPECT_EQ(status(at(0), "node2").connects, 1U);  // undisturbed

  at(0).mesh->update_peers({peer(at(1))});
  ASSERT_TRUE(eventually([&] { return at(0).inbox.downs("node3") == 1; }));
  EXPECT_EQ(at(0).mesh->peers().size(), 1U);
  EXPECT_FALSE(at(0).mesh->send("node3", envelope(1)));

  PeerConfig rekeyed = peer(at(1));
  rekeyed.pin = identity_of("another").pin;
  at(0).mesh->update_peers({rekeyed});
  ASSERT_TRUE(eventually([&] { return at(0).inbox.downs("node2") == 1; }));
  ASSERT_TRUE(eventually([&] {
    return status(at(0), "node2").last_error.find("not the one in the cluster document") != std::string::npos;
  })) << status(at(0), "node2").last_error;
  EXPECT_FALSE(status(at(0), "node2").connected);
  at(0).mesh->update_peers({peer(at(1))});
  EXPECT_TRUE(eventually([&] { return status(at(0), "node2").connected; }));
}

TEST_F(MeshTest, BadConfigurationsThrow) {
  add("node1");
  const SpkiPin pin = identity_of("node2").pin;
  TlsMesh& mesh = *at(0).mesh;
  EXPECT_THROW(mesh.update_peers({{"node1", {}, pin}}), std::invalid_argument);
  EXPECT_THROW(mesh.update_peers({{"", {}, pin}}), std::invalid_argument);
  EXPECT_THROW(mesh.update_peers({{"node2", {}, pin}, {"node3", {}, pin}}), std::invalid_argument);
  EXPECT_THROW(mesh.update_peers({{"node2", {}, mesh.pin()}}), std::invalid_argument);
  EXPECT_THROW(mesh.update_peers({{"node2", {"nowhere"}, pin}}), std::invalid_argument);
  EXPECT_THROW(add("node2", [&](MeshConfig& c) { c.listen = "127.0.0.1:" + std::to_string(mesh.listening_port()); }),
               std::system_error);
  nodes_.pop_back();
  EXPECT_THROW(add("node2", [&](MeshConfig& c) { c.key_pem = identity_of("node3").key; }), CertificateError);
  nodes_.pop_back();
}

TEST_F(MeshTest, MeasuresLatencyAndThroughput) {
  for (std::size_t i = 0; i < 2; ++i) add(name(i));
  TestNode& a = at(0);
  TestNode& b = at(1);
  std::mutex mutex;
  std::condition_variable arrived;
  std::size_t back = 0;
  std::atomic<bool> echo{true};
  b.inbox.keep = a.inbox.keep = false;
  b.inbox.on_each = [&](const std::string&, const Envelope& e) {
    if (!echo) return;
    Envelope copy = e;
    b.mesh->send("node1", std::move(copy));
  };
  a.inbox.on_each = [&](const std::string&, const Envelope&) {
    const std::lock_guard lock(mutex);
    ++back;
    arrived.notify_one();
  };
  start_all();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  std::vector<double> micros;
  for (std::size_t i = 0; i < 2000; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(a.mesh->send("node2", envelope(i, 200)));
    std::unique_lock lock(mutex);
    ASSERT_TRUE(arrived.wait_for(lock, kPatience, [&] { return back == i + 1; }));
    micros.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(micros.begin(), micros.end());
  std::printf("round trip of 200 bytes: median %.0f us, p99 %.0f us\n", micros[1000], micros[1980]);
  echo = false;
  for (const auto& [size, count] : {std::pair<std::size_t, std::uint64_t>{200, 50'000}, {64 * 1024, 1000}}) {
    const std::size_t before = b.inbox.total();
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t i = 0; i < count; ++i)
      while (!a.mesh->send("node2", envelope(i, size))) std::this_thread::sleep_for(Millis(1));
    ASSERT_TRUE(eventually([&, n = count] { return b.inbox.total() == before + n; }));
    const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::printf("one way, %zu bytes: %.0f messages/s, %.1f MB/s\n", size, static_cast<double>(count) / s,
                static_cast<double>(count * size) / s / 1e6);
  }
}

}  // namespace
}  // namespace quorate::peers

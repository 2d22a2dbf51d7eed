// Who must not get in, and who must not disturb.
#include <algorithm>
#include <cstdio>

#include "tests/peers/raw_peer.h"

namespace quorate::peers {
namespace {

class HostileTest : public MeshTest {
 protected:
  // node1 and node2 are connected; "raw" is a third member whose part RawPeer plays.
  void make_with_raw(const std::function<void(MeshConfig&)>& change = {}) {
    add("node1", change);
    add("node2", change);
    for (std::size_t i = 0; i < 2; ++i) {
      auto peers = peers_of(at(i));
      peers.push_back({"raw", {}, identity_of("raw").pin});
      at(i).mesh->update_peers(peers);
      at(i).mesh->start();
    }
    ASSERT_TRUE(eventually([&] { return all_connected(); }));
  }
  std::uint16_t port() { return at(0).mesh->listening_port(); }
  bool raw_fails_with(const std::string& words) {
    return eventually([&] { return status(at(0), "raw").last_error.find(words) != std::string::npos; }, Seconds(10));
  }
  void expect_others_unaffected() {
    EXPECT_EQ(status(at(0), "node2").connects, 1U);
    const std::size_t before = at(1).inbox.count("node1");
    send_surely(at(0), "node2", 1);
    EXPECT_TRUE(eventually([&] { return at(1).inbox.count("node1") == before + 1; }));
    EXPECT_EQ(at(0).inbox.count("raw"), 0U);
    EXPECT_TRUE(at(0).inbox.ups("raw").empty());
  }
};

TEST_F(HostileTest, RawPeerWithTheRightKeyGetsIn) {  // so that the refusals below are refusals of what they say
  make_with_raw();
  RawPeer raw(port(), identity_of("raw"));
  ASSERT_TRUE(raw.handshake());
  ASSERT_TRUE(raw.say(greeting_frame(hello_of("raw"), 0)));
  ASSERT_TRUE(raw.say(*envelope_frame(envelope(3))));
  EXPECT_TRUE(eventually([&] { return at(0).inbox.count("raw") == 1; }));
  ASSERT_TRUE(raw.hear(FrameType::hello));
  ASSERT_TRUE(raw.say(ping_frame(FrameType::ping, 77)));
  const auto pong = raw.hear(FrameType::pong);
  ASSERT_TRUE(pong);
  EXPECT_EQ(read_ping(*pong), 77U);
}

TEST_F(HostileTest, WhoSendsPingAfterPingIsReadSlowly) {
  make_with_raw();
  RawPeer raw(port(), identity_of("raw"));
  ASSERT_TRUE(raw.handshake());
  ASSERT_TRUE(raw.say(greeting_frame(hello_of("raw"), 0)));
  ASSERT_TRUE(raw.hear(FrameType::hello));
  SecretBytes flood;
  for (std::uint64_t i = 0; i < 4000; ++i) append(flood, ping_frame(FrameType::ping, i));
  append(flood, *envelope_frame(envelope(3)));
  ASSERT_GT(flood.size(), 48U * 1024) << "read in one turn";
  const SteadyTime began = clock_.steady();
  ASSERT_TRUE(raw.say(flood));
  send_surely(at(1), "node1", 1);
  EXPECT_TRUE(eventually([&] { return at(0).inbox.count("node2") == 1; }));
  EXPECT_TRUE(eventually([&] { return at(0).inbox.count("raw") == 1; })) << "nothing is lost";
  EXPECT_GE(clock_.steady() - began, Millis(2'000));
  EXPECT_EQ(at(0).inbox.downs("raw"), 0);
}

// A client of mbedTLS as its defaults are, but for `change`. True: it could exchange data.
bool foreign_client_gets_in(std::uint16_t port, const Identity* identity,
                            const std::function<void(mbedtls_ssl_config*)>& change,
                            const char* protocol = "quorate-peers") {
  start_psa();
  const Fd fd = plain_socket(port);
  MbedSslConfig config;
  MbedCertificate certificate;
  MbedKey key;
  mbedtls_ssl_config_defaults(config.get(), MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                              MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(config.get(), psa_random, nullptr);
  mbedtls_ssl_conf_authmode(config.get(), MBEDTLS_SSL_VERIFY_NONE);
  if (identity != nullptr) {
    read_certificates(certificate, identity->certificate);
    read_key(key, identity->key);
    mbedtls_ssl_conf_own_cert(config.get(), certificate.get(), key.get());
  }
  const char* protocols[] = {protocol, nullptr};
  if (protocol != nullptr) mbedtls_ssl_conf_alpn_protocols(config.get(), protocols);
  change(config.get());
  MbedSsl ssl;
  mbedtls_ssl_setup(ssl.get(), config.get());
  mbedtls_ssl_set_hostname(ssl.get(), nullptr);
  int socket = fd.get();
  const auto send = [](void* s, const unsigned char* b, std::size_t n) {
    return static_cast<int>(::send(*static_cast<int*>(s), b, n, MSG_NOSIGNAL));
  };
  const auto receive = [](void* s, unsigned char* b, std::size_t n) {
    return static_cast<int>(::recv(*static_cast<int*>(s), b, n, 0));
  };
  mbedtls_ssl_set_bio(ssl.get(), &socket, send, receive, nullptr);
  if (mbedtls_ssl_handshake(ssl.get()) != 0) return false;
  const SecretBytes greeting = greeting_frame(hello_of("raw"), 0);
  mbedtls_ssl_write(ssl.get(), greeting.data(), greeting.size());
  std::array<unsigned char, 1> answer{};
  return mbedtls_ssl_read(ssl.get(), answer.data(), 1) == 1;
}

// attack 49
TEST_F(HostileTest, OldTlsNoCertificateOtherProtocol) {
  make_with_raw();
  const Identity& raw = identity_of("raw");
  EXPECT_TRUE(foreign_client_gets_in(port(), &raw, [](auto*) {}));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.downs("raw") == 1; }));
  const auto failed = at(0).mesh->counters().handshakes_failed;
  EXPECT_FALSE(foreign_client_gets_in(
      port(), &raw, [](auto* c) { mbedtls_ssl_conf_max_tls_version(c, MBEDTLS_SSL_VERSION_TLS1_2); }));
  EXPECT_FALSE(foreign_client_gets_in(port(), nullptr, [](auto*) {}));
  EXPECT_FALSE(foreign_client_gets_in(
      port(), &raw, [](auto*) {}, nullptr));
  EXPECT_FALSE(foreign_client_gets_in(
      port(), &raw, [](auto*) {}, "http/1.1"));
  EXPECT_FALSE(foreign_client_gets_in(port(), &raw, [](auto* c) {
    static const int aes[] = {MBEDTLS_TLS1_3_AES_256_GCM_SHA384, 0};
    mbedtls_ssl_conf_ciphersuites(c, aes);
  }));
  EXPECT_TRUE(eventually([&] { return at(0).mesh->counters().handshakes_failed == failed + 5; }));
  EXPECT_EQ(at(0).inbox.ups("raw").size(), 1U);
  EXPECT_EQ(status(at(0), "node2").connects, 1U);
}

// attack 49
TEST_F(HostileTest, KeyThatIsNotInTheClusterIsRefused) {
  make_with_raw();
  RawPeer stranger(port(), identity_of("stranger"));
  if (stranger.handshake()) stranger.say(greeting_frame(hello_of("raw"), 0));
  EXPECT_TRUE(stranger.is_closed());
  EXPECT_NE(stranger.error().find("refused by the peer in the handshake"), std::string::npos) << stranger.error();
  expect_others_unaffected();
}

// attack 50: each further certificate could have a signature that takes seconds to check.
TEST_F(HostileTest, ChainsAreRefusedUnread) {
  std::mutex mutex;
  std::string lines;
  make_with_raw([&](MeshConfig& c) {
    c.log = [&](LogLevel, const std::string& text) {
      const std::lock_guard lock(mutex);
      lines += text + "\n";
    };
  });
  const auto refusals = [&] {
    const std::lock_guard lock(mutex);
    std::size_t n = 0;
    for (std::size_t i = 0; (i = lines.find("more than one certificate", i)) != std::string::npos; ++i) ++n;
    return n;
  };
  std::size_t n = 0;
  for (const char* who : {"raw", "stranger"}) {  // before it is asked whose key it is
    Identity chain{identity_of(who).key, identity_of(who).certificate + authority().certificate_pem, {}};
    EXPECT_FALSE(foreign_client_gets_in(port(), &chain, [](auto*) {}));
    EXPECT_TRUE(eventually([&] { return refusals() == n + 1; })) << who;
    ++n;
  }
  expect_others_unaffected();
  stop_all();
}

// attack 49
TEST_F(HostileTest, OneNodesKeyWithAnotherNodesNameIsRefused) {
  make_with_raw();
  for (const char* name : {"node2", "node1", "nobody", ""}) {
    RawPeer raw(port(), identity_of("raw"));
    ASSERT_TRUE(raw.handshake());
    ASSERT_TRUE(raw.say(greeting_frame(hello_of(name), 0)));
    const auto refusal = raw.hear(FrameType::refuse);
    ASSERT_TRUE(refusal);
    EXPECT_NE(read_refusal(*refusal).find("identity"), std::string::npos);
    EXPECT_TRUE(raw.is_closed());
    EXPECT_TRUE(raw_fails_with("identity: the certificate is that of raw, the hello names " + std::string(name)));
  }
  EXPECT_TRUE(eventually([&] { return at(0).mesh->counters().refused == 4U; }));
  expect_others_unaffected();
}

// The dialler pins the one node it wants, not just any of the cluster.
TEST_F(HostileTest, DialledNodeMustBeTheOneThatWasMeant) {
  add("node1");
  add("node2");
  add("node3");
  PeerConfig two = peer(at(1)), three = peer(at(2));
  std::swap(two.addresses, three.addresses);
  at(0).mesh->update_peers({two, three});
  for (std::size_t i = 1; i < 3; ++i) {
    PeerConfig one = peer(at(0));
    one.addresses.clear();
    at(i).mesh->update_peers({one});
  }
  for (const auto& node : nodes_) node->mesh->start();
  EXPECT_TRUE(eventually([&] {
    return status(at(0), "node2").last_error.find("not the one in the cluster document") != std::string::npos;
  }));
  EXPECT_TRUE(at(0).inbox.ups("node2").empty() && at(0).inbox.ups("node3").empty());
}

// attack 12
TEST_F(HostileTest, OtherClusterIsRefusedWithWordsOnBothSides) {
  add("node1");
  add("node2", [](MeshConfig& c) { c.hello.cluster_id.fill(8); });
  start_all();
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string other = name(1 - i);
    EXPECT_TRUE(eventually([&] {
      return status(at(i), other).last_error.find("other cluster: ") != std::string::npos;
    })) << status(at(i), other).last_error;
    EXPECT_FALSE(status(at(i), other).connected);
    EXPECT_TRUE(at(i).inbox.ups(other).empty());
  }
  EXPECT_NE(status(at(1), "node1").last_error.find("0808080808080808"), std::string::npos)
      << status(at(1), "node1").last_error;
  const auto dialled = at(0).mesh->counters().dialled;
  EXPECT_TRUE(eventually([&] { return at(0).mesh->counters().dialled >= dialled + 2; }));  // goes on trying
}

// attack 12
TEST_F(HostileTest, OtherWireVersionIsRefusedWithWordsOnBothSides) {
  add("node1");
  add("node2", [](MeshConfig& c) { c.hello.wire_min = 6, c.hello.wire_max = 7; });
  start_all();
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string other = name(1 - i);
    EXPECT_TRUE(eventually([&] {
      return status(at(i), other).last_error.find("wire version: node1 speaks 5, node2 speaks 6 to 7") !=
             std::string::npos;
    })) << status(at(i), other).last_error;
    EXPECT_TRUE(at(i).inbox.ups(other).empty());
  }
}

// Nodes are upgraded one after the other: of two versions in a row both ends take the higher one that both speak.
TEST_F(HostileTest, AdjacentWireVersionsSpeakTheOneThatBothKnow) {
  add("node1");
  add("node2", [](MeshConfig& c) { c.hello.wire_min = kWireVersion, c.hello.wire_max = kWireVersion + 1; });
  add("node3", [](MeshConfig& c) { c.hello.wire_min = kWireVersion - 1, c.hello.wire_max = kWireVersion; });
  start_all();
  ASSERT_TRUE(eventually([&] { return all_connected(); }));
  for (std::size_t i = 0; i < 3; ++i)
    for (const std::size_t j : {(i + 1) % 3, (i + 2) % 3})
      EXPECT_EQ(status(at(i), name(j)).wire, kWireVersion) << i << j;
}

// attack 50
TEST_F(HostileTest, GarbageInsteadOfTlsIsClosed) {
  make_with_raw();
  for (int i = 0; i < 20; ++i) {
    const Fd fd = plain_socket(port());
    Bytes garbage(1 + rng_.below(5000));
    rng_.fill(garbage);
    ASSERT_EQ(::send(fd.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), static_cast<ssize_t>(garbage.size()));
    EXPECT_TRUE(gets_closed(fd));
  }
  expect_others_unaffected();
}

// attack 50
TEST_F(HostileTest, StalledHandshakesAreClosed) {
  make_with_raw();
  const auto before = at(0).mesh->counters().timed_out;
  const Fd silent = plain_socket(port());
  const Fd half = plain_socket(port());
  const std::string start("\x16\x03\x01\x02\x00\x01", 6);  // a ClientHello begins
  ASSERT_EQ(::send(half.get(), start.data(), start.size(), MSG_NOSIGNAL), 6);
  RawPeer no_greeting(port(), identity_of("raw"));
  ASSERT_TRUE(no_greeting.handshake());
  EXPECT_TRUE(gets_closed(silent));
  EXPECT_TRUE(gets_closed(half));
  EXPECT_TRUE(no_greeting.is_closed());
  EXPECT_TRUE(eventually([&] { return at(0).mesh->counters().timed_out == before + 3; }));
  EXPECT_TRUE(raw_fails_with("no greeting in time"));
  expect_others_unaffected();
}

// attack 50
TEST_F(HostileTest, BrokenRulesEndTheConnection) {
  make_with_raw();
  const SecretBytes hello = greeting_frame(hello_of("raw"), 0);
  SecretBytes long_greeting = hello;
  long_greeting.push_back(0);
  long_greeting[3] = static_cast<std::uint8_t>(long_greeting[3] + 1);
  SecretBytes too_long = *envelope_frame(envelope(1));
  too_long[1] = 0x08;  // 512 KiB and more
  SecretBytes bad_tag = *envelope_frame(envelope(1));
  bad_tag[kFrameHeader + 33] = '\n';
  Hello other_boot = hello_of("raw");
  other_boot.boot_id.fill(1);
  Hello other_wire = hello_of("raw");
  other_wire.wire_max = kWireVersion + 1;
  Hello no_boot = hello_of("raw");
  no_boot.boot_id.fill(0);
  struct Case {
    bool greeted;
    SecretBytes bytes;
  };
  const std::vector<Case> cases{{false, *envelope_frame(envelope(1))},
                                {false, ping_frame(FrameType::ping, 1)},
                                {false, long_greeting},
                                {false, greeting_frame(no_boot, 0)},
                                {false, secret_bytes(Bytes{0, 0, 0, 0, 5})},
                                {true, too_long},
                                {true, bad_tag},
                                {true, greeting_frame(other_boot, 0)},
                                {true, greeting_frame(other_wire, 0)},
                                {true, secret_bytes(Bytes{0, 0, 0, 2, 3, 0})},
                                {true, secret_bytes(Bytes{0, 0, 0, 1, 99})},
                                {true, secret_bytes(Bytes{0xFF, 0xFF, 0xFF, 0xFF, 5})}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto before = at(0).mesh->counters().malformed;
    RawPeer raw(port(), identity_of("raw"));
    ASSERT_TRUE(raw.handshake());
    if (cases[i].greeted) {
      ASSERT_TRUE(raw.say(hello));
    }
    ASSERT_TRUE(raw.say(cases[i].bytes));
    EXPECT_TRUE(raw.is_closed()) << i;
    EXPECT_TRUE(eventually([&] { return at(0).mesh->counters().malformed == before + 1; })) << i;
  }
  EXPECT_EQ(at(0).inbox.count("raw"), 0U);
  EXPECT_EQ(status(at(0), "node2").connects, 1U);
}

TEST_F(HostileTest, SilentPeerIsDropped) {
  make_with_raw([](MeshConfig& c) { c.times.silent = Millis(1000); });
  RawPeer raw(port(), identity_of("raw"));
  ASSERT_TRUE(raw.handshake());
  ASSERT_TRUE(raw.say(greeting_frame(hello_of("raw"), 0)));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.up("raw"); }));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.downs("raw") == 1; }));
  EXPECT_EQ(status(at(0), "raw").last_error, "silent");
}

// The same node twice: the newer connection is the one, with a restart told apart by its boot id.
TEST_F(HostileTest, NewerConnectionOfTheSameNodeReplacesTheOlder) {
  make_with_raw();
  RawPeer first(port(), identity_of("raw"));
  ASSERT_TRUE(first.handshake() && first.say(greeting_frame(hello_of("raw"), 0)));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.up("raw"); }));
  RawPeer second(port(), identity_of("raw"));
  ASSERT_TRUE(second.handshake() && second.say(greeting_frame(hello_of("raw"), 0)));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.ups("raw").size() == 2; }));
  EXPECT_TRUE(first.is_closed());
  EXPECT_TRUE(raw_fails_with("replaced by a newer connection"));
  Hello restarted = hello_of("raw");
  restarted.boot_id.fill(10);
  RawPeer third(port(), identity_of("raw"));
  ASSERT_TRUE(third.handshake() && third.say(greeting_frame(restarted, 0)));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.ups("raw").size() == 3; }));
  EXPECT_TRUE(second.is_closed());
  EXPECT_TRUE(raw_fails_with("restarted"));
  EXPECT_EQ(at(0).inbox.downs("raw"), 2);
  ASSERT_TRUE(third.say(*envelope_frame(envelope(1))));
  EXPECT_TRUE(eventually([&] { return at(0).inbox.count("raw") == 1; }));
}

// attack 50
TEST_F(HostileTest, ChangedHellosReachTheNodeOncePerHeartbeat) {
  make_with_raw([](MeshConfig& c) { c.times.heartbeat = Millis(500); });
  RawPeer raw(port(), identity_of("raw"));
  Hello hello = hello_of("raw");
  ASSERT_TRUE(raw.handshake() && raw.say(greeting_frame(hello, 0)));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.up("raw"); }));
  for (hello.state_seq = 1; hello.state_seq < 1000; ++hello.state_seq) ASSERT_TRUE(raw.say(greeting_frame(hello, 0)));
  ASSERT_TRUE(raw.say(greeting_frame(hello, 0)));
  const auto last = [&] {
    const auto heard = at(0).inbox.hellos("raw");
    return heard.empty() ? 0 : heard.back().state_seq;
  };
  EXPECT_TRUE(eventually([&] { return last() == 1000; }));
  EXPECT_LE(at(0).inbox.hellos("raw").size(), 50U);  // under sanitizers the sending takes a few heartbeats
  EXPECT_EQ(status(at(0), "raw").hello.state_seq, 1000U);
}

// attack 50
TEST_F(HostileTest, ConnectionsOfAPeerAreRationed) {
  make_with_raw([](MeshConfig& c) { c.times.reconnect_pace = Seconds(5); });
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 40; ++i) {
    RawPeer raw(port(), identity_of("raw"));
    if (raw.handshake() && raw.say(greeting_frame(hello_of("raw"), 0))) raw.hear(FrameType::hello);
  }
  const auto paced = static_cast<std::size_t>((std::chrono::steady_clock::now() - begin) / Seconds(5));
  EXPECT_GE(at(0).inbox.ups("raw").size(), 9U);
  EXPECT_LE(at(0).inbox.ups("raw").size(), 11U + paced);
  EXPECT_TRUE(raw_fails_with("connects too often"));
  EXPECT_TRUE(eventually(
      [&] {
        RawPeer raw(port(), identity_of("raw"));
        return raw.handshake() && raw.say(greeting_frame(hello_of("raw"), 0)) && raw.hear(FrameType::hello).has_value();
      },
      Seconds(20)));
  EXPECT_EQ(status(at(0), "node2").connects, 1U);
}

// A peer that stops reading while its queue is full, and then says what is refused: the frame that was half written
// ends, and was counted as lost before.
TEST_F(HostileTest, RefusedWithAFrameHalfWritten) {
  make_with_raw([](MeshConfig& c) { c.times.handshake = Seconds(100); });  // a fifth of it is left to read the words
  RawPeer raw(port(), identity_of("raw"));
  Hello hello = hello_of("raw");
  ASSERT_TRUE(raw.handshake() && raw.say(greeting_frame(hello, 0)));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.up("raw"); }));
  std::uint64_t sent = 0;
  const auto full = [&] {  // also when the system's buffers have taken what they can
    while (at(0).mesh->send("raw", envelope(sent, kMaxBodyBytes))) ++sent;
    std::this_thread::sleep_for(Millis(100));
    const bool refused = !at(0).mesh->send("raw", envelope(sent, kMaxBodyBytes));
    if (!refused) ++sent;
    return refused;
  };
  ASSERT_TRUE(eventually(full));
  hello.cluster_id.fill(1);
  ASSERT_TRUE(raw.say(greeting_frame(hello, 0)));
  ASSERT_TRUE(eventually([&] { return at(0).inbox.downs("raw") == 1; }));
  std::uint64_t arrived = 0;
  std::optional<Frame> frame;
  while ((frame = raw.hear()) && frame->type != FrameType::refuse)
    if (frame->type == FrameType::envelope) ++arrived;
  ASSERT_TRUE(frame);
  EXPECT_NE(read_refusal(*frame).find("other cluster"), std::string::npos);
  const PeerStatus s = status(at(0), "raw");
  EXPECT_EQ(s.envelopes_out + s.lost, sent);
  EXPECT_EQ(arrived, s.envelopes_out + 1);  // the half-written one is counted as lost
  EXPECT_EQ(status(at(0), "node2").connects, 1U);
}

TEST_F(HostileTest, WhatIsReceivedIsEscaped) {
  std::mutex mutex;
  std::string lines;
  make_with_raw([&](MeshConfig& c) {
    c.log = [&](LogLevel, const std::string& text) {
      const std::lock_guard lock(mutex);
      lines += text + "\n";
    };
  });
  Hello hello = hello_of("raw");
  hello.software = "x\x1b[2J\nforged";
  {
    RawPeer raw(port(), identity_of("raw"));
    ASSERT_TRUE(raw.handshake() && raw.say(greeting_frame(hello, 0)));
    ASSERT_TRUE(eventually([&] { return at(0).inbox.up("raw"); }));
    ASSERT_TRUE(raw.say(refusal_frame("no\nforged \xff")));
    ASSERT_TRUE(eventually([&] { return at(0).inbox.downs("raw") == 1; }));
  }
  EXPECT_EQ(status(at(0), "raw").last_error, "refused by raw: no\\x0aforged \\xff");
  stop_all();
  const std::lock_guard lock(mutex);
  EXPECT_NE(lines.find("x\\x1b[2J\\x0aforged"), std::string::npos);
  EXPECT_EQ(lines.find("\nforged"), std::string::npos);
  EXPECT_EQ(lines.find('\x1b'), std::string::npos);
}

// attack 50
TEST_F(HostileTest, FloodOfConnectionsLeavesPeersWorking) {
  make_with_raw();
  std::vector<Fd> flood;
  for (int i = 0; i < 300; ++i) flood.push_back(plain_socket(port()));
  EXPECT_TRUE(eventually([&] { return at(0).mesh->counters().accepted >= 300; }));
  EXPECT_GE(at(0).mesh->counters().evicted, 300 - limits::kMaxPeerConnections);
  std::vector<double> millis;
  for (std::uint64_t i = 0; i < 50; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    send_surely(at(0), "node2", i);
    ASSERT_TRUE(eventually([&] { return at(1).inbox.count("node1") == i + 1; }));
    millis.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(millis.begin(), millis.end());
  std::printf("under a flood of 300 connections: median %.1f ms to arrive\n", millis[25]);
  // A member still gets in, against a flood from the same address that goes on.
  std::atomic<bool> done{false};
  std::thread more([&] {
    while (!done) {
      flood.erase(flood.begin());
      flood.push_back(plain_socket(port()));
    }
  });
  EXPECT_TRUE(eventually([&] {
    RawPeer raw(port(), identity_of("raw"));
    return raw.handshake() && raw.say(greeting_frame(hello_of("raw"), 0)) && raw.hear(FrameType::hello).has_value();
  }));
  done = true;
  more.join();
  EXPECT_EQ(status(at(0), "node2").connects, 1U);
}

// attack 50: many handshakes that end in "unknown key" cost a bounded share of each turn.
TEST_F(HostileTest, HandshakesOfStrangersLeavePeersWorking) {
  make_with_raw();
  std::atomic<bool> done{false};
  std::vector<std::thread> strangers;
  for (int i = 0; i < 2; ++i)
    strangers.emplace_back(
        [&, identity = Identity{identity_of("stranger").key, identity_of("stranger").certificate, {}}] {
          while (!done) {
            RawPeer stranger(port(), identity);
            stranger.handshake();
          }
        });
  for (std::uint64_t i = 0; i < 2000; ++i) send_surely(at(0), "node2", i);
  EXPECT_TRUE(eventually([&] { return at(1).inbox.count("node1") == 2000; }));
  EXPECT_TRUE(eventually([&] { return at(0).mesh->counters().handshakes_failed > 20; }));
  done = true;
  for (auto& t : strangers) t.join();
  EXPECT_EQ(status(at(0), "node2").connects, 1U);
}

}  // namespace
}  // namespace quorate::peers

// Whose connections there are when not all can be kept.
#include "http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <filesystem>
#include <latch>

#include "wire.h"

namespace quorate::http {
namespace {

// A client in the clear from an address of the loopback.
class Visitor {
 public:
  explicit Visitor(std::uint16_t port, const char* from = "127.0.0.1")
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in me{}, to{};
    me.sin_family = to.sin_family = AF_INET;
    to.sin_port = htons(port);
    inet_pton(AF_INET, from, &me.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    EXPECT_EQ(bind(socket_.fd(), reinterpret_cast<sockaddr*>(&me), sizeof me), 0);
    EXPECT_EQ(connect(socket_.fd(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{10, 0};
    setsockopt(socket_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void ask(const std::string& target) {
    const std::string text = "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n";
    EXPECT_EQ(send(socket_.fd(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // The body's size; nullopt: the connection ended before.
  std::optional<std::size_t> answer() {
    ResponseReader reader(64 << 20);
    Bytes piece(1 << 16);
    while (!reader.complete()) {
      const ssize_t n = recv(socket_.fd(), piece.data(), piece.size(), 0);
      if (n <= 0 || !reader.feed(ByteView(piece).first(static_cast<std::size_t>(n)))) return std::nullopt;
    }
    return reader.response().body.size();
  }
  std::optional<std::size_t> ask_for(const std::string& target) {
    ask(target);
    return answer();
  }
  bool ended() const { return wait_for(socket_, false, Millis(0)); }
  bool ends() const { return wait_for(socket_, false, Millis(10'000)); }

 private:
  Socket socket_;
};

class ListenerTest : public testing::Test {
 protected:
  void start(std::size_t connections, std::size_t per_loopback, EarlyHandler early = {}) {
    ListenerConfig c;
    c.host = "127.0.0.1";
    c.threads = 4;
    c.connections = connections;
    c.per_loopback = per_loopback;
    listener.emplace(
        std::move(c), nullptr, clock,
        [this](const HttpRequest& request, const std::shared_ptr<Exchange>&) {
          if (request.target == "/wait") release.wait();
          return HttpResponse{200, {}, std::string(request.target == "/large" ? 32 << 20 : 2, 'x')};
        },
        std::move(early));
    listener->start();
  }
  void TearDown() override { listener->stop(); }
  std::uint16_t port() const { return listener->port(); }

  SystemClock clock;
  std::latch release{1};
  std::optional<Listener> listener;
};

TEST_F(ListenerTest, OneAddressPushesOutItselfOnly) {
  start(100, 3);
  Visitor other(port(), "127.0.0.2");  // older than all of them
  EXPECT_TRUE(other.ask_for("/"));
  Visitor a(port()), b(port()), c(port());
  EXPECT_TRUE(a.ask_for("/") && b.ask_for("/") && c.ask_for("/"));
  Visitor d(port());
  EXPECT_TRUE(d.ask_for("/"));
  EXPECT_TRUE(a.ends()) << "the one that has waited longest";
  EXPECT_FALSE(other.ended() || b.ended() || c.ended());
}

TEST_F(ListenerTest, WhoHoldsMostMakesRoom) {
  start(5, 100);
  Visitor other(port(), "127.0.0.2");
  EXPECT_TRUE(other.ask_for("/"));
  std::vector<Visitor> many;
  for (int i = 0; i < 4; ++i) {
    many.emplace_back(port());
    EXPECT_TRUE(many.back().ask_for("/"));
  }
  Visitor third(port(), "127.0.0.3");
  EXPECT_TRUE(third.ask_for("/"));
  EXPECT_TRUE(many[0].ends());
  EXPECT_FALSE(other.ended());
}

// Of many, whose turn it is to go is found for several at once.
TEST_F(ListenerTest, WhoHasAskedMeanwhileStays) {
  start(100, 64);
  std::vector<Visitor> many;
  for (int i = 0; i < 64; ++i) {
    many.emplace_back(port());
    EXPECT_TRUE(many.back().ask_for("/"));
  }
  EXPECT_TRUE(Visitor(port()).ask_for("/"));
  EXPECT_TRUE(many[0].ends());
  std::this_thread::sleep_for(Millis(20));
  EXPECT_TRUE(many[1].ask_for("/"));
  std::vector<Visitor> more;
  for (int i = 0; i < 3; ++i) {
    more.emplace_back(port());
    EXPECT_TRUE(more.back().ask_for("/"));
  }
  EXPECT_TRUE(many[2].ends());
  EXPECT_FALSE(many[1].ended());
}

TEST_F(ListenerTest, WhoIsBeingAnsweredStays) {
  start(100, 2);
  Visitor called(port()), slow(port());
  called.ask("/wait");
  slow.ask("/large");  // and reads nothing yet
  std::this_thread::sleep_for(Millis(300));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Visitor(port()).ends());
  EXPECT_TRUE(Visitor(port(), "127.0.0.2").ask_for("/")) << "others come in";
  release.count_down();
  EXPECT_EQ(slow.answer(), 32U << 20);
  EXPECT_EQ(called.answer(), 2U);
}

TEST_F(ListenerTest, AcceptsAFewAtATime) {
  const auto files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  std::latch blocked{1};
  std::ptrdiff_t before = 0, after = 0;
  start(1'000, 1'000, [&](const HttpRequest& request, std::size_t) -> std::optional<HttpResponse> {
    if (request.target == "/block") {
      blocked.count_down();
      release.wait();
    }
    if (request.target == "/count") after = files();
    return HttpResponse{200, {}, "ok"};
  });
  Visitor first(port()), second(port());
  EXPECT_TRUE(second.ask_for("/"));
  first.ask("/block");
  blocked.wait();
  std::vector<Visitor> flood;
  for (int i = 0; i < 100; ++i) flood.emplace_back(port());
  before = files();
  second.ask("/count");
  release.count_down();
  EXPECT_TRUE(second.answer());
  EXPECT_LE(after - before, 40) << "others waited for all of the flood";
  EXPECT_TRUE(flood.back().ask_for("/"));
}

// Over TLS, where two handshakes of an address that come to nothing are begun at once, and three more in its turn; no
// others while the test runs.
class HandshakeTurns : public testing::Test {
 protected:
  HandshakeTurns() {
    ListenerConfig c;
    c.host = "127.0.0.1";
    c.threads = 2;
    c.handshake = Millis(1'000);
    c.handshakes = {.burst = 4, .each = Millis(3'600'000), .common_burst = 1, .common_each = Millis(3'600'000)};
    listener.emplace(
        std::move(c), &tls, clock,
        [](const HttpRequest&, const std::shared_ptr<Exchange>&) {
          return HttpResponse{200, {}, "x"};
        },
        [](const HttpRequest& request, std::uint64_t) -> std::optional<HttpResponse> {
          if (request.target != "/early") return std::nullopt;
          return HttpResponse{200, {}, "early"};
        });
    listener->start();
  }
  ~HandshakeTurns() override { listener->stop(); }
  Socket from(const char* address) {
    Socket s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in me{}, to{};
    me.sin_family = to.sin_family = AF_INET;
    to.sin_port = htons(listener->port());
    inet_pton(AF_INET, address, &me.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    EXPECT_EQ(bind(s.fd(), reinterpret_cast<sockaddr*>(&me), sizeof me), 0);
    EXPECT_EQ(connect(s.fd(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    EXPECT_EQ(fcntl(s.fd(), F_SETFL, O_NONBLOCK), 0);
    return s;
  }
  bool answers(const char* address, const std::string& target = "/") {
    try {
      Wire wire(from(address));
      return wire.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n") && wire.answer().has_value();
    } catch (const std::runtime_error&) {
      return false;  // no handshake
    }
  }

  SystemClock clock;
  TlsServer tls{kTestCertificate, kTestKey};
  std::optional<Listener> listener;
};

TEST_F(HandshakeTurns, WhoAsksNothingWaitsAndNobodyElseDoes) {
  for (int i = 0; i < 5; ++i)
    EXPECT_NO_THROW(Wire(from("127.0.0.2"))) << i;  // two at once, two in turns, the common one
  EXPECT_FALSE(answers("127.0.0.2")) << "ended when its time was over";
  EXPECT_TRUE(answers("127.0.0.3"));
}

TEST_F(HandshakeTurns, WhoAsksIsAlwaysLetIn) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(answers("127.0.0.2")) << i;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(answers("127.0.0.2", "/early")) << i;
}

TEST_F(HandshakeTurns, SilenceCostsNothing) {
  std::vector<Socket> silent;
  for (int i = 0; i < 50; ++i) silent.push_back(from("127.0.0.2"));
  EXPECT_TRUE(answers("127.0.0.2"));
  EXPECT_TRUE(wait_for(silent.back(), false, Millis(10'000))) << "they are ended all the same";
}

TEST_F(HandshakeTurns, ComingAndGoingCostsNothing) {
  for (int i = 0; i < 50; ++i) from("127.0.0.2");
  EXPECT_TRUE(answers("127.0.0.2"));
}

TEST(Source, IsWhatAClientCannotChoose) {
  const auto of = [](const char* text) {
    sockaddr_storage s{};
    auto* v4 = reinterpret_cast<sockaddr_in*>(&s);
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&s);
    s.ss_family = std::string_view(text).find(':') == std::string_view::npos ? AF_INET : AF_INET6;
    EXPECT_EQ(
        inet_pton(s.ss_family, text,
                  s.ss_family == AF_INET ? static_cast<void*>(&v4->sin_addr) : static_cast<void*>(&v6->sin6_addr)),
        1);
    return source_of(s);
  };
  EXPECT_NE(of("192.0.2.1"), of("192.0.2.2"));
  EXPECT_EQ(of("192.0.2.1"), of("::ffff:192.0.2.1"));
  EXPECT_EQ(of("2001:db8::1"), of("2001:db8::ffff:2"));
  EXPECT_NE(of("2001:db8::1"), of("2001:db8:0:1::1"));
  for (const char* here : {"127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"}) EXPECT_TRUE(is_loopback(of(here)));
  for (const char* there : {"128.0.0.1", "2001:db8::1", "::ffff:10.0.0.1"}) EXPECT_FALSE(is_loopback(of(there)));
}

}  // namespace
}  // namespace quorate::http

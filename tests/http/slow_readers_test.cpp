// Streams whose clients read slowly or not at all: how much is kept for one, and for how long.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <thread>

#include "http/answers.h"
#include "streaming.h"

namespace quorate::http {
namespace {

using std::chrono::steady_clock;

const std::string kLargePiece = ": " + std::string(16 * 1024, 'x') + "\n\n";

// A client with as little room as it can choose: then the system keeps little for it, and the node has to wait.
Socket narrow(std::uint16_t port) {
  Socket s(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int room = 64 * 1024, segment = 1'000;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(setsockopt(s.fd(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
  EXPECT_EQ(setsockopt(s.fd(), IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment), 0);
  EXPECT_EQ(connect(s.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  EXPECT_EQ(fcntl(s.fd(), F_SETFL, O_NONBLOCK), 0);
  return s;
}

class SlowReaders : public Streaming {
 protected:
  HttpConfig config() const override {
    HttpConfig c = Streaming::config();
    c.request_total = Millis(2'000);
    return c;
  }
  std::unique_ptr<Listening> narrow_client() { return std::make_unique<Listening>(narrow(server->port()), ask()); }
  // How much is taken before nothing is, for a while; at most `enough`.
  static std::size_t fill(Outflow& out, std::size_t enough) {
    std::size_t taken = 0;
    for (int refused = 0; refused < 20 && taken < enough;) {
      if (out.add(kLargePiece)) {
        taken += kLargePiece.size();
        refused = 0;
      } else {
        ++refused;
        std::this_thread::sleep_for(Millis(10));
      }
    }
    return taken;
  }
};

TEST(Flow, KeepsNoMoreThanItsBound) {
  Flow flow(nullptr);
  const std::string piece(1'000, 'x');
  std::size_t kept = 0;
  while (kept < 2 * kMostFlowBytes && flow.add(piece) != Flow::Added::no) kept += piece.size();
  EXPECT_GE(kept, kMostFlowBytes);
  EXPECT_LT(kept, kMostFlowBytes + piece.size());
  EXPECT_TRUE(flow.full());
  EXPECT_EQ(flow.take().bytes.size(), kept);
  EXPECT_EQ(flow.add(piece), Flow::Added::first) << "on it goes";
}

TEST_F(SlowReaders, WhoReadsNothingIsEnded) {
  start();
  const auto slow = narrow_client();
  ASSERT_EQ(slow->status(), 200);
  const auto other = listen(ask());
  ASSERT_EQ(other->status(), 200);
  const auto stuck = flow(0), fine = flow(1);
  // What is on its way, what waits behind it, and what the system keeps.
  const std::size_t taken = fill(*stuck, 8u << 20);
  EXPECT_LT(taken, 2u << 20);
  EXPECT_TRUE(stuck->full() && !stuck->over()) << "before its time is over";
  EXPECT_TRUE(eventually([&] { return stuck->over(); }));
  EXPECT_FALSE(stuck->full()) << "nothing is kept for it";
  EXPECT_TRUE(fine->add(example_event(2)));
  EXPECT_EQ(other->read(2), 2u) << "others go on";
}

// Each drop lets the node write some more, 107 KB in a second at the most, and still the 256 KiB that it has begun to
// send are not taken in time.
TEST_F(SlowReaders, WhoReadsInDropsIsEnded) {
  start();
  const auto slow = narrow_client();
  ASSERT_EQ(slow->status(), 200);
  const auto out = flow();
  fill(*out, 8u << 20);
  ASSERT_TRUE(out->full());
  const auto began = steady_clock::now();
  int drops = 0;
  while (!out->over() && steady_clock::now() - began < kSoon) {
    for (int i = 0; i < 4 && !slow->wire.raw().empty(); ++i) ++drops;
    while (out->add(kLargePiece)) {
    }
    std::this_thread::sleep_for(Millis(600));
  }
  EXPECT_TRUE(out->over()) << drops << " drops";
  EXPECT_GE(drops, 8) << "it did read";
}

// There is always more to send when the last has been sent, so its life is looked at then.
TEST_F(SlowReaders, WithoutAPauseLiveNoLonger) {
  HttpConfig c = config();
  c.flow_life = Millis(1'000);
  start(std::move(c));
  const auto began = steady_clock::now();
  const auto client = narrow_client();
  ASSERT_EQ(client->status(), 200);
  const auto out = flow();
  std::thread talking([&] {
    while (!out->over() && steady_clock::now() - began < kSoon)
      if (!out->add(kLargePiece)) std::this_thread::sleep_for(Millis(1));
  });
  for (std::string bytes = client->wire.raw(); !bytes.empty() && client->reader.feed(view_of(bytes));
       bytes = client->wire.raw()) {
    client->reader.take_body();
    std::this_thread::sleep_for(Millis(4));  // slower than it is told
  }
  EXPECT_TRUE(client->reader.complete()) << "it can tell the end from a break";
  const auto lived = steady_clock::now() - began;
  EXPECT_GE(lived, Millis(1'000));
  EXPECT_LT(lived, kSoon / 2);
  talking.join();
}

}  // namespace
}  // namespace quorate::http

// MeshConfig::source: the address that a node's own connections come from.
#include <poll.h>

#include "tests/peers/mesh_fixture.h"

namespace quorate::peers {
namespace {

// A port where somebody waits for node1.
struct Waiting {
  Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port = 0;
  Waiting() {
    const auto any = numeric_address({"127.0.0.1", 0});
    EXPECT_EQ(::bind(fd.get(), any->get(), any->size), 0);
    EXPECT_EQ(::listen(fd.get(), 8), 0);
    SocketAddress bound;
    bound.size = sizeof bound.storage;
    EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.size), 0);
    port = bound.port();
  }
  std::string caller() const {
    pollfd ready{fd.get(), POLLIN, 0};
    if (::poll(&ready, 1, 20'000) != 1) return "nobody";
    SocketAddress from;
    from.size = sizeof from.storage;
    const Fd call(::accept4(fd.get(), reinterpret_cast<sockaddr*>(&from.storage), &from.size, SOCK_CLOEXEC));
    return call ? from.host() : "nobody";
  }
};

class Source : public MeshTest {
 protected:
  std::string caller(const std::string& source) {
    const Waiting waiting;
    TestNode& node = add("node1", [&](MeshConfig& c) { c.source = source; });
    node.mesh->update_peers({{"node2", {"127.0.0.1:" + std::to_string(waiting.port)}, identity_of("node2").pin}});
    node.mesh->start();
    return waiting.caller();
  }
};

TEST_F(Source, IsWhereConnectionsComeFrom) { EXPECT_EQ(caller("127.0.0.7"), "127.0.0.7"); }
TEST_F(Source, IsTheKernelsChoiceWithoutAWord) { EXPECT_EQ(caller(""), "127.0.0.1"); }
TEST_F(Source, ThatThisMachineDoesNotHaveIsTold) {
  TestNode& node = add("node1", [](MeshConfig& c) { c.source = "192.0.2.77"; });
  node.mesh->update_peers({{"node2", {"127.0.0.1:9"}, identity_of("node2").pin}});
  node.mesh->start();
  EXPECT_TRUE(eventually([&] {
    return status(node, "node2").last_error.find("connecting from 192.0.2.77: ") != std::string::npos;
  })) << status(node, "node2").last_error;
}
TEST_F(Source, IsNumeric) {
  for (const char* wrong : {"localhost", "127.0.0.1:80", "1.2.3", " "}) {
    EXPECT_THROW(add("node1", [&](MeshConfig& c) { c.source = wrong; }), std::invalid_argument) << wrong;
    nodes_.pop_back();
  }
}

}  // namespace
}  // namespace quorate::peers

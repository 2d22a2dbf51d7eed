// `quorate events` against a server whose streams are chosen by the test.
#include <signal.h>
#include <unistd.h>

#include <functional>

#include "fake_api.h"

namespace quorate::cli {
namespace {

using test::FakeApi;
using test::problem;

Json event_json(int seq) {
  return {{"seq", seq},
          {"time", "2026-11-29T04:00:00Z"},
          {"kind", "succeeded"},
          {"request", "req_00"},
          {"entry", {{"kind", "sign"}, {"key", "hot"}, {"user", "ana\x1b[31m"}}}};
}

std::string event(int seq) {
  return "id: " + std::to_string(seq) + "\nevent: succeeded\ndata: " + event_json(seq).dump() + "\n\n";
}

// The n-th call for events gets the n-th of `streams`.
struct StreamApi : FakeApi {
  using FakeApi::FakeApi;
  using Stream = std::function<void(http::Outflow&)>;

  http::Answered call(const http::Call& c) override {
    if (c.route == http::Route::show_node) return http::Reply{200, {{"id", "node1"}}, {}};
    const auto after = c.query.find("after");
    const std::lock_guard lock(mutex);
    afters.push_back(after == c.query.end() ? "now" : after->second);
    if (afters.size() > streams.size()) return problem(403, "denied");
    const auto& next = streams[afters.size() - 1];
    if (const auto* refused = std::get_if<http::Problem>(&next)) return *refused;
    return http::Events{[this, send = std::get<Stream>(next)](std::unique_ptr<http::Outflow> out) {
      send(*out);
      if (!out->over()) open.push_back(std::move(out));
    }};
  }
  static Stream of(std::vector<int> seqs, bool ends) {
    return [seqs = std::move(seqs), ends](http::Outflow& out) {
      out.add("retry: 1\nid: 4\n\n");
      for (const int seq : seqs) out.add(event(seq));
      if (ends) out.end();
    };
  }
  std::vector<std::variant<Stream, http::Problem>> streams;
  std::vector<std::string> afters;
  std::vector<std::shared_ptr<http::Outflow>> open;
};

// Standard output; as soon as it holds `last` somebody presses Ctrl-C.
class UntilPrinted final : public std::stringbuf {
 public:
  explicit UntilPrinted(std::string last) : last_(std::move(last)) {}

 private:
  int sync() override {
    if (!stopped_ && str().find(last_) != std::string::npos) {
      stopped_ = true;
      ::kill(::getpid(), SIGINT);
    }
    return 0;
  }
  const std::string last_;
  bool stopped_ = false;
};

struct EventCommands : test::FakeNodes<StreamApi> {
  void SetUp() override {
    start([&](const std::string&) { return std::make_unique<StreamApi>(shell.dir()); });
  }
  StreamApi& node() { return *nodes[0]; }
  test::Printed until(const std::string& last, std::vector<std::string> words) {
    UntilPrinted buffer(last);
    std::ostream out(&buffer);
    std::ostringstream err;
    std::istringstream in;
    Console console(out, err, false);
    World world{shell.clock, shell.rng, console};
    const Exit exit = run(std::move(words), shell.env, world, in);
    return {exit, buffer.str(), err.str()};
  }
};

TEST_F(EventCommands, PrintWhatHappensUntilTheyAreStopped) {
  node().streams = {StreamApi::of({5, 7}, true), StreamApi::of({8}, false)};
  const auto printed = until(" 8 ", {"events"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  std::string lines;
  for (const int seq : {5, 7, 8})
    lines += "2026-11-29T04:00:00Z " + std::to_string(seq) + " succeeded sign hot by ana?[31m req_00\n";
  EXPECT_EQ(printed.out, lines);
  EXPECT_EQ(node().afters, (std::vector<std::string>{"now", "7"})) << "taken up where it was";
  EXPECT_NE(printed.err.find("taken up again behind 7"), std::string::npos) << printed.err;
}

TEST_F(EventCommands, AsJsonAreOneObjectALine) {
  node().streams = {StreamApi::of({}, true), StreamApi::of({5}, false)};
  const auto printed = until("\"seq\":5", {"events", "--json", "--after", "3", "--node", "node1"});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(printed.out, event_json(5).dump() + "\n");
  EXPECT_EQ(node().afters, (std::vector<std::string>{"3", "4"})) << "an id counts without an event, too";
}

TEST_F(EventCommands, ComeAgainWhileANodeIsBusyOnly) {
  node().streams = {StreamApi::of({5}, true), problem(503, "stopping"), problem(401, "signature_invalid")};
  const auto printed = shell({"events"});
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_NE(printed.err.find("signature_invalid"), std::string::npos) << printed.err;
  EXPECT_EQ(node().afters, (std::vector<std::string>{"now", "5", "5"}));
}

TEST_F(EventCommands, SayWhyThereAreNone) {
  EXPECT_EQ(shell({"events"}).exit, Exit::denied);
  node().afters.clear();
  node().streams = {problem(429, "too_many_streams")};
  EXPECT_EQ(shell({"events"}).exit, Exit::failed) << "not even the first time";
  node().afters.clear();
  node().streams = {StreamApi::Stream([](http::Outflow& out) { out.add("<html>\r\n"); })};
  EXPECT_EQ(shell({"events"}).exit, Exit::failed);
  servers.clear();
  const auto unreachable = shell({"events", "--node", "node2"});
  EXPECT_EQ(unreachable.exit, Exit::failed);
  EXPECT_NE(unreachable.err.find("does not answer"), std::string::npos) << unreachable.err;
  EXPECT_EQ(shell({"events", "--after", "x"}).exit, Exit::usage);
}

}  // namespace
}  // namespace quorate::cli

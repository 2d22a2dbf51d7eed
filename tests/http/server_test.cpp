// Round trips over TLS on the loopback, and what a hostile client can send through a socket.
#include "http/server.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <condition_variable>
#include <thread>

#include "http/client.h"
#include "served.h"
#include "wire.h"

namespace quorate::http {
namespace {

using std::chrono::steady_clock;

class ServerTest : public Served {
 protected:
  HttpConfig config() const override {
    HttpConfig c = Served::config();
    c.threads = 16;
    c.metrics_port = 0;
    c.request_total = Millis(5'000);
    c.idle = Millis(5'000);
    return c;
  }
  ClientConfig trusting(std::vector<Digest> pins, std::string_view ca = "", const std::string& host = "127.0.0.1") {
    ClientConfig c;
    c.base_url = "https://" + host + ":" + std::to_string(server->port());
    c.pins = std::move(pins);
    c.ca_pem = ca;
    c.user = "alice";
    c.cluster_id = kCluster;
    c.connect_timeout = Millis(3'000);
    c.call_timeout = Millis(10'000);
    return c;
  }
  Client client() { return Client(trusting({pin(kTestPin)}), alice(), clock, rng); }
  std::string signed_get(const std::string& target = "/v1/keys") {
    const SignedRequest r =
        signed_by(alice(), {"GET", target, "", "", "", "alice", kCluster, unix_seconds(clock.wall()), {}});
    return write_request("GET", target, "localhost", headers_of(r), {});
  }

  std::string signed_post() {
    const SignedRequest r =
        signed_by(alice(), {"POST", "/v1/keys", kCreateKey, "", "", "alice", kCluster, unix_seconds(clock.wall()), {}});
    auto fields = headers_of(r);
    fields.emplace_back("Content-Type", "application/json");
    return write_request("POST", "/v1/keys", "localhost", fields, view_of(kCreateKey));
  }
};

TEST_F(ServerTest, RoundTrips) {
  start();
  Client c = client();
  EXPECT_EQ(c.get("/v1/keys").body["items"][0]["name"], "hot-1");
  const ClientReply made = c.post("/v1/keys", Json::parse(kCreateKey), 3);
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(api.last_wait, Millis(3'000));
  EXPECT_EQ(made.body["id"], api.last_request_id);
  const ClientReply accepted = c.call({"POST", "/v1/keys/hot-1/signatures", R"({"payload":{}})", "idem-1", "", {}});
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(accepted.header("location"), "/v1/requests/" + api.last_request_id);
  EXPECT_EQ(accepted.header("Cache-Control"), "no-store");
  EXPECT_EQ(c.get("/v1/nothing").status, 404);
  EXPECT_EQ(c.get("/v1/nothing").header("content-type"), "application/problem+json");
  EXPECT_EQ(c.get_unsigned("/healthz").body["status"], "ok");
  EXPECT_EQ(c.get_unsigned("/openapi.json").body["openapi"], "3.1.0");
  EXPECT_EQ(c.get_unsigned("/v1/keys").status, 401);
}

TEST_F(ServerTest, CallsRunSideBySide) {
  start();
  std::mutex mutex;
  std::condition_variable together;
  int waiting = 0;
  api.hook = [&](const Call&) {
    std::unique_lock lock(mutex);
    ++waiting;
    together.notify_all();
    together.wait_for(lock, std::chrono::seconds(10), [&] { return waiting == 8; });
  };
  std::vector<std::thread> threads;
  std::atomic<int> ok{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      Client c = client();
      if (c.get("/v1/keys").status == 200 && waiting == 8) ++ok;
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(ok, 8);
}

TEST_F(ServerTest, OverTheQueueIs503) {
  HttpConfig c = config();
  c.queue = 1;
  start(std::move(c));
  std::atomic<bool> release{false};
  std::atomic<int> inside{0};
  api.hook = [&](const Call&) {
    ++inside;
    while (!release) std::this_thread::sleep_for(Millis(5));
  };
  std::vector<std::unique_ptr<Wire>> busy;
  for (int i = 0; i < 16; ++i) {
    busy.push_back(std::make_unique<Wire>(server->port()));
    busy.back()->send(signed_get());
  }
  while (inside < 16) std::this_thread::sleep_for(Millis(5));
  busy.push_back(std::make_unique<Wire>(server->port()));  // this one waits in the queue
  busy.back()->send(signed_get());
  std::this_thread::sleep_for(Millis(100));
  Wire over(server->port());
  over.send(signed_get());
  const auto answer = over.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(value_of(answer->fields, "retry-after"), "1");
  release = true;
  for (auto& wire : busy) EXPECT_EQ(wire->answer()->status, 200);
}

TEST_F(ServerTest, HealthNeedsNoThread) {
  HttpConfig c = config();
  c.queue = 1;
  start(std::move(c));
  std::atomic<bool> release{false};
  std::atomic<int> inside{0};
  api.hook = [&](const Call&) {
    ++inside;
    while (!release) std::this_thread::sleep_for(Millis(5));
  };
  std::vector<std::unique_ptr<Wire>> busy;
  for (int i = 0; i < 17; ++i) {  // the last one waits in the queue
    busy.push_back(std::make_unique<Wire>(server->port()));
    busy.back()->send(signed_get());
    if (i == 15)
      while (inside < 16) std::this_thread::sleep_for(Millis(5));
  }
  Wire probe(server->port());
  for (int i = 0; i < 3; ++i) {
    probe.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = probe.answer();
    EXPECT_TRUE(answer && answer->status == 200) << i;
  }
  probe.send("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(probe.answer()->status, 405);
  EXPECT_TRUE(probe.ended()) << "the body is not read as a request";
  release = true;
  for (auto& wire : busy) EXPECT_EQ(wire->answer()->status, 200);
}

TEST_F(ServerTest, BodiesOfStrangersAreNotRead) {  // attack 52
  start();
  for (const std::string length : {"Content-Length: 100000", "Transfer-Encoding: chunked"}) {
    Wire wire(server->port());
    wire.send("POST /v1/keys HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" + length + "\r\n\r\n");
    const auto answer = wire.answer();
    ASSERT_TRUE(answer) << length;
    EXPECT_EQ(answer->status, 401);
    EXPECT_EQ(value_of(answer->fields, "connection"), "close");
    EXPECT_TRUE(wire.ended());
  }
  Client c = client();
  const std::string large = kCreateKey + std::string(100'000, ' ');
  EXPECT_EQ(c.call({"POST", "/v1/keys", large, "", "", {}}).status, 201);
  EXPECT_EQ(api.calls, 1);
}

TEST_F(ServerTest, DescriptorsAreLeftForTheRest) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = limits::kReservedFiles + 40;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  start();
  setrlimit(RLIMIT_NOFILE, &before);
  std::vector<Socket> all;
  for (int i = 0; i < 60; ++i) all.push_back(connect_to("127.0.0.1", server->port(), Millis(1'000)));
  const auto ended = [&] {
    return std::count_if(all.begin(), all.end(), [](const Socket& s) { return wait_for(s, false, Millis(0)); });
  };
  for (int i = 0; i < 300 && ended() < 20; ++i) std::this_thread::sleep_for(Millis(10));
  EXPECT_EQ(ended(), 20);
}

TEST_F(ServerTest, APinOrTheCaDecidesWhoIsTalkedTo) {  // attack 49
  start();
  const auto status = [&](const ClientConfig& c) {
    try {
      return Client(c, alice(), clock, rng).get("/v1/keys").status;
    } catch (const ClientError&) {
      return 0;
    }
  };
  EXPECT_EQ(status(trusting({pin(kTestPin)})), 200);
  EXPECT_EQ(status(trusting({pin(kElsewherePin), pin(kTestPin)})), 200);
  EXPECT_EQ(status(trusting({pin(kElsewherePin)})), 0);
  EXPECT_EQ(status(trusting({pin(kElsewherePin)}, kTestCa)), 0) << "pins go before the CA";
  EXPECT_EQ(status(trusting({}, kTestCa)), 200) << "an IP literal of the certificate";
  EXPECT_EQ(status(trusting({}, kTestCa, "localhost")), 200);
  EXPECT_EQ(status(trusting({}, kElsewhereCertificate)), 0) << "another root";
  EXPECT_EQ(status(trusting({})), 0) << "nothing to trust";
  EXPECT_EQ(status(trusting({}, "junk")), 0);
  EXPECT_EQ(api.calls, 4);

  HttpConfig elsewhere = config();
  elsewhere.certificate_pem = kElsewhereCertificate;
  elsewhere.key_pem = secret_bytes(view_of(kElsewhereKey));
  server->stop();
  start(std::move(elsewhere));
  EXPECT_EQ(status(trusting({}, kTestCa)), 0) << "the same CA for another IP address";
  EXPECT_EQ(status(trusting({}, kTestCa, "localhost")), 0) << "the same CA for another name";
  EXPECT_EQ(status(trusting({pin(kTestPin)})), 0);
  EXPECT_EQ(status(trusting({pin(kElsewherePin)})), 200);
}

TEST_F(ServerTest, RefusesBadSettings) {
  HttpConfig c = config();
  c.key_pem = secret_bytes(view_of(kElsewhereKey));
  EXPECT_THROW(HttpServer(std::move(c), api, clock, rng), std::runtime_error);
  c = config();
  c.certificate_pem = "junk";
  EXPECT_THROW(HttpServer(std::move(c), api, clock, rng), std::runtime_error);
  c = config();
  c.threads = limits::kMinHttpThreads - 1;
  EXPECT_THROW(HttpServer(std::move(c), api, clock, rng), std::runtime_error);
  start();
  c = config();
  c.port = server->port();
  HttpServer second(std::move(c), api, clock, rng);
  try {
    second.start();
    ADD_FAILURE() << "two servers on one port";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("127.0.0.1:" + std::to_string(server->port())), std::string::npos);
  }
  for (const std::string url :
       {"http://x", "https://", "https://x:0", "https://x:65536", "https://x:1x", "https://u@x", "https://x/y"}) {
    ClientConfig bad = trusting({pin(kTestPin)});
    bad.base_url = url;
    EXPECT_THROW(Client(bad, alice(), clock, rng), ClientError) << url;
  }
}

TEST_F(ServerTest, AHundredPipelinedRequestsAreAnsweredInOrder) {
  start();
  Wire wire(server->port());
  std::string all;
  for (int i = 0; i < 100; ++i) all += signed_get(i % 2 == 0 ? "/v1/node" : "/v1/policy");
  ASSERT_TRUE(wire.send(all));
  for (int i = 0; i < 100; ++i) {
    const auto answer = wire.answer();
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(Json::parse(answer->body).contains(i % 2 == 0 ? "id" : "version"), true) << i;
  }
}

TEST_F(ServerTest, DoubtfulFramingIsAnsweredAndTheConnectionClosed) {  // attack 53
  start();
  const std::string head = "POST /v1/keys HTTP/1.1\r\nHost: x\r\n";
  const std::pair<std::string, int> cases[] = {
      {head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400},
      {head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {head + "Content-Length: 300000\r\n\r\n" + std::string(300'000, ' '), 413},
      {"GET /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 400},
      {"GET /v1/keys HTTP/1.1\r\nHost: x\r\nA: " + std::string(10'000, 'a') + "\r\n\r\n", 431},
      {"\x16\x03\x01 nonsense\n", 400},
  };
  for (const auto& [bytes, status] : cases) {
    Wire wire(server->port());
    wire.send(bytes + signed_get());  // what follows must not be read as a request
    const auto answer = wire.answer();
    ASSERT_TRUE(answer) << bytes.substr(0, 100);
    EXPECT_EQ(answer->status, status);
    EXPECT_EQ(value_of(answer->fields, "connection"), "close");
    EXPECT_EQ(value_of(answer->fields, "content-type"), "application/problem+json");
    EXPECT_FALSE(wire.answer());
  }
  EXPECT_EQ(api.calls, 0);
}

TEST_F(ServerTest, SlowClientsHoldNoThreadAndAreEnded) {  // attack 52
  HttpConfig short_total = config();
  short_total.request_total = Millis(3'000);
  start(std::move(short_total));
  std::vector<std::unique_ptr<Wire>> slow;
  for (int i = 0; i < 40; ++i) {  // more than there are threads
    slow.push_back(std::make_unique<Wire>(server->port()));
    slow.back()->send("GET /v1/keys HTTP/1.1\r\nHost: x\r\nA: ");
  }
  const auto begin = steady_clock::now();
  EXPECT_EQ(client().get("/v1/keys").status, 200);
  EXPECT_LT(steady_clock::now() - begin, Millis(2'500)) << "waited for the slow ones";
  // A byte now and then does not buy time: the deadline is for the request as a whole.
  const auto dripped = steady_clock::now();
  int sent = 0;
  while (steady_clock::now() - dripped < Millis(3'500)) {
    slow[0]->send("a");
    ++sent;
    std::this_thread::sleep_for(Millis(50));
  }
  EXPECT_GT(sent, 10);
  for (auto& wire : slow) {
    const auto answer = wire->answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 408);
    EXPECT_TRUE(wire->ended());
  }
}

TEST_F(ServerTest, SilentConnectionsAreEnded) {
  HttpConfig short_idle = config();
  short_idle.idle = Millis(300);
  short_idle.request_total = Millis(2'000);
  start(std::move(short_idle));
  Wire idle(server->port());
  const Socket no_handshake = connect_to("127.0.0.1", server->port(), Millis(1'000));
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(wait_for(no_handshake, false, Millis(4'000)));  // readable: its end
}

TEST_F(ServerTest, AKeptConnectionThatEndedIsOpenedAgain) {
  HttpConfig short_idle = config();
  short_idle.idle = Millis(300);
  start(std::move(short_idle));
  Client c = client();
  EXPECT_EQ(c.get("/v1/keys").status, 200);
  std::this_thread::sleep_for(Millis(600));  // the server ends it meanwhile
  EXPECT_EQ(c.get("/v1/keys").status, 200);
  EXPECT_EQ(c.post("/v1/keys", Json::parse(kCreateKey)).status, 201);
}

TEST_F(ServerTest, RequestsPerConnectionAreBounded) {
  HttpConfig c = config();
  c.requests_per_connection = 3;
  start(std::move(c));
  Wire wire(server->port());
  for (int i = 0; i < 3; ++i) {
    wire.send(signed_get());
    EXPECT_EQ(value_of(wire.answer()->fields, "connection"), i == 2 ? "close" : "");
  }
  EXPECT_TRUE(wire.ended());
  Client kept = client();
  for (int i = 0; i < 7; ++i) EXPECT_EQ(kept.get("/v1/keys").status, 200);
}

TEST_F(ServerTest, ContinueAndHeadAndClose) {
  start();
  Wire wire(server->port());
  wire.send(
      "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /v1/keys HTTP/1.1\r\nHost: x\r\nExpect: "
      "100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(wait_for(wire.socket(), false, Millis(2'000)));
  std::this_thread::sleep_for(Millis(100));
  wire.send("{}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  // HEAD's answer has a length and no body, so the next line follows at once.
  std::string raw;
  for (auto more = wire.raw(); !more.empty(); more = wire.raw()) raw += more;
  EXPECT_EQ(raw.find("HTTP/1.1 200 OK"), 0u);
  const auto next = raw.find("\r\n\r\n") + 4;
  EXPECT_EQ(raw.substr(next, 25), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(raw.substr(next + 25, 12), "HTTP/1.1 401");
  const auto last = raw.rfind("HTTP/1.1 200 OK");
  EXPECT_GT(last, next);
  EXPECT_NE(raw.find("Connection: close", last), std::string::npos);
}

TEST_F(ServerTest, StopWaitsForRunningCallsAndAnswersThem) {
  start();
  std::atomic<bool> inside{false};
  api.hook = [&](const Call&) {
    inside = true;
    std::this_thread::sleep_for(Millis(300));
  };
  Wire wire(server->port());
  wire.send(signed_get());
  while (!inside) std::this_thread::sleep_for(Millis(5));
  const std::uint16_t port = server->port();
  std::thread stopper([&] { server->stop(); });
  const auto answer = wire.answer();
  stopper.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_FALSE(connect_to("127.0.0.1", port, Millis(500)));
}

// Of an Api that answers when the test says so.
struct Waiting {
  std::mutex mutex;
  std::vector<Respond> calls;
  std::atomic<int> gone{0};
  Answered operator()(const Call& call) {
    if (call.route != Route::create_key) return Reply{200, {{"id", "node1"}}, {}};
    const std::lock_guard lock(mutex);
    calls.push_back(call.respond);
    return Later{[this] { ++gone; }};
  }
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return calls.size();
  }
  void until(std::size_t n) {
    while (size() < n) std::this_thread::sleep_for(Millis(2));
  }
  void answer() {
    std::vector<Respond> all;
    {
      const std::lock_guard lock(mutex);
      all.swap(calls);
    }
    for (const Respond& respond : all) respond([] { return Reply{201, {{"id", "req_1"}}, {}}; });
  }
};

TEST_F(ServerTest, CallsThatWaitHoldNoThread) {
  HttpConfig c = config();
  c.threads = limits::kMinHttpThreads;
  start(std::move(c));
  Waiting waiting;
  api.later = [&](const Call& call) { return waiting(call); };
  std::vector<std::unique_ptr<Wire>> wires;
  for (int i = 0; i < 180; ++i) {
    wires.push_back(std::make_unique<Wire>(server->port()));
    wires.back()->send(signed_post());
  }
  waiting.until(180);
  EXPECT_EQ(client().get("/v1/node").status, 200);
  std::thread other([&] { waiting.answer(); });
  for (auto& wire : wires) {
    const auto answer = wire->answer();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 201);
  }
  other.join();
  EXPECT_EQ(waiting.gone, 0);
  wires[0]->send(signed_get("/v1/node"));  // the connection is kept
  EXPECT_EQ(wires[0]->answer()->status, 200);
}

TEST_F(ServerTest, AClientThatLeavesWhileItWaitsIsForgotten) {
  start();
  Waiting waiting;
  api.later = [&](const Call& call) { return waiting(call); };
  for (int i = 0; i < 10; ++i) {
    Wire wire(server->port());
    wire.send(signed_post());
    waiting.until(static_cast<std::size_t>(i) + 1);
  }
  while (waiting.gone < 10) std::this_thread::sleep_for(Millis(2));
  waiting.answer();
  EXPECT_EQ(client().get("/v1/node").status, 200);
  EXPECT_EQ(waiting.gone, 10);
}

TEST_F(ServerTest, ACallThatTheApiLosesIsAnswered) {
  start();
  api.later = [](const Call&) -> Answered { return Later{}; };
  EXPECT_EQ(client().post("/v1/keys", Json::parse(kCreateKey)).status, 500);
  // Given before the call itself has returned; only the first one counts.
  api.later = [](const Call& call) -> Answered {
    for (const int status : {201, 200}) call.respond([status] { return Reply{status, Json::object(), {}}; });
    return Later{};
  };
  Client c = client();
  for (int i = 0; i < 20; ++i) {
    const int status = c.post("/v1/keys", Json::parse(kCreateKey)).status;
    EXPECT_TRUE(status == 201 || status == 200) << status;
  }
}

TEST_F(ServerTest, StopAnswersWhatStillWaits) {
  start();
  Waiting waiting;
  api.later = [&](const Call& call) { return waiting(call); };
  Wire wire(server->port());
  wire.send(signed_post());
  waiting.until(1);
  std::thread stopper([&] { server->stop(); });
  const auto answer = wire.answer();
  stopper.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(value_of(answer->fields, "retry-after"), "1");
  EXPECT_EQ(Json::parse(answer->body)["code"], "stopping");
  EXPECT_EQ(waiting.gone, 1);
  waiting.answer();  // too late, and harmless also when the server is gone
  server.reset();
  const Respond none = [&] {
    Respond kept;
    start();
    api.later = [&](const Call& call) -> Answered {
      kept = call.respond;
      return Later{};
    };
    std::thread asks([&] {
      Wire late(server->port());
      late.send(signed_post());
      EXPECT_EQ(late.answer()->status, 503);
    });
    while (api.calls < 2) std::this_thread::sleep_for(Millis(2));
    std::this_thread::sleep_for(Millis(50));
    server->stop();
    asks.join();
    server.reset();
    return kept;
  }();
  ASSERT_TRUE(none);
  none([] { return Reply{201, Json::object(), {}}; });
}

// What an Api answers before the server stops is sent.
TEST_F(ServerTest, AnswersOfTheLastMomentAreSent) {
  start();
  Waiting waiting;
  api.later = [&](const Call& call) { return waiting(call); };
  std::vector<std::unique_ptr<Wire>> wires;
  for (int i = 0; i < 20; ++i) {
    wires.push_back(std::make_unique<Wire>(server->port()));
    wires.back()->send(signed_post());
  }
  waiting.until(20);
  waiting.answer();
  server->stop();
  for (auto& wire : wires) EXPECT_EQ(wire->answer()->status, 201);
}

// Whatever becomes of the node, its client hears something.
TEST_F(ServerTest, ACallWithoutAnAnswerEnds) {
  HttpConfig c = config();
  c.call_total = Millis(300);
  start(std::move(c));
  Waiting waiting;
  api.later = [&](const Call& call) { return waiting(call); };
  Wire wire(server->port());
  wire.send(signed_post());
  waiting.until(1);
  const auto answer = wire.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_NE(answer->body.find("no_answer"), std::string::npos);
  EXPECT_EQ(waiting.gone, 1);
  waiting.answer();  // too late
  EXPECT_EQ(client().get("/v1/node").status, 200);
}

TEST_F(ServerTest, ClientsThatLeaveDuringACallDoNoHarm) {
  start();
  api.hook = [](const Call&) { std::this_thread::sleep_for(Millis(50)); };
  for (int i = 0; i < 20; ++i) {
    Wire wire(server->port());
    wire.send(signed_get());
  }
  std::this_thread::sleep_for(Millis(300));
  EXPECT_EQ(client().get("/v1/keys").status, 200);
}

TEST_F(ServerTest, MetricsHaveAListenerOfTheirOwn) {
  start();
  ASSERT_NE(server->metrics_port(), 0);
  Wire metrics(server->metrics_port(), false);
  metrics.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto page = metrics.answer();
  ASSERT_TRUE(page);
  EXPECT_EQ(page->body, "quorate_up 1\n");
  metrics.send("GET /v1/keys HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(metrics.answer()->status, 404);
  Wire brief(server->metrics_port(), false);
  brief.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  brief.send_no_more();
  const auto last = brief.answer();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->body, "quorate_up 1\n");
  EXPECT_EQ(client().get_unsigned("/metrics").status, 404);
}

}  // namespace
}  // namespace quorate::http

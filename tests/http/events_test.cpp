// Answers that go on: their framing, bounds and ends, through real sockets.
#include <gtest/gtest.h>

#include <thread>

#include "http/admission.h"
#include "http/client.h"
#include "streaming.h"

namespace quorate::http {
namespace {

class EventsTest : public Streaming {};

TEST_F(EventsTest, ComeAsTheyHappen) {
  start();
  const auto c = listen(ask());
  ASSERT_EQ(c->read(1), 1u) << "before there is a second one";
  const HttpResponse& head = c->reader.response();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(value_of(head.fields, "content-type"), "text/event-stream");
  EXPECT_EQ(value_of(head.fields, "transfer-encoding"), "chunked");
  EXPECT_EQ(value_of(head.fields, "connection"), "close");
  EXPECT_EQ(value_of(head.fields, "cache-control"), "no-store");
  for (int i = 2; i <= 4; ++i) {
    EXPECT_TRUE(flow()->add(example_event(i)));
    ASSERT_EQ(c->read(static_cast<std::size_t>(i)), static_cast<std::size_t>(i));
    EXPECT_EQ(Json::parse(c->events.back().data)["seq"], i);
    EXPECT_EQ(c->parser.last_id(), std::to_string(i));
  }
  flow()->add(example_event(5));
  flow()->end();
  EXPECT_FALSE(flow()->add(example_event(6)));
  EXPECT_TRUE(c->ends_well());
  EXPECT_EQ(c->events.size(), 5u) << "what was said before the end comes before it";
}

TEST_F(EventsTest, GoOnBehindTheLastOne) {
  start();
  EXPECT_EQ(listen(ask())->status(), 200);
  EXPECT_EQ(after(), "none");
  EXPECT_EQ(listen(ask("/v1/events?after=3"))->status(), 200);
  EXPECT_EQ(after(), "3");
  EXPECT_EQ(listen(ask("/v1/events?after=3", {{"Last-Event-ID", "9"}}))->status(), 200);
  EXPECT_EQ(after(), "9") << "where an EventSource has come to since";
  for (const Fields& bad : {Fields{{"Last-Event-ID", "x"}},
                            {{"Last-Event-ID", ""}},
                            {{"Last-Event-ID", "-1"}},
                            {{"Last-Event-ID", "1"}, {"Last-Event-ID", "2"}}}) {
    const auto c = listen(ask("/v1/events", bad));
    EXPECT_EQ(c->status(), 400);
    EXPECT_EQ(c->code(), "bad_last_event_id");
  }
  EXPECT_EQ(listen(ask("/v1/events", {}, "alice", "HEAD"))->wire.raw().substr(0, 12), "HTTP/1.1 405");
}

TEST_F(EventsTest, OfAUserAreBounded) {
  start();
  std::vector<std::unique_ptr<Listening>> all;
  for (std::size_t i = 0; i < kMaxStreamsPerUser; ++i) {
    all.push_back(listen(ask()));
    ASSERT_EQ(all.back()->status(), 200);
  }
  const auto refused = listen(ask());
  EXPECT_EQ(refused->status(), 429);
  EXPECT_EQ(refused->code(), "too_many_streams");
  EXPECT_EQ(value_of(refused->reader.response().fields, "retry-after"), "5");
  EXPECT_EQ(listen(ask("/v1/keys"))->status(), 200) << "it takes no call's place";
  EXPECT_EQ(listen(ask("/v1/events", {}, "bob"))->status(), 200);
  all.pop_back();  // its client leaves
  EXPECT_TRUE(eventually([&] { return flow(kMaxStreamsPerUser - 1)->over(); }));
  EXPECT_EQ(listen(ask())->status(), 200);
  flow(0)->end();
  EXPECT_TRUE(all[0]->ends_well());
  all.push_back(listen(ask()));
  EXPECT_EQ(all.back()->status(), 200) << "who has read the end may come again at once";
}

TEST_F(EventsTest, LeaveConnectionsFree) {
  HttpConfig c = config();
  c.per_loopback = 16;
  start(std::move(c));
  const auto a = listen(ask());
  EXPECT_EQ(a->status(), 200);
  EXPECT_EQ(listen(ask())->status(), 503) << "one is somebody else's";
  const auto b = listen(ask("/v1/events", {}, "bob"));
  EXPECT_EQ(b->status(), 200);
  const auto refused = listen(ask());
  EXPECT_EQ(refused->status(), 503);
  EXPECT_EQ(refused->code(), "busy");
  EXPECT_EQ(value_of(refused->reader.response().fields, "retry-after"), "5");
}

TEST(Streams, TakeNoPlaceOfACall) {
  Admission admission({1, 2, 2, 1});
  using Place = std::shared_ptr<Admission::Place>;
  const auto enter = [&](const std::string& user, Lasts lasts) {
    auto entered = admission.enter(user, lasts);
    const auto* problem = std::get_if<Problem>(&entered);
    return std::pair(problem == nullptr ? std::get<Place>(entered) : nullptr, problem == nullptr ? 0 : problem->status);
  };
  const auto stream = enter("a", Lasts::long_after);
  ASSERT_TRUE(stream.first);
  EXPECT_EQ(enter("a", Lasts::long_after).second, 429);
  auto waits = enter("a", Lasts::until_an_event);
  EXPECT_TRUE(waits.first);
  EXPECT_EQ(enter("a", Lasts::shortly).second, 429);
  auto second = enter("b", Lasts::long_after);
  EXPECT_TRUE(second.first);
  EXPECT_EQ(enter("c", Lasts::long_after).second, 503);
  EXPECT_TRUE(enter("c", Lasts::until_an_event).first);
  waits.first.reset();
  EXPECT_EQ(enter("a", Lasts::long_after).second, 429) << "its stream is still open";
  second.first.reset();
  EXPECT_TRUE(enter("c", Lasts::long_after).first);
}

TEST_F(EventsTest, EndWithTheNode) {
  start();
  const auto c = listen(ask());
  ASSERT_EQ(c->status(), 200);
  const auto began = std::chrono::steady_clock::now();
  std::thread stopping([&] { server->stop(); });
  EXPECT_TRUE(c->ends_well()) << "so that its client knows that it has everything so far";
  stopping.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, Seconds(5));
  EXPECT_TRUE(flow()->over());
  EXPECT_FALSE(flow()->go_on([] {}));
}

TEST_F(EventsTest, LiveForALimitedTime) {
  HttpConfig c = config();
  c.flow_life = Millis(2'500);
  c.call_total = c.request_total = Millis(1'000);  // neither ends them
  start(std::move(c));
  const auto began = std::chrono::steady_clock::now();
  const auto client = listen(ask());
  ASSERT_EQ(client->status(), 200);
  std::this_thread::sleep_for(Millis(1'500));
  EXPECT_TRUE(flow()->add(example_event(2)));
  EXPECT_TRUE(client->ends_well());
  EXPECT_EQ(client->events.size(), 2u);
  EXPECT_GE(std::chrono::steady_clock::now() - began, Millis(2'500));
  EXPECT_TRUE(flow()->over());
}

TEST_F(EventsTest, OfAClientThatLeavesAreForgotten) {
  start();
  auto c = listen(ask());
  ASSERT_EQ(c->status(), 200);
  c.reset();
  EXPECT_TRUE(eventually([&] { return flow()->over(); }));
}

TEST_F(EventsTest, AClientOfOursListens) {
  start();
  ClientConfig to;
  to.base_url = "https://127.0.0.1:" + std::to_string(server->port());
  to.pins = {pin(kTestPin)};
  to.user = "alice";
  to.cluster_id = kCluster;
  Client client(to, alice(), clock, rng);
  EventReader parser;
  std::vector<ServerEvent> events;
  const auto until = [&](std::size_t n) {
    return client.listen("/v1/events", parser.last_id(), [&, n](std::string_view bytes) {
      EXPECT_TRUE(parser.feed(bytes, events));
      return events.size() < n;
    });
  };
  EXPECT_FALSE(until(1));
  EXPECT_EQ(after(), "none");
  EXPECT_FALSE(until(2));
  EXPECT_EQ(after(), "1");
  api.later = [](const Call&) -> Answered { return Problem{409, "after_the_end", "", "x", {}, {}, {}}; };
  const auto refused = until(3);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 409);
  EXPECT_EQ(refused->body["code"], "after_the_end");
  server->stop();
  EXPECT_THROW(until(3), ClientError);
}

TEST(EventReader, ReadsLines) {
  EventReader reader;
  std::vector<ServerEvent> events;
  EXPECT_TRUE(reader.feed(": hello\nretry: 5\nid: 7\n\nid: 8\nevent: a\nda", events));
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(reader.last_id(), "7");
  EXPECT_TRUE(reader.feed("ta:{}\n", events));
  EXPECT_EQ(reader.last_id(), "7") << "not before it is whole";
  reader.restart();
  EXPECT_TRUE(reader.feed("id: 8\nevent: b\ndata: {\"x\":1}\n\n:\n\n", events));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind, "b");
  EXPECT_EQ(events[0].data, "{\"x\":1}");
  EXPECT_EQ(reader.last_id(), "8");
  EXPECT_FALSE(EventReader().feed("data: 1\ndata: 2\n", events));
  EXPECT_FALSE(EventReader().feed("<html>\r\n", events));
}

TEST(Chunks, AreWhatAReaderReads) {
  ResponseReader reader(1 << 20);
  const std::string large(70'000, 'x');
  const std::string bytes =
      write_chunked_head({200, {}, {}}) + write_chunk("a") + write_chunk(large) + std::string(kLastChunk);
  ASSERT_TRUE(reader.feed(view_of(bytes)));
  EXPECT_TRUE(reader.complete() && reader.close());
  EXPECT_EQ(reader.response().body, "a" + large);
}

}  // namespace
}  // namespace quorate::http

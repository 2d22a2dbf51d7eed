// Streams of events from a server, and clients that read them.
#pragma once
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/event_reader.h"
#include "served.h"
#include "wire.h"

namespace quorate::http {

inline constexpr Millis kSoon{10'000};

inline bool eventually(const std::function<bool()>& is) {
  for (Millis waited{0}; waited < kSoon; waited += Millis(10)) {
    if (is()) return true;
    std::this_thread::sleep_for(Millis(10));
  }
  return is();
}

// A client that reads its stream.
struct Listening {
  template <class Where>  // a port, or a socket that is connected to it
  Listening(Where where, const std::string& request) : wire(std::move(where)) {
    EXPECT_TRUE(wire.send(request));
  }
  // Until so many events are there, or all of the answer.
  std::size_t read(std::size_t wanted) {
    while (events.size() < wanted && !reader.complete()) {
      const std::string bytes = wire.raw();
      if (bytes.empty() || !reader.feed(view_of(bytes))) break;
      if (!reader.has_head() || reader.response().status != 200) continue;
      if (!parser.feed(reader.take_body(), events)) ADD_FAILURE() << "no events";
    }
    return events.size();
  }
  int status() {
    read(1);
    return reader.has_head() ? reader.response().status : 0;
  }
  std::string code() { return Json::parse(reader.response().body).value("code", ""); }
  bool ends_well() {
    read(SIZE_MAX);
    return reader.complete() && wire.ended();
  }

  Wire wire;
  ResponseReader reader{1 << 22};
  EventReader parser;
  std::vector<ServerEvent> events;
};

class Streaming : public Served {
 protected:
  std::string ask(const std::string& target = "/v1/events", const Fields& more = {}, const std::string& user = "alice",
                  const std::string& method = "GET") {
    const SignedRequest r = signed_by(key_from(user == "alice" ? 1 : 2),
                                      {method, target, "", "", "", user, kCluster, unix_seconds(clock.wall()), {}});
    auto fields = headers_of(r);
    fields.insert(fields.end(), more.begin(), more.end());
    return write_request(method, target, "localhost", fields, {});
  }
  std::unique_ptr<Listening> listen(const std::string& request) {
    return std::make_unique<Listening>(server->port(), request);
  }
  std::shared_ptr<Outflow> flow(std::size_t i = 0) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(api.mutex);
      return api.flows.size() > i;
    }));
    const std::lock_guard lock(api.mutex);
    return api.flows.at(i);
  }
  std::string after() {
    const std::lock_guard lock(api.mutex);
    const auto it = api.last_query.find("after");
    return it == api.last_query.end() ? "none" : it->second;
  }
};

}  // namespace quorate::http

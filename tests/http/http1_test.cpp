#include "http/http1.h"

#include <gtest/gtest.h>

#include "http/router.h"

namespace quorate::http {
namespace {

// Feeds in pieces of `step` bytes; the result must not depend on them.
struct Read {
  std::vector<HttpRequest> requests;
  int refused = 0;
  std::string code;
};
Read read_in(std::string_view text, std::size_t step) {
  Read out;
  RequestReader reader;
  while (!text.empty()) {
    const std::size_t used = reader.feed(view_of(text.substr(0, step)));
    text.remove_prefix(used);
    if (reader.refused()) {
      out.refused = reader.refused()->status;
      out.code = reader.refused()->code;
      return out;
    }
    if (reader.complete()) out.requests.push_back(reader.take());
  }
  return out;
}
Read read(std::string_view text) {
  const Read one = read_in(text, 1), all = read_in(text, text.size()), seven = read_in(text, 7);
  EXPECT_EQ(one.refused, all.refused);
  EXPECT_EQ(one.requests.size(), all.requests.size());
  EXPECT_EQ(seven.refused, all.refused);
  return all;
}
const std::string kGet = "GET /v1/keys HTTP/1.1\r\nHost: x\r\n";
const std::string kPost = "POST /v1/keys HTTP/1.1\r\nHost: x\r\n";

TEST(Http1, AHeadIsShownOnceWithTheLengthOfItsBody) {
  const auto announced = [](const std::string& fields) {
    RequestReader reader;
    reader.feed(view_of("POST / HTTP/1.1\r\nHost: x\r\n"));
    EXPECT_EQ(reader.new_head(), nullptr);
    reader.feed(view_of(fields + "\r\n"));
    const HttpRequest* head = reader.new_head();
    EXPECT_TRUE(head != nullptr && head->method == "POST" && head->fields.size() > 0);
    EXPECT_EQ(reader.new_head(), nullptr);
    return reader.announced();
  };
  EXPECT_EQ(announced("Content-Length: 70000\r\n"), 70'000U);
  EXPECT_EQ(announced("Content-Length: 0\r\n"), 0U);
  EXPECT_EQ(announced("Transfer-Encoding: chunked\r\n"), limits::kMaxBody);
  EXPECT_EQ(announced(""), 0U);
}

TEST(Http1, ReadsRequestsOneAfterTheOther) {
  const Read r = read(kGet + "A-b:  c d \r\n\r\n" + kPost + "Content-Length: 3\r\n\r\nabc" + kPost +
                      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n" + kGet +
                      "Connection: close\r\n\r\n");
  ASSERT_EQ(r.requests.size(), 4u);
  EXPECT_EQ(value_of(r.requests[0].fields, "a-b"), "c d");
  EXPECT_EQ(text_of(r.requests[1].body), "abc");
  EXPECT_EQ(text_of(r.requests[2].body), "abc0123456789");
  EXPECT_FALSE(r.requests[2].close);
  EXPECT_TRUE(r.requests[3].close);
}

// security.md 53
TEST(Http1, RefusesEveryDoubtfulFraming) {  // attack 53
  const std::pair<std::string, int> cases[] = {
      {kPost + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {kPost + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {kPost + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {kPost + "Content-Length: +3\r\n\r\nabc", 400},
      {kPost + "Content-Length: -1\r\n\r\n", 400},
      {kPost + "Content-Length: 0x3\r\n\r\nabc", 400},
      {kPost + "Content-Length: \r\n\r\n", 400},
      {kPost + "Content-Length: 18446744073709551619\r\n\r\nabc", 400},
      {kPost + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {kPost + "Transfer-Encoding: identity\r\n\r\n", 501},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n000000000\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400},
      {kPost + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n", 413},
      {kPost + "Content-Length: 262145\r\n\r\n", 413},
      {kGet + "Content-Length: 1\r\n\r\na", 400},
      {kGet + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"GET /v1/keys HTTP/1.1\r\n\r\n", 400},
      {kGet + "Host: y\r\n\r\n", 400},
      {kGet + " folded: x\r\n\r\n", 400},
      {kGet + "A: b\r\n c\r\n\r\n", 400},
      {kGet + "A : b\r\n\r\n", 400},
      {kGet + "A\r\n\r\n", 400},
      {kGet + ": b\r\n\r\n", 400},
      {kGet + "A: b\nB: c\r\n\r\n", 400},
      {kGet + "A: b\rB: c\r\n\r\n", 400},
      {kGet + std::string("A: b\0c\r\n\r\n", 10), 400},
      {"GET  /v1/keys HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /v1/keys\r\nHost: x\r\n\r\n", 400},
      {"GET /v1/keys HTTP/1.0\r\nHost: x\r\n\r\n", 505},
      {"GET /v1/keys HTTP/2.0\r\nHost: x\r\n\r\n", 505},
      {"GET http://x/v1/keys HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GE T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
      {"GET /" + std::string(2048, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 414},
      {kGet + "A: " + std::string(9000, 'a'), 431},
      {kGet + "Expect: something\r\n\r\n", 417},
  };
  for (const auto& [text, status] : cases) {
    const Read r = read(text);
    EXPECT_EQ(r.refused, status) << text;
    EXPECT_TRUE(r.requests.empty()) << text;
  }
  std::string fields = kGet;
  for (int i = 0; i < 64; ++i) fields += "a: b\r\n";
  EXPECT_EQ(read(fields + "\r\n").refused, 400);
}

TEST(Http1, BodiesUpToTheBoundAndNotAByteMore) {
  const std::string most(limits::kMaxBody, 'b');
  EXPECT_EQ(
      read_in(kPost + "Content-Length: " + std::to_string(most.size()) + "\r\n\r\n" + most, 10'000).requests.size(),
      1u);
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'b') + "\r\n";
  const std::string four = chunk + chunk + chunk + chunk;
  EXPECT_EQ(read_in(kPost + "Transfer-Encoding: chunked\r\n\r\n" + four + "0\r\n\r\n", 10'000).requests.size(), 1u);
  EXPECT_EQ(read_in(kPost + "Transfer-Encoding: chunked\r\n\r\n" + four + "1\r\nb\r\n0\r\n\r\n", 10'000).refused, 413);
}

TEST(Http1, WaitsForContinueOnce) {
  RequestReader reader;
  const std::string head = kPost + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n";
  EXPECT_EQ(reader.feed(view_of(head)), head.size());
  EXPECT_TRUE(reader.take_wants_continue());
  EXPECT_FALSE(reader.take_wants_continue());
  EXPECT_FALSE(reader.complete());
  reader.feed(view_of("x"));
  EXPECT_TRUE(reader.complete());
}

TEST(Http1, ReadsAnswers) {
  const auto read_answer = [](const std::string& text, std::size_t most = 100) {
    ResponseReader reader(most);
    return reader.feed(view_of(text)) && reader.complete() ? reader.response().body : std::string("refused");
  };
  EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "hi");
  EXPECT_EQ(read_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "hi");
  EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"), "hi");
  EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhix"), "refused");
  EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"), "refused");
  EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"), "refused");
  EXPECT_EQ(read_answer("HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "refused");
  const std::string own = write_response({404, {{"Content-Type", "text/plain"}}, "none"}, true, false);
  ResponseReader reader(100);
  EXPECT_TRUE(reader.feed(view_of(own)));
  EXPECT_TRUE(reader.complete() && reader.close());
  EXPECT_EQ(reader.response().status, 404);
  EXPECT_EQ(value_of(reader.response().fields, "cache-control"), "no-store");
}

int status_of(const std::string& method, const std::string& target) {
  const auto r = route(method, target);
  if (const auto* miss = std::get_if<NotMatched>(&r)) return miss->problem.status;
  return 200;
}

TEST(Router, FindsEveryRoute) {
  for (const RouteInfo& info : all_routes()) {
    std::string target(info.path);
    if (const auto at = target.find("{key}"); at != std::string::npos) target.replace(at, 5, "hot-1");
    if (const auto at = target.find("{node}"); at != std::string::npos) target.replace(at, 6, "node2");
    if (const auto at = target.find("{id}"); at != std::string::npos)
      target.replace(at, 4, "req_" + std::string(32, 'a'));
    if (const auto at = target.find("{recovery}"); at != std::string::npos)
      target.replace(at, 10, "rec_" + std::string(32, 'a'));
    const auto r = route(info.method, target);
    ASSERT_TRUE(std::holds_alternative<Match>(r)) << target;
    EXPECT_EQ(std::get<Match>(r).route, info.route);
    const bool says_more = info.method != "GET";
    EXPECT_EQ(takes_body(info.route), says_more);
    const bool asks_or_says = info.route == Route::inspect || info.route == Route::simulate ||
                              info.route == Route::vote || info.route == Route::cancel ||
                              info.route == Route::renew_node || info.route == Route::recover ||
                              info.route == Route::veto;
    EXPECT_EQ(is_mutation(info.route), says_more && !asks_or_says);
  }
  EXPECT_EQ(std::get<Match>(route("GET", "/v1/keys/hot%2D1")).subject, "hot-1");
  EXPECT_EQ(std::get<Match>(route("GET", "/v1/keys?limit=10&cursor=a%3D%3D")).query.at("cursor"), "a==");
}

TEST(Router, RefusesAllElse) {
  for (const std::string target :
       {"/", "/v1", "/v1/", "/v1/keys/", "/v1//keys", "/v1/keys/..", "/v1/keys/a%2Fb", "/v1/keys/%2e%2e",
        "/v1/keys/a%00", "/v1/keys/a%zz", "/v1/keys/a%", "/v1/keys/A", "/v1/%6beys", "/v2/keys", "/v1/requests/req_0",
        "/v1/requests/REQ_00000000000000000000000000000000", "//v1/keys", "/v1/recoveries/rec_0/veto",
        "/v1/recoveries/req_00000000000000000000000000000000/veto"})
    EXPECT_EQ(status_of("GET", target), 404) << target;
  EXPECT_EQ(status_of("GET", "/v1/keys/" + std::string(65, 'a')), 404);
  for (const std::string query :
       {"x=1", "limit", "limit=", "limit=0", "limit=201", "limit=1&limit=1", "limit=01", "limit=-1", "limit=1%30%",
        "cursor=", "cursor=a b", "cursor=a+b", "=", "&", "limit=1&", "state=done", "limit=99999999999999999999"})
    EXPECT_EQ(status_of("GET", "/v1/keys?" + query), 400) << query;
  EXPECT_EQ(status_of("GET", "/v1/keys?"), 200);
  EXPECT_EQ(status_of("GET", "/v1/requests?state=queued&kind=sign&key=hot-1&limit=200"), 200);
  EXPECT_EQ(status_of("GET", "/v1/requests?state=other"), 400);
  EXPECT_EQ(status_of("GET", "/v1/audit?after=0&limit=1"), 200);
  EXPECT_EQ(status_of("GET", "/v1/keys/hot/derive?path=m/0/5&network=testnet"), 200);
  EXPECT_EQ(status_of("GET", "/v1/keys/hot/derive?path=m%2F0"), 200);
  EXPECT_EQ(status_of("GET", "/v1/keys/hot/derive?path="), 400);
  EXPECT_EQ(status_of("GET", "/v1/keys/hot?network=moon"), 400);
  EXPECT_EQ(status_of("GET", "/v1/keys/hot?path=m"), 400);
  EXPECT_EQ(status_of("POST", "/v1/keys?limit=1"), 400);
}

TEST(Router, NamesTheMethodsOfAPath) {
  const auto r = route("DELETE", "/v1/keys");
  const auto& miss = std::get<NotMatched>(r);
  EXPECT_EQ(miss.problem.status, 405);
  EXPECT_EQ(miss.allow, "POST, GET");
  EXPECT_EQ(std::get<NotMatched>(route("POST", "/v1/policy")).allow, "GET, PUT");
}

}  // namespace
}  // namespace quorate::http

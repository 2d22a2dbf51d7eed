// A request's state decides the answer's status.
#include "node/api.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace quorate::node {
namespace {

using storage::RequestState;

RequestRecord record_in(RequestState state, const std::string& code = "") {
  RequestRecord r;
  r.id = "req_00112233445566778899aabbccddeeff";
  r.kind = "sign";
  r.set_state(state);
  r.code = code;
  r.reason = "because";
  return r;
}
int status_of(const RequestRecord& r) {
  const auto answer = answer_of(r);
  if (const auto* reply = std::get_if<http::Reply>(&answer)) return reply->status;
  return std::get<http::Problem>(answer).status;
}

TEST(Answer, FollowsTheState) {
  EXPECT_EQ(status_of(record_in(RequestState::succeeded)), 201);
  for (const auto open :
       {RequestState::pending_approval, RequestState::queued, RequestState::running, RequestState::scheduled})
    EXPECT_EQ(status_of(record_in(open)), 202);
  EXPECT_EQ(status_of(record_in(RequestState::denied, "denied")), 403);
  EXPECT_EQ(status_of(record_in(RequestState::rejected, "rejected")), 403);
  EXPECT_EQ(status_of(record_in(RequestState::expired, "expired")), 410);
  EXPECT_EQ(status_of(record_in(RequestState::cancelled, "cancelled")), 409);
  EXPECT_EQ(status_of(record_in(RequestState::unset)), 500);
}
TEST(Answer, AFailureFollowsItsCode) {
  const std::vector<std::pair<std::string, int>> codes{{"no_quorum", 504},
                                                       {"no_outcome", 504},
                                                       {"name_taken", 409},
                                                       {"context_mismatch", 409},
                                                       {"already_final", 409},
                                                       {"quarantined", 409},
                                                       {"nonce_replayed", 401},
                                                       {"idempotency_conflict", 409},
                                                       {"payload_unsupported", 422},
                                                       {"denied", 403},
                                                       {"window_exceeded", 403},
                                                       {"expired", 410},
                                                       {"storage", 503},
                                                       {"interrupted", 503},
                                                       {"overloaded", 503},
                                                       {"protocol_failed", 500},
                                                       {"refused", 500}};
  for (const auto& [code, status] : codes) EXPECT_EQ(status_of(record_in(RequestState::failed, code)), status) << code;
}
TEST(Answer, AProblemNamesTheRequest) {
  const auto answer = answer_of(record_in(RequestState::failed, "overloaded"));
  const auto& p = std::get<http::Problem>(answer);
  EXPECT_EQ(p.code, "overloaded");
  EXPECT_EQ(p.detail, "because");
  EXPECT_EQ(p.retry_after, 1);
  ASSERT_TRUE(p.request);
  EXPECT_EQ(p.request->id, "req_00112233445566778899aabbccddeeff");
  EXPECT_EQ(p.request->state, "failed");
}
TEST(Answer, SuccessAndWaitingSayWhereTheRequestIs) {
  for (const auto state : {RequestState::succeeded, RequestState::running}) {
    const auto answer = answer_of(record_in(state));
    const auto& reply = std::get<http::Reply>(answer);
    ASSERT_EQ(reply.headers.size(), 1u);
    EXPECT_EQ(reply.headers[0].first, "Location");
    EXPECT_EQ(reply.headers[0].second, "/v1/requests/req_00112233445566778899aabbccddeeff");
    EXPECT_EQ(reply.body["id"], "req_00112233445566778899aabbccddeeff");
  }
}
TEST(RequestView, HidesThePayloadFromThoseWhoMayNotSeeIt) {
  RequestRecord r = record_in(RequestState::failed, "no_quorum");
  const std::string body = R"({"payload":{"kind":"message","utf8":"secret plan"},"memo":"m"})";
  r.original.body.assign(body.begin(), body.end());
  r.intent = R"({"v":1})";
  r.blame.push_back({"node2", "bad_signature_share", "frost/share/2"});
  r.silent.push_back("node3");
  const Json full = request_view(r, true), less = request_view(r, false);
  EXPECT_EQ(full["payload"]["utf8"], "secret plan");
  EXPECT_EQ(full["memo"], "m");
  EXPECT_EQ(less.dump().find("secret plan"), std::string::npos);
  EXPECT_FALSE(less.contains("intent"));
  EXPECT_EQ(less["blame"][0]["node"], "node2");
  EXPECT_EQ(less["silent"][0], "node3");
  EXPECT_EQ(less["retryable"], false);
}

}  // namespace
}  // namespace quorate::node

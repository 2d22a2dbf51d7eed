// What users see of requests, and say to them.
#include <nlohmann/json.hpp>

#include "node/api.h"
#include "node/api_replies.h"

namespace quorate::node {
namespace {

using http::Problem;
using http::Reply;

// A write, and the time that other nodes have to hold it.
constexpr auto kToldWithin = limits::kProposalTimeout + Seconds(10);

// Who posts a vote need not be who gives it.
policy::Approval vote_in(const http::Call& call) {
  JsonObject body(call.body, "");
  policy::Approval vote;
  vote.approver = body.has("approver") ? body.text("approver", 1, limits::kMaxName) : call.who.user;
  const auto decision = policy::parse_vote(body.text("decision", 1, 16));
  if (!decision) body.fail("decision", "must be approve or reject");
  vote.vote = static_cast<std::uint8_t>(*decision);
  if (body.has("webauthn")) {
    vote.webauthn.push_back(policy::parse_assertion(body.object("webauthn"), body.pointer("webauthn")));
  } else {
    const auto signature = array_from_hex<64>(body.text("signature", 1, 128));
    if (!signature) body.fail("signature", "must be the 128 hex digits of an Ed25519 signature");
    vote.signature = *signature;
  }
  body.expect_no_more();
  return vote;
}

}  // namespace

http::Answered NodeApi::list_requests(const http::Call& call) const {
  storage::RequestFilter filter;
  filter.kind = parameter(call, "kind");
  filter.key = parameter(call, "key");
  if (const auto state = parameter(call, "state")) filter.state = storage::parse_request_state(*state);
  std::vector<policy::Need> asked;
  const auto policy = world_.policy.now();
  for (const policy::Rule& rule : policy->rules())
    asked.insert(asked.end(), rule.approvals.needs.begin(), rule.approvals.needs.end());
  if (!sees_all(call.who.user) && !world_.policy->may_approve(call.who.user, asked)) filter.user = call.who.user;
  std::optional<storage::Cursor> after;
  if (const auto text = parameter(call, "cursor")) {
    after = storage::Cursor::parse(*text);
    if (!after) return bad_cursor();
  }
  return page_reply(world_.store.requests(filter, limit_of(call), after),
                    [&](const storage::RequestRow& row) -> std::optional<Json> {
                      const RequestRecord record = record_of(row);
                      if (!may_see(call.who.user, record)) return std::nullopt;
                      return request_view(record, false);
                    });
}

http::Answered NodeApi::show_request(const http::Call& call) const {
  const auto row = world_.store.request(call.subject);
  if (!row) return not_found("no such request");
  const RequestRecord record = record_of(*row);
  if (!may_see(call.who.user, record)) return not_found("no such request");
  return Reply{200, request_view(record, true), {}};
}

http::Answered NodeApi::vote(const http::Call& call) {
  const auto row = world_.store.request(call.subject);
  if (!row || !may_see(call.who.user, record_of(*row))) return not_found("no such request");
  return told(call, [this, id = call.subject, vote = vote_in(call)](std::function<void(const Answer&)> answered) {
    desk_.approvals().vote(id, vote, std::move(answered));
  });
}

http::Answered NodeApi::cancel(const http::Call& call) {
  JsonObject(call.body, "").expect_no_more();
  return told(call, [this, id = call.subject, user = call.who.user,
                     signed_by_user = call.original](std::function<void(const Answer&)> answered) {
    desk_.approvals().cancel(id, user, signed_by_user, std::move(answered));
  });
}

http::Answered NodeApi::told(const http::Call& call, std::function<void(std::function<void(const Answer&)>)> ask) {
  const std::uint64_t ticket = next_ticket_++;
  const SteadyTime until = world_.clock.steady() + kToldWithin;
  const auto answered = [this, ticket](const Answer& answer) {
    parked_.answer(ticket, [answer]() -> http::Answer {
      if (const auto* refused = std::get_if<Refusal>(&answer)) return problem_of(*refused);
      return Reply{200, request_view(std::get<RequestRecord>(answer), true), {}};
    });
  };
  const auto late = [](const std::string&) {
    return problem_of({503, "storage", "this node could not store it in time", std::nullopt});
  };
  return park(call, ticket, {call.respond, until, until, late}, [this, ask = std::move(ask), answered] {
    try {
      ask(answered);
    } catch (const std::exception& e) {
      world_.log(LogLevel::error, std::string("what was said to a request could not be taken: ") + e.what());
      answered(Refusal{500, "internal", "this node cannot take it; its log says why", std::nullopt});
    }
  });
}

}  // namespace quorate::node

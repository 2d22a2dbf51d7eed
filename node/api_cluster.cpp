// PUT /v1/cluster/nodes/{node}: a node's newer card; POST /v1/recoveries and its veto.
#include <nlohmann/json.hpp>

#include "node/api.h"
#include "node/api_replies.h"

namespace quorate::node {
namespace {

using http::Problem;
using http::Reply;

constexpr auto kStoredWithin = Seconds(10);

}  // namespace

http::Answered NodeApi::renew_node(const http::Call& call) {
  const policy::NodeCard card = policy::parse_signed_card(call.body);
  if (card.id != call.subject) throw JsonError("/card/id", "is another one than the path's");
  const std::uint64_t ticket = next_ticket_++;
  const SteadyTime until = world_.clock.steady() + kStoredWithin;
  const auto late = [](const std::string&) {
    return problem_of({503, "storage", "this node could not store the card in time", std::nullopt});
  };
  return park(call, ticket, {call.respond, until, until, late}, [this, ticket, body = call.body, id = card.id] {
    const auto answer = [this, ticket](http::Answer said) {
      parked_.answer(ticket, [said = std::move(said)] { return said; });
    };
    const auto added = std::make_shared<bool>(false);
    const auto told = [this, answer, added, id](bool stored) {
      const policy::NodeCard* now = desk_.cards().chain().find(id);
      if (!stored || now == nullptr)
        answer(problem_of({503, "storage", "this node could not store the card", std::nullopt}));
      else
        answer(Reply{200, Json{{"node", id}, {"seq", now->seq}, {"added", *added}}, {}});
    };
    try {
      const policy::NodeCard* before = desk_.cards().chain().find(id);
      const policy::NodeCard asked = policy::parse_signed_card(body);
      *added = before != nullptr && asked.seq > before->seq;
      desk_.cards().renew(body, told);
    } catch (const JsonError& e) {
      answer(http::to_problem(e));
    }
  });
}

http::Answered NodeApi::recovery_told(const http::Call& call, int status,
                                      std::function<void(const Recoveries::Told&)> ask) {
  const std::uint64_t ticket = next_ticket_++;
  const SteadyTime until = world_.clock.steady() + kStoredWithin;
  const auto late = [](const std::string&) {
    return problem_of({503, "storage", "this node could not store it in time", std::nullopt});
  };
  return park(call, ticket, {call.respond, until, until, late}, [this, ticket, status, ask = std::move(ask)] {
    const auto answer = [this, ticket](http::Answer said) {
      parked_.answer(ticket, [said = std::move(said)] { return said; });
    };
    try {
      ask([answer, status](const std::variant<Json, Refusal>& told) {
        if (const auto* refused = std::get_if<Refusal>(&told)) return answer(problem_of(*refused));
        answer(Reply{status, std::get<Json>(told), {}});
      });
    } catch (const JsonError& e) {
      answer(http::to_problem(e));
    } catch (const std::exception& e) {
      world_.log(LogLevel::error, std::string("a recovery of the admins could not be taken: ") + e.what());
      answer(problem_of({500, "internal", "this node cannot take it; its log says why", std::nullopt}));
    }
  });
}

http::Answered NodeApi::recover(const http::Call& call) {
  if (!desk_.governance().member())
    return problem_of({503, "not_a_member", "this node is not in the cluster", std::nullopt});
  policy::Recovery::parse(call.body);  // cheap, and not on the desk
  return recovery_told(
      call, 202, [this, body = call.body](const Recoveries::Told& told) { desk_.recoveries().submit(body, told); });
}

http::Answered NodeApi::veto(const http::Call& call) {
  JsonObject(call.body, "").expect_no_more();
  return recovery_told(call, 200, [this, id = call.subject, original = call.original](const Recoveries::Told& told) {
    desk_.recoveries().veto(id, original, told);
  });
}

}  // namespace quorate::node

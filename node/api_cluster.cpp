// PUT /v1/cluster/nodes/{node}: a node's newer card.
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
  return park(ticket, {call.respond, until, until, late}, [this, ticket, body = call.body, id = card.id] {
    const auto answer = [this, ticket](http::Answer answer) {
      parked_.answer(ticket, [answer = std::move(answer)] { return answer; });
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

}  // namespace quorate::node

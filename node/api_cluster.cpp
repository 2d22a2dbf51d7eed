// PUT /v1/cluster/nodes/{node}: a node's newer card.
#include <future>
#include <nlohmann/json.hpp>

#include "node/api.h"
#include "node/api_replies.h"

namespace quorate::node {
namespace {

using http::Problem;
using http::Reply;

constexpr auto kStoredWithin = Seconds(10);

}  // namespace

std::variant<Reply, Problem> NodeApi::renew_node(const http::Call& call) {
  const policy::NodeCard card = policy::parse_signed_card(call.body);
  if (card.id != call.subject) throw JsonError("/card/id", "is another one than the path's");
  const auto answer = std::make_shared<std::promise<Answered>>();
  auto answered = answer->get_future();
  const bool posted = world_.desk.post([this, answer, body = call.body, id = card.id] {
    const auto added = std::make_shared<bool>(false);
    const auto told = [this, answer, added, id](bool stored) {
      const policy::NodeCard* now = desk_.cards().chain().find(id);
      if (!stored || now == nullptr)
        answer->set_value(problem_of({503, "storage", "this node could not store the card", std::nullopt}));
      else
        answer->set_value(Reply{200, Json{{"node", id}, {"seq", now->seq}, {"added", *added}}, {}});
    };
    try {
      const policy::NodeCard* before = desk_.cards().chain().find(id);
      const policy::NodeCard asked = policy::parse_signed_card(body);
      *added = before != nullptr && asked.seq > before->seq;
      desk_.cards().renew(body, told);
    } catch (const JsonError& e) {
      answer->set_value(http::to_problem(e));
    }
  });
  if (!posted) return problem_of({503, "overloaded", "this node has too much to do", std::nullopt});
  if (answered.wait_for(kStoredWithin) != std::future_status::ready)
    return problem_of({503, "storage", "this node could not store the card in time", std::nullopt});
  return answered.get();
}

}  // namespace quorate::node

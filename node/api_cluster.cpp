// PUT /v1/cluster/nodes/{node}: a node's newer card; POST /v1/recoveries and its veto.
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

std::variant<Reply, Problem> NodeApi::recovery_told(int status,
                                                    const std::function<void(const Recoveries::Told&)>& ask) {
  const auto answer = std::make_shared<std::promise<Answered>>();
  auto answered = answer->get_future();
  const bool posted = world_.desk.post([answer, ask, status] {
    try {
      ask([answer, status](const std::variant<Json, Refusal>& told) {
        if (const auto* refused = std::get_if<Refusal>(&told)) return answer->set_value(problem_of(*refused));
        answer->set_value(Reply{status, std::get<Json>(told), {}});
      });
    } catch (const JsonError& e) {
      answer->set_value(http::to_problem(e));
    }
  });
  if (!posted) return problem_of({503, "overloaded", "this node has too much to do", std::nullopt});
  if (answered.wait_for(kStoredWithin) != std::future_status::ready)
    return problem_of({503, "storage", "this node could not store it in time", std::nullopt});
  return answered.get();
}

std::variant<Reply, Problem> NodeApi::recover(const http::Call& call) {
  if (!desk_.governance().member())
    return problem_of({503, "not_a_member", "this node is not in the cluster", std::nullopt});
  policy::Recovery::parse(call.body);  // cheap, and not on the desk
  return recovery_told(
      202, [this, body = call.body](const Recoveries::Told& told) { desk_.recoveries().submit(body, told); });
}

std::variant<Reply, Problem> NodeApi::veto(const http::Call& call) {
  JsonObject(call.body, "").expect_no_more();
  return recovery_told(200, [this, id = call.subject, original = call.original](const Recoveries::Told& told) {
    desk_.recoveries().veto(id, original, told);
  });
}

}  // namespace quorate::node

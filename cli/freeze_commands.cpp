#include "cli/freeze_commands.h"

#include <memory>
#include <thread>

#include "base/limits.h"
#include "cli/key_commands.h"

namespace quorate::cli {

namespace {

struct Asked {
  std::string node;
  std::optional<std::string> request;  // its id there: frozen
  std::optional<Failure> refused;
  std::string why;  // if it is not frozen
};

Asked ask(ClusterClient& client, const std::string& node, const http::ClientCall& call) {
  Asked asked{node, {}, {}, {}};
  try {
    const auto reply = client.call_node(node, call);
    if (reply.status == 201) {
      asked.request = text_at(reply.body, "id");
    } else {
      asked.refused = failure_of(reply);
      asked.why = asked.refused->what();
    }
  } catch (const std::exception& e) {
    asked.why = e.what();
  }
  return asked;
}

}  // namespace

Exit freeze_command(const std::string& scope, const Place& place, World& world) {
  const http::ClientCall call{"POST", "/v1/freeze", Json{{"scope", scope}}.dump(), to_hex(world.rng.bytes<16>()), "",
                              {}};
  const auto cluster = load_cluster(place.dir);
  std::vector<std::unique_ptr<ClusterClient>> clients;
  std::vector<Asked> answers;
  for (const policy::NodeCard& card : cluster.nodes())
    if (!place.node || card.id == *place.node) {
      clients.push_back(std::make_unique<ClusterClient>(place, world));
      answers.push_back({card.id, {}, {}, {}});
    }
  {
    std::vector<std::jthread> threads;
    for (std::size_t k = 0; k < answers.size(); ++k)
      threads.emplace_back([&, k] { answers[k] = ask(*clients[k], answers[k].node, call); });
  }
  Json frozen = Json::array(), others = Json::array();
  std::string text, id;
  std::optional<Failure> refused;
  for (const Asked& asked : answers) {
    if (asked.request) {
      frozen.push_back(asked.node);
      id = *asked.request;
      text += "frozen on " + asked.node + "\n";
    } else {
      if (!refused) refused = asked.refused;
      others.push_back({{"node", asked.node}, {"why", asked.why}});
      text += "not on    " + asked.node + ": " + one_line(asked.why) + "\n";
    }
  }
  if (frozen.empty()) throw refused ? *refused : failed("unreachable", "no node answers");
  const bool enough = cluster.nodes().size() - frozen.size() < limits::kMinThreshold;
  if (!enough) text += "the nodes that have not answered could sign together: send it again until they do\n";
  text += id;
  world.console.result({{"scope", scope}, {"request", id}, {"frozen_on", frozen}, {"not_on", others}}, text);
  return enough ? Exit::ok : Exit::no_quorum;
}

Exit unfreeze_command(const std::string& scope, ClusterClient& client, Console& console) {
  const auto reply = client.post("/v1/unfreeze", {{"scope", scope}});
  const Json& request = expect_success(reply);
  console.result(request, text_of_request(request));
  return exit_of_state(text_at(request, "state"));
}

}  // namespace quorate::cli

#include "cli/freeze_commands.h"

#include "base/limits.h"
#include "cli/key_commands.h"

namespace quorate::cli {

Exit freeze_command(const std::string& scope, const std::optional<std::string>& only, ClusterClient& client,
                    World& world) {
  const Json body{{"scope", scope}};
  const std::string same = to_hex(world.rng.bytes<16>());  // one request, whichever nodes it reaches
  Json frozen = Json::array(), others = Json::array();
  std::string text, id;
  std::optional<Failure> refused;
  for (const policy::NodeCard& card : client.cluster().nodes()) {
    if (only && card.id != *only) continue;
    const auto not_yet = [&](const std::string& why) {
      others.push_back({{"node", card.id}, {"why", why}});
      text += "not on    " + card.id + ": " + one_line(why) + "\n";
    };
    try {
      const auto reply = client.call_node(card.id, {"POST", "/v1/freeze", body.dump(), same, "", {}});
      if (reply.status == 201) {
        frozen.push_back(card.id);
        id = text_at(reply.body, "id");
        text += "frozen on " + card.id + "\n";
      } else {
        const Failure failure = failure_of(reply);
        if (!refused) refused = failure;
        not_yet(failure.what());
      }
    } catch (const http::ClientError& e) {
      not_yet(e.what());
    }
  }
  if (frozen.empty()) {
    if (refused) throw *refused;
    throw failed("unreachable", "no node answers");
  }
  const std::size_t unsure = client.cluster().nodes().size() - frozen.size();
  const bool enough = unsure < limits::kMinThreshold;
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

#include "cli/node_commands.h"

#include <iostream>

#include "base/limits.h"
#include "cli/files.h"

namespace quorate::cli {
namespace {

struct NodeAnswer {
  std::string line;  // for people
  Json json;
  bool ok = false;
};

NodeAnswer ask(const policy::NodeCard& card, ClusterClient& client) {
  NodeAnswer answer;
  answer.json = {{"node", card.id}, {"url", "https://" + card.rest_address}, {"reachable", false}};
  try {
    const auto reply = client.call_node(card.id, {"GET", "/v1/node", "", "", "", {}});
    answer.json["reachable"] = true;
    if (reply.status != 200) {
      answer.json["error"] = reply.body;
      answer.line = failure_of(reply).what();
      return answer;
    }
    answer.json["status"] = reply.body;
    answer.ok = true;
    std::size_t connected = 0, peers = 0;
    for (const auto& peer : reply.body.value("peers", Json::array())) {
      ++peers;
      if (peer.is_object() && peer.value("connected", false)) ++connected;
    }
    answer.line = "up, " + std::to_string(connected) + " of " + std::to_string(peers) + " peers connected";
  } catch (const http::ClientError& e) {
    answer.json["error"] = e.what();
    answer.line = std::string("does not answer: ") + e.what();
  }
  return answer;
}

}  // namespace

Exit node_status(const Place& place, ClusterClient& client, Console& console) {
  Json all = Json::array();
  std::string text;
  bool ok = true;
  for (const auto& card : client.cluster().nodes()) {
    if (place.node && card.id != *place.node) continue;
    const NodeAnswer answer = ask(card, client);
    ok = ok && answer.ok;
    text += card.id + "  https://" + card.rest_address + "  " + one_line(answer.line) + "\n";
    all.push_back(answer.json);
  }
  console.result({{"nodes", all}}, text);
  return ok ? Exit::ok : Exit::failed;
}

Exit api_command(const ApiOptions& options, ClusterClient& client, Console& console, std::istream& in) {
  http::ClientCall call{options.method,          options.target,   "",
                        options.idempotency_key, options.if_match, options.wait_seconds};
  if (options.body) {
    if (*options.body == "-")
      call.body.assign(std::istreambuf_iterator<char>(in), {});
    else if (options.body->starts_with('@'))
      call.body = read_text_file(options.body->substr(1));
    else
      call.body = *options.body;
  }
  const auto reply = client.call(call);
  const bool success = reply.status >= 200 && reply.status < 300;
  if (!success && console.json()) throw failure_of(reply);
  console.result(reply.body, reply.body.is_null() ? "" : reply.body.dump(2));
  if (!success) throw failure_of(reply);
  return reply.status == 202 ? Exit::waiting : Exit::ok;
}

}  // namespace quorate::cli

#include "cli/up.h"

#include <thread>

#include "cli/ports.h"
#include "cli/stop_signals.h"

namespace quorate::cli {
namespace {

constexpr Millis kPatience{60'000};
constexpr Millis kAskEvery{50};
constexpr Millis kLookEvery{200};

// "" when it is ready, else what is missing.
std::string what_is_missing(ClusterClient& client, const std::string& node, bool all_peers) {
  try {
    const auto ready = client.get_unsigned(node, "/readyz");
    if (ready.status != 200) return node + " is not ready: " + (ready.body.is_null() ? "" : ready.body.dump());
    if (!all_peers) return "";
    const auto status = client.call_node(node, {"GET", "/v1/node", "", "", "", {}});
    if (status.status != 200) return node + ": " + failure_of(status).what();
    const auto peers = status.body.find("peers");
    if (peers == status.body.end() || !peers->is_array()) return node + " shows no peers";
    for (const auto& peer : *peers)
      if (!peer.value("connected", false)) return node + " is not connected with " + text_at(peer, "node");
    return "";
  } catch (const http::ClientError& e) {
    return node + " does not answer: " + e.what();
  }
}

}  // namespace

bool wait_until_ready(LocalNodes& running, ClusterClient& client, const std::vector<std::string>& nodes, bool all_peers,
                      std::optional<Millis> patience) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    if (StopSignals::requested()) return false;
    for (const auto& ended : running.reap()) throw failed("node_ended", ended.text());
    std::string missing;
    for (const auto& node : nodes) {
      missing = what_is_missing(client, node, all_peers);
      if (!missing.empty()) break;
    }
    if (missing.empty()) return true;
    if (patience && std::chrono::steady_clock::now() - start > *patience)
      throw failed("not_ready", "not ready after " + std::to_string(patience->count() / 1000) + " s: " + missing);
    std::this_thread::sleep_for(kAskEvery);
  }
}

Exit up_command(const Place& place, World& world) {
  Console& console = world.console;
  ClusterClient client(place, world);
  LocalNodes running(place.dir, find_quorated());

  std::vector<std::string> nodes;
  for (const auto& card : client.cluster().nodes()) {
    if (place.node && card.id != *place.node) continue;
    if (running.has(card.id))
      nodes.push_back(card.id);
    else if (place.node)
      throw failed("no_node", "there is no " + (place.dir / card.id / "config.toml").string());
  }
  if (nodes.empty()) throw failed("no_node", place.dir.string() + " holds no node of this cluster");
  for (const auto& node : nodes) {
    const policy::NodeCard& card = *client.cluster().find(node);
    for (const auto& address : {card.rest_address, card.peers_address})
      if (is_busy(address))
        throw failed("port_busy", address + " (" + node + ") is already in use: is it running already?");
  }

  const StopSignals signals;
  for (const auto& node : nodes) running.start(node);
  // A node alone is ready when enough of the others are there; started together they wait for each other.
  const bool together = !place.node;
  if (!wait_until_ready(running, client, nodes, together, together ? std::optional(kPatience) : std::nullopt)) {
    running.stop_all();
    return Exit::ok;
  }

  Json list = Json::array();
  std::string text = "ready\n";
  for (const auto& node : nodes) {
    const std::string url = "https://" + client.cluster().find(node)->rest_address;
    list.push_back({{"id", node}, {"url", url}});
    text += "  " + node + "  " + url + "\n";
  }
  console.result({{"ready", true}, {"cluster", client.cluster().id()}, {"nodes", list}}, text);

  while (!StopSignals::requested()) {
    for (const auto& ended : running.reap()) {
      console.note(ended.text());
      console.note("start it again with: quorate up --dir " + place.dir.string() + " --node " + ended.node);
    }
    if (!running.any_running()) throw failed("node_ended", "no node is running any more");
    std::this_thread::sleep_for(kLookEvery);
  }
  running.stop_all();
  return Exit::ok;
}

}  // namespace quorate::cli

#include "cli/cluster_client.h"

#include <algorithm>

#include "cli/files.h"
#include "http/message_signature.h"
#include "peers/certificates.h"
#include "policy/cluster_chain.h"
#include "policy/kinds.h"

namespace quorate::cli {
namespace {

constexpr Millis kConnectTimeout{3'000};
constexpr Millis kCallTimeout{75'000};  // above the longest Prefer: wait
constexpr int kDefaultWait = 30;        // seconds that a mutation is waited for

Ed25519SecretKey load_user_key(const fs::path& dir, const std::string& user) {
  if (!policy::is_name(user)) throw usage("'" + one_line(user) + "' is not a user's name");
  const fs::path file = dir / "users" / (user + ".pem");
  std::error_code ignored;
  if (!fs::exists(file, ignored))
    throw failed("unknown_user", "there is no key of user " + user + ": " + file.string());
  auto key = Ed25519SecretKey::from_pem(text_of(read_secret_file(file)));
  if (!key) throw failed("user_key", file.string() + " is not an Ed25519 key (PKCS#8, PEM)");
  return std::move(*key);
}

}  // namespace

policy::ClusterDocument load_cluster(const fs::path& dir) {
  const fs::path file = dir / "cluster.json";
  std::error_code ignored;
  if (!fs::exists(file, ignored))
    throw failed("no_cluster", "there is no cluster in " + dir.string() +
                                   " (no cluster.json): run `quorate init`, or name its directory with --dir");
  try {
    return policy::ClusterChain::parse(read_text_file(file)).with_newest_cards();
  } catch (const JsonError& e) {
    throw failed("cluster_document", file.string() + ": " + (e.pointer.empty() ? "" : e.pointer + ": ") + e.what());
  }
}

ClusterClient::ClusterClient(const Place& place, World& world, std::size_t first)
    : world_(world), cluster_(load_cluster(place.dir)), user_(place.user) {
  key_ = load_user_key(place.dir, place.user);
  if (place.node) {
    if (cluster_.find(*place.node) == nullptr) throw usage("the cluster has no node '" + one_line(*place.node) + "'");
    nodes_.push_back(*place.node);
    return;
  }
  const auto& cards = cluster_.nodes();
  for (std::size_t i = 0; i < cards.size(); ++i) nodes_.push_back(cards[(first + i) % cards.size()].id);
}

ClusterClient::ClusterClient(const fs::path& dir, const std::string& node, Ed25519SecretKey identity, World& world)
    : world_(world), cluster_(load_cluster(dir)), user_(std::string(http::kNodePrefix) + node) {
  key_ = std::move(identity);
  nodes_.push_back(node);  // its own first
  for (const policy::NodeCard& card : cluster_.nodes())
    if (card.id != node) nodes_.push_back(card.id);
}

void ClusterClient::follow(policy::ClusterDocument cluster) {
  cluster_ = std::move(cluster);
  connections_.clear();
}

http::Client& ClusterClient::connection(const std::string& node) {
  const auto present = connections_.find(node);
  if (present != connections_.end()) return present->second;
  const policy::NodeCard* card = cluster_.find(node);
  if (card == nullptr) throw usage("the cluster has no node '" + one_line(node) + "'");
  http::ClientConfig config;
  config.base_url = "https://" + card->rest_address;
  config.pins.push_back(peers::pin_of_spki(card->tls_spki));
  config.user = user_;
  config.cluster_id = cluster_.id();
  config.connect_timeout = kConnectTimeout;
  config.call_timeout = kCallTimeout;
  return connections_.emplace(node, http::Client(std::move(config), *key_, world_.clock, world_.rng)).first->second;
}

http::ClientReply ClusterClient::call_node(const std::string& node, const http::ClientCall& call) {
  return connection(node).call(call);
}

std::optional<http::ClientReply> ClusterClient::listen(const std::string& node, const std::string& target,
                                                       const std::string& last_event_id,
                                                       const std::function<bool(std::string_view)>& got) {
  return connection(node).listen(target, last_event_id, got);
}

http::ClientReply ClusterClient::get_unsigned(const std::string& node, const std::string& target) {
  return connection(node).get_unsigned(target);
}

http::ClientReply ClusterClient::call(http::ClientCall call) {
  if (call.method != "GET") {
    if (call.idempotency_key.empty()) call.idempotency_key = to_hex(world_.rng.bytes<16>());
    if (!call.wait_seconds) call.wait_seconds = kDefaultWait;
  }
  std::string why;
  for (std::size_t asked = 0; asked < nodes_.size(); ++asked) {
    try {
      return call_node(nodes_.front(), call);
    } catch (const http::ClientError& e) {
      why += (why.empty() ? "" : "; ") + nodes_.front() + ": " + e.what();
      std::rotate(nodes_.begin(), nodes_.begin() + 1, nodes_.end());
    }
  }
  throw failed("unreachable", (nodes_.size() == 1 ? "the node does not answer: " : "no node answers: ") + why);
}

std::string text_at(const Json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

Failure failure_of(const http::ClientReply& reply) {
  const Json& problem = reply.body;
  std::string code = text_at(problem, "code");
  std::string detail = text_at(problem, "detail");
  if (detail.empty()) detail = text_at(problem, "title");
  if (detail.empty()) detail = "the node answered with status " + std::to_string(reply.status);
  if (code.empty()) code = "status_" + std::to_string(reply.status);
  const std::string pointer = text_at(problem, "pointer");
  if (!pointer.empty()) detail = pointer + ": " + detail;
  if (problem.is_object() && problem.contains("request")) {
    const std::string id = text_at(problem["request"], "id");
    if (!id.empty()) detail += " (" + id + ")";
  }
  Exit exit = Exit::failed;
  if (reply.status == 403) exit = Exit::denied;
  if (reply.status == 504 || code == "no_quorum") exit = Exit::no_quorum;
  return {exit, code, (exit == Exit::denied ? "denied: " : "") + detail, problem};
}

const Json& expect_success(const http::ClientReply& reply) {
  if (reply.status < 200 || reply.status > 299) throw failure_of(reply);
  return reply.body;
}

Exit exit_of_state(const std::string& state) {
  if (state == "pending_approval" || state == "scheduled" || state == "queued" || state == "running")
    return Exit::waiting;
  if (state == "denied" || state == "rejected") return Exit::denied;
  if (state == "succeeded") return Exit::ok;
  return Exit::failed;  // failed, expired, cancelled, and what this program does not know
}

}  // namespace quorate::cli

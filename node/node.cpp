#include "node/node.h"

#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/limits.h"
#include "node/database.h"
#include "node/strikes.h"
#include "peers/certificates.h"
#include "storage/files.h"

namespace quorate::node {
namespace {

constexpr std::size_t kDeskQueue = 65'536;
constexpr std::size_t kWorkerQueue = 65'536;

SecretBytes read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw ConfigError("cannot read " + path.string());
  SecretBytes bytes;
  constexpr std::size_t kMost = 4 * 1024 * 1024;
  bytes.reserve(16 * 1024);
  for (char c = 0; in.get(c);) {
    if (bytes.size() == kMost) throw ConfigError(path.string() + " is too large");
    bytes.push_back(static_cast<std::uint8_t>(c));
  }
  return bytes;
}

std::string read_text(const std::filesystem::path& path) {
  const SecretBytes bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

template <class Parse>
auto parse_document(const std::filesystem::path& path, Parse&& parse) {
  const std::string text = read_text(path);
  try {
    return parse(text);
  } catch (const JsonError& e) {
    throw ConfigError(path.string() + (e.pointer.empty() ? "" : " at " + e.pointer) + ": " + e.what());
  }
}

std::pair<std::string, std::uint16_t> split_address(const std::string& name, const std::string& address) {
  const auto colon = address.rfind(':');
  std::uint16_t port = 0;
  if (colon == std::string::npos || colon == 0) throw ConfigError(name + " must be host:port");
  const char* begin = address.data() + colon + 1;
  const char* end = address.data() + address.size();
  const auto [stop, error] = std::from_chars(begin, end, port);
  if (error != std::errc{} || stop != end || begin == end) throw ConfigError(name + " must be host:port");
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);  // IPv6
  return {host, port};
}

// A node that is not in the file's documents with this identity key is to join, or has left: what the others say will
// tell.
policy::NodeCard own_card(const Config& config, const Credentials& c, const Log& log) {
  const policy::NodeCard* card = c.chain.find(config.node);
  const bool named = card != nullptr && card->identity_key == c.identity.public_key();
  const Bytes spki = peers::spki_of_key(c.tls_key);
  if (named && card->tls_spki != spki)
    throw ConfigError(config.tls_key.string() + " is not the TLS key of " + config.node + " in the cluster document");
  if (peers::spki_of_certificate(c.tls_certificate) != spki)
    throw ConfigError(config.tls_certificate.string() + " is not a certificate of this node's TLS key");
  if (named) return *card;
  log(LogLevel::warn, "node " + config.node + ", with the key in " + config.identity_key.string() + ", is not in " +
                          config.cluster.string() + ": it waits for the others to let it in");
  return {config.node, c.identity.public_key(), spki, config.peers_listen, config.http_listen, 1};
}

}  // namespace

Credentials load_credentials(const Config& config) {
  auto chain = parse_document(config.cluster, [](const std::string& t) { return policy::ClusterChain::parse(t); });
  auto cluster = chain.genesis();
  auto policy = parse_document(config.policy, [](const std::string& t) { return policy::PolicyDocument::parse(t); });
  if (!cluster.anchors(policy))
    throw ConfigError(config.policy.string() + " is not the policy that " + config.cluster.string() + " was made with");
  const SecretBytes pem = read_file(config.identity_key);
  auto identity = Ed25519SecretKey::from_pem(text_of(pem));
  if (!identity) throw ConfigError(config.identity_key.string() + " is not an Ed25519 private key in PEM");
  return {std::move(cluster),   std::move(chain),          std::move(policy),
          std::move(*identity), read_file(config.tls_key), read_text(config.tls_certificate)};
}

peers::MeshConfig mesh_config(const Config& config, const Credentials& credentials, const policy::NodeCard& me,
                              const storage::Store& store) {
  peers::MeshConfig mesh;
  mesh.listen = config.peers_listen;
  mesh.source = config.peers_source;
  mesh.key_pem = credentials.tls_key;
  mesh.certificate_pem = credentials.tls_certificate;
  mesh.hello.software = "quorated 0.1.0";
  mesh.hello.node = me.id;
  mesh.hello.cluster_id = *array_from_hex<32>(credentials.cluster.id());
  mesh.hello.cluster_document = credentials.cluster.digest();
  mesh.hello.policy_version = static_cast<std::uint64_t>(credentials.policy.version());
  mesh.hello.policy_digest = credentials.policy.digest();
  const storage::AuditHead head = store.audit_head();
  mesh.hello.state_seq = head.seq;
  mesh.hello.audit_head = head.hash;
  for (const policy::NodeCard& card : credentials.chain.nodes())
    if (card.id != me.id) mesh.peers.push_back({card.id, {card.peers_address}, peers::pin_of_spki(card.tls_spki)});
  return mesh;
}

Node::Node(const Config& config, Log log)
    : config_(config),
      log_(std::move(log)),
      credentials_(load_credentials(config)),
      me_(own_card(config_, credentials_, log_)) {
  store_ = open_database(config_, {credentials_.cluster.id(), me_.id}, me_.identity_key, rng_, log_);

  const auto escaped = [this](const std::string& what) { log_(LogLevel::error, "internal error: " + what); };
  std::size_t workers = config_.workers != 0 ? config_.workers : std::thread::hardware_concurrency();
  if (workers == 0) workers = 1;
  std::vector<Executor*> executors;
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<ThreadExecutor>(kWorkerQueue, escaped));
    executors.push_back(workers_.back().get());
  }
  desk_thread_ = std::make_unique<ThreadExecutor>(kDeskQueue, escaped);
  world_.emplace(World{credentials_.cluster, credentials_.policy, me_, credentials_.identity, *store_, port_, clock_,
                       rng_, *desk_thread_, log_});
  host_ = std::make_unique<SessionHost>(*world_, executors);
  desk_ = std::make_unique<Desk>(*world_, *host_);

  peers::MeshConfig mesh = mesh_config(config_, credentials_, me_, *store_);
  mesh.hello.policy_version = static_cast<std::uint64_t>(world_->policy->version());  // not the first one's, perhaps
  mesh.hello.policy_digest = world_->policy->digest();
  mesh.hello.cluster_version = static_cast<std::uint64_t>(world_->cluster->version());
  mesh.hello.cluster_document = world_->cluster->digest();
  desk_->cards().start_with(credentials_.chain);
  mesh.peers = desk_->cards().peers();
  mesh.log = [this](peers::LogLevel level, const std::string& text) {
    switch (level) {
      case peers::LogLevel::info:
        return log_(LogLevel::info, text);
      case peers::LogLevel::warn:
        return log_(LogLevel::warn, text);
      case peers::LogLevel::error:
        return log_(LogLevel::error, text);
    }
  };
  mesh_ = std::make_unique<peers::TlsMesh>(std::move(mesh), *desk_, clock_, rng_);
  port_.connect(*mesh_);

  api_ = std::make_unique<NodeApi>(*world_, *desk_, *host_);
  http::HttpConfig http;
  std::tie(http.host, http.port) = split_address("http.listen", config_.http_listen);
  http.certificate_pem = credentials_.tls_certificate;
  http.key_pem = credentials_.tls_key;
  http.threads = config_.http_threads;
  const auto [metrics_host, metrics_port] = split_address("metrics.listen", config_.metrics_listen);
  http.metrics_host = metrics_host;
  http.metrics_port = metrics_port;
  http.log = [this](const std::string& line) { log_(LogLevel::warn, line); };
  http_ = std::make_unique<http::HttpServer>(std::move(http), *api_, clock_, rng_);
}

Node::~Node() { stop(); }

void Node::start() {
  desk_thread_->post_always([this] { desk_->recover(); });
  mesh_->start();
  http_->start();
  log_(LogLevel::info, me_.id + " serves REST on " + config_.http_listen + " and peers on " + config_.peers_listen);
}

void Node::tick() {
  if (const auto jumped = api_->watch_clock()) {
    const auto seconds = std::chrono::duration_cast<Seconds>(*jumped).count();
    log_(LogLevel::warn, "this machine's clock was set " + std::to_string(seconds < 0 ? -seconds : seconds) + " s " +
                             (seconds < 0 ? "back" : "ahead"));
  }
  api_->tick();
  if (ticking_.exchange(true)) return;
  desk_thread_->post_always([this] {
    ticking_ = false;
    desk_->tick();
  });
}

void Node::drain() {
  log_(LogLevel::info, "taking no new requests; what runs is finished");
  draining_since_ = clock_.steady();
  api_->drain();
  desk_thread_->post_always([this] { desk_->drain(); });
}

bool Node::drained() const {
  const auto since = clock_.steady() - *draining_since_;
  // A request that came just before is on its way from the desk to the workers for a moment.
  return since >= limits::kDrainMost || (since >= limits::kDrainLeast && host_->running() == 0 && api_->waiting() == 0);
}

bool Node::can_start_again() {
  const SteadyTime now = clock_.steady();
  if (store_->healthy() || now < next_disk_check_) return false;
  const bool first = next_disk_check_ == SteadyTime{};
  next_disk_check_ = now + limits::kDiskCheckEvery;
  const std::string problem = storage::disk_problem(config_.database.string());
  if (first)
    log_(LogLevel::error, "the database takes no more writes: " + store_->failure() +
                              (problem.empty() ? "" : "; the disk says: " + problem));
  api_->set_disk_problem(problem);
  return problem.empty() && !first;
}

// First what brings work in, then what does it; the store last: it writes what is queued, and what it tells then goes
// to executors that have stopped but are still there.
void Node::stop() {
  if (api_) api_->close();
  if (http_) http_->stop();
  if (mesh_) mesh_->stop();
  if (desk_thread_) desk_thread_->stop();
  for (auto& worker : workers_) worker->stop();
  if (store_ && world_ && store_->healthy() && world_->gates->stopped_keys().empty()) try {
      storage::Batch batch;  // all sessions are over, and what they had to write is queued before this
      erase_notes(batch, *store_);
      if (!batch.empty()) store_->commit_now(std::move(batch));
    } catch (const storage::StorageError& e) {  // the notes stay and count as strikes: too many rather than too few
      log_(LogLevel::error, std::string("the notes of signings could not be erased: ") + e.what());
    }
  store_.reset();
}

}  // namespace quorate::node

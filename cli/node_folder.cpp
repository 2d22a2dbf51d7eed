#include "cli/node_folder.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/limits.h"
#include "cli/cluster_cards.h"
#include "cli/cluster_client.h"
#include "cli/files.h"
#include "cli/new_directory.h"
#include "cli/ports.h"
#include "cli/settings.h"
#include "cli/stop_signals.h"
#include "peers/certificates.h"
#include "policy/cluster_chain.h"
#include "policy/cluster_parts.h"
#include "policy/kinds.h"
#include "storage/files.h"
#include "storage/store.h"

namespace quorate::cli {
namespace {

constexpr const char* kCard = "card.json";
// A renewal's key, certificate and card lie beside the old ones, with this ending, until the last of them is there: the
// card. From then on they are put in their places, by the next `node renew` if this one is cut short.
constexpr const char* kNext = ".next";
constexpr const char* kNextCard = "card.json.next";
constexpr std::size_t kMaxKeyFile = 64 * 1024;  // bytes

struct HostPort {
  std::string host;  // without brackets
  std::string port;
};

HostPort split(const std::string& address) {
  const auto colon = address.rfind(':');
  HostPort at{address.substr(0, colon), address.substr(colon + 1)};
  if (at.host.front() == '[') at.host = at.host.substr(1, at.host.size() - 2);
  return at;
}

enum class HostKind { name, v4, v6 };

HostKind kind_of(const std::string& host) {
  in6_addr ignored{};
  if (::inet_pton(AF_INET, host.c_str(), &ignored) == 1) return HostKind::v4;
  if (::inet_pton(AF_INET6, host.c_str(), &ignored) == 1) return HostKind::v6;
  return HostKind::name;
}

// The machine's own name for an address that others use: they may reach it through another one, so it listens on all.
std::string listen_for(const std::string& address) {
  const HostPort at = split(address);
  switch (kind_of(at.host)) {
    case HostKind::v4:
      return at.host.starts_with("127.") ? address : "0.0.0.0:" + at.port;
    case HostKind::v6:
      return at.host == "::1" ? address : "[::]:" + at.port;
    case HostKind::name:
      break;
  }
  return (at.host == "localhost" ? "127.0.0.1:" : "0.0.0.0:") + at.port;
}

std::string metrics_for(const std::string& rest) {
  const std::string text = split(rest).port;
  int port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return local_address(
      static_cast<std::uint16_t>(port > 65'535 - kMetricsOffset ? port - kMetricsOffset : port + kMetricsOffset));
}

void expect_address(const std::string& option, const std::string& address) {
  if (!policy::is_address(address) || address.size() > limits::kMaxAddress)
    throw usage(option + " must be host:port, 192.0.2.1:port or [2001:db8::1]:port, not '" + one_line(address) + "'");
}

std::string database_key_lines(const NodeInitOptions& options) {
  if (options.key_env) return "key_env = " + toml_text(*options.key_env) + "\n";
  if (options.passphrase_env) return "passphrase_env = " + toml_text(*options.passphrase_env) + "\n";
  if (options.key_command.empty()) return key_file_lines();
  std::string words;
  for (const std::string& word : options.key_command) words += (words.empty() ? "" : ", ") + toml_text(word);
  return "key_command = [" + words + "]\n";
}

peers::LeafRequest leaf_of(const policy::NodeCard& card) {
  peers::LeafRequest leaf{card.id, {}, {}};
  for (const std::string& address : {card.rest_address, card.peers_address}) {
    const std::string host = split(address).host;
    (kind_of(host) == HostKind::name ? leaf.dns : leaf.ips).push_back(host);
  }
  return leaf;
}

template <class F>
auto reading(F read) {
  try {
    return read();
  } catch (const storage::StorageError& e) {
    throw failed("file", e.what());
  }
}

// What concerns this key or certificate.
template <class F>
auto with_file(const fs::path& file, F use) {
  try {
    return use();
  } catch (const peers::CertificateError& e) {
    throw failed("node_folder", file.string() + ": " + e.what());
  }
}

}  // namespace

std::string key_file_lines() {
  return "# Beside the data it protects nothing from whoever reads the disk: for trying out. Otherwise use "
         "key_command\n"
         "# (any vault or key service), key_env or passphrase_env.\n"
         "key_file = \"database.key\"\n";
}

std::string node_config_text(const NodeConfigText& config) {
  return "# One node of a cluster. Paths are relative to this file.\n"
         "node = " +
         toml_text(config.node) + "\ncluster = " + toml_text(config.documents + "cluster.json") +
         "\npolicy = " + toml_text(config.documents + "policy.json") +
         "\nidentity_key = \"identity.pem\"\n"
         "tls_key = \"tls.key.pem\"\n"
         "tls_certificate = \"tls.cert.pem\"\n"
         "database = \"quorate.db\"\n"
         "# Whether a system that does not let the node lock its memory (RLIMIT_MEMLOCK) keeps it from starting. With\n"
         "# \"required\" no secret ever goes to swap: what a node that guards something should have.\n"
         "lock_memory = \"tried\"\n"
         "\n"
         "[database_key]\n" +
         config.database_key + "\n[http]\nlisten = " + toml_text(config.rest) +
         "\n\n[peers]\nlisten = " + toml_text(config.peers) + "\n\n[metrics]\nlisten = " + toml_text(config.metrics) +
         "\n\n[log]\nlevel = \"info\"\n";
}

Exit node_init(const NodeInitOptions& options, const fs::path& dir, World& world) {
  if (!policy::is_name(options.id)) throw usage("--id must match [a-z0-9][a-z0-9._-]{0,62}");
  expect_address("--peers", options.peers);
  expect_address("--rest", options.rest);
  const std::string listen_peers = options.listen_peers.value_or(listen_for(options.peers));
  const std::string listen_rest = options.listen_rest.value_or(listen_for(options.rest));
  const std::string listen_metrics = options.listen_metrics.value_or(metrics_for(options.rest));
  expect_address("--listen-peers", listen_peers);
  expect_address("--listen-rest", listen_rest);
  expect_address("--listen-metrics", listen_metrics);
  if (options.peers == options.rest)
    throw usage("--peers and --rest must be two addresses: each has a port of its own");
  if (split(listen_peers).port == split(listen_rest).port) throw usage("peers and REST must listen on different ports");
  for (const std::string& other : {listen_peers, listen_rest})
    if (split(listen_metrics).port == split(other).port)
      throw usage("metrics must listen on a port of their own: choose one with --listen-metrics");

  const StopSignals signals;
  NewDirectory made(clean_path(dir), "config.toml");
  const fs::path& stage = made.stage();
  const auto identity = Ed25519SecretKey::generate(world.rng);
  const SecretBytes tls_key = peers::make_tls_key(world.rng);
  policy::NodeCard card{options.id, identity.public_key(), peers::spki_of_key(tls_key), options.peers, options.rest, 1};

  const peers::Authority authority = peers::make_ca("quorate " + options.id, world.clock, world.rng);
  make_private_directory(stage / "ca");
  write_new_file(stage / "ca" / "ca.key.pem", authority.key_pem);
  write_new_file(stage / "ca.pem", view_of(authority.certificate_pem));
  write_new_file(stage / "identity.pem", identity.to_pem());
  write_new_file(stage / "tls.key.pem", tls_key);
  write_new_file(stage / "tls.cert.pem",
                 view_of(peers::issue_leaf(authority, tls_key, leaf_of(card), world.clock, world.rng)));
  const std::string database_key = database_key_lines(options);
  const bool beside = database_key == key_file_lines();
  if (beside) write_new_file(stage / "database.key", world.rng.secret<32>().expose());
  write_new_file(stage / kCard, view_of(policy::sign_card(card, identity).dump(2) + "\n"));
  write_new_file(stage / "config.toml",
                 view_of(node_config_text({options.id, "", database_key, listen_rest, listen_peers, listen_metrics})));
  made.finish();

  std::string text = "node     " + card.id + "\nin       " + clean_path(dir).string() + "\nidentity " +
                     card.identity_key.to_text() + "\npeers    " + card.peers_address + ", listening on " +
                     listen_peers + "\nREST     " + card.rest_address + ", listening on " + listen_rest + "\n";
  if (beside) text += "note     its key_file lies beside the data: for trying out, not for keys that matter\n";
  text += "\nsend the others this node's card: quorate node card --dir " + quoted(clean_path(dir).string()) + "\n";
  world.console.result({{"node", card.id},
                        {"dir", clean_path(dir).string()},
                        {"identity_key", card.identity_key.to_text()},
                        {"listen", {{"peers", listen_peers}, {"rest", listen_rest}, {"metrics", listen_metrics}}},
                        {"key_file", beside}},
                       text);
  return Exit::ok;
}

bool is_node_folder(const fs::path& dir) {
  std::error_code ignored;
  return fs::exists(dir / kCard, ignored);
}

NodeFolder open_node_folder(const fs::path& given) {
  const fs::path dir = clean_path(given);
  if (!is_node_folder(dir))
    throw failed("no_node",
                 "there is no node in " + dir.string() + " (no card.json): make one with `quorate node init`");
  std::error_code ignored;
  if (fs::exists(dir / kNextCard, ignored))
    throw failed("renewal_unfinished",
                 "a renewal in " + dir.string() + " was cut short: run `quorate node renew` again");
  const auto secret = [&](const char* name) {
    return reading([&] { return storage::read_private((dir / name).string(), kMaxKeyFile); });
  };
  auto identity = Ed25519SecretKey::from_pem(text_of(secret("identity.pem")));
  if (!identity) throw failed("node_folder", (dir / "identity.pem").string() + " is not an Ed25519 key (PKCS#8, PEM)");
  Json signed_card;
  policy::NodeCard card;
  try {
    signed_card = parse_json(read_text_file(dir / kCard));
    card = policy::parse_signed_card(signed_card);
  } catch (const JsonError& e) {
    throw failed("card_invalid", (dir / kCard).string() + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
  if (card.identity_key != identity->public_key())
    throw failed("node_folder", (dir / kCard).string() + " is not a card of the key in identity.pem");
  const auto of_key = with_file(dir / "tls.key.pem", [&] { return peers::spki_of_key(secret("tls.key.pem")); });
  const auto of_certificate =
      with_file(dir / "tls.cert.pem", [&] { return peers::spki_of_certificate(read_text_file(dir / "tls.cert.pem")); });
  if (of_key != card.tls_spki)
    throw failed("node_folder", (dir / "tls.key.pem").string() + " is not the TLS key of card.json");
  if (of_certificate != card.tls_spki)
    throw failed("node_folder", (dir / "tls.cert.pem").string() + " is not a certificate of the TLS key of card.json");
  for (const char* name : {"database.key", "ca/ca.key.pem"})
    reading([&] {
      if (storage::file_exists((dir / name).string())) storage::require_private((dir / name).string());
    });
  std::optional<std::string> cluster;
  if (fs::exists(dir / "cluster.json", ignored)) cluster = load_cluster(dir).id();
  return {dir, std::move(card), std::move(signed_card), std::move(*identity), std::move(cluster)};
}

Exit node_card(const fs::path& dir, const std::optional<std::string>& join, Console& console) {
  const NodeFolder folder = open_node_folder(dir);
  Json card = folder.signed_card;
  if (join) {
    const auto id = array_from_hex<32>(*join);
    if (!id || to_hex(*id) != *join) throw usage("--join takes a cluster's id, 64 lower-case hex digits");
    if (folder.cluster && *folder.cluster != *join)
      throw failed("node_in_use",
                   "the node in " + folder.dir.string() + " is in cluster " + *folder.cluster + " already");
    card = policy::sign_offer(card, *join, folder.identity);
  }
  console.result(card, card.dump(2));
  return Exit::ok;
}

namespace {

// Puts what the last renewal has made into its places. False: there was none, or none that came to its card.
bool finish_renewal(const fs::path& dir) {
  std::error_code ignored;
  const fs::path card = dir / kNextCard;
  const bool whole = fs::exists(card, ignored);
  if (whole && fs::exists(dir / "cluster.json", ignored)) add_card(dir, parse_json(read_text_file(card)));
  for (const char* name : {"tls.key.pem", "tls.cert.pem"}) {
    const fs::path next = dir / (std::string(name) + kNext);
    if (!fs::exists(next, ignored)) continue;
    if (whole)
      fs::rename(next, dir / name);
    else
      fs::remove(next);
  }
  sync_directory(dir);
  if (!whole) return false;
  fs::rename(card, dir / kCard);
  sync_directory(dir);
  return true;
}

}  // namespace

Exit node_renew(const NodeRenewOptions& options, const fs::path& given, World& world) {
  const fs::path dir = clean_path(given);
  if (options.peers) expect_address("--peers", *options.peers);
  if (options.rest) expect_address("--rest", *options.rest);
  if (is_node_folder(dir) && finish_renewal(dir)) {
    const std::int64_t seq = open_node_folder(dir).card.seq;
    world.console.result({{"seq", seq}, {"new_card", true}},
                         "finished the renewal that was cut short: card.json is number " + std::to_string(seq));
    return Exit::ok;
  }
  const NodeFolder folder = open_node_folder(dir);
  std::error_code ignored;
  if (!fs::exists(dir / "ca" / "ca.key.pem", ignored))
    throw failed("no_authority", "there is no " + (dir / "ca" / "ca.key.pem").string() +
                                     ": whoever has issued tls.cert.pem issues the next one, too");
  const auto secret = [&](const fs::path& file) {
    return reading([&] { return storage::read_private(file.string(), kMaxKeyFile); });
  };
  const peers::Authority authority{secret(dir / "ca" / "ca.key.pem"), read_text_file(dir / "ca.pem")};

  policy::NodeCard card = folder.card;
  const SecretBytes key = options.new_key ? peers::make_tls_key(world.rng) : secret(dir / "tls.key.pem");
  card.tls_spki = peers::spki_of_key(key);
  card.peers_address = options.peers.value_or(card.peers_address);
  card.rest_address = options.rest.value_or(card.rest_address);
  if (card.peers_address == card.rest_address) throw usage("--peers and --rest must be two addresses");
  const bool new_card = card != folder.card;
  if (new_card) ++card.seq;
  const std::string certificate = with_file(
      dir / "ca.pem", [&] { return peers::issue_leaf(authority, key, leaf_of(card), world.clock, world.rng); });
  if (new_card) {
    const Json signed_card = policy::sign_card(card, folder.identity);
    if (folder.cluster) expect_card_fits(dir, signed_card);
    if (options.new_key) write_new_file(dir / (std::string("tls.key.pem") + kNext), key);
    write_new_file(dir / (std::string("tls.cert.pem") + kNext), view_of(certificate));
    sync_directory(dir);
    replace_file(dir / kNextCard, view_of(signed_card.dump(2) + "\n"));  // whole or not there
    finish_renewal(dir);
  } else {
    replace_file(dir / "tls.cert.pem", view_of(certificate));
  }
  const std::string until = to_rfc3339(peers::parse_certificate(certificate)->not_after);
  std::string text = "tls.cert.pem of " + card.id + " is valid until " + until + "\n";
  if (!new_card)
    text += "the key and the addresses are the same, so nobody else has to do anything\nrestart the node to use it\n";
  else
    text += "card.json is a new one, number " + std::to_string(card.seq) +
            ": send it to the other operators and to users (quorate node card);\n" +
            "they take it over with quorate cluster renew, and restart their nodes\n";
  if (options.peers || options.rest) text += "where the node listens is in config.toml, and was left as it is\n";
  world.console.result({{"node", card.id}, {"not_after", until}, {"seq", card.seq}, {"new_card", new_card}}, text);
  return Exit::ok;
}

}  // namespace quorate::cli

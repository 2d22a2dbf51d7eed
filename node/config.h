// config.toml of one node: read once at start, checked wholly, paths relative to the file.
#pragma once
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace quorate::node {

// Names the field and says what is wrong with it.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct DatabaseKeySource {  // exactly one is set
  std::optional<std::filesystem::path> key_file;
  std::optional<std::string> key_env;
  std::vector<std::string> key_command;       // program and arguments, no shell
  std::optional<std::string> passphrase_env;  // stretched by Argon2id
};

enum class LogFormat { text, json };        // lines for people; one JSON object a line
enum class LockMemory { required, tried };  // what is secret goes to swap: never; a warning if the system refuses

struct Config {
  std::string node;                 // this node's id in the cluster document
  std::filesystem::path directory;  // of config.toml
  std::filesystem::path cluster, policy;
  std::filesystem::path identity_key;  // Ed25519, PKCS#8 PEM
  std::filesystem::path tls_key, tls_certificate;
  std::filesystem::path database;
  DatabaseKeySource database_key;
  std::string http_listen, peers_listen, metrics_listen;  // host:port
  std::string peers_source;      // numeric address that connections to peers come from; empty: the kernel chooses
  std::size_t http_threads = 0;  // 0: chosen by the machine
  LockMemory lock_memory = LockMemory::required;
  std::size_t workers = 0;  // session workers; 0: one per core
  LogFormat log_format = LogFormat::text;
  std::string log_level = "info";
  std::optional<std::filesystem::path> log_file;  // standard error if unset
};

// Throws ConfigError.
Config load_config(const std::filesystem::path& file);

}  // namespace quorate::node

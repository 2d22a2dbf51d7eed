#include "node/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/limits.h"

namespace quorate::node {
namespace {

constexpr std::size_t kMaxWorkers = 64;

// Reads a table's members by name and refuses those that nobody asked for.
class Table {
 public:
  Table(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  std::string text(std::string_view name) {
    const auto value = optional_text(name);
    if (!value) fail(name, "is missing");
    return *value;
  }
  std::optional<std::string> optional_text(std::string_view name) {
    const toml::node* n = take(name);
    if (n == nullptr) return std::nullopt;
    const auto value = n->value_exact<std::string>();
    if (!value || value->empty()) fail(name, "must be a string that is not empty");
    return value;
  }
  std::vector<std::string> texts(std::string_view name) {
    const toml::node* n = take(name);
    if (n == nullptr) return {};
    std::vector<std::string> list;
    if (const toml::array* a = n->as_array())
      for (const toml::node& e : *a) list.push_back(e.value_exact<std::string>().value_or(""));
    if (list.empty() || std::find(list.begin(), list.end(), "") != list.end())
      fail(name, "must be a list of strings that are not empty");
    return list;
  }
  std::size_t number(std::string_view name, std::size_t unset, std::size_t least, std::size_t most) {
    const toml::node* n = take(name);
    if (n == nullptr) return unset;
    const auto value = n->value_exact<std::int64_t>();
    if (!value || *value < static_cast<std::int64_t>(least) || *value > static_cast<std::int64_t>(most))
      fail(name, "must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
    return static_cast<std::size_t>(*value);
  }
  Table table(std::string_view name) {
    const toml::node* n = take(name);
    if (n == nullptr || !n->is_table()) fail(name, "must be a table");
    return {*n->as_table(), where_ + std::string(name) + "."};
  }
  std::optional<Table> optional_table(std::string_view name) {
    if (!table_.contains(name)) return std::nullopt;
    return table(name);
  }
  void expect_no_more() const {
    for (const auto& [key, unused] : table_)
      if (std::find(read_.begin(), read_.end(), key.str()) == read_.end()) fail(key.str(), "is not a known setting");
  }
  [[noreturn]] void fail(std::string_view name, const std::string& what) const {
    throw ConfigError(where_ + std::string(name) + " " + what);
  }

 private:
  const toml::node* take(std::string_view name) {
    read_.emplace_back(name);
    return table_.get(name);
  }
  const toml::table& table_;
  std::string where_;
  std::vector<std::string> read_;
};

DatabaseKeySource read_key_source(Table table, const std::filesystem::path& base) {
  DatabaseKeySource source;
  if (const auto v = table.optional_text("key_file")) source.key_file = base / *v;
  source.key_env = table.optional_text("key_env");
  source.key_command = table.texts("key_command");
  source.passphrase_env = table.optional_text("passphrase_env");
  table.expect_no_more();
  const int given = source.key_file.has_value() + source.key_env.has_value() + !source.key_command.empty() +
                    source.passphrase_env.has_value();
  if (given != 1) throw ConfigError("database_key needs exactly one of key_file, key_env, key_command, passphrase_env");
  return source;
}

}  // namespace

Config load_config(const std::filesystem::path& file) {
  toml::table parsed;
  try {
    parsed = toml::parse_file(file.string());
  } catch (const toml::parse_error& e) {
    throw ConfigError(file.string() + ":" + std::to_string(e.source().begin.line) + ": " +
                      std::string(e.description()));
  }
  Config c;
  c.directory = std::filesystem::absolute(file).parent_path();
  try {
    Table root(parsed, "");
    c.node = root.text("node");
    c.cluster = c.directory / root.text("cluster");
    c.policy = c.directory / root.text("policy");
    c.identity_key = c.directory / root.text("identity_key");
    c.tls_key = c.directory / root.text("tls_key");
    c.tls_certificate = c.directory / root.text("tls_certificate");
    c.database = c.directory / root.text("database");
    c.workers = root.number("workers", 0, 1, kMaxWorkers);
    if (const auto v = root.optional_text("lock_memory")) {
      if (*v != "required" && *v != "tried") root.fail("lock_memory", "must be required or tried");
      c.lock_memory = *v == "tried" ? LockMemory::tried : LockMemory::required;
    }
    c.database_key = read_key_source(root.table("database_key"), c.directory);

    Table http = root.table("http");
    c.http_listen = http.text("listen");
    c.http_threads = http.number("threads", 0, limits::kMinHttpThreads, limits::kMaxHttpThreads);
    http.expect_no_more();

    Table peers = root.table("peers");
    c.peers_listen = peers.text("listen");
    c.peers_source = peers.optional_text("source").value_or("");
    peers.expect_no_more();

    Table metrics = root.table("metrics");
    c.metrics_listen = metrics.text("listen");
    metrics.expect_no_more();

    if (auto log = root.optional_table("log")) {
      if (const auto v = log->optional_text("file")) c.log_file = c.directory / *v;
      if (const auto v = log->optional_text("level")) {
        constexpr std::array<std::string_view, 4> levels{"debug", "info", "warn", "error"};
        if (std::find(levels.begin(), levels.end(), *v) == levels.end())
          log->fail("level", "must be debug, info, warn or error");
        c.log_level = *v;
      }
      if (const auto v = log->optional_text("format")) {
        if (*v != "text" && *v != "json") log->fail("format", "must be text or json");
        c.log_format = *v == "json" ? LogFormat::json : LogFormat::text;
      }
      log->expect_no_more();
    }
    root.expect_no_more();
  } catch (const ConfigError& e) {
    throw ConfigError(file.string() + ": " + e.what());
  }
  return c;
}

}  // namespace quorate::node

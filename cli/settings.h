// Which cluster, which user, which node: flags, environment, and the client's config.toml.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

namespace quorate::cli {

struct GlobalOptions {
  bool json = false;
  std::optional<std::string> dir, user, node;
};

struct Environment {
  std::filesystem::path home;              // $HOME
  std::string program = "quorate";         // as it was called, for commands that are shown to the user
  std::optional<std::string> quorate_dir;  // $QUORATE_DIR
};
Environment environment_of_process(const char* called_as);

// Where a command finds its cluster.
struct Place {
  std::filesystem::path dir;        // holds cluster.json, users/
  std::string user = "admin";       // --as, else the config's
  std::optional<std::string> node;  // --node, else the config's; unset: any that answers
  bool named = false;  // by a flag or the environment, so that commands shown to the user must name it, too
};

std::filesystem::path default_dir(const Environment& env);    // ~/.local/share/quorate
std::filesystem::path client_config(const Environment& env);  // ~/.config/quorate/config.toml

// --dir, else QUORATE_DIR, else `dir` of the client config, else default_dir. A config.toml in the directory itself may
// name `user` and `node`, too. Throws Failure for a config that cannot be read.
Place find_place(const GlobalOptions& options, const Environment& env);

// The content of a client config.
std::string client_config_text(const std::filesystem::path& dir, const std::string& user);

// A string as TOML writes it, quotes included.
std::string toml_text(const std::string& text);
// A word as a POSIX shell reads it.
std::string quoted(const std::string& word);

}  // namespace quorate::cli

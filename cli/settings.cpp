#include "cli/settings.h"

#include <toml++/toml.h>

#include <cstdlib>

#include "base/bytes.h"
#include "cli/files.h"
#include "cli/outcome.h"

namespace quorate::cli {
namespace {

struct FileSettings {
  std::optional<std::string> dir, user, node;
};

FileSettings read_settings(const fs::path& file) {
  FileSettings settings;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return settings;
  toml::table table;
  try {
    table = toml::parse(read_text_file(file), file.string());
  } catch (const toml::parse_error& e) {
    throw failed("config",
                 file.string() + ":" + std::to_string(e.source().begin.line) + ": " + std::string(e.description()));
  }
  if (table.contains("identity_key"))
    throw failed("node_folder", file.parent_path().string() +
                                    " is a node's folder; users have folders of their own (quorate user init)");
  for (const auto& [key, value] : table) {
    const auto text = value.value_exact<std::string>();
    if (!text || text->empty())
      throw failed("config", file.string() + ": " + std::string(key.str()) + " must be a string that is not empty");
    if (key == "dir")
      settings.dir = text;
    else if (key == "user")
      settings.user = text;
    else if (key == "node")
      settings.node = text;
    else
      throw failed("config", file.string() + ": " + std::string(key.str()) + " is not a known setting");
  }
  return settings;
}

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

}  // namespace

Environment environment_of_process(const char* called_as) {
  Environment env;
  env.home = variable("HOME").value_or("/");
  if (called_as != nullptr && *called_as != '\0') env.program = called_as;
  env.quorate_dir = variable("QUORATE_DIR");
  return env;
}

fs::path default_dir(const Environment& env) { return env.home / ".local/share/quorate"; }
fs::path client_config(const Environment& env) { return env.home / ".config/quorate/config.toml"; }

Place find_place(const GlobalOptions& options, const Environment& env) {
  Place place;
  FileSettings of_user;
  if (options.dir || env.quorate_dir) {
    place.dir = options.dir ? *options.dir : *env.quorate_dir;
    place.named = options.dir.has_value();
  } else {
    of_user = read_settings(client_config(env));
    place.dir = of_user.dir ? fs::path(*of_user.dir) : default_dir(env);
  }
  place.dir = fs::absolute(place.dir).lexically_normal();
  const FileSettings of_dir = read_settings(place.dir / "config.toml");
  if (of_dir.dir)
    throw failed("config", (place.dir / "config.toml").string() + ": dir belongs in the user's own config");
  for (const auto& user : {options.user, of_user.user, of_dir.user})
    if (user) {
      place.user = *user;
      break;
    }
  for (const auto& node : {options.node, of_user.node, of_dir.node})
    if (node) {
      place.node = node;
      break;
    }
  return place;
}

std::string client_config_text(const fs::path& dir, const std::string& user) {
  return "# The cluster and the user that the `quorate` command speaks for.\n"
         "dir = " +
         toml_text(dir.string()) + "\nuser = " + toml_text(user) + "\n";
}

std::string toml_text(const std::string& text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string quoted(const std::string& word) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,@:";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace quorate::cli

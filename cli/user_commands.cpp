#include "cli/user_commands.h"

#include "base/ed25519.h"
#include "cli/files.h"
#include "cli/new_directory.h"
#include "cli/node_folder.h"
#include "cli/settings.h"
#include "cli/stop_signals.h"
#include "policy/kinds.h"

namespace quorate::cli {

bool is_user_folder(const fs::path& dir) {
  std::error_code ignored;
  return fs::is_directory(dir / "users", ignored);
}

Exit user_init(const UserInitOptions& options, const fs::path& given, World& world) {
  if (!policy::is_name(options.id)) throw usage("--id must match [a-z0-9][a-z0-9._-]{0,62}");
  for (const std::string& group : options.groups)
    if (!policy::is_name(group)) throw usage("'" + one_line(group) + "' is not a group's name");
  const fs::path dir = clean_path(given);
  if (is_node_folder(dir))
    throw failed("node_folder", dir.string() + " is a node's folder: a user needs one of their own");
  const StopSignals signals;
  const auto key = Ed25519SecretKey::generate(world.rng);
  const std::string file = options.id + ".pem";
  if (is_user_folder(dir)) {
    write_new_file(dir / "users" / file, key.to_pem());
    sync_directory(dir / "users");
  } else {
    NewDirectory made(dir, "config.toml");
    make_private_directory(made.stage() / "users");
    write_new_file(made.stage() / "users" / file, key.to_pem());
    write_new_file(
        made.stage() / "config.toml",
        view_of("# The user that commands with this --dir speak for.\nuser = " + toml_text(options.id) + "\n"));
    made.finish();
  }
  const Json user{{"id", options.id}, {"key", key.public_key().to_text()}, {"groups", options.groups}};
  world.console.note("made " + (dir / "users" / file).string() + "; the policy names this user by:");
  world.console.result(user, user.dump());
  return Exit::ok;
}

}  // namespace quorate::cli

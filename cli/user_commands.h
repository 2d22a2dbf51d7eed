// `quorate user init`: a person's or a program's own folder, from which the client commands work.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "cli/outcome.h"
#include "cli/world.h"

namespace quorate::cli {

struct UserInitOptions {
  std::string id;
  std::vector<std::string> groups;
};
// Makes users/ID.pem, in a new folder or in one that has users already, and shows the user as the policy names it.
Exit user_init(const UserInitOptions& options, const std::filesystem::path& dir, World& world);

bool is_user_folder(const std::filesystem::path& dir);

}  // namespace quorate::cli

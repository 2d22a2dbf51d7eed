// The words of `quorate`: options become calls of the commands, whatever goes wrong becomes one line and an exit code.
#pragma once
#include <iosfwd>
#include <string>
#include <vector>

#include "cli/settings.h"
#include "cli/world.h"

namespace quorate::cli {

inline constexpr std::string_view kVersion = "0.1.0";

// `arguments` without the program's name. Never throws.
Exit run(std::vector<std::string> arguments, const Environment& env, World& world, std::istream& in);

}  // namespace quorate::cli

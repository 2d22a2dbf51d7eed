// `quorate demo`: a cluster from nothing, shown at work, and taken away again.
#pragma once
#include <filesystem>
#include <optional>

#include "cli/outcome.h"
#include "cli/world.h"

namespace quorate::cli {

struct DemoOptions {
  std::optional<std::filesystem::path> dir;  // unset: a temporary one
  std::optional<int> base_port;              // unset: the default if it is free, else another
  bool keep = false;                         // the directory, when it is a temporary one; `dir` is always kept
};

// Exit::ok only when every step has worked; throws Failure naming the step that has not.
Exit demo_command(const DemoOptions& options, World& world);

}  // namespace quorate::cli

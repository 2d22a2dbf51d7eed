// How a command ends: the exit codes of docs/cli.md, and the one failure that every command throws.
#pragma once
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "base/json.h"

namespace quorate::cli {

enum class Exit : int { ok = 0, failed = 1, usage = 2, denied = 3, waiting = 4, no_quorum = 5 };

// Told to the user as one line on standard error; with --json also as {"error": {code, detail, …}} on standard output.
struct Failure : std::runtime_error {
  Exit exit;
  std::string code;  // snake_case, stable
  Json problem;      // the node's problem document (RFC 9457), null when no node answered
  Failure(Exit e, std::string c, const std::string& detail, Json p = nullptr)
      : std::runtime_error(detail), exit(e), code(std::move(c)), problem(std::move(p)) {}
};

inline Failure failed(std::string code, const std::string& detail) { return {Exit::failed, std::move(code), detail}; }
inline Failure usage(const std::string& detail) { return {Exit::usage, "usage", detail}; }

}  // namespace quorate::cli

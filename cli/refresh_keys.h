// `quorate key refresh` of many keys at once.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/cluster_client.h"

namespace quorate::cli {

inline constexpr int kRefreshThreads = 4, kMostRefreshThreads = 16;

struct KeyRefreshOptions {
  std::vector<std::string> keys;  // names or ids …
  bool all = false;               // … or every key that is not archived
  // RFC 3339, UTC: keys whose shares are of that time or later are left out. So a run that was interrupted goes on with
  // the time at which it began, and nothing needs to be remembered of it.
  std::optional<std::string> not_since;
  int parallel = kRefreshThreads;  // keys at a time, each over a connection of its own
  std::vector<std::string>
      command;  // how `quorate` was called, up to the subcommand; for the line that says how to go on
};

// One key and no --not-since: key_refresh(). Otherwise every key is tried, and what failed is listed at the end. A stop
// signal lets the keys that are under way end and begins no other. Not ok unless every key has new shares.
Exit refresh_keys(const KeyRefreshOptions& options, const Place& place, World& world);

}  // namespace quorate::cli

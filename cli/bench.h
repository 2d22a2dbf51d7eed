// `quorate bench`: a load of signatures on a running cluster, and what came of it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/settings.h"
#include "cli/world.h"

namespace quorate::cli {

inline constexpr int kMostBenchClients = 256, kMostBenchSeconds = 600;
inline constexpr double kMostBenchRate = 10'000;

struct BenchOptions {
  std::vector<std::string> keys;  // names or ids; one after the other
  int clients = 16;               // each with a connection to every node that it asks, kept alive
  int seconds = 10;               // that are measured …
  int warm_up = 2;                // … after these
  // Closed loop: a client asks again when it has its answer. Open loop: requests come at random, so many a second in
  // all, whether or not there is an answer; what a request waits for a free client counts as its time.
  std::optional<double> rate;
};

// Every request signs a message of its own, is sent again to another node, as the same request, while there is no
// answer or one that says to come again, and its signature is verified after the run. Not ok unless every request was
// signed and every signature holds. A stop signal ends the run early; what was measured is told.
Exit bench(const BenchOptions& options, const Place& place, World& world);

}  // namespace quorate::cli

// What a command needs from outside.
#pragma once
#include "base/clock.h"
#include "base/rng.h"
#include "cli/console.h"

namespace quorate::cli {

struct World {
  const Clock& clock;
  Rng& rng;
  Console& console;
};

}  // namespace quorate::cli

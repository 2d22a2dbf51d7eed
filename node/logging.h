// The log of one process: a line per event, printable whatever came from outside.
#pragma once
#include "node/config.h"
#include "node/world.h"

namespace quorate::node {

Log make_log(const Config& config);

}  // namespace quorate::node

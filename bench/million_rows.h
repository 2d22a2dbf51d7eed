// A ledger over a database in which the longest window holds a million requests, whatever sum is asked for.
#pragma once
#include "policy/windows.h"

namespace quorate::bench {

const policy::Ledger& million_rows();

}  // namespace quorate::bench

#include "base/freed_memory.h"

#include <malloc.h>

#include "base/limits.h"

namespace quorate {

void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, limits::kFreedKept);
  mallopt(M_MMAP_THRESHOLD, limits::kOwnMapping);
}

}  // namespace quorate

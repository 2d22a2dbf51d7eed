// What becomes of memory that is freed.
#pragma once

namespace quorate {

// Up to limits::kFreedKept bytes of it stay with the process. A signature takes and frees a few hundred KiB; if the C
// library hands them back each time, the kernel's work is a fifth of the signature's. For a program's main(), once.
void keep_freed_memory();

}  // namespace quorate

// Replaces operator new and delete of a test binary: counts what is alive, fails the k-th allocation, and looks for a
// mark in every block that is freed. Include in one file of a binary only.
#pragma once
#include <malloc.h>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/bytes.h"

namespace quorate::test {

struct Allocations {
  static inline long alive = 0;        // blocks
  static inline long fail_after = -1;  // so many more succeed, then one fails; -1: none fails
  static inline bool scanning = false;
  static inline ByteArray<16> mark{};
  static inline int marks_freed = 0;  // blocks that held the mark when they were freed
};

}  // namespace quorate::test

void* operator new(std::size_t n) {
  using quorate::test::Allocations;
  if (Allocations::fail_after >= 0 && Allocations::fail_after-- == 0) throw std::bad_alloc();
  void* p = std::malloc(n != 0 ? n : 1);
  if (p == nullptr) throw std::bad_alloc();
  ++Allocations::alive;
  return p;
}
void operator delete(void* p) noexcept {
  using quorate::test::Allocations;
  if (p == nullptr) return;
  --Allocations::alive;
  if (Allocations::scanning &&
      memmem(p, malloc_usable_size(p), Allocations::mark.data(), Allocations::mark.size()) != nullptr)
    ++Allocations::marks_freed;
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }

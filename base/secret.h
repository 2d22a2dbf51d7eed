// Values that must not outlive their use: wiped, move-only, never compared or printed by accident.
#pragma once
#include <sodium.h>

#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace quorate {

// Not removable by the optimiser.
inline void wipe(void* p, std::size_t n) noexcept { sodium_memzero(p, n); }

// Wipes what it gives back, so that a container of secrets leaves nothing behind when it grows, shrinks or dies.
template <class T> struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class U> WipingAllocator(const WipingAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return std::allocator<T>{}.allocate(n); }
  void deallocate(T* p, std::size_t n) noexcept {
    wipe(p, n * sizeof(T));
    std::allocator<T>{}.deallocate(p, n);
  }
  template <class U> bool operator==(const WipingAllocator<U>&) const noexcept { return true; }
};

// Bytes that are, or may hold, a secret: shares, message bodies, records on their way to the disk.
using SecretBytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;

// As a whole: insert() and assign() copy byte by byte through the allocator.
inline void append(SecretBytes& out, ByteView b) {
  const std::size_t at = out.size();
  out.resize(at + b.size());
  if (!b.empty()) std::memcpy(out.data() + at, b.data(), b.size());
}
inline SecretBytes secret_bytes(ByteView b) {
  SecretBytes out;
  append(out, b);
  return out;
}

// A secret of fixed size. Move-only: a copy is made by `copy()`, in words. There is no ==, no <<, no conversion:
// every use reads `.expose()`, so that a search for it lists all of them.
template <class T> class Secret {
  static_assert(std::is_trivially_copyable_v<T>, "a container of secrets wipes itself: use SecretBytes");

 public:
  Secret() noexcept : value_{} {}
  explicit Secret(const T& value) noexcept : value_(value) {}
  Secret(Secret&& other) noexcept : value_(other.value_) { wipe(&other.value_, sizeof(T)); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      value_ = other.value_;
      wipe(&other.value_, sizeof(T));
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(&value_, sizeof(T)); }

  const T& expose() const noexcept { return value_; }
  T& expose() noexcept { return value_; }
  Secret copy() const noexcept { return Secret(value_); }

 private:
  T value_;
};

}  // namespace quorate

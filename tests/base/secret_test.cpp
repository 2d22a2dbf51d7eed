#include "base/secret.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "base/codec.h"

namespace {

// What a block of memory holds in the moment when it is given back.
std::atomic<void*> watched{nullptr};
std::size_t watched_size = 0;
bool watched_was_zero = false;

void look_at(void* p) {
  if (p == nullptr || p != watched.load()) return;
  watched_was_zero = true;
  for (std::size_t i = 0; i < watched_size; ++i)
    if (static_cast<unsigned char*>(p)[i] != 0) watched_was_zero = false;
  watched = nullptr;
}

void watch(void* p, std::size_t n) {
  watched_size = n;
  watched_was_zero = false;
  watched = p;
}
bool given_back_as_zero() { return watched.load() == nullptr && watched_was_zero; }

}  // namespace

void* operator new(std::size_t n) {
  if (void* p = std::malloc(n == 0 ? 1 : n)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  look_at(p);
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  look_at(p);
  std::free(p);
}

namespace quorate {
namespace {

bool all_are(const unsigned char* p, std::size_t n, unsigned char value) {
  for (std::size_t i = 0; i < n; ++i)
    if (p[i] != value) return false;
  return true;
}

Bytes32 filled(std::uint8_t value) {
  Bytes32 out;
  out.fill(value);
  return out;
}

TEST(Secret, IsWipedWhenDestroyed) {
  alignas(Secret<Bytes32>) unsigned char place[sizeof(Secret<Bytes32>)];
  auto* secret = new (place) Secret<Bytes32>(filled(0xa5));
  EXPECT_TRUE(all_are(place, 32, 0xa5));
  secret->~Secret();
  EXPECT_TRUE(all_are(place, 32, 0));
}

TEST(Secret, IsWipedWhenMovedFrom) {
  Secret<Bytes32> a(filled(1));
  Secret<Bytes32> b(std::move(a));
  EXPECT_EQ(a.expose(), Bytes32{});
  EXPECT_EQ(b.expose(), filled(1));
  Secret<Bytes32> c(filled(2));
  c = std::move(b);
  EXPECT_EQ(b.expose(), Bytes32{});
  EXPECT_EQ(c.expose(), filled(1));
}

TEST(Secret, SurvivesBeingMovedToItself) {
  Secret<Bytes32> a(filled(3));
  Secret<Bytes32>& same = a;
  a = std::move(same);
  EXPECT_EQ(a.expose(), filled(3));
}

TEST(Secret, StartsAsZeroAndCopiesOnlyInWords) {
  EXPECT_EQ(Secret<Bytes32>().expose(), Bytes32{});
  const Secret<Bytes32> a(filled(4));
  const Secret<Bytes32> b = a.copy();
  EXPECT_EQ(a.expose(), b.expose());
  static_assert(!std::is_copy_constructible_v<Secret<Bytes32>> && !std::is_copy_assignable_v<Secret<Bytes32>>);
  static_assert(!std::is_convertible_v<Secret<Bytes32>, Bytes32> && !std::equality_comparable<Secret<Bytes32>>);
  static_assert(std::is_nothrow_move_constructible_v<Secret<Bytes32>>);
}

TEST(SecretBytes, IsWipedWhenItDies) {
  {
    SecretBytes bytes(100, 0x77);
    watch(bytes.data(), 100);
  }
  EXPECT_TRUE(given_back_as_zero());
}

TEST(SecretBytes, IsWipedWhenItGrows) {
  SecretBytes bytes(100, 0x77);
  bytes.shrink_to_fit();
  watch(bytes.data(), 100);
  bytes.resize(10'000);
  EXPECT_TRUE(given_back_as_zero());
  EXPECT_EQ(bytes[99], 0x77);
}

TEST(SecretBytes, IsWipedWhenReplaced) {
  SecretBytes bytes(100, 0x77);
  watch(bytes.data(), 100);
  bytes = SecretBytes(5, 0x11);
  EXPECT_TRUE(given_back_as_zero());
}

TEST(SecretBytes, TheWatcherSeesWhatOrdinaryBytesLeaveBehind) {
  {
    Bytes bytes(100, 0x77);
    watch(bytes.data(), 100);
  }
  EXPECT_FALSE(given_back_as_zero());
}

TEST(SecretBytes, ABoundedListOfSecretsWipesItselfToo) {
  {
    BoundedSecretBytes<200> bytes(100, 0x77);
    watch(bytes.data(), 100);
  }
  EXPECT_TRUE(given_back_as_zero());
}

}  // namespace
}  // namespace quorate

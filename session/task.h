// Task<T>: a lazy, move-only coroutine. Sub-tasks run by symmetric transfer, exceptions propagate, a frame is wiped
// when it is freed.
//
// Rules for coroutines (tests/lint_coroutines.py finds what can be found): free functions only; parameters by value, or
// references to what outlives the task; a statement with co_await holds names, std::move(name), scalars and plain
// calls, because g++ 12 destroys aggregate temporaries, capturing lambdas and the operands of ?: twice when they share
// a full expression with it.
#pragma once
#include <coroutine>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/secret.h"

namespace quorate {

template <class T>
class Task;

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> parent = std::noop_coroutine();
  std::exception_ptr error;

  struct Final {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> h) const noexcept {
      return h.promise().parent;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  Final final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  // noinline: where g++ 12 inlines only one of the pair it warns, falsely, of mismatched new and delete.
  [[gnu::noinline]] static void* operator new(std::size_t n) { return ::operator new(n); }
  [[gnu::noinline]] static void operator delete(void* p, std::size_t n) noexcept {
    wipe(p, n);
    ::operator delete(p);
  }
};

template <class T>
struct Promise : PromiseBase {
  static_assert(alignof(T) <= alignof(std::max_align_t), "coroutine frames are not aligned for more");
  std::optional<T> value;

  Task<T> get_return_object() noexcept;
  void return_value(T v) noexcept(std::is_nothrow_move_constructible_v<T>) { value.emplace(std::move(v)); }
  T take() {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
    return std::move(*value);
  }
};
template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() {
    if (error) std::rethrow_exception(std::exchange(error, nullptr));
  }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() noexcept = default;
  explicit Task(Handle h) noexcept : handle_(opaque(h)) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task(std::move(other)).swap(*this);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }
  void swap(Task& other) noexcept { std::swap(handle_, other.handle_); }

  // For the root task, which a Session owns.
  bool done() const noexcept { return !handle_ || handle_.done(); }
  void start() {
    QUORATE_ASSERT(handle_);
    handle_.resume();
  }
  T take() {  // once, after done(); throws what the coroutine threw
    QUORATE_ASSERT(handle_ && handle_.done());
    return handle_.promise().take();
  }

  // co_await task: runs it as a child of the awaiting coroutine. An rvalue: awaited once.
  auto operator co_await() && noexcept {
    struct Awaiter {
      Handle h;
      bool await_ready() const noexcept { return false; }
      Handle await_suspend(std::coroutine_handle<> parent) const noexcept {
        h.promise().parent = parent;
        return h;
      }
      T await_resume() const { return h.promise().take(); }
    };
    QUORATE_ASSERT(handle_);
    return Awaiter{handle_};
  }

 private:
  // Hides the frame from the optimiser: clang from -O1 up would place it in the parent's frame or on the stack, where
  // nobody wipes it.
  static Handle opaque(Handle h) noexcept {
    void* address = h.address();
    __asm__ __volatile__("" : "+r"(address));
    return Handle::from_address(address);
  }
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}
}  // namespace detail

}  // namespace quorate

// Calls whose answers depend on what is yet to happen. None holds a thread: what happens, the end of its time, or the
// end of the node answers it.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "http/api.h"

namespace quorate::node {

// Thread-safe. A call is answered once, by whatever comes first; its callbacks run without the lock.
class ParkedCalls {
 public:
  struct Call {
    http::Respond respond;
    SteadyTime until{};    // then it is answered if its request is known to be stored, …
    SteadyTime at_last{};  // … and then in any case
    // Makes the answer of one that has not come to its end; `stored`: the request's id, "" if it is not known to be.
    std::function<http::Answer(const std::string& stored)> unfinished;
    // Nobody waits any more for the end of what is stored.
    std::function<void(const std::string& stored)> forget{};
    std::shared_ptr<const void> held{};  // let go of with the call
  };
  explicit ParkedCalls(const Clock& clock) : clock_(clock) {}

  void park(std::uint64_t ticket, Call call);
  // False: nobody waits any more.
  bool stored(std::uint64_t ticket, const std::string& id, bool waits_for_people);
  void answer(std::uint64_t ticket, std::function<http::Answer()> make);
  void drop(std::uint64_t ticket);  // its client has left, or was answered otherwise
  void tick();
  void close();  // answers all of them, and all that are still to come, at once
  std::size_t size() const;

 private:
  struct Parked {
    Call call;
    std::string stored;
  };
  std::optional<Parked> take(std::uint64_t ticket);
  static void end(Parked parked);

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Parked> calls_;
  bool closed_ = false;
};

}  // namespace quorate::node

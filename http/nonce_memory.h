// Nonces seen in the last 150 s, so that a recorded request cannot be sent again. A mutation may be sent again as the
// same request (a retry); beyond this memory its nonce lives in the request's record.
#pragma once
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"

namespace quorate::http {

// Thread-safe; bounded per user and in all.
class NonceMemory {
 public:
  enum class Answer { fresh, seen, full };

  explicit NonceMemory(std::size_t most_per_user = limits::kMaxNoncesPerUser,
                       std::size_t most_in_all = limits::kMaxNoncesInAll)
      : most_per_user_(most_per_user), most_in_all_(most_in_all) {}

  // `request`: the id of a mutation, "" for a GET, which may not come twice.
  Answer remember(std::string_view user, std::string_view nonce, std::string_view request, SteadyTime now) {
    const ByteView parts[] = {view_of(user), view_of(nonce)};
    const Digest id = sha256_list(parts);
    const std::lock_guard lock(mutex_);
    forget_old(now);
    if (const auto it = seen_.find(id); it != seen_.end())
      return !request.empty() && it->second == request ? Answer::fresh : Answer::seen;
    std::size_t& of_user = count_[std::string(user)];
    if (of_user >= most_per_user_ || seen_.size() >= most_in_all_) {
      if (of_user == 0) count_.erase(std::string(user));
      return Answer::full;
    }
    ++of_user;
    seen_.emplace(id, request);
    order_.push_back({now + limits::kNonceMemory, id, std::string(user)});
    return Answer::fresh;
  }

 private:
  struct Entry {
    SteadyTime until;
    Digest id;
    std::string user;
  };
  void forget_old(SteadyTime now) {
    for (; !order_.empty() && order_.front().until <= now; order_.pop_front()) {
      seen_.erase(order_.front().id);
      const auto it = count_.find(order_.front().user);
      if (--it->second == 0) count_.erase(it);
    }
  }

  const std::size_t most_per_user_, most_in_all_;
  std::mutex mutex_;
  std::map<Digest, std::string> seen_;  // to the request id
  std::map<std::string, std::size_t> count_;
  std::deque<Entry> order_;  // oldest first
};

}  // namespace quorate::http

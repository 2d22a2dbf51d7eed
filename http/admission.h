// How many calls of each user are on their way at once: waiting for a thread, on one, or for what is yet to happen.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "base/limits.h"
#include "http/api.h"

namespace quorate::http {

struct CallBounds {
  std::size_t per_user = limits::kMaxCallsPerUser;  // of any kind
  std::size_t waiting = limits::kMaxWaitingCalls;   // of all users, of those that may wait for an event
};

// Thread-safe.
class Admission {
  struct OfUser {
    std::size_t calls = 0, waiting = 0;
  };
  struct Counts {
    std::mutex mutex;
    std::map<std::string, OfUser> users;
    std::size_t waiting = 0;
  };

 public:
  // One call's. It may outlive the admission.
  class Place {
   public:
    Place(std::shared_ptr<Counts> counts, std::string user, bool may_wait)
        : counts_(std::move(counts)), user_(std::move(user)), may_wait_(may_wait) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { give_back(); }
    void give_back() {
      const std::lock_guard lock(counts_->mutex);
      if (std::exchange(given_back_, true)) return;
      const auto it = counts_->users.find(user_);
      if (may_wait_) --it->second.waiting, --counts_->waiting;
      if (--it->second.calls == 0) counts_->users.erase(it);
    }

   private:
    const std::shared_ptr<Counts> counts_;
    const std::string user_;
    const bool may_wait_;
    bool given_back_ = false;
  };

  explicit Admission(CallBounds bounds) : bounds_(bounds) {}

  // 429: the user has as many as one may have. 503: of those that may wait he has as many as are still free, so that
  // there is always a place for somebody else.
  std::variant<std::shared_ptr<Place>, Problem> enter(const std::string& user, bool may_wait) {
    const std::lock_guard lock(counts_->mutex);
    const auto it = counts_->users.find(user);
    const OfUser mine = it == counts_->users.end() ? OfUser() : it->second;
    if (mine.calls >= bounds_.per_user)
      return refusal(429, "too_many_requests",
                     std::to_string(bounds_.per_user) + " calls of this user are on their way: wait for an answer");
    if (may_wait && (counts_->waiting >= bounds_.waiting || mine.waiting >= bounds_.waiting - counts_->waiting))
      return refusal(503, "busy", "too many calls wait for their results");
    OfUser& now = counts_->users[user];
    ++now.calls;
    if (may_wait) ++now.waiting, ++counts_->waiting;
    return std::make_shared<Place>(counts_, user, may_wait);
  }

 private:
  static Problem refusal(int status, const std::string& code, const std::string& detail) {
    Problem p;
    p.status = status;
    p.code = code;
    p.detail = detail;
    p.retry_after = 1;
    return p;
  }

  const CallBounds bounds_;
  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace quorate::http

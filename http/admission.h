// How many calls of each user are on their way at once: waiting for a thread, on one, or for what is yet to happen; and
// how many answers go on for long.
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

inline constexpr std::size_t kMaxStreams = 64;        // open at once, of all users …
inline constexpr std::size_t kMaxStreamsPerUser = 8;  // … and of one
inline constexpr int kStreamRetry = 5;                // seconds, for who is over it

struct CallBounds {
  std::size_t per_user = limits::kMaxCallsPerUser;  // of any kind but streams
  std::size_t waiting = limits::kMaxWaitingCalls;   // of all users, of those that may wait for an event
  std::size_t streams = kMaxStreams;                // of all users; they take no call's place
  std::size_t streams_per_user = kMaxStreamsPerUser;
};

enum class Lasts { unset = 0, shortly, until_an_event, long_after };  // long_after: a stream

// Thread-safe.
class Admission {
  struct OfUser {
    std::size_t calls = 0, waiting = 0, streams = 0;
  };
  struct Counts {
    std::mutex mutex;
    std::map<std::string, OfUser> users;
    std::size_t waiting = 0, streams = 0;
  };

 public:
  // One call's. It may outlive the admission.
  class Place {
   public:
    Place(std::shared_ptr<Counts> counts, std::string user, Lasts lasts)
        : counts_(std::move(counts)), user_(std::move(user)), lasts_(lasts) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { give_back(); }
    void give_back() {
      const std::lock_guard lock(counts_->mutex);
      if (std::exchange(given_back_, true)) return;
      const auto it = counts_->users.find(user_);
      OfUser& mine = it->second;
      if (lasts_ == Lasts::until_an_event) --mine.waiting, --counts_->waiting;
      if (lasts_ == Lasts::long_after)
        --mine.streams, --counts_->streams;
      else
        --mine.calls;
      if (mine.calls == 0 && mine.streams == 0) counts_->users.erase(it);
    }

   private:
    const std::shared_ptr<Counts> counts_;
    const std::string user_;
    const Lasts lasts_;
    bool given_back_ = false;
  };

  explicit Admission(CallBounds bounds) : bounds_(bounds) {}

  // 429: the user has as many as one may have. 503: of those that may wait he has as many as are still free, so that
  // there is always a place for somebody else; streams likewise.
  std::variant<std::shared_ptr<Place>, Problem> enter(const std::string& user, Lasts lasts) {
    const std::lock_guard lock(counts_->mutex);
    const auto it = counts_->users.find(user);
    const OfUser mine = it == counts_->users.end() ? OfUser() : it->second;
    if (lasts == Lasts::long_after) {
      if (mine.streams >= bounds_.streams_per_user)
        return refusal(429, "too_many_streams",
                       std::to_string(bounds_.streams_per_user) + " streams of this user are open", kStreamRetry);
      if (counts_->streams >= bounds_.streams || mine.streams >= bounds_.streams - counts_->streams)
        return refusal(503, "busy", "too many streams are open", kStreamRetry);
      ++counts_->users[user].streams, ++counts_->streams;
      return std::make_shared<Place>(counts_, user, lasts);
    }
    if (mine.calls >= bounds_.per_user)
      return refusal(429, "too_many_requests",
                     std::to_string(bounds_.per_user) + " calls of this user are on their way: wait for an answer");
    const bool may_wait = lasts == Lasts::until_an_event;
    if (may_wait && (counts_->waiting >= bounds_.waiting || mine.waiting >= bounds_.waiting - counts_->waiting))
      return refusal(503, "busy", "too many calls wait for their results");
    OfUser& now = counts_->users[user];
    ++now.calls;
    if (may_wait) ++now.waiting, ++counts_->waiting;
    return std::make_shared<Place>(counts_, user, lasts);
  }

 private:
  static Problem refusal(int status, const std::string& code, const std::string& detail, int retry_after = 1) {
    Problem p;
    p.status = status;
    p.code = code;
    p.detail = detail;
    p.retry_after = retry_after;
    return p;
  }

  const CallBounds bounds_;
  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace quorate::http

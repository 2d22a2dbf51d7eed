// Nonces seen in the last 150 s, so that a recorded request cannot be sent again. A mutation may be sent again as the
// same request (a retry); beyond this memory its nonce lives in the request's record. GETs count like mutations.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/limits.h"

namespace quorate::http {

// Thread-safe; bounded per user and in all. Some 50 bytes for each: hashes under a key that nobody outside knows, so
// that no client can make them collide, in order of time, and a table of where each is.
class NonceMemory {
 public:
  enum class Answer { fresh, seen, full };

  explicit NonceMemory(const Bytes32& key, std::size_t most_per_user = limits::kMaxNoncesPerUser,
                       std::size_t most_in_all = limits::kMaxNoncesInAll)
      : key_(key), most_per_user_(most_per_user), most_in_all_(most_in_all) {}

  // `request`: the id of a mutation, "" for a GET, which may not come twice. Full: this user has as many as one may
  // have, or as many as are free for all, so that there is always room for somebody else's.
  Answer remember(std::string_view user, std::string_view nonce, std::string_view request, SteadyTime now) {
    const Id id = hash(user, nonce);
    const std::uint64_t is = request.empty() ? 0 : place_of(hash("", request)) | 1;
    const std::lock_guard lock(mutex_);
    forget_old(now);
    if (const Entry* known = find(id)) return is != 0 && known->request == is ? Answer::fresh : Answer::seen;
    const auto owner = count_.try_emplace(std::string(user), 0).first;
    if (owner->second >= std::min(most_per_user_, most_in_all_ - entries_.size())) {
      if (owner->second == 0) count_.erase(owner);
      return Answer::full;
    }
    ++owner->second;
    if (2 * (entries_.size() + 1) > table_.size() || first_ + entries_.size() > kLastNumber) rebuild();
    entries_.push_back({id, is, now + limits::kNonceMemory, owner});
    put(static_cast<std::uint32_t>(first_ + entries_.size() - 1));
    return Answer::fresh;
  }

 private:
  using Id = std::array<std::uint8_t, 16>;
  using Count = std::map<std::string, std::size_t>;
  struct Entry {
    Id id;
    std::uint64_t request;  // 0: none
    SteadyTime until;
    Count::iterator user;
  };
  static constexpr std::size_t kLeastTable = 1024;
  static constexpr std::uint64_t kLastNumber = UINT32_MAX - 1;

  Id hash(std::string_view user, std::string_view text) const {
    const ByteView parts[] = {key_, view_of(user), view_of(text)};
    const Digest whole = sha256_list(parts);
    Id id;
    std::copy_n(whole.begin(), id.size(), id.begin());
    return id;
  }
  static std::uint64_t place_of(const Id& id) {
    std::uint64_t first = 0;
    std::memcpy(&first, id.data(), sizeof first);
    return first;
  }
  // The table holds numbers of entries, 0 for none, each at the first free place from its id's on.
  std::size_t home(const Id& id) const { return static_cast<std::size_t>(place_of(id)) & (table_.size() - 1); }
  std::size_t after(std::size_t place) const { return (place + 1) & (table_.size() - 1); }
  const Entry& entry(std::uint32_t number) const { return entries_[number - first_]; }
  const Entry* find(const Id& id) const {
    if (table_.empty()) return nullptr;
    for (std::size_t at = home(id); table_[at] != 0; at = after(at))
      if (entry(table_[at]).id == id) return &entry(table_[at]);
    return nullptr;
  }
  void put(std::uint32_t number) {
    std::size_t at = home(entry(number).id);
    while (table_[at] != 0) at = after(at);
    table_[at] = number;
  }
  void take_out(std::uint32_t number) {
    std::size_t hole = home(entry(number).id);
    while (table_[hole] != number) hole = after(hole);
    table_[hole] = 0;
    // What stands behind moves up unless it would come to stand before its home.
    for (std::size_t at = after(hole); table_[at] != 0; at = after(at)) {
      const std::size_t from_home = (at - home(entry(table_[at]).id)) & (table_.size() - 1);
      if (from_home < ((at - hole) & (table_.size() - 1))) continue;
      table_[hole] = table_[at];
      table_[at] = 0;
      hole = at;
    }
  }
  void rebuild() {
    std::size_t size = kLeastTable;
    while (size < 4 * (entries_.size() + 1)) size *= 2;
    table_.assign(size, 0);
    first_ = 1;
    for (std::size_t i = 0; i < entries_.size(); ++i) put(static_cast<std::uint32_t>(first_ + i));
  }
  void forget_old(SteadyTime now) {
    for (; !entries_.empty() && entries_.front().until <= now; entries_.pop_front(), ++first_) {
      take_out(static_cast<std::uint32_t>(first_));
      const auto owner = entries_.front().user;
      if (--owner->second == 0) count_.erase(owner);
    }
    if (entries_.empty() && table_.size() > kLeastTable) std::vector<std::uint32_t>().swap(table_);
  }

  const Bytes32 key_;
  const std::size_t most_per_user_, most_in_all_;
  std::mutex mutex_;
  std::deque<Entry> entries_;  // oldest first; the number of the first is first_
  std::uint64_t first_ = 1;
  std::vector<std::uint32_t> table_;
  Count count_;
};

}  // namespace quorate::http

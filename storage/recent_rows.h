// Rows of one table that were written or read last, as they are on the disk: reading one from SQLite after every commit
// means to decrypt its pages anew. For any thread.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace quorate::storage {

// Two halves of `half` rows: when one is full the older one goes.
template <class Row>
class RecentRows {
 public:
  explicit RecentRows(std::size_t half) : half_(half) {}

  // `read` asks the disk and may throw. That there is no such row is kept, too; what is too `large` is asked for every
  // time.
  template <class Read, class Large>
  std::optional<Row> get(const std::string& name, Read&& read, Large&& large) {
    std::uint64_t writes = 0;
    {
      const std::lock_guard lock(mutex_);
      if (const std::optional<Row>* row = find(name)) return *row;
      writes = writes_;
    }
    std::optional<Row> row = read();
    if (row && large(*row)) return row;
    const std::lock_guard lock(mutex_);
    if (writes == writes_) place(name, row);  // else it may be older than what is on the disk now
    return row;
  }

  // A durable write, told in the order of the commits and before anybody is told of the commit.
  void written(const std::string& name, const Row& row) {
    const std::lock_guard lock(mutex_);
    ++writes_;
    place(name, row);
  }
  void forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++writes_;
    young_.erase(name);
    old_.erase(name);
  }
  void forget_all() {
    const std::lock_guard lock(mutex_);
    ++writes_;
    young_.clear();
    old_.clear();
  }

 private:
  using Rows = std::unordered_map<std::string, std::optional<Row>>;
  const std::optional<Row>* find(const std::string& name) {
    if (const auto it = young_.find(name); it != young_.end()) return &it->second;
    auto node = old_.extract(name);
    if (node.empty()) return nullptr;
    make_room();
    return &young_.insert(std::move(node)).position->second;
  }
  void place(const std::string& name, const std::optional<Row>& row) {
    old_.erase(name);
    make_room();
    young_.insert_or_assign(name, row);
  }
  void make_room() {
    if (young_.size() < half_) return;
    old_ = std::move(young_);
    young_ = {};
  }

  const std::size_t half_;
  std::mutex mutex_;
  std::uint64_t writes_ = 0;
  Rows young_, old_;
};

}  // namespace quorate::storage

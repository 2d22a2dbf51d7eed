// Rows of keys that were read last, each as of one version of all keys (Store::keys_version): what is found is what the
// disk holds at that moment, so that whoever reads a key here and its shares there sees no more than two reads would.
// For any thread.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/limits.h"
#include "storage/rows.h"

namespace quorate::storage {

class KeyRows {
 public:
  // `version` tells the present one; odd: a key is on its way to the disk. `read` asks the disk and may throw. `name`
  // tells apart what is asked for: by id, by name. That there is no such key is kept, too.
  template <class Version, class Read>
  std::optional<KeyRow> get(const std::string& name, Version&& version, Read&& read) {
    const std::uint64_t before = version();
    const bool settled = before % 2 == 0;
    if (settled) {
      const std::lock_guard lock(mutex_);
      if (version_ == before)
        if (const auto it = rows_.find(name); it != rows_.end()) return it->second;
    }
    std::optional<KeyRow> row = read();
    const bool large = row && row->certificate.size() + row->record.size() > limits::kMaxCachedRow;
    if (!settled || large || version() != before) return row;
    const std::lock_guard lock(mutex_);
    if (version_ > before) return row;
    if (version_ < before || rows_.size() >= limits::kMaxKnownKeys) rows_.clear();
    version_ = before;
    rows_.insert_or_assign(name, row);
    return row;
  }

 private:
  std::mutex mutex_;
  std::uint64_t version_ = 0;
  std::unordered_map<std::string, std::optional<KeyRow>> rows_;
};

}  // namespace quorate::storage

// What a node's threads ask for again and again: requests that run, keys that sign, small metas. Never a share.
#pragma once
#include <functional>

#include "storage/batch.h"
#include "storage/recent_rows.h"

namespace quorate::storage {

class RowCache {
 public:
  RowCache();

  std::optional<RequestRow> request(const std::string& id, const std::function<std::optional<RequestRow>()>& read);
  std::optional<KeyRow> key_by_id(const std::string& id, const std::function<std::optional<KeyRow>()>& read);
  std::optional<KeyRow> key_by_name(const std::string& name, const std::function<std::optional<KeyRow>()>& read);
  std::optional<SecretBytes> meta(const std::string& name, const std::function<std::optional<SecretBytes>()>& read);

  // The batch is on the disk. By the writer, in the order of the commits, before anybody is told.
  void committed(const Batch& batch);

 private:
  void forget_keys();

  RecentRows<RequestRow> requests_;
  RecentRows<KeyRow> keys_by_id_, keys_by_name_;
  RecentRows<SecretBytes> metas_;
};

}  // namespace quorate::storage

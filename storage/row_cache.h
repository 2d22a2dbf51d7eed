// What a node's threads ask for again and again: requests that run, and small metas. Never a share, and no key: who
// looks at a key and at its shares must see one commit of both (key_rows.h has those).
#pragma once
#include <functional>
#include <mutex>

#include "storage/batch.h"
#include "storage/recent_rows.h"

namespace quorate::storage {

class RowCache {
 public:
  RowCache();

  std::optional<RequestRow> request(const std::string& id, const std::function<std::optional<RequestRow>()>& read);
  std::optional<SecretBytes> meta(const std::string& name, const std::function<std::optional<SecretBytes>()>& read);

  // The batch is on the disk. By the writer, in the order of the commits, before anybody is told.
  void committed(const Batch& batch);
  // How far the audit log has come on the disk, which is asked much more often than it changes.
  void committed(const AuditHead& head);
  AuditHead audit_head() const;

 private:
  RecentRows<RequestRow> requests_;
  RecentRows<SecretBytes> metas_;
  mutable std::mutex mutex_;
  AuditHead head_;
};

}  // namespace quorate::storage

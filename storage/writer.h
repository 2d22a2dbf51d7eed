// The one thread that writes. Batches that wait are committed together: one transaction, one fsync. The conflict of one
// undoes no other.
#pragma once
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "storage/apply.h"
#include "storage/row_cache.h"

namespace quorate::storage {

class Writer {
 public:
  // `head` of the audit log and the number of open requests: as they are stored.
  Writer(std::unique_ptr<Connection> connection, Identity identity, const ShareCipher& cipher, RowCache& cache,
         AuditHead head, std::size_t open_requests);
  // Commits what is queued, then ends.
  ~Writer();

  void commit(Batch batch, Store::Done done);
  bool healthy() const;
  std::string failure() const;
  std::size_t open_requests() const { return open_requests_.load(); }
  std::uint64_t keys_version() const { return keys_version_.load(); }
  bool on_writer_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

 private:
  struct Waiting {
    Batch batch;
    Store::Done done;
  };
  void run();
  std::vector<CommitResult> write(const std::vector<Waiting>& group);
  // False: a batch with a conflict had changed something before it, so that all have to be undone, and written apart.
  bool write_plainly(const std::vector<Waiting>& group, std::vector<CommitResult>& results);
  std::vector<CommitResult> write_apart(const std::vector<Waiting>& group);
  CommitResult write_one(const Batch& batch);
  void cut_log();

  std::unique_ptr<Connection> connection_;  // the thread's own from here to the blank line
  const Identity identity_;
  const ShareCipher& cipher_;
  RowCache& cache_;
  AuditHead head_;
  std::size_t open_ = 0;            // requests, with those of the transaction that runs
  std::size_t last_group_ = 0;      // batches in it
  bool log_holds_deleted_ = false;  // the write-ahead log may still hold a page with a secret that was deleted

  std::atomic<std::size_t> open_requests_;
  std::atomic<std::uint64_t> keys_version_{0};
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  std::string failure_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace quorate::storage

#include "storage/writer.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"

namespace quorate::storage {
Writer::Writer(std::unique_ptr<Connection> connection, Identity identity, const ShareCipher& cipher, RowCache& cache,
               AuditHead head, std::size_t open_requests)
    : connection_(std::move(connection)),
      identity_(std::move(identity)),
      cipher_(cipher),
      cache_(cache),
      head_(head),
      open_(open_requests),
      open_requests_(open_requests),
      thread_([this] { run(); }) {}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool Writer::healthy() const {
  const std::lock_guard lock(mutex_);
  return failure_.empty();
}
std::string Writer::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Writer::commit(Batch batch, Store::Done done) {
  CommitResult refusal;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty())
      refusal = CommitResult::breaking(failure_);
    else if (queue_.size() >= limits::kMaxWriteQueue)
      refusal = {CommitStatus::overloaded, Conflict::none, "too many writes wait", {}};
    else
      queue_.push_back({std::move(batch), std::move(done)});
  }
  if (refusal.status == CommitStatus::unset)
    wake_.notify_one();
  else
    done(refusal);
}

void Writer::run() {
  for (;;) {
    std::vector<Waiting> group;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      // Where many write, more come at once: what they share, pages above all, is written once for all of them.
      if (last_group_ >= limits::kManyWrites) {
        lock.unlock();
        std::this_thread::sleep_for(
            std::min<std::chrono::microseconds>(last_group_ * limits::kGatherEach, limits::kGatherMost));
        lock.lock();
      }
      if (queue_.empty()) break;
      while (!queue_.empty() && group.size() < limits::kMaxGroupCommit) {
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    last_group_ = group.size();
    const std::vector<CommitResult> results = write(group);
    QUORATE_ASSERT(results.size() == group.size());
    for (std::size_t i = 0; i < group.size(); ++i) group[i].done(results[i]);
    cut_log();
  }
}

// After a failure nothing is tried again: what the disk holds is known only after the next open.
std::vector<CommitResult> Writer::write(const std::vector<Waiting>& group) {
  std::string failed = failure();
  if (failed.empty()) {
    const AuditHead before = head_;
    const std::size_t open_before = open_;
    try {
      Query(*connection_, "BEGIN IMMEDIATE").run();
      std::vector<CommitResult> results;
      if (!write_plainly(group, results)) {
        Query(*connection_, "ROLLBACK").run();
        head_ = before;
        open_ = open_before;
        Query(*connection_, "BEGIN IMMEDIATE").run();
        results = write_apart(group);
      }
      const bool keys = std::any_of(group.begin(), group.end(), [](const Waiting& w) {
        return std::any_of(w.batch.operations().begin(), w.batch.operations().end(), changes_keys);
      });
      if (keys) ++keys_version_;  // odd, for good if this fails: then nobody can say what a reader sees
      Query(*connection_, "COMMIT").run();
      if (keys) ++keys_version_;
      for (std::size_t i = 0; i < group.size(); ++i) {
        if (!results[i].ok()) continue;
        cache_.committed(group[i].batch);
        for (const op::Any& o : group[i].batch.operations())
          log_holds_deleted_ = log_holds_deleted_ || deletes_secrets(o);
      }
      cache_.committed(head_);
      open_requests_ = open_;
      return results;
    } catch (const std::exception& e) {
      failed = e.what();
      const std::lock_guard lock(mutex_);
      failure_ = failed;
    }
    try {
      if (connection_->in_transaction()) connection_->exec("ROLLBACK");
    } catch (const StorageError&) {
      // the next open rolls it back
    }
  }
  return std::vector<CommitResult>(group.size(), CommitResult::breaking(failed));
}

// A savepoint makes SQLite copy every page that a batch changes, which costs as much as the change itself; and nearly
// all batches have no conflict, or one before they have changed anything.
bool Writer::write_plainly(const std::vector<Waiting>& group, std::vector<CommitResult>& results) {
  for (const Waiting& w : group) {
    const auto changes = connection_->total_changes();
    results.push_back(write_one(w.batch));
    if (results.back().status != CommitStatus::ok && connection_->total_changes() != changes) return false;
  }
  return true;
}

std::vector<CommitResult> Writer::write_apart(const std::vector<Waiting>& group) {
  std::vector<CommitResult> results;
  for (const Waiting& w : group) {
    Query(*connection_, "SAVEPOINT batch").run();
    results.push_back(write_one(w.batch));
    if (results.back().status != CommitStatus::ok) Query(*connection_, "ROLLBACK TO batch").run();
    Query(*connection_, "RELEASE batch").run();
  }
  return results;
}

// After a conflict the batch's earlier changes are still there.
CommitResult Writer::write_one(const Batch& batch) {
  const AuditHead before = head_;
  const std::size_t open_before = open_;
  for (const op::Any& o : batch.operations()) {
    Applied applied = apply(*connection_, identity_, cipher_, head_, o);
    open_ += static_cast<std::size_t>(applied.opened);  // wraps round for less
    if (applied.conflict == Conflict::none) continue;
    head_ = before;
    open_ = open_before;
    return CommitResult::conflicting(applied.conflict, std::move(applied.text));
  }
  return {CommitStatus::ok, Conflict::none, {}, head_};
}

// secure_delete overwrites a deleted share in the database; its old page also lies in the write-ahead log until that is
// cut. A reader in the way only delays it to the next commit.
void Writer::cut_log() {
  if (!log_holds_deleted_ || !healthy()) return;
  try {
    Query q(*connection_, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (q.row() && q.integer(0) == 0) log_holds_deleted_ = false;
  } catch (const StorageError& e) {
    const std::lock_guard lock(mutex_);
    failure_ = e.what();
  }
}

}  // namespace quorate::storage

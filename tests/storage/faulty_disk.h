// A disk under SQLite that fails, counts, or loses what was not synced: a VFS around the default one, in force while a
// FaultyDisk lives.
#pragma once
#include <sqlite3.h>

#include <functional>
#include <map>
#include <mutex>

#include "base/check.h"
#include "base/rng.h"
#include "storage/sqlite_memory.h"
#include "tests/storage/fixture.h"

namespace quorate::storage {

class FaultyDisk {
 public:
  FaultyDisk() {
    QUORATE_ASSERT(current == nullptr);
    current = this;
    wipe_sqlite_memory();
    sqlite3_initialize();
    below_ = sqlite3_vfs_find(nullptr);
    vfs_ = *below_;
    vfs_.iVersion = 2;
    vfs_.pNext = nullptr;
    vfs_.zName = "faulty";
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + below_->szOsFile;
    vfs_.xOpen = &open;
    vfs_.xDelete = &remove;
    QUORATE_ASSERT(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
  }
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;
  ~FaultyDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(below_, 1);
    current = nullptr;
  }

  enum class Fault { none, full_from, full_once, sync_once };
  // The k-th write (for sync_once: sync) from now fails, `full_from`: and all after it.
  void fail_at(std::size_t k, Fault fault) {
    const std::lock_guard lock(mutex_);
    left_ = k, fault_ = fault, failed_ = false;
  }
  bool has_failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
  }
  std::size_t syncs() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
  }

  // Before each write and sync, on the writing thread.
  void on_event(std::function<void()> event) { event_ = std::move(event); }

  // What the directory would hold had the power failed now: of each file what was synced, and of each later write none,
  // all or a part.
  void power_cut(const std::filesystem::path& into, Rng& rng) {
    const std::lock_guard lock(mutex_);
    std::filesystem::create_directories(into);
    for (const auto& [path, content] : files_) {
      std::string bytes = content.durable;
      for (const Change& change : content.pending) {
        const auto fate = rng.below(3);
        if (fate == 0) continue;
        Change part = change;
        if (fate == 1 && !part.bytes.empty()) part.bytes.resize(rng.below(part.bytes.size() / 512 + 1) * 512);
        apply(bytes, part);
      }
      spit(into / std::filesystem::path(path).filename(), bytes);
      std::filesystem::permissions(into / std::filesystem::path(path).filename(), std::filesystem::perms(0600));
    }
  }

 private:
  struct Change {
    bool truncate;
    std::size_t at;
    std::string bytes;
  };
  struct Content {
    std::string durable;
    std::vector<Change> pending;
  };
  struct File {
    sqlite3_file base;
    std::string* path;  // null for a file without a name
    sqlite3_file* below() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static File& of(sqlite3_file* f) { return *reinterpret_cast<File*>(f); }
  static sqlite3_file* below(sqlite3_file* f) { return of(f).below(); }

  static void apply(std::string& bytes, const Change& c) {
    if (c.truncate) {
      bytes.resize(c.at);
      return;
    }
    if (bytes.size() < c.at + c.bytes.size()) bytes.resize(c.at + c.bytes.size());
    bytes.replace(c.at, c.bytes.size(), c.bytes);
  }

  int fault(bool sync) {
    if (event_) event_();
    const std::lock_guard lock(mutex_);
    if (sync) ++syncs_;
    if (fault_ == Fault::none || left_ == 0 || sync != (fault_ == Fault::sync_once)) return SQLITE_OK;
    if (left_ > 1) {
      --left_;
      return SQLITE_OK;
    }
    failed_ = true;
    if (fault_ != Fault::full_from) left_ = 0;
    return sync ? SQLITE_IOERR_FSYNC : SQLITE_FULL;
  }
  void record(sqlite3_file* f, Change change) {
    if (of(f).path == nullptr) return;
    const std::lock_guard lock(mutex_);
    files_[*of(f).path].pending.push_back(std::move(change));
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* out) {
    File& file = of(f);
    file.path = name == nullptr ? nullptr : new std::string(name);
    const int result = current->below_->xOpen(current->below_, name, below(f), flags, out);
    f->pMethods = result == SQLITE_OK ? &methods : nullptr;
    if (result != SQLITE_OK)
      delete file.path;
    else if (file.path != nullptr) {
      const std::lock_guard lock(current->mutex_);
      if (!current->files_.contains(*file.path)) current->files_[*file.path].durable = slurp(*file.path);
    }
    return result;
  }
  static int remove(sqlite3_vfs*, const char* name, int sync) {
    {
      const std::lock_guard lock(current->mutex_);
      current->files_.erase(name);
    }
    return current->below_->xDelete(current->below_, name, sync);
  }
  static int close(sqlite3_file* f) {
    delete of(f).path;
    return below(f)->pMethods->xClose(below(f));
  }
  static int read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
    return below(f)->pMethods->xRead(below(f), to, n, at);
  }
  static int write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
    if (const int failed = current->fault(false)) return failed;
    current->record(f, {false, static_cast<std::size_t>(at),
                        std::string(static_cast<const char*>(from), static_cast<std::size_t>(n))});
    return below(f)->pMethods->xWrite(below(f), from, n, at);
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    current->record(f, {true, static_cast<std::size_t>(size), {}});
    return below(f)->pMethods->xTruncate(below(f), size);
  }
  static int sync(sqlite3_file* f, int flags) {
    if (const int failed = current->fault(true)) return failed;
    if (of(f).path != nullptr) {
      const std::lock_guard lock(current->mutex_);
      Content& content = current->files_[*of(f).path];
      for (const Change& c : content.pending) apply(content.durable, c);
      content.pending.clear();
    }
    return below(f)->pMethods->xSync(below(f), flags);
  }
  static int file_size(sqlite3_file* f, sqlite3_int64* n) { return below(f)->pMethods->xFileSize(below(f), n); }
  static int lock(sqlite3_file* f, int level) { return below(f)->pMethods->xLock(below(f), level); }
  static int unlock(sqlite3_file* f, int level) { return below(f)->pMethods->xUnlock(below(f), level); }
  static int check_reserved(sqlite3_file* f, int* out) { return below(f)->pMethods->xCheckReservedLock(below(f), out); }
  static int control(sqlite3_file* f, int op, void* arg) { return below(f)->pMethods->xFileControl(below(f), op, arg); }
  static int sector_size(sqlite3_file* f) { return below(f)->pMethods->xSectorSize(below(f)); }
  static int characteristics(sqlite3_file* f) { return below(f)->pMethods->xDeviceCharacteristics(below(f)); }
  static int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return below(f)->pMethods->xShmMap(below(f), page, size, extend, out);
  }
  static int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
    return below(f)->pMethods->xShmLock(below(f), offset, n, flags);
  }
  static void shm_barrier(sqlite3_file* f) { below(f)->pMethods->xShmBarrier(below(f)); }
  static int shm_unmap(sqlite3_file* f, int remove_it) { return below(f)->pMethods->xShmUnmap(below(f), remove_it); }

  static inline const sqlite3_io_methods methods = {
      2,          &close,          &read,    &write,       &truncate,        &sync,    &file_size, &lock,
      &unlock,    &check_reserved, &control, &sector_size, &characteristics, &shm_map, &shm_lock,  &shm_barrier,
      &shm_unmap, nullptr,         nullptr};
  static inline FaultyDisk* current = nullptr;

  sqlite3_vfs* below_ = nullptr;
  sqlite3_vfs vfs_{};
  mutable std::mutex mutex_;
  std::map<std::string, Content> files_;
  std::function<void()> event_;
  std::size_t syncs_ = 0;
  std::size_t left_ = 0;
  Fault fault_ = Fault::none;
  bool failed_ = false;
};

}  // namespace quorate::storage

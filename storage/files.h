// Files that belong to one user and one process.
#pragma once
#include <string>

#include "base/secret.h"

namespace quorate::storage {

// An advisory lock on a side file, held while the object lives. Throws StorageError when another process (or this one)
// holds it.
class FileLock {
 public:
  explicit FileLock(const std::string& path);
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  int descriptor_;
};

bool file_exists(const std::string& path);
// Throws StorageError unless it is a regular file of this user (or root) that group and others may not touch at all.
void require_private(const std::string& path);
// The same check, then its content, at most `most` bytes.
SecretBytes read_private(const std::string& path, std::size_t most);
// A new file, mode 0600, durable when this returns. Throws StorageError, also when it exists.
void create_private(const std::string& path, ByteView content);
// What keeps this file's directory from taking some more megabytes durably, in the system's words; empty: nothing.
// Writes a file beside it and removes it.
std::string disk_problem(const std::string& path);
void remove_file(const std::string& path);  // no error if there is none
void rename_durably(const std::string& from, const std::string& to);

}  // namespace quorate::storage

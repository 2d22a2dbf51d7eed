#include "storage/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/bytes.h"
#include "base/limits.h"
#include "storage/store.h"

namespace quorate::storage {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& doing, int error) {
  throw StorageError(path + ": " + doing + ": " + std::generic_category().message(error));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, const std::string& doing)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (fd_ < 0) fail(path, doing, errno);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

void require_private(const std::string& path, int fd) {
  struct stat s {};
  if (::fstat(fd, &s) != 0) fail(path, "cannot be examined", errno);
  if (!S_ISREG(s.st_mode)) throw StorageError(path + ": is no regular file");
  if (s.st_uid != ::geteuid() && s.st_uid != 0) throw StorageError(path + ": belongs to another user");
  if ((s.st_mode & 077) != 0) throw StorageError(path + ": is open to other users: chmod 600 it");
}

void sync(const std::string& path, int fd) {
  if (::fsync(fd) != 0) fail(path, "cannot be made durable", errno);
}

void sync_directory_of(const std::string& path) {
  std::string directory = std::filesystem::path(path).parent_path().string();
  if (directory.empty()) directory = ".";
  const Descriptor d(directory, O_RDONLY | O_DIRECTORY, "cannot be opened");
  sync(directory, d.get());
}

}  // namespace

FileLock::FileLock(const std::string& path) : descriptor_(-1) {
  Descriptor d(path, O_RDWR | O_CREAT | O_NOFOLLOW, "cannot be opened for the lock");
  if (::flock(d.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail(path, "cannot be locked", errno);
    throw StorageError(path + ": another process has this database open");
  }
  descriptor_ = d.release();
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool file_exists(const std::string& path) {
  struct stat s {};
  if (::lstat(path.c_str(), &s) == 0) return true;
  if (errno != ENOENT) fail(path, "cannot be examined", errno);
  return false;
}

void require_private(const std::string& path) {
  const Descriptor d(path, O_RDONLY | O_NONBLOCK, "cannot be opened");
  require_private(path, d.get());
}

SecretBytes read_private(const std::string& path, std::size_t most) {
  const Descriptor d(path, O_RDONLY | O_NONBLOCK, "cannot be read");
  require_private(path, d.get());
  SecretBytes content(most + 1);
  std::size_t used = 0;
  while (used < content.size()) {
    const ssize_t n = ::read(d.get(), content.data() + used, content.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "cannot be read", errno);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  if (used > most) throw StorageError(path + ": is longer than " + std::to_string(most) + " bytes");
  content.resize(used);
  return content;
}

void create_private(const std::string& path, ByteView content) {
  {
    const Descriptor d(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, "cannot be created");
    while (!content.empty()) {
      const ssize_t n = ::write(d.get(), content.data(), content.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path, "cannot be written", errno);
      content = content.subspan(static_cast<std::size_t>(n));
    }
    sync(path, d.get());
  }
  sync_directory_of(path);
}

std::string disk_problem(const std::string& path) {
  const std::string probe = path + ".probe";
  const auto said = [&](int error) {
    ::unlink(probe.c_str());
    return std::generic_category().message(error);
  };
  ::unlink(probe.c_str());  // of a process that was killed amid this
  const int fd = ::open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return said(errno);
  const Bytes some(64 * 1024);
  int error = 0;
  for (std::size_t written = 0; error == 0 && written < limits::kDiskProbe;) {
    const ssize_t n = ::write(fd, some.data(), some.size());
    if (n < 0 && errno != EINTR) error = errno;
    if (n > 0) written += static_cast<std::size_t>(n);
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  ::close(fd);
  if (error != 0) return said(error);
  return ::unlink(probe.c_str()) == 0 ? std::string() : std::generic_category().message(errno);
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail(path, "cannot be removed", errno);
}

void rename_durably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail(from, "cannot become " + to, errno);
  sync_directory_of(to);
}

}  // namespace quorate::storage

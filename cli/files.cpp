#include "cli/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/console.h"
#include "cli/outcome.h"

namespace quorate::cli {
namespace {

constexpr std::size_t kTail = 4096;  // bytes of a log that are searched for its last line

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const char* verb, const fs::path& file) {
  throw failed("file", std::string(verb) + " " + file.string() + ": " + std::strerror(errno));
}

std::size_t read_some(int fd, std::uint8_t* into, std::size_t most, const fs::path& file) {
  for (;;) {
    const ssize_t n = ::read(fd, into, most);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) fail("cannot read", file);
  }
}

}  // namespace

SecretBytes read_secret_file(const fs::path& file, std::size_t most) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) fail("cannot read", file);
  SecretBytes content;
  SecretBytes part(64 * 1024);
  for (;;) {
    const std::size_t n = read_some(fd.get(), part.data(), part.size(), file);
    if (n == 0) return content;
    if (content.size() + n > most)
      throw failed("file", file.string() + " is larger than " + std::to_string(most) + " bytes");
    content.insert(content.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
  }
}

std::string read_text_file(const fs::path& file, std::size_t most) {
  const SecretBytes content = read_secret_file(file, most);
  return std::string(text_of(content));
}

NewFile::NewFile(const fs::path& file)
    : file_(file), fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) {
  if (fd_ < 0) fail("cannot create", file);
  // The mode shall not depend on the caller's umask.
  if (::fchmod(fd_, 0600) == 0) return;
  const int error = errno;
  ::close(fd_);
  ::unlink(file.c_str());
  errno = error;
  fail("cannot set the mode of", file);
}

NewFile::~NewFile() {
  ::close(fd_);
  if (!written_) ::unlink(file_.c_str());
}

void NewFile::write(ByteView content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd_, content.data(), content.size());
    if (n < 0 && errno != EINTR) fail("cannot write", file_);
    if (n > 0) content = content.subspan(static_cast<std::size_t>(n));
  }
  if (::fsync(fd_) != 0) fail("cannot write", file_);
  written_ = true;
}

void write_new_file(const fs::path& file, ByteView content) { NewFile(file).write(content); }

void replace_file(const fs::path& file, ByteView content) {
  const fs::path next = file.string() + ".new";
  std::error_code ignored;
  fs::remove(next, ignored);  // of an earlier try that was cut short
  write_new_file(next, content);
  if (::rename(next.c_str(), file.c_str()) != 0) fail("cannot replace", file);
  sync_directory(file.parent_path().empty() ? fs::path(".") : file.parent_path());
}

void sync_directory(const fs::path& directory) {
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 && errno == EACCES) return;  // may be written but not read: nothing more can be done
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) fail("cannot write", directory);
}

void make_private_directory(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0) fail("cannot create", directory);
  if (::chmod(directory.c_str(), 0700) != 0) fail("cannot set the mode of", directory);
}

std::string last_line_of(const fs::path& log) {
  const Descriptor fd(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return "";
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return "";
  const off_t from = std::max<off_t>(0, info.st_size - static_cast<off_t>(kTail));
  if (::lseek(fd.get(), from, SEEK_SET) < 0) return "";
  std::string tail(kTail, '\0');
  const ssize_t n = ::read(fd.get(), tail.data(), tail.size());
  if (n <= 0) return "";
  tail.resize(static_cast<std::size_t>(n));
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.pop_back();
  const auto start = tail.rfind('\n');
  return one_line(start == std::string::npos ? tail : tail.substr(start + 1));
}

}  // namespace quorate::cli

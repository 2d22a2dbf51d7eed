// Small files: read within a bound, written with the modes that keep them to their owner.
#pragma once
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"

namespace quorate::cli {

namespace fs = std::filesystem;

inline constexpr std::size_t kMaxSmallFile = 8 * 1024 * 1024;  // bytes

// All throw Failure naming the file and what is wrong with it.
SecretBytes read_secret_file(const fs::path& file, std::size_t most = kMaxSmallFile);
std::string read_text_file(const fs::path& file, std::size_t most = kMaxSmallFile);
// Creates it with mode 0600; a file that is there already is an error. Its content is on the disk when this returns.
void write_new_file(const fs::path& file, ByteView content);
// The same in the place of what is there: whoever looks sees the old content or the new one, whole.
void replace_file(const fs::path& file, ByteView content);
// Its entries are on the disk when this returns.
void sync_directory(const fs::path& directory);

// The same in two steps: that the file can be made is known before there is something to write. Removed again unless
// write() was reached.
class NewFile {
 public:
  explicit NewFile(const fs::path& file);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  void write(ByteView content);  // once

 private:
  fs::path file_;
  int fd_;
  bool written_ = false;
};
// Creates it with mode 0700; one that is there already is an error. Its parent must exist.
void make_private_directory(const fs::path& directory);
// The last line of a log that is not empty, at most 1,000 bytes; "" when there is none.
std::string last_line_of(const fs::path& log);

}  // namespace quorate::cli

// A directory that is made as a whole or not at all.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace quorate::cli {

// Absolute, without "." and a slash at the end.
std::filesystem::path clean_path(const std::filesystem::path& path);

// Throws Failure (`interrupted`) when StopSignals are held and one has come.
void stop_if_asked();

// The directory while it is being made: what has been made is removed again unless `finish` was reached.
class NewDirectory {
 public:
  // `dir` must be missing or empty; Failure `directory_used` names it. `last`: the file that makes it what it is.
  NewDirectory(const std::filesystem::path& dir, std::string last);
  ~NewDirectory();
  NewDirectory(const NewDirectory&) = delete;

  const std::filesystem::path& stage() const { return stage_; }  // everything is made in here first

  // Moves everything to its place, `last` at the end; all of it is on the disk when this returns.
  void finish();

 private:
  void make_parents(const std::filesystem::path& parent);
  void undo() noexcept;

  std::filesystem::path dir_, stage_;
  std::string last_;
  std::vector<std::filesystem::path> made_;
  bool finished_ = false;
};

}  // namespace quorate::cli

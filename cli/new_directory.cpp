#include "cli/new_directory.h"

#include <utility>

#include "cli/files.h"
#include "cli/outcome.h"
#include "cli/stop_signals.h"

namespace quorate::cli {

fs::path clean_path(const fs::path& path) {
  const fs::path absolute = fs::absolute(path).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

void stop_if_asked() {
  if (StopSignals::requested()) throw failed("interrupted", "stopped by a signal; nothing was made");
}

NewDirectory::NewDirectory(const fs::path& dir, std::string last)
    : dir_(dir), stage_(dir / ".init"), last_(std::move(last)) {
  try {
    std::error_code ignored;
    if (fs::exists(fs::symlink_status(dir, ignored))) {
      if (!fs::is_directory(dir)) throw failed("directory_used", dir.string() + " is not a directory");
      if (!fs::is_empty(dir))
        throw failed("directory_used", "directory " + dir.string() + " is already in use: choose another with --dir");
      fs::permissions(dir, fs::perms::owner_all);
    } else {
      make_parents(dir.parent_path());
      make_private_directory(dir);
      made_.push_back(dir);
    }
    make_private_directory(stage_);
    made_.push_back(stage_);
  } catch (...) {
    undo();
    throw;
  }
}

NewDirectory::~NewDirectory() {
  if (!finished_) undo();
}

void NewDirectory::finish() {
  std::vector<fs::path> names;
  for (const auto& entry : fs::directory_iterator(stage_))
    if (entry.path().filename() != last_) names.push_back(entry.path().filename());
  names.emplace_back(last_);
  for (const auto& entry : fs::recursive_directory_iterator(stage_))
    if (entry.is_directory()) sync_directory(entry.path());
  stop_if_asked();
  for (const auto& name : names) {
    if (name == last_) sync_directory(dir_);
    fs::rename(stage_ / name, dir_ / name);
    made_.push_back(dir_ / name);
  }
  fs::remove(stage_);
  sync_directory(dir_);
  if (dir_.has_parent_path()) sync_directory(dir_.parent_path());
  finished_ = true;
}

void NewDirectory::make_parents(const fs::path& parent) {
  if (parent.empty() || fs::exists(parent)) return;
  make_parents(parent.parent_path());
  make_private_directory(parent);
  made_.push_back(parent);
}

void NewDirectory::undo() noexcept {
  std::error_code ignored;
  for (auto made = made_.rbegin(); made != made_.rend(); ++made) fs::remove_all(*made, ignored);
}

}  // namespace quorate::cli

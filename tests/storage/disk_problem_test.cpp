#include <sys/resource.h>

#include <csignal>

#include "storage/files.h"
#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

struct SmallFiles {
  rlimit before{};
  explicit SmallFiles(rlim_t most) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    const rlimit now{most, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &now);
  }
  ~SmallFiles() { setrlimit(RLIMIT_FSIZE, &before); }
};

TEST(DiskProblem, IsWhatTheDiskSays) {
  const TempDir dir;
  const std::string path = dir.file("db"), probe = dir.file("db.probe");
  EXPECT_EQ(disk_problem(path), "");
  EXPECT_FALSE(file_exists(probe));
  {
    const SmallFiles limit(1024 * 1024);
    EXPECT_EQ(disk_problem(path), "File too large");
    EXPECT_FALSE(file_exists(probe));
  }
  create_private(probe, {});  // one was left behind
  EXPECT_EQ(disk_problem(path), "");
  EXPECT_FALSE(file_exists(probe));
  EXPECT_EQ(disk_problem(dir.file("nowhere/db")), "No such file or directory");
}

}  // namespace
}  // namespace quorate::storage

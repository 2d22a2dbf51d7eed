#include "storage/key_rows.h"

#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

class KeyRowsTest : public testing::Test {
 protected:
  std::optional<KeyRow> get(const std::string& name = "a") {
    return rows_.get(
        name, [&] { return version_; },
        [&]() -> std::optional<KeyRow> {
          ++reads_;
          if (during_) during_();
          return on_disk_;
        });
  }
  int reads_of(const std::string& name = "a") {
    const int before = reads_;
    get(name);
    return reads_ - before;
  }
  KeyRows rows_;
  std::uint64_t version_ = 0;
  std::optional<KeyRow> on_disk_ = sample_key("aa", "name");
  std::function<void()> during_;
  int reads_ = 0;
};

TEST_F(KeyRowsTest, AreReadOnceUntilAKeyChanges) {
  EXPECT_EQ(get()->name, "name");
  EXPECT_EQ(reads_of(), 0);
  EXPECT_EQ(reads_of("b"), 1);
  EXPECT_EQ(reads_of("b"), 0);
  version_ = 2;
  on_disk_->name = "another";
  EXPECT_EQ(get()->name, "another");
  EXPECT_EQ(reads_of(), 0);
  EXPECT_EQ(reads_of("b"), 1);
}

TEST_F(KeyRowsTest, NothingIsKeptWhileOneIsBeingWritten) {
  EXPECT_EQ(reads_of(), 1);
  version_ = 1;
  EXPECT_EQ(reads_of(), 1);
  EXPECT_EQ(reads_of(), 1);
  version_ = 2;
  EXPECT_EQ(reads_of(), 1);
  EXPECT_EQ(reads_of(), 0);
  for (const std::uint64_t begun : {3u, 4u}) {  // while it is read
    during_ = [&] { version_ = begun; };
    EXPECT_EQ(reads_of("late"), 1) << begun;
    during_ = nullptr;
    version_ = 2;  // nothing of what was read then
    EXPECT_EQ(reads_of("late" + std::to_string(begun)), 1);
    during_ = [&] { version_ = begun; };
    EXPECT_EQ(reads_of("late"), 1) << begun;
    during_ = nullptr;
    version_ = 2;
  }
}

TEST_F(KeyRowsTest, ThatThereIsNoneIsKeptAndWhatIsLargeIsNot) {
  on_disk_.reset();
  EXPECT_EQ(reads_of(), 1);
  EXPECT_EQ(reads_of(), 0);
  on_disk_ = sample_key("aa", "name");
  version_ = 2;
  EXPECT_EQ(get()->id, "aa");
  on_disk_->record.resize(limits::kMaxCachedRow + 1);
  EXPECT_EQ(reads_of("large"), 1);
  EXPECT_EQ(reads_of("large"), 1);
}

TEST_F(KeyRowsTest, AreBounded) {
  for (std::size_t i = 0; i <= limits::kMaxKnownKeys; ++i) EXPECT_EQ(reads_of(std::to_string(i)), 1);
  EXPECT_EQ(reads_of(std::to_string(limits::kMaxKnownKeys)), 0);
  EXPECT_EQ(reads_of("0"), 1);
}

}  // namespace
}  // namespace quorate::storage

// The file: encryption, whose it is, who has it open, damage.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>

#include <fstream>

#include "base/codec.h"
#include "storage/schema.h"
#include "storage/sqlite_memory.h"
#include "storage/stored_record.h"
#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string error_of(auto action) {
  try {
    action();
  } catch (const StorageError& e) {
    return e.what();
  }
  return "no error";
}
std::string error_of_open(const std::string& path, const Secret<Bytes32>& key = test_key(),
                          const Identity& identity = test_identity()) {
  return error_of([&] { SqliteStore::open(path, key, identity); });
}
void create(const std::string& path, const Identity& identity = test_identity()) {
  const auto store = SqliteStore::create(path, test_key(), identity);
  for (const char* id : {"aa", "bb"})
    ASSERT_TRUE(
        store
            ->commit_now(std::move(
                Batch()
                    .put_key(sample_key(id, std::string("name-") + id))
                    .insert_share(sample_share(id, 1, std::string("secret of ") + id))
                    .activate(id, 1, bytes_of("one"))
                    .insert_successor(sample_share(id, 2, std::string("next secret of ") + id), bytes_of("one"))))
            .ok());
}

TEST(SqliteFile, PrivateAndMadeWhole) {
  const TempDir dir;
  create(dir.file("db"));
  struct stat s {};
  ASSERT_EQ(::stat(dir.file("db").c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777, 0600u);
  EXPECT_FALSE(std::filesystem::exists(dir.file("db.new")));
  const auto store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
  store->commit_now(std::move(Batch().claim("a", "1")));
  for (const char* suffix : {"-wal", "-shm"}) {
    ASSERT_EQ(::stat((dir.file("db") + suffix).c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777, 0600u) << suffix;
  }
}

TEST(SqliteFile, CreateAfterACrashInCreate) {
  const TempDir dir;
  spit(dir.file("db.new"), "half a database");
  spit(dir.file("db.new-wal"), "half a log");
  create(dir.file("db"));
  EXPECT_EQ(error_of_open(dir.file("db")), "no error");
}

TEST(SqliteFile, CreateDoesNotOverwrite) {
  const TempDir dir;
  create(dir.file("db"));
  EXPECT_THAT(error_of([&] { SqliteStore::create(dir.file("db"), test_key(), test_identity()); }),
              HasSubstr("is there already"));
}

TEST(SqliteFile, OpenDoesNotCreate) {
  const TempDir dir;
  EXPECT_THAT(error_of_open(dir.file("db")), HasSubstr("there is no database"));
  EXPECT_FALSE(std::filesystem::exists(dir.file("db")));
}

TEST(SqliteFile, WrongKeyFailsClosed) {  // attack 58
  const TempDir dir;
  create(dir.file("db"));
  const std::string before = slurp(dir.file("db"));
  const std::string error = error_of_open(dir.file("db"), test_key(99));
  EXPECT_THAT(error, HasSubstr(dir.file("db")));
  EXPECT_THAT(error, HasSubstr("key does not fit"));
  EXPECT_EQ(slurp(dir.file("db")), before);
  EXPECT_EQ(error_of_open(dir.file("db")), "no error");  // and the lock was given back
}

// The key is taken raw: SQLCipher stretches anything else as a passphrase, and then the x'…' form would not open the
// file.
TEST(SqliteFile, KeyIsRaw) {
  const TempDir dir;
  create(dir.file("db"));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(dir.file("db").c_str(), &db), SQLITE_OK);
  const std::string hex = to_hex(test_key().expose());
  EXPECT_EQ(sqlite3_exec(db, ("PRAGMA key = \"x'" + hex + "'\"").c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "SELECT * FROM shares", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
}

TEST(SqliteFile, PlainDatabaseIsRefused) {
  wipe_sqlite_memory();  // before SQLite's first call in this process
  const TempDir dir;
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(dir.file("db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE t (a)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  std::filesystem::permissions(dir.file("db"), std::filesystem::perms(0600));
  EXPECT_THAT(error_of_open(dir.file("db")), HasSubstr("not a Quorate database"));
  spit(dir.file("empty"), "");
  std::filesystem::permissions(dir.file("empty"), std::filesystem::perms(0600));
  EXPECT_THAT(error_of_open(dir.file("empty")), HasSubstr("not a Quorate database"));
}

TEST(SqliteFile, ReadableByOthersIsRefused) {
  const TempDir dir;
  create(dir.file("db"));
  std::filesystem::permissions(dir.file("db"), std::filesystem::perms(0640));
  EXPECT_THAT(error_of_open(dir.file("db")), HasSubstr("chmod 600"));
}

TEST(SqliteFile, OfAnotherNodeOrCluster) {
  const TempDir dir;
  create(dir.file("db"));
  EXPECT_THAT(error_of_open(dir.file("db"), test_key(), test_identity("node2")),
              HasSubstr("database of node node1, not of node2"));
  EXPECT_THAT(error_of_open(dir.file("db"), test_key(), test_identity("node1", 'd')),
              HasSubstr("belongs to cluster " + std::string(64, 'c')));
}

TEST(SqliteFile, OneProcessAtATime) {
  const TempDir dir;
  create(dir.file("db"));
  const auto store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
  EXPECT_THAT(error_of_open(dir.file("db")), HasSubstr("another process has this database open"));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(error_of_open(dir.file("db")).find("another process") != std::string::npos ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SqliteFile, DamageIsNoticedAtOpen) {
  const TempDir dir;
  create(dir.file("db"));
  const std::string good = slurp(dir.file("db"));
  std::size_t noticed = 0, pages = 0;
  for (std::size_t page = 1; page * 4096 < good.size(); ++page, ++pages) {
    std::string bad = good;
    bad[page * 4096 + 100] = static_cast<char>(bad[page * 4096 + 100] ^ 1);
    spit(dir.file("db"), bad);
    noticed += error_of_open(dir.file("db")) != "no error";
  }
  EXPECT_GT(pages, 8u);
  EXPECT_EQ(noticed, pages);
  spit(dir.file("db"), good.substr(0, good.size() - 4096));
  EXPECT_NE(error_of_open(dir.file("db")), "no error");
  spit(dir.file("db"), good);
  EXPECT_EQ(error_of_open(dir.file("db")), "no error");
}

// ---- rows that do not belong where they lie (attack 59), written by somebody who has the key

class SwappedRows : public testing::Test {
 protected:
  void SetUp() override { create(dir_.file("db")); }
  void tamper(const std::string& sql) {
    Connection c(dir_.file("db"), test_key(), OpenAs::writer);
    c.exec(sql);
  }
  std::string error_of_share(const std::string& key, std::uint64_t number) {
    const auto store = SqliteStore::open(dir_.file("db"), test_key(), test_identity());
    std::string by_number = error_of([&] { store->share(key, number); });
    if (number == 1) {
      EXPECT_EQ(error_of([&] { store->active_share(key); }), by_number);
    }
    return by_number;
  }
  TempDir dir_;
};

TEST_F(SwappedRows, Untouched) { EXPECT_EQ(error_of_share("aa", 1), "no error"); }
TEST_F(SwappedRows, BlobOfAnotherKey) {
  tamper(
      "UPDATE shares SET blob = (SELECT blob FROM shares WHERE key = 'bb' AND number = 1) WHERE key = 'aa' AND number "
      "= 1");
  EXPECT_THAT(error_of_share("aa", 1), HasSubstr("swapped with that of key bb"));
}
TEST_F(SwappedRows, BlobOfAnotherNumber) {
  tamper(
      "UPDATE shares SET blob = (SELECT blob FROM shares WHERE key = 'aa' AND number = 2) WHERE key = 'aa' AND number "
      "= 1");
  EXPECT_THAT(error_of_share("aa", 1), HasSubstr("swapped with that of key aa number 2"));
}
TEST_F(SwappedRows, OldShareUnderANewNumber) {
  tamper("DELETE FROM shares WHERE key = 'aa' AND number = 2; UPDATE shares SET number = 2 WHERE key = 'aa'");
  EXPECT_THAT(error_of_share("aa", 2), HasSubstr("swapped with that of key aa number 1"));
}
TEST_F(SwappedRows, Party) {
  tamper("UPDATE shares SET party = 3 WHERE key = 'aa' AND number = 1");
  EXPECT_THAT(error_of_share("aa", 1), HasSubstr("party 2"));
}
TEST_F(SwappedRows, OfAnotherNode) {
  create(dir_.file("other"), test_identity("node2"));
  Connection c(dir_.file("other"), test_key(), OpenAs::writer);
  Query q(c, "SELECT hex(blob) FROM shares WHERE key = 'aa' AND number = 1");
  ASSERT_TRUE(q.row());
  tamper("UPDATE shares SET blob = x'" + q.text(0) + "' WHERE key = 'aa' AND number = 1");
  EXPECT_THAT(error_of_share("aa", 1), HasSubstr("belongs to node node2"));
}
TEST_F(SwappedRows, OfAnotherCluster) {
  const ShareRow row = sample_share("aa", 1);
  const SecretBytes sealed = seal_share(test_identity("node1", 'd'), row);
  tamper("UPDATE shares SET blob = x'" + to_hex(sealed) + "' WHERE key = 'aa' AND number = 1");
  EXPECT_THAT(error_of_share("aa", 1), HasSubstr("another cluster"));
}
TEST_F(SwappedRows, NoRecordAtAll) {
  tamper("UPDATE shares SET blob = x'00' WHERE key = 'aa' AND number = 1");
  EXPECT_THAT(error_of_share("aa", 1), HasSubstr("not a share record"));
}
TEST_F(SwappedRows, UnknownVersion) {
  StoredShare s;
  s.version = 2;
  tamper("UPDATE shares SET blob = x'" + to_hex(encode(s)) + "' WHERE key = 'aa' AND number = 1");
  EXPECT_THAT(error_of_share("aa", 1), HasSubstr("unknown version"));
}
TEST_F(SwappedRows, UnknownState) {
  tamper("UPDATE keys SET state = 9 WHERE id = 'aa'");
  const auto store = SqliteStore::open(dir_.file("db"), test_key(), test_identity());
  EXPECT_THAT(error_of([&] { store->key_by_id("aa"); }), HasSubstr("unknown state"));
}

// ---- nothing readable in any file (attack 33)

std::vector<std::string> forms_of(const std::string& secret) {
  const auto bytes = bytes_of(secret);
  std::string upper = to_hex(bytes);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::vector<std::string> forms = {secret, to_hex(bytes), upper};
  // Base64 of a longer text that holds the secret: three alignments, without the edge digits.
  for (std::size_t shift = 0; shift < 3; ++shift) {
    Bytes padded(shift, 0);
    padded.insert(padded.end(), bytes.begin(), bytes.end());
    const std::string text = to_base64(padded);
    forms.push_back(text.substr(4, text.size() - 12));
  }
  return forms;
}
std::string file_with(const TempDir& dir, const std::string& secret) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
    if (!entry.is_regular_file()) continue;
    const std::string content = slurp(entry.path());
    for (const std::string& form : forms_of(secret))
      if (content.find(form) != std::string::npos) return entry.path().filename();
  }
  return "";
}

TEST(Canary, NoSecretInAnyFile) {
  const TempDir dir;
  const std::string share = "canary-of-a-share-0123456789abcdef!", meta = "canary-of-a-meta-0123456789abcdef!!";
  const std::string record = "canary-of-a-record-0123456789abcde!";
  const Secret<Bytes32> database_key = test_key();
  const std::string key(text_of(database_key.expose()));
  {
    auto store = SqliteStore::create(dir.file("db"), test_key(), test_identity());
    auto request = sample_request("req_1");
    request.record = secret_bytes(view_of(record));
    Batch batch;
    batch.put_key(sample_key("aa", "hot"))
        .insert_share(sample_share("aa", 1, share))
        .put_meta("m", secret_bytes(view_of(meta)))
        .insert_request(request);
    ASSERT_TRUE(store->commit_now(std::move(batch)).ok());
    ASSERT_GT(std::filesystem::file_size(dir.file("db-wal")), 0u);
    for (const std::string& secret : {share, meta, record, key}) EXPECT_EQ(file_with(dir, secret), "");
    store.reset();
    store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
    EXPECT_EQ(text_of_secret(store->share("aa", 1)->blob), share);
  }
  for (const std::string& secret : {share, meta, record, key}) EXPECT_EQ(file_with(dir, secret), "");
  // The search does find one that is there.
  spit(dir.file("leak"), "x" + to_base64(bytes_of("ab" + share + "c")));
  EXPECT_EQ(file_with(dir, share), "leak");
  spit(dir.file("leak"), to_hex(bytes_of(share)));
  EXPECT_EQ(file_with(dir, share), "leak");
}

// ---- schema

TEST(Migration, StepByStepAndEachWholly) {
  const TempDir dir;
  create_private(dir.file("db"), {});
  Connection c(dir.file("db"), test_key(), OpenAs::writer);
  const std::vector<const char*> one = {"CREATE TABLE t (a); INSERT INTO t VALUES (1)"};
  migrate(c, one);
  EXPECT_EQ(c.pragma("user_version"), "1");
  const std::vector<const char*> broken = {one[0], "ALTER TABLE t ADD COLUMN b DEFAULT 5",
                                           "INSERT INTO t VALUES (7, 7); SELECT * FROM none"};
  EXPECT_NE(error_of([&] { migrate(c, broken); }), "no error");
  EXPECT_EQ(c.pragma("user_version"), "2");  // the second step is whole, the third left nothing
  const std::vector<const char*> good = {broken[0], broken[1], "UPDATE t SET a = a + 1"};
  migrate(c, good);
  migrate(c, good);  // nothing left to do
  Query q(c, "SELECT a, b, count(*) FROM t");
  ASSERT_TRUE(q.row());
  EXPECT_EQ(q.integer(0), 2);
  EXPECT_EQ(q.integer(1), 5);
  EXPECT_EQ(q.integer(2), 1);
}

TEST(Migration, NewerVersionIsRefused) {
  const TempDir dir;
  create(dir.file("db"));
  {
    Connection c(dir.file("db"), test_key(), OpenAs::writer);
    c.exec("PRAGMA user_version = " + std::to_string(migrations().size() + 1));
  }
  EXPECT_THAT(error_of_open(dir.file("db")), HasSubstr("use a newer one"));
}

// A database as an older version wrote it, as SQL text. It must open for ever.
struct FixtureStore {
  const TempDir dir;
  std::unique_ptr<SqliteStore> store;
  explicit FixtureStore(int version) {
    create_private(dir.file("db"), {});
    {
      Connection c(dir.file("db"), test_key(), OpenAs::writer);
      c.exec(slurp(QUORATE_SOURCE_DIR "/tests/storage/fixtures/version_" + std::to_string(version) + ".sql"));
      EXPECT_EQ(c.pragma("user_version"), std::to_string(version));
    }
    store = SqliteStore::open(dir.file("db"), test_key(), test_identity());
  }
};
void expect_an_empty_ledger(SqliteStore& store) {
  EXPECT_EQ(store.ledger_seq(), 0u);
  EXPECT_EQ(store.ledger_sum("s", 720, 0), LedgerSum{});
  EXPECT_TRUE(store.commit_now(std::move(Batch().reserve({"req_1", 60'000, {{"s", Bytes32{}}}, {}}))).ok());
  EXPECT_EQ(store.ledger_sum("s", 1, 60'000).count, 1u);
  EXPECT_EQ(store.ledger_entry("req_1")->minute, 1'000);
}
void expect_as_in_version_1(SqliteStore& store) {
  expect_an_empty_ledger(store);
  const auto request = store.request("req_1");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->state, RequestState::running);
  EXPECT_EQ(text_of_secret(request->record), "{\"request\":\"req_1\"}");
  EXPECT_EQ(store.open_request_count(), 1u);
  EXPECT_EQ(store.key_by_name("hot")->number, 1u);
  EXPECT_EQ(text_of_secret(store.active_share("aa")->blob), "old share");
  EXPECT_EQ(text_of_secret(store.share("aa", 2)->blob), "next share");
  EXPECT_EQ(store.name_holder("cold"), "req_1");
  EXPECT_TRUE(store.claimed("nonce", "n1"));
  EXPECT_EQ(text_of_secret(*store.meta("policy")), "{}");
  EXPECT_FALSE(verify_audit_chain(audit_genesis(test_identity()), store.audit(0, 10), store.audit_head()));
  EXPECT_EQ(store.audit_head().seq, 2u);
  EXPECT_TRUE(
      store
          .commit_now(std::move(
              Batch().succeed(sample_succession("aa", "certificate", 2, "two", {1})).append_audit(sample_entry("new"))))
          .ok());
  EXPECT_EQ(text_of_secret(store.active_share("aa")->blob), "next share");
}

TEST(Migration, Version1Opens) {
  FixtureStore fixture(1);
  SqliteStore& store = *fixture.store;
  EXPECT_TRUE(store.quarantined_keys("", 10).empty());
  EXPECT_TRUE(store.commit_now(std::move(Batch().put_quarantine(sample_quarantine("aa", 1)))).ok());
  EXPECT_EQ(store.quarantines("aa").size(), 1u);
  expect_as_in_version_1(store);
}
void expect_as_in_version_2(SqliteStore& store) {
  const auto quarantines = store.quarantines("aa");
  ASSERT_EQ(quarantines.size(), 1u);
  EXPECT_EQ(quarantines[0].node, "node2");
  EXPECT_EQ(quarantines[0].certificate, sample_quarantine("aa", 1).certificate);
  EXPECT_EQ(store.strikes("aa", quarantines[0].certificate, "node3"), 7u);
  expect_as_in_version_1(store);
}
TEST(Migration, Version2Opens) {
  FixtureStore fixture(2);
  EXPECT_TRUE(fixture.store->share("aa", 2)->record.empty());
  expect_as_in_version_2(*fixture.store);
}
TEST(Migration, Version3Opens) {
  FixtureStore fixture(3);
  EXPECT_EQ(fixture.store->share("aa", 2)->record, bytes_of("who asked"));
  expect_as_in_version_2(*fixture.store);
}

// Looked at through the kernel: what a freed piece holds is nobody's to read in C++.
std::string memory_at(const void* address, std::size_t size) {
  std::ifstream memory("/proc/self/mem", std::ios::binary);
  std::string bytes(size, '\0');
  memory.seekg(static_cast<std::streamoff>(reinterpret_cast<std::uintptr_t>(address)));
  memory.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(memory.gcount()));
  return bytes;
}

TEST(SqliteFile, WhatSqliteFreesIsWiped) {
  wipe_sqlite_memory();
  const std::string canary = "a canary that nobody else writes";
  constexpr int kSize = 16 * 1024;
  const auto filled = [&] {
    char* piece = static_cast<char*>(sqlite3_malloc(kSize));
    for (std::size_t at = 0; at + canary.size() <= kSize; at += canary.size()) canary.copy(piece + at, canary.size());
    return piece;
  };
  char* freed = filled();
  EXPECT_THAT(memory_at(freed, kSize), HasSubstr(canary));
  sqlite3_free(freed);
  EXPECT_THAT(memory_at(freed, kSize), Not(HasSubstr(canary)));

  char* grown = filled();
  void* wall = sqlite3_malloc(kSize);  // so that it has to move
  char* moved = static_cast<char*>(sqlite3_realloc(grown, 64 * kSize));
  EXPECT_THAT(std::string(moved, kSize), HasSubstr(canary));
  ASSERT_NE(moved, grown);
  EXPECT_THAT(memory_at(grown, kSize), Not(HasSubstr(canary)));
  sqlite3_free(moved);
  sqlite3_free(wall);
}

}  // namespace
}  // namespace quorate::storage

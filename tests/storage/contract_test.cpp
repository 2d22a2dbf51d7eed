// What every Store does, run against SQLite and against the memory store that simulations use.
#include "tests/storage/both_stores.h"

namespace quorate::storage {
namespace {

template <class Kind>
class StoreContract : public testing::Test {
 protected:
  Store& store() { return kind_.get(); }
  void reopen() { kind_.reopen(); }
  void commit(Batch batch) {
    const CommitResult r = store().commit_now(std::move(batch));
    EXPECT_TRUE(r.ok()) << r.text;
  }
  void expect_conflict(Conflict expected, Batch batch) {
    // What comes after the conflict has no effect either.
    batch.put_meta("mark", secret_bytes(view_of("x")));
    const CommitResult r = store().commit_now(std::move(batch));
    EXPECT_EQ(r.status, CommitStatus::conflict);
    EXPECT_EQ(r.conflict, expected) << r.text;
    EXPECT_FALSE(r.text.empty());
    EXPECT_FALSE(store().meta("mark"));
  }
  Kind kind_;
};
TYPED_TEST_SUITE(StoreContract, BothStores);

void expect_equal(const RequestRow& a, const RequestRow& b) {
  EXPECT_EQ(
      std::tie(a.id, a.kind, a.state, a.user, a.key, a.content_digest, a.created, a.expires, a.forget_after, a.record),
      std::tie(b.id, b.kind, b.state, b.user, b.key, b.content_digest, b.created, b.expires, b.forget_after, b.record));
}

TYPED_TEST(StoreContract, EmptyStore) {
  Store& s = this->store();
  EXPECT_TRUE(s.healthy());
  EXPECT_EQ(s.failure(), "");
  EXPECT_FALSE(s.request("req_1"));
  EXPECT_TRUE(s.requests({}, 10, {}).items.empty());
  EXPECT_TRUE(s.open_requests().empty());
  EXPECT_FALSE(s.key_by_id("k"));
  EXPECT_FALSE(s.key_by_name("k"));
  EXPECT_FALSE(s.share("k", 1));
  EXPECT_FALSE(s.active_share("k"));
  EXPECT_TRUE(s.prepared_shares().empty());
  EXPECT_FALSE(s.name_holder("n"));
  EXPECT_FALSE(s.meta("m"));
  EXPECT_TRUE(s.quarantines("k").empty());
  EXPECT_TRUE(s.quarantined_keys("", 10).empty());
  EXPECT_EQ(s.strikes("k", Digest{}, "node2"), 0u);
  EXPECT_TRUE(s.audit(0, 10).empty());
  EXPECT_EQ(s.audit_head(), audit_genesis(test_identity()));
  EXPECT_EQ(s.identity(), test_identity());
}

TYPED_TEST(StoreContract, RequestIsKeptAsGiven) {
  const RequestRow row = sample_request("req_1");
  this->commit(std::move(Batch().insert_request(row)));
  expect_equal(*this->store().request("req_1"), row);
  this->reopen();
  expect_equal(*this->store().request("req_1"), row);
}

TYPED_TEST(StoreContract, InsertedOnce) {
  this->commit(std::move(Batch().insert_request(sample_request("req_1"))));
  this->expect_conflict(Conflict::exists,
                        std::move(Batch().insert_request(sample_request("req_1", RequestState::failed))));
  EXPECT_EQ(this->store().request("req_1")->state, RequestState::queued);
  this->commit(std::move(Batch().put_request(sample_request("req_1", RequestState::failed))));
  EXPECT_EQ(this->store().request("req_1")->state, RequestState::failed);
}

TYPED_TEST(StoreContract, UpdateExpectsTheStateBefore) {
  const auto running = sample_request("req_1", RequestState::running);
  this->expect_conflict(Conflict::not_found, std::move(Batch().update_request(running, {RequestState::queued})));
  this->commit(std::move(Batch().insert_request(sample_request("req_1"))));
  this->expect_conflict(Conflict::wrong_state,
                        std::move(Batch().update_request(running, {RequestState::running, RequestState::scheduled})));
  this->commit(std::move(Batch().update_request(running, {RequestState::running, RequestState::queued})));
  EXPECT_EQ(this->store().request("req_1")->state, RequestState::running);
}

TYPED_TEST(StoreContract, ConflictUndoesTheWholeBatch) {
  this->commit(std::move(Batch().claim("spent", "1")));
  const AuditHead head = this->store().audit_head();
  Batch batch;
  batch.insert_request(sample_request("req_1"))
      .put_key(sample_key("aa", "hot"))
      .insert_share(sample_share("aa", 1))
      .reserve_name("cold", "req_1")
      .append_audit(sample_entry("never"))
      .claim("spent", "1");
  this->expect_conflict(Conflict::claimed, std::move(batch));
  EXPECT_FALSE(this->store().request("req_1"));
  EXPECT_FALSE(this->store().key_by_id("aa"));
  EXPECT_FALSE(this->store().share("aa", 1));
  EXPECT_FALSE(this->store().name_holder("cold"));
  EXPECT_EQ(this->store().audit_head(), head);
  // The chain goes on from the entry before, not from the one that was undone.
  this->commit(std::move(Batch().append_audit(sample_entry("next"))));
  EXPECT_FALSE(
      verify_audit_chain(audit_genesis(test_identity()), this->store().audit(0, 10), this->store().audit_head()));
}

TYPED_TEST(StoreContract, OperationsSeeThoseBeforeThem) {
  Batch batch;
  batch.insert_request(sample_request("req_1"))
      .update_request(sample_request("req_1", RequestState::running), {RequestState::queued})
      .put_meta("m", secret_bytes(view_of("1")))
      .expect_meta("m", secret_bytes(view_of("1")));
  this->commit(std::move(batch));
  EXPECT_EQ(this->store().request("req_1")->state, RequestState::running);
  this->expect_conflict(Conflict::claimed, std::move(Batch().claim("a", "1").claim("a", "1")));
}

TYPED_TEST(StoreContract, ListsNewestFirstInPages) {
  for (int i = 0; i < 7; ++i)
    this->commit(std::move(Batch().insert_request(sample_request(
        "req_" + std::to_string(i), i % 2 == 0 ? RequestState::queued : RequestState::denied, 1000 + i / 2))));
  std::vector<std::string> seen;
  std::optional<Cursor> after;
  int pages = 0;
  do {
    const auto page = this->store().requests({}, 3, after);
    for (const auto& r : page.items) seen.push_back(r.id);
    after = page.next ? Cursor::parse(page.next->to_text()) : std::nullopt;
    EXPECT_EQ(after, page.next);
    ++pages;
  } while (after);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen, (std::vector<std::string>{"req_6", "req_5", "req_4", "req_3", "req_2", "req_1", "req_0"}));
  EXPECT_FALSE(this->store().requests({}, 7, {}).next);  // exactly full is the last one
  EXPECT_TRUE(this->store().requests({}, 0, {}).items.empty());
}

// What one page takes of memory is bounded, whatever the records are.
TYPED_TEST(StoreContract, PagesAreBoundedInBytes) {
  constexpr std::size_t size = kMaxPageBytes / 3 + 1;
  for (int i = 0; i < 7; ++i) {
    auto row = sample_request("req_" + std::to_string(i), RequestState::denied, 1000);
    row.record.assign(i == 6 ? kMaxPageBytes - 1 : size, 7);
    this->commit(std::move(Batch().insert_request(row)));
  }
  std::vector<std::string> pages;
  std::optional<Cursor> after;
  do {
    const auto page = this->store().requests({}, 100, after);
    auto& seen = pages.emplace_back();
    for (const auto& r : page.items) seen += r.id.back();
    after = page.next;
  } while (after && pages.size() < 10);
  EXPECT_EQ(pages, (std::vector<std::string>{"65", "432", "10"}));
}

TYPED_TEST(StoreContract, FiltersCombine) {
  auto other = sample_request("req_b", RequestState::denied);
  other.user = "bob";
  other.kind = "refresh";
  other.key = "cold";
  this->commit(std::move(Batch().insert_request(sample_request("req_a")).insert_request(other)));
  const auto ids = [&](const RequestFilter& f) {
    std::string out;
    for (const auto& r : this->store().requests(f, 10, {}).items) out += r.id + " ";
    return out;
  };
  EXPECT_EQ(ids({}), "req_b req_a ");
  EXPECT_EQ(ids({.state = RequestState::denied, .kind = {}, .key = {}, .user = {}}), "req_b ");
  EXPECT_EQ(ids({.state = {}, .kind = "sign", .key = {}, .user = {}}), "req_a ");
  EXPECT_EQ(ids({.state = {}, .kind = {}, .key = "cold", .user = {}}), "req_b ");
  EXPECT_EQ(ids({.state = {}, .kind = {}, .key = {}, .user = "alice"}), "req_a ");
  EXPECT_EQ(ids({.state = RequestState::denied, .kind = "sign", .key = {}, .user = {}}), "");
  EXPECT_EQ(ids({.state = RequestState::denied, .kind = "refresh", .key = "cold", .user = "bob"}), "req_b ");
}

TYPED_TEST(StoreContract, OpenRequestsOldestFirst) {
  Batch batch;
  for (auto s = RequestState::pending_approval; s <= RequestState::failed;
       s = static_cast<RequestState>(static_cast<int>(s) + 1))
    batch.insert_request(sample_request("req_" + std::string(to_text(s)), s, 2000 - static_cast<int>(s)));
  this->commit(std::move(batch));
  std::string ids;
  for (const auto& r : this->store().open_requests()) ids += r.id + " ";
  EXPECT_EQ(ids, "req_scheduled req_running req_queued req_pending_approval ");
  EXPECT_EQ(this->store().open_request_count(), 4u);
  const std::int64_t expires = sample_request("req_x", RequestState::queued, 2000).expires;
  EXPECT_TRUE(this->store().overdue_requests(expires - 4).empty());
  ids.clear();
  for (const auto& r : this->store().overdue_requests(expires - 2)) ids += r.id + " ";
  EXPECT_EQ(ids, "req_scheduled req_running ");
  EXPECT_EQ(this->store().overdue_requests(expires + 1).size(), 4u);
}

TYPED_TEST(StoreContract, ForgetsOnlyWhatMayBeForgotten) {
  auto forever = sample_request("req_forever", RequestState::denied);
  forever.forget_after = 0;
  Batch batch;
  batch
      .insert_request(sample_request("req_open", RequestState::pending_approval))  // forget_after 1090
      .insert_request(sample_request("req_done", RequestState::succeeded))
      .insert_request(sample_request("req_later", RequestState::succeeded, 5000))
      .insert_request(forever)
      .claim("nonce", "old", 1090)
      .claim("nonce", "kept")
      .put_meta("old", secret_bytes(view_of("1")), 1090)
      .put_meta("kept", secret_bytes(view_of("1")));
  this->commit(std::move(batch));
  this->commit(std::move(Batch().forget_before(1090)));  // not yet
  EXPECT_TRUE(this->store().request("req_done"));
  this->commit(std::move(Batch().forget_before(1091)));
  EXPECT_FALSE(this->store().request("req_done"));
  EXPECT_TRUE(this->store().request("req_open"));
  EXPECT_TRUE(this->store().request("req_later"));
  EXPECT_TRUE(this->store().request("req_forever"));
  EXPECT_FALSE(this->store().claimed("nonce", "old"));
  EXPECT_TRUE(this->store().claimed("nonce", "kept"));
  EXPECT_FALSE(this->store().meta("old"));
  EXPECT_TRUE(this->store().meta("kept"));
}

TYPED_TEST(StoreContract, NamesAreReserved) {
  this->commit(std::move(Batch().reserve_name("hot", "req_1")));
  this->commit(std::move(Batch().reserve_name("hot", "req_1")));
  this->expect_conflict(Conflict::name_taken, std::move(Batch().reserve_name("hot", "req_2")));
  this->commit(std::move(Batch().release_name("hot", "req_2")));  // not its own
  EXPECT_EQ(this->store().name_holder("hot"), "req_1");
  this->commit(std::move(Batch().release_name("hot", "req_1")));
  EXPECT_FALSE(this->store().name_holder("hot"));
  this->commit(std::move(Batch().put_key(sample_key("aa", "hot"))));
  this->expect_conflict(Conflict::name_taken, std::move(Batch().reserve_name("hot", "req_2")));
  this->expect_conflict(Conflict::name_taken, std::move(Batch().put_key(sample_key("bb", "hot"))));
}

TYPED_TEST(StoreContract, KeysByNameInPages) {
  for (const char* name : {"b", "d", "a", "c"})
    this->commit(std::move(Batch().put_key(sample_key(std::string("id-") + name, name))));
  const auto first = this->store().keys(3, {});
  ASSERT_EQ(first.items.size(), 3u);
  EXPECT_EQ(first.items[0].name, "a");
  EXPECT_EQ(first.items[2].name, "c");
  const auto second = this->store().keys(3, first.next);
  ASSERT_EQ(second.items.size(), 1u);
  EXPECT_EQ(second.items[0].id, "id-d");
  EXPECT_FALSE(second.next);
  EXPECT_EQ(this->store().key_by_name("d")->id, "id-d");
  EXPECT_EQ(this->store().key_by_id("id-d")->record, bytes_of("public things"));
}

TYPED_TEST(StoreContract, KeyStates) {
  this->expect_conflict(Conflict::not_found,
                        std::move(Batch().set_key_state("aa", KeyState::active, KeyState::archived)));
  this->commit(std::move(Batch().put_key(sample_key("aa", "hot"))));
  this->expect_conflict(Conflict::wrong_state,
                        std::move(Batch().set_key_state("aa", KeyState::active, KeyState::archived)));
  this->commit(std::move(Batch().set_key_state("aa", KeyState::prepared, KeyState::active)));
  EXPECT_EQ(this->store().key_by_id("aa")->state, KeyState::active);
}

TYPED_TEST(StoreContract, ShareLife) {
  this->expect_conflict(Conflict::not_found, std::move(Batch().insert_share(sample_share("aa", 1))));
  this->commit(std::move(Batch().put_key(sample_key("aa", "hot")).insert_share(sample_share("aa", 1, "first"))));
  this->expect_conflict(Conflict::exists, std::move(Batch().insert_share(sample_share("aa", 1, "second"))));
  EXPECT_EQ(text_of_secret(this->store().share("aa", 1)->blob), "first");
  EXPECT_EQ(this->store().share("aa", 1)->party, 2);
  EXPECT_FALSE(this->store().active_share("aa"));
  ASSERT_EQ(this->store().prepared_shares().size(), 1u);
  this->expect_conflict(Conflict::not_found, std::move(Batch().activate("aa", 2, bytes_of("cert"))));
  this->expect_conflict(Conflict::not_found, std::move(Batch().activate("bb", 1, bytes_of("cert"))));
  this->commit(std::move(Batch().activate("aa", 1, bytes_of("cert"))));
  EXPECT_EQ(text_of_secret(this->store().active_share("aa")->blob), "first");
  EXPECT_EQ(this->store().key_by_id("aa")->number, 1u);
  EXPECT_EQ(this->store().key_by_id("aa")->state, KeyState::active);
  EXPECT_EQ(this->store().key_by_id("aa")->certificate, bytes_of("cert"));
  EXPECT_TRUE(this->store().prepared_shares().empty());
  this->expect_conflict(Conflict::stale_number, std::move(Batch().activate("aa", 1, bytes_of("rival"))));
  this->expect_conflict(Conflict::wrong_state, std::move(Batch().drop_prepared("aa", 1)));
  auto older = sample_key("aa", "hot");
  this->expect_conflict(Conflict::stale_number, std::move(Batch().put_key(older)));
}

TYPED_TEST(StoreContract, WhatASuccessorIsPreparedOver) {
  auto share = sample_share("aa", 5, "five");
  share.record = bytes_of("who asked");
  this->expect_conflict(Conflict::not_found, std::move(Batch().insert_successor(share, bytes_of("one"))));
  this->commit(std::move(
      Batch().put_key(sample_key("aa", "hot")).insert_share(sample_share("aa", 1)).activate("aa", 1, bytes_of("one"))));
  // attack 48: dealt from a certificate that is not in force here
  this->expect_conflict(Conflict::other_certificate, std::move(Batch().insert_successor(share, bytes_of("zero"))));
  this->expect_conflict(Conflict::stale_number,
                        std::move(Batch().insert_successor(sample_share("aa", 1), bytes_of("one"))));
  this->commit(std::move(Batch().insert_successor(share, bytes_of("one"))));
  this->reopen();
  EXPECT_EQ(this->store().share("aa", 5)->record, share.record);
  EXPECT_EQ(text_of_secret(this->store().share("aa", 5)->blob), "five");
  ASSERT_EQ(this->store().prepared_shares().size(), 1u);
  EXPECT_EQ(this->store().prepared_shares()[0].record, share.record);
  // One certificate for a number, and none for a lesser one.
  for (const std::uint64_t number : {4u, 5u})
    this->expect_conflict(Conflict::stale_number,
                          std::move(Batch().insert_successor(sample_share("aa", number), bytes_of("one"))));
  this->commit(std::move(Batch().insert_successor(sample_share("aa", 6), bytes_of("one"))));
}

// "aa" has number 1 in force and three successors prepared; "bb" has never been active.
Batch prepared_1_3_5_9() {
  Batch batch;
  batch.put_key(sample_key("aa", "hot")).insert_share(sample_share("aa", 1)).activate("aa", 1, bytes_of("one"));
  for (const std::uint64_t n : std::initializer_list<std::uint64_t>{3, 5, 9})
    batch.insert_successor(sample_share("aa", n, "share " + std::to_string(n)), bytes_of("one"));
  batch.put_key(sample_key("bb", "cold")).insert_share(sample_share("bb", 1, "other"));
  return batch;
}

TYPED_TEST(StoreContract, ASuccessionDeletesWhatItEndsAndNothingElse) {
  this->commit(prepared_1_3_5_9());
  this->commit(std::move(Batch().succeed(sample_succession("aa", "one", 5, "five", {1, 3}))));
  this->reopen();
  EXPECT_FALSE(this->store().share("aa", 1));
  EXPECT_FALSE(this->store().share("aa", 3));
  EXPECT_EQ(this->store().share("aa", 9)->state, ShareState::prepared);
  EXPECT_EQ(this->store().active_share("aa")->number, 5u);
  EXPECT_TRUE(this->store().share("bb", 1));  // another key is not touched
  const auto key = this->store().key_by_id("aa");
  EXPECT_EQ(key->number, 5u);
  EXPECT_EQ(key->state, KeyState::active);
  EXPECT_EQ(key->name, "hot");
  EXPECT_EQ(key->certificate, bytes_of("five"));
  EXPECT_EQ(key->record, bytes_of("public things of five"));
  this->commit(std::move(Batch().drop_prepared("aa", 9).drop_prepared("aa", 77)));
  EXPECT_FALSE(this->store().share("aa", 9));
}

TYPED_TEST(StoreContract, ASuccessionOverWhatIsNotThereChangesNothing) {
  this->commit(prepared_1_3_5_9());
  const auto refused = [&](Conflict conflict, auto change) {
    Succession s = sample_succession("aa", "one", 5, "five", {1, 3});
    change(s);
    this->expect_conflict(conflict, std::move(Batch().succeed(std::move(s))));
    EXPECT_EQ(this->store().active_share("aa")->number, 1u);
    EXPECT_EQ(this->store().prepared_shares().size(), 4u);
    EXPECT_EQ(this->store().key_by_id("aa")->certificate, bytes_of("one"));
  };
  refused(Conflict::not_found, [](Succession& s) { s.key = "cc"; });
  refused(Conflict::wrong_state, [](Succession& s) { s.key = "bb"; });  // has never been active
  refused(Conflict::other_certificate, [](Succession& s) { s.replaces = bytes_of("two"); });
  refused(Conflict::not_found, [](Succession& s) { s.number = 6; });
  refused(Conflict::wrong_state, [](Succession& s) { s.obsolete = {3}; });  // two active shares
  refused(Conflict::wrong_state, [](Succession& s) { s.obsolete = {1}; });  // a share of an ended number
  refused(Conflict::out_of_bounds, [](Succession& s) { s.obsolete = {1, 3, 5}; });
  refused(Conflict::out_of_bounds, [](Succession& s) { s.certificate.clear(); });
  refused(Conflict::out_of_bounds, [](Succession& s) { s.replaces.clear(); });
  refused(Conflict::out_of_bounds, [](Succession& s) { s.number = 0; });
  this->commit(std::move(Batch().succeed(sample_succession("aa", "one", 5, "five", {1, 3}))));
  this->expect_conflict(Conflict::stale_number,
                        std::move(Batch().succeed(sample_succession("aa", "five", 3, "three", {5}))));
  this->expect_conflict(Conflict::other_certificate,
                        std::move(Batch().succeed(sample_succession("aa", "one", 9, "nine", {5}))));
}

// Two certificates of one number: the greater one ends the lesser, and what is prepared for the greater one stays.
TYPED_TEST(StoreContract, ASuccessionWithinOneNumber) {
  this->commit(prepared_1_3_5_9());
  Succession lesser = sample_succession("aa", "one", 5, "a rival of five", {1, 3});
  lesser.with_share = false;
  this->commit(std::move(Batch().succeed(lesser)));
  EXPECT_FALSE(this->store().active_share("aa"));
  EXPECT_EQ(this->store().share("aa", 5)->state, ShareState::prepared);
  this->commit(std::move(Batch().succeed(sample_succession("aa", "a rival of five", 5, "five", {}))));
  EXPECT_EQ(this->store().active_share("aa")->number, 5u);
  EXPECT_EQ(this->store().key_by_id("aa")->certificate, bytes_of("five"));
}

TYPED_TEST(StoreContract, ArchivedStaysArchivedWhenItsNumberRises) {
  this->commit(prepared_1_3_5_9());
  this->commit(std::move(Batch().set_key_state("aa", KeyState::active, KeyState::archived)));
  this->commit(std::move(Batch().succeed(sample_succession("aa", "one", 5, "five", {1, 3}))));
  EXPECT_EQ(this->store().key_by_id("aa")->state, KeyState::archived);
  EXPECT_EQ(this->store().key_by_id("aa")->number, 5u);
}

TYPED_TEST(StoreContract, TellsWhenAKeyHasChanged) {
  Store& store = this->store();
  std::uint64_t before = store.keys_version();
  EXPECT_EQ(before % 2, 0u);
  const auto changes = [&](Batch& batch) {
    const bool ok = store.commit_now(std::move(batch)).ok();
    const std::uint64_t now = store.keys_version();
    EXPECT_TRUE(ok);
    EXPECT_EQ(now % 2, 0u);
    EXPECT_GE(now, before);
    return std::exchange(before, now) != now;
  };
  EXPECT_TRUE(changes(Batch().put_key(sample_key("aa", "name"))));
  EXPECT_FALSE(changes(Batch().insert_share(sample_share("aa", 1, "secret")).put_meta("m", SecretBytes(1))));
  EXPECT_FALSE(changes(Batch().insert_request(sample_request("r", RequestState::queued))));
  EXPECT_TRUE(changes(Batch().activate("aa", 1, bytes_of("one"))));
  EXPECT_TRUE(changes(Batch().set_key_state("aa", KeyState::active, KeyState::archived)));
  EXPECT_TRUE(changes(Batch().put_meta("m", SecretBytes(2)).set_key_state("aa", KeyState::archived, KeyState::active)));
  EXPECT_FALSE(changes(Batch().insert_successor(sample_share("aa", 2, "next"), bytes_of("one"))));
  EXPECT_TRUE(changes(Batch().succeed(sample_succession("aa", "one", 2, "two", {1}))));
}

TYPED_TEST(StoreContract, RemovedMemberLosesItsShares) {
  this->commit(prepared_1_3_5_9());
  Succession without = sample_succession("aa", "one", 7, "seven", {1, 3, 5});
  without.with_share = false;
  this->commit(std::move(Batch().succeed(without)));
  EXPECT_FALSE(this->store().active_share("aa"));
  ASSERT_EQ(this->store().prepared_shares().size(), 2u);  // 9, and the other key's
  EXPECT_EQ(this->store().key_by_id("aa")->number, 7u);
  EXPECT_EQ(this->store().key_by_id("aa")->certificate, bytes_of("seven"));
}

void expect_equal(const QuarantineRow& a, const QuarantineRow& b) {
  EXPECT_EQ(std::tie(a.key, a.number, a.certificate, a.by, a.node, a.since, a.reason, a.signature),
            std::tie(b.key, b.number, b.certificate, b.by, b.node, b.since, b.reason, b.signature));
}

TYPED_TEST(StoreContract, QuarantineIsKeptAsGivenAndNeverReverts) {  // attack 56
  const QuarantineRow row = sample_quarantine("aa", 1);
  this->expect_conflict(Conflict::not_found, std::move(Batch().put_quarantine(row)));
  this->commit(std::move(Batch().put_key(sample_key("aa", "hot")).put_quarantine(row)));
  this->reopen();
  ASSERT_EQ(this->store().quarantines("aa").size(), 1u);
  expect_equal(this->store().quarantines("aa")[0], row);
  auto again = row;
  again.since = 2000;
  again.reason = "another one";
  again.signature.fill(1);
  this->commit(std::move(Batch().put_quarantine(again)));
  ASSERT_EQ(this->store().quarantines("aa").size(), 1u);
  expect_equal(this->store().quarantines("aa")[0], row);  // the first one stays
}

TYPED_TEST(StoreContract, QuarantinesPerKeyAndPair) {
  Batch batch;
  batch.put_key(sample_key("aa", "a")).put_key(sample_key("bb", "b")).put_key(sample_key("cc", "c"));
  batch.put_quarantine(sample_quarantine("cc", 1))
      .put_quarantine(sample_quarantine("aa", 1, "node2", "node1"))
      .put_quarantine(sample_quarantine("aa", 1, "node1", "node3"))
      .put_quarantine(sample_quarantine("aa", 1, "node1", "node2"));
  this->commit(std::move(batch));
  std::string pairs;
  for (const auto& r : this->store().quarantines("aa")) pairs += r.by + ">" + r.node + " ";
  EXPECT_EQ(pairs, "node1>node2 node1>node3 node2>node1 ");
  EXPECT_TRUE(this->store().quarantines("bb").empty());
  EXPECT_EQ(this->store().quarantined_keys("", 10), (std::vector<std::string>{"aa", "cc"}));
  EXPECT_EQ(this->store().quarantined_keys("", 1), std::vector<std::string>{"aa"});
  EXPECT_EQ(this->store().quarantined_keys("aa", 10), std::vector<std::string>{"cc"});
}

TYPED_TEST(StoreContract, StrikesAreCountedPerCertificateAndNode) {
  const Digest first = sample_quarantine("aa", 1).certificate, second = sample_quarantine("aa", 2).certificate;
  this->expect_conflict(Conflict::not_found, std::move(Batch().add_strike("aa", 1, first, "node2")));
  this->commit(std::move(Batch()
                             .put_key(sample_key("aa", "hot"))
                             .add_strike("aa", 1, first, "node2")
                             .add_strike("aa", 1, first, "node3")
                             .add_strike("aa", 2, second, "node2")));
  this->commit(std::move(Batch().add_strike("aa", 1, first, "node2")));
  this->reopen();
  EXPECT_EQ(this->store().strikes("aa", first, "node2"), 2u);
  EXPECT_EQ(this->store().strikes("aa", first, "node3"), 1u);
  EXPECT_EQ(this->store().strikes("aa", second, "node2"), 1u);
  EXPECT_EQ(this->store().strikes("bb", first, "node2"), 0u);
}

TYPED_TEST(StoreContract, ALaterCertificateEndsQuarantinesAndStrikes) {
  Batch batch;
  batch.put_key(sample_key("aa", "hot")).put_key(sample_key("bb", "cold"));
  batch.insert_share(sample_share("aa", 1)).activate("aa", 1, bytes_of("one"));
  batch.put_quarantine(sample_quarantine("aa", 1))
      .put_quarantine(sample_quarantine("aa", 2))
      .put_quarantine(sample_quarantine("aa", 3))
      .put_quarantine(sample_quarantine("bb", 1));
  for (const std::uint64_t n : std::initializer_list<std::uint64_t>{1, 2, 3})
    batch.add_strike("aa", n, sample_quarantine("aa", n).certificate, "node2");
  this->commit(std::move(batch));
  Batch later;
  later.insert_successor(sample_share("aa", 2), bytes_of("one"));
  later.put_quarantine(sample_quarantine("aa", 1, "node3")).add_strike("aa", 2, Digest{}, "node2");
  later.succeed(sample_succession("aa", "one", 2, "two", {1}));
  this->commit(std::move(later));
  EXPECT_EQ(this->store().strikes("aa", Digest{}, "node2"), 0u);  // a rival's of the same number
  const auto left = this->store().quarantines("aa");
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].number, 2u);  // the active one's stays, and that of one that may come
  EXPECT_EQ(left[1].number, 3u);
  EXPECT_EQ(this->store().quarantines("bb").size(), 1u);
  EXPECT_EQ(this->store().strikes("aa", sample_quarantine("aa", 1).certificate, "node2"), 0u);
  EXPECT_EQ(this->store().strikes("aa", sample_quarantine("aa", 2).certificate, "node2"), 1u);
  this->expect_conflict(Conflict::stale_number, std::move(Batch().put_quarantine(sample_quarantine("aa", 1))));
  this->expect_conflict(Conflict::stale_number, std::move(Batch().add_strike("aa", 1, Digest{}, "node2")));
}

TYPED_TEST(StoreContract, ClaimIsTheWrite) {  // attack 32
  this->commit(std::move(Batch().claim("presignature", "1")));
  this->expect_conflict(Conflict::claimed, std::move(Batch().claim("presignature", "1")));
  this->commit(std::move(Batch().claim("presignature", "2").claim("nonce", "1")));
  this->reopen();
  this->expect_conflict(Conflict::claimed, std::move(Batch().claim("presignature", "1")));
  EXPECT_TRUE(this->store().claimed("nonce", "1"));
  EXPECT_FALSE(this->store().claimed("nonce", "2"));
}

TYPED_TEST(StoreContract, Metas) {
  const auto value = [](std::string_view s) { return secret_bytes(view_of(s)); };
  this->commit(std::move(Batch()
                             .put_meta("policy", value("1"))
                             .put_meta("tomb/b", value("b"))
                             .put_meta("tomb/a", value("a"))
                             .put_meta("tombs", value("-"))));
  this->commit(std::move(Batch().put_meta("policy", value("2")).put_meta("empty", {})));
  EXPECT_EQ(text_of_secret(*this->store().meta("policy")), "2");
  EXPECT_EQ(this->store().meta("empty")->size(), 0u);
  const auto listed = this->store().metas("tomb/", "", 10);
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].name, "tomb/a");
  EXPECT_EQ(text_of_secret(listed[1].bytes), "b");
  EXPECT_EQ(this->store().metas("tomb/", "tomb/a", 10).size(), 1u);
  EXPECT_EQ(this->store().metas("tomb/", "", 1).size(), 1u);
  this->expect_conflict(Conflict::meta_differs, std::move(Batch().expect_meta("policy", value("1"))));
  this->expect_conflict(Conflict::meta_differs, std::move(Batch().expect_meta("policy", std::nullopt)));
  this->expect_conflict(Conflict::meta_differs, std::move(Batch().expect_meta("none", value(""))));
  this->commit(
      std::move(Batch().expect_meta("policy", value("2")).expect_meta("none", std::nullopt).erase_meta("policy")));
  EXPECT_FALSE(this->store().meta("policy"));
}

TYPED_TEST(StoreContract, AuditIsAChain) {
  const CommitResult first =
      this->store().commit_now(std::move(Batch().append_audit(sample_entry("a")).append_audit(sample_entry("b"))));
  EXPECT_EQ(first.audit_head.seq, 2u);
  this->reopen();
  const CommitResult second = this->store().commit_now(std::move(Batch().append_audit(sample_entry("c"))));
  EXPECT_EQ(second.audit_head, this->store().audit_head());
  const auto log = this->store().audit(0, 10);
  ASSERT_EQ(log.size(), 3u);
  EXPECT_EQ(log[2].entry.text, "c");
  EXPECT_EQ(log[2].entry.kind, "test");
  EXPECT_EQ(log[2].entry.request, "req_1");
  EXPECT_EQ(log[2].entry.time, 1000);
  EXPECT_FALSE(verify_audit_chain(audit_genesis(test_identity()), log, second.audit_head));
  EXPECT_FALSE(verify_audit_chain(first.audit_head, this->store().audit(2, 10), second.audit_head));
  EXPECT_EQ(this->store().audit(1, 1).size(), 1u);
  EXPECT_EQ(this->store().audit(1, 1)[0].entry.text, "b");
}

TYPED_TEST(StoreContract, OutOfBounds) {
  const auto refused = [&](Batch b) { this->expect_conflict(Conflict::out_of_bounds, std::move(b)); };
  refused(std::move(Batch().insert_request(sample_request(""))));
  refused(std::move(Batch().insert_request(sample_request("req_1", RequestState::unset))));
  refused(std::move(Batch().update_request(sample_request("req_1"), {})));
  refused(std::move(Batch().insert_request(sample_request(std::string(limits::kMaxStoredName + 1, 'x')))));
  refused(std::move(Batch().insert_request(sample_request(std::string("a\0b", 3)))));
  auto large = sample_request("req_1");
  large.record.resize(limits::kMaxRecord + 1);
  refused(std::move(Batch().put_request(large)));
  auto share = sample_share("aa", 1);
  const auto with_share = [&](auto change) {
    ShareRow s = share;
    change(s);
    refused(std::move(Batch().put_key(sample_key("aa", "hot")).insert_share(s)));
  };
  with_share([](ShareRow& s) { s.party = 0; });
  with_share([](ShareRow& s) { s.party = 33; });
  with_share([](ShareRow& s) { s.number = 0; });
  with_share([](ShareRow& s) { s.number = UINT64_MAX; });
  with_share([](ShareRow& s) { s.state = ShareState::active; });
  with_share([](ShareRow& s) { s.record.resize(limits::kMaxRecord + 1); });
  refused(std::move(Batch().put_key(sample_key("aa", "hot")).insert_successor(sample_share("aa", 1), {})));
  auto key = sample_key("aa", "hot");
  key.state = KeyState::unset;
  refused(std::move(Batch().put_key(key)));
  refused(std::move(Batch().set_key_state("aa", KeyState::active, KeyState::unset)));
  const auto with_quarantine = [&](auto change) {
    QuarantineRow r = sample_quarantine("aa", 1);
    change(r);
    refused(std::move(Batch().put_key(sample_key("aa", "hot")).put_quarantine(r)));
  };
  with_quarantine([](QuarantineRow& r) { r.node = r.by; });
  with_quarantine([](QuarantineRow& r) { r.by = ""; });
  with_quarantine([](QuarantineRow& r) { r.number = 0; });
  with_quarantine([](QuarantineRow& r) { r.reason = std::string(limits::kMaxStoredName + 1, 'x'); });
  refused(std::move(Batch().put_key(sample_key("aa", "hot")).add_strike("aa", 0, Digest{}, "node2")));
  refused(std::move(Batch().put_key(sample_key("aa", "hot")).add_strike("aa", 1, Digest{}, "")));
  refused(std::move(Batch().claim("", "1")));
  refused(std::move(Batch().claim("a", "")));
  refused(std::move(Batch().put_meta("m", SecretBytes(limits::kMaxRecord + 1))));
  auto most = sample_request("req_1");
  most.record.resize(limits::kMaxRecord);
  this->commit(std::move(Batch().put_request(most)));
  EXPECT_EQ(this->store().request("req_1")->record.size(), limits::kMaxRecord);
}

}  // namespace
}  // namespace quorate::storage

#include "storage/apply.h"

#include <algorithm>

#include "base/limits.h"
#include "storage/ledger_table.h"
#include "storage/stored_record.h"

namespace quorate::storage {
namespace {

Applied done() { return {}; }
Applied conflict(Conflict c, std::string text) { return {c, std::move(text), 0}; }
std::int64_t code(auto state) { return static_cast<std::int64_t>(state); }

class Apply {
 public:
  Apply(Connection& connection, const Identity& identity, const ShareCipher& cipher, AuditHead& head)
      : c_(connection), identity_(identity), cipher_(cipher), head_(head) {}

  Applied operator()(const op::InsertRequest& o) {
    if (state_of(o.row.id)) return conflict(Conflict::exists, o.row.id);
    return write(o.row, RequestState::unset);
  }
  Applied operator()(const op::PutRequest& o) { return write(o.row, state_of(o.row.id).value_or(RequestState::unset)); }
  Applied operator()(const op::UpdateRequest& o) {
    const auto state = state_of(o.row.id);
    if (!state) return conflict(Conflict::not_found, o.row.id);
    if (std::find(o.expected.begin(), o.expected.end(), *state) == o.expected.end())
      return conflict(Conflict::wrong_state, o.row.id + " is " + std::string(to_text(*state)));
    return write(o.row, *state);
  }

  Applied operator()(const op::ForgetBefore& o) {
    const auto most = std::int64_t{limits::kMaxForgotten};
    // What this node takes part in, and a window sees, it must be able to show to others (docs/windows.md).
    static const std::string kShown =
        "SELECT minute FROM ledger WHERE request = requests.id AND own != 0 AND minute >= ?";
    static const std::string kDue =
        "rowid IN (SELECT rowid FROM requests WHERE forget_after != 0 AND forget_after < ? AND state NOT BETWEEN ? AND "
        "? "
        "ORDER BY forget_after LIMIT ?)";
    const std::int64_t begin = window_begin(minute_of(o.time), limits::kMaxWindowHours);
    const auto run_on_due = [&](Query& q) {
      q.bind(o.time)
          .bind(code(RequestState::pending_approval))
          .bind(code(RequestState::scheduled))
          .bind(most)
          .bind(begin)
          .run();
    };
    Query later(c_, "UPDATE requests SET forget_after = 60 * (1 + ? + (" + kShown + ")) - 1 WHERE " + kDue +
                        " AND EXISTS (" + kShown + ")");
    later.bind(60 * limits::kMaxWindowHours).bind(begin);
    run_on_due(later);
    Query now(c_, "DELETE FROM requests WHERE " + kDue + " AND NOT EXISTS (" + kShown + ")");
    run_on_due(now);
    Query(c_,
          "DELETE FROM claims WHERE (kind, id) IN (SELECT kind, id FROM claims "
          "WHERE forget_after != 0 AND forget_after < ? LIMIT ?)")
        .bind(o.time)
        .bind(most)
        .run();
    Query(c_,
          "DELETE FROM metas WHERE rowid IN (SELECT rowid FROM metas "
          "WHERE forget_after != 0 AND forget_after < ? LIMIT ?)")
        .bind(o.time)
        .bind(most)
        .run();
    return done();
  }

  Applied operator()(const op::ReserveName& o) {
    Query key(c_, "SELECT id FROM keys WHERE name = ?");
    if (key.bind(o.name).row()) return conflict(Conflict::name_taken, o.name + " is key " + key.text(0));
    Query holder(c_, "SELECT request FROM names WHERE name = ?");
    if (holder.bind(o.name).row()) {
      if (holder.text(0) == o.request) return done();
      return conflict(Conflict::name_taken, o.name + " is reserved by " + holder.text(0));
    }
    Query(c_, "INSERT INTO names (name, request) VALUES (?, ?)").bind(o.name).bind(o.request).run();
    return done();
  }
  Applied operator()(const op::ReleaseName& o) {
    Query(c_, "DELETE FROM names WHERE name = ? AND request = ?").bind(o.name).bind(o.request).run();
    return done();
  }

  Applied operator()(const op::PutKey& o) {
    const KeyRow& r = o.row;
    Query other(c_, "SELECT id FROM keys WHERE name = ? AND id != ?");
    if (other.bind(r.name).bind(r.id).row()) return conflict(Conflict::name_taken, r.name + " is key " + other.text(0));
    if (const auto stored = key(r.id); stored && stored->number > r.number)
      return conflict(Conflict::stale_number, r.id + " has number " + std::to_string(stored->number));
    Query(
        c_,
        "INSERT INTO keys (id, name, algorithm, state, number, certificate, record) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name, algorithm = excluded.algorithm, state = excluded.state, "
        "number = excluded.number, certificate = excluded.certificate, record = excluded.record")
        .bind(r.id)
        .bind(r.name)
        .bind(r.algorithm)
        .bind(code(r.state))
        .bind(r.number)
        .bind(ByteView(r.certificate))
        .bind(ByteView(r.record))
        .run();
    return done();
  }
  Applied operator()(const op::SetKeyState& o) {
    const auto stored = key(o.key);
    if (!stored) return conflict(Conflict::not_found, "key " + o.key);
    if (stored->state != o.expected)
      return conflict(Conflict::wrong_state, "key " + o.key + " is " + std::string(to_text(stored->state)));
    Query(c_, "UPDATE keys SET state = ? WHERE id = ?").bind(code(o.state)).bind(o.key).run();
    return done();
  }

  Applied operator()(const op::InsertShare& o) {
    const ShareRow& r = o.row;
    const auto stored = key(r.key);
    if (!stored) return conflict(Conflict::not_found, "key " + r.key);
    if (share_state(r.key, r.number)) return conflict(Conflict::exists, share_text(r.key, r.number));
    if (stored->number >= r.number)
      return conflict(Conflict::stale_number, r.key + " has number " + std::to_string(stored->number));
    return write(r);
  }
  Applied operator()(const op::InsertSuccessor& o) {
    const ShareRow& r = o.row;
    const auto stored = key(r.key);
    if (!stored) return conflict(Conflict::not_found, "key " + r.key);
    if (!has_certificate(r.key, o.base)) return conflict(Conflict::other_certificate, "key " + r.key);
    Query greatest(c_, "SELECT max(number) FROM shares WHERE key = ?");
    greatest.bind(r.key).row();
    if (const std::uint64_t number = std::max(stored->number, greatest.number(0)); number >= r.number)
      return conflict(Conflict::stale_number, r.key + " has number " + std::to_string(number));
    return write(r);
  }
  Applied operator()(const op::DropPrepared& o) {
    if (share_state(o.key, o.number) == ShareState::active)
      return conflict(Conflict::wrong_state, share_text(o.key, o.number) + " is active");
    Query(c_, "DELETE FROM shares WHERE key = ? AND number = ?").bind(o.key).bind(o.number).run();
    return done();
  }
  Applied operator()(const op::Activate& o) {
    const auto stored = key(o.key);
    if (!stored) return conflict(Conflict::not_found, "key " + o.key);
    if (stored->number != 0)
      return conflict(Conflict::stale_number, o.key + " has number " + std::to_string(stored->number));
    if (!share_state(o.key, o.number)) return conflict(Conflict::not_found, share_text(o.key, o.number));
    make_active(o.key, o.number);
    Query(c_, "UPDATE keys SET state = ?, number = ?, certificate = ? WHERE id = ?")
        .bind(code(KeyState::active))
        .bind(o.number)
        .bind(ByteView(o.certificate))
        .bind(o.key)
        .run();
    return done();
  }
  // protocols.md, "Numbers, not epoch + 1"; attack 44.
  Applied operator()(const op::Succeed& o) {
    const Succession& s = o.it;
    const auto stored = key(s.key);
    if (!stored) return conflict(Conflict::not_found, "key " + s.key);
    if (stored->state == KeyState::prepared) return conflict(Conflict::wrong_state, "key " + s.key + " is prepared");
    if (!has_certificate(s.key, s.replaces)) return conflict(Conflict::other_certificate, "key " + s.key);
    if (stored->number > s.number)
      return conflict(Conflict::stale_number, s.key + " has number " + std::to_string(stored->number));
    if (s.with_share && share_state(s.key, s.number) != ShareState::prepared)
      return conflict(Conflict::not_found, share_text(s.key, s.number));
    for (const std::uint64_t number : s.obsolete)
      Query(c_, "DELETE FROM shares WHERE key = ? AND number = ?").bind(s.key).bind(number).run();
    Query left(c_, "SELECT number FROM shares WHERE key = ? AND (state = ? OR number < ?)");
    if (left.bind(s.key).bind(code(ShareState::active)).bind(s.number).row())
      return conflict(Conflict::wrong_state, share_text(s.key, left.number(0)) + " would stay");
    for (const char* table : {"quarantines", "strikes"})
      Query(c_, std::string("DELETE FROM ") + table + " WHERE key = ? AND number <= ? AND certificate != ?")
          .bind(s.key)
          .bind(s.number)
          .bind(ByteView(s.digest))
          .run();
    if (s.with_share) make_active(s.key, s.number);
    Query(c_, "UPDATE keys SET number = ?, certificate = ?, record = ? WHERE id = ?")
        .bind(s.number)
        .bind(ByteView(s.certificate))
        .bind(ByteView(s.record))
        .bind(s.key)
        .run();
    return done();
  }

  Applied operator()(const op::PutQuarantine& o) {
    const QuarantineRow& r = o.row;
    if (auto refused = older_than_key(r.key, r.number); refused.conflict != Conflict::none) return refused;
    Query(c_,
          "INSERT OR IGNORE INTO quarantines (key, number, certificate, by, node, since, reason, signature) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(r.key)
        .bind(r.number)
        .bind(ByteView(r.certificate))
        .bind(r.by)
        .bind(r.node)
        .bind(r.since)
        .bind(r.reason)
        .bind(ByteView(r.signature))
        .run();
    return done();
  }
  Applied operator()(const op::AddStrike& o) {
    if (auto refused = older_than_key(o.key, o.number); refused.conflict != Conflict::none) return refused;
    Query(c_,
          "INSERT INTO strikes (key, number, certificate, node, count) VALUES (?, ?, ?, ?, 1) "
          "ON CONFLICT (key, certificate, node) DO UPDATE SET count = count + 1")
        .bind(o.key)
        .bind(o.number)
        .bind(ByteView(o.certificate))
        .bind(o.node)
        .run();
    return done();
  }

  Applied operator()(const op::Claim& o) {
    Query(c_, "INSERT OR IGNORE INTO claims (kind, id, forget_after) VALUES (?, ?, ?)")
        .bind(o.kind)
        .bind(o.id)
        .bind(o.forget_after)
        .run();
    return c_.changes() == 1 ? done() : conflict(Conflict::claimed, o.kind + " " + o.id);
  }

  Applied operator()(const op::AppendAudit& o) {
    const AuditRecord r = audit_record(head_, o.entry);
    Query(c_, "INSERT INTO audit (seq, time, kind, request, text, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(r.seq)
        .bind(r.entry.time)
        .bind(r.entry.kind)
        .bind(r.entry.request)
        .bind(r.entry.text)
        .bind(ByteView(r.previous))
        .bind(ByteView(r.hash))
        .run();
    head_ = head_of(r);
    return done();
  }

  Applied operator()(const op::PutMeta& o) {
    bool there = false, same_bytes = false, same_end = false;
    {
      Query old(c_, "SELECT bytes, forget_after FROM metas WHERE name = ?");
      there = old.bind(o.name).row();
      same_bytes = there && equal_constant_time(old.blob(0), o.bytes);
      same_end = there && old.integer(1) == o.forget_after;
    }
    if (!there) {
      Query insert(c_, "INSERT INTO metas (name, bytes, forget_after) VALUES (?, ?, ?)");
      insert.bind(o.name).bind(ByteView(o.bytes)).bind(o.forget_after).run();
    } else if (!same_end) {
      Query update(c_, "UPDATE OR FAIL metas SET bytes = ?, forget_after = ? WHERE name = ?");
      update.bind(ByteView(o.bytes)).bind(o.forget_after).bind(o.name).run();
    } else if (!same_bytes) {
      Query(c_, "UPDATE OR FAIL metas SET bytes = ? WHERE name = ?").bind(ByteView(o.bytes)).bind(o.name).run();
    }
    return done();
  }
  Applied operator()(const op::EraseMeta& o) {
    Query(c_, "DELETE FROM metas WHERE name = ?").bind(o.name).run();
    return done();
  }
  Applied operator()(const op::ExpectMeta& o) {
    Query q(c_, "SELECT bytes FROM metas WHERE name = ?");
    const bool there = q.bind(o.name).row();
    const bool same = there ? o.bytes && equal_constant_time(q.blob(0), *o.bytes) : !o.bytes;
    return same ? done() : conflict(Conflict::meta_differs, o.name);
  }

  Applied operator()(const op::Reserve& o) { return ledger_table::reserve(c_, o.it); }
  Applied operator()(const op::Spend& o) { return ledger_table::spend(c_, o.request, o.time); }
  Applied operator()(const op::Settle& o) { return ledger_table::settle(c_, o.it); }
  Applied operator()(const op::Unreserve& o) { return ledger_table::unreserve(c_, o.request); }
  Applied operator()(const op::Hear& o) { return ledger_table::hear(c_, o.it); }
  Applied operator()(const op::Unhear& o) { return ledger_table::unhear(c_, o.request, o.node); }
  Applied operator()(const op::PruneLedger& o) { return ledger_table::prune(c_, o.now); }

 private:
  struct StoredKey {
    KeyState state;
    std::uint64_t number;
  };
  std::optional<StoredKey> key(const std::string& id) {
    Query q(c_, "SELECT state, number FROM keys WHERE id = ?");
    if (!q.bind(id).row()) return std::nullopt;
    return StoredKey{static_cast<KeyState>(q.integer(0)), q.number(1)};
  }
  Applied older_than_key(const std::string& id, std::uint64_t number) {
    const auto stored = key(id);
    if (!stored) return conflict(Conflict::not_found, "key " + id);
    if (stored->number > number)
      return conflict(Conflict::stale_number, id + " has number " + std::to_string(stored->number));
    return done();
  }
  std::optional<ShareState> share_state(const std::string& id, std::uint64_t number) {
    Query q(c_, "SELECT state FROM shares WHERE key = ? AND number = ?");
    if (!q.bind(id).bind(number).row()) return std::nullopt;
    return static_cast<ShareState>(q.integer(0));
  }
  bool has_certificate(const std::string& id, const Bytes& certificate) {
    Query q(c_, "SELECT 1 FROM keys WHERE id = ? AND certificate = ?");
    return q.bind(id).bind(ByteView(certificate)).row();
  }
  void make_active(const std::string& id, std::uint64_t number) {
    Query(c_, "UPDATE shares SET state = ? WHERE key = ? AND number = ?")
        .bind(code(ShareState::active))
        .bind(id)
        .bind(number)
        .run();
  }
  Applied write(const ShareRow& r) {
    ShareRow hidden = r;
    hidden.blob = cipher_.seal(identity_, r);
    const SecretBytes sealed = seal_share(identity_, hidden);
    Query(c_, "INSERT INTO shares (key, number, party, state, blob, record) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(r.key)
        .bind(r.number)
        .bind(std::uint64_t{r.party})
        .bind(code(ShareState::prepared))
        .bind(ByteView(sealed))
        .bind(ByteView(r.record))
        .run();
    return done();
  }
  static std::string share_text(const std::string& key, std::uint64_t number) {
    return "share of key " + key + " number " + std::to_string(number);
  }
  std::optional<RequestState> state_of(const std::string& id) {
    Query q(c_, "SELECT state FROM requests WHERE id = ?");
    if (!q.bind(id).row()) return std::nullopt;
    return static_cast<RequestState>(q.integer(0));
  }
  // Most of a request never changes, and SQLite rewrites every index that a statement names a column of. "OR FAIL":
  // after an error nothing of the transaction stays (Writer::write), so that SQLite need not keep for each statement
  // what the pages held before it.
  Applied write(const RequestRow& r, RequestState before) {
    Query old(c_,
              "SELECT state = ?, forget_after = ? AND kind = ? AND user = ? AND key = ? AND content_digest = ? AND "
              "created = ? AND expires = ? FROM requests WHERE id = ?");
    old.bind(code(r.state)).bind(r.forget_after);
    if (!bind_lasting(old, r).bind(r.id).row()) {
      Query insert(c_,
                   "INSERT INTO requests (kind, user, key, content_digest, created, expires, id, state, forget_after, "
                   "record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
      bind_lasting(insert, r).bind(r.id).bind(code(r.state)).bind(r.forget_after).bind(ByteView(r.record)).run();
    } else if (old.integer(1) == 0) {
      Query update(
          c_,
          "UPDATE OR FAIL requests SET kind = ?, user = ?, key = ?, content_digest = ?, created = ?, expires = ?, "
          "state = ?, forget_after = ?, record = ? WHERE id = ?");
      bind_lasting(update, r).bind(code(r.state)).bind(r.forget_after).bind(ByteView(r.record)).bind(r.id).run();
    } else if (old.integer(0) == 0) {
      Query update(c_, "UPDATE OR FAIL requests SET state = ?, record = ? WHERE id = ?");
      update.bind(code(r.state)).bind(ByteView(r.record)).bind(r.id).run();
    } else {
      Query(c_, "UPDATE OR FAIL requests SET record = ? WHERE id = ?").bind(ByteView(r.record)).bind(r.id).run();
    }
    Applied applied;
    applied.opened = int{is_open(r.state)} - int{is_open(before)};
    return applied;
  }
  static Query& bind_lasting(Query& q, const RequestRow& r) {
    return q.bind(r.kind).bind(r.user).bind(r.key).bind(ByteView(r.content_digest)).bind(r.created).bind(r.expires);
  }

  Connection& c_;
  const Identity& identity_;
  const ShareCipher& cipher_;
  AuditHead& head_;
};

}  // namespace

Applied apply(Connection& connection, const Identity& identity, const ShareCipher& cipher, AuditHead& head,
              const op::Any& operation) {
  if (!within_bounds(operation)) return conflict(Conflict::out_of_bounds, "an id is empty or a record too long");
  return std::visit(Apply(connection, identity, cipher, head), operation);
}

bool changes_keys(const op::Any& operation) {
  return std::holds_alternative<op::PutKey>(operation) || std::holds_alternative<op::SetKeyState>(operation) ||
         std::holds_alternative<op::Activate>(operation) || std::holds_alternative<op::Succeed>(operation);
}

bool deletes_secrets(const op::Any& operation) {
  return std::holds_alternative<op::Succeed>(operation) || std::holds_alternative<op::DropPrepared>(operation);
}

}  // namespace quorate::storage

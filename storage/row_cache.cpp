#include "storage/row_cache.h"

#include "base/limits.h"

namespace quorate::storage {
namespace {

bool is_large(const RequestRow& row) { return row.record.size() > limits::kMaxCachedRow; }
bool is_large(const SecretBytes& bytes) { return bytes.size() > limits::kMaxCachedMeta; }

template <class Row, class Read>
std::optional<Row> get(RecentRows<Row>& rows, const std::string& name, const Read& read) {
  return rows.get(name, read, [](const Row& row) { return is_large(row); });
}

template <class Row>
void written(RecentRows<Row>& rows, const std::string& name, const Row& row) {
  if (is_large(row))
    rows.forget(name);
  else
    rows.written(name, row);
}

}  // namespace

RowCache::RowCache() : requests_(limits::kMaxCachedRows), metas_(limits::kMaxCachedMetas) {}

std::optional<RequestRow> RowCache::request(const std::string& id,
                                            const std::function<std::optional<RequestRow>()>& read) {
  return get(requests_, id, read);
}
std::optional<SecretBytes> RowCache::meta(const std::string& name,
                                          const std::function<std::optional<SecretBytes>()>& read) {
  return get(metas_, name, read);
}

void RowCache::committed(const Batch& batch) {
  struct Seen {
    RowCache& cache;
    void operator()(const op::InsertRequest& o) const { written(cache.requests_, o.row.id, o.row); }
    void operator()(const op::PutRequest& o) const { written(cache.requests_, o.row.id, o.row); }
    void operator()(const op::UpdateRequest& o) const { written(cache.requests_, o.row.id, o.row); }
    void operator()(const op::ForgetBefore&) const {
      cache.requests_.forget_all();
      cache.metas_.forget_all();
    }
    void operator()(const op::PutMeta& o) const { written(cache.metas_, o.name, o.bytes); }
    void operator()(const op::EraseMeta& o) const { cache.metas_.forget(o.name); }
    void operator()(const op::PutKey&) const {}
    void operator()(const op::SetKeyState&) const {}
    void operator()(const op::Activate&) const {}
    void operator()(const op::Succeed&) const {}
    void operator()(const op::ReserveName&) const {}
    void operator()(const op::ReleaseName&) const {}
    void operator()(const op::InsertShare&) const {}
    void operator()(const op::InsertSuccessor&) const {}
    void operator()(const op::DropPrepared&) const {}
    void operator()(const op::PutQuarantine&) const {}
    void operator()(const op::AddStrike&) const {}
    void operator()(const op::Claim&) const {}
    void operator()(const op::AppendAudit&) const {}
    void operator()(const op::ExpectMeta&) const {}
    void operator()(const op::Reserve&) const {}
    void operator()(const op::Spend&) const {}
    void operator()(const op::Settle&) const {}
    void operator()(const op::Unreserve&) const {}
    void operator()(const op::Hear&) const {}
    void operator()(const op::Unhear&) const {}
    void operator()(const op::PruneLedger&) const {}
  };
  for (const op::Any& o : batch.operations()) std::visit(Seen{*this}, o);
}

void RowCache::committed(const AuditHead& head) {
  const std::lock_guard lock(mutex_);
  head_ = head;
}

AuditHead RowCache::audit_head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

}  // namespace quorate::storage

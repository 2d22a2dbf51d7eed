#include "node/outcome.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/key_state.h"
#include "node/keys.h"
#include "node/participant.h"
#include "node/signature_view.h"
#include "node/succession.h"
#include "node/windows.h"

namespace quorate::node {
namespace {

using storage::RequestState;

// A success may also follow a failure that this node believed in: what is proven has happened.
const std::vector<RequestState> kMaySucceed{
    RequestState::pending_approval, RequestState::queued,  RequestState::running,  RequestState::failed,
    RequestState::rejected,         RequestState::expired, RequestState::cancelled};

}  // namespace

namespace {

// Of archive and unarchive: what the client's own signature proves.
std::optional<Proven> take_state(storage::Batch& batch, const Examined& x, const ClientRequest& original,
                                 const World& world) {
  auto key = world.store.key_by_id(x.intent.key);
  if (!key || !put_key_state(batch, x, original, world)) return std::nullopt;
  key->state = x.state()->archived ? storage::KeyState::archived : storage::KeyState::active;
  Proven proven;
  proven.key_id = key->id;
  proven.result = {{"key", key_view(*key)}};
  return proven;
}

// Of a reshare: its complete certificate comes into force here, or has done so.
std::optional<Proven> take_certificate(storage::Batch& batch, const RequestRecord& record, const Examined& x,
                                       ByteView result, const World& world) {
  const auto key = world.store.key_by_id(x.reshare()->key.id);
  if (!key) return std::nullopt;
  CertificateLink link;
  if (result.size() > kMaxCertificate) return std::nullopt;
  link.certificate.assign(result.begin(), result.end());
  link.request = record.id;
  link.original = record.original;
  Proven proven;
  proven.key_id = key->id;
  try {
    const auto certificate = decode<KeyCertificate>(result);
    if (certificate.body.request_digest != x.request_digest || to_hex(certificate.body.key_id) != key->id)
      return std::nullopt;
    proven.result = {{"key", key_view(with_certificate(*key, certificate))}};
    const std::vector<CertificateLink> taken_before = links_of(*key, world);
    for (const CertificateLink& before : taken_before)
      if (decode<KeyCertificate>(before.certificate).body.digest() == certificate.body.digest()) return proven;
  } catch (const Malformed&) {
    return std::nullopt;
  }
  const Taken taken = take_links(batch, *key, {link}, world);
  if (taken.how == Taking::taken) return proven;
  world.log(LogLevel::warn, "the certificate of " + record.id.text + " was not taken: it " + taken.why);
  return std::nullopt;
}

}  // namespace

bool succeed(storage::Batch& batch, RequestRecord& record, const Examined& x, ByteView result, PartySet signers,
             const Requests& requests, const World& world) {
  if (x.change() != nullptr || x.freeze() != nullptr) return false;  // Governance proves those, and Freezes
  const auto proven = x.reshare() != nullptr ? take_certificate(batch, record, x, result, world)
                      : x.state() != nullptr ? take_state(batch, x, record.original, world)
                                             : prove(x, result, signers, world);
  if (!proven) return false;
  record.set_state(RequestState::succeeded);
  record.code = "";
  record.reason = "";
  record.retryable = false;
  record.silent.clear();
  record.key_id = proven->key_id;
  record.result = proven->result.dump();
  batch.update_request(row_of(record), kMaySucceed);
  settle(batch, x, world);
  if (proven->certificate) {
    const KeyRecord asked = key_record(record, world);
    activate_key(batch, *proven->certificate, &asked, world);
  }
  batch.append_audit(requests.audit("succeeded", record,
                                    Json{{"digest", to_hex(x.request_digest)}, {"result", to_hex(sha256(result))}}));
  return true;
}

std::optional<Outcome> outcome_of(const RequestRecord& record, const World& world) {
  if (record.open()) return std::nullopt;
  Outcome o;
  o.request = record.id;
  o.original = record.original;
  o.state = record.state;
  o.code = record.code;
  o.reason = record.reason;
  if (record.request_state() != RequestState::succeeded) return o;
  if (changes_documents(record)) return std::nullopt;  // the chain tells
  for (const auto kind : {policy::Kind::freeze, policy::Kind::unfreeze})
    if (record.kind.text == policy::name_of(kind)) return std::nullopt;  // who has frozen or lifted tells
  const auto key = world.store.key_by_id(record.key_id);
  if (!key || key->certificate.empty()) return std::nullopt;
  if (record.kind.text == policy::name_of(policy::Kind::archive) ||
      record.kind.text == policy::name_of(policy::Kind::unarchive))
    return o;
  if (record.kind.text != policy::name_of(policy::Kind::sign)) {
    for (const CertificateLink& link : links_of(*key, world))
      if (link.request == record.id) o.result.assign(link.certificate.begin(), link.certificate.end());
    return o.result.empty() ? std::nullopt : std::optional(o);
  }
  const Json result = Json::parse(record.result.text);
  const auto signatures = signatures_in(result);
  if (!signatures) return std::nullopt;
  o.result.assign(signatures->begin(), signatures->end());
  const auto certificate = decode<KeyCertificate>(key->certificate);
  for (const Json& node : result.at("signers"))
    if (const Member* m = certificate.body.committee.find(node.get<std::string>())) o.signers.push_back(m->id);
  return o;
}

std::optional<Envelope> word_of_end(const RequestRecord& record, const World& world) {
  if (record.request_state() == RequestState::rejected || record.request_state() == RequestState::cancelled) {
    Replicate message;
    message.original = record.original;
    return envelope_of(message);
  }
  const auto outcome = outcome_of(record, world);
  return outcome ? std::optional(envelope_of(*outcome)) : std::nullopt;
}

void add_blame(RequestRecord& record, const Committee& committee, const Report& report) {
  if (report.culprits.empty() && record.blame.size() < limits::kMaxParties &&
      report.abort_kind.text == name_of(AbortKind::unattributed))
    record.blame.push_back({std::string(), report.check.text, report.round.text});
  for (const PartyId culprit : report.culprits) {
    const Member* member = committee.find(culprit);
    if (member == nullptr) continue;
    if (report.abort_kind.text == name_of(AbortKind::silent)) {
      const bool named =
          std::any_of(record.silent.begin(), record.silent.end(), [&](const auto& s) { return s == member->node; });
      if (!named && record.silent.size() < limits::kMaxParties) record.silent.push_back(member->node);
    } else if (record.blame.size() < limits::kMaxParties) {
      record.blame.push_back({member->node, report.check.text, report.round.text});
    }
  }
}

void take_outcome(const std::string& from, const Outcome& outcome, Requests& requests, const World& world,
                  const std::function<void(const RequestRecord&)>& final, int retries) {
  const auto known = requests.load(outcome.request);
  if (known && (known->request_state() == RequestState::succeeded || known->request_state() == RequestState::denied))
    return;
  if (known && known->original.body != outcome.original.body) return;  // it tells of another content under the same id
  const auto policy = policy_of(outcome.result, world);
  const World then = world_of(outcome.result, world);
  // What some node has found exceeded stays so, whoever tells of the end without it.
  ClientRequest original = outcome.original;
  if (known)
    for (const auto& rule : known->original.exceeded) add_exceeded(original, {rule.text});
  auto examined = examine(original, then, *policy);
  const auto* x = seen_in(examined);
  if (x == nullptr || x->id != outcome.request.text) return;
  // A signature that verifies has happened, whatever this node thinks of it. A key comes into force here by its policy.
  if (x->changes_key() && !x->allowed()) return;
  RequestRecord record = known ? *known : new_record(*x, outcome.original, from);
  const bool proven = outcome.state == static_cast<std::uint8_t>(RequestState::succeeded);
  // What this node's policy says of it, whatever others say of windows: those are kept where it is signed.
  Examination judged;
  const Examined* here = x;
  if (!proven && !original.exceeded.empty()) {
    original.exceeded.clear();
    judged = examine(original, then, *policy);
    here = seen_in(judged);
    if (here == nullptr) return;
  }
  // What people have approved is tried until it is done or its time is over: that one node has failed proves nothing.
  if (!proven && (x->asks_people() || here->asks_people())) return;
  if (known && proven && x->asks_people()) {
    const ClientRequest both = joined(outcome.original, known->original);
    const auto all = examine(both, then, *policy);
    if (const auto* seen = seen_in(all)) record.original = in_normal_form(both, seen->consent);
  }
  storage::Batch batch;
  if (!known) batch.insert_request(row_of(record));
  if (proven) {
    if (!succeed(batch, record, *x, outcome.result, set_of(outcome.signers), requests, world)) {
      world.log(LogLevel::warn, from + " told a success of " + x->id + " that its result does not prove");
      return;
    }
  } else {
    const auto state = static_cast<RequestState>(outcome.state);
    const bool told_denied = state == RequestState::denied;
    if ((state != RequestState::failed && !told_denied) || record.coordinator.text != from || !record.open()) return;
    // Denied for good is only what this node finds denied itself. Its client may send anything else again, to another
    // node: a request has one place in the ledger, however often it is tried.
    const bool denied = told_denied && !here->allowed();
    record.set_state(denied ? state : RequestState::failed);
    record.code = told_denied ? "denied" : outcome.code.text;
    record.reason =
        told_denied && !denied
            ? cut(from + " says that it is denied, which the policy here does not say: " + outcome.reason.text, 2048)
            : outcome.reason.text;
    record.released = record.released || requests.released(record.id);
    record.retryable = !denied && record.lives(world.clock.wall());
    batch.update_request(row_of(record), {RequestState::queued, RequestState::running});
    if (x->create() != nullptr) batch.release_name(x->intent.key_name, x->id);
    batch.append_audit(requests.audit(denied ? "denied" : "failed", record, Json{{"code", record.code.text}}));
  }
  requests.commit(std::move(batch), record,
                  [from, outcome, &requests, &world, record, final, retries](const storage::CommitResult& result) {
                    if (result.ok()) return final(record);
                    // Lost a race with another change of the request or its key: looked at again, now with what is
                    // there.
                    if (result.status == storage::CommitStatus::conflict && retries > 0)
                      take_outcome(from, outcome, requests, world, final, retries - 1);
                  });
}

bool may_know(const RequestRecord& record, const std::string& node, const World& world) {
  if (record.coordinator.text == node || record.kind.text != policy::name_of(policy::Kind::sign)) return true;
  const auto key = world.store.key_by_id(record.key_id);
  return key && !key->certificate.empty() &&
         decode<KeyCertificate>(key->certificate).body.committee.find(node) != nullptr;
}

}  // namespace quorate::node

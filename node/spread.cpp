// Requests that need no protocol, only that enough members know: whether a key is archived. Archived it is when no t
// members are left that have not heard of it; no longer, when t have.
#include "node/coordinator.h"
#include "node/key_state.h"

namespace quorate::node {

void Coordinator::spread(Job& job, int retries) {
  storage::Batch batch;
  if (!put_key_state(batch, *job.x, job.record.original, world_))
    return fail(job, "superseded", "a newer request has decided whether this key is archived");
  job.phase = Phase::spreading;
  job.deadline = world_.clock.steady() + limits::kProposalTimeout;
  requests_.commit(std::move(batch), [this, id = job.x->id, retries](const storage::CommitResult& result) {
    const auto it = jobs_.find(id);
    if (it == jobs_.end() || it->second.phase != Phase::spreading) return;
    Job& mine = it->second;
    if (result.status == storage::CommitStatus::conflict && retries > 0) return spread(mine, retries - 1);
    if (!result.ok()) return fail(mine, "storage", "this node cannot store the key's state: " + result.text);
    if (const Member* m = mine.x->committee().find(world_.me.id)) mine.active_at.insert(m->id);
    KeyStateChange change;
    change.request = id;
    change.original = mine.record.original;
    for (const auto& [node, same] : peers_.all()) world_.mesh.send(node, envelope_of(change));
    spread_on(mine);
  });
}

void Coordinator::on_key_state_taken(const std::string& from, const KeyStateTaken& taken) {
  const auto it = jobs_.find(taken.request);
  if (it == jobs_.end() || it->second.phase != Phase::spreading) return;
  const Member* m = it->second.x->committee().find(from);
  if (m == nullptr) return;
  it->second.active_at.insert(m->id);
  spread_on(it->second);
}

void Coordinator::spread_on(Job& job) {
  if (reachable(job).size() == 0 || job.active_at.includes(reachable(job))) spread_end(job);
}

void Coordinator::spread_end(Job& job) {
  const Committee& committee = job.x->committee();
  const std::size_t t = committee.threshold(), n = committee.size();
  if (job.active_at.size() >= (job.x->state()->archived ? n - t + 1 : t)) {
    Report done;
    done.request = job.x->id;
    return succeed_with(job, done, world_.me.id);
  }
  std::string silent;
  for (const PartyId id : committee.parties() - job.active_at) {
    const std::string& node = committee.node_of(id);
    silent += (silent.empty() ? "" : ", ") + node;
    if (job.record.silent.size() < limits::kMaxParties) job.record.silent.push_back(node);
  }
  fail(
      job, "no_quorum",
      "too few members have stored it, though it counts where it is: send the request again when these nodes answer: " +
          silent);
}

}  // namespace quorate::node

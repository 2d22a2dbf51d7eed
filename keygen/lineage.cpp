#include "keygen/lineage.h"

#include <algorithm>

namespace quorate {

namespace {

bool is_dealt_from(const CertificateBody& next, const CertificateBody& base) {
  return next.base_number == base.number && next.base_digest == base.digest();
}

bool same_key(const CertificateBody& a, const CertificateBody& b) {
  return a.cluster_id == b.cluster_id && a.key_id == b.key_id && a.name == b.name && a.algorithm == b.algorithm &&
         a.Y == b.Y && a.chain_code_hash == b.chain_code_hash;
}

bool is_of_the_key(const CertificateBody& body, const ReshareRequest& asked) {
  return body.key_id == asked.key_id && body.Y == asked.Y && body.chain_code_hash == asked.chain_code_hash;
}

bool asks_for(const ReshareRequest& asked, const CertificateBody& next) {
  const Committee& committee = next.committee;
  return asked.digest == next.request_digest && asked.base == next.base_digest && is_of_the_key(next, asked) &&
         asked.threshold == committee.threshold() && asked.nodes.size() == committee.size() &&
         std::all_of(committee.members().begin(), committee.members().end(), [&](const Member& m) {
           return std::count(asked.nodes.begin(), asked.nodes.end(), m.node.text) == 1;
         });
}

// Of these members of the committee.
bool are_of(const std::vector<NewMember>& cluster, const Committee& committee, PartySet members) {
  return std::all_of(committee.members().begin(), committee.members().end(), [&](const Member& m) {
    return !members.contains(m.id) || std::any_of(cluster.begin(), cluster.end(), [&](const NewMember& node) {
      return node.node == m.node && node.identity == m.identity;
    });
  });
}

bool is_lineage(const std::vector<CertificateBody>& bodies) {
  if (bodies.empty() || bodies.size() > kMaxLineage) return false;
  for (std::size_t k = 1; k < bodies.size(); ++k)
    if (!is_dealt_from(bodies[k], bodies[k - 1])) return false;
  return true;
}

}  // namespace

bool in_window(std::uint64_t number, const ReshareRequest& request) {
  const bool not_before = request.created <= number || request.created - number <= kClockTolerance;
  const bool not_after = number <= request.expires || number - request.expires <= kClockTolerance;
  return not_before && not_after;
}

std::uint64_t wait_for(std::uint64_t number, std::uint64_t now) {
  const std::uint64_t greatest = now + kClockTolerance;
  return number > greatest ? number - greatest : 0;
}

std::string_view name_of(Succession verdict) {
  switch (verdict) {
    case Succession::unset:
      return "unset";
    case Succession::follows:
      return "follows";
    case Succession::not_greater:
      return "is not greater than the one in force";
    case Succession::unknown_base:
      return "is dealt from a certificate that is not known here";
    case Succession::ahead_of_clock:
      return "has a number that lies ahead of this node's clock";
    case Succession::another_key:
      return "is not of this key";
    case Succession::not_signed:
      return "is not signed by all its members, or its points do not fit";
    case Succession::not_dealt:
      return "is not signed by the holders of its base who dealt it";
    case Succession::not_asked:
      return "is not what its request asks for";
    case Succession::outside_window:
      return "has a number that is no time of its request";
    case Succession::used_request:
      return "names a request that was served before";
    case Succession::unknown_members:
      return "has a member that the cluster's document does not name";
    case Succession::too_long:
      return "comes with too many others, or with none";
  }
  return "unknown";
}

Succession verify_successor(const CertificateBody& base, const Link& next) {
  const CertificateBody& body = next.certificate.body;
  if (!is_dealt_from(body, base) || !same_key(body, base)) return Succession::another_key;
  if (!asks_for(next.request, body)) return Succession::not_asked;
  if (!in_window(body.number, next.request)) return Succession::outside_window;
  if (body.config_version < base.config_version) return Succession::unknown_members;
  if (!are_of(next.cluster, body.committee, body.committee.parties())) return Succession::unknown_members;
  const auto dealers = dealers_of(base, next.certificate);
  if (!dealers) return Succession::not_dealt;
  if (!are_of(next.cluster, base.committee, *dealers)) return Succession::unknown_members;
  if (!verify_certificate(next.certificate)) return Succession::not_signed;
  return Succession::follows;
}

std::optional<Lineage> Lineage::restore(std::vector<CertificateBody> bodies) {
  if (!is_lineage(bodies)) return std::nullopt;
  return Lineage(std::move(bodies));
}

Believed Lineage::first(const KeyCertificate& base, const std::vector<NewMember>& cluster,
                        const ReshareRequest& asked) {
  const CertificateBody& body = base.body;
  // The request names the base by its digest, which binds all that came before it: who dealt it was for its own
  // members to check.
  if (asked.base != body.digest() || !is_of_the_key(body, asked)) return {Succession::not_asked, {}};
  if (!are_of(cluster, body.committee, body.committee.parties())) return {Succession::unknown_members, {}};
  if (!verify_certificate(base)) return {Succession::not_signed, {}};
  return {Succession::follows, Lineage({body})};
}

bool Lineage::remember_older(CertificateBody older) {
  if (bodies_.size() == kMaxLineage || !is_dealt_from(bodies_.front(), older)) return false;
  bodies_.insert(bodies_.begin(), std::move(older));
  return true;
}

Believed Lineage::followed_by(std::span<const Link> chain, std::uint64_t now) const {
  if (chain.empty() || chain.size() >= kMaxLineage) return {Succession::too_long, {}};
  const CertificateBody& last = chain.back().certificate.body;
  if (name_of(last) <= name_of(in_force())) return {Succession::not_greater, {}};
  if (wait_for(last.number, now) != 0) return {Succession::ahead_of_clock, {}};

  const CertificateBody& first = chain.front().certificate.body;
  const auto base = std::find_if(bodies_.begin(), bodies_.end(),
                                 [&](const CertificateBody& body) { return is_dealt_from(first, body); });
  if (base == bodies_.end()) return {Succession::unknown_base, {}};
  std::vector<CertificateBody> next(bodies_.begin(), base + 1);  // rivals that came after the base are forgotten
  for (const Link& link : chain) {
    const CertificateBody& body = link.certificate.body;
    if (std::any_of(next.begin(), next.end(),
                    [&](const CertificateBody& before) { return before.request_digest == body.request_digest; }))
      return {Succession::used_request, {}};
    const Succession verdict = verify_successor(next.back(), link);
    if (verdict != Succession::follows) return {verdict, {}};
    next.push_back(body);
  }
  if (next.size() > kMaxLineage) next.erase(next.begin(), next.end() - static_cast<std::ptrdiff_t>(kMaxLineage));
  return {Succession::follows, Lineage(std::move(next))};
}

}  // namespace quorate

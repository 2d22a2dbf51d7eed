// A client's request as it was signed, and what people have signed to it since: all that shows any node that it may be
// done, or may be done no longer.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "http/message_signature.h"
#include "policy/document.h"
#include "policy/intent.h"

namespace quorate::node {

inline constexpr std::size_t kMaxExceeded = 64;

// With what people have said.
struct RequestWithConsent : http::SignedRequest {
  Bounded<policy::Approval, policy::kMaxApprovals> approvals{};
  Bounded<http::SignedRequest, 4> cancellation{};  // POST /v1/requests/{id}/cancel; one counts
  static auto fields(auto& m) {
    return std::tuple_cat(http::SignedRequest::fields(m), std::tie(m.approvals, m.cancellation));
  }
  bool operator==(const RequestWithConsent&) const = default;
};

struct ClientRequest : RequestWithConsent {
  // Rules whose windows some node has found exceeded; sorted. Nobody signs them: they make a decision stricter, never
  // softer (docs/policy.md, Windows).
  Bounded<BoundedText<limits::kMaxName>, kMaxExceeded> exceeded{};

  ClientRequest() = default;
  ClientRequest(http::SignedRequest request) : RequestWithConsent{std::move(request), {}, {}} {}
  static auto fields(auto& m) { return std::tuple_cat(RequestWithConsent::fields(m), std::tie(m.exceeded)); }
  bool operator==(const ClientRequest&) const = default;
};

// As the records of before had it: without what people have said, and without what nodes have.
template <class Base, class Original>
auto& as_base(Original& original) {
  if constexpr (std::is_const_v<Original>)
    return static_cast<const Base&>(original);
  else
    return static_cast<Base&>(original);
}
auto& as_signed(auto& original) { return as_base<http::SignedRequest>(original); }
auto& with_consent(auto& original) { return as_base<RequestWithConsent>(original); }

// T ends with a ClientRequest, these bytes perhaps with what it is derived from alone. Throws Malformed.
template <class T>
T decode_any_original(ByteView bytes) {
  constexpr std::size_t kEmpty = 4;  // a list of nothing
  const auto with_empty = [&](std::size_t lists) {
    Bytes completed(bytes.begin(), bytes.end());
    completed.insert(completed.end(), lists * kEmpty, 0);
    return decode<T>(completed);
  };
  for (const std::size_t lists : {std::size_t{0}, std::size_t{1}}) {  // all there; `exceeded` is not
    try {
      return with_empty(lists);
    } catch (const Malformed&) {
    }
  }
  return with_empty(3);  // nor what people have said
}

// A need, and how many of the group have approved.
struct NeedSeen {
  BoundedText<limits::kMaxName> group;
  std::uint32_t min = 0, have = 0;
  static auto fields(auto& m) { return std::tie(m.group, m.min, m.have); }
  bool met() const { return have >= min; }
};

// What of it counts.
struct Consent {
  // Of who may give them, over this very intent: one each, a rejection before an approval; in the order of the names.
  std::vector<policy::Approval> votes;
  std::vector<NeedSeen> needs;
  bool rejected = false;
  std::optional<http::SignedRequest> cancelled;  // by who asked, or an admin
  bool given() const;                            // every need is met, and nobody has rejected it
};

// Of several that would do the same one counts, whatever the order: nodes that know the same agree. `decision` is the
// one about this intent; the request's own signature has been verified. Votes only count where the decision asks for
// them.
Consent consent_in(const ClientRequest& request, const policy::Intent& intent, const policy::Decision& decision,
                   const policy::PolicyDocument& policy);

// Whether this is a valid cancellation of the request, by who asked for it or an admin. However old it is.
bool cancels(const http::SignedRequest& cancellation, const policy::Intent& intent,
             const policy::PolicyDocument& policy);

// Adds the rules to those that are exceeded; as many as there is room for.
void add_exceeded(ClientRequest& request, const std::set<std::string>& rules);

// The same, in the one form that what counts has: nodes that hold the same votes hold the same bytes.
ClientRequest in_normal_form(const ClientRequest& request, const Consent& consent);

}  // namespace quorate::node

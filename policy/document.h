// The policy: one versioned JSON document for the whole cluster, and the pure decision that every node takes from it by
// itself. docs/policy.md describes the format; whatever this version cannot decide is refused when the document is
// loaded, never ignored.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ed25519.h"
#include "base/json.h"
#include "policy/approval.h"
#include "policy/fact_conditions.h"
#include "policy/kinds.h"
#include "policy/time_conditions.h"
#include "policy/windows.h"

namespace quorate::policy {

enum class Effect { deny = 0, approve, allow };  // the strictest first: zero is what an unset effect means
std::string_view name_of(Effect effect);

// What is asked. `key` is the key's name; absent when the request names none (`freeze` of all keys, `change_policy`).
// `payload` is absent when there is none or when it could not be told; `facts` when the payload shows none. `paths` are
// those of the keys that sign. `created`: Unix seconds, as the request's signature says.
struct PolicyQuery {
  Kind kind = Kind::unset;
  std::optional<std::string> key;
  std::string user;
  std::optional<PayloadKind> payload;
  const transactions::Facts* facts = nullptr;
  std::vector<std::string> paths{"m"};
  std::optional<std::int64_t> created{};
  // Of a signing, for windows: the key's id; what has been signed before (nullptr: not known); in how many parts the
  // sums of mode `split` are divided, those of one key and all others (0: there is no part); and the rules whose
  // windows some node has found exceeded. Nobody vouches for the last: they can make a decision stricter, and never
  // softer.
  std::string key_id{};
  const Ledger* ledger = nullptr;
  std::size_t split_key = 0, split_cluster = 0;
  std::set<std::string> over{};
};

struct RuleReason {
  std::string rule;
  Truth matched = Truth::no;
  std::string why;  // the condition that decided, in words; public data only
};

// Default-constructed it is a deny.
struct Decision {
  Effect effect = Effect::deny;
  std::string rule;                 // the id of the rule that decided; "default" when none did
  std::vector<RuleReason> reasons;  // of every rule, in order; of evaluate() only if it is denied
  Approvals approvals;              // approve: what is needed
  bool self_approve = false;        // the requester may give one of them
  std::vector<Limit> limits;        // what the ledger must have room for when this is signed; of a deny none
  // The longest that any rule gives people which may come to ask them about this request: now, or because a window is
  // exceeded; 0: none does. It is the same whatever the ledger says and `over` names, and so then is the intent, whose
  // expires_at it makes: nodes with different ledgers see one intent, and an approval that was given while one of them
  // had room still counts after it has none.
  std::int64_t life_hours = 0;
  bool allowed() const { return effect == Effect::allow; }
};

// Somebody without a key signs no requests: they approve with their authenticators, and others post it.
struct User {
  std::optional<Ed25519PublicKey> key;
  std::vector<Credential> webauthn;
  std::set<std::string> groups;
};

struct Admins {
  std::string group;
  std::size_t min = 0;
  std::int64_t delay_hours = 0;
};

// An absent condition (nullopt) holds for every request.
struct Rule {
  std::string id;
  std::optional<std::set<Kind>> kinds;
  std::optional<std::vector<std::string>> keys;  // globs
  std::optional<std::vector<std::string>> by;    // "user:…", "group:…"
  std::optional<std::set<PayloadKind>> payloads;
  FactConditions facts;
  TimeConditions time;
  std::vector<Window> windows;
  Effect then = Effect::deny;
  Approvals approvals;  // of an approve
};

class PolicyDocument {
 public:
  // Throws JsonError with the pointer of what is wrong, unknown or not supported in this version.
  static PolicyDocument parse(std::string_view text);
  static PolicyDocument from_json(const Json& document);

  std::int64_t version() const { return version_; }
  const std::string& previous() const { return previous_; }      // hex digest of version − 1; "" for version 1
  const std::string& cluster_id() const { return cluster_id_; }  // hex
  const Digest& digest() const { return digest_; }               // SHA-256 of the document's JCS
  const Digest& anchor() const { return anchor_; }  // the same without the member `cluster`: policy_anchor()
  const std::string& jcs() const { return jcs_; }   // the document itself, canonical

  // Rules in order; true decides, false passes on, unknown gives the stricter of its own effect and what follows; of
  // two that ask for approvals, both. A user that the policy does not know is denied before any rule; so is, at the
  // end, what needs more approvals than there are people to give them. A rule whose window is exceeded passes on;
  // people whom it asks are asked none the less if a later rule lets the request through.
  Decision evaluate(const PolicyQuery& query) const;
  // The same decision, always with its reasons.
  Decision explain(const PolicyQuery& query) const;

  bool has_windows() const { return !sum_kinds_.empty(); }
  // What a signing adds to every sum that a window of this policy is about, whichever rule lets it through: facts only.
  // A movement that the payload does not show adds nothing.
  std::vector<Charge> charges_of(const PolicyQuery& query) const;

  const User* user_of(std::string_view user) const;             // nullptr: no such user
  const Ed25519PublicKey* key_of(std::string_view user) const;  // nullptr: no such user, or one without a key
  bool is_member(std::string_view user, std::string_view group) const;
  std::size_t members_of(std::string_view group) const;
  bool is_admin(std::string_view user) const { return is_member(user, admins_.group); }
  bool is_reader(std::string_view user) const;  // in a group of `readers`: sees every payload and the audit log
  bool may_read(std::string_view user, std::string_view requested_by) const;  // the requester, or a reader

  // Whether the requester's own approval counts for this key.
  bool self_approve(std::string_view key) const;
  // Whether this user may give one of these approvals, whoever has asked.
  bool may_approve(std::string_view user, const std::vector<Need>& needs) const;

  // A key of this name is refreshed by its nodes themselves when its shares are so old; nullopt: it is not. Of several
  // globs that match the one with the fewest days counts.
  std::optional<std::int64_t> refresh_every_days(std::string_view key) const;

  const std::map<std::string, User, std::less<>>& users() const { return users_; }
  const Admins& admins() const { return admins_; }
  const std::vector<Rule>& rules() const { return rules_; }
  const Lists& lists() const { return lists_; }

 private:
  PolicyDocument() = default;
  Decision decide(const PolicyQuery& query, const Say& say) const;
  void expect_reachable(Decision& decision, const PolicyQuery& query) const;
  std::int64_t version_ = 0;
  std::string previous_, cluster_id_, jcs_;
  Digest digest_{}, anchor_{};
  std::map<std::string, User, std::less<>> users_;
  Admins admins_;
  std::vector<std::string> readers_, self_approve_;
  Lists lists_;
  std::vector<Rule> rules_;
  std::vector<SumKind> sum_kinds_;                                        // of all rules' windows
  std::vector<std::pair<std::string, std::int64_t>> refresh_every_days_;  // glob, days
};

// SHA-256 of the JCS of a policy document without its member `cluster`. A genesis cluster document carries it, so that
// the cluster id binds the first policy although the policy names the cluster.
Digest policy_anchor(const Json& policy_document);

}  // namespace quorate::policy

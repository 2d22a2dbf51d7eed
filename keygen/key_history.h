// Which certificates of one key a node may sign, which one is in force, which shares it must keep: the rules that make
// refresh and reshare safe, without a database. Everything goes by a certificate's name. A KeyHistory is a value: what
// changes it says what the history is after the host's transaction, and until that is durable the old one holds
// (docs/reshare.md, Numbers).
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "keygen/certificate.h"
#include "keygen/lineage.h"

namespace quorate {

// May I sign this certificate? And if not, why.
enum class MaySign : std::uint8_t {
  unset = 0,
  yes,
  used_number,     // not greater than all that I have signed or seen complete (highest)
  ahead_of_clock,  // a time that has not come here: wait_for says how long
  outside_window,  // no time of its request
  other_base,      // not dealt from the certificate that is in force here
};
std::string_view name_of(MaySign answer);

// What a node is asked to sign, before its points are known and after.
struct Attempt {
  std::uint64_t number = 0;
  CertificateName base;                     // unset: a key generation
  const ReshareRequest* request = nullptr;  // of a reshare, never nullptr then
};
Attempt attempt_of(const ReshareTerms& terms, const ReshareRequest& request);
Attempt attempt_of(const CertificateBody& body, const ReshareRequest* request);

class KeyHistory {
 public:
  struct InForce {
    CertificateName name;
    bool with_share = false;  // a share of it is here
    friend bool operator==(const InForce&, const InForce&) = default;
  };

  KeyHistory() = default;  // of a key that this node has never heard of
  // What the database has: the certificate in force, if any, and the ones of the shares that are prepared. nullopt: two
  // shares of one number, or one that the certificate in force has superseded.
  static std::optional<KeyHistory> restore(std::optional<InForce> in_force, std::vector<CertificateName> prepared);

  const std::optional<InForce>& in_force() const { return in_force_; }
  const std::vector<CertificateName>& prepared() const { return prepared_; }  // ascending
  // The greatest number that I have signed or seen complete: what a coordinator asks for. 0: none.
  std::uint64_t highest() const;
  // Whether others may still complete a certificate with my signature that would then be in force: until a greater one
  // is, this node must not be retired.
  bool may_be_needed() const { return !prepared_.empty() || (in_force_ && in_force_->with_share); }

  // Asked when the attempt is accepted, and again in the transaction that stores the prepared share. The complete base
  // certificate has been taken before. now: milliseconds since 1970.
  MaySign may_sign(const Attempt& attempt, std::uint64_t now) const;
  // After the prepared share is stored, in the transaction that asked may_sign: from then on my signature may be out.
  KeyHistory signed_for(const CertificateBody& next) const;

  enum class Verdict : std::uint8_t {
    unset = 0,
    activates,
    not_greater,  // than the one in force: nothing changes
    lost_share,   // I am a member and have no share of it: an old database. Nothing may change, the operator must know
  };
  // One transaction: deletes the shares of `obsolete` and no others, and puts `next` in force. `after` holds once it is
  // durable.
  struct Plan {
    Verdict verdict = Verdict::unset;
    std::vector<CertificateName> obsolete;  // ascending; all of them are here, and no two have one number
    bool with_share = false;                // my share of it is prepared and becomes the active one
  };
  struct Completion;
  // On a complete certificate that Lineage::followed_by takes, or, for a key generation's, that I have prepared or that
  // was asked for. Whatever is greater stays prepared. me: this node's identity key.
  Completion complete(const CertificateBody& next, const Ed25519PublicKey& me) const;

  friend bool operator==(const KeyHistory&, const KeyHistory&) = default;

 private:
  std::optional<InForce> in_force_;
  std::vector<CertificateName> prepared_;
};
struct KeyHistory::Completion {
  Plan plan;
  KeyHistory after;  // with any other verdict than activates: as before
};

// The number of the next attempt: a time, and greater than what all members, dealers and whoever else can be reached
// report (KeyHistory::highest). A report far ahead of the coordinator's clock is passed over, so that one liar cannot
// make the others refuse; if it was true, its sender refuses this attempt and takes one that starts `wait` milliseconds
// later.
struct NextNumber {
  std::uint64_t number = 0;
  std::uint64_t wait = 0;  // at most 2·kClockTolerance; 0: no such report
};
NextNumber next_number(std::span<const std::uint64_t> reported, std::uint64_t now);

}  // namespace quorate

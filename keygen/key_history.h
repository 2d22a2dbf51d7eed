// Which certificates of one key a node may sign, which one is in force, which shares it must keep: the rules that make
// refresh and reshare safe, without a database. The host keeps what this says in its database, and changes both in one
// transaction (docs/reshare.md, Numbers).
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "keygen/certificate.h"

namespace quorate {

// May I sign this certificate? And if not, why.
enum class MaySign : std::uint8_t {
  unset = 0,
  yes,
  used_number,  // not greater than all that I have signed or seen complete
  far_number,   // so great that a few more like it would leave no numbers
  other_base,   // not dealt from the certificate that is in force here
};

class KeyHistory {
 public:
  KeyHistory() = default;  // of a key that this node has never heard of
  // What the database has: the certificate in force, if any, and the ones of the shares that are prepared. nullopt: two
  // of one number, or one that the certificate in force has superseded.
  static std::optional<KeyHistory> restore(std::optional<CertificateName> active,
                                           std::vector<CertificateName> prepared);

  const std::optional<CertificateName>& active() const { return active_; }
  const std::vector<CertificateName>& prepared() const { return prepared_; }  // ascending
  // The greatest number that I have signed or seen complete: what a coordinator asks for. 0: none.
  std::uint64_t highest() const;

  // Asked before the prepared share is stored. The complete base certificate has been taken before (complete). now:
  // milliseconds since 1970.
  MaySign may_sign(const CertificateBody& next, std::uint64_t now) const;
  // The prepared share is stored, in the transaction that asked may_sign: from here on my signature may be out.
  void signed_for(const CertificateBody& next);

  struct Activation {
    bool activates = false;               // false: nothing changes
    bool with_share = false;              // I have prepared a share of it
    std::vector<std::uint64_t> obsolete;  // numbers of the shares to delete, in the same transaction, ascending
  };
  // On a complete certificate (verify_successor of the one in force). Whatever is higher stays prepared.
  Activation complete(const CertificateBody& next);

 private:
  std::optional<CertificateName> active_;
  std::vector<CertificateName> prepared_;
};

// A number for the next attempt, from what its members report (KeyHistory::highest): greater than all. A report that no
// honest node makes is passed over. nullopt: none that all would sign now.
std::optional<std::uint64_t> next_number(std::span<const std::uint64_t> reported, std::uint64_t now);

// Nobody signs a greater number than this: an honest count never comes near it, and one that somebody has pushed up to
// it can go on as time does. now: milliseconds since 1970; the hour is for clocks that differ.
constexpr std::uint64_t greatest_number(std::uint64_t now) { return now + 3'600'000; }

}  // namespace quorate

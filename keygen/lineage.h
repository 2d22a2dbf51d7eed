// Which complete certificates of a key a node believes: each one dealt, by t holders of the one before it, as a
// client's signed request and the cluster's document say. Pure: the host has examined requests and documents
// (docs/reshare.md, Lineage). Which one of several is in force, and what is deleted then, is in keygen/key_history.h.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "keygen/certificate.h"
#include "keygen/reshare_parameters.h"

namespace quorate {

// How far the clocks of honest nodes and clients may lie apart for what is said here. Milliseconds.
inline constexpr std::uint64_t kClockTolerance = 120'000;
// Certificates that a node remembers of one key: a node that was away for longer cannot check what has come since.
inline constexpr std::size_t kMaxLineage = 256;

// What a client's signed request says of a refresh or reshare. It exists only if signature and policy are good. Times
// in milliseconds since 1970.
struct ReshareRequest {
  Digest digest{};  // CertificateBody::request_digest
  std::uint64_t created = 0, expires = 0;
  // The key, as the client saw it. A node that has never heard of it takes these as what the key is.
  KeyId key_id{};
  EncodedPoint Y;
  Digest chain_code_hash{};
  Digest base{};  // digest of the certificate in force
  // The new committee; for a refresh the one in force, as the client saw it.
  std::uint8_t threshold = 0;
  std::vector<std::string> nodes;  // in any order
};
// Whether an attempt for this request may have this number: a number is a time (KeyHistory, next_number), and lies
// while the request could be served. So nobody can use an old request for a certificate that comes after newer ones.
bool in_window(std::uint64_t number, const ReshareRequest& request);

// Milliseconds until a node whose clock says `now` signs or takes this number. 0: it does already.
std::uint64_t wait_for(std::uint64_t number, std::uint64_t now);

enum class Succession : std::uint8_t {
  unset = 0,
  follows,
  not_greater,      // than the one in force: nothing to do
  unknown_base,     // its base is none of the lineage: ask for what lies between, or for the lineage's older part
  ahead_of_clock,   // its number is a time that has not come here: again later (wait_for)
  another_key,      // not dealt from its base, or cluster, key id, name, algorithm, Y or chain code differ
  not_signed,       // a member's signature, or the arithmetic of its points
  not_dealt,        // not t members of its base have signed as dealers
  not_asked,        // its request says something else
  outside_window,   // its number is none of its request's time
  used_request,     // its request has led to one of the certificates before it
  unknown_members,  // a member or dealer is not, with this identity, in the cluster's document that it names, or that
                    // is older than its base's
  too_long,         // more than kMaxLineage at once, or none
};
std::string_view name_of(Succession verdict);

// A complete certificate with what the host has found out about it.
struct Link {
  KeyCertificate certificate;
  ReshareRequest request;          // the one that it names
  std::vector<NewMember> cluster;  // all nodes of the cluster's document that it names by config_version
};

// Whether `next` may come after `base`. Costs a signature per member, up to one per member of the base, and n·t point
// multiplications.
Succession verify_successor(const CertificateBody& base, const Link& next);

struct Believed;

// The certificates that lie behind the one in force, oldest first: each the base of the next one. Not all complete ones
// of the key: a rival that was in force for a while is forgotten.
class Lineage {
 public:
  // What the database has. nullopt: no certificate, too many, or one that does not name the one before it as its base.
  static std::optional<Lineage> restore(std::vector<CertificateBody> bodies);
  // Of a node that has never heard of the key and is to get a share: the base that its client's request names. cluster:
  // all nodes of the document that the base names.
  static Believed first(const KeyCertificate& base, const std::vector<NewMember>& cluster, const ReshareRequest& asked);

  const CertificateBody& in_force() const { return bodies_.back(); }
  const std::vector<CertificateBody>& bodies() const { return bodies_; }
  // The oldest one's base, which needs no other proof than its digest; false: it is not. Nothing is forgotten for it.
  bool remember_older(CertificateBody older);

  // chain: complete certificates, each dealt from the one before, the first from one of this lineage; the last is the
  // one to be put in force. now: milliseconds since 1970. The same chain after the same certificate has the same
  // verdict on every node whose clock has come to its number.
  Believed followed_by(std::span<const Link> chain, std::uint64_t now) const;

 private:
  explicit Lineage(std::vector<CertificateBody> bodies) : bodies_(std::move(bodies)) {}
  std::vector<CertificateBody> bodies_;  // never empty
};

struct Believed {
  Succession verdict = Succession::unset;
  std::optional<Lineage> lineage;  // with verdict follows
};

}  // namespace quorate

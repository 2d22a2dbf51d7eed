// Every domain of the project's hashing, in one list: "quorate/<protocol>/<use>/<version>". A Transcript can be made
// only with one of these; a string that is not in the list does not compile. Change a hash's inputs, change its
// version.
#pragma once
#include <algorithm>
#include <array>
#include <string_view>

namespace quorate {
namespace tags {

inline constexpr std::array<std::string_view, 41> kAll{
    // sessions
    "quorate/context/1",
    "quorate/sid/1",
    "quorate/echo/1",
    // distributed key generation
    "quorate/dkg/commit/1",
    "quorate/dkg/proof/1",
    "quorate/dkg/share/1",
    "quorate/dkg/openings/1",
    "quorate/dkg/key-id/1",
    "quorate/dkg/chain-code/1",
    // refresh and reshare
    "quorate/reshare/terms/1",
    "quorate/reshare/commit/1",
    "quorate/reshare/openings/1",
    "quorate/reshare/trial/1",
    "quorate/reshare/trial-message/1",
    // key certificates
    "quorate/certificate/body/1",
    "quorate/certificate/signature/1",
    "quorate/certificate/dealing/1",
    "quorate/certificate/chain-code/1",
    "quorate/certificate/committee/1",
    // FROST, around what RFC 9591 fixes
    "quorate/frost/nonce/1",
    "quorate/frost/list/2",
    "quorate/frost/instance/1",
    // Schnorr proofs
    "quorate/schnorr/nonce/1",
    "quorate/schnorr/challenge/1",
    // oblivious transfer (docs/ecdsa.md)
    "quorate/ot/hash-to-point/1",
    "quorate/ot/base-key/1",
    "quorate/ot/extension/1",
    "quorate/ot/chi/1",
    "quorate/ot/check/1",
    "quorate/ot/pad-key/1",
    "quorate/ot/gadget/1",
    "quorate/ot/theta/1",
    "quorate/ot/mu/1",
    // threshold ECDSA
    "quorate/ecdsa/seed/1",
    "quorate/ecdsa/pair/1",
    "quorate/ecdsa/commit/1",
    "quorate/ecdsa/zero/1",
    "quorate/ecdsa/echo/2",
    // tests only
    "quorate/test/a/1",
    "quorate/test/b/1",
    "quorate/test/c/1",
};

constexpr bool well_formed(std::string_view tag) {
  const auto last = tag.rfind('/');
  const auto digits = tag.substr(last + 1);
  return tag.starts_with("quorate/") && std::count(tag.begin(), tag.end(), '/') >= 2 && !digits.empty() &&
         std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}
constexpr bool registry_is_sound() {
  for (std::size_t i = 0; i < kAll.size(); ++i) {
    if (!well_formed(kAll[i])) return false;
    for (std::size_t j = 0; j < i; ++j)
      if (kAll[i] == kAll[j]) return false;
  }
  return true;
}
static_assert(registry_is_sound(), "tags are unique and end in a version");

}  // namespace tags

class Tag {
 public:
  consteval Tag(const char* name) : name_(name) {
    if (std::find(tags::kAll.begin(), tags::kAll.end(), name_) == tags::kAll.end()) throw "not in crypto/tags.h";
  }
  constexpr std::string_view name() const { return name_; }

 private:
  std::string_view name_;
};

}  // namespace quorate

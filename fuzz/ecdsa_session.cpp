// Threshold ECDSA through fuzz/session_driver.h: one peer, two peers, two digests.
#include "fuzz/session_driver.h"
#include "signing/ecdsa.h"
#include "tests/support/deal.h"

using namespace quorate;
using namespace quorate::fuzz;

namespace {

// A key and its pairs, for a signer set and a number of digests.
struct Dealt {
  PartySet T;
  ecdsa::Digests digests;
  std::map<PartyId, KeyShare<Secp256k1>> shares;
  std::map<PartyId, Pairwise> pairs;
  ecdsa::Keys keys;

  Dealt(unsigned t, std::size_t m) : T(PartySet::first(t)), digests(m) {
    SeededRng rng(100 * t + m);
    shares = test::deal_shares<Secp256k1>(t, t, Algorithm::ecdsa_secp256k1, rng);
    pairs = test::deal_pairs(T, rng);
    for (Digest& digest : digests) {
      keys.push_back(*ecdsa::effective_key(shares.at(kMe).Y, Scalar<Secp256k1>::random(rng)));
      digest = rng.bytes<32>();
    }
  }
};

Case case_of(unsigned t, std::size_t m) {
  const auto dealt = std::make_shared<const Dealt>(t, m);
  Case c;
  c.start = [dealt](PartyId i, Rng& rng) -> std::unique_ptr<AnySession> {
    const SessionConfig config{SessionId{3}, dealt->T, i, rng};
    return std::make_unique<Session<ecdsa::Signatures>>(config, EcdsaMessages{}, &ecdsa_sign, dealt->shares.at(i),
                                                        dealt->pairs.at(i), dealt->keys, dealt->digests);
  };
  record(c, dealt->T);
  return c;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{case_of(2, 1), case_of(3, 1), case_of(2, 2)};
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{{data, size}};
  const Case& c = cases()[in.byte() % cases().size()];
  drive(c, in);
  return 0;
}

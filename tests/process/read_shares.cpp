// Prints the secrets that a stopped node keeps on its disk, for the test that looks for them elsewhere. One line each:
// a name, and the raw bytes in hex.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "base/codec.h"
#include "keygen/ecdsa_share.h"
#include "storage/database_key.h"
#include "storage/sqlite_store.h"

namespace {

using namespace quorate;

void print(const std::string& name, ByteView bytes) { std::printf("%s %s\n", name.c_str(), to_hex(bytes).c_str()); }

template <class Prepared>
Prepared print_share(const storage::ShareRow& row) {
  auto prepared = decode<Prepared>(row.blob);
  Bytes32 scalar;
  prepared.share.x_i.wire_put(scalar.data());
  print("share", scalar);
  std::reverse(scalar.begin(), scalar.end());  // libraries differ in the order of bytes
  print("share-reversed", scalar);
  print("chain-code", prepared.share.chain_code.expose());
  return prepared;
}
void print_ecdsa_share(const storage::ShareRow& row) {
  const auto prepared = print_share<PreparedEcdsaShare>(row);
  for (const PairSecrets& pair : prepared.pairwise) {
    print("delta", pair.as_A.delta.expose());
    print("receiver-key", pair.as_A.k[0].expose());
    print("sender-key", pair.as_B.k[0][0].expose());
    print("zero-share-seed", pair.seed.expose());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: read_shares DATABASE KEY_FILE CLUSTER_ID NODE\n", stderr);
    return 2;
  }
  try {
    const auto key = storage::key_from_file(argv[2]);
    print("database-key", key.expose());
    const auto store = storage::SqliteStore::open(argv[1], key, {argv[3], argv[4]});
    for (const auto& row : store->keys(1'000, std::nullopt).items) {
      const auto share = store->active_share(row.id);
      if (!share) continue;
      const auto algorithm = parse_algorithm(row.algorithm);
      if (algorithm == Algorithm::eddsa_ed25519)
        print_share<PreparedShare<Ed25519>>(*share);
      else if (algorithm == Algorithm::ecdsa_secp256k1)
        print_ecdsa_share(*share);
      else
        print_share<PreparedShare<Secp256k1>>(*share);
    }
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "read_shares: %s\n", e.what());
    return 1;
  }
}

// What SQLCipher's page cache may hold of a share: sealed for its place, under the database's key.
#include "storage/share_cipher.h"

#include <algorithm>

#include "tests/storage/fixture.h"

namespace quorate::storage {
namespace {

const ShareInfo kPlace{"aa", 5, 2, ShareState::prepared};
ShareRow row() {
  return {"aa", 5, 2, ShareState::prepared, secret_bytes(view_of("a share of 32 bytes, more or less"))};
}

TEST(ShareCipher, OpensWhatItSealedAndHidesIt) {
  const ShareCipher cipher(test_key());
  const SecretBytes sealed = cipher.seal(test_identity(), row()), again = cipher.seal(test_identity(), row());
  EXPECT_EQ(cipher.open(test_identity(), kPlace, sealed), row().blob);
  EXPECT_NE(sealed, again);  // a nonce of its own
  const SecretBytes plain = row().blob;
  EXPECT_EQ(std::search(sealed.begin(), sealed.end(), plain.begin(), plain.begin() + 8), sealed.end());
}

TEST(ShareCipher, EveryByteCounts) {
  const ShareCipher cipher(test_key());
  const SecretBytes good = cipher.seal(test_identity(), row());
  for (std::size_t i = 0; i < good.size(); ++i) {
    SecretBytes bad = good;
    bad[i] ^= 1;
    EXPECT_THROW(cipher.open(test_identity(), kPlace, bad), StorageCorrupt) << i;
  }
  for (std::size_t n = 0; n < good.size(); ++n)
    EXPECT_THROW(cipher.open(test_identity(), kPlace, ByteView(good).first(n)), StorageCorrupt) << n;
}

TEST(ShareCipher, BelongsToOnePlaceAndOneKey) {  // attack 59
  const ShareCipher cipher(test_key());
  const SecretBytes sealed = cipher.seal(test_identity(), row());
  EXPECT_THROW(cipher.open(test_identity(), {"ab", 5, 2, ShareState::active}, sealed), StorageCorrupt);
  EXPECT_THROW(cipher.open(test_identity(), {"aa", 6, 2, ShareState::active}, sealed), StorageCorrupt);
  EXPECT_THROW(cipher.open(test_identity(), {"aa", 5, 3, ShareState::active}, sealed), StorageCorrupt);
  EXPECT_THROW(cipher.open(test_identity("node2"), kPlace, sealed), StorageCorrupt);
  Secret<Bytes32> other = test_key().copy();
  other.expose()[0] ^= 1;
  EXPECT_THROW(ShareCipher(other).open(test_identity(), kPlace, sealed), StorageCorrupt);
}

}  // namespace
}  // namespace quorate::storage

#include <fstream>

#include "helpers.h"
#include "transactions/bitcoin_address.h"
#include "transactions/bitcoin_transaction.h"

namespace quorate::transactions {
namespace {

TEST(BitcoinTransaction, DigestsOfBip143) {
  // "Native P2WPKH"
  const auto native =
      BitcoinTransaction::parse(hex("0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f00000000"
                                    "00eeffffffef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b5"
                                    "5d57b90ec68a0100000000ffffffff02202cb206000000001976a9148280b37df378db99f66f85c95a"
                                    "783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21"
                                    "b2d50ce2f0167faa815988ac11000000"));
  const Bytes key = hex("025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357");
  EXPECT_EQ(to_hex(bip143_sighash_all(native, 1, p2pkh_script(key), 600000000)),
            "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670");
  EXPECT_EQ(to_hex(p2wpkh_script(key)), "00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1");
  // "P2SH-P2WPKH"
  const auto nested = BitcoinTransaction::parse(
      hex("0100000001db6b1b20aa0fd7b23880be2ecbd4a98130974cf4748fb66092ac4d3ceb1a54770100000000feffffff02b8b4eb0b000000"
          "001976a914a457b684d7f0d539a46a45bbc0"
          "43f35b59d0d96388ac0008af2f000000001976a914fd270b1ee6abcaea97fea7ad0402e8bd8ad6d77c88ac92040000"));
  EXPECT_EQ(to_hex(bip143_sighash_all(
                nested, 0, p2pkh_script(hex("03ad1d8e89212f0b92c74d23bb710c00662ad1470198ac48c43f7d6f93a2a26873")),
                1000000000)),
            "64f3b0f4dd2bb3aa1ce8566d220cc74dda9df97d8490cc81d89d735c92e59fb6");
}

TEST(Taproot, VectorsOfBip341) {
  std::ifstream file(std::string(QUORATE_SOURCE_DIR) + "/../shared/vectors/bip341-wallet.json");
  if (!file) GTEST_SKIP() << "no vectors";
  const Json vectors = Json::parse(file);
  for (const Json& v : vectors["scriptPubKey"]) {
    const Bytes key = hex("02" + v["given"]["internalPubkey"].get<std::string>());
    const Json& root = v["intermediary"]["merkleRoot"];
    const auto output = taproot_output_key(key, root.is_null() ? Bytes() : hex(root.get<std::string>()));
    ASSERT_TRUE(output);
    EXPECT_EQ(to_hex(*output), v["intermediary"]["tweakedPubkey"]);
    EXPECT_EQ(address_of(BitcoinNetwork::mainnet, p2tr_script(*output)),
              v["expected"]["bip350Address"].get<std::string>());
  }
  std::size_t compared = 0;
  for (const Json& spending : vectors["keyPathSpending"]) {
    const auto tx = BitcoinTransaction::parse(hex(spending["given"]["rawUnsignedTx"].get<std::string>()));
    std::vector<TxOutput> spent;
    for (const Json& utxo : spending["given"]["utxosSpent"])
      spent.push_back({utxo["amountSats"].get<std::uint64_t>(), hex(utxo["scriptPubKey"].get<std::string>())});
    for (const Json& input : spending["inputSpending"]) {
      const auto type = input["given"]["hashType"].get<std::uint8_t>();
      if (type > 1) continue;  // only DEFAULT and ALL are ever signed
      EXPECT_EQ(to_hex(bip341_sighash(tx, input["given"]["txinIndex"].get<std::size_t>(), spent, type)),
                input["intermediary"]["sigHash"]);
      ++compared;
    }
  }
  EXPECT_GE(compared, 2u);
}

TEST(Taproot, OnlyXOfTheInternalKeyCounts) {  // attack 39
  Bytes key = hex("02d6889cb081036e0faefa3a35157ad71086b123b2b144b649798b494c300a961d");
  EXPECT_EQ(to_hex(taproot_output_key(key, {}).value()),
            "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343");
  key[0] = 3;
  EXPECT_EQ(to_hex(taproot_output_key(key, {}).value()),
            "53a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343");
}

TEST(BitcoinTransaction, StrictBytes) {
  EXPECT_THROW(BitcoinTransaction::parse(hex("02000000000000000000"
                                             "00")),
               Malformed);  // something follows
  EXPECT_THROW(BitcoinTransaction::parse(hex("02000000"
                                             "fd0000"
                                             "00"
                                             "00000000")),
               Malformed);  // a longer compact size
  EXPECT_THROW(BitcoinTransaction::parse(hex("02000000"
                                             "feffffffff"
                                             "00"
                                             "00000000")),
               Malformed);  // more inputs than bytes
  EXPECT_THROW(BitcoinTransaction::parse(hex("02000000"
                                             "00"
                                             "01"
                                             "ffffffffffffff7f"
                                             "00"
                                             "00000000")),
               Malformed);
  EXPECT_THROW(BitcoinTransaction::parse_unsigned(hex("02000000"
                                                      "00"
                                                      "01"
                                                      "0140075af0750700"
                                                      "00"
                                                      "00000000")),
               Malformed);  // 21 million and 1 satoshi
  EXPECT_NO_THROW(
      BitcoinTransaction::parse_unsigned(hex("02000000"
                                             "00"
                                             "01"
                                             "0040075af0750700"
                                             "00"
                                             "00000000")));
  // Witnesses that are all empty have another, shorter form.
  BitcoinTransaction tx;
  tx.inputs.resize(1);
  Bytes plain = tx.bytes(true);
  Bytes extended = hex("020000000001");
  extended.insert(extended.end(), plain.begin() + 4, plain.end() - 4);
  extended.insert(extended.end(), {0, 0, 0, 0, 0});
  EXPECT_THROW(BitcoinTransaction::parse(extended), Malformed);
  tx.inputs[0].witness = {{7}};
  Bytes flagged = tx.bytes(true);
  EXPECT_EQ(BitcoinTransaction::parse(flagged).bytes(true), flagged);
  flagged[5] = 2;
  EXPECT_THROW(BitcoinTransaction::parse(flagged), Malformed);
}

}  // namespace
}  // namespace quorate::transactions

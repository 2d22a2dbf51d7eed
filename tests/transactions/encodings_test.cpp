// Keccak-256, RIPEMD-160, RLP, base58, bech32 and amounts, with their standards' vectors.
#include <set>

#include "helpers.h"
#include "transactions/addresses.h"
#include "transactions/base58.h"
#include "transactions/bech32.h"
#include "transactions/ethereum_address.h"
#include "transactions/hash160.h"
#include "transactions/keccak.h"
#include "transactions/rlp.h"

namespace quorate::transactions {
namespace {

TEST(Keccak, Vectors) {
  EXPECT_EQ(to_hex(keccak256("")), "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  EXPECT_EQ(to_hex(keccak256("abc")), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
  // Around the block size of 136 bytes the padding changes its form.
  EXPECT_EQ(to_hex(keccak256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "45d3b367a6904e6e8d502ee04999a7c27647f91fa845d456525fd352ae3d7371");
  std::set<std::string> different;
  for (std::size_t n = 130; n < 142; ++n) different.insert(to_hex(keccak256(std::string(n, 'a'))));
  EXPECT_EQ(different.size(), 12u);
}

TEST(Ripemd160, Vectors) {
  EXPECT_EQ(to_hex(ripemd160({})), "9c1185a5c5e9fc54612808977ee8f548b2258d31");
  EXPECT_EQ(to_hex(ripemd160(view_of("abc"))), "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc");
  EXPECT_EQ(to_hex(ripemd160(view_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
            "12a053384a9c0c88e405a06c27dcf49ada62eb2b");
  EXPECT_EQ(
      to_hex(ripemd160(view_of("12345678901234567890123456789012345678901234567890123456789012345678901234567890"))),
      "9b752e45573d4b39f4dbd3323cab82bf63326bfb");
}

TEST(Amounts, DecimalIsCanonicalAndBounded) {
  const std::string most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
  EXPECT_EQ(to_decimal(from_decimal(most).value()), most);
  EXPECT_EQ(from_decimal("0"), U256(0));
  for (const char* bad : {"", "00", "01", "-1", "+1", "1 ", "0x1", "1e3",
                          "115792089237316195423570985008687907853269984665640564039457584007913129639936",
                          "1157920892373161954235709850086879078532699846656405640394575840079131296399350"})
    EXPECT_FALSE(from_decimal(bad)) << bad;
}

TEST(Amounts, UnknownIsNotZero) {
  EXPECT_NE(Amount::unknown(), Amount(U256(0)));
  EXPECT_EQ(Amount().text(), "unknown");
  EXPECT_EQ(Movement{}.amount, Amount::unknown());
}

TEST(Amounts, SumsAndProductsDoNotWrap) {
  const U256 most = std::numeric_limits<U256>::max();
  EXPECT_EQ(add(most, 0), most);
  EXPECT_FALSE(add(most, 1));
  EXPECT_EQ(multiply(most, 1), most);
  EXPECT_FALSE(multiply(most, 2));
  EXPECT_FALSE(multiply(U256(1) << 128, U256(1) << 128));
}

TEST(Rlp, ExamplesOfTheYellowPaper) {
  EXPECT_EQ(to_hex(rlp_text(view_of("dog"))), "83646f67");
  EXPECT_EQ(to_hex(rlp_list({rlp_text(view_of("cat")), rlp_text(view_of("dog"))})), "c88363617483646f67");
  EXPECT_EQ(to_hex(rlp_text({})), "80");
  EXPECT_EQ(to_hex(rlp_list({})), "c0");
  EXPECT_EQ(to_hex(rlp_integer(0)), "80");
  EXPECT_EQ(to_hex(rlp_integer(15)), "0f");
  EXPECT_EQ(to_hex(rlp_integer(1024)), "820400");
  EXPECT_EQ(
      to_hex(rlp_list({rlp_list({}), rlp_list({rlp_list({})}), rlp_list({rlp_list({}), rlp_list({rlp_list({})})})})),
      "c7c0c1c0c3c0c1c0");
  EXPECT_EQ(to_hex(rlp_text(view_of("Lorem ipsum dolor sit amet, consectetur adipisicing elit"))).substr(0, 8),
            "b8384c6f");
  EXPECT_EQ(to_hex(rlp_text(Bytes(1024, 1))).substr(0, 8), "b9040001");
  EXPECT_EQ(to_hex(rlp_list({rlp_text(Bytes(60, 1))})).substr(0, 8), "f83eb83c");
}

// The whole text as one item, read to the bottom.
void read_all(RlpReader in) {
  while (!in.at_end()) {
    if (in.next_is_list())
      read_all(in.list("x"));
    else
      in.text("x");
  }
}
bool is_canonical(const std::string& text) {
  const Bytes bytes = hex(text);
  RlpReader in(bytes);
  try {
    if (in.next_is_list())
      read_all(in.list("x"));
    else
      in.text("x");
    in.expect_end("x");
  } catch (const Malformed&) {
    return false;
  }
  return true;
}

TEST(Rlp, RefusesEveryOtherEncoding) {  // among them those of Ethereum's invalidRLPTest
  for (const char* bad : {"bf0f000000000000021111",
                          "ff0f000000000000021111",
                          "f80180",
                          "f80100",
                          "8100",
                          "8101",
                          "817f",
                          "b800",
                          "f800",
                          "b801ff",
                          "f803112233",
                          "b81000112233445566778899aabbccddeeff",
                          "f810000102030405060708090a0b0c0d0e0f",
                          "b9002100dc2b275d0f74e8a53e6f4ec61b27f24278820be3f82ea2110e582081b0565df0",
                          "b90040000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a"
                          "2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
                          "",
                          "81",
                          "8080",
                          "c2",
                          "c180ff",
                          "c28100",
                          "bfffffffffffffffff",
                          "bbffffffff"})
    EXPECT_FALSE(is_canonical(bad)) << bad;
  for (const char* good : {"00", "7f", "80", "8180", "c0", "c7c0c1c0c3c0c1c0"}) EXPECT_TRUE(is_canonical(good)) << good;
}

TEST(Base58, Vectors) {
  EXPECT_EQ(to_base58(hex("00010966776006953d5567439e5e39f86a0d273beed61967f6")), "16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM");
  EXPECT_EQ(to_base58(hex("0000287fb4cd")), "11233QC4");
  EXPECT_EQ(to_hex(from_base58("11233QC4").value()), "0000287fb4cd");
  EXPECT_EQ(from_base58("").value(), Bytes());
  for (const char* bad : {"0", "O", "I", "l", " 1", "1 "}) EXPECT_FALSE(from_base58(bad)) << bad;
  EXPECT_FALSE(from_base58(std::string(129, '1')));
  EXPECT_TRUE(from_base58check("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2"));
  EXPECT_FALSE(from_base58check("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"));
}

TEST(Bech32, VectorsOfBip173AndBip350) {
  const std::pair<const char*, const char*> good[] = {
      {"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
      {"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
       "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6"},
      {"BC1SW50QGDZ25J", "6002751e"},
      {"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
       "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"}};
  for (const auto& [address, script] : good) {
    EXPECT_EQ(to_hex(script_of(BitcoinNetwork::mainnet, address).value()), script);
    EXPECT_EQ(address_of(BitcoinNetwork::mainnet, hex(script)), normal_address("bip122", address));
  }
  EXPECT_EQ(
      to_hex(
          script_of(BitcoinNetwork::testnet, "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7").value()),
      "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262");
  for (const char* bad :
       {"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",    // bech32 for version 1
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",                        // bech32m for version 0
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",                              // 16 bytes for version 0
        "bc1pw5dgrnzv",                                                      // 1 byte
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7Kv8f3t4",                        // both cases
        "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",    // another network
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",  // more than four bits of padding
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "bc1", "bc1gmk9yu", ""})
    EXPECT_FALSE(script_of(BitcoinNetwork::mainnet, bad)) << bad;
}

TEST(Bech32, PaddingIsZero) {
  EXPECT_FALSE(script_of(BitcoinNetwork::testnet, "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j"));
  EXPECT_FALSE(script_of(BitcoinNetwork::testnet, "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv"));
}

TEST(Descriptors, ChecksumOfBip380) {
  EXPECT_EQ(descriptor_checksum("raw(deadbeef)"), "89f8spxm");
  EXPECT_NE(descriptor_checksum("raw(deedbeef)"), "89f8spxm");
  EXPECT_FALSE(descriptor_checksum("raw(Ü)"));
}

TEST(EthereumAddress, ChecksumOfEip55) {
  for (const char* address :
       {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        "0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77"}) {
    const auto parsed = parse_eth_address(address);
    ASSERT_TRUE(parsed) << address;
    EXPECT_EQ(to_checksum_text(*parsed), address);
    EXPECT_EQ(parse_eth_address(to_text(*parsed)), parsed);
  }
  EXPECT_FALSE(parse_eth_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"));
  EXPECT_FALSE(parse_eth_address("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
  EXPECT_FALSE(parse_eth_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe"));
}

TEST(EthereumAddress, OfAKeyAndOfItsContracts) {
  const auto address = eth_address_of(ecdsa_key().public_key);  // EIP-155's example key
  EXPECT_EQ(to_checksum_text(address.value()), "0x9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F");
  EXPECT_FALSE(eth_address_of(Bytes(33, 2)) && eth_address_of(Bytes(33, 0)));
  const auto sender = parse_eth_address("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0").value();
  EXPECT_EQ(to_text(created_address(sender, 0)), "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d");
  EXPECT_EQ(to_text(created_address(sender, 1)), "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8");
}

TEST(Addresses, NormalFormsForPolicies) {
  EXPECT_EQ(normal_address("eip155:1", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
            "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed");
  EXPECT_EQ(normal_address("bip122", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"),
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
  // Of any network mainnet's, with the same script.
  EXPECT_EQ(
      normal_address("bip122", "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7"),
      address_of(BitcoinNetwork::mainnet, hex("00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262")));
  for (const auto network : {BitcoinNetwork::testnet, BitcoinNetwork::signet, BitcoinNetwork::regtest})
    EXPECT_EQ(normal_address("bip122", address_of(network, p2sh_script(Bytes(3, 1))).value()),
              address_of(BitcoinNetwork::mainnet, p2sh_script(Bytes(3, 1))));
  EXPECT_FALSE(normal_address(chain_of(BitcoinNetwork::regtest), "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"));
  EXPECT_EQ(normal_address("solana", "11111111111111111111111111111111"), "11111111111111111111111111111111");
  EXPECT_FALSE(normal_address("solana", "1111111111111111111111111111111"));
  EXPECT_FALSE(normal_address("cosmos:x", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
}

TEST(Facts, EachKindOfPayloadHasItsDecodersVersion) {
  for (const char* kind : {"eth_message", "eth_transaction", "eth_typed_data", "btc_psbt", "solana_transaction"})
    EXPECT_EQ(decoder_version(kind), "3") << kind;
  for (const char* kind : {"message", "digest", ""}) EXPECT_EQ(decoder_version(kind), "2") << kind;
}

}  // namespace
}  // namespace quorate::transactions

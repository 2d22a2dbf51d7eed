#include "helpers.h"
#include "transactions/ethereum_transaction.h"
#include "transactions/keccak.h"

namespace quorate::transactions {
namespace {

constexpr const char* kMe = "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f";
constexpr const char* kEip155 =
    "0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080";

Json raw(std::string text) { return {{"kind", "eth_transaction"}, {"raw", std::move(text)}}; }
Json fields(Json more = Json::object()) {
  Json f{{"chain_id", 1},         {"nonce", 7},
         {"gas", 100000},         {"to", "0x00000000000000000000000000000000000000aa"},
         {"max_fee_per_gas", 50}, {"max_priority_fee_per_gas", 2},
         {"value", "0"}};
  f.update(more);
  for (auto it = f.begin(); it != f.end();) it = it->is_null() ? f.erase(it) : std::next(it);
  return {{"kind", "eth_transaction"}, {"fields", std::move(f)}};
}
std::string word(const std::string& digits) { return std::string(64 - digits.size(), '0') + digits; }
std::string account_hex(char c) { return std::string(40, c); }

TEST(EthereumTransaction, ExampleOfEip155) {
  const Decoded out = taken(raw(kEip155), ecdsa_key());
  EXPECT_EQ(first_bytes(out), "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
  EXPECT_EQ(out.facts.chain, "eip155:1");
  EXPECT_EQ(lines(out.facts),
            (std::vector<std::string>{std::string("transfer 1000000000000000000 eip155:1/slip44:60 ") + kMe +
                                          " > 0x3535353535353535353535353535353535353535",
                                      std::string("fee 420000000000000 eip155:1/slip44:60 ") + kMe + " > fee"}));
  Signature signature;
  const Bytes rs =
      hex("28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa63627667cbe9d8997f761aecb703304b3800ccf555c9f3dc64"
          "214b297fb1966a3b6d83");
  std::copy(rs.begin(), rs.end(), signature.bytes.begin());
  const Json finished = finish(raw(kEip155), ecdsa_key(), std::span(&signature, 1));
  EXPECT_EQ(finished["v"], "37");
  EXPECT_EQ(finished["signed_transaction"],
            "0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939"
            "bc2195fe537567866003e1a15d3"
            "c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
  EXPECT_EQ(finished["transaction_hash"], "0x33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788");
}

TEST(EthereumTransaction, FactsAndIntentAreTheSameFromBytesAndFields) {
  const Decoded a = taken(fields({{"data", "0x1234"}}), ecdsa_key());
  const auto tx = parse_transaction_fields(fields({{"data", "0x1234"}})["fields"], "");
  const Decoded b = taken(raw(to_0x(unsigned_bytes(tx))), ecdsa_key());
  EXPECT_EQ(to_jcs(a.facts_json()), to_jcs(b.facts_json()));
  EXPECT_EQ(first_bytes(a), first_bytes(b));
}

TEST(EthereumTransaction, RefusesWithTheField) {  // attack 54, attack 65
  const KeyFacts key = ecdsa_key();
  const std::pair<Json, const char*> bad[] = {
      {raw("ec09"), "payload_malformed /payload/raw: must be 0x"},
      {raw("0xec0"), "payload_malformed /payload/raw: must be 0x"},
      {raw("0x"), "payload_malformed /payload/raw: transaction: is empty"},
      {raw(std::string(kEip155) + "00"), "payload_malformed /payload/raw: transaction: something follows"},
      {raw("0x05c0"), "payload_malformed /payload/raw: type: must be"},
      {raw("0x02c0"), "payload_malformed /payload/raw: chain_id: is missing"},
      // nonce with a leading zero
      {raw("0xed82000985"
           "04a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080018080"),
       "payload_malformed /payload/raw: "},
      {raw("0xed098504a817c80082520895" + std::string(42, '3') + "880de0b6b3a764000080018080"),
       "payload_malformed /payload/raw: to: must have 20 bytes"},
      {raw("0xeb098504a817c80082520893" + std::string(38, '3') + "880de0b6b3a764000080018080"),
       "payload_malformed /payload/raw: to: must have 20 bytes"},
      // without EIP-155
      {raw("0xe9098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080"),
       "payload_malformed /payload/raw: chain_id: is missing"},
      // chain id 0
      {raw("0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080808080"),
       "payload_malformed /payload/raw: chain_id: must not be 0"},
      // signed already
      {raw("0xec098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a764000080010180"),
       "payload_malformed /payload/raw: r: must be 0"},
      {fields({{"chain_id", 0}}), "payload_malformed /payload/fields/chain_id: must not be 0"},
      {fields({{"chain_id", "9223372036854775772"}}), "payload_malformed /payload/fields/chain_id: is too large"},
      {fields({{"nonce", "18446744073709551615"}}), "payload_malformed /payload/fields/nonce: is too large"},
      {fields({{"nonce", "18446744073709551616"}}), "payload_malformed /payload/fields/nonce: must be below 2^64"},
      {fields({{"nonce", -1}}), "payload_malformed /payload/fields/nonce: must not be negative"},
      {fields({{"value", "01"}}), "payload_malformed /payload/fields/value: must be a decimal"},
      {fields({{"to", "0xAa00000000000000000000000000000000000000"}}),
       "payload_malformed /payload/fields/to: must be an address"},
      {fields({{"to", nullptr}}), "payload_malformed /payload/fields/to: is missing, and there is no data"},
      {fields({{"max_priority_fee_per_gas", 51}}),
       "payload_malformed /payload/fields/max_priority_fee_per_gas: is above"},
      {fields({{"max_fee_per_gas", "115792089237316195423570985008687907853269984665640564039457584007913129639935"}}),
       "payload_malformed /payload/fields/gas: the most it may cost"},
      {fields({{"gas_price", 1}}), "payload_malformed /payload/fields/gas_price: is not a known field"},
      {fields({{"type", 5}}), "payload_malformed /payload/fields/type: must be"},
      {fields({{"type", 3}, {"max_fee_per_blob_gas", 1}, {"blob_versioned_hashes", Json::array()}}),
       "payload_malformed /payload/fields/blob_versioned_hashes: must not be empty"},
      {fields({{"type", 3}, {"max_fee_per_blob_gas", 1}, {"blob_versioned_hashes", {"0x02" + std::string(62, '0')}}}),
       "payload_malformed /payload/fields/blob_versioned_hashes: the version must be 1"},
      {fields({{"authorization_list", Json::array()}}),
       "payload_malformed /payload/fields/authorization_list: must not be empty"},
      {fields({{"authorization_list",
                {{{"chain_id", 5},
                  {"address", "0x" + account_hex('1')},
                  {"nonce", 0},
                  {"y_parity", 0},
                  {"r", "1"},
                  {"s", "1"}}}}}),
       "payload_malformed /payload/fields/authorization_list: is of another chain"},
      {fields({{"access_list", {{{"address", "0x" + account_hex('1')}, {"storage_keys", {"0x12"}}}}}}),
       "payload_malformed /payload/fields/access_list/0/storage_keys/0: must be 32 bytes"},
      {fields({{"to", nullptr},
               {"data", "0x00"},
               {"max_fee_per_blob_gas", 1},
               {"blob_versioned_hashes", {"0x01" + std::string(62, '0')}}}),
       "payload_malformed /payload/fields/to: a blob transaction"},
      {fields({{"to", nullptr},
               {"data", "0x00"},
               {"authorization_list",
                {{{"chain_id", 1},
                  {"address", "0x" + account_hex('1')},
                  {"nonce", 0},
                  {"y_parity", 0},
                  {"r", "1"},
                  {"s", "1"}}}}}),
       "payload_malformed /payload/fields/to: a set-code transaction"},
      {{{"kind", "eth_transaction"}}, "payload_malformed /payload: an eth_transaction has exactly one"},
      {{{"kind", "eth_transaction"}, {"raw", kEip155}, {"gas", 1}},
       "payload_malformed /payload/gas: is not a known field"},
      {{{"kind", "eth_transaction"}, {"raw", kEip155}, {"chain", "eip155:5"}},
       "payload_invalid /payload/chain: the payload is for eip155:1"},
      {{{"kind", "nonsense"}}, "payload_unsupported /payload/kind"}};
  for (const auto& [payload, expected] : bad) EXPECT_PREFIX(refused(payload, key), expected) << payload.dump();
  EXPECT_EQ(refused({{"kind", "eth_transaction"}, {"raw", kEip155}, {"chain", "eip155:1"}}, key), "");
  EXPECT_PREFIX(refused(raw(kEip155), schnorr_key()), "algorithm_mismatch /payload/kind");
  EXPECT_PREFIX(refused(raw(kEip155), ed25519_key()), "algorithm_mismatch /payload/kind");
  for (const char* path : {"", "0/1", "m/", "m/0'", "m/00", "m/-1", "m/2147483648", "m/1/", "M/1", "m/99999999999"})
    EXPECT_PREFIX(refused(raw(kEip155), ecdsa_key(0x46, path)), "path_invalid /path") << path;
}

// What is taken serialises to the same bytes, whatever is cut from or changed in it.
TEST(EthereumTransaction, EveryCutAndChangeIsRefusedOrComesBack) {
  const Bytes good = unsigned_bytes(parse_transaction_fields(
      fields(
          {{"data", "0x1234"},
           {"access_list", {{{"address", "0x" + account_hex('1')}, {"storage_keys", {"0x" + word("5")}}}}}})["fields"],
      ""));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_THROW(parse_unsigned_transaction(ByteView(good).first(size)), Malformed) << size;
  std::size_t parsed = 0;
  for (std::size_t i = 0; i < good.size(); ++i)
    for (const unsigned change : {0x01u, 0x7fu, 0x80u, 0xffu}) {
      Bytes changed = good;
      changed[i] = static_cast<std::uint8_t>(changed[i] ^ change);
      try {
        EXPECT_EQ(unsigned_bytes(parse_unsigned_transaction(changed)), changed);
        ++parsed;
      } catch (const Malformed&) {
      }
    }
  EXPECT_GT(parsed, 100u);
}

TEST(EthereumTransaction, AChildSignsUnderItsOwnAddress) {
  const Decoded root = taken(raw(kEip155), ecdsa_key()), child = taken(raw(kEip155), ecdsa_key(0x46, "m/0/5"));
  EXPECT_EQ(first_bytes(root), first_bytes(child));
  EXPECT_NE(root.facts.movements[0].from, child.facts.movements[0].from);
  EXPECT_EQ(child.facts.paths, std::vector<std::string>{"m/0/5"});
  EXPECT_NE(to_jcs(root.facts_json()), to_jcs(child.facts_json()));
  EXPECT_EQ(child.to_sign[0].path, "m/0/5");
}

TEST(EthereumCalls, TokensAndSafes) {
  const KeyFacts key = ecdsa_key();
  const std::string me = kMe, token = "0x00000000000000000000000000000000000000aa", erc20 = "eip155:1/erc20:" + token;
  const std::string fee = "fee 5000000 eip155:1/slip44:60 " + me + " > fee",
                    unknown = "unknown unknown unknown unknown > unknown";
  const std::string b = "0x" + account_hex('b'), wb = word(account_hex('b')), c = "0x" + account_hex('c'),
                    wc = word(account_hex('c'));
  const auto told = [&](const std::string& data, const std::string& value = "0") {
    auto out = lines(taken(fields({{"data", "0x" + data}, {"value", value}}), key).facts);
    EXPECT_EQ(out.back(), fee);
    out.pop_back();
    return out;
  };
  using Lines = std::vector<std::string>;
  EXPECT_EQ(told("a9059cbb" + wb + word("64")), (Lines{"transfer 100 " + erc20 + " " + me + " > " + b}));
  EXPECT_EQ(told("a9059cbb" + wb + word("64"), "5"), (Lines{"transfer 5 eip155:1/slip44:60 " + me + " > " + token,
                                                            "transfer 100 " + erc20 + " " + me + " > " + b}));
  EXPECT_EQ(told("095ea7b3" + wb + std::string(64, 'f')),
            (Lines{"allowance 115792089237316195423570985008687907853269984665640564039457584007913129639935 " + erc20 +
                   " " + me + " > " + b + " or eip155:1/erc721:" + token +
                   "/115792089237316195423570985008687907853269984665640564039457584007913129639935"}));
  EXPECT_EQ(told("39509351" + wb + word("7")), (Lines{"allowance 7 " + erc20 + " " + me + " > " + b}));
  EXPECT_EQ(told("a457c2d7" + wb + word("7")), (Lines{"allowance 0 " + erc20 + " " + me + " > " + b}));
  EXPECT_EQ(told("a22cb465" + wb + word("0")),
            (Lines{"allowance 0 eip155:1/erc721:" + token + " " + me + " > " + b + " or eip155:1/erc1155:" + token}));
  EXPECT_EQ(told(""), (Lines{"transfer 0 eip155:1/slip44:60 " + me + " > " + token}));  // the recipient counts
  // attack 65: what is not exactly the call is not "transfer 0"
  for (const std::string& data :
       {std::string("a9059cbb"), "a9059cbb" + wb, "a9059cbb" + wb + word("64") + "00",
        "a9059cbb" + std::string("1") + wb.substr(1) + word("64"), "a22cb465" + wb + word("2"), std::string("a9"),
        std::string("deadbeef"), "2eb2c2d6" + wb + wc + word("a0") + word("a0") + word("a0") + word("0"),
        "b88d4fde" + wb + wc + word("1") + word("a0") + word("0"),              // the data stand elsewhere than it says
        "b88d4fde" + wb + wc + word("1") + word("80") + word("1") + word("1"),  // padding
        "2eb2c2d6" + wb + wc + word("a0") + word("e0") + word("100") + word("1") + word("7") + word("0") + word("0"),
        "2eb2c2d6" + wb + wc + word("a0") + word("e0") + word("100") + word("ffffffff") + word("7") + word("0") +
            word("0")})
    EXPECT_EQ(told(data), (Lines{unknown})) << data;

  const auto safe = [&](const std::string& operation, const std::string& gas_price, const std::string& inner) {
    const std::size_t size = inner.size() / 2, padded = (size + 31) / 32 * 32;
    char length[65], signatures[65];
    std::snprintf(length, sizeof length, "%064zx", size);
    std::snprintf(signatures, sizeof signatures, "%064zx", 320 + 32 + padded);
    return "6a761202" + wc + word("9") + word("140") + word(operation) + word("0") + word("0") + word(gas_price) +
           word("0") + word("0") + signatures + length + inner + std::string(2 * padded - inner.size(), '0') +
           word("0");
  };
  const std::string inner = "a9059cbb" + wb + word("64");
  EXPECT_EQ(told(safe("0", "0", inner)), (Lines{"transfer 9 eip155:1/slip44:60 " + token + " > " + c,
                                                "transfer 100 eip155:1/erc20:" + c + " " + token + " > " + b}));
  EXPECT_EQ(told(safe("1", "0", inner)), (Lines{unknown}));  // delegatecall: the code may do anything with the Safe
  EXPECT_EQ(told(safe("2", "0", inner)), (Lines{unknown}));
  EXPECT_EQ(told(safe("0", "1", "")), (Lines{"transfer 9 eip155:1/slip44:60 " + token + " > " + c,
                                             "transfer unknown eip155:1/slip44:60 " + token + " > unknown"}));
  const Decoded out = taken(fields({{"data", "0x" + safe("0", "0", inner)}}), key);
  EXPECT_EQ(out.facts.details["call"]["arguments"]["inner"]["name"], "transfer(address,uint256)");
  ASSERT_EQ(out.facts.calls.size(), 2u);
  EXPECT_EQ(out.facts.calls[1].contract, c);
  EXPECT_EQ(out.facts.calls[1].selector, "0xa9059cbb");
  // Safes in Safes end somewhere.
  std::string nested = inner;
  for (int i = 0; i < 6; ++i) nested = safe("0", "0", nested);
  EXPECT_EQ(told(nested).back(), unknown);

  // attack 65: a wrapper that is not read to its end may hide any call.
  const auto calls = [&](const std::string& data) {
    return call_lines(taken(fields({{"data", "0x" + data}}), key).facts);
  };
  const std::string outer = token + " 0x6a761202", any = "unknown unknown";
  EXPECT_EQ(calls(safe("0", "0", inner)), (Lines{outer, c + " 0xa9059cbb"}));
  EXPECT_EQ(calls(safe("0", "0", inner) + "00"), (Lines{outer, any}));
  std::string reordered = safe("0", "0", inner);  // the signatures before the data
  reordered = reordered.substr(0, 8 + 64 * 2) + word("160") + reordered.substr(8 + 64 * 3, 64 * 6) + word("140") +
              word("0") + reordered.substr(8 + 64 * 10, reordered.size() - 8 - 64 * 11);
  ASSERT_EQ(reordered.size(), safe("0", "0", inner).size());
  EXPECT_EQ(calls(reordered), (Lines{outer, any}));
  EXPECT_EQ(calls("6a761202"), (Lines{outer, any}));
  EXPECT_EQ(calls(safe("0", "0", safe("0", "0", inner) + "00")), (Lines{outer, c + " 0x6a761202", any}));
  EXPECT_EQ(calls(safe("1", "0", inner)), (Lines{outer, c + " 0xa9059cbb", any}));  // the code calls as the Safe
  nested = inner;
  for (int i = 0; i < 4; ++i) nested = safe("0", "0", nested);
  EXPECT_EQ(calls(nested).back(), c + " 0xa9059cbb");  // four deep is read
  nested = safe("0", "0", nested);
  EXPECT_EQ(calls(nested).size(), 6u);
  EXPECT_EQ(calls(nested).back(), any);
  EXPECT_EQ(calls("a9059cbb" + wb), (Lines{token + " 0xa9059cbb"}));  // what wraps nothing hides nothing
}

TEST(EthereumCalls, ABatchIsBounded) {
  const auto movements = [](std::size_t count) {
    const auto number = [](std::size_t n) {
      char text[65];
      std::snprintf(text, sizeof text, "%064zx", n);
      return std::string(text);
    };
    std::string list = number(count);
    for (std::size_t i = 0; i < count; ++i) list += number(i);
    const std::size_t size = 32 * (count + 1);
    const std::string data = "0x2eb2c2d6" + word(account_hex('b')) + word(account_hex('c')) + number(160) +
                             number(160 + size) + number(160 + 2 * size) + list + list + number(0);
    return taken(fields({{"data", data}}), ecdsa_key()).facts.movements;
  };
  EXPECT_EQ(movements(1024).size(), 1025u);
  ASSERT_EQ(movements(1025).size(), 2u);
  EXPECT_EQ(movements(1025)[0], Movement{});
}

TEST(EthereumTransaction, ASignatureWithoutAForm) {  // attack 37: R_x ≥ n has no place in v
  Signature signature;
  signature.bytes.fill(1);
  signature.recovery_id = 2;
  EXPECT_THROW(finish(raw(kEip155), ecdsa_key(), std::span(&signature, 1)), Refused);
}

TEST(EthereumTransaction, CreationAndForeignCodeAreUnknown) {
  const auto created = taken(fields({{"to", nullptr}, {"data", "0x6000"}, {"value", "3"}}), ecdsa_key()).facts;
  EXPECT_EQ(created.movements[0].to, created.details["creates"]);
  EXPECT_EQ(created.movements[1], Movement{});
  EXPECT_EQ(created.calls[0].contract, "new");
  const Json authorization{
      {"chain_id", 1}, {"address", "0x" + account_hex('1')}, {"nonce", 0}, {"y_parity", 0}, {"r", "1"}, {"s", "1"}};
  const auto set_code = taken(fields({{"authorization_list", {authorization}}}), ecdsa_key()).facts;
  EXPECT_EQ(set_code.movements[1], Movement{});
  EXPECT_EQ(call_lines(set_code).back(), "unknown unknown");
}

TEST(EthereumTransaction, FeeCeilingCountsBlobs) {
  const auto facts =
      taken(fields({{"max_fee_per_blob_gas", 3},
                    {"blob_versioned_hashes", {"0x01" + std::string(62, '0'), "0x01" + std::string(62, '1')}}}),
            ecdsa_key())
          .facts;
  EXPECT_EQ(facts.movements.back().amount, Amount(U256(100000 * 50 + 2 * 131072 * 3)));
}

TEST(EthereumMessage, Eip191) {
  const Json hello{{"kind", "eth_message"}, {"utf8", "hello world"}};
  const Decoded out = taken(hello, ecdsa_key());
  EXPECT_EQ(first_bytes(out), "d9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68");
  EXPECT_TRUE(out.facts.movements.empty());
  EXPECT_EQ(out.facts.details["text"], "hello world");
  EXPECT_EQ(out.facts.chain, "");
  // 32 bytes are a digest of something, and bytes that nobody reads may be anything.
  EXPECT_EQ(taken({{"kind", "eth_message"}, {"utf8", std::string(32, 'a')}}, ecdsa_key()).facts.movements,
            std::vector<Movement>{Movement{}});
  EXPECT_EQ(taken({{"kind", "eth_message"}, {"base64", "AAE="}}, ecdsa_key()).facts.movements,
            std::vector<Movement>{Movement{}});
  EXPECT_EQ(taken({{"kind", "eth_message"}, {"base64", "AAE="}}, ecdsa_key()).facts.chain, kUnknown);
  EXPECT_PREFIX(refused({{"kind", "eth_message"}}, ecdsa_key()),
                "payload_malformed /payload: an eth_message has exactly one");
  EXPECT_PREFIX(refused({{"kind", "eth_message"}, {"base64", "AAE"}}, ecdsa_key()),
                "payload_malformed /payload/base64");
  Signature signature;
  signature.bytes.fill(1);
  signature.recovery_id = 1;
  EXPECT_EQ(finish(hello, ecdsa_key(), std::span(&signature, 1))["v"], "28");
}

}  // namespace
}  // namespace quorate::transactions

#include <set>

#include "helpers.h"
#include "transactions/ethereum_address.h"
#include "transactions/typed_data.h"

namespace quorate::transactions {
namespace {

// EIP-712's example.
const char* const kMail = R"({"types":{
  "EIP712Domain":[{"name":"name","type":"string"},{"name":"version","type":"string"},{"name":"chainId","type":"uint256"},{"name":"verifyingContract","type":"address"}],
  "Person":[{"name":"name","type":"string"},{"name":"wallet","type":"address"}],
  "Mail":[{"name":"from","type":"Person"},{"name":"to","type":"Person"},{"name":"contents","type":"string"}]},
  "primaryType":"Mail",
  "domain":{"name":"Ether Mail","version":"1","chainId":1,"verifyingContract":"0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
  "message":{"from":{"name":"Cow","wallet":"0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
             "to":{"name":"Bob","wallet":"0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},"contents":"Hello, Bob!"}})";

Json payload(Json document) { return {{"kind", "eth_typed_data"}, {"typed_data", std::move(document)}}; }
Json mail() { return parse_json(kMail); }

// A struct with these fields ("uint256 a") and values.
Json document(std::string primary, Json types, Json message,
              Json domain = {{"chainId", 1}, {"verifyingContract", "0x" + std::string(40, 'a')}}) {
  return {{"types", std::move(types)},
          {"primaryType", std::move(primary)},
          {"domain", std::move(domain)},
          {"message", std::move(message)}};
}
Json field(const char* type, const char* name) { return {{"name", name}, {"type", type}}; }
Json one(const char* type, Json value) { return document("T", {{"T", {field(type, "x")}}}, {{"x", std::move(value)}}); }

TEST(TypedData, ExampleOfEip712) {
  const Json json = mail();
  const TypedData data(json, "");
  EXPECT_EQ(data.primary_encoding(), "Mail(Person from,Person to,string contents)Person(string name,address wallet)");
  EXPECT_EQ(to_hex(data.domain_separator()), "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
  EXPECT_EQ(to_hex(data.message_hash()), "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
  const Decoded out = taken(payload(mail()), ecdsa_key());
  EXPECT_EQ(first_bytes(out), "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
  EXPECT_EQ(out.facts.movements, std::vector<Movement>{Movement{}});
  EXPECT_EQ(out.facts.chain, "eip155:1");
  EXPECT_EQ(out.facts.domain->name, "Ether Mail");
  EXPECT_EQ(out.facts.domain->verifying_contract, "0xcccccccccccccccccccccccccccccccccccccccc");
}

TEST(TypedData, RefusesWithTheField) {  // attack 54
  const auto changed = [](const char* patch) { return payload(mail().patch(parse_json(patch))); };
  const std::pair<Json, const char*> bad[] = {
      {changed(R"([{"op":"remove","path":"/types/Person"}])"),
       "payload_malformed /payload/typed_data/types/Mail/0/type: is not a type that is defined"},
      {changed(R"([{"op":"remove","path":"/types/Mail"}])"),
       "payload_malformed /payload/typed_data/primaryType: is not one of the types"},
      {changed(R"([{"op":"remove","path":"/message/to"}])"),
       "payload_malformed /payload/typed_data/message/to: is missing"},
      {changed(R"([{"op":"add","path":"/message/cc","value":1}])"),
       "payload_malformed /payload/typed_data/message/cc: is not a known field"},
      {changed(R"([{"op":"add","path":"/message/from/x","value":1}])"),
       "payload_malformed /payload/typed_data/message/from/x: is not a known field"},
      {changed(R"([{"op":"replace","path":"/message/from/wallet","value":"0x00"}])"),
       "payload_malformed /payload/typed_data/message/from/wallet: must be an address"},
      {changed(R"([{"op":"remove","path":"/domain/version"}])"),
       "payload_malformed /payload/typed_data/types/EIP712Domain: must list exactly"},
      {changed(R"([{"op":"add","path":"/domain/extra","value":1}])"),
       "payload_malformed /payload/typed_data/domain/extra: is not a known field"},
      {changed(R"([{"op":"move","from":"/types/EIP712Domain/0","path":"/types/EIP712Domain/3"}])"),
       "payload_malformed /payload/typed_data/types/EIP712Domain: must list exactly"},
      {changed(R"([{"op":"replace","path":"/primaryType","value":"EIP712Domain"}])"),
       "payload_malformed /payload/typed_data/primaryType: must not be"},
      {changed(R"([{"op":"replace","path":"/types/Person/1/name","value":"name"}])"),
       "payload_malformed /payload/typed_data/types/Person/1/name: is there twice"},
      {changed(R"([{"op":"replace","path":"/types/Person/1/name","value":"a,b"}])"),
       "payload_malformed /payload/typed_data/types/Person/1/name: is not a name"},
      {changed(R"([{"op":"replace","path":"/types/Person/1/type","value":"uint7"}])"),
       "payload_malformed /payload/typed_data/types/Person/1/type: is not a type"},
      {changed(R"([{"op":"add","path":"/types/uint256","value":[]}])"),
       "payload_malformed /payload/typed_data/types/uint256: is the name of an atomic type"},
      {changed(R"([{"op":"add","path":"/types/uint","value":[]}])"),
       "payload_malformed /payload/typed_data/types/uint: is the name of an atomic type"},
      {changed(R"([{"op":"add","path":"/types/a(b","value":[]}])"),
       "payload_malformed /payload/typed_data/types/a(b: is not a name of a type"},
      {changed(R"([{"op":"add","path":"/extra","value":1}])"),
       "payload_malformed /payload/typed_data/extra: is not a known field"},
      {changed(R"([{"op":"replace","path":"/message","value":[]}])"),
       "payload_malformed /payload/typed_data/message: must be an object"},
      {payload(one("uint8", 256)), "payload_malformed /payload/typed_data/message/x: does not fit in uint8"},
      {payload(one("uint8", -1)), "payload_malformed /payload/typed_data/message/x: must not be negative"},
      {payload(one("uint256", "0x1" + std::string(64, '0'))),
       "payload_malformed /payload/typed_data/message/x: must have 1 to 64"},
      {payload(one("int8", 128)), "payload_malformed /payload/typed_data/message/x: does not fit in int8"},
      {payload(one("int8", -129)), "payload_malformed /payload/typed_data/message/x: does not fit in int8"},
      {payload(one("int8", "-0")), "payload_malformed /payload/typed_data/message/x: must be a decimal"},
      {payload(one("bool", 1)), "payload_malformed /payload/typed_data/message/x: must be true or false"},
      {payload(one("bool", "true")), "payload_malformed /payload/typed_data/message/x: must be true or false"},
      {payload(one("bytes4", "0x112233")), "payload_malformed /payload/typed_data/message/x: must be 4 bytes"},
      {payload(one("bytes", "112233")), "payload_malformed /payload/typed_data/message/x: must be 0x"},
      {payload(one("string", 1)), "payload_malformed /payload/typed_data/message/x: must be a string"},
      {payload(one("uint8[2]", {1})), "payload_malformed /payload/typed_data/message/x: must have 2 elements"},
      {payload(one("uint8[]", {1, 2, 256})), "payload_malformed /payload/typed_data/message/x/2: does not fit"},
      {payload(one("uint8[0]", Json::array())), "payload_malformed /payload/typed_data/types/T/0/type: is not a type"},
      {payload(one("uint8[][][][][][][][][]", Json::array())),
       "payload_malformed /payload/typed_data/types/T/0/type: is not a type"},
      {payload(one("T", nullptr)), "payload_malformed /payload/typed_data/message/x: must be an object"},
      {payload(one("EIP712Domain", Json::object())),
       "payload_malformed /payload/typed_data/types/T/0/type: is not a type"}};
  for (const auto& [json, expected] : bad) EXPECT_PREFIX(refused(json, ecdsa_key()), expected) << json.dump();
  Json other_chain = payload(mail());
  other_chain["chain"] = "eip155:2";
  EXPECT_PREFIX(refused(other_chain, ecdsa_key()), "payload_invalid /payload/chain");
  for (const Json& good :
       {one("int8", -128),
        one("int256", "-57896044618658097711785492504343953926634992332820282019728792003956564819968"),
        one("uint8[][2]", {{1, 2}, Json::array()})})
    EXPECT_EQ(refused(payload(good), ecdsa_key()), "") << good.dump();
}

TEST(TypedData, IsBounded) {  // attack 54
  const auto with_types = [](std::size_t types, std::size_t fields, std::size_t name) {
    Json all = Json::object(), list = Json::array(), message = Json::object();
    for (std::size_t i = 0; i < fields; ++i) {
      list.push_back(field("uint8", ("f" + std::to_string(i)).c_str()));
      message["f" + std::to_string(i)] = 1;
    }
    all["T"] = list;
    for (std::size_t i = 1; i < types; ++i) all["A" + std::to_string(i)] = Json::array();
    if (name != 0) all[std::string(name, 'x')] = Json::array();
    return refused(payload(document("T", std::move(all), std::move(message))), ecdsa_key());
  };
  EXPECT_EQ(with_types(64, 256, 0), "");
  EXPECT_EQ(with_types(1, 1, 128), "");
  EXPECT_PREFIX(with_types(65, 1, 0), "payload_malformed /payload/typed_data/types: has too many types");
  EXPECT_PREFIX(with_types(1, 257, 0), "payload_malformed /payload/typed_data/types/T: has too many fields");
  EXPECT_PREFIX(with_types(1, 1, 129),
                "payload_malformed /payload/typed_data/types/" + std::string(129, 'x') + ": is not a name of a type");
}

TEST(TypedData, TheDomainsTypeIsNoType) {
  Json types{{"T", {field("EIP712Domain", "x")}}, {"EIP712Domain", {field("uint256", "chainId")}}};
  EXPECT_PREFIX(
      refused(payload(document("T", std::move(types), {{"x", {{"chainId", 1}}}}, {{"chainId", 1}})), ecdsa_key()),
      "payload_malformed /payload/typed_data/types/T/0/type: is not a type");
}

TEST(TypedData, EveryMemberCounts) {
  std::set<std::string> digests{first_bytes(taken(payload(mail()), ecdsa_key()))};
  for (
      const char* patch :
      {R"([{"op":"replace","path":"/message/contents","value":"Hello, Bob?"}])",
       R"([{"op":"replace","path":"/domain/chainId","value":2}])",
       R"([{"op":"replace","path":"/domain/name","value":"x"}])",
       R"([{"op":"replace","path":"/types/Mail/2/type","value":"bytes"},{"op":"replace","path":"/message/contents","value":"0x"}])",
       R"([{"op":"replace","path":"/message/to/name","value":"Bo"}])"})
    EXPECT_TRUE(digests.insert(first_bytes(taken(payload(mail().patch(parse_json(patch))), ecdsa_key()))).second)
        << patch;
}

TEST(TypedDataFacts, PermitsAndSafes) {
  const std::string contract = "0x" + std::string(40, 'a'),
                    me = to_text(eth_address_of(ecdsa_key().public_key).value());
  const std::string b = "0x" + std::string(40, 'b'), c = "0x" + std::string(40, 'c'),
                    unknown = "unknown unknown unknown unknown > unknown";
  using Lines = std::vector<std::string>;
  const Json permit_type{{"Permit",
                          {field("address", "owner"), field("address", "spender"), field("uint256", "value"),
                           field("uint256", "nonce"), field("uint256", "deadline")}}};
  const Json permit{{"owner", c}, {"spender", b}, {"value", "500"}, {"nonce", 0}, {"deadline", 9}};
  EXPECT_EQ(lines(taken(payload(document("Permit", permit_type, permit)), ecdsa_key()).facts),
            (Lines{"allowance 500 eip155:1/erc20:" + contract + " " + c + " > " + b}));
  // Without a chain the asset is not told; without a contract nothing is.
  EXPECT_EQ(
      lines(taken(payload(document("Permit", permit_type, permit, {{"verifyingContract", contract}})), ecdsa_key())
                .facts),
      (Lines{"allowance 500 unknown " + c + " > " + b}));
  EXPECT_EQ(lines(taken(payload(document("Permit", permit_type, permit, {{"chainId", 1}})), ecdsa_key()).facts),
            (Lines{unknown}));
  // Another type of the same name is another type.
  Json renamed = permit_type;
  renamed["Permit"][2]["type"] = "uint128";
  EXPECT_EQ(lines(taken(payload(document("Permit", renamed, permit)), ecdsa_key()).facts), (Lines{unknown}));

  const Json dai_type{{"Permit",
                       {field("address", "holder"), field("address", "spender"), field("uint256", "nonce"),
                        field("uint256", "expiry"), field("bool", "allowed")}}};
  EXPECT_EQ(
      lines(taken(payload(document("Permit", dai_type,
                                   {{"holder", c}, {"spender", b}, {"nonce", 0}, {"expiry", 0}, {"allowed", true}})),
                  ecdsa_key())
                .facts),
      (Lines{
          "allowance 115792089237316195423570985008687907853269984665640564039457584007913129639935 eip155:1/erc20:" +
          contract + " " + c + " > " + b}));

  const Json single_type{
      {"PermitSingle",
       {field("PermitDetails", "details"), field("address", "spender"), field("uint256", "sigDeadline")}},
      {"PermitDetails",
       {field("address", "token"), field("uint160", "amount"), field("uint48", "expiration"),
        field("uint48", "nonce")}}};
  const Json single{{"details", {{"token", c}, {"amount", "77"}, {"expiration", 1}, {"nonce", 0}}},
                    {"spender", b},
                    {"sigDeadline", 1}};
  const Json permit2{
      {"name", "Permit2"}, {"chainId", 1}, {"verifyingContract", "0x000000000022D473030F116dDEE9F6B43aC78BA3"}};
  EXPECT_EQ(lines(taken(payload(document("PermitSingle", single_type, single, permit2)), ecdsa_key()).facts),
            (Lines{"allowance 77 eip155:1/erc20:" + c + " " + me + " > " + b}));
  EXPECT_EQ(lines(taken(payload(document("PermitSingle", single_type, single)), ecdsa_key()).facts),
            (Lines{unknown}));  // not Permit2's contract
  const Json batch_type{{"PermitBatchTransferFrom",
                         {field("TokenPermissions[]", "permitted"), field("address", "spender"),
                          field("uint256", "nonce"), field("uint256", "deadline")}},
                        {"TokenPermissions", {field("address", "token"), field("uint256", "amount")}}};
  const auto batch = [&](Json permitted) {
    return Json{{"permitted", std::move(permitted)}, {"spender", b}, {"nonce", 0}, {"deadline", 1}};
  };
  EXPECT_EQ(
      lines(taken(payload(document("PermitBatchTransferFrom", batch_type,
                                   batch({{{"token", c}, {"amount", 1}}, {{"token", b}, {"amount", 2}}}), permit2)),
                  ecdsa_key())
                .facts),
      (Lines{"allowance 1 eip155:1/erc20:" + c + " " + me + " > " + b,
             "allowance 2 eip155:1/erc20:" + b + " " + me + " > " + b}));
  EXPECT_EQ(
      lines(taken(payload(document("PermitBatchTransferFrom", batch_type, batch(Json::array()), permit2)), ecdsa_key())
                .facts),
      (Lines{unknown}));

  const Json safe_type{
      {"SafeTx",
       {field("address", "to"), field("uint256", "value"), field("bytes", "data"), field("uint8", "operation"),
        field("uint256", "safeTxGas"), field("uint256", "baseGas"), field("uint256", "gasPrice"),
        field("address", "gasToken"), field("address", "refundReceiver"), field("uint256", "nonce")}}};
  const std::string zero = "0x" + std::string(40, '0');
  Json safe{{"to", b},      {"value", 4},    {"data", "0x"},     {"operation", 0},         {"safeTxGas", 0},
            {"baseGas", 0}, {"gasPrice", 0}, {"gasToken", zero}, {"refundReceiver", zero}, {"nonce", 1}};
  EXPECT_EQ(lines(taken(payload(document("SafeTx", safe_type, safe)), ecdsa_key()).facts),
            (Lines{"transfer 4 eip155:1/slip44:60 " + contract + " > " + b}));
  const auto calls = [&] { return call_lines(taken(payload(document("SafeTx", safe_type, safe)), ecdsa_key()).facts); };
  EXPECT_EQ(calls(), (Lines{b + " "}));
  safe["data"] = "0x6a761202";  // execTransaction, cut off: the call in it is not shown
  EXPECT_EQ(calls(), (Lines{b + " 0x6a761202", "unknown unknown"}));
  safe["data"] = "0x";
  safe["operation"] = 1;
  EXPECT_EQ(calls(), (Lines{b + " ", "unknown unknown"}));
  EXPECT_EQ(lines(taken(payload(document("SafeTx", safe_type, safe)), ecdsa_key()).facts), (Lines{unknown}));
}

}  // namespace
}  // namespace quorate::transactions

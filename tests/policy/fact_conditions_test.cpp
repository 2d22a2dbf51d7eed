// Conditions over facts: three values over all movements, for allows and for denies.
#include "policy/fact_conditions.h"

#include <gtest/gtest.h>

#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/policy/sample_movements.h"
#include "tests/policy/sample_policy.h"
#include "transactions/bitcoin_address.h"
#include "transactions/decode.h"

namespace quorate::policy {
namespace {

const std::string kUsdcAt = kUsdc.substr(15), kMe = "0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f";

Movement transfer(const std::string& asset, const std::string& to, Amount amount) {
  return {MovementKind::transfer, asset, kMe, to, std::move(amount), ""};
}
Movement fee(Amount amount) { return {MovementKind::fee, kEth, kMe, "fee", std::move(amount), ""}; }

// "allow", "deny" or "unknown" (falls to the default), of one rule with this `if` and effect.
Truth truth(const std::string& condition, const char* then, const Facts* facts, std::vector<std::string> paths = {"m"},
            PayloadKind payload = PayloadKind::eth_transaction) {
  const auto policy = with_rules(R"([{"id":"r","if":)" + condition + R"(,"then":")" + then + R"("}])");
  PolicyQuery query{Kind::sign, "hot-1", "alice", payload, facts, std::move(paths)};
  const Decision decision = policy.explain(query);
  return decision.reasons.at(0).matched;
}
Truth allows(const std::string& condition, const Facts& facts) { return truth(condition, "allow", &facts); }
Truth denies(const std::string& condition, const Facts& facts) { return truth(condition, "deny", &facts); }

constexpr Truth kYes = Truth::yes, kNo = Truth::no, kUnknown = Truth::unknown;

std::string to(const std::string& address) { return R"({"to":[")" + address + R"("]})"; }
std::string asset(const std::string& glob) { return R"({"asset":[")" + glob + R"("]})"; }

std::string call(const std::string& contract, const std::string& function) {
  return R"({"contract":[")" + contract + R"("],"call":[")" + function + R"("]})";
}

TEST(FactConditions, AnAllowHoldsForEveryMovementADenyForAny) {
  const Facts one = facts_of({transfer(kEth, kAlice, U256(1)), fee(U256(9))});
  EXPECT_EQ(allows(to(kAlice), one), kYes);
  EXPECT_EQ(denies(to(kAlice), one), kYes);
  EXPECT_EQ(allows(to(kMallory), one), kNo);
  EXPECT_EQ(denies(to(kMallory), one), kNo);
  const Facts two = facts_of({transfer(kEth, kAlice, U256(1)), transfer(kEth, kMallory, U256(1))});
  EXPECT_EQ(allows(to(kAlice), two), kNo);
  EXPECT_EQ(denies(to(kAlice), two), kYes);
  EXPECT_EQ(allows(R"({"to":[")" + kAlice + R"(",")" + kMallory + R"("]})", two), kYes);
  EXPECT_EQ(allows(asset("eip155:1/slip44:*"), two), kYes);
  EXPECT_EQ(allows(asset(kUsdc), two), kNo);
  EXPECT_EQ(denies(asset(kUsdc), two), kNo);
}

// An unknown never helps an allow and never escapes a deny.
TEST(FactConditions, WhatIsUnknownIsNeitherTrueNorFalse) {
  const Facts something = facts_of({transfer(kEth, kAlice, U256(1)), Movement{}});
  EXPECT_EQ(allows(to(kAlice), something), kUnknown);
  EXPECT_EQ(denies(to(kMallory), something), kUnknown);
  EXPECT_EQ(denies(to(kAlice), something), kYes);
  EXPECT_EQ(allows(to(kMallory), something), kNo);
  EXPECT_EQ(allows(R"({"max":"5"})", something), kUnknown);
  EXPECT_EQ(allows(R"({"max":"0"})", something), kNo);
  EXPECT_EQ(allows(asset(kEth), something), kUnknown);
  EXPECT_EQ(denies(R"({"contract":[")" + kUsdcAt + R"("]})", something), kUnknown);
  EXPECT_EQ(allows(R"({"fee_max":"5"})", facts_of({fee(Amount::unknown())})), kUnknown);
}

// A message or a digest may be anything: no condition about what it does is false.
TEST(FactConditions, APayloadWithoutFactsMayDoAnything) {
  for (const char* condition :
       {R"({"to":["0x3535353535353535353535353535353535353535"]})", R"({"chain":["eip155:1"]})", R"({"asset":["*"]})",
        R"({"contract":["new"]})", R"({"call":["0x*"]})", R"({"sighash":["ALL"]})"}) {
    EXPECT_EQ(truth(condition, "allow", nullptr, {"m"}, PayloadKind::message), kUnknown) << condition;
    EXPECT_EQ(truth(condition, "deny", nullptr, {"m"}, PayloadKind::digest), kUnknown) << condition;
  }
  EXPECT_EQ(truth(R"({"max":"1"})", "allow", nullptr), kUnknown);
  EXPECT_EQ(truth(R"({"fee_max":"1"})", "allow", nullptr), kUnknown);
  EXPECT_EQ(truth(R"({"path":["m/0/*"]})", "allow", nullptr, {"m/0/7"}), kYes);
}

TEST(FactConditions, APayloadThatMovesNothingIsAboutNoMovement) {
  const Facts text = facts_of({});
  for (const std::string& condition : {to(kAlice), asset("*")}) {
    EXPECT_EQ(allows(condition, text), kNo);
    EXPECT_EQ(denies(condition, text), kNo);
  }
  EXPECT_EQ(allows(R"({"max":"5"})", text), kNo);
  EXPECT_EQ(allows(R"({"fee_max":"0"})", text), kYes);  // nor has it a fee
  EXPECT_EQ(allows(R"({"contract":["new"]})", text), kNo);
  EXPECT_EQ(denies(R"({"call":["0x*"]})", text), kNo);
}

// Recipient and asset of one rule are those of one movement.
TEST(FactConditions, OneMovementMustBeWhatADenyNames) {
  const Facts facts = facts_of({transfer(kEth, kAlice, U256(1)), transfer(kUsdc, kMallory, U256(1))});
  const std::string eth_to_mallory = R"({"to":[")" + kMallory + R"("],"asset":[")" + kEth + R"("]})";
  EXPECT_EQ(denies(eth_to_mallory, facts), kNo);
  EXPECT_EQ(denies(R"({"to":[")" + kMallory + R"("],"asset":["eip155:1/erc20:*"]})", facts), kYes);
}

TEST(FactConditions, LimitsAreForTheSumOfEachAsset) {
  const Facts facts = facts_of({transfer(kEth, kAlice, U256(3)), transfer(kEth, kMallory, U256(4)),
                                transfer(kUsdc, kAlice, U256(7)), fee(U256(100))});
  EXPECT_EQ(allows(R"({"max":"7"})", facts), kYes);
  EXPECT_EQ(allows(R"({"max":"6"})", facts), kNo);
  EXPECT_EQ(allows(R"({"max":"7","fee_max":"100"})", facts), kYes);
  EXPECT_EQ(allows(R"({"max":"7","fee_max":"99"})", facts), kNo);
  const U256 most = std::numeric_limits<U256>::max();
  const std::string limit = R"({"max":")" + transactions::to_decimal(most) + R"("})";
  EXPECT_EQ(allows(limit, facts_of({transfer(kEth, kAlice, most)})), kYes);
  EXPECT_EQ(allows(limit, facts_of({transfer(kEth, kAlice, most), transfer(kEth, kAlice, U256(1))})), kNo);
}

// approve and transferFrom of ERC-20 and ERC-721 look alike.
TEST(FactConditions, ADenyLooksAtBothReadingsOfAnAsset) {
  Movement m = transfer(kUsdc, kAlice, U256(7));
  m.or_asset = "eip155:1/erc721:" + kUsdcAt + "/7";
  const Facts facts = facts_of({m});
  EXPECT_EQ(denies(asset("eip155:1/erc721:*"), facts), kYes);
  EXPECT_EQ(allows(asset("eip155:1/erc721:*"), facts), kNo);
  EXPECT_EQ(allows(asset(kUsdc), facts), kYes);
}

// transferFrom(…, 7) moves seven of a fungible token, or the item 7 of a collection, which is no amount at all.
TEST(FactConditions, ANumberThatMayNameAnItemIsNoAmount) {
  Movement m = transfer(kUsdc, kAlice, U256(7));
  m.or_asset = "eip155:1/erc721:" + kUsdcAt + "/7";
  const auto limited = [](const std::string& asset) { return R"({"max":"10","asset":[")" + asset + R"("]})"; };
  EXPECT_EQ(allows(R"({"max":"10"})", facts_of({m})), kUnknown);
  EXPECT_EQ(allows(R"({"max":"6"})", facts_of({m})), kNo);
  EXPECT_EQ(allows(limited("*"), facts_of({m})), kUnknown);
  EXPECT_EQ(allows(limited(kUsdc), facts_of({m})), kYes);
  EXPECT_EQ(allows(limited("*/erc20:*"), facts_of({m})), kYes);
  m.or_asset = "eip155:1/erc1155:" + kUsdcAt;  // setApprovalForAll(…, false): 0 of either
  m.amount = U256(0);
  EXPECT_EQ(allows(R"({"max":"0"})", facts_of({m})), kYes);
}

TEST(FactConditions, AssetsOfEthereumKnowNoCase) {
  const Facts facts = facts_of({transfer(kUsdc, kAlice, U256(7))});
  const std::string checksummed = "erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
  for (const std::string prefix : {"eip155:1/", "*/", "eip155:*/", "*"})
    EXPECT_EQ(denies(asset(prefix + checksummed), facts), kYes) << prefix;
  EXPECT_EQ(denies(asset("*/erc20:0xA0B8*"), facts), kYes);
  const std::string chain = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
                    mint = "/token:So11111111111111111111111111111111111111112";
  const Facts solana = facts_of({transfer(chain + mint, kAlice, U256(7))});
  EXPECT_EQ(denies(asset(chain + mint), solana), kYes);
  EXPECT_EQ(denies(asset("*" + mint), solana), kYes);
  EXPECT_EQ(denies(asset(chain + "/token:so11111111111111111111111111111111111111112"), solana), kNo);
}

// setApprovalForAll is about every item, the named one too.
TEST(FactConditions, ADenyOfAnItemSeesAnApprovalOfAll) {
  const std::string collection = "eip155:1/erc721:" + kUsdcAt, other = "eip155:1/erc1155:" + kUsdcAt;
  Movement all{MovementKind::allowance, collection, kMe, kAlice, Amount::unknown(), other, ""};
  const Facts facts = facts_of({all});
  for (const std::string& glob : {collection + "/7", other + "/7", collection + "/*", collection + "/7*",
                                  collection + "*7", collection, std::string("*/7"), std::string("eip155:*7")})
    EXPECT_EQ(denies(asset(glob), facts), kYes) << glob;
  for (const std::string& glob :
       {collection + "/x", collection + "0*/7", collection + "/7/8", "eip155:1/erc721:" + kAlice + "/7", kUsdc + "/7"})
    EXPECT_EQ(denies(asset(glob), facts), kNo) << glob;
  EXPECT_EQ(allows(asset(collection + "/7"), facts), kNo);  // an allow of one item is none of all
  EXPECT_EQ(allows(asset(collection + "*"), facts), kYes);
  // Only collections have items.
  EXPECT_EQ(denies(asset(kUsdc + "/7"), facts_of({transfer(kUsdc, kAlice, U256(7))})), kNo);
}

// An account of tokens is not its owner's address.
TEST(FactConditions, ADenyOfAnOwnerIsNotEscapedThroughAnAccountOfTokens) {
  const std::string owner = "11111111111111111111111111111112", account = "11111111111111111111111111111113";
  Movement m = transfer("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:" + owner, account, U256(7));
  m.to_owner = "unknown";
  EXPECT_EQ(denies(to(owner), facts_of({m})), kUnknown);
  EXPECT_EQ(denies(to(account), facts_of({m})), kYes);
  EXPECT_EQ(allows(to(account), facts_of({m})), kYes);
  EXPECT_EQ(allows(to(owner), facts_of({m})), kNo);
  m.to_owner = owner;
  EXPECT_EQ(denies(to(owner), facts_of({m})), kYes);
  EXPECT_EQ(denies(to(kAlice), facts_of({m})), kNo);
}

// What is opaque may be of any chain and may pay any fee.
TEST(FactConditions, AnOpaqueMessageIsOfAnUnknownChainAndFee) {
  transactions::KeyFacts key;
  key.scheme = transactions::Scheme::ecdsa_secp256k1;
  key.public_key = from_hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").value();
  const auto message = [&](const std::string& text) {
    return std::get<transactions::Decoded>(transactions::decode({{"kind", "eth_message"}, {"utf8", text}}, key)).facts;
  };
  const Facts opaque = message(std::string(32, 'a')), plain = message("hello");
  for (const char* chain : {"eip155:1", "eip155:*", "*"}) {
    const std::string condition = R"({"chain":[")" + std::string(chain) + R"("]})";
    EXPECT_EQ(denies(condition, opaque), kUnknown) << chain;
    EXPECT_EQ(allows(condition, opaque), kUnknown) << chain;
    EXPECT_EQ(denies(condition, plain), kNo) << chain;
    EXPECT_EQ(allows(condition, plain), kNo) << chain;
  }
  EXPECT_EQ(allows(R"({"fee_max":"5"})", opaque), kUnknown);
  EXPECT_EQ(allows(R"({"fee_max":"5"})", plain), kYes);
}

// attack 65: a Safe's call that is not read to its end hides a call from both rules.
TEST(FactConditions, AWrapperHidesNoCall) {
  transactions::KeyFacts key;
  key.scheme = transactions::Scheme::ecdsa_secp256k1;
  key.public_key = from_hex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").value();
  const std::string safe = "0x1234567890123456789012345678901234567890";
  const auto word = [](const std::string& digits) { return std::string(64 - digits.size(), '0') + digits; };
  // execTransaction: calls kUsdcAt, selector a9059cbb without arguments.
  const auto exec = [&](const std::string& inner) {
    const std::size_t size = inner.size() / 2, padded = (size + 31) / 32 * 32;
    std::ostringstream length, signatures;
    length << std::hex << size, signatures << std::hex << 320 + 32 + padded;
    return "6a761202" + word(kUsdcAt.substr(2)) + word("0") + word("140") + word("0") + word("0") + word("0") +
           word("0") + word("0") + word("0") + word(signatures.str()) + word(length.str()) + inner +
           std::string(2 * padded - inner.size(), '0') + word("0");
  };
  const auto facts = [&](const std::string& data, const Json& more = Json::object()) {
    Json fields{
        {"chain_id", 1}, {"nonce", 0},         {"gas", 9}, {"max_fee_per_gas", 1}, {"max_priority_fee_per_gas", 1},
        {"to", safe},    {"data", "0x" + data}};
    fields.update(more);
    return std::get<transactions::Decoded>(transactions::decode({{"kind", "eth_transaction"}, {"fields", fields}}, key))
        .facts;
  };
  const std::string no_usdc = R"({"contract":[")" + kUsdcAt + R"("]})", no_transfer = R"({"call":["0xa9059cbb"]})";
  const std::string safe_only = call(safe, "0x6a761202"), safe_any = R"({"contract":[")" + safe + R"("]})";
  const Facts good = facts(exec("a9059cbb"));
  EXPECT_EQ(denies(no_usdc, good), kYes);
  EXPECT_EQ(denies(no_transfer, good), kYes);
  EXPECT_EQ(allows(safe_any, good), kNo);
  std::string deep = "a9059cbb";
  for (int i = 0; i < 5; ++i) deep = exec(deep);
  for (const std::string& data : {exec("a9059cbb") + "00", std::string("6a761202"), deep}) {
    EXPECT_NE(denies(no_transfer, facts(data)), kNo) << data;
    EXPECT_NE(allows(safe_only, facts(data)), kYes) << data;
  }
  const std::string trailing = exec("a9059cbb") + "00";
  EXPECT_EQ(denies(no_usdc, facts(trailing)), kUnknown);
  EXPECT_EQ(denies(no_transfer, facts(trailing)), kUnknown);
  EXPECT_EQ(allows(safe_only, facts(trailing)), kUnknown);
  // Somebody's account may get any code.
  const Json authorization{{"chain_id", 1}, {"address", kAlice}, {"nonce", 0}, {"y_parity", 0}, {"r", "1"}, {"s", "1"}};
  const Facts set_code = facts("12345678", {{"authorization_list", {authorization}}});
  EXPECT_EQ(denies(no_usdc, set_code), kUnknown);
  EXPECT_EQ(allows(safe_any, set_code), kUnknown);
  EXPECT_EQ(allows(safe_any, facts("12345678")), kYes);
  const auto policy = with_rules(R"([{"id":"no","if":)" + no_usdc + R"(,"then":"deny"},{"id":"yes","if":)" + safe_only +
                                 R"(,"then":"allow"}])");
  const auto decide = [&](const Facts& f) {
    return policy.evaluate({Kind::sign, "k", "alice", PayloadKind::eth_transaction, &f, {"m"}}).rule;
  };
  EXPECT_EQ(decide(facts(trailing)), "no");
  EXPECT_EQ(decide(good), "no");
}

// An address of Bitcoin is its script, whatever network it is written for.
TEST(FactConditions, AddressesOfBitcoinAreScripts) {
  using transactions::BitcoinNetwork;
  const Bytes script = transactions::p2wpkh_script(Bytes(33, 2));
  const std::string mainnet = transactions::address_of(BitcoinNetwork::mainnet, script).value();
  const Facts facts = facts_of({transfer("bip122:000000000019d6689c085ae165831e93/slip44:0", mainnet, U256(1))});
  for (const auto network :
       {BitcoinNetwork::mainnet, BitcoinNetwork::testnet, BitcoinNetwork::signet, BitcoinNetwork::regtest})
    EXPECT_EQ(denies(to(transactions::address_of(network, script).value()), facts), kYes);
}

TEST(FactConditions, Calls) {
  Facts facts = facts_of({Movement{}});
  facts.calls = {{kUsdcAt, "0xa9059cbb", "transfer(address,uint256)"}};
  const auto& both = call;
  EXPECT_EQ(allows(both(kUsdcAt, "transfer(address,uint256)"), facts), kYes);
  EXPECT_EQ(allows(both(kUsdcAt, "0xA9059CBB"), facts), kYes);
  EXPECT_EQ(allows(both(kUsdcAt, "0xa9*"), facts), kYes);
  EXPECT_EQ(allows(both(kUsdcAt, "approve(address,uint256)"), facts), kNo);
  EXPECT_EQ(allows(both(kAlice, "transfer(address,uint256)"), facts), kNo);
  facts.calls.push_back({kAlice, "0x095ea7b3", "approve(address,uint256)"});
  EXPECT_EQ(allows(both(kUsdcAt, "transfer(address,uint256)"), facts), kNo);  // every call
  EXPECT_EQ(denies(both(kUsdcAt, "approve(address,uint256)"), facts), kNo);   // one call is both
  EXPECT_EQ(denies(both(kAlice, "approve(address,uint256)"), facts), kYes);
  facts.calls[1].contract = "unknown";
  EXPECT_EQ(denies(both(kAlice, "approve(address,uint256)"), facts), kUnknown);
  Facts solana = facts_of({Movement{}});
  solana.calls = {{"11111111111111111111111111111111", "0200000001000000", "transfer"}};
  EXPECT_EQ(allows(R"({"call":["0x02000000*"]})", solana), kYes);
  EXPECT_EQ(allows(R"({"call":["0x03000000*"]})", solana), kNo);
}

TEST(FactConditions, ChainsPathsAndSighashes) {
  Facts facts = facts_of({});
  EXPECT_EQ(allows(R"({"chain":["eip155:1","eip155:10"]})", facts), kYes);
  EXPECT_EQ(denies(R"({"chain":["eip155:10"]})", facts), kNo);
  EXPECT_EQ(denies(R"({"chain":["eip155:*"]})", facts), kYes);
  facts.chain = "unknown";
  EXPECT_EQ(allows(R"({"chain":["*"]})", facts), kUnknown);
  facts.sighashes = {"ALL", "DEFAULT"};
  EXPECT_EQ(allows(R"({"sighash":["ALL"]})", facts), kNo);
  EXPECT_EQ(allows(R"({"sighash":["ALL","DEFAULT"]})", facts), kYes);
  EXPECT_EQ(denies(R"({"sighash":["DEFAULT"]})", facts), kYes);
  const std::vector<std::string> paths{"m/0/1", "m/1/1"};
  EXPECT_EQ(truth(R"({"path":["m/0/*"]})", "allow", &facts, paths), kNo);
  EXPECT_EQ(truth(R"({"path":["m/*"]})", "allow", &facts, paths), kYes);
  EXPECT_EQ(truth(R"({"path":["m/0/*"]})", "deny", &facts, paths), kYes);
  EXPECT_EQ(truth(R"({"path":["m"]})", "deny", &facts, paths), kNo);
}

TEST(FactConditions, ADeriveHasAPathAndNothingElse) {
  const auto policy = with_rules(R"([{"id":"r","if":{"kind":"derive","path":["m/0/*"]},"then":"allow"},
                                     {"id":"m","if":{"max":"5"},"then":"allow"}])");
  EXPECT_TRUE(policy.evaluate({Kind::derive, "k", "alice", {}, nullptr, {"m/0/1"}}).allowed());
  EXPECT_FALSE(policy.evaluate({Kind::derive, "k", "alice", {}, nullptr, {"m/1/1"}}).allowed());
  EXPECT_FALSE(policy.evaluate({Kind::refresh, "k", "alice", {}, nullptr, {"m/0/1"}}).allowed());
}

// Rule by rule, as docs/policy.md has it: what is within the limits is allowed, what is above is not, the blocked
// recipient and what cannot be read is denied before anything is allowed.
TEST(FactConditions, APolicyOfPayouts) {
  Json json = base_policy();
  json["lists"]["exchanges"] = {"0x3535353535353535353535353535353535353535"};
  json["lists"]["sanctioned"] = {"0x6666666666666666666666666666666666666666"};
  json["rules"] = parse_json(R"([
    {"id":"blocked","if":{"kind":"sign","to":["list:sanctioned"]},"then":"deny"},
    {"id":"payouts","if":{"kind":"sign","payload":["eth_transaction"],"chain":["eip155:1"],"to":["list:exchanges"],
      "asset":["eip155:1/slip44:60"],"max":"100","fee_max":"10"},"then":"allow"}])");
  const auto policy = PolicyDocument::from_json(json);
  const auto decide = [&](const Facts& facts) {
    return policy.explain({Kind::sign, "k", "alice", PayloadKind::eth_transaction, &facts, {"m"}});
  };
  EXPECT_EQ(decide(facts_of({transfer(kEth, kAlice, U256(100)), fee(U256(10))})).rule, "payouts");
  EXPECT_EQ(decide(facts_of({transfer(kEth, kAlice, U256(101)), fee(U256(10))})).rule, "default");
  EXPECT_EQ(decide(facts_of({transfer(kEth, kAlice, U256(100)), fee(U256(11))})).rule, "default");
  EXPECT_EQ(decide(facts_of({transfer(kUsdc, kAlice, U256(1)), fee(U256(10))})).rule, "default");
  EXPECT_EQ(decide(facts_of({transfer(kEth, kMallory, U256(1)), fee(U256(1))})).rule, "blocked");
  EXPECT_EQ(decide(facts_of({transfer(kEth, kAlice, U256(1)), Movement{}})).rule, "blocked");
  const auto why = decide(facts_of({transfer(kEth, kAlice, U256(101)), fee(U256(10))})).reasons;
  EXPECT_EQ(why.at(0).why, "recipient " + kAlice + " is not listed");
  EXPECT_EQ(why.at(1).why, "sum of " + kEth + " is above 100");
}

std::pair<std::string, std::string> error_of(const std::string& condition, const char* then = "allow") {
  Json json = base_policy();
  json["lists"] = {{"good", {"0x3535353535353535353535353535353535353535"}}};
  json["rules"] = parse_json(R"([{"id":"r","if":)" + condition + R"(,"then":")" + then + R"("}])");
  try {
    PolicyDocument::from_json(json);
  } catch (const JsonError& e) {
    return {e.pointer, e.what()};
  }
  return {"no error", ""};
}

TEST(FactConditions, ErrorsNameTheField) {
  const auto at = [](const std::string& condition, const char* then = "allow") {
    return error_of(condition, then).first;
  };
  EXPECT_EQ(at(R"({"to":["list:good"]})"), "no error");
  EXPECT_EQ(at(R"({"to":["list:none"]})"), "/rules/0/if/to/0");
  EXPECT_EQ(at(R"({"to":["0x35"]})"), "/rules/0/if/to/0");
  EXPECT_EQ(at(R"({"to":["0x5AAEB6053F3E94C9b9A09f33669435E7Ef1BeAed"]})"), "/rules/0/if/to/0");  // EIP-55
  EXPECT_EQ(at(R"({"to":["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"]})"), "no error");
  EXPECT_EQ(at(R"({"to":["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]})"), "no error");
  EXPECT_EQ(at(R"({"to":["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"]})"), "/rules/0/if/to/0");
  EXPECT_EQ(at(R"({"to":["11111111111111111111111111111111"]})"), "no error");
  EXPECT_EQ(at(R"({"to":["new"]})"), "/rules/0/if/to/0");
  EXPECT_EQ(at(R"({"contract":["new"]})"), "no error");
  EXPECT_EQ(at(R"({"to":[]})"), "/rules/0/if/to");
  EXPECT_EQ(at(R"({"to":"x"})"), "/rules/0/if/to");
  EXPECT_EQ(at(R"({"chain":[7]})"), "/rules/0/if/chain/0");
  EXPECT_EQ(at(R"({"chain":["a b"]})"), "/rules/0/if/chain/0");
  EXPECT_EQ(at(R"({"asset":["*a","*a"]})"), "/rules/0/if/asset/1");
  for (const char* entry : {"eip155", "a", "EIP155:1", "cosmos:x", "bip122:000000000933ea01ad0ee984209779ba",
                            "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"}) {
    EXPECT_EQ(at(R"({"chain":[")" + std::string(entry) + R"("]})"), "/rules/0/if/chain/0") << entry;
    EXPECT_EQ(at(R"({"asset":[")" + std::string(entry) + R"(/slip44:1"]})"), "/rules/0/if/asset/0") << entry;
  }
  for (const char* entry : {"*", "eip155:1", "eip*", "bip122:*", "bip122:000000000019d6689c085ae165831e93", "solana:x"})
    EXPECT_EQ(at(R"({"chain":[")" + std::string(entry) + R"("]})"), "no error") << entry;
  EXPECT_EQ(at(R"({"asset":["*/erc20:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB49"]})"), "/rules/0/if/asset/0");
  EXPECT_EQ(at(R"({"asset":["*/erc721:0xA0b8/7"]})"), "/rules/0/if/asset/0");
  EXPECT_EQ(at(R"({"asset":["*/erc721:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48/7"]})"), "no error");
  EXPECT_EQ(at(R"({"asset":["*/erc1155:0xA0b8*"]})"), "no error");
  EXPECT_EQ(at(R"({"call":["0x"]})"), "/rules/0/if/call/0");
  EXPECT_EQ(at(R"({"call":["0xzz"]})"), "/rules/0/if/call/0");
  for (const char* entry : {"transfer",
                            "0xa9",
                            "0xa9059cb",
                            "0xa9059cbb0",
                            "0x0102030405060708a",
                            "0x01020304050607089*",
                            "transfer(address,uint)",
                            "transfer(*)",
                            "foo(address to)",
                            "foo(address,)",
                            "foo(,)",
                            "foo(address",
                            "foo(address))",
                            "(address)",
                            "1foo()",
                            "foo(uint256[0])",
                            "foo(uint256[)",
                            "foo(bytes33)",
                            "foo(int)",
                            "foo(byte)",
                            "foo()()",
                            "foo((address)",
                            "foo-bar()"})
    EXPECT_EQ(at(R"({"call":[")" + std::string(entry) + R"("]})"), "/rules/0/if/call/0") << entry;
  for (const char* entry : {"0xa9059cbb", "0x*", "0xa*", "0x02000000*", "0x0200000001020304", "0x0102030405", "foo()",
                            "f$_9((address,bool)[2][],function,bytes32,(int8,()),string)"})
    EXPECT_EQ(at(R"({"call":[")" + std::string(entry) + R"("]})"), "no error") << entry;
  EXPECT_EQ(at(R"({"sighash":["ALL","EVERY"]})"), "/rules/0/if/sighash/1");
  EXPECT_EQ(at(R"({"max":5})"), "/rules/0/if/max");
  EXPECT_EQ(at(R"({"max":"05"})"), "/rules/0/if/max");
  EXPECT_EQ(at(R"({"max":"-5"})"), "/rules/0/if/max");
  EXPECT_EQ(at(R"({"max":"1)" + std::string(78, '0') + R"("})"), "/rules/0/if/max");
  EXPECT_EQ(at(R"({"fee_max":""})"), "/rules/0/if/fee_max");
  EXPECT_EQ(at(R"({"max":"5"})", "deny"), "/rules/0/if/max");
  EXPECT_EQ(at(R"({"fee_max":"5"})", "deny"), "/rules/0/if/fee_max");
  EXPECT_EQ(at(R"({"kind":"refresh","to":["list:good"]})"), "/rules/0/if/to");
  EXPECT_EQ(at(R"({"kind":"derive","path":["m/*"]})"), "no error");
  EXPECT_EQ(at(R"({"kind":["derive","refresh"],"chain":["*"]})"), "/rules/0/if/chain");
}

// EIP-712: one of the domains, with every member that it names.
TEST(FactConditions, TheDomainOfTypedData) {
  Facts facts = facts_of({});
  EXPECT_EQ(allows(R"({"domain":[{"name":"Ether Mail"}]})", facts), kNo);  // no typed data
  facts.domain = transactions::Domain{"Ether Mail", "1", "1", kAlice, std::nullopt};
  const std::string name = R"({"name":"Ether Mail"})", chain = R"({"chain_id":"1"})",
                    contract = R"({"verifying_contract":"0x3535353535353535353535353535353535353535"})";
  for (const std::string& one : {name, chain, contract}) {
    EXPECT_EQ(allows(R"({"domain":[)" + one + "]}", facts), kYes) << one;
    EXPECT_EQ(denies(R"({"domain":[)" + one + "]}", facts), kYes) << one;
    EXPECT_EQ(truth(R"({"domain":[)" + one + "]}", "deny", nullptr), kUnknown) << one;  // nothing is shown
  }
  EXPECT_EQ(allows(R"({"domain":[{"name":"Other"},{"name":"Ether Mail","chain_id":"1"}]})", facts), kYes);
  EXPECT_EQ(allows(R"({"domain":[{"name":"Ether Mail","chain_id":"5"}]})", facts), kNo);
  EXPECT_EQ(allows(R"({"domain":[{"name":"Ether Mail"}],"chain":["eip155:5"]})", facts), kNo);
  EXPECT_EQ(allows(R"({"domain":[{"name":"ether mail"}]})", facts), kNo);
  facts.domain->verifying_contract.reset();  // absent: another one than any that is named
  EXPECT_EQ(allows(R"({"domain":[)" + contract + "]}", facts), kNo);
  EXPECT_EQ(denies(R"({"domain":[)" + contract + "]}", facts), kNo);

  const auto error = [](const std::string& condition) -> std::string {
    try {
      with_rules(R"([{"id":"r","if":)" + condition + R"(,"then":"allow"}])");
    } catch (const JsonError& e) {
      return e.pointer;
    }
    return "no error";
  };
  EXPECT_EQ(error(R"({"domain":[]})"), "/rules/0/if/domain");
  EXPECT_EQ(error(R"({"domain":[{}]})"), "/rules/0/if/domain/0");
  EXPECT_EQ(error(R"({"domain":["x"]})"), "/rules/0/if/domain/0");
  EXPECT_EQ(error(R"({"domain":[{"name":"x","salt":"1"}]})"), "/rules/0/if/domain/0/salt");
  EXPECT_EQ(error(R"({"domain":[{"chain_id":1}]})"), "/rules/0/if/domain/0/chain_id");
  EXPECT_EQ(error(R"({"domain":[{"chain_id":"0x1"}]})"), "/rules/0/if/domain/0/chain_id");
  EXPECT_EQ(error(R"({"domain":[{"verifying_contract":"0x35"}]})"), "/rules/0/if/domain/0/verifying_contract");
  EXPECT_EQ(error(R"({"kind":"refresh","domain":[{"name":"x"}]})"), "/rules/0/if/domain");
}

// Lists are looked at once, also those that no rule names.
TEST(FactConditions, EveryListHasAddresses) {
  Json json = base_policy();
  const auto error = [&](const Json& lists) -> std::string {
    json["lists"] = lists;
    try {
      PolicyDocument::from_json(json);
    } catch (const JsonError& e) {
      return e.pointer;
    }
    return "no error";
  };
  EXPECT_EQ(error({{"good", {kAlice}}, {"empty", Json::array()}}), "no error");
  EXPECT_EQ(error({{"good", {kAlice}}, {"bad", {kAlice, "0x35"}}}), "/lists/bad/1");
  EXPECT_EQ(error({{"bad", {"new"}}}), "/lists/bad/0");
  // And once, whatever number of rules names them: this would take minutes otherwise.
  Json many = Json::array();
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    std::ostringstream text;
    text << "0x" << std::hex << std::setw(40) << std::setfill('0') << i;
    many.push_back(text.str());
  }
  json["lists"] = {{"many", many}};
  for (int i = 0; i < 500; ++i)
    json["rules"].push_back({{"id", "r" + std::to_string(i)}, {"if", {{"to", {"list:many"}}}}, {"then", "deny"}});
  const auto policy = PolicyDocument::from_json(json);
  const Facts facts = facts_of({transfer(kEth, "0x0000000000000000000000000000000000004e1f", U256(1))});
  EXPECT_EQ(policy.evaluate({Kind::sign, "k", "alice", PayloadKind::eth_transaction, &facts, {"m"}}).rule, "r0");
}

}  // namespace
}  // namespace quorate::policy

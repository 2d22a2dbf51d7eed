#include "helpers.h"
#include "transactions/base58.h"
#include "transactions/solana_message.h"

namespace quorate::transactions {
namespace {

Bytes32 account(std::uint8_t fill) {
  Bytes32 out;
  out.fill(fill);
  return out;
}
Bytes32 own() {
  Bytes32 out;
  const Bytes key = ed25519_key().public_key;
  std::copy(key.begin(), key.end(), out.begin());
  return out;
}
Json payload(const SolanaMessage& message) {
  return {{"kind", "solana_transaction"}, {"base64", to_base64(message.bytes())}};
}

// A transfer of 0x0102 lamports from us to account 5.
SolanaMessage transfer() {
  SolanaMessage m;
  m.required_signatures = 1;
  m.readonly_unsigned = 1;
  m.accounts = {own(), account(5), Bytes32{}};
  m.instructions = {{2, {0, 1}, {2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0}}};
  return m;
}
const std::string kChain = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";

TEST(Solana, ATransfer) {
  const Decoded out = taken(payload(transfer()), ed25519_key());
  const std::string me = to_base58(own());
  EXPECT_EQ(to_hex(out.to_sign[0].bytes), to_hex(transfer().bytes()));
  EXPECT_EQ(lines(out.facts),
            (std::vector<std::string>{"transfer 258 " + kChain + "/slip44:501 " + me + " > " + to_base58(account(5)),
                                      "fee 5000 " + kChain + "/slip44:501 " + me + " > fee"}));
  Signature signature;
  signature.bytes.fill(7);
  const Json done = finish(payload(transfer()), ed25519_key(), std::span(&signature, 1));
  EXPECT_EQ(to_hex(from_base64(done["signed_transaction"].get<std::string>()).value()),
            "01" + to_hex(signature.bytes) + to_hex(transfer().bytes()));
}

TEST(Solana, WhatIsNotUnderstoodIsUnknown) {  // attack 65
  const std::string unknown = "unknown unknown unknown unknown > unknown";
  const auto first = [](SolanaMessage m) { return lines(taken(payload(m), ed25519_key()).facts)[0]; };
  for (const Bytes& data : {Bytes{}, Bytes{2, 0, 0, 0}, Bytes{2, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0},
                            Bytes{1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0}}) {
    SolanaMessage m = transfer();
    m.instructions[0].data = data;
    EXPECT_EQ(first(m), unknown) << to_hex(data);
  }
  SolanaMessage m = transfer();
  m.instructions[0].accounts = {0, 1, 1};
  EXPECT_EQ(first(m), unknown);
  m = transfer();
  m.accounts[2] = account(9);
  EXPECT_EQ(first(m), unknown);
  // An account of a lookup table has no address here.
  m = transfer();
  m.version = 0;
  m.lookups = {{account(8), {3}, {}}};
  m.instructions[0].accounts = {0, 3};
  EXPECT_EQ(first(m), "transfer 258 " + kChain + "/slip44:501 " + to_base58(own()) + " > unknown");
}

TEST(Solana, TheFeeIsACeiling) {
  SolanaMessage m = transfer();
  const Bytes program = from_base58("ComputeBudget111111111111111111111111111111").value();
  m.accounts.push_back(Bytes32{});
  std::copy(program.begin(), program.end(), m.accounts[3].begin());
  m.instructions.push_back({3, {}, {3, 1, 0, 0, 0, 0, 0, 0, 0}});  // a millionth of a lamport for each unit
  const auto fee = [&] { return taken(payload(m), ed25519_key()).facts.movements.back().amount; };
  EXPECT_EQ(fee(), Amount(U256(5002)));  // 1.4 million units, rounded up
  m.instructions.push_back({3, {}, {2, 0xff, 0xff, 0xff, 0xff}});
  EXPECT_EQ(fee(), Amount(U256(5002)));
  m.instructions.back().data = {2, 1, 0, 0, 0};
  EXPECT_EQ(fee(), Amount(U256(5001)));
}

TEST(Solana, Tokens) {
  SolanaMessage m = transfer();
  const Bytes program = from_base58("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA").value();
  std::copy(program.begin(), program.end(), m.accounts[2].begin());
  m.accounts.insert(m.accounts.begin() + 1, {account(1), account(2), account(3)});  // source, mint, destination
  const std::uint8_t token = 5;
  const auto told = [&](Bytes accounts, Bytes data) {
    m.instructions = {{token, std::move(accounts), std::move(data)}};
    return lines(taken(payload(m), ed25519_key()).facts)[0];
  };
  const std::string me = to_base58(own()), to = to_base58(account(3)),
                    asset = kChain + "/token:" + to_base58(account(2));
  // Whose account the recipient is is not told; a delegate is whoever signs.
  EXPECT_EQ(told({1, 2, 3, 0}, {12, 9, 0, 0, 0, 0, 0, 0, 0, 6}),
            "transfer 9 " + asset + " " + me + " > " + to + " of unknown");
  EXPECT_EQ(told({1, 2, 3, 0}, {13, 9, 0, 0, 0, 0, 0, 0, 0, 6}), "allowance 9 " + asset + " " + me + " > " + to);
  EXPECT_EQ(told({1, 3, 0}, {3, 9, 0, 0, 0, 0, 0, 0, 0}), "transfer 9 unknown " + me + " > " + to + " of unknown");
  EXPECT_EQ(told({1, 3, 0}, {4, 9, 0, 0, 0, 0, 0, 0, 0}), "allowance 9 unknown " + me + " > " + to);
  for (const Bytes& data : {Bytes{6, 0}, Bytes{9}, Bytes{12, 9, 0, 0, 0, 0, 0, 0, 0}, Bytes{8, 9, 0, 0, 0, 0, 0, 0, 0}})
    EXPECT_EQ(told({1, 2, 3, 0}, data), "unknown unknown unknown unknown > unknown");
}

TEST(Solana, RefusesWithTheReason) {
  const auto with = [](auto change, const KeyFacts& key = ed25519_key()) {
    SolanaMessage m = transfer();
    change(m);
    return refused(payload(m), key);
  };
  const std::string bad = "payload_malformed /payload/base64: ";
  EXPECT_EQ(with([](auto&) {}), "");
  EXPECT_PREFIX(with([](auto& m) { m.required_signatures = 0; }), bad + "nobody signs");
  EXPECT_PREFIX(with([](auto& m) { m.readonly_signed = 1; }), bad + "the fee payer must be writable");
  EXPECT_PREFIX(with([](auto& m) { m.readonly_unsigned = 3; }), bad + "the header counts more");
  EXPECT_PREFIX(with([](auto& m) { m.accounts[1] = m.accounts[2]; }), bad + "an account is there twice");
  EXPECT_PREFIX(with([](auto& m) { m.instructions[0].program = 3; }), bad + "an instruction's program");
  EXPECT_PREFIX(with([](auto& m) { m.instructions[0].program = 0; }), bad + "an instruction's program");
  EXPECT_PREFIX(with([](auto& m) { m.instructions[0].accounts = {3}; }), bad + "an instruction names an account");
  EXPECT_PREFIX(with([](auto& m) { m.version = 1; }), bad + "the version must be");
  EXPECT_PREFIX(with([](auto& m) {
                  m.version = 0;
                  m.lookups = {{account(8), {}, {}}};
                }),
                bad + "an address table is looked up for nothing");
  EXPECT_PREFIX(with([](auto& m) {
                  m.version = 0;
                  m.lookups = {{account(8), Bytes(254), {}}};
                }),
                bad + "has more than 256");
  EXPECT_PREFIX(with([](auto& m) { m.instructions[0].data = Bytes(1200); }), bad + "is larger than a packet");
  EXPECT_PREFIX(with([](auto& m) { m.accounts[0] = account(6); }), "not_our_key /payload/base64");
  EXPECT_PREFIX(with([](auto& m) { std::swap(m.accounts[0], m.accounts[1]); }), "not_our_key /payload/base64");
  EXPECT_PREFIX(with([](auto&) {}, ed25519_key("m/0")), "not_our_key /payload/base64");
  EXPECT_PREFIX(with([](auto&) {}, ecdsa_key()), "algorithm_mismatch /payload/kind");
}

TEST(Solana, EveryCutAndChangeIsRefusedOrComesBack) {
  SolanaMessage m = transfer();
  m.version = 0;
  m.lookups = {{account(8), {3}, {4}}};
  for (const Bytes& good : {transfer().bytes(), m.bytes()}) {
    EXPECT_EQ(SolanaMessage::parse(good).bytes(), good);
    for (std::size_t size = 0; size < good.size(); ++size)
      EXPECT_THROW(SolanaMessage::parse(ByteView(good).first(size)), Malformed) << size;
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_THROW(SolanaMessage::parse(longer), Malformed);
    for (std::size_t i = 0; i < good.size(); ++i)
      for (unsigned change = 1; change < 256; change += 7) {
        Bytes changed = good;
        changed[i] = static_cast<std::uint8_t>(changed[i] ^ change);
        try {
          EXPECT_EQ(SolanaMessage::parse(changed).bytes(), changed);
        } catch (const Malformed&) {
        }
      }
  }
  // 1 as two bytes
  Bytes padded = transfer().bytes();
  padded[3] = 0x83;
  padded.insert(padded.begin() + 4, 0);
  EXPECT_THROW(SolanaMessage::parse(padded), Malformed);
}

}  // namespace
}  // namespace quorate::transactions

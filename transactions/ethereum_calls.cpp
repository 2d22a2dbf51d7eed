#include "transactions/ethereum_calls.h"

#include "base/limits.h"
#include "transactions/abi.h"

namespace quorate::transactions {
namespace {

// The calls that are understood, by the first four bytes of the Keccak-256 of their signatures.
enum class Known {
  no = 0,
  transfer,            // ERC-20
  approve,             // ERC-20, ERC-721
  transfer_from,       // ERC-20, ERC-721
  increase_allowance,  // OpenZeppelin's ERC-20
  decrease_allowance,
  permit,              // EIP-2612
  safe_transfer_from,  // ERC-721
  safe_transfer_from_data,
  set_approval_for_all,  // ERC-721, ERC-1155
  transfer_id,           // ERC-1155
  transfer_ids,
  exec_transaction,  // Safe
};
struct Selector {
  std::uint32_t selector;
  Known call;
  std::string_view signature;
};
constexpr Selector kSelectors[] = {
    {0xa9059cbb, Known::transfer, "transfer(address,uint256)"},
    {0x095ea7b3, Known::approve, "approve(address,uint256)"},
    {0x23b872dd, Known::transfer_from, "transferFrom(address,address,uint256)"},
    {0x39509351, Known::increase_allowance, "increaseAllowance(address,uint256)"},
    {0xa457c2d7, Known::decrease_allowance, "decreaseAllowance(address,uint256)"},
    {0xd505accf, Known::permit, "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"},
    {0x42842e0e, Known::safe_transfer_from, "safeTransferFrom(address,address,uint256)"},
    {0xb88d4fde, Known::safe_transfer_from_data, "safeTransferFrom(address,address,uint256,bytes)"},
    {0xa22cb465, Known::set_approval_for_all, "setApprovalForAll(address,bool)"},
    {0xf242432a, Known::transfer_id, "safeTransferFrom(address,address,uint256,uint256,bytes)"},
    {0x2eb2c2d6, Known::transfer_ids, "safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)"},
    {0x6a761202, Known::exec_transaction,
     "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)"},
};

Json add_call_at(Facts& facts, const EthCall& call, unsigned depth);

// The arguments of one call, read and told. Each function returns nullopt, and appends nothing, if the data are not
// that call.
class CallReader {
 public:
  CallReader(Facts& facts, const EthCall& call, unsigned depth)
      : facts_(facts), call_(call), depth_(depth), arguments_(ByteView(call.data).subspan(4)) {}

  std::optional<Json> read(Known known) {
    switch (known) {
      case Known::no:
        return std::nullopt;
      case Known::transfer:
        return transfer();
      case Known::approve:
        return approve();
      case Known::transfer_from:
        return transfer_from();
      case Known::increase_allowance:
        return increase_allowance();
      case Known::decrease_allowance:
        return decrease_allowance();
      case Known::permit:
        return permit();
      case Known::safe_transfer_from:
        return safe_transfer_from();
      case Known::safe_transfer_from_data:
        return safe_transfer_from_data();
      case Known::set_approval_for_all:
        return set_approval_for_all();
      case Known::transfer_id:
        return transfer_id();
      case Known::transfer_ids:
        return transfer_ids();
      case Known::exec_transaction:
        return exec_transaction();
    }
    return std::nullopt;
  }

 private:
  std::string fungible() const { return token_asset(facts_.chain, "erc20", call_.to); }
  std::string item(std::string_view standard, const U256& id) const {
    return token_asset(facts_.chain, standard, call_.to, id);
  }
  void move(MovementKind kind, std::string asset, const EthAddress& from, const EthAddress& to, Amount amount,
            std::string or_asset = "") {
    facts_.movements.push_back(
        {kind, std::move(asset), to_text(from), to_text(to), std::move(amount), std::move(or_asset)});
  }

  std::optional<Json> transfer() {
    AbiReader in(arguments_, 2);
    const EthAddress to = in.address();
    const U256 amount = in.number();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::transfer, fungible(), call_.from, to, amount);
    return Json{{"to", to_text(to)}, {"amount", to_decimal(amount)}};
  }

  std::optional<Json> approve() {
    AbiReader in(arguments_, 2);
    const EthAddress spender = in.address();
    const U256 amount = in.number();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::allowance, fungible(), call_.from, spender, amount, item("erc721", amount));
    return Json{{"spender", to_text(spender)}, {"amount_or_id", to_decimal(amount)}};
  }

  std::optional<Json> transfer_from() {
    AbiReader in(arguments_, 3);
    const EthAddress from = in.address(), to = in.address();
    const U256 amount = in.number();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::transfer, fungible(), from, to, amount, item("erc721", amount));
    return Json{{"from", to_text(from)}, {"to", to_text(to)}, {"amount_or_id", to_decimal(amount)}};
  }

  std::optional<Json> increase_allowance() {
    AbiReader in(arguments_, 2);
    const EthAddress spender = in.address();
    const U256 amount = in.number();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::allowance, fungible(), call_.from, spender, amount);
    return Json{{"spender", to_text(spender)}, {"added", to_decimal(amount)}};
  }

  std::optional<Json> decrease_allowance() {
    AbiReader in(arguments_, 2);
    const EthAddress spender = in.address();
    const U256 amount = in.number();
    if (!in.complete()) return std::nullopt;
    // The rest of the allowance stays; nothing is added to it.
    move(MovementKind::allowance, fungible(), call_.from, spender, U256(0));
    return Json{{"spender", to_text(spender)}, {"removed", to_decimal(amount)}};
  }

  std::optional<Json> permit() {
    AbiReader in(arguments_, 7);
    const EthAddress owner = in.address(), spender = in.address();
    const U256 amount = in.number(), deadline = in.number();
    in.number(8);
    in.number();
    in.number();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::allowance, fungible(), owner, spender, amount);
    return Json{{"owner", to_text(owner)},
                {"spender", to_text(spender)},
                {"amount", to_decimal(amount)},
                {"deadline", to_decimal(deadline)}};
  }

  std::optional<Json> safe_transfer_from() {
    AbiReader in(arguments_, 3);
    const EthAddress from = in.address(), to = in.address();
    const U256 id = in.number();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::transfer, item("erc721", id), from, to, U256(1));
    return Json{{"from", to_text(from)}, {"to", to_text(to)}, {"id", to_decimal(id)}};
  }

  std::optional<Json> safe_transfer_from_data() {
    AbiReader in(arguments_, 4);
    const EthAddress from = in.address(), to = in.address();
    const U256 id = in.number();
    const Bytes data = in.bytes();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::transfer, item("erc721", id), from, to, U256(1));
    return Json{{"from", to_text(from)}, {"to", to_text(to)}, {"id", to_decimal(id)}, {"data", to_0x(data)}};
  }

  std::optional<Json> set_approval_for_all() {
    AbiReader in(arguments_, 2);
    const EthAddress spender = in.address();
    const bool approved = in.boolean();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::allowance, token_asset(facts_.chain, "erc721", call_.to), call_.from, spender,
         approved ? Amount::unknown() : Amount(U256(0)), token_asset(facts_.chain, "erc1155", call_.to));
    return Json{{"operator", to_text(spender)}, {"approved", approved ? "true" : "false"}};
  }

  std::optional<Json> transfer_id() {
    AbiReader in(arguments_, 5);
    const EthAddress from = in.address(), to = in.address();
    const U256 id = in.number(), amount = in.number();
    const Bytes data = in.bytes();
    if (!in.complete()) return std::nullopt;
    move(MovementKind::transfer, item("erc1155", id), from, to, amount);
    return Json{{"from", to_text(from)},
                {"to", to_text(to)},
                {"id", to_decimal(id)},
                {"amount", to_decimal(amount)},
                {"data", to_0x(data)}};
  }

  std::optional<Json> transfer_ids() {
    AbiReader in(arguments_, 5);
    const EthAddress from = in.address(), to = in.address();
    const std::vector<U256> ids = in.numbers(), amounts = in.numbers();
    const Bytes data = in.bytes();
    if (!in.complete() || ids.size() != amounts.size() || ids.size() > limits::kMaxMovements) return std::nullopt;
    Json list = Json::array();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      move(MovementKind::transfer, item("erc1155", ids[i]), from, to, amounts[i]);
      list.push_back({{"id", to_decimal(ids[i])}, {"amount", to_decimal(amounts[i])}});
    }
    return Json{{"from", to_text(from)}, {"to", to_text(to)}, {"items", std::move(list)}, {"data", to_0x(data)}};
  }

  std::optional<Json> exec_transaction() {
    AbiReader in(arguments_, 10);
    SafeTransaction tx;
    tx.safe = call_.to;
    tx.to = in.address();
    tx.value = in.number();
    tx.data = in.bytes();
    tx.operation = static_cast<std::uint8_t>(in.number(1));
    in.number();  // safeTxGas
    in.number();  // baseGas
    tx.gas_price = in.number();
    tx.gas_token = in.address();
    tx.refund_receiver = in.address();
    in.bytes();  // signatures
    if (!in.complete() || depth_ >= limits::kMaxInnerCalls) return std::nullopt;
    return add_safe_transaction(facts_, tx, depth_);
  }

  Facts& facts_;
  const EthCall& call_;
  unsigned depth_;
  ByteView arguments_;
};

Json add_call_at(Facts& facts, const EthCall& call, unsigned depth) {
  if (call.value != 0 || call.data.empty())
    facts.movements.push_back(
        {MovementKind::transfer, native_asset(facts.chain), to_text(call.from), to_text(call.to), call.value, ""});
  if (call.data.empty()) {
    facts.calls.push_back({to_text(call.to), "", "none"});
    return Json{{"name", "none"}};
  }
  const std::size_t index = facts.calls.size();
  const std::string selector = to_0x(ByteView(call.data).first(std::min<std::size_t>(4, call.data.size())));
  facts.calls.push_back({to_text(call.to), selector, std::string(kUnknown)});
  if (call.data.size() >= 4) {
    const auto number = static_cast<std::uint32_t>(from_big_endian(ByteView(call.data).first(4)));
    for (const Selector& known : kSelectors) {
      if (known.selector != number) continue;
      auto arguments = CallReader(facts, call, depth).read(known.call);
      if (!arguments) {
        if (known.call == Known::exec_transaction) facts.calls.emplace_back();  // it hides another call
        break;
      }
      facts.calls[index].name = known.signature;
      return Json{{"name", known.signature}, {"arguments", std::move(*arguments)}};
    }
  }
  facts.movements.push_back(Movement{});
  return Json{{"name", kUnknown}};
}

}  // namespace

Json add_call(Facts& facts, const EthCall& call) { return add_call_at(facts, call, 0); }

Json add_safe_transaction(Facts& facts, const SafeTransaction& tx, unsigned depth) {
  Json out{{"safe", to_text(tx.safe)},
           {"to", to_text(tx.to)},
           {"value", to_decimal(tx.value)},
           {"data", to_0x(tx.data)},
           {"operation", tx.operation == 0 ? "call" : "delegatecall"}};
  if (tx.operation == 0) {
    out["inner"] = add_call_at(facts, {tx.safe, tx.to, tx.value, tx.data}, depth + 1);
  } else {
    const std::string selector = to_0x(ByteView(tx.data).first(std::min<std::size_t>(4, tx.data.size())));
    facts.calls.push_back({to_text(tx.to), tx.data.empty() ? "" : selector, std::string(kUnknown)});
    facts.calls.emplace_back();  // its code calls as the Safe
    facts.movements.emplace_back();
    out["inner"] = Json{{"name", kUnknown}};
  }
  if (tx.gas_price != 0) {
    // The Safe pays whoever executes, in a token of its choice; how much depends on the gas that is used.
    const bool anybody = tx.refund_receiver == EthAddress{};
    const bool native = tx.gas_token == EthAddress{};
    facts.movements.push_back(
        {MovementKind::transfer, native ? native_asset(facts.chain) : token_asset(facts.chain, "erc20", tx.gas_token),
         to_text(tx.safe), anybody ? std::string(kUnknown) : to_text(tx.refund_receiver), Amount::unknown(), ""});
    out["gas_price"] = to_decimal(tx.gas_price);
  }
  return out;
}

std::string native_asset(const std::string& chain) {
  return chain == kUnknown ? std::string(kUnknown) : chain + "/slip44:60";
}

std::string token_asset(const std::string& chain, std::string_view standard, const EthAddress& contract) {
  if (chain == kUnknown) return std::string(kUnknown);
  return chain + "/" + std::string(standard) + ":" + to_text(contract);
}

std::string token_asset(const std::string& chain, std::string_view standard, const EthAddress& contract,
                        const U256& id) {
  const std::string asset = token_asset(chain, standard, contract);
  return asset == kUnknown ? asset : asset + "/" + to_decimal(id);
}

}  // namespace quorate::transactions

#include "transactions/typed_data_facts.h"

#include "base/limits.h"
#include "transactions/ethereum_calls.h"
#include "transactions/json_values.h"

namespace quorate::transactions {
namespace {

// The same address on every chain (github.com/Uniswap/permit2).
constexpr std::string_view kPermit2 = "0x000000000022d473030f116ddee9f6b43ac78ba3";

// The types that are understood, by their encodeType.
constexpr std::string_view kPermit =
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";  // EIP-2612
constexpr std::string_view kDaiPermit =
    "Permit(address holder,address spender,uint256 nonce,uint256 expiry,bool allowed)";
constexpr std::string_view kTransferWithAuthorization =  // EIP-3009
    "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 "
    "nonce)";
constexpr std::string_view kReceiveWithAuthorization =
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 "
    "nonce)";
constexpr std::string_view kPermitSingle =
    "PermitSingle(PermitDetails details,address spender,uint256 sigDeadline)"
    "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
constexpr std::string_view kPermitBatch =
    "PermitBatch(PermitDetails[] details,address spender,uint256 sigDeadline)"
    "PermitDetails(address token,uint160 amount,uint48 expiration,uint48 nonce)";
constexpr std::string_view kPermitTransferFrom =
    "PermitTransferFrom(TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline)"
    "TokenPermissions(address token,uint256 amount)";
constexpr std::string_view kPermitBatchTransferFrom =
    "PermitBatchTransferFrom(TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline)"
    "TokenPermissions(address token,uint256 amount)";
constexpr std::string_view kSafeTx =
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    "address gasToken,address refundReceiver,uint256 nonce)";

// TypedData has checked the values against their types: these cannot fail.
EthAddress address(const Json& value) { return address_value(value, ""); }
U256 number(const Json& value) { return quantity(value, ""); }

// Values as facts: booleans and numbers as the texts they are written with.
Json as_texts(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  if (!value.is_structured()) return value;
  Json out = value;
  for (Json& member : out) member = as_texts(member);
  return out;
}

Domain domain_of(const Json& json) {
  Domain out;
  const auto text = [&](const char* name) -> std::optional<std::string> {
    if (!json.contains(name)) return std::nullopt;
    return json[name].get<std::string>();
  };
  out.name = text("name");
  out.version = text("version");
  if (json.contains("chainId")) out.chain_id = to_decimal(number(json["chainId"]));
  if (json.contains("verifyingContract")) out.verifying_contract = to_text(address(json["verifyingContract"]));
  if (json.contains("salt")) out.salt = to_0x(hex_32(json["salt"], ""));
  return out;
}

// Appends what the message allows at its verifying contract; false: it is not one that is understood.
bool add_movements(Facts& facts, const std::string& type, const EthAddress& contract, const Json& message) {
  const auto add = [&](MovementKind kind, const EthAddress& token, std::string from, const EthAddress& to,
                       Amount amount) {
    facts.movements.push_back(
        {kind, token_asset(facts.chain, "erc20", token), std::move(from), to_text(to), std::move(amount), ""});
  };
  if (type == kPermit) {
    add(MovementKind::allowance, contract, to_text(address(message["owner"])), address(message["spender"]),
        number(message["value"]));
    return true;
  }
  if (type == kDaiPermit) {
    const Amount amount = message["allowed"].get<bool>() ? std::numeric_limits<U256>::max() : U256(0);
    add(MovementKind::allowance, contract, to_text(address(message["holder"])), address(message["spender"]), amount);
    return true;
  }
  if (type == kTransferWithAuthorization || type == kReceiveWithAuthorization) {
    add(MovementKind::transfer, contract, to_text(address(message["from"])), address(message["to"]),
        number(message["value"]));
    return true;
  }
  if (type == kSafeTx) {
    facts.details["safe_transaction"] =
        add_safe_transaction(facts,
                             {contract, address(message["to"]), number(message["value"]),
                              hex_bytes(message["data"], "", limits::kMaxSignedBytes),
                              static_cast<std::uint8_t>(number(message["operation"])), number(message["gasPrice"]),
                              address(message["gasToken"]), address(message["refundReceiver"])},
                             0);
    return true;
  }
  if (to_text(contract) != kPermit2) return false;
  // Permit2 takes from whoever signed: our own account.
  const auto add_permit2 = [&](const Json& token) {
    add(MovementKind::allowance, address(token["token"]), facts.details["signer"].get<std::string>(),
        address(message["spender"]), number(token["amount"]));
  };
  if (type == kPermitSingle) {
    add_permit2(message["details"]);
    return true;
  }
  if (type == kPermitTransferFrom) {
    add_permit2(message["permitted"]);
    return true;
  }
  if (type == kPermitBatch || type == kPermitBatchTransferFrom) {
    const Json& list = message[type == kPermitBatch ? "details" : "permitted"];
    for (const Json& token : list) add_permit2(token);
    return !list.empty();
  }
  return false;
}

}  // namespace

Facts facts_of(const TypedData& document, const std::string& signer) {
  Facts facts;
  facts.type = "eth_typed_data";
  facts.domain = domain_of(document.domain());
  if (facts.domain->chain_id) facts.chain = "eip155:" + *facts.domain->chain_id;
  facts.details["signer"] = signer;
  facts.details["primary_type"] = document.primary_type();
  facts.details["encoded_type"] = document.primary_encoding();
  facts.details["domain_separator"] = to_0x(document.domain_separator());
  facts.details["message"] = as_texts(document.message());
  const bool known = facts.domain->verifying_contract &&
                     add_movements(facts, document.primary_encoding(), address(document.domain()["verifyingContract"]),
                                   document.message());
  if (!known) facts.movements.push_back(Movement{});
  return facts;
}

}  // namespace quorate::transactions

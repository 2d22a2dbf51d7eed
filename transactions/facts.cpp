#include "transactions/facts.h"

namespace quorate::transactions {

std::string_view decoder_version(std::string_view kind) {
  for (const std::string_view changed :
       {"eth_message", "eth_transaction", "eth_typed_data", "btc_psbt", "solana_transaction"})
    if (kind == changed) return "3";
  return kNoFactsVersion;
}

std::string_view name_of(MovementKind kind) {
  switch (kind) {
    case MovementKind::unknown:
      return kUnknown;
    case MovementKind::transfer:
      return "transfer";
    case MovementKind::fee:
      return "fee";
    case MovementKind::allowance:
      return "allowance";
  }
  return kUnknown;
}

Json to_json(const Facts& facts) {
  Json out{{"type", facts.type},     {"chain", facts.chain}, {"movements", Json::array()},
           {"calls", Json::array()}, {"paths", facts.paths}, {"details", facts.details}};
  for (const Movement& m : facts.movements) {
    Json movement{
        {"kind", name_of(m.kind)}, {"asset", m.asset}, {"from", m.from}, {"to", m.to}, {"amount", m.amount.text()}};
    if (!m.or_asset.empty()) movement["or_asset"] = m.or_asset;
    if (!m.to_owner.empty()) movement["to_owner"] = m.to_owner;
    out["movements"].push_back(std::move(movement));
  }
  for (const Call& call : facts.calls)
    out["calls"].push_back({{"contract", call.contract}, {"selector", call.selector}, {"name", call.name}});
  if (facts.domain) {
    Json domain = Json::object();
    const auto put = [&](const char* name, const std::optional<std::string>& value) {
      if (value) domain[name] = *value;
    };
    put("name", facts.domain->name);
    put("version", facts.domain->version);
    put("chain_id", facts.domain->chain_id);
    put("verifying_contract", facts.domain->verifying_contract);
    put("salt", facts.domain->salt);
    out["domain"] = std::move(domain);
  }
  if (!facts.sighashes.empty()) out["sighashes"] = facts.sighashes;
  return out;
}

}  // namespace quorate::transactions

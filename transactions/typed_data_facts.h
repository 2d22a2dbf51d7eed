// What a signature of typed data allows: permits, authorised transfers, Safe transactions. Any other type is an unknown
// movement.
#pragma once
#include "transactions/facts.h"
#include "transactions/typed_data.h"

namespace quorate::transactions {

// Type, chain, domain, movements, calls and details of the document, signed by the account `signer`.
Facts facts_of(const TypedData& document, const std::string& signer);

}  // namespace quorate::transactions

// Segregated witness addresses: bech32 (BIP-173) for version 0, bech32m (BIP-350) for the later ones.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace quorate::transactions {

struct WitnessProgram {
  unsigned version = 0;  // 0 … 16
  Bytes program;         // 2 to 40 bytes; 20 or 32 for version 0
  friend bool operator==(const WitnessProgram&, const WitnessProgram&) = default;
};

std::string to_segwit_address(std::string_view prefix, const WitnessProgram& program);  // lower case
// In one case; nullopt for another prefix, a wrong checksum, or padding that is not zero.
std::optional<WitnessProgram> from_segwit_address(std::string_view prefix, std::string_view address);

// BIP-380's checksum of an output descriptor: eight characters.
std::optional<std::string> descriptor_checksum(std::string_view descriptor);

}  // namespace quorate::transactions

// The pads of a column: the tweakable circular correlation-robust hash of ePrint 2019/074 from fixed-key AES, in the
// ideal-cipher model, with a key of its own per session and ordered pair (docs/ecdsa.md, Vector OLE, step 1).
#pragma once
#include "base/secret.h"
#include "crypto/ot/aes.h"
#include "crypto/ot/extension.h"
#include "crypto/ot/inner_product.h"

namespace quorate::ot {

inline constexpr std::size_t kPadBlocks = 2 * kOutputs;

// The pads of one instance's ξ columns.
class Pads {
 public:
  // columns: ξ blocks w, which stand for columns `first`, `first` + 1, …: H(w, j, 0) ‖ … ‖ H(w, j, 5) each.
  Pads(FixedKeyAes& pi, std::span<const Block> columns, std::size_t first);
  // Number i of three, as 256 bits that are to be taken mod q.
  Limbs number(std::size_t column, std::size_t i) const {
    return limbs::load(blocks_[column * kPadBlocks + 2 * i].data());
  }

 private:
  Columns blocks_;
};

}  // namespace quorate::ot

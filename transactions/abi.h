// Solidity's contract ABI, strictly: padding is zero or the value is out of range, tails follow each other in order,
// nothing follows the last. What does not fit is no error: the data are then not this call.
#pragma once
#include <string_view>
#include <vector>

#include "transactions/amount.h"
#include "transactions/ethereum_address.h"

namespace quorate::transactions {

class AbiReader {
 public:
  AbiReader(ByteView arguments, std::size_t head_words) : data_(arguments), tail_(32 * head_words) {}

  U256 number(unsigned bits = 256);
  EthAddress address();
  bool boolean() { return number(1) == 1; }
  Bytes bytes();                // dynamic
  std::vector<U256> numbers();  // uint256[]
  // Whether everything read was well-formed and all of the data has been read. Until it says so no value means
  // anything.
  bool complete() const { return good_ && head_ <= tail_ && tail_ == data_.size(); }

 private:
  ByteView word(std::size_t at);  // 32 bytes; zeros and !good_ past the end
  U256 number_at(std::size_t at, unsigned bits);
  std::size_t open_tail(
      std::size_t unit);  // reads the offset and the count of a dynamic value; moves tail_ to its first byte

  ByteView data_;
  std::size_t head_ = 0, tail_ = 0;
  bool good_ = true;
};

// A function as its selector is made of it: "transfer(address,uint256)", a struct as the tuple of its members. No
// spaces, no names of parameters, no second names of types ("uint").
bool is_function_signature(std::string_view text);

}  // namespace quorate::transactions

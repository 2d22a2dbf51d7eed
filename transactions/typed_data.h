// EIP-712: typed data as JSON, checked against its types, and hashed.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "transactions/amount.h"

namespace quorate::transactions {

class TypedData {
 public:
  // {"types": {…}, "primaryType": "…", "domain": {…}, "message": {…}}. Throws JsonError: members that no type names,
  // values out of their type's range, types that are not defined. Types that nothing uses are allowed.
  TypedData(const Json& document, const std::string& pointer);

  // Keccak-256("\x19\x01" ‖ domainSeparator ‖ hashStruct(message))
  Digest digest() const;
  Digest domain_separator() const { return domain_separator_; }
  Digest message_hash() const { return message_hash_; }

  const std::string& primary_type() const { return primary_type_; }
  // encodeType of the primary type: "Mail(Person from,…)Person(…)". Equal texts mean equal types.
  const std::string& primary_encoding() const { return primary_encoding_; }
  const Json& domain() const { return domain_; }
  const Json& message() const { return message_; }

 private:
  struct Field {
    std::string name, type;
  };
  using Struct = std::vector<Field>;

  void read_types(const Json& types, const std::string& pointer);
  void read_domain_type(const std::string& types_pointer);
  void expect_defined(const std::string& type, const std::string& pointer) const;
  const std::string& encode_type(const std::string& name);
  Digest hash_struct(const std::string& name, const Json& value, const std::string& pointer);
  Bytes32 encode_value(std::string_view type, const Json& value, const std::string& pointer);

  std::map<std::string, Struct, std::less<>> types_;
  std::map<std::string, std::string> encodings_;  // of types; filled as they are used
  std::map<std::string, Digest> type_hashes_;
  std::string primary_type_, primary_encoding_;
  const Json& domain_;
  const Json& message_;
  Digest domain_separator_{}, message_hash_{};
};

// address, bool, string, bytes, bytesN, intN, uintN: nothing that is only another name of one.
bool is_atomic_type(std::string_view type);

}  // namespace quorate::transactions

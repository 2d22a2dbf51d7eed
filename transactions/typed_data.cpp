#include "transactions/typed_data.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/limits.h"
#include "transactions/json_values.h"
#include "transactions/keccak.h"

namespace quorate::transactions {
namespace {

constexpr std::string_view kDomainType = "EIP712Domain";

bool is_identifier(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
  };
  if (text.empty() || text.size() > limits::kMaxTypeName || !is_letter(text[0])) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

// The number after "uint", "int" or "bytes"; 0 if it is none without leading zeros.
unsigned width(std::string_view digits) {
  if (digits.empty() || digits.size() > 5 || digits[0] == '0') return 0;
  unsigned n = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return 0;
    n = 10 * n + static_cast<unsigned>(c - '0');
  }
  return n;
}

struct Atomic {
  enum class Kind { none = 0, address, boolean, text, bytes, fixed_bytes, uint, sint } kind = Kind::none;
  unsigned size = 0;  // bits of integers, bytes of fixed_bytes
};

Atomic atomic(std::string_view type) {
  using Kind = Atomic::Kind;
  const auto integer = [](Kind kind, unsigned bits) {
    return bits % 8 == 0 && bits >= 8 && bits <= 256 ? Atomic{kind, bits} : Atomic{};
  };
  if (type == "address") return {Kind::address};
  if (type == "bool") return {Kind::boolean};
  if (type == "string") return {Kind::text};
  if (type == "bytes") return {Kind::bytes};
  if (type.starts_with("uint")) return integer(Kind::uint, width(type.substr(4)));
  if (type.starts_with("int")) return integer(Kind::sint, width(type.substr(3)));
  if (type.starts_with("bytes")) {
    const unsigned size = width(type.substr(5));
    return size >= 1 && size <= 32 ? Atomic{Kind::fixed_bytes, size} : Atomic{};
  }
  return {};
}

// Names that no struct may take, since readers of the type would be misled: atomic types, and what looks like one.
bool is_reserved(std::string_view name) {
  return atomic(name).kind != Atomic::Kind::none || name == "uint" || name == "int" || name == "byte" ||
         name == "function";
}

// "T[3][]" is an array of "T[3]".
struct ArrayType {
  std::string_view element;
  std::optional<std::size_t> size;
};
std::optional<ArrayType> array_type(std::string_view type) {
  if (!type.ends_with("]")) return std::nullopt;
  const auto open = type.rfind('[');
  if (open == std::string_view::npos) return std::nullopt;
  const std::string_view digits = type.substr(open + 1, type.size() - open - 2);
  ArrayType out{type.substr(0, open), std::nullopt};
  if (digits.empty()) return out;
  const unsigned n = width(digits);
  if (n == 0) return std::nullopt;
  out.size = n;
  return out;
}

std::string_view innermost(std::string_view type) {
  for (std::size_t i = 0; i < limits::kMaxArrayDimensions; ++i) {
    const auto array = array_type(type);
    if (!array) break;
    type = array->element;
  }
  return type;
}

U256 signed_value(const Json& value, unsigned bits, const std::string& pointer) {
  bool negative = false;
  U256 magnitude;
  if (value.is_number_integer() && value.get<std::int64_t>() < 0) {
    negative = true;
    magnitude = U256(-value.get<std::int64_t>());  // parse_json lets no number below −2^53 through
  } else if (value.is_string() && value.get_ref<const std::string&>().starts_with("-")) {
    negative = true;
    const auto digits = from_decimal(std::string_view(value.get_ref<const std::string&>()).substr(1));
    if (!digits || *digits == 0) throw JsonError(pointer, "must be a decimal number");
    magnitude = *digits;
  } else {
    magnitude = quantity(value, pointer);
  }
  const U256 bound = U256(1) << (bits - 1);
  if (negative ? magnitude > bound : magnitude >= bound)
    throw JsonError(pointer, "does not fit in int" + std::to_string(bits));
  return negative ? U256(0) - magnitude : magnitude;  // two's complement: U256 wraps
}

}  // namespace

TypedData::TypedData(const Json& document, const std::string& pointer)
    : domain_([&]() -> const Json& { return JsonObject(document, pointer).object("domain"); }()),
      message_([&]() -> const Json& { return JsonObject(document, pointer).object("message"); }()) {
  JsonObject in(document, pointer);
  read_types(in.object("types"), in.pointer("types"));
  primary_type_ = in.text("primaryType", 1, limits::kMaxTypeName);
  in.object("domain");
  in.object("message");
  in.expect_no_more();
  read_domain_type(in.pointer("types"));
  if (primary_type_ == kDomainType) in.fail("primaryType", "must not be EIP712Domain");
  if (!types_.contains(primary_type_)) in.fail("primaryType", "is not one of the types");
  primary_encoding_ = encode_type(primary_type_);
  domain_separator_ = hash_struct(std::string(kDomainType), domain_, in.pointer("domain"));
  message_hash_ = hash_struct(primary_type_, message_, in.pointer("message"));
}

Digest TypedData::digest() const {
  Bytes text{0x19, 0x01};
  text.insert(text.end(), domain_separator_.begin(), domain_separator_.end());
  text.insert(text.end(), message_hash_.begin(), message_hash_.end());
  return keccak256(text);
}

void TypedData::read_types(const Json& types, const std::string& pointer) {
  if (types.size() > limits::kMaxTypedDataTypes) throw JsonError(pointer, "has too many types");
  for (const auto& [name, fields] : types.items()) {
    const std::string where = pointer + "/" + pointer_escape(name);
    if (!is_identifier(name)) throw JsonError(where, "is not a name of a type");
    if (is_reserved(name)) throw JsonError(where, "is the name of an atomic type");
    if (!fields.is_array()) throw JsonError(where, "must be a list of fields");
    if (fields.size() > limits::kMaxTypedDataFields) throw JsonError(where, "has too many fields");
    Struct out;
    std::set<std::string> names;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      JsonObject in(fields[i], where + "/" + std::to_string(i));
      Field field{in.text("name", 1, limits::kMaxTypeName), in.text("type", 1, 2 * limits::kMaxTypeName)};
      in.expect_no_more();
      if (!is_identifier(field.name)) in.fail("name", "is not a name");
      if (!names.insert(field.name).second) in.fail("name", "is there twice");
      out.push_back(std::move(field));
    }
    types_.emplace(name, std::move(out));
  }
  for (const auto& [name, fields] : types_)
    for (std::size_t i = 0; i < fields.size(); ++i)
      expect_defined(fields[i].type, pointer + "/" + pointer_escape(name) + "/" + std::to_string(i) + "/type");
}

void TypedData::expect_defined(const std::string& type, const std::string& pointer) const {
  const std::string inner(innermost(type));
  if (atomic(inner).kind == Atomic::Kind::none && (!types_.contains(inner) || inner == kDomainType))
    throw JsonError(pointer, "is not a type that is defined");
}

// The domain's type follows from its members; where the document gives it, it must be that.
void TypedData::read_domain_type(const std::string& types_pointer) {
  static const Struct kFields{{"name", "string"},
                              {"version", "string"},
                              {"chainId", "uint256"},
                              {"verifyingContract", "address"},
                              {"salt", "bytes32"}};
  Struct present;
  for (const Field& field : kFields)
    if (domain_.contains(field.name)) present.push_back(field);
  const auto given = types_.find(kDomainType);
  if (given != types_.end()) {
    const auto same = [](const Field& a, const Field& b) { return a.name == b.name && a.type == b.type; };
    if (!std::equal(given->second.begin(), given->second.end(), present.begin(), present.end(), same))
      throw JsonError(types_pointer + "/EIP712Domain",
                      "must list exactly the members of the domain, of name, version, chainId, verifyingContract, "
                      "salt, in this order");
  }
  types_.insert_or_assign(std::string(kDomainType), std::move(present));
}

const std::string& TypedData::encode_type(const std::string& name) {
  const auto known = encodings_.find(name);
  if (known != encodings_.end()) return known->second;
  std::set<std::string> used;
  std::vector<std::string> todo{name};
  while (!todo.empty()) {
    const std::string next = std::move(todo.back());
    todo.pop_back();
    if (!used.insert(next).second) continue;
    for (const Field& field : types_.at(next)) {
      std::string inner(innermost(field.type));
      if (types_.contains(inner)) todo.push_back(std::move(inner));
    }
  }
  std::string out;
  const auto append = [&](const std::string& type) {
    out += type + "(";
    bool first = true;
    for (const Field& field : types_.at(type)) {
      if (!first) out += ",";
      first = false;
      out += field.type + " " + field.name;
    }
    out += ")";
  };
  append(name);
  used.erase(name);
  for (const std::string& type : used) append(type);  // EIP-712: the others sorted by name
  type_hashes_[name] = keccak256(out);
  return encodings_[name] = std::move(out);
}

Digest TypedData::hash_struct(const std::string& name, const Json& value, const std::string& pointer) {
  JsonObject in(value, pointer);
  encode_type(name);
  const Digest& type_hash = type_hashes_.at(name);
  Bytes text(type_hash.begin(), type_hash.end());
  for (const Field& field : types_.at(name)) {
    const Bytes32 encoded = encode_value(field.type, in.any(field.name), in.pointer(field.name));
    text.insert(text.end(), encoded.begin(), encoded.end());
  }
  in.expect_no_more();
  return keccak256(text);
}

Bytes32 TypedData::encode_value(std::string_view type, const Json& value, const std::string& pointer) {
  if (const auto array = array_type(type)) {
    if (!value.is_array()) throw JsonError(pointer, "must be a list");
    if (array->size && value.size() != *array->size)
      throw JsonError(pointer, "must have " + std::to_string(*array->size) + " elements");
    Bytes text;
    text.reserve(32 * value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Bytes32 element = encode_value(array->element, value[i], pointer + "/" + std::to_string(i));
      text.insert(text.end(), element.begin(), element.end());
    }
    return keccak256(text);
  }
  const Atomic kind = atomic(type);
  switch (kind.kind) {
    case Atomic::Kind::none:
      return hash_struct(std::string(type), value, pointer);
    case Atomic::Kind::address: {
      const EthAddress address = address_value(value, pointer);
      Bytes32 out{};
      std::copy(address.begin(), address.end(), out.begin() + 12);
      return out;
    }
    case Atomic::Kind::boolean:
      if (!value.is_boolean()) throw JsonError(pointer, "must be true or false");
      return to_big_endian(value.get<bool>() ? 1 : 0);
    case Atomic::Kind::text:
      if (!value.is_string()) throw JsonError(pointer, "must be a string");
      return keccak256(std::string_view(value.get_ref<const std::string&>()));
    case Atomic::Kind::bytes:
      return keccak256(hex_bytes(value, pointer, limits::kMaxSignedBytes));
    case Atomic::Kind::fixed_bytes: {
      const Bytes bytes = hex_bytes(value, pointer, kind.size);
      if (bytes.size() != kind.size) throw JsonError(pointer, "must be " + std::to_string(kind.size) + " bytes");
      Bytes32 out{};
      std::copy(bytes.begin(), bytes.end(), out.begin());
      return out;
    }
    case Atomic::Kind::uint: {
      const U256 number = quantity(value, pointer);
      if (kind.size < 256 && (number >> kind.size) != 0)
        throw JsonError(pointer, "does not fit in uint" + std::to_string(kind.size));
      return to_big_endian(number);
    }
    case Atomic::Kind::sint:
      return to_big_endian(signed_value(value, kind.size, pointer));
  }
  return {};
}

bool is_atomic_type(std::string_view type) { return atomic(type).kind != Atomic::Kind::none; }

}  // namespace quorate::transactions

// The wire: one codec, derived from `fields`. Big-endian, canonical, no optionals, no maps, strict end.
//
//   struct Opening {
//     static constexpr std::string_view tag = "dkg/opening/1";   // messages only; nested structs have none
//     Digest blind{};
//     Bounded<Point<C>, kMaxThreshold> F;
//     static auto fields(auto& m) { return std::tie(m.blind, m.F); }
//   };
//
// Leaves: unsigned integers, bool, byte arrays, Bounded bytes, Secret<…>, and any type with its own fixed-size coding (WireLeaf:
// scalars, points, party ids), which throws Malformed for a value that is not allowed. A struct whose fields must fit together has
// `void validate_decoded() const`, which throws Malformed.
#pragma once
#include <concepts>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "base/bytes.h"
#include "base/secret.h"

namespace quorate {

// What came in is not a canonical encoding. The text names the rule that was broken, never the bytes.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// At most Max elements; the count is checked against the bytes that are left before anything is allocated.
template <class T, std::size_t Max, class Allocator = std::allocator<T>> struct Bounded : std::vector<T, Allocator> {
  using std::vector<T, Allocator>::vector;
  static constexpr std::size_t max_count = Max;
  friend bool operator==(const Bounded&, const Bounded&) = default;
};
template <std::size_t Max> using BoundedBytes = Bounded<std::uint8_t, Max>;
template <std::size_t Max> using BoundedSecretBytes = Bounded<std::uint8_t, Max, WipingAllocator<std::uint8_t>>;

// Text of at most Max bytes of UTF-8.
template <std::size_t Max> struct BoundedText {
  std::string text;
  static constexpr std::size_t max_count = Max;
  BoundedText() = default;
  BoundedText(std::string s) : text(std::move(s)) {}
  BoundedText(const char* s) : text(s) {}
  operator const std::string&() const { return text; }
  friend bool operator==(const BoundedText&, const BoundedText&) = default;
};

namespace wire {

template <class T> struct is_array : std::false_type {};
template <class T, std::size_t N> struct is_array<std::array<T, N>> : std::true_type {};
template <class T> struct is_bounded : std::false_type {};
template <class T, std::size_t N, class A> struct is_bounded<Bounded<T, N, A>> : std::true_type {};
template <class T> struct is_text : std::false_type {};
template <std::size_t N> struct is_text<BoundedText<N>> : std::true_type {};
template <class T> struct is_secret : std::false_type {};
template <class T> struct is_secret<Secret<T>> : std::true_type {};

template <class T>
concept Struct = requires(T& t) { T::fields(t); };
template <class T>
concept Message = Struct<T> && requires { { T::tag } -> std::convertible_to<std::string_view>; };
// A type with a coding of its own: `wire_size` bytes; wire_get throws Malformed.
template <class T>
concept Leaf = requires(const T& t, std::uint8_t* out, ByteView in) {
  { T::wire_size } -> std::convertible_to<std::size_t>;
  { t.wire_put(out) } -> std::same_as<void>;
  { T::wire_get(in) } -> std::same_as<T>;
};
template <class T> constexpr bool is_byte = std::is_same_v<T, std::uint8_t>;

// The smallest or largest encoding of T, so that counts and mailbox slots are bounded before anything arrives.
template <class T> constexpr std::size_t size_of(bool largest) {
  if constexpr (std::is_same_v<T, bool>) return 1;
  else if constexpr (std::is_unsigned_v<T>) return sizeof(T);
  else if constexpr (Leaf<T>) return T::wire_size;
  else if constexpr (is_secret<T>::value) return size_of<std::remove_cvref_t<decltype(std::declval<T&>().expose())>>(largest);
  else if constexpr (is_array<T>::value) return std::tuple_size_v<T> * size_of<typename T::value_type>(largest);
  else if constexpr (is_text<T>::value) return 4 + (largest ? T::max_count : 0);
  else if constexpr (is_bounded<T>::value) return 4 + (largest ? T::max_count * size_of<typename T::value_type>(true) : 0);
  else
    return []<class... F>(std::type_identity<std::tuple<F&...>>, bool big) {
      return (std::size_t{0} + ... + size_of<F>(big));
    }(std::type_identity<decltype(T::fields(std::declval<T&>()))>{}, largest);
}
template <class T> constexpr std::size_t max_size = size_of<T>(true);

// The exact size of one value.
template <class T> std::size_t encoded_size(const T& v) {
  if constexpr (is_text<T>::value) return 4 + v.text.size();
  else if constexpr (is_bounded<T>::value) {
    if constexpr (is_byte<typename T::value_type>) return 4 + v.size();
    else {
      std::size_t n = 4;
      for (const auto& e : v) n += encoded_size(e);
      return n;
    }
  } else if constexpr (is_array<T>::value) {
    if constexpr (is_byte<typename T::value_type>) return v.size();
    else {
      std::size_t n = 0;
      for (const auto& e : v) n += encoded_size(e);
      return n;
    }
  } else if constexpr (Struct<T> && !Leaf<T>) {
    return std::apply([](const auto&... f) { return (std::size_t{0} + ... + encoded_size(f)); }, T::fields(v));
  } else return size_of<T>(true);
}

class Writer {
 public:
  explicit Writer(SecretBytes& out) : out_(out) {}

  template <class T> void put(const T& v) {
    if constexpr (std::is_same_v<T, bool>) out_.push_back(v ? 1 : 0);
    else if constexpr (std::is_unsigned_v<T>) {
      for (std::size_t i = sizeof(T); i-- > 0;) out_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    } else if constexpr (Leaf<T>) {
      const std::size_t at = out_.size();
      out_.resize(at + T::wire_size);
      v.wire_put(out_.data() + at);
    } else if constexpr (is_secret<T>::value) put(v.expose());
    else if constexpr (is_text<T>::value) {
      count(v.text.size(), T::max_count);
      raw(view_of(v.text));
    } else if constexpr (is_bounded<T>::value) {
      count(v.size(), T::max_count);
      if constexpr (is_byte<typename T::value_type>) raw(ByteView(v.data(), v.size()));
      else
        for (const auto& e : v) put(e);
    } else if constexpr (is_array<T>::value) {
      if constexpr (is_byte<typename T::value_type>) raw(ByteView(v.data(), v.size()));
      else
        for (const auto& e : v) put(e);
    } else {
      std::apply([this](const auto&... f) { (this->put(f), ...); }, T::fields(v));
    }
  }

 private:
  void count(std::size_t n, std::size_t max) {
    if (n > max) throw Malformed("too many elements");
    put(static_cast<std::uint32_t>(n));
  }
  void raw(ByteView b) { append(out_, b); }
  SecretBytes& out_;
};

// Where a leaf lies in an encoding, for the tamper matrix and the fuzzer's mutator.
struct Span {
  std::size_t offset, length;
};

class Reader {
 public:
  explicit Reader(ByteView in, std::vector<Span>* leaves = nullptr) : in_(in), leaves_(leaves) {}

  template <class T> void get(T& v) {
    if constexpr (std::is_same_v<T, bool>) {
      const ByteView b = take(1);
      if (b[0] > 1) throw Malformed("a bool is 0 or 1");
      v = b[0] == 1;
    } else if constexpr (std::is_unsigned_v<T>) {
      const ByteView b = take(sizeof(T));
      v = 0;
      for (const std::uint8_t byte : b) v = static_cast<T>((static_cast<std::uint64_t>(v) << 8) | byte);
    } else if constexpr (Leaf<T>) v = T::wire_get(take(T::wire_size));
    else if constexpr (is_secret<T>::value) get(v.expose());
    else if constexpr (is_text<T>::value) {
      const ByteView b = take(count(T::max_count, 1));
      if (!is_valid_utf8(text_of(b))) throw Malformed("text is not UTF-8");
      v.text.assign(text_of(b));
    } else if constexpr (is_bounded<T>::value) {
      using E = typename T::value_type;
      const std::size_t n = count(T::max_count, size_of<E>(false));
      if constexpr (is_byte<E>) {
        const ByteView b = take(n);
        v.resize(n);
        if (n != 0) std::memcpy(v.data(), b.data(), n);
      } else {
        v.clear();
        v.resize(n);
        for (auto& e : v) get(e);
      }
    } else if constexpr (is_array<T>::value) {
      if constexpr (is_byte<typename T::value_type>) {
        const ByteView b = take(v.size());
        std::memcpy(v.data(), b.data(), b.size());
      } else
        for (auto& e : v) get(e);
    } else {
      std::apply([this](auto&... f) { (this->get(f), ...); }, T::fields(v));
      if constexpr (requires { v.validate_decoded(); }) v.validate_decoded();
    }
  }
  void expect_end() const {
    if (position_ != in_.size()) throw Malformed("trailing bytes");
  }

 private:
  ByteView take(std::size_t n) {
    if (in_.size() - position_ < n) throw Malformed("truncated");
    if (leaves_ != nullptr && n != 0) leaves_->push_back({position_, n});
    const ByteView b = in_.subspan(position_, n);
    position_ += n;
    return b;
  }
  std::size_t count(std::size_t max, std::size_t least_size) {
    std::uint32_t n = 0;
    get(n);
    if (n > max) throw Malformed("too many elements");
    if (least_size != 0 && (in_.size() - position_) / least_size < n) throw Malformed("truncated");
    return n;
  }
  ByteView in_;
  std::size_t position_ = 0;
  std::vector<Span>* leaves_;
};

}  // namespace wire

// Exactly reserved, so that no copy of a secret is left behind by growing.
template <class T> void encode_into(SecretBytes& out, const T& value) {
  out.reserve(out.size() + wire::encoded_size(value));
  wire::Writer(out).put(value);
}
template <class T> SecretBytes encode(const T& value) {
  SecretBytes out;
  encode_into(out, value);
  return out;
}
// Throws Malformed.
template <class T> T decode(ByteView bytes) {
  T value{};
  wire::Reader reader(bytes);
  reader.get(value);
  reader.expect_end();
  return value;
}
// The leaves of a well-formed encoding of T, in order. Throws Malformed.
template <class T> std::vector<wire::Span> leaves_of(ByteView bytes) {
  std::vector<wire::Span> leaves;
  T value{};
  wire::Reader reader(bytes, &leaves);
  reader.get(value);
  reader.expect_end();
  return leaves;
}

}  // namespace quorate

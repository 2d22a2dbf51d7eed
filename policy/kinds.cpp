#include "policy/kinds.h"

#include <array>
#include <utility>

#include "base/limits.h"

namespace quorate::policy {
namespace {

constexpr std::array kKinds{
    std::pair{Kind::create_key, std::string_view("create_key")},
    std::pair{Kind::sign, std::string_view("sign")},
    std::pair{Kind::derive, std::string_view("derive")},
    std::pair{Kind::refresh, std::string_view("refresh")},
    std::pair{Kind::reshare, std::string_view("reshare")},
    std::pair{Kind::archive, std::string_view("archive")},
    std::pair{Kind::unarchive, std::string_view("unarchive")},
    std::pair{Kind::change_policy, std::string_view("change_policy")},
    std::pair{Kind::change_cluster, std::string_view("change_cluster")},
    std::pair{Kind::freeze, std::string_view("freeze")},
    std::pair{Kind::unfreeze, std::string_view("unfreeze")},
};
constexpr std::array kPayloadKinds{
    std::pair{PayloadKind::message, std::string_view("message")},
    std::pair{PayloadKind::digest, std::string_view("digest")},
    std::pair{PayloadKind::eth_message, std::string_view("eth_message")},
    std::pair{PayloadKind::eth_transaction, std::string_view("eth_transaction")},
    std::pair{PayloadKind::eth_typed_data, std::string_view("eth_typed_data")},
    std::pair{PayloadKind::btc_psbt, std::string_view("btc_psbt")},
    std::pair{PayloadKind::solana_transaction, std::string_view("solana_transaction")},
};

template <class Table, class E>
std::string_view name_in(const Table& table, E value) {
  for (const auto& [v, name] : table)
    if (v == value) return name;
  return "";
}
template <class E, std::size_t N>
std::optional<E> value_in(const std::array<std::pair<E, std::string_view>, N>& table, std::string_view text) {
  for (const auto& [v, name] : table)
    if (name == text) return v;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Kind kind) { return name_in(kKinds, kind); }
std::optional<Kind> parse_kind(std::string_view text) { return value_in(kKinds, text); }
std::string_view name_of(PayloadKind kind) { return name_in(kPayloadKinds, kind); }
std::optional<PayloadKind> parse_payload_kind(std::string_view text) { return value_in(kPayloadKinds, text); }

bool shows_facts(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::eth_message:
    case PayloadKind::eth_transaction:
    case PayloadKind::eth_typed_data:
    case PayloadKind::btc_psbt:
    case PayloadKind::solana_transaction:
      return true;
    case PayloadKind::unset:
    case PayloadKind::message:
    case PayloadKind::digest:
      return false;
  }
  return false;
}

bool concerns_a_key(Kind kind) {
  switch (kind) {
    case Kind::create_key:
    case Kind::sign:
    case Kind::derive:
    case Kind::refresh:
    case Kind::reshare:
    case Kind::archive:
    case Kind::unarchive:
    case Kind::freeze:
    case Kind::unfreeze:
      return true;
    case Kind::unset:
    case Kind::change_policy:
    case Kind::change_cluster:
      return false;
  }
  return false;
}

bool is_name(std::string_view text) {
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (text.empty() || text.size() > limits::kMaxName || !is_alphanumeric(text.front())) return false;
  for (const char c : text)
    if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-') return false;
  return true;
}

bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t after_star = std::string_view::npos, retry_at = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      retry_at = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p, ++t;
    } else if (after_star != std::string_view::npos) {
      p = after_star;  // the last star takes one character more
      t = ++retry_at;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace quorate::policy

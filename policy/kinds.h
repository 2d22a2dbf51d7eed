// The closed vocabularies that requests and policies share, with their names in api texts.
#pragma once
#include <optional>
#include <string_view>

namespace quorate::policy {

// What a request asks for.
enum class Kind {
  unset = 0,
  create_key,
  sign,
  derive,
  refresh,
  reshare,
  archive,
  unarchive,
  change_policy,
  change_cluster,
  freeze,
  unfreeze,
};
std::string_view name_of(Kind kind);  // "" for unset
std::optional<Kind> parse_kind(std::string_view text);
// Whether such a request is about one key (or, for freeze and unfreeze, may be).
bool concerns_a_key(Kind kind);

// What a `sign` request shows.
enum class PayloadKind {
  unset = 0,
  message,
  digest,
  eth_message,
  eth_transaction,
  eth_typed_data,
  btc_psbt,
  solana_transaction,
};
std::string_view name_of(PayloadKind kind);  // "" for unset
std::optional<PayloadKind> parse_payload_kind(std::string_view text);
// Whether transactions/ tells what such a payload does. A message or a digest may be anything.
bool shows_facts(PayloadKind kind);

// [a-z0-9][a-z0-9._-]{0,62}: keys, nodes, users, groups, rules, lists.
bool is_name(std::string_view text);

// `*` stands for any number of any characters; everything else for itself; the whole text must match. Linear in pattern
// × text.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace quorate::policy

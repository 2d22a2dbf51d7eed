#include "cli/cluster_cards.h"

#include <utility>

#include "base/limits.h"
#include "cli/cluster_client.h"
#include "cli/files.h"
#include "cli/new_directory.h"
#include "peers/certificates.h"
#include "policy/cluster_chain.h"

namespace quorate::cli {
namespace {

using Renewed = policy::ClusterChain::Renewed;

// cluster.json with the card in it.
std::pair<Renewed, std::string> renewed(const fs::path& dir, const Json& signed_card) {
  load_cluster(dir);  // says what is wrong with the file by itself
  try {
    auto chain = policy::ClusterChain::parse(read_text_file(dir / "cluster.json"));
    const Renewed what = chain.renew(signed_card);
    return {what, chain.text()};
  } catch (const JsonError& e) {
    throw failed("card_refused", "the card does not fit into " + (dir / "cluster.json").string() + ": " +
                                     (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
}

}  // namespace

void expect_card_fits(const fs::path& dir, const Json& signed_card) { renewed(dir, signed_card); }

bool add_card(const fs::path& dir, const Json& signed_card) {
  const auto [what, text] = renewed(dir, signed_card);
  if (what != Renewed::newer) return false;
  replace_file(dir / "cluster.json", view_of(text));
  return true;
}

Exit cluster_renew(const std::string& file, const fs::path& given, Console& console) {
  const fs::path dir = clean_path(given);
  Json json;
  policy::NodeCard card;
  try {
    json = parse_json(read_text_file(file));
    card = policy::parse_signed_card(json);
  } catch (const JsonError& e) {
    throw failed("card_invalid", file + ": " + (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
  if (!peers::is_p256_spki(card.tls_spki))
    throw failed("card_invalid", file + ": the tls_spki of " + card.id + " is not a key on P-256");
  const bool added = add_card(dir, json);
  const policy::NodeCard now = *load_cluster(dir).find(card.id);
  std::string text = added ? "card number " + std::to_string(now.seq) + " of " + now.id + " taken over\n"
                           : "card number " + std::to_string(now.seq) + " of " + now.id + " is there already\n";
  text += "  peers     " + now.peers_address + "\n  REST      " + now.rest_address + "\n  TLS pin   " +
          to_hex(peers::pin_of_spki(now.tls_spki)) + "\n";
  if (added) text += "a node uses it from its next start on\n";
  console.result({{"node", now.id}, {"seq", now.seq}, {"added", added}, {"card", policy::make_card(now)}}, text);
  return Exit::ok;
}

}  // namespace quorate::cli

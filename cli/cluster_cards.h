// Newer cards of nodes in a folder's cluster.json.
#pragma once
#include <filesystem>
#include <string>

#include "cli/outcome.h"
#include "cli/world.h"

namespace quorate::cli {

// Whether the card could take the place of the one that DIR/cluster.json has; throws Failure that says why not.
void expect_card_fits(const std::filesystem::path& dir, const Json& signed_card);
// Puts it there. False: that card, or a newer one, was there already. Throws Failure.
bool add_card(const std::filesystem::path& dir, const Json& signed_card);

// `quorate cluster renew`: another operator's node has a new card.
Exit cluster_renew(const std::string& file, const std::filesystem::path& dir, Console& console);

}  // namespace quorate::cli

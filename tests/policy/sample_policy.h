// A policy that tests change, its people and their keys.
#pragma once
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "policy/document.h"

namespace quorate::policy {

inline Ed25519PublicKey key_of(std::uint64_t seed) {
  SeededRng rng(seed);
  return Ed25519SecretKey::generate(rng).public_key();
}

// alice and bob are admins, alice is in the treasury, carol audits, bot-1 and bot-2 pay.
inline Json base_policy() {
  Json policy = parse_json(R"({
    "version": 1, "previous": "", "cluster": "", "users": [],
    "admins": {"group": "admins", "min": 2, "delay_hours": 24}, "readers": ["auditors"],
    "lists": {"exchanges": ["0x3535353535353535353535353535353535353535", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]},
    "rules": [], "default": "deny" })");
  policy["cluster"] = std::string(64, 'c');
  std::uint64_t seed = 1;
  const auto add = [&](const char* id, const Json& groups) {
    Json user = Json::object();
    user["id"] = id;
    user["key"] = key_of(seed++).to_text();
    user["groups"] = groups;
    policy["users"].push_back(user);
  };
  add("alice", Json::array({"treasury", "admins"}));
  add("bob", Json::array({"admins"}));
  add("carol", Json::array({"auditors"}));
  add("bot-1", Json::array({"bots"}));
  add("bot-2", Json::array({"bots", "treasury"}));
  add("nobody", Json::array());
  return policy;
}

inline PolicyDocument with_rules(std::string_view rules) {
  Json policy = base_policy();
  policy["rules"] = parse_json(rules);
  return PolicyDocument::parse(policy.dump());
}

}  // namespace quorate::policy

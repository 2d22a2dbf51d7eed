#include "policy/first_policy.h"

#include <nlohmann/json.hpp>

namespace quorate::policy {

Json first_policy(const std::string& cluster_id_hex, const FirstUser& admin, const FirstUser& approver) {
  const Json by_admin = Json::array({"user:" + admin.id});
  const Json key_kinds = Json::array({"create_key", "derive", "refresh", "reshare", "archive", "unarchive"});
  // An allow list, so that a kind of payload that a later version adds is denied until somebody allows it.
  const Json payloads =
      Json::array({"message", "eth_message", "eth_transaction", "eth_typed_data", "btc_psbt", "solana_transaction"});

  const auto user = [](const FirstUser& u, const char* group) {
    Json json = Json::object();
    json["id"] = u.id;
    json["key"] = u.key.to_text();
    json["groups"] = Json::array({group});
    return json;
  };
  Json keys = Json::object(), signs = Json::object(), admins = Json::object(), policy = Json::object();
  keys["id"] = "admin-keys";
  keys["if"]["kind"] = key_kinds;
  keys["if"]["by"] = by_admin;
  keys["then"] = "allow";
  signs["id"] = "admin-signs";
  signs["if"]["kind"] = "sign";
  signs["if"]["by"] = by_admin;
  signs["if"]["payload"] = payloads;
  signs["then"] = "allow";
  admins["group"] = "admins";
  admins["min"] = 1;
  admins["delay_hours"] = 0;

  policy["version"] = 1;
  policy["previous"] = "";
  policy["cluster"] = cluster_id_hex;
  policy["users"] = Json::array({user(admin, "admins"), user(approver, "approvers")});
  policy["admins"] = admins;
  policy["readers"] = Json::array({"admins"});
  policy["lists"] = Json::object();
  policy["rules"] = Json::array({keys, signs});
  policy["default"] = "deny";
  return policy;
}

}  // namespace quorate::policy

#include "cli/vote_commands.h"

#include <algorithm>
#include <functional>
#include <iostream>

#include "base/hash.h"
#include "cli/files.h"
#include "cli/key_commands.h"
#include "cli/membership_commands.h"
#include "cli/policy_commands.h"
#include "cli/sign_commands.h"
#include "policy/intent.h"
#include "policy/signable.h"
#include "transactions/base58.h"

namespace quorate::cli {
namespace {

constexpr std::size_t kMostAssertion = 64 * 1024;  // bytes of a file

Failure lie(const std::string& what) {
  return failed("not_what_it_says", "the node shows a request that is not what would be approved: " + what);
}

policy::Intent intent_of(const Json& request, const std::string& cluster_id) {
  policy::Intent intent;
  try {
    intent = policy::parse_intent(request.value("intent", Json()), "/intent");
  } catch (const JsonError& e) {
    throw lie(e.pointer + " " + e.what());
  }
  if (intent.cluster != cluster_id) throw lie("it is another cluster's");
  if (intent.request != text_at(request, "id")) throw lie("its intent is another request's");
  return intent;
}

// The root's chain code, of BIP-32's text form; the node shows it to who may derive.
Bytes32 chain_code_in(const std::string& xpub) {
  const auto bytes = transactions::from_base58check(xpub);
  if (!bytes || bytes->size() != 78)
    throw failed("cannot_decode",
                 "this user may not see the key's extended public key, without which this program cannot "
                 "tell what a PSBT does: a rule that allows `derive` shows it");
  Bytes32 chain_code{};
  std::copy(bytes->begin() + 13, bytes->begin() + 45, chain_code.begin());
  return chain_code;
}

transactions::Scheme scheme_in(const std::string& algorithm) {
  switch (policy::parse_scheme(algorithm).value_or(policy::SignatureScheme::unset)) {
    case policy::SignatureScheme::ecdsa_secp256k1:
      return transactions::Scheme::ecdsa_secp256k1;
    case policy::SignatureScheme::eddsa_ed25519:
      return transactions::Scheme::eddsa_ed25519;
    case policy::SignatureScheme::schnorr_secp256k1:
      return transactions::Scheme::schnorr_secp256k1;
    case policy::SignatureScheme::unset:
      break;
  }
  throw lie("the key has no algorithm that this program knows");
}

policy::Signable signable_of(const Json& request, const Json& key, const policy::Intent& intent) {
  if (text_at(key, "id") != intent.key) throw lie("the key is another one");
  const Json body{{"payload", request.value("payload", Json())}};
  policy::SignPayload payload;
  try {
    payload = policy::parse_sign(body);
  } catch (const JsonError& e) {
    throw lie(e.pointer + " " + e.what());
  }
  const std::string root = text_at(key.value("public_key", Json()), "hex");
  transactions::KeyFacts facts;
  facts.scheme = scheme_in(text_at(key, "algorithm"));
  // Only a PSBT's keys lie at paths of their own; whatever else is signed is signed by the key that the intent names.
  const bool from_root = payload.kind == policy::PayloadKind::btc_psbt;
  if (from_root) facts.chain_code = chain_code_in(text_at(key, "xpub"));
  if (from_root) facts.path = intent.path;
  if (!from_root && intent.path == "m" && root != intent.public_key) throw lie("the key has another public key");
  facts.public_key = from_hex(from_root ? root : intent.public_key).value_or(Bytes());
  try {
    auto read = policy::read_payload(body, payload, facts);
    if (const auto* refused = std::get_if<transactions::Refusal>(&read)) throw lie(refused->detail);
    auto& what = std::get<policy::Signable>(read);
    if (intent.decoder != transactions::decoder_version(policy::name_of(payload.kind)))
      throw failed("decoder_version", "the nodes read payloads with version " + intent.decoder +
                                          " of their decoder, this program does not: update the older one");
    if (what.payload_digest() != intent.payload_digest) throw lie("other bytes would be signed than the payload's");
    if (what.facts_digest() != intent.facts_digest) throw lie("the nodes see something else in the payload");
    return std::move(what);
  } catch (const JsonError& e) {
    throw lie(e.pointer + " " + e.what());
  }
}

// One line of it, whoever has written it: nothing in it looks like a line of this program.
std::string flat(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  return text;
}

std::string lines_of(const policy::Intent& intent) {
  std::string text = std::string(policy::name_of(intent.kind)) + ", asked for by " + intent.requested_by + "\n";
  if (!intent.key_name.empty())
    text += "key        " + intent.key_name + (intent.path == "m" ? "" : " at " + intent.path) + "\n";
  return text + "until      " + to_rfc3339(intent.expires_at) + "\n";
}

std::string target_of(const std::string& request) { return "/v1/requests/" + percent_encoded(request); }

Json shown_request(const std::string& id, ClusterClient& client) {
  const auto reply = client.get(target_of(id));
  return expect_success(reply);
}

policy::Intent intent_of_asked(const Json& request, const std::string& id, const ClusterClient& client) {
  policy::Intent intent = intent_of(request, client.cluster().id());
  if (intent.request != id) throw lie("it is another one");
  return intent;
}

// What an approver sees before they say yes, whoever they are.
std::string seen(const Json& request, const policy::Intent& intent, ClusterClient& client) {
  Json about;
  if (intent.kind == policy::Kind::sign) {
    const auto found = client.get("/v1/keys/" + percent_encoded(intent.key));
    about = expect_success(found);
  } else if (intent.kind == policy::Kind::change_policy) {
    const auto found = client.get("/v1/policy");
    about = expect_success(found);
  }
  return understood(request, about, client.cluster().id());
}

Exit post_vote(const std::string& id, Json body, policy::Vote vote, ClusterClient& client, Console& console) {
  body["decision"] = std::string(policy::name_of(vote));
  const auto reply = client.post(target_of(id) + "/approvals", body);
  const Json& after = expect_success(reply);
  console.result(after, text_of_request(after));
  return Exit::ok;
}

// Their authenticators as the policy that the node shows names them. A node that lies gets a browser to look for
// another one, or for none: the challenge is not its to choose.
Json credentials_of(const std::string& approver, ClusterClient& client) {
  const auto reply = client.get("/v1/policy");
  const Json& policy = expect_success(reply);
  const Json users = policy.value("users", Json::array());
  for (const Json& user : users)
    if (user.is_object() && text_at(user, "id") == approver && user.contains("webauthn")) return user.at("webauthn");
  throw failed("no_authenticator", "the policy names no authenticator of " + one_line(approver));
}

}  // namespace

std::string understood(const Json& request, const Json& about, const std::string& cluster_id) {
  const policy::Intent intent = intent_of(request, cluster_id);
  std::string text = lines_of(intent);
  if (intent.kind != policy::Kind::sign) {
    const Json body = request.value("body", Json());
    if (!body.is_object() || policy::body_payload_digest(body) != intent.payload_digest)
      throw lie("something else would be done than its body says");
    if (intent.kind == policy::Kind::change_policy) {
      // `about`: shown by a node, and bound by the intent: what it says is compared with is what the nodes have in
      // force.
      if (!about.is_object() || jcs_digest(about) != intent.policy_digest) throw lie("another policy is in force");
      try {
        return text + changes_of(about, body).text + "\n";
      } catch (const JsonError& e) {
        throw lie(e.pointer + " " + e.what());
      }
    }
    if (intent.kind == policy::Kind::change_cluster) {
      try {
        return text + text_of_membership(body);
      } catch (const JsonError& e) {
        throw lie(e.pointer + " " + e.what());
      }
    }
    return text + "body       " + flat(body.dump()) + "\n";
  }
  const policy::Signable what = signable_of(request, about, intent);
  const Json payload = request.value("payload", Json());
  text += "payload    " + std::string(policy::name_of(what.kind)) + "\n";
  if (what.kind == policy::PayloadKind::message || what.kind == policy::PayloadKind::eth_message)
    if (const auto message = text_at(payload, "utf8"); !message.empty()) text += "message    " + flat(message) + "\n";
  Json facts = what.facts ? Json::parse(what.facts_jcs) : Json();
  const std::function<void(Json&)> flatten = [&](Json& value) {
    if (value.is_string()) value = flat(value.get<std::string>());
    if (value.is_structured())
      for (Json& element : value) flatten(element);
  };
  flatten(facts);
  text += text_of_facts(facts);
  for (const transactions::ToSign& item : what.to_sign) text += "signs      " + to_hex(item.bytes).substr(0, 64) + "\n";
  return text;
}

Exit vote_command(const VoteOptions& options, policy::Vote vote, ClusterClient& client, Console& console,
                  std::istream& in) {
  const std::string approver = options.approver.value_or(client.user());
  if (options.webauthn) {  // its person has decided already; the nodes see about what
    const policy::Assertion assertion =
        assertion_in(read_text_file(*options.webauthn, kMostAssertion), *options.webauthn);
    return post_vote(options.request, {{"approver", approver}, {"webauthn", policy::to_json(assertion)}}, vote, client,
                     console);
  }
  if (approver != client.user()) throw usage("--approver is for --webauthn: a key signs for its own user (--as)");
  const Json request = shown_request(options.request, client);
  const policy::Intent intent = intent_of_asked(request, options.request, client);
  if (vote == policy::Vote::approve) {
    const std::string text = seen(request, intent, client);
    if (!options.yes) {
      if (console.json()) throw usage("with --json an approval needs --yes");
      console.show(text);
      console.note("approve? Type yes:");
      std::string answer;
      if (!std::getline(in, answer) || answer != "yes") throw failed("not_approved", "nothing was approved");
    }
  }
  const std::string bytes = policy::approval_text(vote, client.user(), policy::to_json(intent));
  return post_vote(options.request, {{"signature", to_hex(client.sign(view_of(bytes)))}}, vote, client, console);
}

Exit challenge_command(const ChallengeOptions& options, ClusterClient& client, Console& console) {
  const auto vote = policy::parse_vote(options.decision);
  if (!vote) throw usage("--decision is approve or reject");
  const std::string approver = options.approver.value_or(client.user());
  const Json request = shown_request(options.request, client);
  const policy::Intent intent = intent_of_asked(request, options.request, client);
  if (*vote == policy::Vote::approve) console.show(seen(request, intent, client));
  const std::string challenge = policy::challenge_of(policy::approval_text(*vote, approver, policy::to_json(intent)));
  const Json credentials = credentials_of(approver, client);
  std::string text = "challenge  " + challenge + "\n";
  for (const Json& credential : credentials)
    text += "credential " + text_at(credential, "credential_id") + " of " + text_at(credential, "rp_id") + "\n";
  text.pop_back();
  console.result({{"request", intent.request},
                  {"approver", approver},
                  {"decision", options.decision},
                  {"challenge", challenge},
                  {"credentials", credentials}},
                 text);
  return Exit::ok;
}

policy::Assertion assertion_in(const std::string& text, const std::string& file) {
  try {
    const Json json = parse_json(text);
    if (!json.is_object()) throw JsonError("", "must be an object");
    const Json response = json.value("response", Json());
    const auto member = [](const Json& object, const char* name) {
      return object.is_object() ? object.value(name, Json()) : Json();
    };
    return policy::parse_assertion({{"credential", member(json, "id")},
                                    {"authenticator_data", member(response, "authenticatorData")},
                                    {"client_data_json", member(response, "clientDataJSON")},
                                    {"signature", member(response, "signature")}},
                                   "");
  } catch (const JsonError& e) {
    throw failed("webauthn_file", file + " is not what PublicKeyCredential.toJSON() gives: " +
                                      (e.pointer.empty() ? "" : e.pointer + " ") + e.what());
  }
}

Exit cancel_command(const std::string& request, ClusterClient& client, Console& console) {
  const auto reply = client.post("/v1/requests/" + percent_encoded(request) + "/cancel", Json::object());
  const Json& after = expect_success(reply);
  console.result(after, text_of_request(after));
  return Exit::ok;
}

}  // namespace quorate::cli

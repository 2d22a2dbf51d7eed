// `quorate key …` and `quorate request …`.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/cluster_client.h"

namespace quorate::cli {

struct KeyCreateOptions {
  std::string name, algorithm;
  std::optional<int> threshold;           // unset: a majority of the participants
  std::vector<std::string> participants;  // empty: all nodes of the cluster
};
Exit key_create(const KeyCreateOptions& options, ClusterClient& client, Console& console);
// Of the certificate that the node shows now: should another one be in force when it comes to it, nothing happens.
Exit key_refresh(const std::string& key, ClusterClient& client, Console& console);
struct KeyReshareOptions {
  std::string key;
  std::optional<int> threshold;           // unset: stays
  std::vector<std::string> participants;  // of the new committee, all of them
};
Exit key_reshare(const KeyReshareOptions& options, ClusterClient& client, Console& console);
// `archived`: whether it is to be.
Exit key_archive(const std::string& key, bool archived, ClusterClient& client, Console& console);
Exit key_list(ClusterClient& client, Console& console);
// `pem`: nothing but the public key, as OpenSSL reads it.
struct KeyDeriveOptions {
  std::string key, path;
  std::optional<std::string> network;  // Bitcoin's
};
Exit key_derive(const KeyDeriveOptions& options, ClusterClient& client, Console& console);

Exit key_show(const std::string& key, bool pem, ClusterClient& client, Console& console);

struct RequestListOptions {
  std::optional<std::string> state, kind, key;
  int limit = 50;
};
Exit request_list(const RequestListOptions& options, ClusterClient& client, Console& console);
Exit request_show(const std::string& id, ClusterClient& client, Console& console);

// What is said of a request that has no result yet: "req_… is pending_approval (…)".
std::string text_of_request(const Json& request);
// Percent-encodes a path segment or query value (RFC 3986 §2.3).
std::string percent_encoded(const std::string& text);

}  // namespace quorate::cli

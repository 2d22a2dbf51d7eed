// Certificates that this node lacks: of keys that it has prepared a share for, and of keys that were made, refreshed or
// reshared while it was away.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "keygen/certificate.h"
#include "node/keys.h"
#include "node/messages.h"
#include "node/requests.h"
#include "node/succession.h"

namespace quorate::node {

class Healer {
 public:
  // `final` hears of requests that have ended because their key turned out to be complete.
  // `learned`: a key that this node did not know is here.
  Healer(const World& world, Requests& requests, std::function<void(const RequestRecord&)> final,
         std::function<void()> learned);

  void on_peer_up(const std::string& node);  // asks for what is missing, tells what is here
  // Asks for what is missing of the key that this request has prepared here; false: there is none.
  bool ask_for(const std::string& request);
  void ask_all();  // the same for every key; once in a while
  void on_query(const std::string& from, const CertificateQuery& query);
  void on_signature(const std::string& from, const CertificateSignature& signature);
  void on_key_state(const std::string& from, const KeyStateChange& change);
  void on_certificate(const std::string& from, const CertificateComplete& complete);
  void on_chain(const std::string& from, const CertificateChain& chain);
  // That node has another certificate of the key in force: each tells the other what it has.
  void exchange(const std::string& node, const std::string& key_id);
  void on_keys(const std::string& from, const KeyList& keys);

  // Keys of which this node should have a share, and has none. Any thread.
  std::size_t lost_shares() const { return lost_shares_; }

 private:
  void ask(const std::string& node, const std::string& key_id, const CertificateName& name);
  void ask_members(const storage::ShareInfo& share);
  // nullptr: the request that comes along does not ask for this key.
  std::shared_ptr<const KeyRecord> asked_for(const CertificateComplete& message) const;
  void activate(const KeyCertificate& certificate, const KeyRecord* asked, int retries);
  // The same for certificates that follow the one in force.
  void follow(const std::string& from, const std::string& key_id, std::vector<CertificateLink> links, int retries);
  void add_success(storage::Batch& batch, RequestRecord& record, const storage::KeyRow& key) const;
  void announce(const std::string& key_id);
  void look_later(const std::string& key_id, const std::string& node);
  void forget_found();  // of lost_: what a later epoch has made good, however it came
  void answer_chain(const std::string& to, const storage::KeyRow& row, const CertificateQuery& query);

  World world_;
  Requests& requests_;
  std::function<void(const RequestRecord&)> final_;
  std::function<void()> learned_;
  struct Collecting {
    CertificateCollector collector;
    std::optional<PreparedRecord> successor;  // nullopt: of a key generation
  };
  std::map<std::pair<std::string, std::uint64_t>, Collecting>
      collecting_;  // of prepared shares only: bounded by their number
  // Keys with a certificate that cannot be taken yet, for this clock, or made under documents that are not here, and
  // who has it. Asked for again.
  std::map<std::string, std::string> later_;
  std::map<std::string, CertificateName> lost_;  // keys whose share in force elsewhere is not here; of which epoch
  std::atomic<std::size_t> lost_shares_{0};
  std::map<std::string, std::size_t> listed_;  // keys that a peer has told since it came up
};

}  // namespace quorate::node

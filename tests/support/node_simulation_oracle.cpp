// What must hold of every simulation, whatever happened in it.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/hash.h"
#include "keygen/certificate.h"
#include "policy/cluster.h"
#include "signing/verify.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {

void NodeSimulation::settle() {
  heal();
  // A request's life, its grace, and a key generation that began at its end.
  EXPECT_TRUE(run_until([&] { return idle(); }, Seconds(200))) << "seed " << seed << ": requests are still open";
  quiesce();
}

void NodeSimulation::expect_safe() {
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const auto& s : submissions) {
    if (!lives(*s)) continue;
    EXPECT_TRUE(s->answer) << "no answer";
    if (s->succeeded() && !evil[s->node]) expect_proven(*s);
  }
  std::map<std::string, std::set<std::string>> names;           // name -> ids
  std::map<std::string, std::set<std::string>> key_of_request;  // request -> keys
  for (std::size_t i = 0; i < size(); ++i) {
    if (evil[i]) continue;
    EXPECT_EQ(store(i).open_request_count(), 0u);
    const auto records = store(i).audit(0, SIZE_MAX);
    const auto fault = storage::verify_audit_chain(storage::audit_genesis(store(i).identity()), records);
    EXPECT_FALSE(fault) << name(i) << ": " << fault->what;
    for (const auto& row : store(i).requests({}, 100'000, std::nullopt).items) {
      const auto record = node::record_of(row);
      const bool all_honest = std::find(evil.begin(), evil.end(), true) == evil.end();
      EXPECT_TRUE(!all_honest || record.blame.empty())
          << name(i) << " sees cheating among honest nodes: " << record.blame[0].check.text;
      for (const auto& blame : record.blame) {
        const auto card = std::find_if(documents.cards.begin(), documents.cards.end(),
                                       [&](const auto& c) { return c.id == blame.node.text; });
        const bool honest =
            card != documents.cards.end() && !evil[static_cast<std::size_t>(card - documents.cards.begin())];
        EXPECT_FALSE(honest) << name(i) << " blames " << blame.node.text << " for " << blame.check.text;
      }
      if (record.request_state() == storage::RequestState::succeeded && record.kind.text == "create_key")
        key_of_request[record.id].insert(record.key_id);
    }
    for (const auto& row : active_keys(i)) {
      names[row.name].insert(row.id);
      expect_complete(row);
    }
  }
  for (const auto& [key, ids] : names) EXPECT_EQ(ids.size(), 1u) << "the name " << key << " stands for several keys";
  for (const auto& [id, keys] : key_of_request) EXPECT_EQ(keys.size(), 1u) << id << " has made several keys";
}

void NodeSimulation::expect_all_sets_sign() {
  std::map<std::string, KeyCertificate> keys;
  for (std::size_t i = 0; i < size(); ++i)
    if (!evil[i])
      for (const auto& row : active_keys(i)) keys.try_emplace(row.id, decode<KeyCertificate>(row.certificate));
  for (const auto& [id, certificate] : keys) {
    const auto& members = certificate.body.committee.members();
    for (unsigned mask = 0; mask < (1u << members.size()); ++mask) {
      if (static_cast<unsigned>(std::popcount(mask)) != certificate.body.committee.threshold()) continue;
      std::vector<std::size_t> set;
      for (std::size_t k = 0; k < members.size(); ++k)
        if (mask >> k & 1) set.push_back(index_of(members[k].node));
      isolate(set);
      quiesce();
      const auto& s = ask(set[rng_.below(set.size())], sign(id, "every set signs " + std::to_string(mask)));
      EXPECT_TRUE(s.succeeded()) << "seed " << seed << ", set " << mask << ": " << s.code();
      if (s.succeeded()) expect_proven(s);
      connect_all();
      quiesce();
    }
  }
}

std::size_t NodeSimulation::index_of(const std::string& node) const {
  const auto card =
      std::find_if(documents.cards.begin(), documents.cards.end(), [&](const auto& c) { return c.id == node; });
  return static_cast<std::size_t>(card - documents.cards.begin());
}

void NodeSimulation::expect_proven(const Submission& s) {
  const auto& record = *s.record();
  const Json result = Json::parse(record.result.text);
  std::optional<storage::KeyRow> row;
  for (std::size_t i = 0; i < size() && (!row || row->certificate.empty()); ++i)
    row = store(i).key_by_id(record.key_id);
  ASSERT_TRUE(row && !row->certificate.empty()) << "no node has the key of a success";
  const auto certificate = decode<KeyCertificate>(row->certificate);
  if (record.kind.text != "sign") {
    EXPECT_EQ(result["key"]["id"], row->id);
    EXPECT_TRUE(verify_certificate(certificate));
    return;
  }
  const auto signature = array_from_hex<64>(result["signature"]["hex"].get<std::string>());
  ASSERT_TRUE(signature);
  const Json body = Json::parse(text_of(record.original.body));
  if (body["payload"]["kind"] != "message" || body.value("path", "m") != "m") return;  // the test's own to verify
  const std::string text = body["payload"]["utf8"];
  const ByteView Y = certificate.body.Y;
  const bool x_only = certificate.body.algorithm == Algorithm::schnorr_secp256k1;
  const bool as_it_is = certificate.body.algorithm == Algorithm::eddsa_ed25519;
  const Digest hash = sha256(view_of(text));
  EXPECT_TRUE(verify_signature(certificate.body.algorithm, x_only ? Y.subspan(1) : Y,
                               as_it_is ? view_of(text) : ByteView(hash), *signature));
}

void NodeSimulation::expect_complete(const storage::KeyRow& row) {
  const auto certificate = decode<KeyCertificate>(row.certificate);
  EXPECT_TRUE(verify_certificate(certificate));
  EXPECT_EQ(to_hex(certificate.body.key_id), row.id);
  for (const Member& m : certificate.body.committee.members()) {
    const std::size_t i = index_of(m.node);
    if (evil[i]) continue;
    const auto theirs = store(i).key_by_id(row.id);
    EXPECT_TRUE(theirs && theirs->state != storage::KeyState::prepared)
        << m.node.text << " does not have key " << row.name;
    if (!theirs || theirs->state == storage::KeyState::prepared) continue;
    EXPECT_EQ(decode<KeyCertificate>(theirs->certificate).body.digest(), certificate.body.digest());
    EXPECT_TRUE(store(i).active_share(row.id)) << m.node.text << " has no share of key " << row.name;
  }
}

}  // namespace quorate::test

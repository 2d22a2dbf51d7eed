// What nodes keep of requests, and that the records of the version before, which had no facts, go on.
#include "node/record.h"

#include <gtest/gtest.h>

#include "node/api.h"
#include "node/keys.h"
#include "tests/support/node_simulation.h"

namespace quorate::test {
namespace {

using node::RequestRecord;
using storage::RequestState;

const std::string kId = "req_00112233445566778899aabbccddeeff";

// A record as version 1 wrote it, byte by byte.
const std::string kVersion1 =
    "0001"                                                                              // version
    "000000247265715f3030313132323333343435353636373738383939616162626363646465656666"  // id
    "000000047369676e"                                                                  // kind
    "0a"                                                                                // state
    "000000096e6f5f71756f72756d"                                                        // code
    "00000003776879"                                                                    // reason
    "01"                                                                                // retryable
    "00000002616c"                                                                      // requested_by
    "000000056e6f646532"                                                                // coordinator
    "000000006b49d200"                                                                  // created
    "000000006b49d23c"                                                                  // expires
    "000000026162"                                                                      // key_id
    "00000003686f74"                                                                    // key_name
    "000000076d657373616765"                                                            // payload_kind
    "0000000000000007"                                                                  // policy_version
    "0000000172"                                                                        // rule
    "00000005616c6c6f77"                                                                // decision
    "000000077b2276223a317d"                                                            // intent
    "000000027b7d"                                                                      // result
    "00000001000000056e6f646533000000096261645f70726f6f660000000a646b672f6563686f2f31"  // blame
    "00000001000000056e6f646531"                                                        // silent
    "00000003"                                                                          // attempts
    "01"                                                                                // released
    "00000004504f5354000000052f76312f78000000016900000001730100000001"
    "6400000000000000000000000000077b2261223a317d";  // original

storage::RequestRow row_with(const std::string& hex) {
  const Bytes bytes = from_hex(hex).value();
  storage::RequestRow row;
  row.id = kId;
  row.state = RequestState::failed;
  row.record.assign(bytes.begin(), bytes.end());
  return row;
}

TEST(Record, OfVersion1IsRead) {
  const RequestRecord r = node::record_of(row_with(kVersion1));
  EXPECT_EQ(r.version, 4);
  EXPECT_EQ(r.id.text, kId);
  EXPECT_EQ(r.kind.text, "sign");
  EXPECT_EQ(r.request_state(), RequestState::failed);
  EXPECT_EQ(r.code.text, "no_quorum");
  EXPECT_EQ(r.reason.text, "why");
  EXPECT_TRUE(r.retryable);
  EXPECT_EQ(r.requested_by.text, "al");
  EXPECT_EQ(r.coordinator.text, "node2");
  EXPECT_EQ(r.created, 1'800'000'000u);
  EXPECT_EQ(r.expires, 1'800'000'060u);
  EXPECT_EQ(r.key_id.text, "ab");
  EXPECT_EQ(r.key_name.text, "hot");
  EXPECT_EQ(r.payload_kind.text, "message");
  EXPECT_EQ(r.policy_version, 7u);
  EXPECT_EQ(r.rule.text, "r");
  EXPECT_EQ(r.decision.text, "allow");
  EXPECT_EQ(r.intent.text, R"({"v":1})");
  EXPECT_EQ(r.facts.text, "");
  EXPECT_EQ(r.result.text, "{}");
  ASSERT_EQ(r.blame.size(), 1u);
  EXPECT_EQ(r.blame[0].round.text, "dkg/echo/1");
  ASSERT_EQ(r.silent.size(), 1u);
  EXPECT_EQ(r.attempts, 3u);
  EXPECT_TRUE(r.released);
  EXPECT_EQ(text_of(r.original.body), R"({"a":1})");
  // What is written is of today.
  const storage::RequestRow again = node::row_of(r);
  EXPECT_EQ(to_hex(ByteView(again.record).first(2)), "0004");
  EXPECT_EQ(encode(node::record_of(again)), again.record);
}

TEST(Record, OfNoVersionOrOfAnotherRequestIsRefused) {
  const auto refused = [](const storage::RequestRow& row) {
    EXPECT_THROW(node::record_of(row), storage::StorageCorrupt);
  };
  for (const char* version : {"0000", "0002", "0003", "0004", "0005"}) refused(row_with(version + kVersion1.substr(4)));
  refused(row_with(kVersion1 + "00"));
  refused(row_with(kVersion1.substr(0, kVersion1.size() - 2)));
  refused(row_with("00"));
  storage::RequestRow other = row_with(kVersion1);
  other.id.back() = '0';
  refused(other);
}

// The layout of version 1.
struct Version1 {
  RequestRecord r;
  static auto fields(auto& m) {
    auto& r = m.r;
    return std::tie(r.version, r.id, r.kind, r.state, r.code, r.reason, r.retryable, r.requested_by, r.coordinator,
                    r.created, r.expires, r.key_id, r.key_name, r.payload_kind, r.policy_version, r.rule, r.decision,
                    r.intent, r.result, r.blame, r.silent, r.attempts, r.released, node::as_signed(r.original));
  }
};

TEST(Record, TheseTestsWriteVersion1) {
  Version1 old{node::record_of(row_with(kVersion1))};
  old.r.version = 1;
  EXPECT_EQ(to_hex(encode(old)), kVersion1);
}

// Everything that node i has stored was written by the version before.
void make_old(NodeSimulation& sim, std::size_t i) {
  auto content = sim.store(i).snapshot();
  ASSERT_FALSE(content.requests.empty());
  for (auto& [id, row] : content.requests) {
    Version1 old{node::record_of(row)};
    old.r.version = 1;
    row.record = encode(old);
  }
  sim.store(i).restore(std::move(content));
}
RequestRecord record_at(NodeSimulation& sim, std::size_t i, const std::string& id) {
  return node::record_of(sim.store(i).request(id).value());
}

std::vector<NodeSimulation::Sent> one(NodeSimulation::Sent s) {
  std::vector<NodeSimulation::Sent> all;
  all.push_back(std::move(s));
  return all;
}

TEST(Record, OfVersion1IsListedAndShown) {
  NodeSimulation sim(3, 1);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  ASSERT_TRUE(s.succeeded());
  make_old(sim, 0);
  node::NodeApi api(sim.world(0), sim.desk(0), sim.host(0));
  const auto ask = [&](http::Route route, const std::string& subject) {
    const http::SignedRequest original;
    http::Verified who;
    who.user = "admin";
    return std::get<http::Reply>(api.call({route, subject, {}, nullptr, original, who, {}, {}})).body;
  };
  EXPECT_EQ(ask(http::Route::list_requests, "")["items"].size(), 2u);
  const Json shown = ask(http::Route::show_request, s.id);
  EXPECT_EQ(shown["state"], "succeeded");
  EXPECT_EQ(shown["result"], Json::parse(s.record()->result.text));
  EXPECT_FALSE(shown.contains("facts"));
  // A resend finds it.
  EXPECT_EQ(sim.ask(0, s.original).record()->result.text, s.record()->result.text);
}

TEST(Record, OfVersion1GoesOnAfterARestart) {
  NodeSimulation sim(3, 2);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.isolate({0});
  const auto& s = sim.submit(0, sim.sign("hot", "x"));
  sim.run_for(Seconds(1));
  ASSERT_TRUE(s.stored && !s.answer);
  sim.kill(0);
  make_old(sim, 0);
  sim.settle();
  EXPECT_EQ(record_at(sim, 0, s.id).request_state(), RequestState::succeeded);
  EXPECT_EQ(decode<RequestRecord>(sim.store(0).request(s.id)->record).version, 4);
  sim.expect_safe();
}

TEST(Record, OfVersion1EndsAndItsNameIsFreeAgain) {
  NodeSimulation sim(3, 3);
  sim.tap = [](NodeSimulation::Sent s) {
    return s.envelope.tag.starts_with("dkg") ? std::vector<NodeSimulation::Sent>{} : one(std::move(s));
  };
  const auto& s = sim.submit(1, sim.create("hot", 2));
  sim.run_for(Seconds(1));
  ASSERT_TRUE(s.stored);
  sim.kill(1);
  sim.kill(0);
  ASSERT_EQ(sim.store(0).name_holder("hot"), s.id);
  ASSERT_TRUE(record_at(sim, 0, s.id).open());
  make_old(sim, 0);
  sim.start(0);
  sim.connect_all();
  sim.run_for(Seconds(120));
  EXPECT_EQ(record_at(sim, 0, s.id).code.text, "no_outcome");
  EXPECT_FALSE(sim.store(0).name_holder("hot"));
}

TEST(Record, OfVersion1SucceedsWhenItsKeyIsHealed) {
  NodeSimulation sim(3, 4);
  sim.tap = [](NodeSimulation::Sent sent) {  // node1 gets nobody's signature and no certificate
    const bool last = sent.envelope.tag == "dkg/certificate/1" || sent.envelope.tag.starts_with("node/certificate") ||
                      sent.envelope.tag == node::Report::tag || sent.envelope.tag == node::Outcome::tag;
    return sent.to == "node1" && last ? std::vector<NodeSimulation::Sent>{} : one(std::move(sent));
  };
  const auto& s = sim.submit(1, sim.create("hot", 2));
  sim.run_for(Seconds(1));
  ASSERT_EQ(sim.store(0).prepared_shares().size(), 1u);
  sim.kill(0);
  make_old(sim, 0);
  sim.tap = [](NodeSimulation::Sent sent) {  // nor the outcome: the certificate alone must do
    return sent.to == "node1" && sent.envelope.tag == node::Outcome::tag ? std::vector<NodeSimulation::Sent>{}
                                                                         : one(std::move(sent));
  };
  sim.heal();
  sim.run_for(Seconds(5));
  EXPECT_EQ(sim.active_keys(0).size(), 1u);
  EXPECT_EQ(record_at(sim, 0, s.id).request_state(), RequestState::succeeded);
}

// ---- of keys

// As it was before keys could be reshared.
struct KeyRecord1 {
  node::KeyRecord r;
  static auto fields(auto& m) { return std::tie(m.r.version, m.r.request, m.r.created, node::as_signed(m.r.original)); }
};

TEST(KeyRecord, OfVersion1IsReadAndItsKeyIsRefreshed) {
  NodeSimulation sim(3, 21);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2)).succeeded());
  sim.settle();
  for (std::size_t i = 0; i < 3; ++i) {
    auto content = sim.store(i).snapshot();
    for (auto& [id, row] : content.keys) {
      KeyRecord1 old{node::key_record_in(row)};
      old.r.version = 1;
      const SecretBytes bytes = encode(old);
      row.record.assign(bytes.begin(), bytes.end());
      EXPECT_EQ(node::key_record_in(row).latest(), old.r.original);
      EXPECT_EQ(node::key_record_in(row).latest_request().text, old.r.request.text);
    }
    sim.store(i).restore(std::move(content));
  }
  for (std::size_t i = 0; i < 3; ++i) sim.kill(i);
  sim.heal();
  sim.clock.advance(Seconds(1));
  const auto& s = sim.ask(1, sim.request("/v1/keys/hot/refresh", Json::object()));
  EXPECT_TRUE(s.succeeded()) << s.code();
  sim.settle();
  sim.expect_all_sets_sign();
  const auto row = sim.active_keys(2).at(0);
  EXPECT_EQ(node::key_record_in(row).latest_request().text, s.id);
  EXPECT_NE(node::key_record_in(row).request.text, s.id);
}

TEST(KeyRecord, OfNoVersionIsRefused) {
  for (const char* hex : {"", "00", "0000", "0001", "0002", "0003", "0004", "0005"}) {
    storage::KeyRow row;
    row.record = from_hex(hex).value();
    EXPECT_THROW(node::key_record_in(row), storage::StorageCorrupt) << hex;
  }
}

// As it was before people could approve anything.
struct RequestRecord2 {
  RequestRecord r;
  static auto fields(auto& m) {
    auto& r = m.r;
    return std::tie(r.version, r.id, r.kind, r.state, r.code, r.reason, r.retryable, r.requested_by, r.coordinator,
                    r.created, r.expires, r.key_id, r.key_name, r.payload_kind, r.policy_version, r.rule, r.decision,
                    r.intent, r.facts, r.result, r.blame, r.silent, r.attempts, r.released,
                    node::as_signed(r.original));
  }
};
struct KeyRecord2 {
  node::KeyRecord r;
  static auto fields(auto& m) {
    return std::tie(m.r.version, m.r.request, m.r.created, node::as_signed(m.r.original), m.r.digest,
                    m.r.latest_asked.request, node::as_signed(m.r.latest_asked.original));
  }
};

// As it was before windows.
struct RequestRecord3 {
  RequestRecord r;
  static auto fields(auto& m) {
    auto& r = m.r;
    return std::tie(r.version, r.id, r.kind, r.state, r.code, r.reason, r.retryable, r.requested_by, r.coordinator,
                    r.created, r.expires, r.key_id, r.key_name, r.payload_kind, r.policy_version, r.rule, r.decision,
                    r.intent, r.facts, r.result, r.blame, r.silent, r.attempts, r.released, r.needs,
                    node::with_consent(r.original));
  }
};
struct KeyRecord3 {
  node::KeyRecord r;
  static auto fields(auto& m) {
    return std::tie(m.r.version, m.r.request, m.r.created, node::with_consent(m.r.original), m.r.digest,
                    m.r.latest_asked.request, node::with_consent(m.r.latest_asked.original));
  }
};

// Everything that is stored was written by this version, whose requests ended `fewer` bytes earlier.
template <class OldRequest, class OldKey>
void expect_old_go_on(std::uint16_t version, std::size_t fewer) {
  SCOPED_TRACE(version);
  NodeSimulation sim(4, 31);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 2, {0, 1, 2})).succeeded());
  sim.settle();
  sim.kill(3);
  const auto refresh = [&] { return sim.request("/v1/keys/hot/refresh", Json::object()); };
  for (const auto& r : {refresh(), refresh()}) {
    sim.clock.advance(Seconds(1));
    ASSERT_TRUE(sim.ask(0, r).succeeded());
  }
  ASSERT_TRUE(sim.ask(0, sim.request("/v1/keys/hot/archive", Json::object())).succeeded());
  sim.clock.advance(Seconds(1));
  ASSERT_TRUE(sim.ask(0, sim.request("/v1/keys/hot/unarchive", Json::object())).succeeded());
  // A fourth epoch is prepared, and never complete.
  sim.tap = [](NodeSimulation::Sent s) {
    return s.envelope.tag.find("certificate") != std::string::npos ? std::vector<NodeSimulation::Sent>{}
                                                                   : one(std::move(s));
  };
  sim.submit(0, refresh());
  sim.run_for(Seconds(2));
  std::size_t lineages = 0, states = 0, prepared = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    if (sim.up(i)) sim.kill(i);
    auto content = sim.store(i).snapshot();
    const auto shorten = [&](auto& bytes) {
      ASSERT_GT(bytes.size(), fewer);
      const auto cut = bytes.end() - static_cast<std::ptrdiff_t>(fewer);
      EXPECT_TRUE(std::all_of(cut, bytes.end(), [](std::uint8_t b) { return b == 0; }));
      bytes.resize(bytes.size() - fewer);
    };
    for (auto& [id, row] : content.requests) {
      OldRequest old{node::record_of(row)};
      old.r.version = version;
      row.record = encode(old);
    }
    for (auto& [id, row] : content.keys) {
      if (row.record.empty()) continue;
      OldKey old{node::key_record_in(row)};
      old.r.version = version;
      const SecretBytes bytes = encode(old);
      row.record.assign(bytes.begin(), bytes.end());
    }
    for (auto& [name, meta] : content.metas) {
      if (!name.starts_with("lineage/") && !name.starts_with("key_state/")) continue;
      ++(name.starts_with("lineage/") ? lineages : states);
      shorten(meta.first);
    }
    for (auto& [name, share] : content.shares) {
      if (share.record.empty()) continue;
      ++prepared;
      shorten(share.record);
    }
    sim.store(i).restore(std::move(content));
  }
  EXPECT_GE(lineages, 6u);
  EXPECT_GE(states, 3u);
  EXPECT_GE(prepared, 3u);
  sim.tap = nullptr;
  sim.settle();  // the fourth one is completed, and node4 learns them all
  sim.clock.advance(Seconds(1));
  EXPECT_TRUE(sim.ask(3, refresh()).succeeded());
  sim.settle();
  sim.expect_safe();
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(sim.active_keys(i)[0].number, sim.active_keys(0)[0].number);
  sim.expect_all_sets_sign();
}
TEST(OldRecords, OfBeforeApprovalsGoOn) { expect_old_go_on<RequestRecord2, KeyRecord2>(2, 12); }
TEST(OldRecords, OfBeforeWindowsGoOn) { expect_old_go_on<RequestRecord3, KeyRecord3>(3, 4); }

}  // namespace
}  // namespace quorate::test

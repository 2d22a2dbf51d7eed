// `quorate audit`: a log that is exported verifies, and whatever is done to it is found.
#include "storage/audit.h"

#include "fake_api.h"
#include "storage/progress.h"

namespace quorate::cli {
namespace {

using storage::AuditRecord;
using Lines = std::vector<Json>;

const std::string kCluster(64, 'c');

Json item_of(const AuditRecord& r) {
  return {{"seq", r.seq},
          {"time", to_rfc3339(from_unix_seconds(r.entry.time))},
          {"kind", r.entry.kind},
          {"request", r.entry.request},
          {"entry", Json::parse(r.entry.text)},
          {"previous", to_hex(r.previous)},
          {"hash", to_hex(r.hash)}};
}

// A log of so many entries; `twist` makes another history from that entry on.
std::vector<AuditRecord> log_of(const std::string& cluster, const std::string& node, std::size_t entries,
                                std::size_t twist = SIZE_MAX) {
  std::vector<AuditRecord> records;
  storage::AuditHead head = storage::audit_genesis({cluster, node});
  for (std::size_t k = 0; k < entries; ++k) {
    const Json text{{"key", "hot"}, {"memo", "für " + std::to_string(k)}, {"twisted", k >= twist}};
    records.push_back(storage::audit_record(
        head, {1'700'000'000 + static_cast<std::int64_t>(k), "succeeded", "req_" + std::string(32, 'a'), text.dump()}));
    head = storage::head_of(records.back());
  }
  return records;
}

Lines export_of(const std::vector<AuditRecord>& records, const std::string& cluster = kCluster,
                const std::string& node = "node1") {
  const auto head = records.empty() ? storage::audit_genesis({cluster, node}) : storage::head_of(records.back());
  Lines lines{{{"format", "quorate-audit-1"},
               {"cluster", cluster},
               {"node", node},
               {"head", {{"seq", head.seq}, {"hash", to_hex(head.hash)}}}}};
  for (const AuditRecord& r : records) lines.push_back(item_of(r));
  return lines;
}

struct Audit : ::testing::Test {
  test::Shell shell;
  std::string file(const std::string& name, const Lines& lines) {
    std::string text;
    for (const Json& line : lines) text += line.dump() + "\n";
    test::write(shell.dir() / name, text);
    return (shell.dir() / name).string();
  }
  test::Printed verify(std::vector<std::string> words) {
    words.insert(words.begin(), {"audit", "verify"});
    return shell(words);
  }
  void expect_fault(const Lines& lines, const std::string& what) {
    const auto printed = verify({file("log", lines)});
    EXPECT_EQ(printed.exit, Exit::failed) << what;
    EXPECT_NE(printed.out.find(what), std::string::npos) << printed.out << printed.err;
  }
};

TEST_F(Audit, WholeLogsOfSeveralNodesVerify) {
  const auto one = file("one", export_of(log_of(kCluster, "node1", 7)));
  const auto two = file("two", export_of(log_of(kCluster, "node2", 0), kCluster, "node2"));
  const auto earlier = file("earlier", export_of(log_of(kCluster, "node1", 3)));
  const auto printed = verify({one, two, earlier});
  EXPECT_EQ(printed.exit, Exit::ok) << printed.out << printed.err;
  EXPECT_NE(printed.out.find("7 entries, nothing is wrong"), std::string::npos);
}

TEST_F(Audit, WhateverIsDoneToALogIsFound) {
  const auto whole = export_of(log_of(kCluster, "node1", 7));
  for (const char* member : {"kind", "request"}) {
    Lines lines = whole;
    lines[3][member] = "other";
    expect_fault(lines, "entry 3 was changed");
  }
  Lines lines = whole;
  lines[3]["entry"]["key"] = "cold";
  expect_fault(lines, "entry 3 was changed");
  lines = whole;
  lines[3]["time"] = "2026-11-23T17:00:00Z";
  expect_fault(lines, "entry 3 was changed");
  lines = whole;
  lines.erase(lines.begin() + 4);
  expect_fault(lines, "entry 4 an entry is missing or out of order");
  lines = whole;
  std::swap(lines[2], lines[3]);
  expect_fault(lines, "entry 2 an entry is missing or out of order");
  lines = whole;
  lines.pop_back();
  expect_fault(lines, "the log was cut");
  lines = whole;
  lines[0]["node"] = "node2";
  expect_fault(lines, "entry 1 does not follow");
  lines = whole;
  lines[0]["head"]["hash"] = std::string(64, 'f');
  expect_fault(lines, "the log was forked");
}

TEST_F(Audit, AForkIsFoundByAnotherExportOrByAHeadThatWasKept) {
  const auto records = log_of(kCluster, "node1", 7);
  const auto one = file("one", export_of(records));
  const auto other = file("other", export_of(log_of(kCluster, "node1", 9, 4)));
  EXPECT_EQ(verify({one}).exit, Exit::ok);
  EXPECT_EQ(verify({other}).exit, Exit::ok);
  const auto both = verify({one, other});
  EXPECT_EQ(both.exit, Exit::failed);
  EXPECT_NE(both.out.find("the log was forked"), std::string::npos) << both.out;

  const std::string kept = "node1:5:" + to_hex(records[4].hash);
  EXPECT_EQ(verify({one, "--head", kept}).exit, Exit::ok);
  EXPECT_EQ(verify({other, "--head", kept}).exit, Exit::failed);
  const auto cut = verify({file("short", export_of(log_of(kCluster, "node1", 4))), "--head", kept});
  EXPECT_EQ(cut.exit, Exit::failed);
  EXPECT_NE(cut.out.find("the log was cut"), std::string::npos) << cut.out;
}

TEST_F(Audit, WhatANodeHasSignedToTheOthersHoldsItsLogToIt) {
  const int base = test::test_base_port(shell.rng);
  const auto cluster_dir = shell.dir() / "cluster";
  ASSERT_EQ(shell({"init", "--dir", cluster_dir.string(), "--base-port", std::to_string(base)}).exit, Exit::ok);
  const auto cluster = policy::ClusterDocument::parse(test::read(cluster_dir / "cluster.json"));
  const auto identity = *Ed25519SecretKey::from_pem(test::read(cluster_dir / "node1" / "identity.pem"));
  const auto records = log_of(cluster.id(), "node1", 9);
  storage::Progress word;
  word.life = 1;
  word.seq = 7;
  word.head = records[6].hash;
  const auto export_at = [&](const std::vector<AuditRecord>& log, const char* time) {
    Lines lines = export_of(log, cluster.id());
    lines[0]["time"] = time;
    return lines;
  };
  const auto witness = [&](const storage::Progress& p, const char* time) {
    Lines lines = export_of(log_of(cluster.id(), "node2", 2), cluster.id(), "node2");
    lines[0]["time"] = time;
    lines[0]["peers"] = {{{"node", "node1"},
                          {"life", p.life},
                          {"seq", p.seq},
                          {"hash", to_hex(p.head)},
                          {"signature", to_hex(p.signature)}}};
    return file("node2.audit", lines);
  };
  const auto judge = [&](const Lines& log, const std::string& other) {
    return verify({"--dir", cluster_dir.string(), file("node1.audit", log), other});
  };
  const auto signed_word = storage::sign_progress(word, {cluster.id(), "node1"}, identity);
  const std::string early = witness(signed_word, "2026-01-01T00:00:00Z");
  EXPECT_EQ(judge(export_at(records, "2026-01-02T00:00:00Z"), early).exit, Exit::ok);
  // Cut, though the export by itself is whole.
  const auto cut = std::vector<AuditRecord>(records.begin(), records.begin() + 5);
  const auto printed = judge(export_at(cut, "2026-01-02T00:00:00Z"), early);
  EXPECT_EQ(printed.exit, Exit::failed);
  EXPECT_NE(printed.out.find("node1 itself, as node2 has kept it, has entry 7: the log was cut"), std::string::npos)
      << printed.out;
  EXPECT_EQ(judge(export_at(cut, "2025-12-31T00:00:00Z"), early).exit, Exit::ok) << "it was made before";
  // Forked.
  const auto forked = judge(export_at(log_of(cluster.id(), "node1", 9, 4), "2026-01-02T00:00:00Z"), early);
  EXPECT_EQ(forked.exit, Exit::failed);
  EXPECT_NE(forked.out.find("the log was forked"), std::string::npos) << forked.out;
  // A word that node1 has not signed is the other's invention.
  word.seq = 12;
  const auto invented = judge(export_at(records, "2026-01-02T00:00:00Z"), witness(word, "2026-01-01T00:00:00Z"));
  EXPECT_EQ(invented.exit, Exit::failed);
  EXPECT_NE(invented.err.find("node1 that it has not signed"), std::string::npos) << invented.err;
}

TEST_F(Audit, WhatIsNoExportIsSaidSo) {
  const auto whole = export_of(log_of(kCluster, "node1", 3));
  EXPECT_EQ(verify({(shell.dir() / "missing").string()}).exit, Exit::failed);
  EXPECT_EQ(verify({}).exit, Exit::usage);
  Lines lines = whole;
  lines.erase(lines.begin());
  EXPECT_NE(verify({file("log", lines)}).err.find("no exported audit log"), std::string::npos);
  lines = whole;
  lines[2].erase("hash");
  EXPECT_EQ(verify({file("log", lines)}).exit, Exit::failed);
  for (const char* head : {"node1", "node1:5", "node1:x:00", "NODE:1:00", "node1:5:00"})
    EXPECT_EQ(verify({file("log", whole), "--head", head}).exit, Exit::usage) << head;
  const auto other = export_of(log_of(std::string(64, 'd'), "node1", 1), std::string(64, 'd'));
  EXPECT_NE(verify({file("log", whole), file("other", other)}).err.find("another cluster"), std::string::npos);
}

// Its log comes in pages.
struct LoggingNode final : test::FakeApi {
  explicit LoggingNode(const std::filesystem::path& dir) : FakeApi(dir), log(log_of(cluster.id(), "node1", 450)) {}
  http::Answered call(const http::Call& c) override {
    FakeApi::call(c);
    if (c.route == http::Route::audit_head)
      return http::Reply{200, {{"seq", shown}, {"hash", to_hex(log.at(shown - 1).hash)}}, {}};
    Json items = Json::array();
    for (std::size_t k = std::stoul(c.query.at("after")); k < log.size() && items.size() < 200; ++k)
      if (k + 1 != hidden) items.push_back(item_of(log[k]));
    return http::Reply{200, {{"items", items}, {"next", nullptr}}, {}};
  }
  std::vector<AuditRecord> log;
  std::size_t shown = 430, hidden = 0;
};

TEST_F(Audit, AnExportIsWholeAndVerifies) {
  const int base = test::test_base_port(shell.rng);
  ASSERT_EQ(shell({"init", "--dir", shell.dir().string(), "--base-port", std::to_string(base)}).exit, Exit::ok);
  LoggingNode node(shell.dir());
  const auto server = test::server_of(shell.dir(), "node1", node, shell.clock);
  server->start();
  EXPECT_EQ(shell({"audit", "export"}).exit, Exit::usage);
  const auto printed = shell({"audit", "export", "--node", "node1"});
  ASSERT_EQ(printed.exit, Exit::ok) << printed.err;
  EXPECT_EQ(std::count(printed.out.begin(), printed.out.end(), '\n'), 431);
  test::write(shell.dir() / "log", printed.out);
  const auto verdict = verify({(shell.dir() / "log").string()});
  EXPECT_EQ(verdict.exit, Exit::ok) << verdict.out;
  node.hidden = 300;
  EXPECT_EQ(shell({"audit", "export", "--node", "node1"}).exit, Exit::failed);
}

}  // namespace
}  // namespace quorate::cli

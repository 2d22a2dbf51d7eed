#include "cli/audit_commands.h"

#include <charconv>
#include <fstream>
#include <map>

#include "base/json.h"
#include "base/limits.h"
#include "cli/files.h"
#include "policy/kinds.h"
#include "storage/audit.h"
#include "storage/progress.h"

namespace quorate::cli {
namespace {

constexpr std::size_t kMaxLine = 2 * limits::kMaxRecord;  // bytes
constexpr const char* kFormat = "quorate-audit-1";

std::uint64_t number_in(const Json& object, const char* name) {
  const auto member = object.find(name);
  if (member == object.end() || !member->is_number_integer() || member->get<std::int64_t>() < 0)
    throw failed("audit_format", std::string(name) + " is not a number");
  return member->get<std::uint64_t>();
}

Digest digest_in(const Json& object, const char* name) {
  const auto digest = array_from_hex<32>(text_at(object, name));
  if (!digest) throw failed("audit_format", std::string(name) + " is not a hash");
  return *digest;
}

storage::AuditHead head_in(const Json& object) { return {number_in(object, "seq"), digest_in(object, "hash")}; }

Json json_of(const storage::AuditHead& head) { return {{"seq", head.seq}, {"hash", to_hex(head.hash)}}; }

storage::AuditRecord record_in(const Json& item) {
  storage::AuditRecord r;
  r.seq = number_in(item, "seq");
  const auto time = from_rfc3339(text_at(item, "time"));
  if (!time) throw failed("audit_format", "time is not a time");
  r.entry.time = unix_seconds(*time);
  r.entry.kind = text_at(item, "kind");
  r.entry.request = text_at(item, "request");
  const auto entry = item.find("entry");
  if (entry == item.end()) throw failed("audit_format", "an entry is missing");
  r.entry.text = entry->dump();
  r.previous = digest_in(item, "previous");
  r.hash = digest_in(item, "hash");
  return r;
}

// What is in a file, entry by entry: a log may be larger than memory.
class LogFile {
 public:
  explicit LogFile(const std::string& name) : name_(name), in_(name) {
    if (!in_) throw failed("file", "cannot read " + name);
    const auto first = next();
    if (!first || text_at(*first, "format") != kFormat)
      throw failed("audit_format", name + " is no exported audit log");
    whose_ = {text_at(*first, "cluster"), text_at(*first, "node")};
    const auto head = first->find("head");
    if (head == first->end() || !head->is_object())
      throw failed("audit_format", name + " does not say how far it goes");
    head_ = head_in(*head);
    made_ = from_rfc3339(text_at(*first, "time"));
    peers_ = first->value("peers", Json::array());
    if (!peers_.is_array()) throw failed("audit_format", name + " has peers that are no list");
  }
  std::optional<WallTime> made() const { return made_; }
  const Json& peers() const { return peers_; }
  const std::string& name() const { return name_; }
  const storage::Identity& whose() const { return whose_; }
  const storage::AuditHead& head() const { return head_; }
  std::optional<Json> next() {
    std::string line;
    if (!std::getline(in_, line)) return std::nullopt;
    if (line.size() > kMaxLine) throw failed("audit_format", name_ + " has a line that is too long");
    try {
      return parse_json(line);
    } catch (const JsonError& e) {
      throw failed("audit_format", name_ + " has a line that is no JSON: " + e.what());
    }
  }

 private:
  std::string name_;
  std::ifstream in_;
  storage::Identity whose_;
  storage::AuditHead head_;
  std::optional<WallTime> made_;
  Json peers_;
};

struct Kept {
  storage::AuditHead head;
  std::string by{};                 // who says so
  std::optional<WallTime> since{};  // the log went so far at this time at the latest
  bool always = false;              // … and whenever the export was made
};

Kept parse_head(const std::string& text, std::string& node) {
  const std::size_t first = text.find(':'), second = text.find(':', first + 1);
  const auto bad = [&] { return usage("--head is NODE:SEQ:HASH, not " + text); };
  if (first == std::string::npos || second == std::string::npos) throw bad();
  node = text.substr(0, first);
  const std::string number = text.substr(first + 1, second - first - 1);
  Kept kept{{}, "--head", {}, true};
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), kept.head.seq);
  const auto hash = array_from_hex<32>(text.substr(second + 1));
  if (!policy::is_name(node) || error != std::errc() || end != number.data() + number.size() || !hash) throw bad();
  kept.head.hash = *hash;
  return kept;
}

// Every head that is known of a node, and where it is from.
using KeptHeads = std::map<std::string, std::vector<Kept>>;

// What the node of this export has kept of the others, each signed by who it is about.
void add_words(KeptHeads& kept, const LogFile& file, const policy::ClusterDocument& cluster) {
  for (const Json& peer : file.peers()) {
    const std::string node = text_at(peer, "node");
    const policy::NodeCard* card = cluster.find(node);
    const auto signature = array_from_hex<64>(text_at(peer, "signature"));
    storage::Progress word;
    word.life = number_in(peer, "life");
    const storage::AuditHead head = head_in(peer);
    word.seq = head.seq;
    word.head = head.hash;
    if (signature) word.signature = *signature;
    if (card == nullptr || !signature || !storage::verify_progress(word, {cluster.id(), node}, card->identity_key))
      throw failed("audit_format", file.name() + " has a word of " + one_line(node) + " that it has not signed");
    kept[node].push_back({head, node + " itself, as " + file.whose().node + " has kept it,", file.made(), false});
  }
}

// What is wrong with the log; "" if nothing is.
std::string fault_of(LogFile& file, const std::vector<Kept>& kept) {
  storage::AuditHead at = storage::audit_genesis(file.whose());
  const auto meets = [&](const Kept& k) { return k.head.seq != at.seq || k.head == at; };
  std::string fault;
  const auto look = [&] {
    for (const Kept& k : kept)
      if (fault.empty() && !meets(k))
        fault = "entry " + std::to_string(at.seq) + " is not the one that " + k.by + " has: the log was forked";
  };
  look();
  while (fault.empty()) {
    const auto item = file.next();
    if (!item) break;
    const storage::AuditRecord record = record_in(*item);
    if (const auto wrong = storage::verify_audit_chain(at, {&record, 1}))
      return "entry " + std::to_string(wrong->seq) + " " + wrong->what;
    at = storage::head_of(record);
    look();
  }
  for (const Kept& k : kept)
    if (fault.empty() && k.head.seq > at.seq)
      fault = "it ends with entry " + std::to_string(at.seq) + ", and " + k.by + " has entry " +
              std::to_string(k.head.seq) + ": the log was cut";
  return fault;
}

}  // namespace

Exit audit_export(const std::string& node, ClusterClient& client, World& world) {
  Console& console = world.console;
  const auto get = [&](const std::string& target) {
    const auto reply = client.call_node(node, {"GET", target, "", "", "", {}});
    return Json(expect_success(reply));
  };
  const Json newest = get("/v1/audit/head");
  const storage::AuditHead head = head_in(newest);
  console.line({{"format", kFormat},
                {"cluster", client.cluster().id()},
                {"node", node},
                {"time", to_rfc3339(world.clock.wall())},
                {"head", json_of(head)},
                {"peers", newest.value("peers", Json::array())}});
  std::uint64_t after = 0;
  while (after < head.seq) {
    const Json page =
        get("/v1/audit?after=" + std::to_string(after) + "&limit=" + std::to_string(limits::kMaxListPage));
    const auto items = page.find("items");
    if (items == page.end() || !items->is_array() || items->empty())
      throw failed("answer", "the node's log ends before entry " + std::to_string(head.seq));
    for (const Json& item : *items) {
      const std::uint64_t seq = number_in(item, "seq");
      if (seq != after + 1) throw failed("answer", "the node's log has a gap before entry " + std::to_string(seq));
      if (seq > head.seq) break;
      console.line(item);
      after = seq;
    }
  }
  return Exit::ok;
}

Exit audit_verify(const AuditVerifyOptions& options, Console& console) {
  KeptHeads kept;
  for (const std::string& text : options.heads) {
    std::string node;
    Kept one = parse_head(text, node);
    kept[node].push_back(std::move(one));
  }
  std::string cluster;
  for (const std::string& name : options.files) {
    const LogFile file(name);
    if (cluster.empty()) cluster = file.whose().cluster;
    if (cluster != file.whose().cluster) throw failed("audit_format", name + " is of another cluster");
    kept[file.whose().node].push_back({file.head(), name, {}, false});
    if (options.cluster && options.cluster->id() == cluster) add_words(kept, file, *options.cluster);
  }
  Json all = Json::array();
  std::string text;
  bool ok = true;
  for (const std::string& name : options.files) {
    LogFile file(name);
    // Another export of the same node may have been made later: it says more, which is no cut.
    std::vector<Kept> heads;
    for (const Kept& k : kept[file.whose().node])
      if (k.always || k.by == name || k.head.seq <= file.head().seq ||
          (k.since && file.made() && *k.since <= *file.made()))
        heads.push_back(k);
    const std::string fault = fault_of(file, heads);
    ok = ok && fault.empty();
    all.push_back({{"file", name}, {"node", file.whose().node}, {"head", json_of(file.head())}, {"ok", fault.empty()}});
    if (!fault.empty()) all.back()["fault"] = fault;
    text += name + "  " + one_line(file.whose().node) + "  " +
            (fault.empty() ? std::to_string(file.head().seq) + " entries, nothing is wrong" : one_line(fault)) + "\n";
  }
  if (!options.cluster) text += "what the nodes have kept of each other was not looked at: there is no cluster.json\n";
  console.result({{"logs", all}, {"ok", ok}}, text);
  return ok ? Exit::ok : Exit::failed;
}

}  // namespace quorate::cli

// What goes over the wire, byte for byte: one frame of each kind as the programs of a wire version have written it.
// tests/vectors/wire/N.txt has them; QUORATE_RECORD_WIRE=1 writes the file of a new version.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "keygen/dkg_rounds.h"
#include "keygen/reshare_rounds.h"
#include "keygen/trial.h"
#include "node/cards.h"
#include "node/freezes.h"
#include "node/freshness.h"
#include "node/governance.h"
#include "node/messages.h"
#include "node/quarantines.h"
#include "node/recoveries.h"
#include "peers/frame.h"
#include "signing/ecdsa_rounds.h"
#include "signing/frost.h"
#include "tests/support/leaves.h"

namespace quorate::wire_test {
namespace {

namespace fs = std::filesystem;
using namespace quorate::node;
using peers::Frame;
using peers::FrameType;
using test::randomize;

// ---- values with something in every field

template <class T>
void fill(T& v, Rng& rng) {
  constexpr std::size_t kText = 12, kBytes = 40, kLarge = 1024;
  if constexpr (wire::is_text<T>::value) {
    v.text.assign(std::min(kText, T::max_count), 'x');
    randomize(v, rng);
  } else if constexpr (wire::is_bounded<T>::value) {
    using E = typename T::value_type;
    if constexpr (wire::is_byte<E>) {
      v.resize(std::min(kBytes, T::max_count));
      randomize(v, rng);
    } else {
      v.resize(std::min<std::size_t>(wire::max_size<E> > kLarge ? 1 : 2, T::max_count));
      for (auto& e : v) fill(e, rng);
    }
  } else if constexpr (wire::is_secret<T>::value) {
    fill(v.expose(), rng);
  } else if constexpr (wire::is_array<T>::value) {
    if constexpr (wire::is_byte<typename T::value_type>)
      randomize(v, rng);
    else
      for (auto& e : v) fill(e, rng);
  } else if constexpr (wire::Leaf<T>) {
    if constexpr (T::wire_size != 0) randomize(v, rng);
  } else if constexpr (wire::Struct<T>) {
    std::apply([&](auto&... f) { (fill(f, rng), ...); }, T::fields(v));
    if constexpr (std::is_same_v<T, policy::Approval>) v.signature = {};  // it has an assertion
  } else {
    randomize(v, rng);
  }
}

// ---- every kind of message

struct Kind {
  std::string label, tag;  // the tag, and of which curve
  std::function<SecretBytes()> made;
  std::function<SecretBytes(ByteView)> again;  // read, and written; throws Malformed
};

template <class M>
Kind kind(const std::string& of = "") {
  Kind k;
  k.tag = std::string(M::tag);
  k.label = k.tag + (of.empty() ? "" : " " + of);
  k.made = [label = k.label] {
    const Digest seed = sha256(view_of(label));
    SeededRng rng(seed[0] | static_cast<std::uint64_t>(seed[1]) << 8 | static_cast<std::uint64_t>(seed[2]) << 16);
    M m{};
    fill(m, rng);
    return encode(m);
  };
  k.again = [](ByteView body) { return encode(decode<M>(body)); };
  return k;
}

template <class... M>
void add(std::vector<Kind>& all, const std::string& of = "") {
  (all.push_back(kind<M>(of)), ...);
}

template <class C>
void add_curve(std::vector<Kind>& all, const std::string& of) {
  add<DkgRound1<NoSetup>, DkgRound2<C, NoSetup>, DkgRound3<C>, ReshareRound2<C>, ReshareShare<C>, ReshareRound3<C>,
      FrostRound1<C>, FrostRound2<C>>(all, of);
}

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  add<Replicate, Held, Propose, Accept, Refuse, Begin, Stop, Report, Outcome, OutcomeQuery>(all);
  add<CertificateQuery, CertificateSignature, CertificateComplete, CertificateChain, KeyStateChange, KeyStateTaken,
      KeyList>(all);
  add<LedgerNews, LedgerNoted, LedgerQuery, LedgerMark>(all);
  add<MyProgress, YourProgress, PolicyVotes, PolicyQuery, PolicyStep, RecoveryTold, CardList, QuarantineList>(all);
  add<FreezeTold, FreezeTaken, LiftVotes, LiftTold, FreezeList>(all);
  add_curve<Ed25519>(all, "ed25519");
  add_curve<Secp256k1>(all, "secp256k1");
  add<DkgRound1<EcdsaSetup>, DkgRound2<Secp256k1, EcdsaSetup>, DkgRound4>(all);
  add<ReshareRound1, ReshareRound4, ReshareRound5, ReshareSetup1, ReshareSetup2>(all);
  add<ReshareTrial1<NoSetup>, ReshareTrial2<NoSetup>, ReshareTrial3<EcdsaSetup>>(all);
  add<ecdsa::Round1, ecdsa::Round2, ecdsa::Round3>(all);
  return all;
}

// ---- handshakes

peers::Hello hello(std::uint16_t least, std::uint16_t most) {
  peers::Hello h;
  h.wire_min = least;
  h.wire_max = most;
  h.software = "quorated 0.1.0";
  h.node = "node2";
  h.boot_id.fill(0xb0);
  h.cluster_id.fill(0xc1);
  h.cluster_document.fill(0xcd);
  h.cluster_version = 2;
  h.policy_version = 3;
  h.policy_digest.fill(0xd1);
  h.state_seq = 4;
  h.audit_head.fill(0xad);
  return h;
}

const std::string kGreeting = "greeting", kUpgraded = "greeting of a later program",
                  kBehind = "greeting of an earlier program",
                  kTooNew = "greeting of a program that has forgotten this version";

// ---- the files

Frame frame_in(ByteView bytes) {
  peers::FrameReader reader;
  auto frame = reader.take(bytes);
  if (!frame || !bytes.empty()) throw Malformed("not one frame");
  return std::move(*frame);
}

SecretBytes enveloped(const std::string& tag, SecretBytes body) {
  Envelope e;
  e.sid.fill(0x5d);
  e.tag = tag;
  e.body = std::move(body);
  return peers::envelope_frame(e).value();
}

// Read, and written again.
SecretBytes again(ByteView bytes, const std::map<std::string, Kind>& known, const std::string& label) {
  Frame frame = frame_in(bytes);
  switch (frame.type) {
    case FrameType::hello: {
      const auto greeting = decode<peers::Greeting>(frame.payload);
      return peers::greeting_frame(greeting.hello, greeting.serial);
    }
    case FrameType::refuse:
      return peers::refusal_frame(peers::read_refusal(frame));
    case FrameType::ping:
    case FrameType::pong:
      return peers::ping_frame(frame.type, peers::read_ping(frame));
    case FrameType::envelope:
      break;
  }
  Envelope envelope = peers::read_envelope(std::move(frame));
  const Kind& kind = known.at(label);
  if (envelope.tag != kind.tag) throw Malformed("another tag");
  envelope.body = kind.again(envelope.body);
  return peers::envelope_frame(envelope).value();
}

using Frames = std::map<std::string, std::string>;  // hex, by label

Frames made_today() {
  constexpr std::uint16_t v = peers::kWireVersion;
  Frames frames{{kGreeting, to_hex(peers::greeting_frame(hello(v, v), 7))},
                {kUpgraded, to_hex(peers::greeting_frame(hello(v, v + 1), 7))},
                {kBehind, to_hex(peers::greeting_frame(hello(v - 1, v), 7))},
                {kTooNew, to_hex(peers::greeting_frame(hello(v + 1, v + 1), 7))},
                {"refusal", to_hex(peers::refusal_frame("wire version: node1 speaks 4, node2 speaks 5"))},
                {"ping", to_hex(peers::ping_frame(FrameType::ping, 0x0102030405060708))},
                {"pong", to_hex(peers::ping_frame(FrameType::pong, 0x0102030405060708))}};
  for (const Kind& kind : kinds()) frames[kind.label] = to_hex(enveloped(kind.tag, kind.made()));
  return frames;
}

fs::path file_of(std::uint16_t version) {
  return fs::path(QUORATE_SOURCE_DIR) / "tests" / "vectors" / "wire" / (std::to_string(version) + ".txt");
}

Frames recorded(std::uint16_t version) {
  const fs::path file = file_of(version);
  if (!fs::exists(file) && std::getenv("QUORATE_RECORD_WIRE") != nullptr) {
    std::ofstream out(file);
    for (const auto& [label, hex] : made_today()) out << label << ": " << hex << "\n";
  }
  std::ifstream in(file);
  Frames frames;
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    if (colon != std::string::npos) frames[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return frames;
}

std::string what_to_do(std::uint16_t version) {
  return "\nThe wire format changed: nodes of wire version " + std::to_string(version) +
         " would not understand this program. Raise kWireVersion in peers/mesh.h, keep the version before readable "
         "(docs/operations.md, Upgrades), and add tests/vectors/wire/N.txt of the new one: run this test with "
         "QUORATE_RECORD_WIRE=1. Never change the file of a version that has been released.";
}

class Wire : public ::testing::TestWithParam<int> {
 protected:
  std::uint16_t version() const { return static_cast<std::uint16_t>(GetParam()); }
};

TEST_P(Wire, RecordedFramesAreReadAndWrittenTheSame) {
  const Frames frames = recorded(version());
  ASSERT_FALSE(frames.empty()) << file_of(version()) << " is missing: record it with QUORATE_RECORD_WIRE=1";
  std::map<std::string, Kind> known;
  for (Kind& kind : kinds()) {
    EXPECT_TRUE(frames.contains(kind.label)) << kind.label << " is not recorded" << what_to_do(version());
    known.emplace(kind.label, std::move(kind));
  }
  for (const auto& [label, hex] : frames) {
    const auto bytes = from_hex(hex);
    ASSERT_TRUE(bytes) << label;
    std::string found;
    try {
      found = to_hex(again(*bytes, known, label));
    } catch (const Malformed& rule) {
      found = rule.what();
    } catch (const std::out_of_range&) {
      found = "no such message any more";
    }
    EXPECT_TRUE(found == hex) << label << ": " << found.substr(0, 200) << what_to_do(version());
  }
}

// Fields of other widths, but as many bytes in all, would be read and written the same.
TEST_P(Wire, WhatIsWrittenTodayIsWhatWasRecorded) {
  if (version() != peers::kWireVersion) return;  // nobody writes them any more
  const Frames frames = recorded(version());
  for (const auto& [label, hex] : made_today()) {
    const auto at = frames.find(label);
    ASSERT_NE(at, frames.end()) << label << what_to_do(version());
    EXPECT_TRUE(at->second == hex) << label << what_to_do(version());
  }
}

// attack 12. A node that speaks this version alone, and what others greet it with.
TEST_P(Wire, RecordedHandshakesEndInThisVersionOrInWords) {
  const Frames frames = recorded(version());
  peers::Hello mine = hello(version(), version());
  mine.node = "node1";
  const auto greet = [&](const std::string& label) {
    const Bytes bytes = from_hex(frames.at(label)).value();
    return peers::read_greeting(frame_in(bytes), mine, "node2");
  };
  for (const std::string& label : {kGreeting, kUpgraded, kBehind}) {
    const auto result = greet(label);
    ASSERT_TRUE(result.greeting) << label << ": " << result.refusal;
    EXPECT_EQ(peers::agreed_wire(mine, result.greeting->wire_min, result.greeting->wire_max), version()) << label;
    EXPECT_EQ(result.greeting->serial, 7u);
    EXPECT_EQ(result.greeting->hello.software.text, "quorated 0.1.0");
    EXPECT_EQ(result.greeting->hello.policy_version, 3u);
    EXPECT_EQ(result.greeting->hello.audit_head[0], 0xad);
  }
  const auto refused = greet(kTooNew);
  EXPECT_FALSE(refused.greeting);
  EXPECT_EQ(refused.refusal, "wire version: node1 speaks " + std::to_string(version()) + ", node2 speaks " +
                                 std::to_string(version() + 1));
}

INSTANTIATE_TEST_SUITE_P(Versions, Wire, ::testing::Range<int>(peers::kWireLeast, peers::kWireVersion + 1));

// Every tag in the headers is that of a kind above.
TEST(WireKinds, AreAllThatNodesSay) {
  std::set<std::string> tags;
  for (const Kind& kind : kinds()) tags.insert(kind.tag);
  std::size_t found = 0;
  for (const char* room : {"session", "keygen", "signing", "node"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(QUORATE_SOURCE_DIR) / room)) {
      if (entry.path().extension() != ".h") continue;
      std::stringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      const std::string all = text.str();
      for (const std::string before : {" tag = \"", "Tag = \""})
        for (auto at = all.find(before); at != std::string::npos; at = all.find(before, at + 1)) {
          const auto begin = at + before.size();
          const std::string tag = all.substr(begin, all.find('"', begin) - begin);
          ++found;
          EXPECT_TRUE(tags.contains(tag)) << tag << " is not recorded: add it to kinds()";
        }
    }
  EXPECT_GE(found, tags.size());
}

}  // namespace
}  // namespace quorate::wire_test

#include "peers/frame.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace quorate::peers {
namespace {

Hello some_hello(const std::string& node) {
  Hello hello;
  hello.node = node;
  hello.software = "test";
  hello.boot_id.fill(1);
  hello.cluster_id.fill(2);
  return hello;
}

Frame only_frame(const SecretBytes& bytes) {
  FrameReader reader;
  ByteView rest(bytes);
  auto frame = reader.take(rest);
  EXPECT_TRUE(frame && rest.empty() && reader.at_boundary());
  return std::move(*frame);
}

Bytes header(std::uint32_t length, std::uint8_t type) {
  return {static_cast<std::uint8_t>(length >> 24), static_cast<std::uint8_t>(length >> 16),
          static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length), type};
}

TEST(Frame, WireSnapshot) {
  Envelope envelope;
  envelope.sid.fill(0xAB);
  envelope.tag = "t/1";
  envelope.body = {1, 2};
  std::string sid;
  for (int i = 0; i < 32; ++i) sid += "ab";
  EXPECT_EQ(to_hex(*envelope_frame(envelope)), "0000002705" + sid + "03742f310102");
  EXPECT_EQ(to_hex(ping_frame(FrameType::ping, 258)), "00000009030000000000000102");
  EXPECT_EQ(to_hex(refusal_frame("no")), "00000003026e6f");
  EXPECT_EQ(to_hex(greeting_frame(some_hello("a"), 5)).substr(0, 42),
            "000000be01"
            "00050005"
            "0000000000000005"
            "00050005");
}

TEST(Frame, AnyPiecesGiveTheSameFrames) {
  SeededRng rng(1);
  SecretBytes stream;
  std::vector<Envelope> sent;
  for (std::size_t i = 0; i < 40; ++i) {
    Envelope e;
    rng.fill(e.sid);
    e.tag = std::string(1 + rng.below(limits::kMaxTag), 'x');
    e.body.resize(rng.below(i % 10 == 0 ? 100'000 : 300));
    rng.fill(e.body);
    const auto frame = envelope_frame(e);
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->capacity(), frame->size());  // no copy was left behind
    stream.insert(stream.end(), frame->begin(), frame->end());
    sent.push_back(e);
  }
  for (const std::size_t most : {1U, 2U, 7U, 1000U, 100'000'000U}) {
    FrameReader reader;
    std::size_t next = 0;
    for (ByteView rest(stream); !rest.empty();) {
      ByteView piece = rest.first(std::min<std::size_t>(rest.size(), 1 + rng.below(most)));
      rest = rest.subspan(piece.size());
      while (!piece.empty())
        if (auto frame = reader.take(piece)) {
          ASSERT_EQ(frame->type, FrameType::envelope);
          const Envelope e = read_envelope(std::move(*frame));
          ASSERT_EQ(e.sid, sent.at(next).sid);
          ASSERT_EQ(e.tag, sent[next].tag);
          ASSERT_EQ(e.body, sent[next].body);
          ++next;
        }
    }
    EXPECT_EQ(next, sent.size());
    EXPECT_TRUE(reader.at_boundary());
  }
}

// attack 50: the bound of each type holds before anything is allocated.
TEST(Frame, LengthIsCheckedFromTheHeaderAlone) {
  for (int type = 0; type < 256; ++type) {
    const std::size_t bound = max_payload(static_cast<std::uint8_t>(type));
    EXPECT_EQ(bound != 0, type >= 1 && type <= 5);
    const auto accepts = [&](std::uint32_t length) {
      FrameReader reader;
      const Bytes bytes = header(length, static_cast<std::uint8_t>(type));
      ByteView rest(bytes);
      try {
        reader.take(rest);
        return true;
      } catch (const Malformed&) {
        return false;
      }
    };
    EXPECT_FALSE(accepts(0));
    EXPECT_FALSE(accepts(0xFFFFFFFF));
    EXPECT_FALSE(accepts(0x80000000));
    EXPECT_EQ(accepts(static_cast<std::uint32_t>(bound) + 1), bound != 0);
    EXPECT_FALSE(accepts(static_cast<std::uint32_t>(bound) + 2));
  }
  EXPECT_EQ(max_payload(5) + kFrameHeader, limits::kMaxFrame);
}

TEST(Frame, EnvelopeBounds) {
  Envelope e;
  e.tag = std::string(limits::kMaxTag, 'x');
  e.body.resize(kMaxBodyBytes);
  ASSERT_TRUE(envelope_frame(e));
  EXPECT_EQ(envelope_frame(e)->size(), limits::kMaxFrame);
  EXPECT_EQ(read_envelope(only_frame(*envelope_frame(e))).body.size(), kMaxBodyBytes);
  e.body.push_back(0);
  EXPECT_FALSE(envelope_frame(e));
  e.body.clear();
  for (std::string tag : {std::string(), std::string(limits::kMaxTag + 1, 'x'), std::string("\x7f"),
                          std::string("a\0b", 3), std::string("é")}) {
    e.tag = tag;
    EXPECT_FALSE(envelope_frame(e));
  }
  e.tag = "ok";
  const SecretBytes good = *envelope_frame(e);
  for (std::size_t cut = 0; cut < good.size() - kFrameHeader; ++cut)
    EXPECT_THROW(read_envelope(Frame{FrameType::envelope, secret_bytes(ByteView(good).subspan(kFrameHeader, cut))}),
                 Malformed)
        << cut;
  for (const std::uint8_t length : Bytes{0, 49, 255}) {  // of the tag
    SecretBytes payload(300, 'x');
    payload[32] = length;
    EXPECT_THROW(read_envelope(Frame{FrameType::envelope, payload}), Malformed);
  }
  SecretBytes longest(max_payload(5), 'x');  // with a short tag the body would be too long
  longest[32] = 1;
  EXPECT_THROW(read_envelope(Frame{FrameType::envelope, longest}), Malformed);
}

TEST(Frame, PingsAreEightBytes) {
  EXPECT_EQ(read_ping(only_frame(ping_frame(FrameType::pong, ~0ULL))), ~0ULL);
  EXPECT_THROW(read_ping(Frame{FrameType::ping, SecretBytes(7)}), Malformed);
  EXPECT_THROW(read_ping(Frame{FrameType::ping, SecretBytes(9)}), Malformed);
}

TEST(Frame, GreetingAccepted) {
  const Hello mine = some_hello("me"), theirs = some_hello("you");
  const auto result = read_greeting(only_frame(greeting_frame(theirs, 9)), mine, "you");
  ASSERT_TRUE(result.greeting);
  EXPECT_EQ(result.greeting->serial, 9U);
  EXPECT_EQ(result.greeting->hello, theirs);
  EXPECT_TRUE(result.refusal.empty());
  Hello newer = theirs;
  newer.wire_max = 7;  // overlaps
  EXPECT_TRUE(read_greeting(only_frame(greeting_frame(newer, 9)), mine, "you").greeting);
}

TEST(Frame, TheHighestWireVersionThatBothSpeak) {
  const auto agreed = [](std::uint16_t my_least, std::uint16_t my_most, std::uint16_t least, std::uint16_t most) {
    Hello mine = some_hello("me"), theirs = some_hello("you");
    mine.wire_min = my_least, mine.wire_max = my_most;
    theirs.wire_min = least, theirs.wire_max = most;
    const std::uint16_t wire = agreed_wire(mine, least, most);
    EXPECT_EQ(agreed_wire(theirs, my_least, my_most), wire) << "the other end finds another one";
    EXPECT_EQ(read_greeting(only_frame(greeting_frame(theirs, 1)), mine, "you").greeting.has_value(), wire != 0);
    return wire;
  };
  EXPECT_EQ(agreed(5, 5, 5, 6), 5);
  EXPECT_EQ(agreed(5, 5, 4, 5), 5);
  EXPECT_EQ(agreed(5, 6, 5, 6), 6);
  EXPECT_EQ(agreed(4, 5, 5, 6), 5);
  EXPECT_EQ(agreed(5, 5, 6, 6), 0);
  EXPECT_EQ(agreed(5, 6, 4, 4), 0);
}

// attack 12, attack 49
TEST(Frame, GreetingRefusals) {
  const Hello mine = some_hello("me");
  const auto refusal = [&](const Hello& theirs, std::string_view from = "you") {
    const auto result = read_greeting(only_frame(greeting_frame(theirs, 1)), mine, from);
    EXPECT_FALSE(result.greeting);
    EXPECT_LE(result.refusal.size(), kMaxRefusal);
    return result.refusal;
  };
  Hello newer = some_hello("you");
  newer.wire_min = 6, newer.wire_max = 7;
  EXPECT_EQ(refusal(newer), "wire version: me speaks 5, you speaks 6 to 7");
  Hello older = some_hello("you");
  older.wire_min = older.wire_max = 1;
  EXPECT_EQ(refusal(older), "wire version: me speaks 5, you speaks 1");
  Hello elsewhere = some_hello("you");
  elsewhere.cluster_id.fill(3);
  EXPECT_EQ(refusal(elsewhere), "other cluster: me is in 0202020202020202, you in 0303030303030303");
  EXPECT_EQ(refusal(some_hello("me")), "identity: the certificate is that of you, the hello names me");
  refusal(some_hello(std::string(limits::kMaxName, '\n')), std::string(limits::kMaxName, 'y'));

  // A later version's greeting may look like nothing we know.
  EXPECT_FALSE(read_greeting(Frame{FrameType::hello, secret_bytes(Bytes{0, 6, 0, 6, 1, 2, 3})}, mine, "you").greeting);
  const auto malformed = [&](SecretBytes payload) {
    EXPECT_THROW(read_greeting(Frame{FrameType::hello, std::move(payload)}, mine, "you"), Malformed);
  };
  malformed({0, 1, 0});
  malformed({0, kWireVersion, 0, kWireVersion - 1});
  SecretBytes good = encode(Greeting{kWireVersion, kWireVersion, 1, some_hello("you")});
  for (std::size_t cut = 4; cut < good.size(); ++cut) malformed(secret_bytes(ByteView(good).first(cut)));
  SecretBytes disagrees = good;
  disagrees[15] = 9;  // the Hello's own wire_max
  malformed(disagrees);
  good.push_back(0);
  malformed(good);
  Hello no_boot = some_hello("you");
  no_boot.boot_id = {};
  malformed(encode(Greeting{kWireVersion, kWireVersion, 1, no_boot}));
}

TEST(Frame, Printable) {
  EXPECT_EQ(printable("plain text."), "plain text.");
  EXPECT_EQ(printable("a\n\"\\\x1b\xff"), "a\\x0a\\x22\\x5c\\x1b\\xff");
  EXPECT_EQ(printable("aaaa", 3), "aaa");
  EXPECT_EQ(printable("aa\n", 5), "aa");  // no half escapes
  EXPECT_LE(printable(std::string(1000, '\n')).size(), 200U);
}

}  // namespace
}  // namespace quorate::peers

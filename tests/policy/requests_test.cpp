#include "policy/requests.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace quorate::policy {
namespace {

std::string pointer_of(const std::function<void(const Json&)>& parse, std::string_view body) {
  try {
    parse(parse_json(body));
  } catch (const JsonError& e) {
    return e.pointer;
  }
  return "no error";
}
std::string create_error(std::string_view body) {
  return pointer_of([](const Json& j) { parse_create_key(j); }, body);
}
std::string sign_error(std::string_view body) {
  return pointer_of([](const Json& j) { parse_sign(j); }, body);
}

TEST(CreateKey, IsRead) {
  const auto key = parse_create_key(parse_json(
      R"({"name":"hot-1","algorithm":"eddsa-ed25519","threshold":2,"participants":["node3","node1","node2"]})"));
  EXPECT_EQ(key.name, "hot-1");
  EXPECT_EQ(key.algorithm, SignatureScheme::eddsa_ed25519);
  EXPECT_EQ(key.threshold, 2u);
  EXPECT_EQ(key.participants, (std::vector<std::string>{"node1", "node2", "node3"}));
}

TEST(CreateKey, ErrorsNameTheField) {
  const std::string good = R"({"name":"k","algorithm":"schnorr-secp256k1","threshold":2,"participants":["a","b"]})";
  ASSERT_EQ(create_error(good), "no error");
  const auto patched = [&](const char* patch) {
    return create_error(parse_json(good).patch(parse_json(patch)).dump());
  };
  for (const char* name : {R"("")", R"("K")", R"("a b")", R"("a/b")", "7", "null"})
    EXPECT_EQ(patched((R"([{"op":"replace","path":"/name","value":)" + std::string(name) + "}]").c_str()), "/name")
        << name;
  EXPECT_EQ(create_error(R"({"name":")" + std::string(64, 'a') +
                         R"(","algorithm":"eddsa-ed25519","threshold":2,"participants":["a","b"]})"),
            "/name");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/algorithm","value":"rsa"}])"), "/algorithm");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/algorithm","value":"EdDSA-Ed25519"}])"), "/algorithm");
  for (const char* t : {"0", "1", "3", "-2", "\"2\"", "true"})  // attack 20
    EXPECT_EQ(patched((R"([{"op":"replace","path":"/threshold","value":)" + std::string(t) + "}]").c_str()),
              "/threshold")
        << t;
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/participants","value":["a"]}])"), "/participants");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/participants","value":[]}])"), "/participants");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/participants","value":"ab"}])"), "/participants");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/participants/1","value":"a"}])"), "/participants/1");  // attack 13
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/participants/1","value":1}])"), "/participants/1");
  EXPECT_EQ(patched(R"([{"op":"replace","path":"/participants/1","value":"B"}])"), "/participants/1");
  EXPECT_EQ(patched(R"([{"op":"add","path":"/label","value":"x"}])"), "/label");
  EXPECT_EQ(create_error("[]"), "");
}

TEST(CreateKey, HasAtMost32Participants) {
  const auto with = [](std::size_t n) {
    Json body = parse_json(R"({"name":"k","algorithm":"eddsa-ed25519","threshold":2,"participants":[]})");
    for (std::size_t i = 0; i < n; ++i) body["participants"].push_back("n" + std::to_string(i));
    return create_error(body.dump());
  };
  EXPECT_EQ(with(32), "no error");
  EXPECT_EQ(with(33), "/participants");
}

TEST(Sign, ReadsMessages) {
  const auto utf8 = parse_sign(parse_json(R"({"payload":{"kind":"message","utf8":"héllo"},"memo":"why","path":"m"})"));
  EXPECT_EQ(utf8.kind, PayloadKind::message);
  EXPECT_EQ(utf8.bytes, bytes_of("héllo"));
  EXPECT_EQ(utf8.hash, MessageHash::unset);
  EXPECT_EQ(utf8.path, "m");
  EXPECT_EQ(utf8.memo, "why");
  const auto base64 =
      parse_sign(parse_json(R"({"payload":{"kind":"message","base64":"AP8=","hash":"double_sha256"}})"));
  EXPECT_EQ(base64.bytes, (Bytes{0x00, 0xff}));
  EXPECT_EQ(base64.hash, MessageHash::double_sha256);
  EXPECT_EQ(base64.memo, "");
  const auto digest =
      parse_sign(parse_json(R"({"payload":{"kind":"digest","hex":")" + std::string(64, 'a') + R"("}})"));
  EXPECT_EQ(digest.kind, PayloadKind::digest);
  EXPECT_EQ(digest.bytes, Bytes(32, 0xaa));
}

TEST(Sign, ErrorsNameTheField) {
  EXPECT_EQ(sign_error(R"({})"), "/payload");
  EXPECT_EQ(sign_error(R"({"payload":"x"})"), "/payload");
  EXPECT_EQ(sign_error(R"({"payload":{}})"), "/payload/kind");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"fax"}})"), "/payload/kind");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message"}})"), "/payload");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a","base64":"YQ=="}})"), "/payload");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","base64":"YQ"}})"), "/payload/base64");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","base64":"YR=="}})"), "/payload/base64");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":7}})"), "/payload/utf8");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a","hash":"md5"}})"), "/payload/hash");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a","hash":null}})"), "/payload/hash");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a","hex":"00"}})"), "/payload/hex");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"digest","hex":"00"}})"), "/payload/hex");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"digest","hex":")" + std::string(64, 'g') + R"("}})"), "/payload/hex");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"digest","hex":")" + std::string(64, 'a') + R"(","hash":"sha256"}})"),
            "/payload/hash");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a"},"memo":")" + std::string(1024, 'm') + R"("})"),
            "no error");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a"},"memo":")" + std::string(1025, 'm') + R"("})"),
            "/memo");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a"},"network":"x"})"), "/network");
}

// What is in a transaction is transactions::decode's to judge; what is around it is judged here.
TEST(Sign, LeavesTransactionsToTheirDecoders) {
  for (const char* kind : {"eth_message", "eth_transaction", "eth_typed_data", "btc_psbt", "solana_transaction"}) {
    const std::string payload = R"({"payload":{"kind":")" + std::string(kind) + R"(","anything":1})";
    EXPECT_EQ(name_of(parse_sign(parse_json(payload + R"(,"path":"m/0/5"})")).kind), kind);
    EXPECT_EQ(parse_sign(parse_json(payload + R"(,"path":"m/0/5"})")).path, "m/0/5");
    EXPECT_TRUE(shows_facts(*parse_payload_kind(kind)));
    EXPECT_EQ(sign_error(payload + R"(,"x":1})"), "/x") << kind;
  }
  EXPECT_FALSE(shows_facts(PayloadKind::message));
  EXPECT_FALSE(shows_facts(PayloadKind::digest));
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a"},"path":"m/0"})"), "no error");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a"},"path":""})"), "/path");
  EXPECT_EQ(sign_error(R"({"payload":{"kind":"message","utf8":"a"},"path":7})"), "/path");
}

TEST(Sign, MessagesAreBounded) {
  const auto utf8 = [](std::size_t n) {
    return R"({"payload":{"kind":"message","utf8":")" + std::string(n, 'a') + R"("}})";
  };
  const auto base64 = [](std::size_t n) {
    return R"({"payload":{"kind":"message","base64":")" + to_base64(Bytes(n, 1)) + R"("}})";
  };
  EXPECT_EQ(sign_error(utf8(0)), "no error");
  EXPECT_EQ(sign_error(utf8(limits::kMaxSignedBytes)), "no error");
  EXPECT_EQ(sign_error(utf8(limits::kMaxSignedBytes + 1)), "/payload/utf8");
  EXPECT_EQ(sign_error(base64(limits::kMaxSignedBytes)), "no error");
  for (std::size_t more = 1; more <= 4; ++more)
    EXPECT_EQ(sign_error(base64(limits::kMaxSignedBytes + more)), "/payload/base64") << more;
}

Bytes to_sign(std::string_view body, SignatureScheme scheme) {
  return bytes_to_sign(parse_sign(parse_json(body)), scheme);
}
Bytes bytes_from(const Digest& d) { return {d.begin(), d.end()}; }

TEST(Sign, TheSchemeDecidesWhatIsSigned) {  // attack 36, 42
  constexpr auto ed25519 = SignatureScheme::eddsa_ed25519, bip340 = SignatureScheme::schnorr_secp256k1;
  constexpr auto ecdsa = SignatureScheme::ecdsa_secp256k1;
  const char* plain = R"({"payload":{"kind":"message","utf8":"abc"}})";
  const char* sha = R"({"payload":{"kind":"message","utf8":"abc","hash":"sha256"}})";
  const char* twice = R"({"payload":{"kind":"message","utf8":"abc","hash":"double_sha256"}})";
  const char* keccak = R"({"payload":{"kind":"message","utf8":"abc","hash":"keccak256"}})";
  const Digest once = sha256(view_of("abc"));
  EXPECT_EQ(to_sign(plain, ed25519), bytes_of("abc"));
  for (const auto scheme : {bip340, ecdsa}) {
    EXPECT_EQ(to_sign(plain, scheme), bytes_from(once));
    EXPECT_EQ(to_sign(sha, scheme), bytes_from(once));
    EXPECT_EQ(to_sign(twice, scheme), bytes_from(sha256(once)));
    EXPECT_EQ(to_hex(to_sign(keccak, scheme)), "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45");
  }
  for (const char* body : {sha, twice, keccak}) EXPECT_THROW(to_sign(body, ed25519), JsonError);
  const std::string digest = R"({"payload":{"kind":"digest","hex":")" + std::string(64, 'a') + R"("}})";
  for (const auto scheme : {ed25519, bip340, ecdsa}) EXPECT_EQ(to_sign(digest, scheme), Bytes(32, 0xaa));
}

TEST(OtherBodies, AreStrict) {
  const auto empty = [](std::string_view body) { return pointer_of([](const Json& j) { parse_empty(j); }, body); };
  EXPECT_EQ(empty("{}"), "no error");
  EXPECT_EQ(empty(R"({"x":1})"), "/x");
  EXPECT_EQ(empty("[]"), "");
  const auto reshare = [](std::string_view body) { return pointer_of([](const Json& j) { parse_reshare(j); }, body); };
  EXPECT_EQ(reshare(R"({"threshold":2,"participants":["a","b"]})"), "no error");
  EXPECT_EQ(reshare(R"({"threshold":3,"participants":["a","b"]})"), "/threshold");
  EXPECT_EQ(reshare(R"({"threshold":2,"participants":["a","b"],"name":"x"})"), "/name");
  const std::string digest(64, 'a');
  EXPECT_EQ(reshare(R"({"threshold":2,"participants":["a","b"],"certificate":")" + digest + R"("})"), "no error");
  const auto refresh = [](std::string_view body) { return pointer_of([](const Json& j) { parse_refresh(j); }, body); };
  EXPECT_EQ(refresh("{}"), "no error");
  EXPECT_EQ(refresh(R"({"certificate":")" + digest + R"("})"), "no error");
  EXPECT_EQ(refresh(R"({"certificate":")" + std::string(64, 'A') + R"("})"), "/certificate");
  EXPECT_EQ(refresh(R"({"certificate":"aa"})"), "/certificate");
  EXPECT_EQ(refresh(R"({"threshold":2})"), "/threshold");
  EXPECT_EQ(parse_refresh(Json{{"certificate", digest}}).certificate.value()[31], 0xaa);
  EXPECT_TRUE(parse_refresh(Json::object()).refresh);
  const auto freeze = [](std::string_view body) {
    return pointer_of([](const Json& j) { parse_freeze_scope(j); }, body);
  };
  EXPECT_EQ(freeze(R"({"scope":"all"})"), "no error");
  EXPECT_EQ(freeze(R"({"scope":"hot-1"})"), "no error");
  EXPECT_EQ(freeze(R"({"scope":")" + std::string(64, 'a') + R"("})"), "no error");
  EXPECT_EQ(freeze(R"({"scope":"*"})"), "/scope");
  EXPECT_EQ(freeze("{}"), "/scope");
}

}  // namespace
}  // namespace quorate::policy

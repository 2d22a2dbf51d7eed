#include <gtest/gtest.h>

#include "base/hash.h"
#include "fake_api.h"
#include "http/message_signature.h"
#include "http/structured_fields.h"

namespace quorate::http {
namespace {

std::optional<Ed25519PublicKey> lookup(std::string_view user) {
  if (user == "alice") return alice().public_key();
  return std::nullopt;
}
std::string outcome(const SignedRequest& r, const std::string& cluster = kCluster) {
  const auto v = verify(r, cluster, lookup);
  if (const auto* e = std::get_if<AuthError>(&v)) return e->code;
  return "ok";
}
SignedRequest get() { return signed_by(alice(), {"GET", "/v1/keys?limit=3", "", "", "", "alice", kCluster, 1000, {}}); }
SignedRequest post() {
  return signed_by(alice(), {"POST", "/v1/keys", kCreateKey, "", "once", "alice", kCluster, 1000, {}});
}

// A request with a Signature-Input of the test's own choosing, rightly signed over it.
SignedRequest with_input(SignedRequest r, const std::vector<Component>& components, const std::string& parameters) {
  r.signature_input = "sig1=" + parameters;
  r.signature = "sig1=" + to_sf_bytes(alice().sign(view_of(signature_base(components, parameters))));
  return r;
}
const std::vector<Component> kGetComponents = {{"@method", "GET"}, {"@path", "/v1/keys"}, {"@query", "?limit=3"}};
const std::string kNames = R"(("@method" "@path" "@query"))";
const std::string kTag = ";tag=\"quorate-v1:" + kCluster + "\"";
const std::string kRest = R"(;nonce="0123456789abcdef";keyid="alice";alg="ed25519")" + kTag;

// RFC 9421 appendix B.2.6 with the key of B.1.4.
TEST(MessageSignature, BaseOfTheStandardsEd25519Example) {
  const auto key = Ed25519SecretKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE "
      "KEY-----\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(to_base64(key->public_key().bytes()), "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=");
  const std::string input =
      R"(("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519")";
  const std::string base = signature_base({{"date", "Tue, 20 Apr 2021 02:07:55 GMT"},
                                           {"@method", "POST"},
                                           {"@path", "/foo"},
                                           {"@authority", "example.com"},
                                           {"content-type", "application/json"},
                                           {"content-length", "18"}},
                                          input);
  EXPECT_EQ(to_base64(key->sign(view_of(base))),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==");
  const auto lists = parse_inner_lists("sig-b26=" + input);
  ASSERT_TRUE(lists);
  EXPECT_EQ(lists->front().text, input);
  EXPECT_EQ(lists->front().items.size(), 6u);
}

// RFC 9530 appendix D's style: an empty body has a digest too.
TEST(MessageSignature, ContentDigest) {
  EXPECT_EQ(content_digest_of({}), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
  EXPECT_EQ(content_digest_of(view_of(R"({"hello": "world"})")),
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
}

TEST(MessageSignature, SignedRequestsVerify) {
  const auto v = verify(post(), kCluster, lookup);
  const auto& who = std::get<Verified>(v);
  EXPECT_EQ(who.user, "alice");
  EXPECT_EQ(who.created, 1000);
  EXPECT_EQ(who.idempotency_key, "once");
  EXPECT_EQ(who.path, "/v1/keys");
  EXPECT_EQ(who.query, "?");
  EXPECT_EQ(who.body_digest, sha256(view_of(kCreateKey)));
  EXPECT_EQ(std::get<Verified>(verify(get(), kCluster, lookup)).query, "?limit=3");
}

TEST(MessageSignature, SurvivesForwarding) {
  const SignedRequest r = post();
  const SecretBytes bytes = encode(r);
  EXPECT_EQ(decode<SignedRequest>(bytes), r);
}

TEST(MessageSignature, EveryPartIsCovered) {
  const std::function<void(SignedRequest&)> changes[] = {
      [](SignedRequest& r) { r.method = "PUT"; },
      [](SignedRequest& r) { r.target = "/v1/keyz"; },
      [](SignedRequest& r) { r.target = "/v1/keys?a=1"; },
      [](SignedRequest& r) { r.idempotency_key.value = "twice"; },
      [](SignedRequest& r) {
        r.signature_input.text.replace(r.signature_input.text.find("created=1000"), 12, "created=1001");
      },
      [](SignedRequest& r) { r.signature_input.text.replace(r.signature_input.text.find("nonce-"), 6, "Nonce-"); },
      [](SignedRequest& r) { r.signature_input.text.replace(r.signature_input.text.find(");"), 2, "); "); },
  };
  for (const auto& change : changes) {
    SignedRequest r = post();
    change(r);
    EXPECT_EQ(outcome(r), "signature_invalid");
  }
  SignedRequest r = post();
  r.body[0] ^= 1;
  EXPECT_EQ(outcome(r), "digest_mismatch");
  r.content_digest.value = content_digest_of(r.body);
  EXPECT_EQ(outcome(r), "signature_invalid");
  Bytes signature = parse_byte_sequences(post().signature.text)->front().second;
  for (std::size_t i = 0; i < 64; i += 9) {
    SignedRequest forged = post();
    Bytes bad = parse_byte_sequences(forged.signature.text)->front().second;
    bad[i] ^= 1;
    forged.signature = "sig1=" + to_sf_bytes(bad);
    EXPECT_EQ(outcome(forged), "signature_invalid") << i;
  }
}

TEST(MessageSignature, ExactlyTheComponentsInAnyOrder) {
  const std::string order = R"(("@query" "@method" "@path");created=1000)" + kRest;
  EXPECT_EQ(outcome(with_input(get(), {kGetComponents[2], kGetComponents[0], kGetComponents[1]}, order)), "ok");
  EXPECT_EQ(
      outcome(with_input(get(), {kGetComponents[0], kGetComponents[1]}, R"(("@method" "@path");created=1000)" + kRest)),
      "component_set");
  EXPECT_EQ(outcome(with_input(get(), {kGetComponents[0], kGetComponents[1], kGetComponents[2], kGetComponents[0]},
                               R"(("@method" "@path" "@query" "@method");created=1000)" + kRest)),
            "component_set");
  EXPECT_EQ(outcome(with_input(get(), {kGetComponents[0], kGetComponents[1], kGetComponents[1]},
                               R"(("@method" "@path" "@path");created=1000)" + kRest)),
            "component_set");
  EXPECT_EQ(outcome(with_input(get(), {kGetComponents[0], kGetComponents[1], kGetComponents[2], {"date", "x"}},
                               R"(("@method" "@path" "@query" "date");created=1000)" + kRest)),
            "component_set");
  // A component with parameters is another component.
  EXPECT_EQ(outcome(with_input(get(), kGetComponents, R"(("@method";req "@path" "@query");created=1000)" + kRest)),
            "signature_malformed");
}

TEST(MessageSignature, PresentHeadersMustBeCovered) {
  for (Header SignedRequest::*header :
       {&SignedRequest::idempotency_key, &SignedRequest::if_match, &SignedRequest::content_digest}) {
    SignedRequest r = get();
    r.*header = {true, "x"};
    EXPECT_EQ(outcome(r), "component_set");
    r = post();
    if (header == &SignedRequest::content_digest) continue;
    r.*header = (r.*header).present ? Header{} : Header{true, "x"};
    EXPECT_EQ(outcome(r), "component_set");
  }
  SignedRequest r = post();
  r.content_digest = Header{};
  EXPECT_EQ(outcome(r), "component_set");
  r = get();
  r.if_match.value = "hidden";  // not present, and yet a value: only a forwarding node could make it
  EXPECT_EQ(outcome(r), "malformed_header");
}

TEST(MessageSignature, ParametersExactly) {
  const auto with = [](const std::string& parameters) {
    return outcome(with_input(get(), kGetComponents, kNames + parameters));
  };
  EXPECT_EQ(with(";created=1000" + kRest), "ok");
  EXPECT_EQ(with(";created=1000;expires=2000" + kRest), "ok");
  EXPECT_EQ(with(kRest), "signature_parameters");
  EXPECT_EQ(with(";created=\"1000\"" + kRest), "signature_parameters");
  EXPECT_EQ(with(";created=1000;extra=1" + kRest), "signature_parameters");
  EXPECT_EQ(with(";created=1000;created=1000" + kRest), "signature_malformed");
  EXPECT_EQ(with(";created=1000.5" + kRest), "signature_malformed");
  EXPECT_EQ(with(R"(;created=1000;keyid="alice";alg="ed25519")" + kTag), "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";alg="ed25519")" + kTag), "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="alice")" + kTag), "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="alice";alg="ed25519")"), "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcde";keyid="alice";alg="ed25519")" + kTag),
            "signature_parameters");
  EXPECT_EQ(with(";created=1000;nonce=\"" + std::string(65, 'n') + R"(";keyid="alice";alg="ed25519")" + kTag),
            "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="alice";alg="rsa-pss-sha512")" + kTag),
            "signature_parameters");
  // A node's requests never come in this way: nobody's keys are known under such a name.
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="node:node1";alg="ed25519")" + kTag), "unknown_user");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="node:";alg="ed25519")" + kTag),
            "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="peer:node1";alg="ed25519")" + kTag),
            "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="mallory";alg="ed25519")" + kTag), "unknown_user");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="Alice";alg="ed25519")" + kTag),
            "signature_parameters");
  EXPECT_EQ(with(R"(;created=1000;nonce="0123456789abcdef";keyid="alice";alg="ed25519";tag="other")"),
            "signature_parameters");
  EXPECT_EQ(outcome(get(), std::string(64, 'd')), "wrong_cluster");
}

TEST(MessageSignature, OneSignatureLabelledSig1) {
  const SignedRequest good = get();
  EXPECT_EQ(outcome(good), "ok");
  SignedRequest r = good;
  r.signature_input.text += ", sig2=" + good.signature_input.text.substr(5);
  EXPECT_EQ(outcome(r), "signature_malformed");
  r = good;
  r.signature.text += ", sig2=:AAAA:";
  EXPECT_EQ(outcome(r), "signature_malformed");
  r = good;
  r.signature_input.text[3] = r.signature.text[3] = '2';
  EXPECT_EQ(outcome(r), "signature_malformed");
  r = good;
  r.signature = "";
  EXPECT_EQ(outcome(r), "signature_missing");
  r = good;
  r.signature_input = "";
  EXPECT_EQ(outcome(r), "signature_missing");
  r = good;
  r.signature = "sig1=:AAAA:";
  EXPECT_EQ(outcome(r), "signature_malformed");
}

TEST(MessageSignature, ContentDigestNeedsSha256AndIgnoresOthers) {
  SignedRequest unsigned_post;
  unsigned_post.method = "POST";
  unsigned_post.target = "/v1/keys";
  const auto with = [&](const std::string& digest) {
    SignedRequest r = unsigned_post;
    r.content_digest = {true, digest};
    return outcome(with_input(r,
                              {{"@method", "POST"}, {"@path", "/v1/keys"}, {"@query", "?"}, {"content-digest", digest}},
                              R"(("@method" "@path" "@query" "content-digest");created=1000)" + kRest));
  };
  const std::string good = content_digest_of({});
  EXPECT_EQ(with(good), "ok");
  EXPECT_EQ(with("sha-512=:AAAA:, " + good), "ok");
  EXPECT_EQ(with(good + ", " + good), "digest_mismatch");
  EXPECT_EQ(with("sha-512=:AAAA:"), "digest_mismatch");
  EXPECT_EQ(with("sha-256=:AAAA:"), "digest_mismatch");
  EXPECT_EQ(with(content_digest_of(view_of("x"))), "digest_mismatch");
}

TEST(MessageSignature, NothingSplitsALineOfTheBase) {
  for (const std::string& bad : {std::string("a\nb"), std::string("a\rb"), std::string("a\0b", 3), std::string("a\x80"),
                                 std::string(" a"), std::string("a ")}) {
    SignedRequest r = post();
    r.if_match = {true, bad};
    EXPECT_EQ(outcome(r), "malformed_header");
  }
  for (const std::string bad : {"/a b", "/a\n\"@query\": ?", "v1", "", "/a#b", "/\x7f"}) {
    SignedRequest r = get();
    r.target = bad;
    EXPECT_EQ(outcome(r), "bad_target");
  }
  SignedRequest r = post();
  r.idempotency_key.value = std::string(256, 'k');
  EXPECT_EQ(outcome(r), "malformed_header");
  r = get();
  r.body = {1};
  EXPECT_EQ(outcome(r), "unexpected_body");
}

TEST(MessageSignature, Freshness) {
  Verified who;
  who.created = 1'000'000;
  const auto at = [&](std::int64_t ms) {
    const auto e = check_fresh(who, WallTime(Millis(1'000'000'000 + ms)));
    return e ? e->code : "ok";
  };
  EXPECT_EQ(at(60'000), "ok");
  EXPECT_EQ(at(60'001), "clock_skew");
  EXPECT_EQ(at(-10'000), "ok");
  EXPECT_EQ(at(-10'001), "clock_skew");
  who.expires = 1'000'005;
  EXPECT_EQ(at(4'999), "ok");
  EXPECT_EQ(at(5'000), "signature_expired");
  for (const std::int64_t extreme : {999'999'999'999'999, -999'999'999'999'999}) {
    who.created = extreme;
    EXPECT_EQ(at(0), "clock_skew");
  }
}

TEST(MessageSignature, RequestIdDependsOnWhatNamesTheRequest) {
  Verified who = std::get<Verified>(verify(post(), kCluster, lookup));
  who.idempotency_key = "k";
  const std::string id = request_id(who, kCluster);
  EXPECT_EQ(id.size(), 36u);
  EXPECT_EQ(id.substr(0, 4), "req_");
  Verified same = who;
  same.created = 5, same.nonce = "another-nonce-0000", same.query = "?x", same.body_digest = {};
  EXPECT_EQ(request_id(same, kCluster), id);
  for (std::string Verified::*part : {&Verified::user, &Verified::method, &Verified::path}) {
    Verified other = who;
    other.*part += "x";
    EXPECT_NE(request_id(other, kCluster), id);
  }
  EXPECT_NE(request_id(who, std::string(64, 'd')), id);
  Verified other = who;
  other.idempotency_key = "l";
  EXPECT_NE(request_id(other, kCluster), id);
  other.idempotency_key.reset();
  const std::string by_nonce = request_id(other, kCluster);
  EXPECT_NE(by_nonce, id);
  other.nonce += "x";
  EXPECT_NE(request_id(other, kCluster), by_nonce);
}

TEST(StructuredFields, RefusesWhatIsNotOfTheForm) {
  for (const std::string bad : {"",
                                "sig1",
                                "sig1=",
                                "sig1=(",
                                "sig1=()x",
                                "sig1=(\"a\"\"b\")",
                                "sig1=(\"a);created=1",
                                "Sig1=()",
                                "sig1=(a)",
                                "sig1=();A=1",
                                "sig1=();a",
                                "sig1=();a=",
                                "sig1=();a=--1",
                                "sig1=();a=1234567890123456",
                                "sig1=();a=tok",
                                "sig1=(\"\\n\")",
                                "sig1=(),",
                                "sig1=() sig2=()",
                                "sig1=(),sig1=()",
                                "sig1=(\t\"a\")",
                                "\tsig1=()"})
    EXPECT_FALSE(parse_inner_lists(bad)) << bad;
  EXPECT_TRUE(parse_inner_lists("  sig1=()  "));
  EXPECT_TRUE(parse_inner_lists("a=( ),\t b=(  \"x\"  \"y\" ); a=1;b=\"q\\\"\""));
  for (const std::string bad : {"a=AAAA", "a=:AAAA", "a=:AAA:", "a=:A A A:", "a=:AAAA:;x=1", "a=::b", "a=:AAAB=:"})
    EXPECT_FALSE(parse_byte_sequences(bad)) << bad;
  EXPECT_EQ(parse_byte_sequences("a=::")->front().second, Bytes());
  std::string many = "a0=::";
  for (int i = 1; i < 9; ++i) many += ",a" + std::to_string(i) + "=::";
  EXPECT_FALSE(parse_byte_sequences(many));
  EXPECT_FALSE(parse_inner_lists("sig1=(" + std::string(100'000, '(')));
}

}  // namespace
}  // namespace quorate::http

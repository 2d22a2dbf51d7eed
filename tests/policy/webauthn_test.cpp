// Assertions of authenticators: what counts as one, and each thing that keeps one from counting.
#include "policy/webauthn.h"

#include <gtest/gtest.h>

#include <functional>

#include "policy/approval.h"
#include "policy/document.h"
#include "tests/policy/sample_policy.h"
#include "tests/support/authenticator.h"

namespace quorate::policy {
namespace {

using test::Authenticator;
using namespace std::string_literals;

const std::string kText = "quorate/approval/v1\n{}";

std::vector<Credential> credentials(const Authenticator& a) {
  return {{a.id, a.rp_id, {a.origin, "https://pay.example.com:8443"}, Es256PublicKey::parse(a.point).value()}};
}

const Authenticator& mine() {
  static const Authenticator a("mine");
  return a;
}

// The member that is wrong; "" if none is.
std::string wrong(const Assertion& assertion, std::string_view approved = kText) {
  const auto fault = fault_in(assertion, credentials(mine()), approved);
  if (!fault) return "";
  EXPECT_FALSE(fault->what.empty());
  return fault->pointer;
}
// Of one that was signed after the change.
std::string changed(const std::function<void(Authenticator::Said&)>& change) {
  auto said = mine().about(kText);
  change(said);
  return wrong(mine().sign(said));
}
// The client data with members more or other.
std::string with_client(const Json& members) {
  return changed([&](auto& said) {
    Json client = Json::parse(said.client);
    client.update(members);
    said.client = client.dump();
  });
}
std::string without_client(const char* member) {
  return changed([&](auto& said) {
    Json client = Json::parse(said.client);
    client.erase(member);
    said.client = client.dump();
  });
}

TEST(WebAuthn, ACredentialsAssertionCounts) {
  EXPECT_EQ(wrong(mine().approve(kText)), "");
  EXPECT_EQ(with_client({{"origin", "https://pay.example.com:8443"}}), "") << "the second of its origins";
  EXPECT_EQ(without_client("crossOrigin"), "");
  EXPECT_EQ(with_client({{"other_keys_can_be_added_here", "do not compare"}, {"androidPackageName", "x"}}), "");
  EXPECT_EQ(with_client({{"tokenBinding", {{"status", "supported"}}}}), "");
  EXPECT_EQ(changed([](auto& s) { s.data[32] = 0x1d; }), "") << "a passkey that is backed up";
  EXPECT_EQ(changed([](auto& s) { s.data[33] = 0xff; }), "") << "any count of signatures";
  EXPECT_EQ(changed([](auto& s) { s.data[36] = 0; }), "") << "none is counted";
  auto assertion = mine().approve(kText);
  const Bytes other = Authenticator::other_signature(assertion.signature);
  assertion.signature.assign(other.begin(), other.end());
  EXPECT_EQ(wrong(assertion), "") << "low and high s";
}

TEST(WebAuthn, OnlyOfThisPersonsCredential) {
  const Authenticator theirs("theirs");
  EXPECT_EQ(wrong(theirs.approve(kText)), "/credential");
  auto named = theirs.approve(kText);
  named.credential.assign(mine().id.begin(), mine().id.end());
  EXPECT_EQ(wrong(named), "/signature");
  auto cut = mine().approve(kText);
  cut.credential.pop_back();
  EXPECT_EQ(wrong(cut), "/credential");
  EXPECT_EQ(fault_in(mine().approve(kText), {}, kText).value().pointer, "/credential");
  // Of two the one that is named.
  auto two = credentials(theirs);
  two.push_back(credentials(mine()).front());
  EXPECT_FALSE(fault_in(mine().approve(kText), two, kText));
  EXPECT_FALSE(fault_in(theirs.approve(kText), two, kText));
  EXPECT_EQ(fault_in(named, two, kText).value().pointer, "/signature");
}

TEST(WebAuthn, OnlyOverThisText) {
  EXPECT_EQ(wrong(mine().approve(kText + " ")), "/client_data_json");
  EXPECT_EQ(wrong(mine().approve(kText), kText + " "), "/client_data_json");
  const std::string challenge = challenge_of(kText);
  EXPECT_EQ(challenge.size(), 43u);
  EXPECT_EQ(to_hex(from_base64url(challenge).value()), to_hex(sha256(view_of(kText))));
  for (const Json& other :
       {Json(challenge + "="), Json(challenge.substr(0, 42)), Json(challenge + "A"), Json(""), Json(0), Json(nullptr),
        Json(to_base64(sha256(view_of(kText)))), Json(to_hex(sha256(view_of(kText)))), Json(Json::array({challenge}))})
    EXPECT_EQ(with_client({{"challenge", other}}), "/client_data_json") << other;
  EXPECT_EQ(without_client("challenge"), "/client_data_json");
}

TEST(WebAuthn, OnlyOfAListedPage) {
  for (const Json& origin :
       {Json("https://evil.com"), Json("http://example.com"), Json("https://example.com/"),
        Json("https://example.com:443"), Json("https://www.example.com"), Json("HTTPS://EXAMPLE.COM"),
        Json("https://pay.example.com"), Json(""), Json(nullptr), Json(1)})
    EXPECT_EQ(with_client({{"origin", origin}}), "/client_data_json") << origin;
  EXPECT_EQ(without_client("origin"), "/client_data_json");
  for (const Json& cross : {Json(true), Json("false"), Json(0), Json(nullptr)})
    EXPECT_EQ(with_client({{"crossOrigin", cross}}), "/client_data_json") << cross;
  EXPECT_EQ(with_client({{"topOrigin", "https://example.com"}}), "/client_data_json");
  for (const Json& binding : {Json{{"status", "present"}, {"id", "x"}}, Json{{"status", "other"}}, Json::object(),
                              Json("supported"), Json(nullptr)})
    EXPECT_EQ(with_client({{"tokenBinding", binding}}), "/client_data_json") << binding;
}

TEST(WebAuthn, OnlyAnAssertion) {
  for (const Json& type : {Json("webauthn.create"), Json("webauthn.getx"), Json("payment.get"), Json(""), Json(1)})
    EXPECT_EQ(with_client({{"type", type}}), "/client_data_json") << type;
  EXPECT_EQ(without_client("type"), "/client_data_json");
}

TEST(WebAuthn, ClientDataIsReadStrictly) {
  const std::string good = mine().about(kText).client;
  const std::string twice = R"({"challenge":"x",)" + good.substr(1);
  const std::string last = good.substr(0, good.size() - 1) + R"(,"origin":"https://example.com"})";
  for (const auto& client : {""s, "{"s, good + " x", "\xef\xbb\xbf" + good, "[" + good + "]", good + good, twice, last,
                             good.substr(0, good.size() - 1) + ",\"x\":\"\xff\"}", "\"x\""s, "null"s,
                             good.substr(0, good.size() - 1) + ",\"x\":1.5}"})
    EXPECT_EQ(changed([&](auto& s) { s.client = client; }), "/client_data_json") << client;
  EXPECT_EQ(changed([&](auto& s) { s.client = " " + good + "\n"; }), "");
}

TEST(WebAuthn, TheAuthenticatorsDataIsWholeAndOfThisDomain) {
  const auto with_flags = [](std::uint8_t flags) { return changed([&](auto& s) { s.data[32] = flags; }); };
  EXPECT_EQ(changed([](auto& s) { s.data[0] ^= 1; }), "/authenticator_data");
  EXPECT_EQ(changed([](auto& s) { s.data[31] ^= 1; }), "/authenticator_data");
  EXPECT_EQ(with_flags(0x04), "/authenticator_data") << "nobody was there";
  EXPECT_EQ(with_flags(0x01), "/authenticator_data") << "somebody was there";
  EXPECT_EQ(with_flags(0x00), "/authenticator_data");
  EXPECT_EQ(with_flags(0x45), "/authenticator_data") << "a new credential, without one";
  EXPECT_EQ(with_flags(0x85), "/authenticator_data") << "extensions, without any";
  EXPECT_EQ(changed([](auto& s) { s.data.pop_back(); }), "/authenticator_data");
  EXPECT_EQ(changed([](auto& s) { s.data.clear(); }), "/authenticator_data");
  EXPECT_EQ(changed([](auto& s) { s.data.push_back(0); }), "/authenticator_data");
  EXPECT_EQ(changed([](auto& s) { s.data.push_back(0xa0); }), "/authenticator_data") << "extensions that no flag names";
  EXPECT_EQ(changed([](auto& s) {
              s.data[32] = 0x45;
              s.data.resize(37 + 16 + 2 + 77);
            }),
            "/authenticator_data");
}

TEST(WebAuthn, ExtensionsAreOneMap) {
  const auto with = [](const std::string& hex) {
    return changed([&](auto& s) {
      s.data[32] = 0x85;
      const Bytes more = from_hex(hex).value();
      s.data.insert(s.data.end(), more.begin(), more.end());
    });
  };
  for (const char* good : {"a0", "a16161f5", "a2616101616220", "a1616182f4f6", "a1616158020102", "a16161a1616240",
                           "a16161fb3ff0000000000000", "a16161c11a00000001", "a1616119ffff",
                           "b80161611bffffffffffffffff", "a1616181818181818101"})
    EXPECT_EQ(with(good), "") << good;
  for (const char* bad : {"",
                          "80",
                          "f6",
                          "a1",
                          "a161",
                          "a16161",
                          "a16161f500",
                          "a0a0",
                          "a1616142",
                          "a161614201",
                          "bf6161f5ff",
                          "a161619f01ff",
                          "a16161bb7fffffffffffffff",
                          "a161619bffffffffffffffff",
                          "a161615bffffffffffffffff",
                          "a161611c",
                          "a161611d",
                          "a161611e",
                          "a161611f",
                          "a1616118",
                          "a161611900",
                          "a161611a000000",
                          "a161611b00000000000000",
                          "a16161c1",
                          "a2616101",
                          "bbffffffffffffffff",
                          "a16161818181818181818101"})
    EXPECT_EQ(with(bad), "/authenticator_data") << bad;
  EXPECT_EQ(with("a1616159"
                 "01d0" +
                 std::string(2 * 0x1d0, '0')),
            "")
      << "as long as it may be, nearly";
}

TEST(WebAuthn, TheSignatureIsOverBoth) {
  auto assertion = mine().approve(kText);
  assertion.authenticator_data[36] ^= 1;
  EXPECT_EQ(wrong(assertion), "/signature");
  assertion = mine().approve(kText);
  assertion.client_data_json.push_back(' ');
  EXPECT_EQ(wrong(assertion), "/signature");
  assertion = mine().approve(kText);
  assertion.signature.push_back(0);
  EXPECT_EQ(wrong(assertion), "/signature");
  assertion.signature.clear();
  EXPECT_EQ(wrong(assertion), "/signature");
  // Over the data alone, over the text itself.
  assertion = mine().approve(kText);
  for (const Bytes& other : {mine().sign_bytes(assertion.authenticator_data), mine().sign_bytes(view_of(kText))}) {
    assertion.signature.assign(other.begin(), other.end());
    EXPECT_EQ(wrong(assertion), "/signature");
  }
}

TEST(WebAuthn, TravelsAsItIs) {
  const Assertion assertion = mine().approve(kText);
  EXPECT_EQ(decode<Assertion>(encode(assertion)), assertion);
  EXPECT_EQ(parse_assertion(to_json(assertion), ""), assertion);
  const auto pointer_of = [&](const std::function<void(Json&)>& change) -> std::string {
    Json json = to_json(assertion);
    change(json);
    try {
      parse_assertion(json, "/webauthn");
      return "";
    } catch (const JsonError& e) {
      return e.pointer;
    }
  };
  for (const std::string member : {"credential", "authenticator_data", "client_data_json", "signature"}) {
    EXPECT_EQ(pointer_of([&](Json& j) { j.erase(member); }), "/webauthn/" + member);
    for (const Json& value : {Json(1), Json(""), Json("="), Json("A"), Json("AA=="), Json("+/+/"), Json("AB"),
                              Json("AA\n"), Json(std::string(1368, 'A'))})
      EXPECT_EQ(pointer_of([&](Json& j) { j[member] = value; }), "/webauthn/" + member) << value;
  }
  EXPECT_EQ(pointer_of([](Json& j) { j["more"] = 1; }), "/webauthn/more");
  const auto longest = [&](const char* member, std::size_t bytes) {
    return pointer_of([&](Json& j) { j[member] = to_base64url(Bytes(bytes)); });
  };
  EXPECT_EQ(longest("credential", limits::kMaxCredentialId), "");
  EXPECT_EQ(longest("credential", limits::kMaxCredentialId + 1), "/webauthn/credential");
  EXPECT_EQ(longest("authenticator_data", limits::kMaxAuthenticatorData + 1), "/webauthn/authenticator_data");
  EXPECT_EQ(longest("client_data_json", limits::kMaxClientData), "");
  EXPECT_EQ(longest("client_data_json", limits::kMaxClientData + 1), "/webauthn/client_data_json");
  EXPECT_EQ(longest("signature", limits::kMaxEs256Signature), "");
  EXPECT_EQ(longest("signature", limits::kMaxEs256Signature + 1), "/webauthn/signature");
}

// ---- in the policy

// alice has a key and two authenticators, dave one and no key.
Json with_authenticators() {
  Json policy = base_policy();
  policy["users"][0]["webauthn"] =
      Json::array({Authenticator("alice 1").in_policy(), Authenticator("alice 2").in_policy()});
  policy["users"].push_back(
      {{"id", "dave"}, {"groups", {"treasury"}}, {"webauthn", Json::array({Authenticator("dave").in_policy()})}});
  return policy;
}

std::string pointer_of(const std::function<void(Json&)>& change) {
  Json policy = with_authenticators();
  change(policy);
  try {
    PolicyDocument::from_json(policy);
    return "";
  } catch (const JsonError& e) {
    return e.pointer;
  }
}

TEST(WebAuthnPolicy, NamesAuthenticators) {
  const auto policy = PolicyDocument::from_json(with_authenticators());
  const User* alice = policy.user_of("alice");
  ASSERT_NE(alice, nullptr);
  ASSERT_EQ(alice->webauthn.size(), 2u);
  EXPECT_EQ(alice->webauthn[1].id, Authenticator("alice 2").id);
  EXPECT_EQ(alice->webauthn[1].key.bytes(), Authenticator("alice 2").point);
  EXPECT_EQ(alice->webauthn[1].rp_id, "example.com");
  EXPECT_EQ(alice->webauthn[1].origins, std::vector<std::string>{"https://example.com"});
  EXPECT_NE(policy.key_of("alice"), nullptr);
  ASSERT_NE(policy.user_of("dave"), nullptr);
  EXPECT_EQ(policy.key_of("dave"), nullptr) << "signs no requests";
  EXPECT_TRUE(policy.is_member("dave", "treasury"));
  EXPECT_EQ(policy.members_of("treasury"), 3u);
  EXPECT_EQ(policy.user_of("mallory"), nullptr);
}

TEST(WebAuthnPolicy, SaysWhereItIsWrong) {
  const std::string at = "/users/0/webauthn";
  const auto first = [](const char* member, const Json& value) {
    return pointer_of([&](Json& p) { p["users"][0]["webauthn"][0][member] = value; });
  };
  EXPECT_EQ(pointer_of([](Json&) {}), "");
  EXPECT_EQ(pointer_of([](Json& p) { p["users"][6].erase("webauthn"); }), "/users/6/key") << "no key of any kind";
  EXPECT_EQ(pointer_of([](Json& p) { p["users"][6]["webauthn"] = Json::array(); }), "/users/6/webauthn");
  EXPECT_EQ(pointer_of([](Json& p) { p["users"][6]["webauthn"] = Json::object(); }), "/users/6/webauthn");
  EXPECT_EQ(pointer_of([](Json& p) { p["users"][0]["key"] = ""; }), "/users/0/key");
  EXPECT_EQ(pointer_of([](Json& p) {
              for (int i = 0; i < 7; ++i)
                p["users"][0]["webauthn"].push_back(Authenticator("more " + std::to_string(i)).in_policy());
            }),
            at)
      << "nine of them";
  for (const char* member : {"credential_id", "rp_id", "origins", "public_key"})
    EXPECT_EQ(pointer_of([&](Json& p) { p["users"][0]["webauthn"][0].erase(member); }), at + "/0/" + member);
  EXPECT_EQ(first("name", "YubiKey"), at + "/0/name");
  EXPECT_EQ(pointer_of([](Json& p) { p["users"][0]["webauthn"][1] = "x"; }), at + "/1");
  for (const Json& key : {Json(""), Json(1), Json("04" + std::string(128, '0')), Json(std::string(66, '0')),
                          Json("ed25519:" + std::string(64, '0')), Json(to_hex(Authenticator("x").point) + "00")})
    EXPECT_EQ(first("public_key", key), at + "/0/public_key") << key;
  for (const Json& id : {Json(""), Json("="), Json("AA=="), Json(7), Json(std::string(1368, 'A'))})
    EXPECT_EQ(first("credential_id", id), at + "/0/credential_id") << id;
  for (const Json& rp : {Json(""), Json("Example.com"), Json("example.com."), Json(".com"), Json("a..b"),
                         Json("-a.com"), Json("a-.com"), Json("https://example.com"), Json("example.com:8080"),
                         Json("exämple.com"), Json(std::string(64, 'a') + ".com"), Json(nullptr)})
    EXPECT_EQ(first("rp_id", rp), at + "/0/rp_id") << rp;
  EXPECT_EQ(first("origins", Json::array()), at + "/0/origins");
  EXPECT_EQ(first("origins", "https://example.com"), at + "/0/origins");
  EXPECT_EQ(first("origins", Json::array({"https://example.com", "https://example.com"})), at + "/0/origins/1");
  Json nine = Json::array();
  for (int i = 0; i < 9; ++i) nine.push_back("https://example.com:" + std::to_string(8000 + i));
  EXPECT_EQ(first("origins", nine), at + "/0/origins");
  for (const Json& origin :
       {Json("http://example.com"), Json("https://example.com/"), Json("https://example.com/pay"), Json("example.com"),
        Json("https://"), Json("https://evilexample.com"), Json("https://example.com.evil.com"), Json("https://com"),
        Json("https://example.com:"), Json("https://example.com:0"), Json("https://example.com:x"),
        Json("https://Example.com"), Json("https://example.com:123456"), Json("https://user@example.com"),
        Json("https://.example.com"), Json(""), Json(1), Json("android:apk-key-hash:x"), Json("http://localhost")})
    EXPECT_EQ(first("origins", Json::array({"https://example.com", origin})), at + "/0/origins/1") << origin;
  EXPECT_EQ(first("origins", Json::array({"https://a.b.example.com", "https://example.com:8443"})), "");
}

TEST(WebAuthnPolicy, APageOfThisMachineNeedsNoTls) {
  const auto local = [](const char* origin) {
    return pointer_of([&](Json& p) {
      p["users"][0]["webauthn"][0]["rp_id"] = "localhost";
      p["users"][0]["webauthn"][0]["origins"] = Json::array({origin});
    });
  };
  EXPECT_EQ(local("http://localhost:8000"), "");
  EXPECT_EQ(local("https://localhost"), "");
  EXPECT_EQ(local("http://notlocalhost"), "/users/0/webauthn/0/origins/0");
  EXPECT_EQ(local("ftp://localhost"), "/users/0/webauthn/0/origins/0");
}

TEST(WebAuthnPolicy, AnAuthenticatorIsOnePersons) {
  const auto give = [](std::size_t user, std::size_t n, const char* member) {
    return pointer_of([&](Json& p) { p["users"][user]["webauthn"][n][member] = p["users"][0]["webauthn"][0][member]; });
  };
  EXPECT_EQ(give(6, 0, "public_key"), "/users/6/webauthn/0/public_key");
  EXPECT_EQ(give(6, 0, "credential_id"), "/users/6/webauthn/0/credential_id");
  EXPECT_EQ(give(0, 1, "public_key"), "/users/0/webauthn/1/public_key");
  EXPECT_EQ(give(0, 1, "credential_id"), "/users/0/webauthn/1/credential_id");
  // The same point in its other form is the same key.
  const auto point = Authenticator("alice 1").point;
  const std::string compressed = (point[64] & 1u ? "03" : "02") + to_hex(ByteView(point).subspan(1, 32));
  EXPECT_EQ(pointer_of([&](Json& p) { p["users"][6]["webauthn"][0]["public_key"] = compressed; }),
            "/users/6/webauthn/0/public_key");
  EXPECT_EQ(pointer_of([&](Json& p) { p["users"][0]["webauthn"][0]["public_key"] = compressed; }), "");
}

// ---- as a vote

TEST(WebAuthnVote, BindsWhoAndWhatAndWhich) {
  const auto policy = PolicyDocument::from_json(with_authenticators());
  const Json intent{{"request", "req_1"}}, other{{"request", "req_2"}};
  const auto by = [&](const char* authenticator, const std::string& who, Vote vote, const Json& about) {
    Approval approval{who, static_cast<std::uint8_t>(vote), {}, {}};
    approval.webauthn.push_back(Authenticator(authenticator).approve(approval_text(vote, who, about)));
    return approval;
  };
  const auto fault = [&](const Approval& vote, const std::string& user) {
    const auto found = fault_in(vote, *policy.user_of(user), intent);
    return found ? found->pointer : "";
  };
  EXPECT_EQ(fault(by("dave", "dave", Vote::approve, intent), "dave"), "");
  EXPECT_EQ(fault(by("dave", "dave", Vote::reject, intent), "dave"), "");
  EXPECT_EQ(fault(by("alice 2", "alice", Vote::approve, intent), "alice"), "") << "beside a key";
  EXPECT_EQ(fault(by("dave", "dave", Vote::approve, other), "dave"), "/webauthn/client_data_json");
  EXPECT_EQ(fault(by("dave", "alice", Vote::approve, intent), "dave"), "") << "the caller names the user";
  EXPECT_EQ(fault(by("dave", "alice", Vote::approve, intent), "alice"), "/webauthn/credential");
  auto turned = by("dave", "dave", Vote::reject, intent);
  turned.vote = static_cast<std::uint8_t>(Vote::approve);
  EXPECT_EQ(fault(turned, "dave"), "/webauthn/client_data_json");
  auto renamed = by("dave", "dave", Vote::approve, intent);
  renamed.approver = "alice";
  EXPECT_EQ(fault(renamed, "dave"), "/webauthn/client_data_json");
  auto unset = by("dave", "dave", Vote::approve, intent);
  unset.vote = 0;
  EXPECT_EQ(fault(unset, "dave"), "/decision");
  EXPECT_EQ(fault(Approval{"dave", 1, {}, {}}, "dave"), "/signature") << "no key of that kind";
  EXPECT_EQ(fault(Approval{"alice", 1, {}, {}}, "alice"), "/signature");
}

TEST(WebAuthnVote, TravelsAsItIs) {
  Approval approval{"dave", 1, {}, {}};
  approval.webauthn.push_back(Authenticator("dave").approve(kText));
  EXPECT_EQ(decode<Approval>(encode(approval)), approval);
  const Json shown = to_json(approval);
  EXPECT_EQ(shown["approver"], "dave");
  EXPECT_EQ(shown["decision"], "approve");
  EXPECT_FALSE(shown.contains("signature"));
  EXPECT_EQ(parse_assertion(shown["webauthn"], ""), approval.webauthn[0]);
  approval.signature[0] = 1;
  EXPECT_THROW(decode<Approval>(encode(approval)), Malformed) << "two signatures of one vote";
  approval.webauthn.push_back(approval.webauthn[0]);
  EXPECT_THROW(encode(approval), Malformed);
}

}  // namespace
}  // namespace quorate::policy

// docs/http-signatures.md is checked as it stands, so that it cannot rot.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fake_api.h"
#include "http/structured_fields.h"

namespace quorate::http {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

class Docs : public testing::Test {
 protected:
  // The first fenced block of that kind at or after `from`.
  std::string block(const std::string& kind, std::size_t from = 0) const {
    const std::string open = "```" + kind + "\n";
    const std::size_t begin = text.find(open, from);
    if (begin == std::string::npos) throw std::runtime_error("no " + kind);
    const std::size_t start = begin + open.size();
    return text.substr(start, text.find("\n```", start) - start);
  }
  std::size_t section(const std::string& heading) const {
    const std::size_t at = text.find("### " + heading);
    if (at == std::string::npos) throw std::runtime_error("no section " + heading);
    return at;
  }
  // The text in backquotes that follows `words`.
  std::string quoted_after(const std::string& words, std::size_t from = 0) const {
    const std::size_t at = text.find(words, from);
    const std::size_t begin = text.find('`', at) + 1;
    return text.substr(begin, text.find('`', begin) - begin);
  }
  SignedRequest request(const std::string& heading) const {
    std::string raw = block("http", section(heading));
    const std::size_t head = raw.find("\n\n");
    std::string bytes;
    for (const char c : raw.substr(0, head)) bytes += c == '\n' ? "\r\n" : std::string(1, c);
    bytes += "\r\n\r\n" + (head == std::string::npos ? "" : raw.substr(head + 2));
    RequestReader reader;
    EXPECT_EQ(reader.feed(view_of(bytes)), bytes.size());
    EXPECT_TRUE(reader.complete());
    const HttpRequest r = reader.take();
    SignedRequest out;
    out.method = r.method;
    out.target = r.target;
    out.signature_input = std::string(value_of(r.fields, "signature-input"));
    out.signature = std::string(value_of(r.fields, "signature"));
    for (auto [name, header] :
         {std::pair{"content-digest", &out.content_digest}, {"idempotency-key", &out.idempotency_key}})
      if (count_of(r.fields, name) == 1) *header = {true, std::string(value_of(r.fields, name))};
    out.body.assign(r.body.begin(), r.body.end());
    return out;
  }

  const std::string text = read_file(std::string(QUORATE_SOURCE_DIR) + "/docs/http-signatures.md");
  const std::string cluster = quoted_after("Cluster id");
};

constexpr const char* kVectors[] = {"Vector 1: GET", "Vector 2: POST", "Vector 3: forwarded"};

TEST_F(Docs, VectorsVerify) {
  const auto key = Ed25519SecretKey::from_pem(block("pem"));
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key().to_text(), quoted_after("in the policy as"));
  for (const std::string heading : kVectors) {
    const SignedRequest r = decode<SignedRequest>(encode(request(heading)));  // as it is forwarded
    const auto verified = verify(r, cluster, [&](std::string_view user) -> std::optional<Ed25519PublicKey> {
      if (user != "alice") return std::nullopt;
      return key->public_key();
    });
    ASSERT_TRUE(std::holds_alternative<Verified>(verified)) << heading << std::get<AuthError>(verified).code;
    const Verified& who = std::get<Verified>(verified);
    EXPECT_EQ(who.created, from_rfc3339("2026-01-31T23:59:59Z")->time_since_epoch().count() / 1000);
    if (r.method.text != "GET") {
      EXPECT_EQ(request_id(who, cluster), quoted_after("The request's id:", section(heading)));
    }
    // The lines shown are the lines signed.
    Signature64 signature;
    const Bytes raw = parse_byte_sequences(r.signature.text)->front().second;
    std::copy(raw.begin(), raw.end(), signature.begin());
    EXPECT_TRUE(key->public_key().verify(view_of(block("text", section(heading))), signature)) << heading;
    // And our own signer makes the same.
    const SignedRequest own = sign_request(r, {who.user, cluster, who.created, who.nonce, who.expires}, *key);
    EXPECT_EQ(own, r) << heading;
  }
}

TEST_F(Docs, ListsTheCodesThatThereAre) {
  for (const std::string code :
       {"signature_missing", "signature_malformed", "signature_invalid", "component_set", "signature_parameters",
        "digest_mismatch", "wrong_cluster", "clock_skew", "signature_expired", "nonce_replayed"})
    EXPECT_NE(text.find("`" + code + "`"), std::string::npos) << code;
  EXPECT_EQ(text.find("unknown_user"), std::string::npos);
}

// Runs a signer of the page on vector 2 and compares the signature.
class Signers : public Docs {
 protected:
  void run(const std::string& name, const std::string& program, const std::string& command) {
    const auto dir = std::filesystem::temp_directory_path() / ("quorate-docs-" + std::to_string(::getpid()));
    std::filesystem::create_directories(dir);
    std::ofstream(dir / "key.pem") << block("pem") << "\n";
    std::ofstream(dir / "body") << text_of(request("Vector 2").body);
    std::ofstream(dir / "cluster") << cluster;
    std::ofstream(dir / name) << program;
    const int status = std::system(("cd '" + dir.string() + "' && " + command + " > out 2> err").c_str());
    EXPECT_EQ(status, 0) << read_file(dir / "err");
    EXPECT_EQ(read_file(dir / "out"), request("Vector 2").signature.text + "\n");
    std::filesystem::remove_all(dir);
  }
  static bool has(const std::string& command) { return std::system((command + " > /dev/null 2>&1").c_str()) == 0; }
};

TEST_F(Signers, Python) {
  if (!has("python3 -c 'import cryptography'")) GTEST_SKIP() << "no python3 with cryptography";
  run("signer.py",
      block("python") +
          "\n\ns = Signer(open('key.pem','rb').read(), 'alice', open('cluster').read())\n"
          "print(s.headers('POST', '/v1/keys/hot-1/signatures', open('body','rb').read(), None, 1769903999,"
          " 'fedcba9876543210fedcba9876543210')['Signature'])\n",
      "python3 signer.py");
}

TEST_F(Signers, JavaScript) {
  if (!has("node --version")) GTEST_SKIP() << "no node";
  run("signer.mjs",
      block("javascript") +
          "\nimport { readFileSync } from 'node:fs';\n"
          "const s = new Signer(readFileSync('key.pem'), 'alice', readFileSync('cluster', 'utf8'));\n"
          "console.log(s.headers('POST', '/v1/keys/hot-1/signatures', readFileSync('body'), undefined, 1769903999,"
          " 'fedcba9876543210fedcba9876543210')['Signature']);\n",
      "node signer.mjs");
}

}  // namespace
}  // namespace quorate::http

// Bytes of a connection: framing, routing, signature headers, verification, body. The Api answers everything.
#include <cstddef>
#include <cstdint>
#include <exception>

#include "base/check.h"
#include "http/gate.h"
#include "http/message_signature.h"
#include "http/structured_fields.h"

namespace {

using namespace quorate;
using namespace quorate::http;

const Ed25519SecretKey& alice() {
  static const Ed25519SecretKey key = Ed25519SecretKey::from_seed(Secret<Bytes32>(Bytes32{1}));
  return key;
}

class Everything final : public Api {
 public:
  Answered call(const Call& call) override {
    QUORATE_ASSERT(call.who.user == "alice" && takes_body(call.route) == call.body.is_object());
    return Reply{200, call.body, {}};
  }
  std::optional<Ed25519PublicKey> user_key(std::string_view user) override {
    if (user != "alice") return std::nullopt;
    return alice().public_key();
  }
  std::string cluster_id() override { return std::string(64, 'c'); }
  Readiness ready() override { return {true, Json::object()}; }
  std::string metrics() override { return {}; }
};

struct AtOnce final : Exchange {
  void go_on(const std::string&, Step) override { QUORATE_ASSERT(false); }
  bool others_wait() const override { return false; }
  void when_gone(std::function<void()>) override {}
  std::unique_ptr<Outflow> begin(const HttpResponse&, std::shared_ptr<const void>) override { return nullptr; }
};
HttpResponse answer_of(Gate& gate, const HttpRequest& request) {
  return gate.answer(request, std::make_shared<AtOnce>()).value();
}

// The parsers behind the signature, which a fuzzer cannot forge: the request is signed for it, then its own headers are
// tried.
void sign_and_verify(const HttpRequest& http, Gate& gate) {
  SignedRequest request;
  request.method = http.method;
  request.target = http.target;
  request.body.assign(http.body.begin(), http.body.end());
  if (http.method != "GET" && http.method != "POST" && http.method != "PUT" && http.method != "DELETE") return;
  static std::uint64_t counter = 0;
  const std::string nonce = "fuzz-nonce-" + std::to_string(1'000'000 + ++counter);
  request = sign_request(std::move(request), {"alice", std::string(64, 'c'), 0, nonce, {}}, alice());
  HttpRequest signed_http = http;
  std::erase_if(signed_http.fields, [](const auto& f) {
    return f.first == "signature" || f.first == "signature-input" || f.first == "content-digest" ||
           f.first == "idempotency-key" || f.first == "if-match";
  });
  signed_http.fields.emplace_back("signature-input", request.signature_input.text);
  signed_http.fields.emplace_back("signature", request.signature.text);
  if (request.content_digest.present)
    signed_http.fields.emplace_back("content-digest", request.content_digest.value.text);
  const HttpResponse response = answer_of(gate, signed_http);
  QUORATE_ASSERT(response.status != 500 && response.status != 401);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Everything api;
  ManualClock clock(from_unix_seconds(0));
  Gate gate(api, clock, nullptr, {});
  ByteView in(data, size);
  parse_inner_lists(text_of(in));
  parse_byte_sequences(text_of(in));
  RequestReader reader;
  while (!in.empty() && !reader.refused()) {
    in = in.subspan(reader.feed(in));
    if (!reader.complete()) continue;
    const HttpRequest request = reader.take();
    const HttpResponse response = answer_of(gate, request);
    QUORATE_ASSERT(response.status >= 200 && response.status != 500);
    write_response(response, false, false);
    sign_and_verify(request, gate);
  }
  ResponseReader answer(4096);
  answer.feed(ByteView(data, size));
  return 0;
}

// A passkey: ES256 by libcrypto, which the product verifies with another library. Every part of what it returns can be
// changed by a test before it is signed.
#pragma once
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/base64url.h"
#include "base/hash.h"
#include "policy/webauthn.h"

namespace quorate::test {

template <auto F>
struct FreeWith {
  template <class T>
  void operator()(T* p) const {
    F(p);
  }
};

class Authenticator {
 public:
  explicit Authenticator(std::string_view seed, std::string domain = "example.com",
                         std::string page = "https://example.com")
      : id(bytes_of("credential of " + std::string(seed))), rp_id(std::move(domain)), origin(std::move(page)) {
    const Digest d = sha256(view_of("authenticator " + std::string(seed)));
    const Number scalar(BN_bin2bn(d.data(), 32, nullptr));
    const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    const Point Q(EC_POINT_new(group.get()));
    const std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>> build(OSSL_PARAM_BLD_new());
    const std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>> context(
        EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    must(EC_POINT_mul(group.get(), Q.get(), scalar.get(), nullptr, nullptr, nullptr));
    must(EC_POINT_point2oct(group.get(), Q.get(), POINT_CONVERSION_UNCOMPRESSED, point.data(), 65, nullptr) == 65);
    must(OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0));
    must(OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()));
    must(OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), 65));
    const std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(build.get()));
    EVP_PKEY* made = nullptr;
    must(EVP_PKEY_fromdata_init(context.get()));
    must(EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()));
    key_.reset(made);
  }

  // Its entry in a user's `webauthn`.
  Json in_policy() const {
    return {{"credential_id", to_base64url(id)},
            {"rp_id", rp_id},
            {"origins", Json::array({origin})},
            {"public_key", to_hex(point)}};
  }

  // What is signed.
  struct Said {
    Bytes data;          // authenticator data
    std::string client;  // client data
  };
  // Present and verified.
  Said about(std::string_view approved, std::uint8_t flags = 0x05) const {
    const Digest domain = sha256(view_of(rp_id));
    Said said{Bytes(domain.begin(), domain.end()), ""};
    said.data.insert(said.data.end(), {flags, 0, 0, 0, 9});
    said.client = R"({"type":"webauthn.get","challenge":")" + policy::challenge_of(approved) + R"(","origin":")" +
                  origin + R"(","crossOrigin":false})";
    return said;
  }
  policy::Assertion sign(const Said& said) const {
    Bytes message = said.data;
    const Digest hash = sha256(view_of(said.client));
    message.insert(message.end(), hash.begin(), hash.end());
    policy::Assertion assertion;
    assertion.credential.assign(id.begin(), id.end());
    assertion.authenticator_data.assign(said.data.begin(), said.data.end());
    assertion.client_data_json.assign(said.client.begin(), said.client.end());
    const Bytes der = sign_bytes(message);
    assertion.signature.assign(der.begin(), der.end());
    return assertion;
  }
  policy::Assertion approve(std::string_view approved) const { return sign(about(approved)); }

  Bytes sign_bytes(ByteView message) const {
    const std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
    Bytes der(128);
    std::size_t length = der.size();
    must(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()));
    must(EVP_DigestSign(context.get(), der.data(), &length, message.data(), message.size()));
    der.resize(length);
    return der;
  }

  // The other signature that everybody can make of one: n - s for s.
  static Bytes other_signature(ByteView der) {
    const std::uint8_t* at = der.data();
    const std::unique_ptr<ECDSA_SIG, FreeWith<ECDSA_SIG_free>> signature(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    must(signature != nullptr);
    const Group group(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
    Number s(BN_new());
    must(BN_sub(s.get(), EC_GROUP_get0_order(group.get()), ECDSA_SIG_get0_s(signature.get())));
    must(ECDSA_SIG_set0(signature.get(), BN_dup(ECDSA_SIG_get0_r(signature.get())), s.release()));
    Bytes out(128);
    std::uint8_t* end = out.data();
    out.resize(static_cast<std::size_t>(i2d_ECDSA_SIG(signature.get(), &end)));
    return out;
  }

  Bytes id;
  std::string rp_id, origin;
  ByteArray<65> point{};

 private:
  using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;
  using Group = std::unique_ptr<EC_GROUP, FreeWith<EC_GROUP_free>>;
  using Point = std::unique_ptr<EC_POINT, FreeWith<EC_POINT_free>>;
  static void must(int ok) {
    if (ok != 1) throw std::runtime_error("libcrypto");
  }
  static void must(bool ok) { must(ok ? 1 : 0); }
  std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>> key_;
};

}  // namespace quorate::test

// What the tests of storage share: a directory that goes away, a database in it, sample rows.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "storage/sqlite_store.h"

namespace quorate::storage {

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
inline void spit(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "quorate-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Secret<Bytes32> test_key(std::uint8_t first = 1) {
  Secret<Bytes32> key;
  for (std::size_t i = 0; i < 32; ++i) key.expose()[i] = static_cast<std::uint8_t>(first + i);
  return key;
}
inline Identity test_identity(const std::string& node = "node1", char cluster = 'c') {
  return {std::string(64, cluster), node};
}

inline RequestRow sample_request(const std::string& id, RequestState state = RequestState::queued,
                                 std::int64_t created = 1000) {
  RequestRow r;
  r.id = id;
  r.kind = "sign";
  r.state = state;
  r.user = "alice";
  r.key = "hot-1";
  r.content_digest.fill(7);
  r.created = created;
  r.expires = created + 60;
  r.forget_after = created + 90;
  r.record = secret_bytes(view_of("{\"request\":\"" + id + "\"}"));
  return r;
}
inline KeyRow sample_key(const std::string& id, const std::string& name) {
  KeyRow r;
  r.id = id;
  r.name = name;
  r.algorithm = "ecdsa-secp256k1";
  r.state = KeyState::prepared;
  r.record = bytes_of("public things");
  return r;
}
inline ShareRow sample_share(const std::string& key, std::uint64_t number, std::string_view secret = "share") {
  return {key, number, 2, ShareState::prepared, secret_bytes(view_of(secret))};
}
// After a certificate whose bytes are `replaces`; its digest is that of sample_quarantine(key, number).
inline Succession sample_succession(const std::string& key, const std::string& replaces, std::uint64_t number,
                                    const std::string& certificate, std::vector<std::uint64_t> obsolete) {
  Succession s;
  s.key = key;
  s.replaces = bytes_of(replaces);
  s.number = number;
  s.digest.fill(static_cast<std::uint8_t>(number));
  s.certificate = bytes_of(certificate);
  s.record = bytes_of("public things of " + certificate);
  s.with_share = true;
  s.obsolete = std::move(obsolete);
  return s;
}
inline QuarantineRow sample_quarantine(const std::string& key, std::uint64_t number, const std::string& by = "node1",
                                       const std::string& node = "node2") {
  QuarantineRow r;
  r.key = key;
  r.number = number;
  r.certificate.fill(static_cast<std::uint8_t>(number));
  r.by = by;
  r.node = node;
  r.since = 1000;
  r.reason = "extension_check";
  r.signature.fill(9);
  return r;
}
inline AuditEntry sample_entry(const std::string& text, std::int64_t time = 1000) {
  return {time, "test", "req_1", text};
}

inline std::string text_of_secret(const SecretBytes& b) { return {b.begin(), b.end()}; }

}  // namespace quorate::storage

// A server on the loopback before a fake api.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "certificates.h"
#include "fake_api.h"
#include "http/server.h"

namespace quorate::http {

class Served : public testing::Test {
 protected:
  virtual HttpConfig config() const {
    HttpConfig c;
    c.certificate_pem = kTestCertificate;
    c.key_pem = secret_bytes(view_of(kTestKey));
    c.threads = 4;
    return c;
  }
  void start() { start(config()); }
  void start(HttpConfig c) {
    server = std::make_unique<HttpServer>(std::move(c), api, clock, rng);
    server->start();
  }
  void TearDown() override {
    if (server) server->stop();
  }

  FakeApi api;
  SystemClock clock;
  SystemRng rng;
  std::unique_ptr<HttpServer> server;
};

}  // namespace quorate::http

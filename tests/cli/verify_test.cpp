#include "support.h"

namespace quorate::cli {
namespace {

using test::Shell;

struct Case {
  std::string algorithm, public_key, what, message, signature;
};

// RFC 8032 §7.1 test 3 and BIP-340 vector 1.
const std::vector<Case> kGood{
    {"eddsa-ed25519", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "--message-hex", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027beceea1ec40a"},
    {"schnorr-secp256k1", "dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659", "--digest",
     "243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89",
     "6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cf"
     "a95f6de339e4b0a"},
};

std::vector<std::string> words(const Case& c) {
  return {"verify", "--algorithm", c.algorithm,   "--public-key", c.public_key,
          c.what,   c.message,     "--signature", c.signature};
}

TEST(Verify, AcceptsPublishedSignaturesWithoutAnyCluster) {
  Shell shell;
  for (const auto& c : kGood) {
    const auto printed = shell(words(c));
    EXPECT_EQ(printed.exit, Exit::ok) << c.algorithm << printed.err;
    EXPECT_EQ(printed.out, "valid\n");
  }
  Case whole = kGood[1];  // the point instead of its x
  whole.public_key = "02" + whole.public_key;
  EXPECT_EQ(shell(words(whole)).exit, Exit::ok);
}

TEST(Verify, RefusesEveryChangedByte) {
  Shell shell;
  for (const auto& good : kGood)
    for (auto member : {&Case::public_key, &Case::message, &Case::signature})
      for (std::size_t i = 0; i < (good.*member).size(); i += 7) {
        Case c = good;
        char& digit = (c.*member)[i];
        digit = digit == '0' ? '1' : '0';
        const auto printed = shell(words(c));
        EXPECT_EQ(printed.exit, Exit::failed) << c.algorithm << " " << i;
        EXPECT_EQ(printed.out, "");
      }
}

TEST(Verify, AnEd25519KeySignsTheMessageItself) {
  Shell shell;
  auto w = words(kGood[0]);
  w.insert(w.end(), {"--hash", "sha256"});
  EXPECT_EQ(shell(w).exit, Exit::usage);
}

TEST(Verify, RefusesOtherForms) {
  Shell shell;
  Case c = kGood[0];
  c.signature.pop_back();
  EXPECT_EQ(shell(words(c)).exit, Exit::usage);
  c.signature.pop_back();
  EXPECT_EQ(shell(words(c)).exit, Exit::failed);
  c = kGood[0];
  c.public_key.resize(62);
  EXPECT_EQ(shell(words(c)).exit, Exit::failed);
  c = kGood[1];
  c.message.resize(62);
  EXPECT_EQ(shell(words(c)).exit, Exit::usage);
}

}  // namespace
}  // namespace quorate::cli

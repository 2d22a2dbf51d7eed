// attack 36: BIP-32 and the scheme for Ed25519.
#include "transactions/derivation.h"

#include "helpers.h"
#include "transactions/addresses.h"
#include "transactions/base58.h"

namespace quorate::transactions {
namespace {

// BIP-32, test vectors 1 and 2: a parent, the index without hardening, its child.
struct Vector {
  const char *parent, *path, *child;
};
constexpr Vector kVectors[] = {
    {"xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
     "m/1",
     "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ"},
    {"xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
     "m/0",
     "xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH"},
    {"xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
     "m/1",
     "xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon"},
};

TEST(Bip32, PublicDerivationOfTheStandardsVectors) {
  for (const Vector& v : kVectors) {
    const auto parent = parse_extended_public_key(v.parent), child = parse_extended_public_key(v.child);
    ASSERT_TRUE(parent && child);
    EXPECT_EQ(extended_public_key(Scheme::ecdsa_secp256k1, parent->key, BitcoinNetwork::mainnet), v.parent);
    const auto derived =
        derive(Scheme::ecdsa_secp256k1, parent->key.public_key, parent->key.chain_code, parse_path(v.path).value());
    ASSERT_TRUE(derived);
    EXPECT_EQ(derived->public_key, child->key.public_key);
    EXPECT_EQ(derived->chain_code, child->key.chain_code);
    EXPECT_EQ(derived->parent_fingerprint, child->key.parent_fingerprint);
    EXPECT_EQ(derived->child_number, child->key.child_number);
  }
}

TEST(Bip32, InvalidExtendedKeysOfTestVector5) {
  for (const char* bad : {"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7"
                          "mnzBBsz4wKY5fTtTQBm",
                          "xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Txnt3siSujt9RCVYsx4qHZGc62TG4Mc"
                          "vMGcAUjeuwZdduYEvFn",
                          "xpub661no6RGEX3uJkY4bNnPcw4URcQTrSibUZ4NqJEw5eBkv7ovTwgiT91XX27VbEXGENhYRCf7hyEbWrR3FewATdCE"
                          "ebj6znwMfQkhRYHRLpJ",
                          "xpub661MyMwAuDcm6CRQ5N4qiHKrJ39Xe1R1NyfouMKTTWcguwVcfrZJaNvhpebzGerh7gucBvzEQWRugZDuDXjNDRmX"
                          "zSZe4c7mnTK97pTvGS8",
                          "DMwo58pR1QLEFihHiXPVykYB6fJmsTeHvyTp7hRThAtCX8CvYzgPcn8XnmdfHGMQzT7ayAmfo4z3gY5KfbrZWZ6St24U"
                          "Vf2Qgo6oujFktLHdHY4"}) {
    EXPECT_TRUE(from_base58check(bad)) << bad;  // the checksum is right: something else is wrong
    EXPECT_FALSE(parse_extended_public_key(bad)) << bad;
  }
  EXPECT_FALSE(
      parse_extended_public_key("xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6N5ZMMXctdiCjxTNq964yKkwrk"
                                "BJJwpzZS4HS2fxvyYUA4q2Xe5"));
}

TEST(Paths, OneTextForEach) {
  for (const char* good : {"m", "m/0", "m/0/5", "m/2147483647/0/1"}) EXPECT_EQ(to_text(parse_path(good).value()), good);
  for (const char* bad : {"", "M", "0", "m/", "/0", "m//0", "m/0/", "m/00", "m/01", "m/+1", "m/-1", "m/0'", "m/0h",
                          "m/0H", "m/2147483648", "m/4294967296", "m/ 1", "m/1x"})
    EXPECT_FALSE(parse_path(bad)) << bad;
  std::string deep = "m";
  for (int i = 0; i < 255; ++i) deep += "/0";
  EXPECT_TRUE(parse_path(deep));
  EXPECT_FALSE(parse_path(deep + "/0"));
}

TEST(Derivation, TheTweakLeadsToTheChild) {
  const Path path = parse_path("m/3/1000/2147483647").value();
  {
    const KeyFacts key = ecdsa_key();
    const auto child = derive(key.scheme, key.public_key, key.chain_code, path).value();
    const auto tau = Scalar<Secp256k1>::parse(child.tau).value();
    const auto encoded = Point<Secp256k1>::base(secret_scalar(0x46) + tau).bytes();
    EXPECT_EQ(to_hex(encoded), to_hex(child.public_key));
    EXPECT_EQ(child.depth, 3);
  }
  {
    const KeyFacts key = ed25519_key();
    const auto child = derive(key.scheme, key.public_key, key.chain_code, path).value();
    const auto tau = Scalar<Ed25519>::parse(child.tau).value();
    const auto encoded = Point<Ed25519>::base(Scalar<Ed25519>::from_u64(12345) + tau).bytes();
    EXPECT_EQ(to_hex(encoded), to_hex(child.public_key));
  }
}

TEST(Derivation, StepByStepIsTheSame) {
  for (const KeyFacts& key : {ecdsa_key(), ed25519_key()}) {
    const auto whole = derive(key.scheme, key.public_key, key.chain_code, {7, 9}).value();
    const auto first = derive(key.scheme, key.public_key, key.chain_code, {7}).value();
    const auto second = derive(key.scheme, first.public_key, first.chain_code, {9}).value();
    EXPECT_EQ(whole.public_key, second.public_key);
    EXPECT_EQ(whole.chain_code, second.chain_code);
    const auto root = derive(key.scheme, key.public_key, key.chain_code, {}).value();
    EXPECT_EQ(root.public_key, key.public_key);
    EXPECT_EQ(root.tau, Bytes32{});
    EXPECT_NE(derive(key.scheme, key.public_key, key.chain_code, {8})->public_key, first.public_key);
    Bytes32 other = key.chain_code;
    other[31] ^= 1;
    EXPECT_NE(derive(key.scheme, key.public_key, other, {7})->public_key, first.public_key);
  }
}

TEST(Derivation, RefusesWhatIsNoKeyOrNoPath) {
  const KeyFacts key = ecdsa_key();
  EXPECT_FALSE(derive(Scheme::unset, key.public_key, key.chain_code, {}));
  EXPECT_FALSE(derive(Scheme::eddsa_ed25519, key.public_key, key.chain_code, {}));
  EXPECT_FALSE(derive(Scheme::ecdsa_secp256k1, Bytes(33, 0xff), key.chain_code, {}));
  EXPECT_FALSE(derive(key.scheme, key.public_key, key.chain_code, {0x80000000}));
  EXPECT_FALSE(derive(key.scheme, key.public_key, key.chain_code, Path(256, 0)));
}

TEST(Addresses, FitTheAlgorithm) {
  const auto root = [](const KeyFacts& key) { return derive(key.scheme, key.public_key, key.chain_code, {}).value(); };
  const KeyFacts generator = [] {  // G itself, whose addresses BIP-173's examples are made of
    KeyFacts key = ecdsa_key();
    const auto encoded = Point<Secp256k1>::generator().bytes();
    key.public_key.assign(encoded.begin(), encoded.end());
    return key;
  }();
  const Json ecdsa = addresses_of(generator.scheme, root(generator), BitcoinNetwork::mainnet);
  EXPECT_EQ(ecdsa["bitcoin_p2wpkh"], "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4");
  EXPECT_EQ(ecdsa["bitcoin_p2pkh"], "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH");
  EXPECT_EQ(ecdsa["bitcoin_p2sh_p2wpkh"], "3JvL6Ymt8MVWiCNHC7oWU6nLeHNJKLZGLN");
  EXPECT_EQ(ecdsa["ethereum"], "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
  EXPECT_EQ(addresses_of(generator.scheme, root(generator), BitcoinNetwork::signet)["bitcoin_p2wpkh"],
            "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx");
  EXPECT_EQ(addresses_of(Scheme::schnorr_secp256k1, root(generator), BitcoinNetwork::mainnet)["bitcoin_p2tr"],
            "bc1pmfr3p9j00pfxjh0zmgp99y8zftmd3s5pmedqhyptwy6lm87hf5sspknck9");
  const Json solana = addresses_of(Scheme::eddsa_ed25519, root(ed25519_key()), BitcoinNetwork::mainnet);
  EXPECT_EQ(solana.size(), 1u);
  EXPECT_EQ(from_base58(solana["solana"].get<std::string>()), ed25519_key().public_key);
}

TEST(Descriptors, NameTheRootAndThePath) {
  const KeyFacts key = ecdsa_key();
  const Path path = parse_path("m/7/3").value();
  const auto child = derive(key.scheme, key.public_key, key.chain_code, path).value();
  const Json all = descriptors_of(key.scheme, child, key.public_key, path, BitcoinNetwork::mainnet);
  const std::string expected = "wpkh([" + to_hex(fingerprint(key.public_key)) + "/7/3]" +
                               extended_public_key(key.scheme, child, BitcoinNetwork::mainnet) + "/<0;1>/*)#";
  EXPECT_PREFIX(all["p2wpkh"].get<std::string>(), expected);
  EXPECT_EQ(all["p2wpkh"].get<std::string>().size(), expected.size() + 8);
  EXPECT_TRUE(all.contains("p2pkh") && all.contains("p2sh_p2wpkh") && !all.contains("p2tr"));
  EXPECT_TRUE(descriptors_of(Scheme::eddsa_ed25519, child, key.public_key, path, BitcoinNetwork::mainnet).empty());
}

}  // namespace
}  // namespace quorate::transactions

// RFC 9591, appendix E.1, through every intermediate value.
#include <nlohmann/json.hpp>

#include "tests/signing/signing_support.h"

namespace quorate {
namespace {

using E = Ed25519;

Bytes hex(std::string_view text) { return from_hex(text).value(); }
Scalar<E> scalar(std::string_view text) { return Scalar<E>::parse(hex(text)).value(); }
Point<E> point(std::string_view text) { return Point<E>::parse(hex(text)).value(); }
std::string text(const Scalar<E>& a) { return to_hex(a.bytes().expose()); }

struct Participant {
  PartyId i;
  std::string share, random_d, random_e, d, e, D, E, rho, z;
};
const Participant kOne{PartyId(1),
                       "929dcc590407aae7d388761cddb0c0db6f5627aea8e217f4a033f2ec83d93509",
                       "06894e04ee4aceec8619d5f6a0a180e2f47194d2ac306cba586b555e7c48d765",
                       "40d6f879ff22e22409f7d808fed81f37118e7d3e4af71c0f44c60207553bcbce",
                       "ef6599dea4010581a72b3018c37c29a4341d7cab0773e8687ca74dcf14009701",
                       "2baadfa0c69aa60d517ad4751de372a73f9d89cfc39026601f18458cdec12605",
                       "9b116f12589591a7e23fe8048059ab10ab48e67739e7a2fb3890f61a7999478c",
                       "c39b66b7dfccb122da24f13587f9a08c4347cae70046ca15169adf90ba65854d",
                       "ff960a65374e216a0918729b153466016664fa980d409bc3f308daa7acb30d0d",
                       "60997f0142e43e8005027fe5ab7447dac00d22c2d7ddd9571a02613ba7d81c08"};
const Participant kThree{PartyId(3),
                         "d3cb090a075eb154e82fdb4b3cb507f110040905468bb9c46da8bdea643a9a02",
                         "fa5d950626782aade9e33fa781376d4888c2d1de7c37518bc248eb818ed0cdde",
                         "7459a4d14ded0e365b085271be8dc6600d5b88f3978a2174297ffa32001a5afc",
                         "80f8d9a4b8f9366e1a0b618107c907cd3ee29fa9bb40b4691cc1bde696240005",
                         "2610b664a5a187b4855e87d2ff485bebdf043dc2f161fcd4854cd01dc0276404",
                         "e679a2a971748ccfaabead4dbe8ac1def61275c186c79d471e1e45091ad1e687",
                         "b2a942478453fabb6bd3181c56ba657413447b4136e1daea2484d396d1a516b3",
                         "279d48ec56f16d234c09ea62f3d02ab776ee38e03f66b20f939f1316e13df10f",
                         "79390e78bc59699c7af831f8f5fb478ec871a85f561a8641b5670ac4443f720f"};
constexpr std::string_view kSecret = "7b1c33d3f5291d85de664833beb1ad469f7fb6025a0ec78b3a790c6e13a98304";
constexpr std::string_view kPublic = "15d21ccd7ee42959562fc8aa63224c8851fb3ec85a3faf66040d380fb9738673";
constexpr std::string_view kCoefficient = "178199860edd8c62f5212ee91eff1295d0d670ab4ed4506866bae57e7030b204";
constexpr std::string_view kBindingInput =  // of participant 1; the last 32 bytes are the identifier
    "15d21ccd7ee42959562fc8aa63224c8851fb3ec85a3faf66040d380fb9738673504df914fa965023fb75c25ded4bb260f417de6d32e5c442c6"
    "ba313791cc9a49"
    "48d6273e8d3511f93348ea7a708a9b862bc73ba2a79cfdfe07729a193751cbc93df7739fd1223d8697dfc21b1679435bafda1f92815944f28d"
    "2faf21ded33ae9"
    "4a16100090ae7d83555c9b2d961e3d5d1b62828e8cb58a88a73cda404f8f725a01000000000000000000000000000000000000000000000000"
    "00000000000000";
constexpr std::string_view kSignature =
    "154fb694ee7fcb37bf2381d94488c2a84b03b3352ad085feca81ad26d45852b7ecfe971ce4da95c4a95db93ac376b053897fca212ef85f99cf"
    "696bffeb178f07";

TEST(FrostEd25519, MatchesRfc9591AppendixE1) {
  const Bytes message = hex("74657374");
  const PartySet T{kOne.i, kThree.i};
  const Point<E> Y = Point<E>::base(scalar(kSecret));
  EXPECT_EQ(to_hex(Y.bytes()), kPublic);
  const auto key = root_key(Y);

  frost::CommitmentList<E> list;
  std::map<PartyId, frost::NoncePair<E>> pairs;
  for (const Participant& p : {kOne, kThree}) {
    // f(i) = secret + i·coefficient
    EXPECT_EQ(text(scalar(kSecret) + scalar_of<E>(p.i) * scalar(kCoefficient)), p.share);
    const Secret<Bytes32> random_d(array_from_hex<32>(p.random_d).value()),
        random_e(array_from_hex<32>(p.random_e).value());
    const auto d = frost::nonce_generate<FrostEd25519>(random_d, scalar(p.share));
    const auto e = frost::nonce_generate<FrostEd25519>(random_e, scalar(p.share));
    EXPECT_EQ(text(d), p.d);
    EXPECT_EQ(text(e), p.e);
    const auto& pair = pairs.emplace(p.i, frost::NoncePair<E>(d, e)).first->second;
    EXPECT_EQ(to_hex(pair.commitment().D.bytes()), p.D);
    EXPECT_EQ(to_hex(pair.commitment().E.bytes()), p.E);
    list.push_back({p.i, pair.commitment()});
  }

  const Bytes encoded = frost::encode_group_commitment_list<E>(list);
  EXPECT_EQ(to_hex(encoded),
            "01" + std::string(62, '0') + kOne.D + kOne.E + "03" + std::string(62, '0') + kThree.D + kThree.E);
  const std::string binding_input =
      std::string(kPublic) + to_hex(FrostEd25519::H4(message)) + to_hex(FrostEd25519::H5(encoded));
  EXPECT_EQ(binding_input + "01" + std::string(62, '0'), kBindingInput);
  const auto rho = frost::compute_binding_factors<FrostEd25519>(Y, list, message);
  EXPECT_EQ(text(rho[0]), kOne.rho);
  EXPECT_EQ(text(rho[1]), kThree.rho);

  std::vector<Scalar<E>> shares;
  std::optional<frost::Round<FrostEd25519>> round;
  for (const Participant& p : {kOne, kThree}) {
    auto& pair = pairs.at(p.i);
    round = std::get<frost::Round<FrostEd25519>>(frost::prepare<FrostEd25519>(key, T, list, message, p.i, &pair));
    EXPECT_EQ(to_hex(round->R.bytes()), kSignature.substr(0, 64));
    shares.push_back(frost::sign_share<FrostEd25519>(std::move(pair), *round, key, p.i, scalar(p.share)));
    EXPECT_EQ(text(shares.back()), p.z);
    EXPECT_TRUE(frost::verify_share<FrostEd25519>(*round, key, p.i, Point<E>::base(scalar(p.share)), shares.back()));
  }
  const Signature64 signature = frost::aggregate<FrostEd25519>(*round, shares);
  EXPECT_EQ(to_hex(signature), kSignature);
  EXPECT_TRUE(verify_signature(Algorithm::eddsa_ed25519, hex(kPublic), message, signature));
}

TEST(FrostEd25519, ChallengeIsRfc8032s) {
  // Test 3 of RFC 8032 §7.1: R, A and the message determine S through the challenge.
  const auto A = point("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
  const auto R = point("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac");
  const auto S = scalar("18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
  const auto c = FrostEd25519::challenge(R, A, hex("af82"));
  EXPECT_EQ(Point<E>::base_and(S, -c, A), R);
}

TEST(FrostEd25519, SignsUnderADerivedKey) {
  SeededRng rng(41);
  const DealtKey<E> key(PartySet::first(3), 2, rng);
  const Scalar<E> tau = Scalar<E>::random(rng);
  const auto derived = effective_key_ed25519(key.Y, tau).value();
  EXPECT_EQ(derived.Q, key.Y + Point<E>::base(tau));
  const PartySet T{PartyId(1), PartyId(3)};
  const Bytes message = bytes_of("derived");
  const auto signature = sign_with<FrostEd25519>(key, derived, T, message, rng);
  EXPECT_TRUE(verify_signature(Algorithm::eddsa_ed25519, derived.Q.bytes(), message, signature));
  EXPECT_FALSE(verify_signature(Algorithm::eddsa_ed25519, key.Y.bytes(), message, signature));
  EXPECT_TRUE(verify_ed25519(derived.Q, message, signature));
  EXPECT_FALSE(verify_ed25519(key.Y, message, signature));
  EXPECT_FALSE(verify_ed25519(derived.Q, bytes_of("another"), signature));
  EXPECT_FALSE(verify_ed25519(Point<E>(), message, signature));
  EXPECT_FALSE(effective_key_ed25519(key.Y, -key.secret));
}

}  // namespace
}  // namespace quorate

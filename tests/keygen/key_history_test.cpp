// What may be signed, what is in force, what is deleted: the rules by themselves.
#include "keygen/key_history.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace quorate::test {
namespace {

using Verdict = KeyHistory::Verdict;
using Names = std::vector<CertificateName>;

constexpr std::uint64_t kNow = 1'700'000'000'000;

struct Epochs : testing::Test {
  SeededRng rng{1};
  const Ed25519PublicKey me = Ed25519SecretKey::generate(rng).public_key();
  const Ed25519PublicKey other = Ed25519SecretKey::generate(rng).public_key();
  const Ed25519PublicKey another = Ed25519SecretKey::generate(rng).public_key();
  const CertificateBody first = body_of(1);
  const ReshareRequest request = [] {
    ReshareRequest r;
    r.created = kNow - 60'000;
    r.expires = kNow + 60'000;
    return r;
  }();
  KeyHistory node = active(first);

  CertificateBody body_of(std::uint64_t number, const CertificateBody* base = nullptr, std::uint8_t variant = 0,
                          bool with_me = true) const {
    CertificateBody body;
    body.algorithm = Algorithm::eddsa_ed25519;
    body.number = number;
    body.sid[0] = variant;
    body.committee = Committee::make(2, {{PartyId(1), "a", with_me ? me : another}, {PartyId(2), "b", other}}).value();
    if (base != nullptr) body.base_number = base->number, body.base_digest = base->digest();
    return body;
  }
  // Dealt from `first`, numbered from kNow on.
  CertificateBody next(std::uint64_t number, std::uint8_t variant = 0, bool with_me = true) const {
    return body_of(kNow + number, &first, variant, with_me);
  }
  KeyHistory active(const CertificateBody& body) const {
    return KeyHistory().signed_for(body).complete(body, me).after;
  }
  MaySign may_sign(const CertificateBody& body, std::uint64_t now = kNow) const {
    return node.may_sign(attempt_of(body, &request), now);
  }
  static Names names(const std::vector<CertificateBody>& bodies) {
    Names names;
    for (const CertificateBody& body : bodies) names.push_back(name_of(body));
    return names;
  }
};

TEST_F(Epochs, AKeyIsBornWithoutABase) {
  node = KeyHistory();
  EXPECT_EQ(node.highest(), 0u);
  EXPECT_FALSE(node.may_be_needed());
  EXPECT_EQ(may_sign(first), MaySign::yes);
  EXPECT_EQ(may_sign(body_of(2)), MaySign::outside_window);
  EXPECT_EQ(may_sign(next(0)), MaySign::other_base);  // the base is taken first
  EXPECT_EQ(may_sign(body_of(0)), MaySign::used_number);
  node = node.signed_for(first);
  EXPECT_TRUE(node.may_be_needed());
  EXPECT_EQ(may_sign(first), MaySign::used_number);
  EXPECT_FALSE(node.in_force());
  const auto done = node.complete(first, me);
  EXPECT_EQ(done.plan.verdict, Verdict::activates);
  EXPECT_TRUE(done.plan.with_share && done.plan.obsolete.empty());
  EXPECT_FALSE(node.in_force());  // until the transaction is done
  EXPECT_EQ(done.after.in_force(), (KeyHistory::InForce{name_of(first), true}));
  EXPECT_EQ(done.after.highest(), 1u);
}

// attack 43: one certificate for each number, and only greater ones
TEST_F(Epochs, ANumberIsSignedOnce) {
  EXPECT_EQ(may_sign(body_of(1, &first)), MaySign::used_number);
  EXPECT_EQ(may_sign(next(5)), MaySign::yes);
  node = node.signed_for(next(5));
  EXPECT_EQ(node.highest(), kNow + 5);
  for (const std::uint64_t number : {0u, 1u, 4u, 5u}) EXPECT_EQ(may_sign(next(number, 1)), MaySign::used_number);
  EXPECT_EQ(may_sign(next(6)), MaySign::yes);  // the one in force is still the base
}

TEST_F(Epochs, OnlyFromTheCertificateInForce) {
  EXPECT_EQ(may_sign(body_of(kNow)), MaySign::other_base);
  const CertificateBody rival = body_of(1, nullptr, 1);
  EXPECT_EQ(may_sign(body_of(kNow, &rival)), MaySign::other_base);  // the same number, another digest
  const CertificateBody prepared = next(2);
  node = node.signed_for(prepared);
  EXPECT_EQ(may_sign(body_of(kNow + 3, &prepared)), MaySign::other_base);
  node = node.complete(prepared, me).after;
  EXPECT_EQ(may_sign(body_of(kNow + 3, &prepared)), MaySign::yes);
  EXPECT_EQ(may_sign(next(3)), MaySign::other_base);
}

// A number is a time: not one that has not come yet, and not one at which its request could not be served.
TEST_F(Epochs, ANumberIsATime) {
  const std::uint64_t ahead = kNow + kClockTolerance;
  const auto at = [&](std::uint64_t number) { return body_of(number, &first); };
  EXPECT_EQ(may_sign(at(ahead)), MaySign::yes);
  EXPECT_EQ(may_sign(at(ahead + 1)), MaySign::ahead_of_clock);
  EXPECT_EQ(wait_for(ahead, kNow), 0u);
  EXPECT_EQ(wait_for(ahead + 7, kNow), 7u);
  EXPECT_EQ(may_sign(at(ahead + 7), kNow + 6), MaySign::ahead_of_clock);
  EXPECT_EQ(may_sign(at(ahead + 7), kNow + 7), MaySign::yes);
  EXPECT_EQ(may_sign(at(request.expires + kClockTolerance), ahead), MaySign::yes);
  EXPECT_EQ(may_sign(at(request.expires + kClockTolerance + 1), ahead), MaySign::outside_window);
  EXPECT_EQ(may_sign(at(request.created - kClockTolerance)), MaySign::yes);
  EXPECT_EQ(may_sign(at(request.created - kClockTolerance - 1)), MaySign::outside_window);
  EXPECT_EQ(may_sign(at(~std::uint64_t{0})), MaySign::outside_window);
}

TEST(NextNumber, IsATimeAndGreaterThanWhatHonestNodesReport) {
  const auto next = [](std::vector<std::uint64_t> reported) { return next_number(reported, kNow); };
  EXPECT_EQ(next({}).number, kNow);
  EXPECT_EQ(next({1, 1, 7}).number, kNow);
  EXPECT_EQ(next({1, kNow, 3}).number, kNow + 1);
  EXPECT_EQ(next({kNow + 500, kNow + 499}).number, kNow + 501);
  EXPECT_EQ(next({kNow + 500}).wait, 0u);
}

// A liar cannot make the others refuse, nor the coordinator wait for ever.
TEST(NextNumber, PassesOverWhatLiesFarAhead) {
  const std::uint64_t far = kNow + kClockTolerance / 2;
  for (const std::uint64_t lie : {far, far + 1, kNow + 2 * kClockTolerance}) {
    const std::uint64_t reported[]{1, kNow + 3, lie};
    const NextNumber next = next_number(reported, kNow);
    EXPECT_EQ(next.number, kNow + 4);
    EXPECT_GT(next.wait, 0u);
    EXPECT_LE(next.wait, 2 * kClockTolerance);
    EXPECT_EQ(next_number(reported, kNow + next.wait).number, lie + 1);  // it may have been true
    EXPECT_NE(next_number(reported, kNow + next.wait - 1).number, lie + 1);
  }
  for (const std::uint64_t lie : {kNow + 2 * kClockTolerance + 1, ~std::uint64_t{0}}) {
    const std::uint64_t reported[]{lie};
    EXPECT_EQ(next_number(reported, kNow).number, kNow);
    EXPECT_EQ(next_number(reported, kNow).wait, 0u);
  }
}

TEST_F(Epochs, OnACompleteCertificateWhatIsLesserGoesAndWhatIsGreaterStays) {
  for (const std::uint64_t number : {2u, 5u, 9u}) node = node.signed_for(next(number));
  const auto done = node.complete(next(5), me);
  EXPECT_EQ(done.plan.verdict, Verdict::activates);
  EXPECT_TRUE(done.plan.with_share);
  EXPECT_EQ(done.plan.obsolete, names({first, next(2)}));
  node = done.after;
  EXPECT_EQ(node.in_force()->name, name_of(next(5)));
  EXPECT_EQ(node.prepared(), names({next(9)}));
  EXPECT_EQ(node.highest(), kNow + 9);
  // again, and lesser ones that were withheld
  for (const CertificateBody& lesser : {first, next(2), next(5)}) {
    const auto again = node.complete(lesser, me);
    EXPECT_EQ(again.plan.verdict, Verdict::not_greater);
    EXPECT_TRUE(again.plan.obsolete.empty() && !again.plan.with_share);
    EXPECT_EQ(again.after, node);
  }
  EXPECT_EQ(node.complete(next(9), me).plan.obsolete, names({next(5)}));
}

// The withholder's two rivals, both complete: whoever sees them in whichever order ends with the same one, with its
// share.
TEST_F(Epochs, RivalCompleteCertificatesAreInOrder) {
  for (const bool lesser_first : {false, true}) {
    KeyHistory seen = active(first).signed_for(next(2)).signed_for(next(3));
    if (lesser_first) {
      const auto done = seen.complete(next(2), me);
      EXPECT_TRUE(done.plan.with_share);
      seen = done.after;
      EXPECT_EQ(seen.prepared(), names({next(3)}));
    }
    const auto done = seen.complete(next(3), me);
    EXPECT_TRUE(done.plan.with_share);  // although its base is not in force any more
    EXPECT_EQ(done.after.complete(next(2), me).plan.verdict, Verdict::not_greater);
    EXPECT_EQ(done.after.in_force()->name, name_of(next(3)));
    EXPECT_TRUE(done.after.prepared().empty());
  }
}

// Committees without a common member can complete one number each: their digests decide, for everyone alike. A share
// goes when a greater certificate is complete, and never before: whatever the order in which three of them come, for a
// member of each and for a node that is in none.
TEST_F(Epochs, ThreeOfOneNumberInEveryOrder) {
  for (int mine = -1; mine < 3; ++mine) {
    // Which of the three is mine says its digest: sorted first, so that each of them is once.
    std::vector<CertificateBody> rivals;
    for (std::uint8_t variant = 1; rivals.size() < 3; ++variant) {
      const auto fits = [&](const CertificateBody& body) {
        return rivals.empty() || name_of(rivals.back()) < name_of(body);
      };
      const CertificateBody body = next(2, variant, static_cast<int>(rivals.size()) == mine);
      if (fits(body)) rivals.push_back(body);
      if (variant == 255) break;
    }
    ASSERT_EQ(rivals.size(), 3u);
    std::vector<int> order{0, 1, 2};
    do {
      KeyHistory seen = active(first);
      if (mine >= 0) seen = seen.signed_for(rivals[static_cast<std::size_t>(mine)]);
      Names shares = names({first});
      if (mine >= 0) shares.push_back(name_of(rivals[static_cast<std::size_t>(mine)]));
      int greatest = -1;
      for (const int k : order) {
        const auto done = seen.complete(rivals[static_cast<std::size_t>(k)], me);
        EXPECT_EQ(done.plan.verdict, k > greatest ? Verdict::activates : Verdict::not_greater);
        EXPECT_EQ(done.plan.with_share, k == mine && k > greatest);
        greatest = std::max(greatest, k);
        for (const CertificateName& gone : done.plan.obsolete)
          EXPECT_EQ(std::erase(shares, gone), 1) << "deletes what is not there";
        seen = done.after;
        EXPECT_EQ(shares, mine >= greatest ? names({rivals[static_cast<std::size_t>(mine)]}) : Names{});
        EXPECT_EQ(seen.in_force()->with_share, mine == greatest);
      }
      EXPECT_EQ(seen.in_force()->name, name_of(rivals[2]));
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_F(Epochs, WhoIsNoMemberKeepsNothing) {
  const auto done = node.complete(next(2, 0, false), me);
  EXPECT_EQ(done.plan.verdict, Verdict::activates);
  EXPECT_FALSE(done.plan.with_share);
  EXPECT_EQ(done.plan.obsolete, names({first}));
  EXPECT_FALSE(done.after.may_be_needed());
  // It has no share to delete when the next one comes.
  EXPECT_TRUE(done.after.complete(next(3, 0, false), me).plan.obsolete.empty());
}

// An old database: the certificate says that this node has a share, and it has none. Nothing is deleted.
TEST_F(Epochs, AMemberWithoutItsShareChangesNothing) {
  node = node.signed_for(next(1));
  for (const CertificateBody& lost : {next(2), next(1, 7)}) {
    if (name_of(lost) <= name_of(first)) continue;
    const auto done = node.complete(lost, me);
    EXPECT_EQ(done.plan.verdict, Verdict::lost_share);
    EXPECT_TRUE(done.plan.obsolete.empty() && !done.plan.with_share);
    EXPECT_EQ(done.after, node);
  }
  EXPECT_EQ(KeyHistory().complete(first, me).plan.verdict, Verdict::lost_share);
  EXPECT_EQ(KeyHistory().complete(first, another).plan.verdict, Verdict::activates);  // no member by its identity
}

// Others may complete a certificate that this node has signed: it is not retired as long as that would come into force.
TEST_F(Epochs, ANodeIsNeededAsLongAsAShareOfItMayComeIntoForce) {
  node = node.signed_for(next(9));
  EXPECT_TRUE(node.may_be_needed());
  node = node.complete(next(5, 0, false), me).after;
  EXPECT_TRUE(node.may_be_needed());
  node = node.complete(next(10, 0, false), me).after;
  EXPECT_FALSE(node.may_be_needed());
}

TEST_F(Epochs, ComeBackFromTheDatabase) {
  const CertificateName one = name_of(first), two = name_of(next(2)), three = name_of(next(3));
  using InForce = KeyHistory::InForce;
  const auto back = KeyHistory::restore(InForce{one, true}, {three, two});
  ASSERT_TRUE(back);
  EXPECT_EQ(back, active(first).signed_for(next(2)).signed_for(next(3)));
  EXPECT_EQ(back->highest(), kNow + 3);
  EXPECT_TRUE(back->complete(next(3), me).plan.with_share);
  EXPECT_TRUE(KeyHistory::restore(std::nullopt, {}));
  EXPECT_TRUE(KeyHistory::restore(std::nullopt, {one}));
  EXPECT_FALSE(KeyHistory::restore(InForce{two, false}, {one}));
  EXPECT_FALSE(KeyHistory::restore(InForce{two, true}, {two}));
  EXPECT_FALSE(KeyHistory::restore(InForce{one, true}, {two, name_of(next(2, 1))}));
  // One of the number in force, with a greater digest, may come yet.
  Names same = names({next(2, 1), next(2, 2)});
  std::sort(same.begin(), same.end());
  EXPECT_TRUE(KeyHistory::restore(InForce{same[0], false}, {same[1]}));
  EXPECT_FALSE(KeyHistory::restore(InForce{same[0], true}, {same[1]}));  // a number is signed once
  EXPECT_FALSE(KeyHistory::restore(InForce{same[1], false}, {same[0]}));
}

}  // namespace
}  // namespace quorate::test

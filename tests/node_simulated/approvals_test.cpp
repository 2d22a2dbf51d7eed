// People's approvals among whole nodes: signed over one intent, counted once, by every node itself (attack 64).
#include "tests/node_simulated/approvals_world.h"

namespace quorate::test {
namespace {

using policy::Vote;
using std::chrono::hours;
using storage::RequestState;

TEST(Approvals, TwoPeopleAtTwoNodesAndTheKeySigns) {
  for (const char* algorithm : {kEd25519, kEcdsa}) {
    Approved a(1, algorithm);
    auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
    a.sim.run_for(Seconds(1));
    for (std::size_t i = 0; i < 3; ++i) {
      const auto record = a.at(i, s.id);
      EXPECT_EQ(record.request_state(), RequestState::pending_approval) << i;
      EXPECT_EQ(record.expires - record.created, 24u * 3600);
      ASSERT_EQ(record.needs.size(), 1u);
      EXPECT_EQ(record.needs[0].have, 0u);
    }
    EXPECT_FALSE(a.knows(3, s.id)) << "has no part in it";
    a.sim.clock.advance(hours(5));
    EXPECT_EQ(a.tell(1, s.id, a.vote_of("bob", s.id)), "pending_approval");
    a.sim.run_for(Seconds(1));
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.at(i, s.id).needs[0].have, 1u) << i;
    EXPECT_FALSE(s.answer);
    EXPECT_NE(a.tell(2, s.id, a.vote_of("carol", s.id)), "no answer");
    a.until_done(s);
    EXPECT_TRUE(s.succeeded()) << why(s);
    a.sim.settle();
    a.sim.expect_safe();
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(a.state(i, s.id), RequestState::succeeded) << i;
      EXPECT_EQ(a.at(i, s.id).original.approvals.size(), 2u) << i;
    }
  }
}

TEST(Approvals, OnlyCountFromWhomTheRuleAsksOverThisIntentAndOnce) {
  Approved a(2);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  auto& other = a.wait_for_people(0, a.sim.sign("hot", "y"));
  const Json intent = Json::parse(a.at(0, s.id).intent.text);
  EXPECT_EQ(a.tell(0, s.id, a.signed_by("eve", intent)), "not_an_approver");
  EXPECT_EQ(
      a.tell(0, s.id,
             {"admin", 1, a.sim.documents.admin.sign(view_of(policy::approval_text(Vote::approve, "admin", intent)))}),
      "not_an_approver");
  EXPECT_EQ(a.tell(0, s.id, {"bob", 1, {}}), "malformed_body");
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", other.id)), "malformed_body") << "another request's";
  auto as_bob = a.vote_of("carol", s.id);
  as_bob.approver = "bob";
  EXPECT_EQ(a.tell(0, s.id, as_bob), "malformed_body");
  auto turned = a.vote_of("bob", s.id, Vote::reject);
  turned.vote = static_cast<std::uint8_t>(Vote::approve);
  EXPECT_EQ(a.tell(0, s.id, turned), "malformed_body") << "a rejection is no approval";
  for (const char* member : {"request", "key", "payload_digest", "policy_version", "expires_at"}) {
    Json changed = intent;
    changed[member] = "2";
    EXPECT_EQ(a.tell(0, s.id, a.signed_by("bob", changed)), "malformed_body") << member;
  }
  EXPECT_EQ(a.tell(3, s.id, a.vote_of("bob", s.id)), "not_found") << "a node that does not have the key";
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  EXPECT_EQ(a.tell(1, s.id, a.vote_of("bob", s.id)), "pending_approval") << "twice";
  a.sim.run_for(Seconds(5));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.at(i, s.id).needs[0].have, 1u) << i;
  EXPECT_FALSE(s.answer);
  EXPECT_NE(a.tell(1, s.id, a.vote_of("dave", s.id)), "no answer");
  a.until_done(s);
  EXPECT_TRUE(s.succeeded()) << why(s);
  EXPECT_EQ(a.tell(2, s.id, a.vote_of("carol", s.id)), "not_pending");
  EXPECT_EQ(a.state(0, other.id), RequestState::pending_approval);
}

TEST(Approvals, OneRejectionEndsItEverywhere) {
  Approved a(3);
  auto& s = a.wait_for_people(1, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  EXPECT_EQ(a.tell(2, s.id, a.vote_of("carol", s.id, Vote::reject)), "rejected");
  a.until_done(s);
  ASSERT_NE(s.record(), nullptr);
  EXPECT_EQ(s.record()->request_state(), RequestState::rejected);
  EXPECT_EQ(s.record()->reason.text, "carol has rejected the request");
  a.sim.run_for(Seconds(2));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.state(i, s.id), RequestState::rejected) << i;
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("dave", s.id)), "not_pending");
  // A resend finds the end.
  EXPECT_EQ(a.sim.ask(2, s.original).record()->request_state(), RequestState::rejected);
  a.sim.settle();
  a.sim.expect_safe();
}

TEST(Approvals, WhoAskedOrAnAdminMayCancel) {
  Approved a(4);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  EXPECT_EQ(a.cancel(1, s.id, "approver"), "not_found");
  EXPECT_EQ(a.cancel(1, s.id), "cancelled");
  a.sim.run_for(Seconds(2));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.state(i, s.id), RequestState::cancelled) << i;
  EXPECT_EQ(a.cancel(2, s.id), "cancelled") << "again";
  EXPECT_EQ(a.tell(2, s.id, a.vote_of("carol", s.id)), "not_pending");
  ASSERT_TRUE(s.answer);
  EXPECT_EQ(s.code(), "cancelled");

  auto& done = a.sim.ask(0, a.sim.sign("hot", "y"), Seconds(3));
  EXPECT_NE(a.tell(0, done.id, a.vote_of("bob", done.id)), "no answer");
  EXPECT_NE(a.tell(0, done.id, a.vote_of("carol", done.id)), "no answer");
  a.until_done(done);
  ASSERT_TRUE(done.succeeded()) << why(done);
  EXPECT_EQ(a.cancel(0, done.id), "already_final");
  a.sim.settle();
  a.sim.expect_safe();
}

TEST(Approvals, ACancellationIsOnlyOfItsOwnRequest) {
  Approved a(5);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  auto& other = a.wait_for_people(0, a.sim.sign("hot", "y"));
  const auto of_other = a.sim.request("/v1/requests/" + other.id + "/cancel", Json::object());
  node::Replicate message;
  message.original = a.at(0, s.id).original;
  for (const auto& wrong :
       {of_other, a.sim.request("/v1/requests/" + s.id + "/approvals", Json::object()),
        a.sim.request("/v1/requests/" + s.id + "/cancel", Json::object(), "", "approver"), other.original}) {
    message.original.cancellation.assign(1, wrong);
    a.sim.raw_send(3, 1, node::envelope_of(message));
    a.sim.run_for(Seconds(1));
    EXPECT_EQ(a.state(1, s.id), RequestState::pending_approval);
  }
  message.original.cancellation.assign(1, a.sim.request("/v1/requests/" + s.id + "/cancel", Json::object()));
  a.sim.raw_send(3, 1, node::envelope_of(message));
  a.sim.run_for(Seconds(1));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.state(i, s.id), RequestState::cancelled) << i;
}

TEST(Approvals, ANameThatIsTakenMeanwhileEndsIt) {
  Approved a(28);
  auto& first = a.wait_for_people(0, a.sim.create("same", 2, {0, 1, 2}, kEd25519, "first"));
  auto& second = a.wait_for_people(1, a.sim.create("same", 2, {0, 1, 2}, kEd25519, "second"));
  for (auto* one : {&first, &second}) {
    EXPECT_NE(a.tell(0, one->id, a.vote_of("bob", one->id)), "no answer");
    EXPECT_NE(a.tell(1, one->id, a.vote_of("carol", one->id)), "no answer");
    a.until_done(*one);
  }
  EXPECT_TRUE(first.succeeded()) << why(first);
  ASSERT_TRUE(second.answer);
  EXPECT_EQ(second.code(), "name_taken");
  const auto before = a.sim.sent;
  a.sim.run_for(std::chrono::minutes(5));
  EXPECT_LT(a.sim.sent - before, 2000u);
}

TEST(Approvals, ARequestOfAnArchivedKeyWaitsAndCanBeWithdrawn) {
  Approved a(29);
  const auto with_people = [&](const std::string& what) {
    auto& s = a.wait_for_people(0, a.sim.request("/v1/keys/hot/" + what, Json::object()));
    EXPECT_NE(a.tell(0, s.id, a.vote_of("bob", s.id)), "no answer");
    EXPECT_NE(a.tell(0, s.id, a.vote_of("carol", s.id)), "no answer");
    a.until_done(s);
    EXPECT_TRUE(s.succeeded()) << why(s);
  };
  const std::string waits = a.wait_for_people(0, a.sim.sign("hot", "x")).id;
  const std::string unwanted = a.wait_for_people(0, a.sim.sign("hot", "y")).id;
  with_people("archive");
  EXPECT_EQ(a.sim.ask(0, a.sim.sign("hot", "z")).code(), "key_archived");
  for (std::size_t i = 0; i < 4; ++i) a.sim.kill(i);
  a.sim.heal();
  a.sim.run_for(Seconds(2));
  EXPECT_EQ(a.state(0, waits), RequestState::pending_approval);
  EXPECT_EQ(a.cancel(1, unwanted), "cancelled");
  EXPECT_NE(a.tell(1, waits, a.vote_of("bob", waits)), "no answer");
  EXPECT_NE(a.tell(1, waits, a.vote_of("carol", waits)), "no answer");
  a.sim.run_for(Seconds(30));
  EXPECT_TRUE(a.at(0, waits).open()) << "signed with an archived key";
  a.sim.clock.advance(Seconds(1));
  with_people("unarchive");
  EXPECT_TRUE(a.sim.run_until([&] { return a.state(0, waits) == RequestState::succeeded; }, std::chrono::minutes(10)));
  EXPECT_EQ(a.state(2, unwanted), RequestState::cancelled);
}

// A node that leaves a rejection out of what it shows cannot have a key unarchived that somebody has refused.
TEST(Approvals, AWithdrawnChangeOfAKeysStateIsNotCarriedOut) {
  Approved a(33);
  const auto with_people = [&](const std::string& what) {
    auto& s = a.wait_for_people(0, a.sim.request("/v1/keys/hot/" + what, Json::object()));
    EXPECT_NE(a.tell(0, s.id, a.vote_of("bob", s.id)), "no answer");
    EXPECT_NE(a.tell(0, s.id, a.vote_of("carol", s.id)), "no answer");
    a.until_done(s);
    EXPECT_TRUE(s.succeeded()) << why(s);
  };
  with_people("archive");
  a.sim.clock.advance(Seconds(1));
  const std::string id = a.wait_for_people(0, a.sim.request("/v1/keys/hot/unarchive", Json::object())).id;
  EXPECT_EQ(a.tell(0, id, a.vote_of("bob", id)), "pending_approval");
  const auto bobs = a.vote_of("bob", id), carols = a.vote_of("carol", id);
  EXPECT_EQ(a.tell(1, id, a.vote_of("dave", id, Vote::reject)), "rejected");
  a.sim.run_for(Seconds(2));
  node::KeyStateChange change;
  change.request = id;
  change.original = a.at(0, id).original;
  change.original.approvals = {bobs, carols};
  node::Outcome done;
  done.request = id;
  done.original = change.original;
  done.state = static_cast<std::uint8_t>(RequestState::succeeded);
  for (std::size_t i = 0; i < 3; ++i) {
    a.sim.raw_send(3, i, node::envelope_of(change));
    a.sim.raw_send(3, i, node::envelope_of(done));
  }
  a.sim.run_for(Seconds(5));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.row(i).state, storage::KeyState::archived) << i;
    EXPECT_EQ(a.state(i, id), RequestState::rejected) << i;
  }
}

TEST(Approvals, ThatANameIsTakenIsNobodysWord) {
  Approved a(34);
  auto& s = a.wait_for_people(0, a.sim.create("fresh", 2, {0, 1, 2}));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  bool lies = true;
  a.sim.tap = [&](Sent sent) {
    std::vector<Sent> all;
    if (lies && sent.from == "node4" && sent.envelope.tag == node::Accept::tag) {
      const auto accept = decode<node::Accept>(sent.envelope.body);
      node::Refuse refuse;
      refuse.request = accept.request;
      refuse.random = accept.random;
      refuse.status = 409;
      refuse.code = "name_taken";
      sent.envelope = node::envelope_of(refuse);
    }
    all.push_back(std::move(sent));
    return all;
  };
  EXPECT_NE(a.tell(1, s.id, a.vote_of("carol", s.id)), "no answer");
  a.sim.run_for(std::chrono::minutes(2));
  const auto state = a.state(0, s.id);  // or another node has gone on with it
  EXPECT_TRUE(storage::is_open(state) || state == RequestState::succeeded) << a.at(0, s.id).code.text;
  lies = false;
  EXPECT_TRUE(a.sim.run_until([&] { return s.answer.has_value(); }, std::chrono::minutes(10)));
  EXPECT_TRUE(s.succeeded()) << why(s);
}

TEST(Approvals, OneUserCannotFillANodeWithWaitingRequests) {
  Approved a(32);
  std::size_t refused = 0;
  for (std::size_t k = 0; k < node::kMaxWaitingPerUser + 3; ++k) {
    auto& s = a.sim.submit(0, a.sim.sign("hot", std::to_string(k)));
    a.sim.run_until([&] { return s.stored || s.answer; }, Seconds(20));
    refused += s.answer && s.code() == "overloaded";
  }
  EXPECT_EQ(refused, 3u);
}

TEST(Approvals, ExpireOnEveryNode) {
  Approved a(9);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  const auto late = a.vote_of("carol", s.id);
  a.sim.clock.advance(hours(24));
  a.sim.run_for(Seconds(20));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.state(i, s.id), RequestState::expired) << i;
    EXPECT_EQ(a.at(i, s.id).code.text, "expired");
    EXPECT_EQ(a.tell(i, s.id, late), "not_pending");
  }
  ASSERT_TRUE(s.answer);
  EXPECT_EQ(s.code(), "expired");
  a.sim.expect_safe();
}

TEST(Approvals, OfAnotherPolicyStopCounting) {
  Approved a(11);
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  const auto old = a.vote_of("carol", s.id);
  EXPECT_EQ(a.tell(1, s.id, a.vote_of("bob", s.id)), "pending_approval");
  a.sim.run_for(Seconds(2));
  a.use(Approved::rules_with("three", 3));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto record = a.at(i, s.id);
    EXPECT_EQ(record.request_state(), RequestState::pending_approval);
    EXPECT_EQ(record.rule.text, "three");
    EXPECT_EQ(record.needs[0].min, 3u);
    EXPECT_EQ(record.needs[0].have, 0u) << "bob has approved it under another policy";
    EXPECT_TRUE(record.original.approvals.empty());
  }
  EXPECT_EQ(a.tell(0, s.id, old), "malformed_body");
  for (const char* user : {"bob", "carol", "dave"}) EXPECT_NE(a.tell(0, s.id, a.vote_of(user, s.id)), "no answer");
  EXPECT_TRUE(a.sim.run_until([&] { return a.state(1, s.id) == RequestState::succeeded; }, Seconds(60)));
  auto& denied = a.wait_for_people(0, a.sim.sign("hot", "y"));
  a.sim.run_for(Seconds(2));
  a.use(Json::array());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.state(i, denied.id), RequestState::denied) << i;
  a.sim.settle();
  a.sim.expect_safe();
}

TEST(Approvals, NoNodeTakesPartWithoutThem) {  // attack 61, 64: whatever the coordinator says
  Approved a(12);
  a.sim.evil[0] = true;
  auto& s = a.wait_for_people(0, a.sim.sign("hot", "x"));
  EXPECT_EQ(a.tell(0, s.id, a.vote_of("bob", s.id)), "pending_approval");
  a.sim.run_for(Seconds(1));
  const auto known = a.at(0, s.id);
  const node::World& world = a.sim.world(0);
  std::uint64_t refused = 0;
  a.sim.tap = [&](Sent sent) {
    refused += sent.envelope.tag == node::Refuse::tag &&
               decode<node::Refuse>(sent.envelope.body).code.text == "needs_approval";
    std::vector<Sent> all;
    all.push_back(std::move(sent));
    return all;
  };
  const auto propose_with = [&](const node::ClientRequest& original) {
    a.sim.raw_send(0, 1, node::envelope_of(proposal_of(original, world, a.sim.rng())));
    a.sim.run_for(Seconds(2));
  };
  auto forged = known.original;
  propose_with(forged);
  EXPECT_EQ(refused, 1u) << "one of two";
  const auto bobs = forged.approvals[0];
  forged.approvals = {bobs, bobs, bobs};
  propose_with(forged);
  EXPECT_EQ(refused, 2u) << "one of two, three times";
  forged.approvals = {bobs, {"carol", 1, bobs.signature}, {"dave", 1, {}}};
  propose_with(forged);
  EXPECT_EQ(refused, 3u) << "with the signatures of others";
  forged.approvals = {bobs, a.signed_by("eve", Json::parse(known.intent.text))};
  propose_with(forged);
  EXPECT_EQ(refused, 4u) << "with somebody else's";
  for (std::size_t i = 1; i < 3; ++i) EXPECT_EQ(a.state(i, s.id), RequestState::pending_approval);
}

TEST(Approvals, AreNeededForEverythingThatTheRuleIsAbout) {
  Approved a(13);
  const auto with_people = [&](std::size_t i, const http::SignedRequest& original) {
    auto& s = a.wait_for_people(i, original);
    EXPECT_NE(a.tell(1, s.id, a.vote_of("bob", s.id)), "no answer");
    EXPECT_FALSE(s.answer);
    EXPECT_NE(a.tell(2, s.id, a.vote_of("dave", s.id)), "no answer");
    a.until_done(s);
    EXPECT_TRUE(s.succeeded()) << why(s);
    a.sim.settle();
  };
  with_people(0, a.sim.create("second", 2, {0, 1, 3}));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(a.sim.active_keys(i).size(), 2u) << i;
  with_people(1, a.refresh());
  a.expect_one_epoch({0, 1, 2}, 2);
  with_people(3, a.reshare(3, {1, 2, 3}));
  a.expect_one_epoch({1, 2, 3}, 3);
  with_people(0, a.sim.request("/v1/keys/hot/archive", Json::object()));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(a.row(i).state, storage::KeyState::archived) << i;
  a.sim.expect_safe();
  // Whoever was away for it all takes it because people have approved it.
  auto content = a.sim.store(0).snapshot();
  a.sim.clock.advance(Seconds(1));
  a.sim.kill(0);
  with_people(1, a.sim.request("/v1/keys/hot/unarchive", Json::object()));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(a.row(i).state, storage::KeyState::active) << i;
  a.sim.expect_safe();
}

}  // namespace
}  // namespace quorate::test

// Votes of authenticators among whole nodes: counted once for each person, for one request, by every node itself.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "node/approvals.h"
#include "node/desk.h"
#include "peers/mesh.h"
#include "tests/node_simulated/reshare_world.h"
#include "tests/support/authenticator.h"

namespace quorate::test {
namespace {

using policy::Vote;
using storage::RequestState;

const Ed25519SecretKey& bobs_key() {
  static const Ed25519SecretKey key = [] {
    SeededRng rng(78);
    return Ed25519SecretKey::generate(rng);
  }();
  return key;
}

// Key "hot" of three nodes, any two. Whatever is done with it needs two of the treasury: bob has a key and an
// authenticator, carol and dave an authenticator alone.
struct Passkeys : Reshare {
  explicit Passkeys(std::uint64_t seed) : Reshare(4, seed, {0, 1, 2}, 2) {
    Json document = Json::parse(sim.documents.policy->jcs());
    for (const char* name : {"bob", "carol", "dave"})
      document["users"].push_back(
          {{"id", name}, {"groups", {"treasury"}}, {"webauthn", Json::array({Authenticator(name).in_policy()})}});
    document["users"][document["users"].size() - 3]["key"] = bobs_key().public_key().to_text();
    document["rules"] = Json::array(
        {{{"id", "two"},
          {"if", Json::object()},
          {"then", {{"approve", Json::array({{{"group", "treasury"}, {"min", 2}}})}, {"expires_hours", 24}}}}});
    restart_under(document);
  }

  NodeSimulation::Submission& wait_for_people(const std::string& text) {
    auto& s = sim.submit(0, sim.sign("hot", text));
    EXPECT_TRUE(sim.run_until([&] { return s.stored || s.answer; }, Seconds(20)));
    EXPECT_TRUE(s.stored) << s.code();
    sim.run_for(Seconds(1));
    return s;
  }
  node::RequestRecord at(std::size_t i, const std::string& id) {
    return node::record_of(sim.store(i).request(id).value());
  }
  Json intent(const std::string& id) { return Json::parse(at(0, id).intent.text); }
  std::uint32_t have(std::size_t i, const std::string& id) { return at(i, id).needs[0].have; }

  // Another signature each time.
  policy::Approval touch(const std::string& user, const std::string& id, Vote vote = Vote::approve) {
    policy::Approval approval{user, static_cast<std::uint8_t>(vote), {}, {}};
    approval.webauthn.push_back(Authenticator(user).approve(policy::approval_text(vote, user, intent(id))));
    return approval;
  }
  static policy::Approval twin(policy::Approval approval) {
    auto& signature = approval.webauthn.front().signature;
    const Bytes other = Authenticator::other_signature(signature);
    signature.assign(other.begin(), other.end());
    return approval;
  }
  // What is answered: a state, or a code and where.
  std::string tell(std::size_t i, const std::string& id, const policy::Approval& vote) {
    const auto answer = std::make_shared<std::optional<node::Answer>>();
    sim.desk(i).approvals().vote(id, vote, [answer](const node::Answer& a) { *answer = a; });
    sim.run_until([&] { return answer->has_value(); }, Seconds(20));
    if (!*answer) return "no answer";
    if (const auto* refused = std::get_if<node::Refusal>(&**answer))
      return refused->code + " " + refused->pointer.value_or("");
    return std::string(storage::to_text(std::get<node::RequestRecord>(**answer).request_state()));
  }
  void show(std::size_t to, const std::string& id, const std::vector<policy::Approval>& approvals) {
    node::Replicate message;
    message.original = at(0, id).original;
    message.original.approvals.assign(approvals.begin(), approvals.end());
    sim.raw_send(3, to, node::envelope_of(message));
    sim.run_for(Seconds(2));
  }
};

TEST(WebAuthnVotes, AKeyAndAnAuthenticatorAreTwoPeople) {
  Passkeys a(1);
  auto& s = a.wait_for_people("x");
  const policy::Approval bobs{"bob", 1,
                              bobs_key().sign(view_of(policy::approval_text(Vote::approve, "bob", a.intent(s.id))))};
  EXPECT_EQ(a.tell(1, s.id, bobs), "pending_approval");
  EXPECT_EQ(a.tell(1, s.id, a.touch("bob", s.id)), "pending_approval") << "in both ways he is one person";
  a.sim.run_for(Seconds(2));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(a.have(i, s.id), 1u) << i;
  const auto carols = a.touch("carol", s.id);
  EXPECT_NE(a.tell(2, s.id, carols), "no answer");
  a.sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << why(s);
  a.sim.settle();
  a.sim.expect_safe();
  for (std::size_t i = 0; i < 3; ++i) {
    const Json shown = node::request_view(a.at(i, s.id), false)["approvals"];
    ASSERT_EQ(shown.size(), 2u) << i;
    EXPECT_EQ(shown[1], policy::to_json(carols)) << i;
    EXPECT_TRUE(shown[0].contains("webauthn")) << "of two that do the same every node keeps the same";
  }
}

TEST(WebAuthnVotes, ManySignaturesOfOnePersonAreOneVote) {
  Passkeys a(2);
  auto& s = a.wait_for_people("x");
  const auto first = a.touch("carol", s.id), second = a.touch("carol", s.id);
  EXPECT_EQ(a.tell(0, s.id, first), "pending_approval");
  EXPECT_EQ(a.tell(1, s.id, second), "pending_approval");
  EXPECT_EQ(a.tell(2, s.id, Passkeys::twin(first)), "pending_approval");
  a.show(1, s.id, {first, second, Passkeys::twin(second), Passkeys::twin(first)});
  a.sim.run_for(Seconds(15));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.have(i, s.id), 1u) << i;
    EXPECT_EQ(a.at(i, s.id).original, a.at(0, s.id).original) << "all hold the same";
  }
  const auto before = a.sim.sent;
  a.sim.run_for(Seconds(60));
  EXPECT_LT(a.sim.sent - before, 300u) << "they go on telling each other";
  EXPECT_NE(a.tell(0, s.id, a.touch("dave", s.id)), "no answer");
  a.sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << why(s);
}

TEST(WebAuthnVotes, OfAnotherRequestDecisionOrPersonCountNowhere) {
  Passkeys a(3);
  auto& s = a.wait_for_people("x");
  auto& other = a.wait_for_people("y");
  const auto replayed = a.touch("carol", other.id);
  auto turned = a.touch("carol", s.id, Vote::reject);
  turned.vote = static_cast<std::uint8_t>(Vote::approve);
  auto renamed = a.touch("dave", s.id);
  renamed.approver = "carol";
  auto with_bobs_key = a.touch("carol", s.id);
  with_bobs_key.webauthn.clear();
  with_bobs_key.signature = bobs_key().sign(view_of(policy::approval_text(Vote::approve, "carol", a.intent(s.id))));
  auto lazy = Authenticator("carol").about(policy::approval_text(Vote::approve, "carol", a.intent(s.id)), 0x01);
  auto unverified = replayed;
  unverified.webauthn.front() = Authenticator("carol").sign(lazy);
  const std::pair<policy::Approval, const char*> wrong[] = {
      {replayed, "malformed_body /webauthn/client_data_json"},
      {turned, "malformed_body /webauthn/client_data_json"},
      {renamed, "malformed_body /webauthn/credential"},
      {with_bobs_key, "malformed_body /signature"},
      {unverified, "malformed_body /webauthn/authenticator_data"}};
  for (const auto& [vote, answer] : wrong) {
    EXPECT_EQ(a.tell(0, s.id, vote), answer);
    a.show(1, s.id, {vote});
    EXPECT_EQ(a.have(1, s.id), 0u) << answer;
  }
  // What is wrong is said although a good one is there.
  EXPECT_EQ(a.tell(0, s.id, a.touch("carol", s.id)), "pending_approval");
  for (const auto& [vote, answer] : wrong) EXPECT_EQ(a.tell(0, s.id, vote), answer);
  a.sim.run_for(Seconds(2));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(a.have(i, s.id), 1u) << i;
    EXPECT_EQ(a.at(i, s.id).request_state(), RequestState::pending_approval) << i;
    EXPECT_EQ(a.have(i, other.id), 0u) << i;
  }
  EXPECT_EQ(a.tell(1, s.id, a.touch("dave", s.id, Vote::reject)), "rejected");
}

TEST(WebAuthnVotes, AFullRequestFitsIntoAFrameAndARecord) {
  const auto text = [](auto& field, std::size_t bytes) { field = std::string(bytes, 'x'); };
  const auto fill = [](auto& field) { field.resize(field.max_count); };
  node::Outcome outcome;
  http::SignedRequest request;
  text(request.method, request.method.max_count);
  text(request.target, request.target.max_count);
  text(request.signature_input, request.signature_input.max_count);
  text(request.signature, request.signature.max_count);
  for (http::Header* header : {&request.content_digest, &request.idempotency_key, &request.if_match})
    text(header->value, header->value.max_count);
  outcome.original = node::ClientRequest(request);
  outcome.original.cancellation.push_back(request);  // of one that counts the body is as good as empty
  fill(outcome.original.body);
  policy::Approval approval;
  text(approval.approver, limits::kMaxName);
  approval.webauthn.resize(1);
  fill(approval.webauthn[0].credential);
  fill(approval.webauthn[0].authenticator_data);
  fill(approval.webauthn[0].client_data_json);
  fill(approval.webauthn[0].signature);
  outcome.original.approvals.assign(policy::kMaxApprovals, approval);
  text(outcome.reason, outcome.reason.max_count);
  fill(outcome.result);
  outcome.signers.assign(limits::kMaxParties, PartyId(1));
  EXPECT_LT(encode(outcome).size() + 1024, peers::kMaxBodyBytes);

  node::RequestRecord record;
  record.original = outcome.original;
  text(record.intent, record.intent.max_count);
  text(record.facts, record.facts.max_count);
  text(record.result, record.result.max_count);
  EXPECT_LT(encode(record).size(), limits::kMaxRecord);
}

}  // namespace
}  // namespace quorate::test

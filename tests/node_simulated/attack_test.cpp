// One node of the cluster is evil: whatever it sends, the honest ones answer their clients, name nobody falsely, and
// forget nothing.
#include <nlohmann/json.hpp>

#include "node/desk.h"
#include "tests/node_simulated/attack_world.h"

namespace quorate::test {
namespace {

// attack 4: every field of the context is the receiver's own
TEST(Attack, AProposalThatDiffersIsRefusedNamingTheField) {
  const std::vector<std::pair<std::string, std::function<void(Propose&)>>> changes{
      {"cluster document", [](Propose& p) { p.cluster_digest[0] ^= 1; }},
      {"policy", [](Propose& p) { ++p.policy_version; }},
      {"policy", [](Propose& p) { p.policy_digest[31] ^= 1; }},
      {"intent", [](Propose& p) { p.request_digest[0] ^= 1; }},
      {"key", [](Propose& p) { p.key_id.text[0] = p.key_id.text[0] == 'a' ? 'b' : 'a'; }},
      {"key", [](Propose& p) { p.key_id = ""; }},
      {"key certificate", [](Propose& p) { p.certificate[0] ^= 1; }},
      {"committee", [](Propose& p) { p.committee[0] ^= 1; }},
      {"threshold", [](Propose& p) { p.threshold = 3; }},
      {"signer set", [](Propose& p) { p.signers.push_back(p.signers[0]); }},
      {"signer set", [](Propose& p) { p.signers[0] = PartyId(9); }},
      {"number of signers", [](Propose& p) { p.signers.pop_back(); }},
      {"number of signers",
       [](Propose& p) {
         p.signers = list_of(set_of(p.signers) | set_of({PartyId(1), PartyId(2), PartyId(3)}));
       }},
  };
  for (const auto& [field, alter] : changes) {
    const auto& change = alter;
    World3 sim(0);
    sim.tap = [&](Sent s) {
      sim.note_refusals(s);
      if (s.from == "node1" && s.to == "node2") s = changed<Propose>(std::move(s), change);
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.sign("hot", field));
    EXPECT_TRUE(s.succeeded()) << field << ": " << s.code();  // with node3
    ASSERT_EQ(sim.refusals.size(), 1u) << field;
    EXPECT_EQ(sim.refusals[0], field == "key certificate"
                                   ? "other_certificate this node has another certificate of the key in force"
                                   : "context_mismatch this node has another " + field + " for this request");
    sim.settle();
    sim.expect_no_blame();
    sim.expect_safe();
  }
}

TEST(Attack, DifferentProposalsToDifferentMembersOnlyWasteTime) {
  World3 sim(0);
  sim.tap = [&](Sent s) {
    if (s.from == "node1") s = changed<Propose>(std::move(s), [](Propose& p) { p.random[0] ^= 1; });
    return as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  EXPECT_EQ(s.code(), "no_quorum");
  sim.settle();
  sim.expect_no_blame();
}

// attack 61: the client's bytes are what is signed
TEST(Attack, AnAlteredForwardedRequestIsRefused) {
  const std::vector<std::function<void(http::SignedRequest&)>> changes{
      [](auto& r) { r.body[r.body.size() / 2] ^= 1; },
      [](auto& r) { r.signature.text[10] = r.signature.text[10] == 'A' ? 'B' : 'A'; },
      [](auto& r) { r.target.text += "?x=1"; },
      [](auto& r) { r.method = "PUT"; },
      [](auto& r) { r.signature_input.text.replace(r.signature_input.text.find("created=") + 8, 1, "2"); },
      [](auto& r) {
        r.idempotency_key = {true, BoundedText<limits::kMaxSignatureField>("mine")};
      },
      [](auto& r) { r = http::SignedRequest{}; },
  };
  for (std::size_t k = 0; k < changes.size(); ++k) {
    World3 sim(0);
    sim.tap = [&](Sent s) {
      sim.note_refusals(s);
      if (s.from == "node1" && s.to == "node2") {
        s = changed<Propose>(std::move(s), [&](Propose& p) { changes[k](p.original); });
        s = changed<Replicate>(std::move(s), [&](Replicate& r) { changes[k](r.original); });
        s = changed<Outcome>(std::move(s), [&](Outcome& o) { changes[k](o.original); });
      }
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.sign("hot", "x"));
    EXPECT_TRUE(s.succeeded()) << k << ": " << s.code();
    EXPECT_EQ(sim.refusals.size(), 1u) << k;
    EXPECT_FALSE(sim.store(1).request(s.id)) << k;
    sim.settle();
    sim.expect_safe();
  }
}

// api.md, Freshness: who sees a request for the first time too late takes no part
TEST(Attack, AStaleRequestIsNotTakenUp) {
  World3 sim(0);
  std::optional<Envelope> kept;
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    if (s.from != "node1") return as_it_is(std::move(s));
    if (s.envelope.tag == Propose::tag) kept = s.envelope;
    return std::vector<Sent>{};
  };
  EXPECT_EQ(sim.ask(0, sim.sign("hot", "kept back")).code(), "no_quorum");
  ASSERT_TRUE(kept);
  sim.run_for(Seconds(70));
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    return as_it_is(std::move(s));
  };
  sim.refusals.clear();
  for (const std::size_t to : {1u, 2u}) sim.raw_send(0, to, *kept);
  sim.quiesce();
  ASSERT_EQ(sim.refusals.size(), 2u);
  EXPECT_EQ(sim.refusals[0], "expired the request has expired");
  EXPECT_EQ(sim.host(1).running() + sim.host(2).running(), 0u);
  sim.settle();
}

TEST(Attack, ARefusalWithAJunkCodeIsOneRefusal) {
  for (const std::string code : {"", "denied", "expired", "already_final", "busy", "<script>", "name_taken"}) {
    World3 sim(1);
    sim.tap = [&](Sent s) {
      if (s.from == "node2" && s.envelope.tag == Accept::tag) {
        const auto a = decode<Accept>(s.envelope.body);
        Refuse r;
        r.request = a.request;
        r.random = a.random;
        r.status = 65'535;
        r.code = code;
        r.detail = std::string(1023, 'x');
        s.envelope = envelope_of(r);
      }
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.sign("hot", "x"));
    EXPECT_TRUE(s.succeeded()) << code << ": " << s.code();
    const auto& created = sim.ask(0, sim.create("cold", 2));
    ASSERT_NE(created.record(), nullptr);
    EXPECT_FALSE(created.succeeded());
    EXPECT_NE(created.code(), "<script>");
    sim.settle();
    sim.expect_safe();
  }
}

TEST(Attack, LongRefusalsInOtherAlphabetsStayReadable) {
  World3 sim(1, 1, 3);
  sim.tap = [&](Sent s) {
    if (s.from != "node2" && s.from != "node3") return as_it_is(std::move(s));
    if (s.envelope.tag.starts_with("frost/")) return std::vector<Sent>{};
    if (s.envelope.tag == Accept::tag) {
      const auto a = decode<Accept>(s.envelope.body);
      Refuse r;
      r.random = a.random;
      for (int i = 0; i < 341; ++i) r.detail.text += "€";
      s.envelope = envelope_of(r);
    }
    return as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  EXPECT_EQ(s.code(), "refused");
  EXPECT_EQ(record_of(*sim.store(0).request(s.id)).reason.text, s.record()->reason.text);  // it can be read back
  EXPECT_EQ(cut("a€", 2), "a");
  EXPECT_EQ(cut("a€", 4), "a€");
  EXPECT_EQ(cut("\xff\xfe", 8), "??");
}

TEST(Attack, ANodeWithoutAPartInTheKeyCannotStopItsGeneration) {
  for (const std::string code : {"context_mismatch", "storage", "busy", "junk"}) {
    World3 sim(3, 1, 4);
    sim.tap = [&](Sent s) {
      if (s.from == "node4" && s.envelope.tag == Accept::tag) {
        Refuse r;
        r.random = decode<Accept>(s.envelope.body).random;
        r.code = code;
        s.envelope = envelope_of(r);
      }
      return as_it_is(std::move(s));
    };
    EXPECT_TRUE(sim.ask(0, sim.create("cold", 2, {0, 1, 2})).succeeded()) << code;
    sim.tap = [&](Sent s) { return s.from == "node4" ? std::vector<Sent>{} : as_it_is(std::move(s)); };
    EXPECT_TRUE(sim.ask(0, sim.create("warm", 2, {0, 1, 2})).succeeded()) << code;
  }
}

TEST(Attack, AFalseSuccessProvesNothing) {
  World3 sim(1);
  sim.tap = [&](Sent s) {
    if (s.from != "node2") return as_it_is(std::move(s));
    if (s.envelope.tag == Accept::tag) {  // takes part, and says at once that it is done
      std::vector<Sent> out = as_it_is(s);
      Report report;
      report.request = decode<Accept>(s.envelope.body).request;
      report.succeeded = true;
      report.result.assign(64, 7);
      out.push_back({s.from, s.to, envelope_of(report)});
      return out;
    }
    return s.envelope.tag.starts_with("node/") ? as_it_is(std::move(s)) : std::vector<Sent>{};
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  EXPECT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node3"}));
  sim.settle();
  sim.expect_safe();
}

TEST(Attack, AFalseFailureIsNotBelieved) {
  World3 sim(2);
  const auto original = sim.sign("hot", "x");
  auto& s = sim.submit(0, original);
  for (int k = 0; k < 12; ++k) sim.step();
  Outcome outcome;
  outcome.original = original;
  outcome.code = "denied";
  for (const auto& row : sim.store(0).open_requests()) outcome.request = row.id;
  if (outcome.request.text.empty()) outcome.request = "req_00000000000000000000000000000000";
  for (const auto state : {RequestState::failed, RequestState::denied, RequestState::cancelled, RequestState::unset,
                           RequestState::queued}) {
    outcome.state = static_cast<std::uint8_t>(state);
    for (const std::size_t to : {0u, 1u}) sim.raw_send(2, to, envelope_of(outcome));
  }
  outcome.state = static_cast<std::uint8_t>(RequestState::succeeded);
  outcome.result.assign(64, 1);
  for (const std::size_t to : {0u, 1u}) sim.raw_send(2, to, envelope_of(outcome));
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
  sim.settle();
  sim.expect_safe();
}

// What its coordinator says of a request, as node1.
Outcome told_denied(World3& sim, const http::SignedRequest& original) {
  Outcome outcome;
  outcome.request = (*seen_in(examine(original, sim.world(1)))).id;
  outcome.original = original;
  outcome.state = static_cast<std::uint8_t>(RequestState::denied);
  outcome.code = "denied";
  outcome.reason = "denied by rule default";
  return outcome;
}

// The policy of the others permits it: sent again, they sign it.
TEST(Attack, AFalseDenialIsNotFinal) {
  for (const bool proposed : {false, true}) {
    World3 sim(0);
    const auto original = sim.sign("hot", "x");
    const Outcome lie = told_denied(sim, original);
    bool told = false;
    sim.tap = [&](Sent s) {
      if (s.from != "node1") return as_it_is(std::move(s));
      std::vector<Sent> out;
      if (told) return out;
      if (proposed && s.envelope.tag.starts_with("node/")) return as_it_is(std::move(s));
      told = true;
      for (const char* to : {"node2", "node3"}) out.push_back({"node1", to, envelope_of(lie)});
      return out;
    };
    sim.submit(0, original);
    ASSERT_TRUE(sim.run_until([&] { return told; }, Seconds(5)));
    sim.run_for(Seconds(1));
    for (const std::size_t i : {1u, 2u}) {
      const auto record = record_of(sim.store(i).request(lie.request.text).value());
      EXPECT_EQ(record.request_state(), RequestState::failed);
      EXPECT_EQ(record.code.text, "denied");
      EXPECT_EQ(record.reason.text.find("node1 says that it is denied"), 0u) << record.reason.text;
      EXPECT_TRUE(record.retryable);
    }
    const auto& again = sim.ask(1, original, Seconds(20));
    EXPECT_TRUE(again.succeeded()) << proposed << ": " << again.code();
    EXPECT_EQ(again.id, lie.request.text);
    sim.expect_no_blame();
  }
}

TEST(Attack, ATrueDenialIsFinal) {
  World3 sim(0);
  const auto original =
      sim.request("/v1/keys/hot/signatures", {{"payload", {{"kind", "message"}, {"utf8", "x"}}}}, "", "approver");
  const Outcome truth = told_denied(sim, original);
  sim.raw_send(0, 1, envelope_of(truth));
  sim.run_for(Seconds(1));
  const auto record = record_of(sim.store(1).request(truth.request.text).value());
  EXPECT_EQ(record.request_state(), RequestState::denied);
  EXPECT_EQ(record.reason.text, truth.reason.text);
  EXPECT_FALSE(record.retryable);
  EXPECT_EQ(sim.ask(1, original).record()->request_state(), RequestState::denied);
}

TEST(Attack, AFalseReportOnlySeparatesTheTwo) {
  for (const std::string kind : {"cheated", "silent", "unattributed", "junk"}) {
    World3 sim(1);
    sim.tap = [&](Sent s) {
      if (s.from != "node2" || s.envelope.tag.starts_with("node/")) return as_it_is(std::move(s));
      std::vector<Sent> out;
      if (s.to == "node1" && s.envelope.tag == "frost/commitment/2") {
        Report report;
        for (const auto& row : sim.store(0).open_requests()) report.request = row.id;
        report.sid = s.envelope.sid;
        report.abort_kind = kind;
        report.check = "bad_share";
        report.culprits = {PartyId(1), PartyId(2), PartyId(3), PartyId(32)};
        out.push_back({"node2", "node1", envelope_of(report)});
      }
      return out;
    };
    const auto& s = sim.ask(0, sim.sign("hot", kind));
    EXPECT_TRUE(s.succeeded()) << kind << ": " << s.code();
    sim.settle();
    sim.expect_no_blame();
    sim.expect_safe();
  }
}

TEST(Attack, AWrongSignatureShareNamesItsSenderAndAnotherOneSigns) {
  World3 sim(1);
  sim.tap = [&](Sent s) {
    if (s.from == "node2" && s.envelope.tag == "frost/share/2") s.envelope.body[s.envelope.body.size() - 16] ^= 1;
    return as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(sim.blamed(0, s.id), std::vector<std::string>{"node2 signature share does not verify"});
  sim.settle();
  sim.expect_safe();
}

TEST(Attack, SilenceAfterAcceptanceCostsOneRoundAndBlamesNobody) {  // attack 51
  World3 sim(1);
  sim.tap = [&](Sent s) {
    return s.from == "node2" && !s.envelope.tag.starts_with("node/") ? std::vector<Sent>{} : as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_LE(sim.clock.steady() - s.at, limits::kSignRoundTimeout + Seconds(2));
  sim.expect_no_blame();
  const auto& made = sim.ask(0, sim.create("cold", 2));
  EXPECT_EQ(made.code(), "no_quorum");
  sim.settle();
  sim.expect_safe();
}

// 3 of 4: node4 shows its commitment to one signer only, so that the two honest ones wait for each other.
TEST(Attack, SelectiveSilenceTakesNoHonestNodeWithIt) {
  NodeSimulation sim(4, 9);
  ASSERT_TRUE(sim.ask(0, sim.create("hot", 3)).succeeded());
  sim.settle();
  sim.evil[1] = true;
  sim.tap = [&](Sent s) {
    return s.from == "node2" && s.to != "node1" && !s.envelope.tag.starts_with("node/") ? std::vector<Sent>{}
                                                                                        : as_it_is(std::move(s));
  };
  const auto& s = sim.ask(0, sim.sign("hot", "x"));
  ASSERT_TRUE(s.succeeded()) << s.code();
  EXPECT_EQ(Json::parse(s.record()->result.text)["signers"], Json::array({"node1", "node3", "node4"}));
  sim.settle();
  sim.expect_safe();
}

// Any node may object to a name; the client is told which one did.
TEST(Attack, AFalseClaimOfANameIsToldWithItsClaimant) {
  for (const std::string code : {"name_taken", "name_busy"}) {
    World3 sim(3, 1, 4);
    sim.tap = [&](Sent s) {
      if (s.from == "node4" && s.envelope.tag == Accept::tag) {
        Refuse r;
        r.random = decode<Accept>(s.envelope.body).random;
        r.code = code;
        r.detail = "it is mine";
        s.envelope = envelope_of(r);
      }
      return as_it_is(std::move(s));
    };
    const auto& s = sim.ask(0, sim.create("cold", 2, {0, 1, 2}));
    EXPECT_EQ(s.code(), "name_taken") << code;
    ASSERT_NE(s.record(), nullptr);
    EXPECT_EQ(s.record()->reason.text, "node4 says that the name is taken: it is mine");
    EXPECT_LE(sim.clock.steady() - s.at, limits::kProposalTimeout + Seconds(1));
    sim.settle();
    sim.expect_safe();
  }
}

TEST(Attack, FloodsLeaveNothingBehind) {  // attack 50
  World3 sim(2);
  SeededRng rng(3);
  for (int k = 0; k < 20'000; ++k) {
    Envelope e;
    e.sid = rng.bytes<32>();
    e.tag = k % 2 == 0 ? "frost/commitment/2" : "node/begin/1";
    e.body.resize(32);
    rng.fill(e.body);
    sim.raw_send(2, 0, std::move(e));
    if (k % 64 == 0) sim.quiesce();
  }
  KeyList list;
  for (std::size_t k = 0; k < kMaxKeyList; ++k) {
    KeyEntry entry;
    entry.key_id = to_hex(rng.bytes<32>());
    entry.number = 1;
    list.keys.push_back(entry);
  }
  const auto before = sim.sent;
  for (int k = 0; k < 200; ++k) {
    sim.raw_send(2, 0, envelope_of(list));
    sim.quiesce();
  }
  EXPECT_LE(sim.sent - before, limits::kMaxKeys);
  EXPECT_EQ(sim.host(0).running(), 0u);
  EXPECT_GE(sim.host(0).dropped(), 10'000u - limits::kMaxInboxPerPeer);
  sim.run_for(node::EarlyMail::kKept + Seconds(1));
  EXPECT_GE(sim.host(0).dropped(), 10'000u);
  EXPECT_TRUE(sim.ask(0, sim.sign("hot", "after the flood")).succeeded());
  // More than a peer may have waiting is dropped, not kept: nobody runs the queues in between.
  Envelope big;
  big.tag = "node/keys/1";
  big.body.resize(100'000);
  for (int k = 0; k < 5'000; ++k) sim.desk(0).on_envelope("node3", big);
  EXPECT_GE(sim.desk(0).dropped(), 4'900u);
  sim.quiesce();
  EXPECT_EQ(sim.desk(0).malformed() > 50, true);
  EXPECT_TRUE(sim.ask(0, sim.sign("hot", "after the second flood")).succeeded());
  sim.desk(0).on_envelope("stranger", big);
  sim.quiesce();
}

TEST(Attack, BeginStopAndProtocolMessagesWithoutAnAcceptanceDoNothing) {
  World3 sim(2);
  sim.tap = [&](Sent s) {
    std::vector<Sent> out = as_it_is(s);
    if (s.from == "node3" && s.envelope.tag == Replicate::tag) return out;
    return out;
  };
  auto& s = sim.submit(0, sim.sign("hot", "x"));
  for (int k = 0; k < 400 && !s.answer; ++k) {
    sim.step();
    if (sim.host(1).running() == 0) continue;
    for (const auto& row : sim.store(1).open_requests()) {
      Stop stop;
      stop.request = row.id;
      sim.raw_send(2, 1, envelope_of(stop));
    }
  }
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
}

TEST(Attack, ANodeCannotTakeARequestOutOfItsCoordinatorsHands) {
  World3 sim(2);
  std::optional<Propose> proposal;
  sim.tap = [&](Sent s) {
    sim.note_refusals(s);
    if (s.from == "node1" && s.envelope.tag == Propose::tag) proposal = decode<Propose>(s.envelope.body);
    return as_it_is(std::move(s));
  };
  auto& s = sim.submit(0, sim.sign("hot", "x"));
  while (!s.answer && sim.step())
    if (proposal) {  // as node3 would propose it: with node2, again and again
      Propose mine = *proposal;
      mine.random = sim.rng().bytes<32>();
      mine.signers = {PartyId(2), PartyId(3)};
      sim.raw_send(2, 1, envelope_of(mine));
    }
  const SteadyTime start = sim.clock.steady();
  sim.run_until([&] { return s.answer.has_value(); }, Seconds(80));
  EXPECT_TRUE(s.succeeded()) << s.code();
  EXPECT_LE(sim.clock.steady() - start, Seconds(1));
}

// What was signed is the same however often it is tried: what a cheat has spoilt can be asked for again.
TEST(Attack, ARequestThatFailedAfterItsLastMessageIsServedWhenItIsSentAgain) {
  World3 sim(2);
  sim.kill(2);
  sim.tap = [](Sent s) { return s.envelope.tag == "frost/share/2" ? std::vector<Sent>{} : as_it_is(std::move(s)); };
  const auto original = sim.sign("hot", "again");
  const auto& first = sim.ask(0, original, Seconds(20));
  ASSERT_NE(first.record(), nullptr) << first.code();
  EXPECT_EQ(first.code(), "no_quorum");
  EXPECT_TRUE(first.record()->released);
  EXPECT_TRUE(first.record()->retryable);
  sim.tap = nullptr;
  const auto& again = sim.ask(1, original, Seconds(20));
  EXPECT_TRUE(again.succeeded()) << again.code();
  EXPECT_EQ(again.id, first.id);
  sim.settle();
  sim.expect_no_blame();
  sim.expect_safe();
}

// Every byte that node2 sends in turn, mutated at random: the others never hang, and never name an honest node.
TEST(Attack, RandomMutations) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    World3 sim(1, seed);
    SeededRng rng(seed);
    sim.tap = [&](Sent s) {
      std::vector<Sent> out;
      if (s.from == "node2") {
        if (rng.below(4) == 0 && !s.envelope.body.empty())
          s.envelope.body[rng.below(s.envelope.body.size())] ^= static_cast<std::uint8_t>(1 + rng.below(255));
        if (rng.below(20) == 0) return out;
        if (rng.below(10) == 0) out.push_back(s);
        if (rng.below(20) == 0) s.envelope.tag = std::string(Outcome::tag);
        if (rng.below(20) == 0) s.envelope.body.resize(rng.below(s.envelope.body.size() + 1));
      }
      out.push_back(std::move(s));
      return out;
    };
    auto& a = sim.submit(0, sim.sign("hot", "a"));
    auto& b = sim.submit(2, sim.sign("hot", "b"));
    auto& c = sim.submit(0, sim.create("cold", 2));
    sim.run_until([&] { return a.answer && b.answer && c.answer; }, Seconds(100));
    EXPECT_TRUE(a.succeeded()) << "seed " << seed << ": " << a.code();
    EXPECT_TRUE(b.succeeded()) << "seed " << seed << ": " << b.code();
    EXPECT_TRUE(c.answer) << "seed " << seed;
    sim.tap = nullptr;
    sim.settle();
    sim.expect_safe();
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace quorate::test

// The node's side of the policy's windows (docs/windows.md): its part of a sum is on its disk before it takes part, and
// every node that can be heard knows of it. Lives on the desk. windows.cpp: this node's own part; windows_news.cpp:
// what nodes tell each other.
#pragma once
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/examine.h"
#include "node/messages.h"
#include "node/peer_view.h"
#include "node/requests.h"

namespace quorate::node {

std::vector<storage::LedgerPart> parts_of(const Examined& x);
// This node takes part: its part of every sum; conflict `limit`, with the rule's id, if there is no room for it.
void reserve(storage::Batch& batch, const Examined& x, const World& world);
// In the write before its last-round message.
void spend(storage::Batch& batch, const Examined& x, const World& world);
// It has happened, whoever took part.
void settle(storage::Batch& batch, const Examined& x, const World& world);

// All that other nodes have told is asked for again: this node can read more of it now.
void learn_ledgers_anew(storage::Batch& batch);

// What this node's ledger says of this time, for a look that nothing follows from.
class StoredLedger final : public policy::Ledger {
 public:
  explicit StoredLedger(const World& world) : world_(world) {}
  Sum sum(const std::string& name, std::int64_t hours) const override;

 private:
  World world_;
};

class Windows {
 public:
  // `worked`: whether an attempt of the request runs here, or will.
  Windows(const World& world, Requests& requests, const PeerView& peers,
          std::function<bool(const std::string& request)> worked);

  // A batch with reserve() is about to be committed. Should nothing come of it, it is released.
  void reserving(const Examined& x) { note(x.id, x, true); }
  // That batch is durable, and not before is it told: a reservation that a crash has undone would count elsewhere for
  // good. `then` is called once: with a rule's id when what others have told meanwhile leaves no room, else once every
  // node that can be heard has noted it. At once where no limit is over what others do. A look that this node cannot
  // make is made again as long as the request is worked on.
  using Then = std::function<void(std::optional<std::string> exceeded)>;
  void reserved(const SharedExamined& x, const ClientRequest& original, Then then);
  // Nothing has come of it, and nobody works on it here any more.
  void ended(const std::string& request);
  // Whether what fills the windows of this request may yet come to nothing.
  bool may_free(const Examined& x) const;
  // Whether peers are about to tell what this node has missed.
  bool listening();

  void on_news(const std::string& from, const LedgerNews& news);
  void on_noted(const std::string& from, const LedgerNoted& noted);
  void on_query(const std::string& from, const LedgerQuery& query);
  void on_mark(const std::string& from, const LedgerMark& mark);
  void on_peer_up(const std::string& node);
  void on_peer_down(const std::string& node);
  void on_lost(const std::string& node);  // a message of this peer was dropped here
  // What peers have told that could not be read is asked for again: there is another policy here, or another key.
  void hear_again();
  void recover();  // after a restart
  void tick();

 private:
  static constexpr auto kListen = Seconds(2);  // for a peer's next word of what this node has missed

  struct Waiting {
    SharedExamined x;
    std::uint64_t telling = 0;
    std::set<std::string> nodes;
    SteadyTime deadline{};
    Then then;
  };
  struct Unsettled {
    std::set<std::string> sums;
    bool mine = false;
    SteadyTime until{};  // of others': then it is taken for settled
  };
  struct Peer {
    bool told_all = false;             // since it was asked for all
    SteadyTime since{}, last_heard{};  // asked; its last page
    SteadyTime until{};                // however much it still has to tell
    bool missed = false;               // something could not be sent to it
    bool unread = false;               // it has told of what counts there, and what this node cannot read
    std::uint64_t after = 0;           // what it was asked for last; it answers no other question any more
  };

  void note(const std::string& request, const Examined& x, bool mine);
  void look_again(Waiting waiting);
  void looked(const Waiting& waiting, const storage::CommitResult& result);
  void noted_by(const std::string& node, const std::function<bool(const Waiting&)>& what);
  void release(const std::string& request);
  void released(const std::string& request);
  void tell_all(const LedgerNews& news);
  void ask(const std::string& node, std::uint64_t after);
  void listen_to(const std::string& node, Peer& peer);
  void heard_out(const std::string& node, const Peer& peer);
  void learn_anew();
  bool hear(storage::Batch& batch, const std::string& from, const LedgerRow& row);

  World world_;
  Requests& requests_;
  const PeerView& told_;
  std::function<bool(const std::string&)> worked_;
  std::map<std::string, Unsettled> unsettled_;  // by request
  std::list<Waiting> waiting_;
  std::map<std::string, SteadyTime> slow_;  // nodes that have not answered: not waited for until then
  std::map<std::string, Peer> peers_;
  std::map<std::string, SteadyTime> tired_of_;  // by node, also while it is away: when all its time is its own again
  std::uint64_t mark_ = 0, marked_ = 0;         // the ledger's number at the last look; told
  bool learning_anew_ = false;
  SteadyTime next_look_{}, next_sweep_{};
};

}  // namespace quorate::node

// A node of a cluster that misbehaves: everything a quorated does but the REST API, with one lie in what it sends.
//   evil_node --dir DIR --node node3 --mode MODE
#include <algorithm>
#include <iostream>
#include <iterator>

#include "keygen/dkg_rounds.h"
#include "tests/support/node_patched.h"

namespace quorate {
namespace {

enum class Mode {
  honest,
  bad_share,            // FROST: z altered
  bad_dkg_share,        // key generation: the share of node1 altered after it was signed
  equivocate,           // key generation: another opening for every peer
  silent_after_accept,  // accepts every proposal, then says nothing in the protocol
  garbage_frames,       // every protocol message is noise
  wrong_certificate,    // signs another certificate than the one agreed on, and keeps the complete one to itself
  claim_other_id,       // reports, refusals and outcomes in others' names
  flood,                // unknown sessions, key lists, proposals without a signature
};
constexpr std::pair<const char*, Mode> kModes[] = {
    {"honest", Mode::honest},
    {"bad_share", Mode::bad_share},
    {"bad_dkg_share", Mode::bad_dkg_share},
    {"equivocate", Mode::equivocate},
    {"silent_after_accept", Mode::silent_after_accept},
    {"garbage_frames", Mode::garbage_frames},
    {"wrong_certificate", Mode::wrong_certificate},
    {"claim_other_id", Mode::claim_other_id},
    {"flood", Mode::flood},
};

class EvilMesh final : public peers::Mesh {
 public:
  EvilMesh(peers::Mesh& real, Mode mode, Rng& rng, std::string me)
      : real_(real), mode_(mode), rng_(rng), me_(std::move(me)) {}

  bool send(const std::string& to, Envelope e) override {
    const bool protocol = !e.tag.starts_with("node/");
    switch (mode_) {
      case Mode::honest:
      case Mode::flood:
        break;
      case Mode::bad_share:
        if (e.tag == "frost/share/2") e.body.at(e.body.size() - 16) ^= 1;  // z
        if (e.tag == node::Report::tag) return true;                       // it has the right signature itself
        break;
      case Mode::bad_dkg_share:
        if (e.tag == "dkg/opening/1" && to == "node1") e.body.at(e.body.size() - 64 - 16) ^= 1;
        break;
      case Mode::equivocate:
        if (e.tag == "dkg/commitment/1" && to == "node2") e.body.at(0) ^= 1;
        break;
      case Mode::silent_after_accept:
        if (protocol) return true;
        break;
      case Mode::garbage_frames:
        if (protocol) rng_.fill(e.body);
        break;
      case Mode::wrong_certificate:
        if (e.tag == "dkg/certificate/1" || e.tag == node::CertificateSignature::tag) rng_.fill(e.body);
        if (e.tag == node::Report::tag || e.tag == node::CertificateComplete::tag || e.tag == node::KeyList::tag)
          return true;
        break;
      case Mode::claim_other_id:
        if (e.tag == node::Accept::tag) claim(to, e);
        break;
    }
    return real_.send(to, std::move(e));
  }
  std::vector<peers::PeerStatus> peers() const override { return real_.peers(); }
  void set_hello(peers::Hello hello) override { real_.set_hello(std::move(hello)); }
  void update_peers(std::vector<peers::PeerConfig> peers) override { real_.update_peers(std::move(peers)); }

  void flood() {
    if (mode_ != Mode::flood) return;
    SecretBytes noise(4096);  // once: what it takes to make it is not to be taken from those who are flooded
    rng_.fill(noise);
    for (const auto& peer : real_.peers())
      for (int k = 0; k < 200; ++k) {
        Envelope e;
        e.sid = rng_.bytes<32>();
        const int kind = k % 4;
        e.tag = kind == 0   ? std::string_view("frost/commitment/2")
                : kind == 1 ? node::Propose::tag
                : kind == 2 ? node::Outcome::tag
                            : node::KeyList::tag;
        e.body.assign(noise.begin(), kind == 0 ? noise.begin() + 64 : noise.end());
        if (!real_.send(peer.node, std::move(e))) break;  // its queue is full
      }
  }

 private:
  // Says that it is node1 and node2 who refuse, fail and are to blame.
  void claim(const std::string& to, const Envelope& accept) {
    const auto a = decode<node::Accept>(accept.body);
    node::Report report;
    report.request = a.request;
    report.succeeded = true;
    report.result.assign(64, 1);
    real_.send(to, node::envelope_of(report));
    node::Outcome outcome;
    outcome.request = a.request;
    outcome.state = static_cast<std::uint8_t>(storage::RequestState::failed);
    outcome.code = "denied";
    outcome.reason = "node1 says so";
    for (const auto& peer : real_.peers()) real_.send(peer.node, node::envelope_of(outcome));
  }

  peers::Mesh& real_;
  Mode mode_;
  Rng& rng_;
  std::string me_;
};

bool run(std::map<std::string, std::string>& options) {
  const auto* mode =
      std::find_if(std::begin(kModes), std::end(kModes), [&](const auto& m) { return options["--mode"] == m.first; });
  if (mode == std::end(kModes)) return false;
  const std::string& name = options["--node"];
  test::PatchedNode<EvilMesh> node(options["--dir"], name, [&](peers::Mesh& real, Rng& rng) {
    return std::make_unique<EvilMesh>(real, mode->second, rng, name);
  });
  std::cout << "ready" << std::endl;
  node.run(node.desk(), std::chrono::milliseconds(50), [&] {
    node.lies().flood();
    return true;
  });
  return true;
}

}  // namespace
}  // namespace quorate

int main(int argc, char** argv) {
  return quorate::test::patched_main(argc, argv, "evil_node --dir DIR --node NODE --mode MODE", quorate::run);
}

// What one side of an oblivious transfer makes of the other's bytes: base OT, extension, vector OLE. Bytes that are no
// message throw Malformed; a message that the honest peer did not send is refused.
#include <algorithm>

#include "base/check.h"
#include "crypto/ot/vector_ole.h"
#include "tests/support/deal.h"

using namespace quorate;

namespace {

const ot::Direction kDirection{Digest{4}, PartyId(1), PartyId(2)};  // A is 1

// An honest run of both sides.
struct Honest {
  std::map<PartyId, Pairwise> pairs;
  ot::Extended extended;
  ot::OleContext context{Digest{5}, PartyId(1), PartyId(2)};
  SecretBytes request, extension, ole;

  Honest() {
    SeededRng rng(7);
    pairs = test::deal_pairs(PartySet::first(2), rng);
    request = encode(ot::BaseOtReceiver(kDirection, rng).request());
    extended = ot::extend(kDirection, B(), 1, rng);
    extension = encode(extended.message);
    const ot::Columns q = ot::receive_extension(kDirection, A(), 1, extended.message).value();
    const auto a = Scalar<Secp256k1>::random(rng), b = Scalar<Secp256k1>::random(rng);
    ole = encode(ot::ole_send(context, A(), q, 0, a, b, rng).message);
  }
  const ot::ReceiverKeys& A() const { return pairs.at(PartyId(1))[0].as_A; }
  const ot::SenderKeys& B() const { return pairs.at(PartyId(2))[0].as_B; }
};
const Honest& honest() {
  static const Honest h;
  return h;
}

// The honest bytes with some changed or more at the end: three bytes of place, then what is XORed there. Or the raw
// input.
Bytes changed(ByteView bytes, ByteView input, bool raw) {
  if (raw || input.size() < 3) return {input.begin(), input.end()};
  Bytes out(bytes.begin(), bytes.end());
  const std::size_t place = std::size_t{input[0]} << 16 | std::size_t{input[1]} << 8 | input[2];
  const std::size_t at = place % (out.size() + 1);
  for (std::size_t k = 3; k < input.size(); ++k) {
    if (at + k - 3 >= out.size())
      out.push_back(input[k]);
    else
      out[at + k - 3] ^= input[k];
  }
  return out;
}

template <class Message, class Use>
void read(const SecretBytes& real, ByteView input, bool raw, Use&& use) {
  const Bytes bytes = changed(real, input, raw);
  try {
    const Message message = decode<Message>(bytes);
    const SecretBytes again = encode(message);
    QUORATE_ASSERT(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    use(message, std::equal(bytes.begin(), bytes.end(), real.begin(), real.end()));
  } catch (const Malformed&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  const bool raw = (data[0] & 0x80) != 0;
  const Honest& h = honest();
  switch (data[0] % 4) {
    case 0:
      read<ot::BaseOtRequest>(h.request, input, raw, [](const ot::BaseOtRequest& message, bool) {
        SeededRng rng(1);
        QUORATE_ASSERT(ot::base_ot_send(kDirection, message, rng));  // nobody finds a sum that is the identity
      });
      break;
    case 1:
      read<ot::ExtensionMessage>(h.extension, input, raw, [&](const ot::ExtensionMessage& message, bool same) {
        if (!ot::has_length(message, 1)) return;
        QUORATE_ASSERT(ot::receive_extension(kDirection, h.A(), 1, message).has_value() == same);
      });
      break;
    default:
      read<ot::OleMessage>(h.ole, input, raw, [&](const ot::OleMessage& message, bool same) {
        QUORATE_ASSERT(ot::ole_receive(h.context, h.extended.chosen, 0, message).has_value() == same);
      });
      break;
  }
  return 0;
}

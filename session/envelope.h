// What travels between two nodes. The sender is the transport's authenticated peer, never a field.
#pragma once
#include <string>

#include "base/bytes.h"
#include "base/secret.h"

namespace quorate {

using SessionId = Digest;

struct Envelope {
  SessionId sid{};
  std::string tag;   // at most limits::kMaxTag bytes
  SecretBytes body;  // one encoded message
};

}  // namespace quorate

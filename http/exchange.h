// A request on its way to its answer, as its handler sees it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/http1.h"
#include "http/outflow.h"

namespace quorate::http {

// Some of the work on a request: the response, or nullopt if a later step makes it. Never throws, waits for nothing.
using Step = std::function<std::optional<HttpResponse>()>;

// Any thread. Whoever lets go of the last reference without a response has lost the request: it is answered 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Runs `step` on a thread of the pool when it is `whose` turn; what comes after a response is dropped.
  virtual void go_on(const std::string& whose, Step step) = 0;
  virtual bool others_wait() const = 0;  // for a thread of the pool
  // Called once at most, by the listener's thread: the client has left before it had an answer. Cheap, never throws;
  // must not hold this exchange.
  virtual void when_gone(std::function<void()> told) = 0;
  // The answer has this head, and a body that comes bit by bit. `held` is let go of when the client can have no more of
  // it. nullptr: the request has been answered, or the client has left.
  virtual std::unique_ptr<Outflow> begin(const HttpResponse& head, std::shared_ptr<const void> held) = 0;
};

}  // namespace quorate::http

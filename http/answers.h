// Between a listener's thread and its pool: requests go there, and what is to be sent comes back. It outlives the
// listener while somebody holds an exchange.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "http/socket.h"
#include "http/worker_pool.h"

namespace quorate::http {

// The body of an answer that goes on, between whoever makes it and the listener's thread.
class Flow {
 public:
  explicit Flow(std::shared_ptr<const void> held) : held_(std::move(held)) {}

  enum class Added { no, yes, first };  // first: since the listener has looked, which has to be told
  Added add(std::string_view piece);
  bool full() const;
  bool over() const;
  bool end();  // whether the listener has to be told

  struct Taken {
    std::string bytes;
    bool last = false;
  };
  Taken take();
  void cut();  // the client gets no more

 private:
  mutable std::mutex mutex_;
  std::string waiting_;
  bool told_ = false, ended_ = false;
  std::shared_ptr<const void> held_;
};

// The listener's end of one: gone with its connection.
class FlowEnd {
 public:
  FlowEnd() = default;
  FlowEnd(FlowEnd&& other) noexcept : flow_(std::exchange(other.flow_, nullptr)) {}
  FlowEnd& operator=(std::shared_ptr<Flow> flow) {
    if (flow_) flow_->cut();
    flow_ = std::move(flow);
    return *this;
  }
  ~FlowEnd() {
    if (flow_) flow_->cut();
  }
  Flow* operator->() const { return flow_.get(); }

 private:
  std::shared_ptr<Flow> flow_;
};

struct Completion {
  std::uint64_t connection = 0;
  std::string bytes{};
  bool close = false;
  std::shared_ptr<Flow> flow{};  // what goes on after `bytes`, or has more now
};

class Answers {
 public:
  Answers(std::size_t threads, std::size_t queue);  // throws std::runtime_error
  int fd() const { return wake_.fd(); }             // readable: there is something, or wake() was called
  void wake();
  void put(Completion completion);
  std::vector<Completion> take();

  std::atomic<bool> stopping{false};

 private:
  Socket wake_;
  std::mutex mutex_;
  std::vector<Completion> ready_;

 public:
  WorkerPool pool;  // the last one: it ends before what it uses
};

class PooledExchange final : public Exchange, public std::enable_shared_from_this<PooledExchange> {
 public:
  PooledExchange(std::shared_ptr<Answers> answers, std::uint64_t connection, bool close, bool without_body);
  ~PooledExchange() override;
  PooledExchange(const PooledExchange&) = delete;

  // On a thread of the pool.
  void run(const Step& step);
  void go_on(const std::string& whose, Step step) override;
  bool others_wait() const override { return answers_->pool.others_wait(); }
  void when_gone(std::function<void()> told) override;
  std::unique_ptr<Outflow> begin(const HttpResponse& head, std::shared_ptr<const void> held) override;
  void client_left();  // listener's thread

 private:
  void send(const HttpResponse& response);

  const std::shared_ptr<Answers> answers_;
  const std::uint64_t connection_;
  const bool close_, without_body_;
  std::mutex mutex_;
  bool over_ = false;  // answered, or the client has left
  bool left_ = false;
  std::function<void()> told_;
};

// The connection closes after any of them.
HttpResponse stopping_response();
HttpResponse busy_response();
HttpResponse late_response();

}  // namespace quorate::http

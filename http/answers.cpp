#include "http/answers.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <stdexcept>

#include "http/gate.h"

namespace quorate::http {
namespace {

HttpResponse come_again(std::string_view code, std::string_view detail) {
  HttpResponse out = to_response(Refusal{503, code, detail});
  out.fields.emplace_back("Retry-After", "1");
  return out;
}

// A flow, and how its listener is told.
class PooledOutflow final : public Outflow {
 public:
  PooledOutflow(std::shared_ptr<Answers> answers, std::uint64_t connection, std::shared_ptr<Flow> flow)
      : answers_(std::move(answers)), connection_(connection), flow_(std::move(flow)) {}
  ~PooledOutflow() override { finish(); }
  PooledOutflow(const PooledOutflow&) = delete;

  bool add(std::string_view piece) override {
    const Flow::Added added = flow_->add(piece);
    if (added == Flow::Added::first) tell();
    return added != Flow::Added::no;
  }
  bool full() const override { return flow_->full(); }
  bool over() const override { return flow_->over(); }
  void end() override { finish(); }
  bool go_on(std::function<void()> work) override { return answers_->pool.go_on("streams", std::move(work)); }

 private:
  void finish() {
    if (flow_->end()) tell();
  }
  void tell() { answers_->put({connection_, {}, true, flow_}); }

  const std::shared_ptr<Answers> answers_;
  const std::uint64_t connection_;
  const std::shared_ptr<Flow> flow_;
};

}  // namespace

Flow::Added Flow::add(std::string_view piece) {
  const std::lock_guard lock(mutex_);
  if (ended_ || waiting_.size() >= kMostFlowBytes) return Added::no;
  waiting_ += piece;
  return std::exchange(told_, true) ? Added::yes : Added::first;
}

bool Flow::full() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() >= kMostFlowBytes;
}

bool Flow::over() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

bool Flow::end() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(ended_, true);
}

Flow::Taken Flow::take() {
  Taken taken;
  std::shared_ptr<const void> held;  // let go of without the lock
  const std::lock_guard lock(mutex_);
  told_ = false;
  taken.bytes.swap(waiting_);
  taken.last = ended_;
  if (ended_) held.swap(held_);
  return taken;
}

void Flow::cut() {
  std::shared_ptr<const void> held;
  const std::lock_guard lock(mutex_);
  ended_ = true;
  std::string().swap(waiting_);
  held.swap(held_);
}

HttpResponse stopping_response() {
  return come_again("stopping", "this node is about to stop: send it to another one");
}
HttpResponse busy_response() { return come_again("busy", "too many calls wait for a thread"); }

HttpResponse late_response() {
  return come_again("no_answer", "this node has not answered in time: its disk may hang");
}

Answers::Answers(std::size_t threads, std::size_t queue)
    : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), pool(threads, queue) {
  if (!wake_) throw std::runtime_error("eventfd");
}

void Answers::wake() {
  const std::uint64_t one = 1;
  // Full means that the thread is about to wake anyway.
  [[maybe_unused]] const ssize_t n = ::write(wake_.fd(), &one, sizeof one);
}

void Answers::put(Completion completion) {
  {
    const std::lock_guard lock(mutex_);
    ready_.push_back(std::move(completion));
  }
  wake();
}

std::vector<Completion> Answers::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

PooledExchange::PooledExchange(std::shared_ptr<Answers> answers, std::uint64_t connection, bool close,
                               bool without_body)
    : answers_(std::move(answers)), connection_(connection), close_(close), without_body_(without_body) {}

PooledExchange::~PooledExchange() {
  if (over_) return;
  send(answers_->stopping ? stopping_response() : to_response(Refusal{500, "internal", "this node has lost the call"}));
}

void PooledExchange::run(const Step& step) {
  {
    const std::lock_guard lock(mutex_);
    if (over_) return;
  }
  const auto response = step();
  if (!response) return;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    told_ = nullptr;
  }
  send(*response);
}

void PooledExchange::send(const HttpResponse& response) {
  answers_->put({connection_, write_response(response, close_, without_body_), close_});
}

void PooledExchange::go_on(const std::string& whose, Step step) {
  answers_->pool.go_on(whose, [self = shared_from_this(), step = std::move(step)] { self->run(step); });
}

std::unique_ptr<Outflow> PooledExchange::begin(const HttpResponse& head, std::shared_ptr<const void> held) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return nullptr;
    told_ = nullptr;
  }
  auto flow = std::make_shared<Flow>(std::move(held));
  answers_->put({connection_, write_chunked_head(head), true, flow});
  return std::make_unique<PooledOutflow>(answers_, connection_, std::move(flow));
}

void PooledExchange::when_gone(std::function<void()> told) {
  {
    const std::lock_guard lock(mutex_);
    if (!over_) {
      told_ = std::move(told);
      return;
    }
    if (!left_) return;
  }
  told();
}

void PooledExchange::client_left() {
  std::function<void()> told;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    left_ = true;
    told.swap(told_);
  }
  if (told) told();
}

}  // namespace quorate::http

// HTTP/1.1 messages as bytes (RFC 9112), read strictly: what two readers could frame differently is refused, and the
// connection closed. Pure and incremental: no sockets, bounded for any input.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"

namespace quorate::http {

using Fields = std::vector<std::pair<std::string, std::string>>;  // names in lower case, as received in order

struct HttpRequest {
  std::string method, target;
  Fields fields;
  Bytes body;
  bool close = false;  // Connection: close
};

struct HttpResponse {
  int status = 500;
  Fields fields;  // Content-Length, Connection and the fixed ones are added by `write_response`
  std::string body;
};

// A message that cannot be answered but by closing: an error status, a code and what is wrong.
struct Refusal {
  int status = 400;
  std::string_view code;
  std::string_view detail;
};

std::string_view reason_phrase(int status);

// The number of `name` fields, and the first one's value ("" if none). `name` in lower case.
std::size_t count_of(const Fields& fields, std::string_view name);
std::string_view value_of(const Fields& fields, std::string_view name);

// Content-Length or chunked, one body at a time.
class BodyReader {
 public:
  enum class Result { more, done, too_large, malformed };
  void begin_length(std::size_t length);
  void begin_chunked();
  Result feed(ByteView in, std::size_t& used, Bytes& body, std::size_t most);

 private:
  enum class Step { length, chunk_size, chunk_size_end, chunk_data, chunk_cr, chunk_lf, last_cr, last_lf, done };
  Step step_ = Step::done;
  std::size_t left_ = 0;
  std::size_t digits_ = 0;
};

// One request after the other. `feed` until `complete` or `refused`; `take` starts the next one.
class RequestReader {
 public:
  std::size_t feed(ByteView in);  // the number of bytes used; the rest belongs to the next request
  bool started() const { return started_; }
  bool complete() const { return complete_; }
  const std::optional<Refusal>& refused() const { return refused_; }
  const HttpRequest* new_head();  // once, when the head has come: the request, its body not yet whole
  std::size_t announced() const { return announced_; }  // bytes of the body; chunked: the most there may be
  bool take_wants_continue();  // once: the client waits for "100 Continue" before it sends the body
  HttpRequest take();

 private:
  void read_head();
  void read_framing();
  void refuse(int status, std::string_view code, std::string_view detail) { refused_ = Refusal{status, code, detail}; }

  std::string head_;
  HttpRequest request_;
  BodyReader body_;
  std::size_t announced_ = 0;
  bool in_body_ = false, started_ = false, complete_ = false, head_came_ = false, wants_continue_ = false;
  std::optional<Refusal> refused_;
};

// One response. For the client: `most` bounds the body.
class ResponseReader {
 public:
  explicit ResponseReader(std::size_t most) : most_(most) {}
  bool feed(ByteView in);  // false: malformed or too large
  bool started() const { return !head_.empty() || in_body_; }
  bool complete() const { return complete_; }
  bool close() const { return close_; }
  bool has_head() const { return in_body_; }
  const HttpResponse& response() const { return response_; }
  std::string take_body();  // what has come of it since the last time: then it may go on for ever

 private:
  bool read_head();
  std::size_t most_;
  std::string head_;
  HttpResponse response_;
  Bytes bytes_;
  BodyReader body_;
  bool in_body_ = false, complete_ = false, close_ = false;
};

std::string write_response(const HttpResponse& response, bool close, bool without_body);
// Of an answer that goes on: its head, a piece, and its end (RFC 9112 §7.1), which says to the client that it has all
// of it. The connection closes then.
std::string write_chunked_head(const HttpResponse& response);
std::string write_chunk(std::string_view piece);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";
std::string write_request(std::string_view method, std::string_view target, std::string_view host, const Fields& fields,
                          ByteView body);

}  // namespace quorate::http

#include "http/http1.h"

#include <algorithm>

#include "base/check.h"

namespace quorate::http {
namespace {

constexpr std::size_t kMaxFields = 64;

bool is_tchar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token(std::string_view s) { return !s.empty() && std::all_of(s.begin(), s.end(), is_tchar); }

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

// Appends `in` up to the empty line that ends a head. `used` counts the bytes taken. False: a line feed without its
// carriage return, or the reverse, or more than the bound.
enum class Head { more, done, too_large, malformed };
Head take_head(std::string& head, ByteView in, std::size_t& used) {
  while (used < in.size()) {
    if (head.size() == limits::kMaxHeaders) return Head::too_large;
    const char c = static_cast<char>(in[used++]);
    if ((c == '\n') != (!head.empty() && head.back() == '\r')) return Head::malformed;
    head += c;
    if (c == '\n' && head.ends_with("\r\n\r\n")) return Head::done;
  }
  return Head::more;
}

// The lines after the first, up to the empty one.
bool read_fields(std::string_view lines, Fields& fields) {
  while (lines != "\r\n") {
    const std::size_t end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const std::size_t colon = line.find(':');
    if (fields.size() == kMaxFields || colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return false;
    const std::string_view value = trimmed(line.substr(colon + 1));
    for (const char c : value)
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return false;
    fields.emplace_back(lower(line.substr(0, colon)), value);
  }
  return true;
}

// RFC 9110 §8.6. Ten digits are far above every bound and below any overflow.
std::optional<std::size_t> read_length(std::string_view text) {
  if (text.empty() || text.size() > 10) return std::nullopt;
  std::size_t n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + static_cast<std::size_t>(c - '0');
  }
  return n;
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

std::size_t count_of(const Fields& fields, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [&](const auto& f) { return f.first == name; }));
}
std::string_view value_of(const Fields& fields, std::string_view name) {
  const auto it = std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.first == name; });
  return it == fields.end() ? std::string_view() : std::string_view(it->second);
}

void BodyReader::begin_length(std::size_t length) {
  left_ = length;
  step_ = length == 0 ? Step::done : Step::length;
}
void BodyReader::begin_chunked() {
  left_ = digits_ = 0;
  step_ = Step::chunk_size;
}

// RFC 9112 §7.1, without chunk extensions and trailers: nobody needs them, and readers differ about them.
BodyReader::Result BodyReader::feed(ByteView in, std::size_t& used, Bytes& body, std::size_t most) {
  const auto expect = [&](char c, Step next) {
    if (static_cast<char>(in[used++]) != c) return false;
    step_ = next;
    return true;
  };
  while (step_ != Step::done && used < in.size()) {
    switch (step_) {
      case Step::length:
      case Step::chunk_data: {
        const std::size_t n = std::min(left_, in.size() - used);
        if (most - body.size() < n) return Result::too_large;
        const ByteView part = in.subspan(used, n);
        body.insert(body.end(), part.begin(), part.end());
        used += n;
        left_ -= n;
        if (left_ == 0) step_ = step_ == Step::length ? Step::done : Step::chunk_cr;
        break;
      }
      case Step::chunk_size: {
        const char c = static_cast<char>(in[used++]);
        if (c == '\r' && digits_ > 0) {
          step_ = Step::chunk_size_end;
          break;
        }
        const bool decimal = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'F', lower_case = c >= 'a' && c <= 'f';
        if ((!decimal && !upper && !lower_case) || ++digits_ > 8) return Result::malformed;
        left_ = left_ * 16 + static_cast<std::size_t>(decimal ? c - '0' : upper ? c - 'A' + 10 : c - 'a' + 10);
        if (left_ > most) return Result::too_large;
        break;
      }
      case Step::chunk_size_end:
        if (!expect('\n', left_ == 0 ? Step::last_cr : Step::chunk_data)) return Result::malformed;
        break;
      case Step::chunk_cr:
        if (!expect('\r', Step::chunk_lf)) return Result::malformed;
        break;
      case Step::chunk_lf:
        if (!expect('\n', Step::chunk_size)) return Result::malformed;
        digits_ = 0;
        break;
      case Step::last_cr:
        if (!expect('\r', Step::last_lf)) return Result::malformed;
        break;
      case Step::last_lf:
        if (!expect('\n', Step::done)) return Result::malformed;
        break;
      case Step::done:
        break;
    }
  }
  return step_ == Step::done ? Result::done : Result::more;
}

std::size_t RequestReader::feed(ByteView in) {
  QUORATE_ASSERT(!complete_ && !refused_);
  std::size_t used = 0;
  if (!in.empty()) started_ = true;
  if (!in_body_) {
    switch (take_head(head_, in, used)) {
      case Head::more:
        return used;
      case Head::too_large:
        return refuse(431, "headers_too_large", "request line and headers have more than 8 KiB"), used;
      case Head::malformed:
        return refuse(400, "malformed_request", "lines must end with CR LF"), used;
      case Head::done:
        break;
    }
    read_head();
    if (refused_) return used;
    in_body_ = head_came_ = true;
  }
  switch (body_.feed(in, used, request_.body, limits::kMaxBody)) {
    case BodyReader::Result::more:
      break;
    case BodyReader::Result::done:
      complete_ = true;
      break;
    case BodyReader::Result::too_large:
      refuse(413, "body_too_large", "the body has more than 256 KiB");
      break;
    case BodyReader::Result::malformed:
      refuse(400, "malformed_request", "the chunked body is malformed");
      break;
  }
  return used;
}

void RequestReader::read_head() {
  const std::string_view head = head_;
  const std::size_t end = head.find("\r\n");
  const std::string_view line = head.substr(0, end);
  const std::size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refuse(400, "malformed_request", "the request line is malformed");
  const std::string_view method = line.substr(0, first), target = line.substr(first + 1, last - first - 1),
                         version = line.substr(last + 1);
  if (!is_token(method) || method.size() > 16) return refuse(400, "malformed_request", "the method is malformed");
  if (target.empty() || target.front() != '/' ||
      !std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c <= '~'; }))
    return refuse(400, "bad_target", "the request-target must be an absolute path in visible ASCII");
  if (target.size() > limits::kMaxTarget)
    return refuse(414, "target_too_long", "the request-target has more than 2048 bytes");
  if (version != "HTTP/1.1") return refuse(505, "http_version", "only HTTP/1.1 is spoken here");
  request_.method = method;
  request_.target = target;
  if (!read_fields(head.substr(end + 2), request_.fields))
    return refuse(400, "malformed_request", "a header field is malformed");
  read_framing();
}

// RFC 9112 §6.3, with every case refused in which two readers could see different bodies.
void RequestReader::read_framing() {
  const Fields& fields = request_.fields;
  if (count_of(fields, "host") != 1) return refuse(400, "malformed_request", "there must be exactly one Host");
  const std::size_t lengths = count_of(fields, "content-length"), codings = count_of(fields, "transfer-encoding");
  if (lengths > 1) return refuse(400, "malformed_request", "Content-Length is given twice");
  if (lengths + codings > 1)
    return refuse(400, "malformed_request", "Content-Length and Transfer-Encoding exclude each other");
  const bool bodiless = request_.method == "GET" || request_.method == "HEAD";
  if (codings == 1) {
    if (lower(value_of(fields, "transfer-encoding")) != "chunked")
      return refuse(501, "transfer_encoding", "only chunked is known");
    if (bodiless) return refuse(400, "unexpected_body", "a GET carries no body");
    announced_ = limits::kMaxBody;
    body_.begin_chunked();
  } else if (lengths == 1) {
    const auto length = read_length(value_of(fields, "content-length"));
    if (!length) return refuse(400, "malformed_request", "Content-Length is malformed");
    if (bodiless && *length > 0) return refuse(400, "unexpected_body", "a GET carries no body");
    if (*length > limits::kMaxBody) return refuse(413, "body_too_large", "the body has more than 256 KiB");
    announced_ = *length;
    body_.begin_length(*length);
  } else {
    body_.begin_length(0);
  }
  request_.close = lower(value_of(fields, "connection")) == "close";
  if (count_of(fields, "expect") > 0) {
    if (lower(value_of(fields, "expect")) != "100-continue")
      return refuse(417, "expectation", "only 100-continue is known");
    wants_continue_ = true;
  }
}

const HttpRequest* RequestReader::new_head() { return std::exchange(head_came_, false) ? &request_ : nullptr; }

bool RequestReader::take_wants_continue() { return std::exchange(wants_continue_, false); }

HttpRequest RequestReader::take() {
  QUORATE_ASSERT(complete_);
  HttpRequest out = std::move(request_);
  *this = RequestReader();
  return out;
}

bool ResponseReader::feed(ByteView in) {
  std::size_t used = 0;
  while (used < in.size() && !complete_) {
    if (!in_body_) {
      switch (take_head(head_, in, used)) {
        case Head::more:
          return true;
        case Head::too_large:
        case Head::malformed:
          return false;
        case Head::done:
          break;
      }
      if (!read_head()) return false;
      if (response_.status < 200) {  // an interim answer: the final one follows
        head_.clear();
        response_ = HttpResponse();
        continue;
      }
      in_body_ = true;
    }
    switch (body_.feed(in, used, bytes_, most_)) {
      case BodyReader::Result::more:
        break;
      case BodyReader::Result::too_large:
      case BodyReader::Result::malformed:
        return false;
      case BodyReader::Result::done:
        response_.body.assign(bytes_.begin(), bytes_.end());
        complete_ = true;
    }
  }
  return used == in.size();  // nothing may follow: one request was sent
}

bool ResponseReader::read_head() {
  const std::string_view head = head_;
  const std::size_t end = head.find("\r\n");
  const std::string_view line = head.substr(0, end);
  if (!line.starts_with("HTTP/1.1 ") || line.size() < 12) return false;
  const auto status = read_length(line.substr(9, 3));
  if (!status || *status < 100) return false;
  response_.status = static_cast<int>(*status);
  if (!read_fields(head.substr(end + 2), response_.fields)) return false;
  const Fields& fields = response_.fields;
  const std::size_t lengths = count_of(fields, "content-length"), codings = count_of(fields, "transfer-encoding");
  close_ = lower(value_of(fields, "connection")) == "close";
  if (response_.status < 200) return true;
  if (lengths + codings > 1) return false;
  if (codings == 1) {
    if (lower(value_of(fields, "transfer-encoding")) != "chunked") return false;
    body_.begin_chunked();
    return true;
  }
  const auto length = lengths == 1 ? read_length(value_of(fields, "content-length")) : std::optional<std::size_t>(0);
  if (!length || *length > most_) return false;
  body_.begin_length(*length);
  return true;
}

std::string ResponseReader::take_body() {
  if (complete_) return std::exchange(response_.body, {});
  std::string out(text_of(bytes_));
  bytes_.clear();
  return out;
}

namespace {

std::string write_head(const HttpResponse& response, const std::string& framing, bool close) {
  std::string out =
      "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason_phrase(response.status)) + "\r\n";
  for (const auto& [name, value] : response.fields) {
    // A header that would split the answer is our own bug; what comes from outside is never put into one unchecked.
    QUORATE_ASSERT(is_token(name) && value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    out += name + ": " + value + "\r\n";
  }
  out += framing + "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  if (close) out += "Connection: close\r\n";
  return out + "\r\n";
}

}  // namespace

std::string write_response(const HttpResponse& response, bool close, bool without_body) {
  std::string out = write_head(response, "Content-Length: " + std::to_string(response.body.size()), close);
  if (!without_body) out += response.body;
  return out;
}

std::string write_chunked_head(const HttpResponse& response) {
  return write_head(response, "Transfer-Encoding: chunked", true);
}

std::string write_chunk(std::string_view piece) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string size;
  for (std::size_t n = piece.size(); n > 0; n /= 16) size.insert(size.begin(), kDigits[n % 16]);
  QUORATE_ASSERT(!size.empty());  // an empty one is the last
  return size.append("\r\n").append(piece).append("\r\n");
}

std::string write_request(std::string_view method, std::string_view target, std::string_view host, const Fields& fields,
                          ByteView body) {
  std::string out;
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  for (const auto& [name, value] : fields) {
    QUORATE_ASSERT(is_token(name) && value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    out += name + ": " + value + "\r\n";
  }
  if (method != "GET" && method != "HEAD") out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  out += "\r\n";
  return out.append(text_of(body));
}

}  // namespace quorate::http

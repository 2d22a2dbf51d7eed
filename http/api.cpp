#include "http/api.h"

#include "http/http1.h"

namespace quorate::http {

Json to_json(const Problem& p) {
  Json out = {{"type", "urn:quorate:problem:" + p.code},
              {"title", p.title.empty() ? std::string(reason_phrase(p.status)) : p.title},
              {"status", p.status},
              {"detail", p.detail},
              {"code", p.code}};
  if (p.pointer) out["pointer"] = *p.pointer;
  if (p.request) out["request"] = {{"id", p.request->id}, {"state", p.request->state}};
  return out;
}

Problem to_problem(const AuthError& error) {
  Problem p;
  p.status = error.status;
  p.code = error.code;
  p.detail = error.detail;
  return p;
}

Problem to_problem(const JsonError& error) {
  Problem p;
  p.status = 400;
  p.code = "malformed_body";
  p.detail = (error.pointer.empty() ? std::string("the body ") : error.pointer + " ") + error.what();
  p.pointer = error.pointer;
  return p;
}

}  // namespace quorate::http

-- What wrk sends and how it reports: wrk … -- LINES, where LINES is a file with one request a line: a form's body, or a
-- path and a token with a tab between them, as a gateway asks about a call.
--
-- They are sent in turn, so that a file of 2,000 tokens asks for each as often as for any other and no two requests
-- under way at once ask for the same one. Headers come from wrk's command line. The figures are printed as one JSON line.

local requests = {}
local next_request = 0

function init(args)
  for line in io.lines(args[1]) do
    local path, token = line:match("^([^\t]*)\t(.*)$")
    if path then
      wrk.headers["X-Original-URI"] = path
      wrk.headers["Authorization"] = "Bearer " .. token
      requests[#requests + 1] = wrk.format("GET")
    else
      requests[#requests + 1] = wrk.format("POST", nil, nil, line)
    end
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary, latency, _)
  io.write(string.format(
    '\nFIGURES {"requests":%d,"bytes":%d,"microseconds":%d,"p50":%d,"p99":%d,"not_2xx":%d,'
      .. '"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.status, summary.errors.connect, summary.errors.read, summary.errors.write, summary.errors.timeout))
end

-- What wrk sends and how it reports: wrk … -- BODIES, where BODIES is a file with one form body a line.
--
-- Bodies are sent in turn, so that a file of 2,000 tokens asks for each as often as for any other and no two requests
-- under way at once ask for the same one. Headers come from wrk's command line. The figures are printed as one JSON line.

local requests = {}
local next_request = 0

function init(args)
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, nil, body)
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

-- The line that wrk.rs reads: requests per second, median and 99th percentile in
-- milliseconds, requests, and requests that failed.
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %f %f %f %d %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.requests,
    e.connect + e.read + e.write + e.status + e.timeout))
end

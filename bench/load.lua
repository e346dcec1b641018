-- Posts the bodies of a file in turn, gets the paths of one, or a page; at the end one line of JSON for bench/wrk.py.
local requests, position = {}, 0

function init(arguments)
    local key = os.getenv("BENCH_KEY") or ""
    if key ~= "" then
        wrk.headers["Authorization"] = "Bearer " .. key
    end
    local paths = os.getenv("BENCH_PATHS")
    if paths then
        for path in io.lines(paths) do
            requests[#requests + 1] = wrk.format("GET", path)
        end
        return
    end
    local bodies = os.getenv("BENCH_BODIES")
    if not bodies then
        return
    end
    wrk.headers["Content-Type"] = "application/json"
    for body in io.lines(bodies) do
        requests[#requests + 1] = wrk.format("POST", nil, nil, body)
    end
end

function request()
    if #requests == 0 then
        return wrk.format("GET")
    end
    position = position % #requests + 1
    return requests[position]
end

function done(summary, latency, all)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f}\n',
        summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end

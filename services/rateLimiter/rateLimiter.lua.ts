/**
 * Counts requests in Redis, several in one call. It does the same as `advance` and then `spend` for each request in
 * rateLimiter.window.ts; a test compares them.
 * One hash a client and window length, so that the whole check is one atomic call on one node, also on Redis Cluster.
 *
 * KEYS[1]  the hash {start, prev, cur}; start in epoch ms of Redis's own clock, the only one that all nodes share
 * ARGV     limit, length of the window in ms, number of requests
 * Answers  {how many are allowed, prev, cur before them, ms since the window began}
 *
 * A refused request writes nothing, except for the first request of a window. The hash lives for two windows, because the
 * second one still reads the first.
 */
export const spendScript = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, length, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local hash = redis.call("HMGET", KEYS[1], "start", "prev", "cur")
local start, prev, cur = tonumber(hash[1]), tonumber(hash[2]), tonumber(hash[3])
local passed = start and math.floor((now - start) / length)
if passed ~= 0 then
  if not passed then
    start, prev, cur = now, 0, 0
  elseif passed < 0 then
    start = now
  else
    start, prev, cur = start + passed * length, passed == 1 and cur or 0, 0
  end
  redis.call("HSET", KEYS[1], "start", start, "prev", prev, "cur", cur)
  redis.call("PEXPIRE", KEYS[1], 2 * length)
end
local before = prev * (1 - (now - start) / length)
local allowed = 0
while allowed < asked and before + (cur + allowed) + 1 <= limit do
  allowed = allowed + 1
end
if allowed > 0 then
  redis.call("HINCRBY", KEYS[1], "cur", allowed)
end
return {allowed, prev, cur, now - start}
`;

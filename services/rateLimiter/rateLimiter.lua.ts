/**
 * One request, counted in Redis: the same as `advance` and `spend` in rateLimiter.window.ts (a test compares them).
 * One hash a client and window length, so that the whole check is one atomic call on one node, also on Redis Cluster.
 *
 * KEYS[1]  the hash {start, prev, cur}; start in epoch ms of Redis's own clock, the only one that all nodes share
 * ARGV     limit, length of the window in ms
 * Answers  {1 where allowed, prev, cur before this request, ms since the window began}
 *
 * What is refused writes nothing, but for the first request of a window. The hash lives for two windows, because the
 * second still looks at the first.
 */
export const spendScript = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, length = tonumber(ARGV[1]), tonumber(ARGV[2])
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
if prev * (1 - (now - start) / length) + cur + 1 > limit then
  return {0, prev, cur, now - start}
end
redis.call("HINCRBY", KEYS[1], "cur", 1)
return {1, prev, cur, now - start}
`;

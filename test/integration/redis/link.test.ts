import { setImmediate as nextRound } from "node:timers/promises";
import { RedisLink } from "../../../lib/redis/link.ts";
import { patience, until } from "../../helpers/patience.ts";
import { freePort } from "../../helpers/port.ts";
import { describeRedis, type RedisServer, redisProxy, startRedis } from "../../helpers/redis.ts";

/** 100 ms and the delays of a busy machine. Without the check a command would wait for ever. */
const WITHIN_100_MS = 500;

type Proxy = Awaited<ReturnType<typeof redisProxy>>;

function openLink(url: string) {
  const told: string[] = [];
  const logger = { info: (text: string) => told.push(text), warn: (text: string) => told.push(text) };
  return { link: new RedisLink({ url, keyPrefix: "", logger }), told };
}

/** The time until a command is refused. */
async function refusedIn(link: RedisLink): Promise<number> {
  const began = performance.now();
  await expect(link.run((redis) => redis.get("x"))).rejects.toThrow();
  return performance.now() - began;
}

/** Whether a command is refused without any wait. */
const isRefusedAtOnce = (link: RedisLink): Promise<boolean> =>
  Promise.race([refusedIn(link).then(() => true), nextRound(false)]);

describeRedis("a connection to Redis", () => {
  let link: RedisLink;
  let told: string[];
  let proxy: Proxy;
  beforeEach(async () => {
    proxy = await redisProxy();
    ({ link, told } = openLink(proxy.url));
    await until(() => link.isUp, "the link is up");
  });
  afterEach(async () => {
    link.close();
    await proxy.end();
  });

  test("a cut link fails its commands, refuses new ones at once, and reconnects by itself", async () => {
    const carried = link.run((redis) => redis.blpop("nothing", 0));
    await proxy.cut();
    await expect(carried).rejects.toThrow();
    expect(link.isUp).toBe(false);
    expect(await isRefusedAtOnce(link)).toBe(true);
    await proxy.mend();
    await until(() => link.isUp, "the link is up");
    expect(await link.run((redis) => redis.ping())).toBe("PONG");
    expect(told).toHaveLength(3);
    expect(told[1]).toMatch(/is away: .*without it/);
  });

  test("a frozen link fails commands within 100 ms, later ones at once", async () => {
    proxy.freeze();
    const all = await Promise.all(Array.from({ length: 50 }, () => refusedIn(link)));
    expect(Math.max(...all)).toBeLessThan(patience(WITHIN_100_MS));
    expect(Math.min(...all)).toBeGreaterThan(50);
    expect(await isRefusedAtOnce(link)).toBe(true);
    proxy.thaw();
    await until(() => link.isUp, "the link is up");
  });

  test("one late command counts as a frozen link, although others go on", async () => {
    const late = link.run((redis) => redis.blpop("nothing", 0)).catch(() => performance.now());
    const began = performance.now();
    const others = setInterval(() => link.run((redis) => redis.ping()).catch(() => {}), 1);
    expect(((await late) as number) - began).toBeLessThan(patience(WITHIN_100_MS));
    clearInterval(others);
  });

  test("a process that was busy does not count Redis as frozen", async () => {
    const answer = link.run((redis) => redis.ping());
    const busyUntil = performance.now() + 400;
    while (performance.now() < busyUntil);
    expect(await answer).toBe("PONG");
    expect(link.isUp).toBe(true);
  });
});

describeRedis("a server of Redis", () => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(() => server.remove());

  test("a Redis that is frozen at the start is used once it answers", async () => {
    server.freeze();
    const { link, told } = openLink(server.url);
    await until(() => told.length > 0, "the link is told of as away");
    expect(link.isUp).toBe(false);
    expect(told).toEqual([expect.stringContaining("accepts connections and does not answer")]);
    server.thaw();
    expect(await link.untilUp(patience(20_000))).toBe(true);
    link.close();
  });

  test("a Redis that starts later is used, with one log line for each change", async () => {
    await server.kill();
    const { link, told } = openLink(server.url);
    await until(() => told.length > 0, "the link is told of as away");
    expect(await link.untilUp(50)).toBe(false);
    await server.start();
    expect(await link.untilUp(patience(20_000))).toBe(true);
    expect(told).toEqual([
      expect.stringContaining("is away: connect ECONNREFUSED"),
      expect.stringContaining("is there"),
    ]);
    link.close();
  });

  test("a link that never found its server leaves nothing behind", async () => {
    const { link } = openLink(`redis://127.0.0.1:${await freePort()}`);
    await link.untilUp(50);
    link.close();
    await expect(link.run((redis) => redis.ping())).rejects.toThrow("is away");
  });
});

/** Redis for tests: the one that is there, servers of a test's own that it may kill, and a proxy that cuts and freezes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./port.ts";
import { canRun, lackOf, urlOf } from "./servers.ts";

export const redisUrl = urlOf("redis");

/** Where it listens, for a proxy before it. */
export const redisTarget = { host: new URL(redisUrl).hostname, port: Number(new URL(redisUrl).port || 6379) };

const hasServer = () => spawnSync("redis-server", ["--version"]).status === 0;

/** `describe` where Redis answers and its server can be started; elsewhere skipped, loudly, and an error with CI=true. */
export function describeRedis(name: string, suite: () => void): void {
  const isRunnable = canRun(name, [lackOf("redis"), hasServer() ? null : "redis-server in PATH"]);
  (isRunnable ? describe : describe.skip)(name, () => {
    // What a failed test leaves behind would keep Jest from ending.
    afterAll(() => Promise.all([...open].map((end) => end())));
    suite();
  });
}

const open = new Set<() => Promise<void>>();

let prefixes = 0;
/** A key prefix of a test's own. */
export const freshPrefix = () => `test-${process.pid}-${Date.now()}-${++prefixes}:`;

/** A client to look with; removes all keys with `prefix` at its end. */
export function looker(prefix: string) {
  const redis = new Redis(redisUrl);
  return {
    redis,
    async end() {
      const keys = await redis.keys(`${prefix}*`);
      if (keys.length > 0) await redis.del(keys);
      redis.disconnect();
    },
  };
}

export interface RedisServer {
  url: string;
  port: number;
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
  /** On the same port, empty. */
  start(): Promise<void>;
  /** Kills it and removes its folder. */
  remove(): Promise<void>;
}

export async function startRedis(...args: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-redis-"));
  const port = await freePort();
  let child: ChildProcess | null = null;
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    freeze: () => void child?.kill("SIGSTOP"),
    thaw: () => void child?.kill("SIGCONT"),
    async start() {
      const options = ["--port", String(port), "--save", "", "--appendonly", "no", "--dir", folder, ...args];
      child = spawn("redis-server", options, { stdio: "ignore" });
      await answering(port);
    },
    async kill() {
      const dying = child;
      child = null;
      if (!dying) return;
      const gone = once(dying, "exit");
      dying.kill("SIGKILL");
      await gone;
    },
    async remove() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  open.add(server.remove);
  await server.start();
  return server;
}

async function answering(port: number): Promise<void> {
  const redis = new Redis(port, "127.0.0.1", { retryStrategy: () => 20 });
  redis.on("error", () => {});
  await redis.ping();
  redis.disconnect();
}

/** A way to Redis that can be cut (connections end, new ones are refused) or frozen (nothing goes through any more). */
export async function redisProxy(target = redisUrl) {
  const { hostname, port } = new URL(target);
  const pairs = new Set<[Socket, Socket]>();
  let isFrozen = false;
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(port || 6379) });
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    if (isFrozen) for (const socket of pair) socket.pause();
    else {
      near.pipe(far);
      far.pipe(near);
    }
    for (const socket of pair)
      socket
        .on("error", () => {})
        .on("close", () => {
          for (const one of pair) one.destroy();
          pairs.delete(pair);
        });
  });
  const own = await freePort();
  const listen = async () => {
    server.listen(own, "127.0.0.1");
    await once(server, "listening");
  };
  await listen();
  const endAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  open.add(async () => cut());
  const cut = async () => {
    const closed = server.listening ? once(server, "close") : null;
    server.close();
    endAll();
    await closed;
  };
  return {
    url: `redis://127.0.0.1:${own}`,
    cut,
    mend: listen,
    freeze() {
      isFrozen = true;
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    /** Frozen connections stay so; new ones go through. */
    thaw() {
      isFrozen = false;
    },
    end: cut,
  };
}

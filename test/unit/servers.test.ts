/** How the tests find their servers. Docker itself is only simulated here. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { canRun, dockerAnswers, findServers, lackOf, type ServerKind, serverKinds } from "../helpers/servers.ts";

const CLOSED = "redis://127.0.0.1:1";
const container = serverKinds.redis.container;
const kind = (local: string): ServerKind => ({ name: "Redis", variable: "TEST_REDIS_URL", local, container });

async function found(env: Record<string, string | undefined>, local: string, started: string | null = null) {
  const start = jest.fn(async () => started);
  await findServers(env, start, { redis: kind(local) });
  return { url: env.TEST_REDIS_URL, missing: env.TEST_SERVERS_MISSING, asked: start.mock.calls.length };
}

test("a container is what docker-compose.yml runs", () => {
  const compose = readFileSync(join(root, "docker-compose.yml"), "utf8");
  for (const { container } of Object.values(serverKinds)) expect(compose).toContain(`image: ${container.image}\n`);
});

test("the URL that was given, else the local port, else a container, else it is missing", async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const open = `redis://127.0.0.1:${(server.address() as { port: number }).port}`;
  try {
    expect(await found({ TEST_REDIS_URL: open }, CLOSED)).toEqual({ url: open, missing: "", asked: 0 });
    expect(await found({}, open)).toEqual({ url: undefined, missing: "", asked: 0 });
    expect(await found({}, CLOSED, open)).toEqual({ url: open, missing: "", asked: 1 });
    expect(await found({}, CLOSED)).toEqual({ url: undefined, missing: "redis", asked: 1 });
    // A URL that was given is never replaced by another server.
    expect(await found({ TEST_REDIS_URL: CLOSED }, open, open)).toEqual({ url: CLOSED, missing: "redis", asked: 0 });
  } finally {
    server.close();
  }
});

test("what is missing is skipped aloud, and an error with CI=true; no password is told", () => {
  const env = { TEST_SERVERS_MISSING: "redis", TEST_REDIS_URL: "redis://me:secret@elsewhere:6379" };
  const warn = jest.spyOn(console, "warn").mockImplementation(() => {});
  expect(lackOf("postgres", env)).toBeNull();
  expect(canRun("a", [null, lackOf("postgres", env)], env)).toBe(true);
  expect(warn).not.toHaveBeenCalled();
  expect(canRun("a", [lackOf("redis", env)], env)).toBe(false);
  const needs = "needs a Redis at redis://elsewhere:6379 (TEST_REDIS_URL), or Docker.";
  expect(warn.mock.calls).toEqual([[`SKIPPED "a": it ${needs}`]]);
  expect(() => canRun("a", [lackOf("redis", env)], { ...env, CI: "true" })).toThrow(`"a" ${needs}`);
  warn.mockRestore();
});

test("no Docker is found out at once, without its library", async () => {
  const began = performance.now();
  expect(await dockerAnswers({ DOCKER_HOST: "unix:///nowhere/docker.sock" })).toBe(false);
  expect(performance.now() - began).toBeLessThan(50);
});

test.each([
  ["true", 1, /needs a Redis at redis:\/\/127\.0\.0\.1:1 \(TEST_REDIS_URL\)/],
  ["false", 0, /SKIPPED[\s\S]*Tests: +\d+ skipped, \d+ total/],
])("npm test with a Redis that does not answer and CI=%s", async (ci, code, says) => {
  const env = { ...process.env, CI: ci, TEST_REDIS_URL: CLOSED };
  const args = ["--selectProjects", "all", "--testPathPatterns", "redis/link"];
  const child = spawn(process.execPath, [join(root, "node_modules/jest/bin/jest.js"), ...args], { cwd: root, env });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (text += data));
  const exit = await new Promise((resolve) => child.once("close", resolve));
  expect({ exit, text }).toEqual({ exit: code, text: expect.stringMatching(says) });
});

/**
 * The promise: behind nginx with deploy/nginx.conf no POST is lost on an idle link, and /metrics is not reachable from outside.
 * Skipped without nginx.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { request as requestByTls } from "node:https";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../root.cjs";
import { newAuthority } from "../helpers/certificates.ts";
import { newClient, type TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { freePort } from "../helpers/port.ts";
import { skipAll } from "../helpers/skip.ts";
import { ADMIN_TOKEN, type System, startSystem } from "../helpers/system.ts";

const hasNginx = spawnSync("nginx", ["-v"]).status === 0;
if (!hasNginx) {
  process.stderr.write("Without nginx, the tests of deploy/nginx.conf are SKIPPED.\n");
  skipAll();
}

let system: System;
let folder: string;
let nginx: ChildProcess;
let port: number;
let tlsPort: number;
let client: TestClient;

/** deploy/nginx.conf with the changes that docs/deployment.md names for an older nginx, and with local paths and ports. */
function adapted(nodePort: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  return readFileSync(join(root, "deploy/nginx.conf"), "utf8")
    .replace(/^\s*resolver .*\n/m, "")
    .replace(/server api:3000 resolve/, `server 127.0.0.1:${nodePort}`)
    .replace("worker_processes auto;", "master_process off;\ndaemon off;\nerror_log stderr;")
    .replace("pid /tmp/nginx.pid;", `pid ${folder}/nginx.pid;`)
    .replace("http {", `http {\n${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}`)
    .replace("listen 8080;", `listen 127.0.0.1:${port};\nlisten 127.0.0.1:${tlsPort} ssl;${certified()}`);
}

/** The part with TLS, as the file's comment says. */
function certified(): string {
  const authority = newAuthority();
  const { key, cert } = authority.issue("IP:127.0.0.1");
  authority.remove();
  for (const [name, text] of Object.entries({ key, cert })) writeFileSync(join(folder, name), text);
  return `\nssl_certificate ${folder}/cert;\nssl_certificate_key ${folder}/key;`;
}

beforeAll(async () => {
  if (!hasNginx) return;
  system = await startSystem({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
  client = await newClient(system.url, { maxConcurrentUploads: 100 });
  folder = mkdtempSync(join(tmpdir(), "dataflow-nginx-"));
  [port, tlsPort] = [await freePort(), await freePort()];
  writeFileSync(join(folder, "nginx.conf"), adapted(new URL(system.url).port));
  nginx = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "inherit" });
  await until(async () => (await ask("/balancer").catch(() => 0)) === 200, "nginx answers", 10_000);
});
afterAll(async () => {
  if (!hasNginx) return;
  const ended = new Promise((resolve) => nginx.once("close", resolve));
  nginx.kill();
  await ended;
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
});

const connected = () =>
  new Promise<Socket>((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket)).once("error", reject);
  });

/** Sends a GET with exactly this path, and answers the status. */
function ask(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ port, host: "127.0.0.1", path, agent: false });
    asked.on("response", (response) => response.resume().once("end", () => resolve(response.statusCode ?? 0)));
    asked.on("error", reject).end();
  });
}

/** Node closes idle links after 5 s and up to one more; nginx closes them after 60 s. */
const IDLE_MS = 5_500;

test("no POST is lost on an idle connection between nginx and a node", async () => {
  const sockets = await Promise.all(Array.from({ length: 20 }, () => connected()));
  const post = [
    "POST /imports HTTP/1.1",
    "Host: x",
    `Authorization: ${client.auth}`,
    "Content-Type: application/x-ndjson",
    "Content-Length: 8",
    "",
    '{"a":1}\n',
  ].join("\r\n");
  const answers = sockets.map((socket) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (piece) => {
      text += piece;
    });
    return () => text.match(/HTTP\/1\.1 \d+/g) ?? [];
  });
  const answered = (count: number) =>
    until(() => answers.every((of) => of().length === count), "all are answered", 10_000);
  for (const socket of sockets) socket.write(post);
  await answered(1);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  // nginx stands still while a node would close its links.
  nginx.kill("SIGSTOP");
  for (const socket of sockets) socket.write(post);
  await new Promise((resolve) => setTimeout(resolve, 800));
  nginx.kill("SIGCONT");
  await answered(2);
  for (const socket of sockets) socket.destroy();
  expect(answers.flatMap((of) => of()).filter((line) => line !== "HTTP/1.1 202")).toEqual([]);
});

test("a session that is begun by TLS has a cookie for TLS alone", async () => {
  const login = (scheme: "http" | "https", headers: Record<string, string> = {}) =>
    new Promise<string | undefined>((resolve, reject) => {
      const to = scheme === "http" ? port : tlsPort;
      const origin = `${scheme}://127.0.0.1:${to}`;
      const asked = (scheme === "http" ? request : requestByTls)(`${origin}/session`, {
        method: "POST",
        headers: { origin, "content-type": "application/json", ...headers },
        agent: false,
        rejectUnauthorized: false,
      } as object);
      asked.on("response", (response) => resolve(response.resume().headers["set-cookie"]?.[0]));
      asked.on("error", reject).end(JSON.stringify({ token: ADMIN_TOKEN }));
    });
  const cookies = await Promise.all([
    login("http"),
    login("https"),
    login("http", { "x-forwarded-proto": "https" }),
    login("https", { "x-forwarded-proto": "http" }),
  ]);
  expect(cookies.map((cookie) => cookie?.endsWith("; Secure"))).toEqual([false, true, true, true]);
});

test("a forged X-Forwarded-For gives nobody more login attempts", async () => {
  const wrong = `Basic ${Buffer.from(`${client.identifier}:wrong`).toString("base64")}`;
  const guess = (from: string) =>
    fetch(`http://127.0.0.1:${port}/policy`, { headers: { authorization: wrong, "x-forwarded-for": from } });
  const guesses = await Promise.all(Array.from({ length: 100 }, (_, i) => guess(`198.51.100.${i}`)));
  expect(new Set(guesses.map(({ status }) => status))).toEqual(new Set([401]));
  expect((await guess("203.0.113.1")).status).toBe(429);
});

test.each([
  "/metrics",
  "/metrics/",
  "/metrics//",
  "//metrics",
  "/METRICS",
  "/Metrics/",
  "/./metrics",
  "/x/../metrics",
  "/%6detrics",
  "/%4d%45%54%52%49%43%53",
  "/metrics%2f",
  "/%2fmetrics",
  "/metrics?x",
  "/metrics%3fx",
  "/metrics;x",
  "/metrics/x",
])("nginx does not forward GET %s", async (path) => {
  expect(await ask(path)).toBe(404);
  expect(await ask("/health/live")).toBe(200);
});

/** The command dataflow-push against a running system, and what it has printed. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { root } from "../../root.cjs";
import { type Batch, get, newClient, type TestClient } from "../helpers/http.ts";
import { type System, startSystem } from "../helpers/system.ts";

const command = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts.push.replace(/^exec /, "");

export const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };

export let system: System;

export let client: TestClient;

/** Makes the command log in as a new client from now on. */
export async function becomeClient(policy: Parameters<typeof newClient>[1]): Promise<void> {
  client = await newClient(system.url, policy);
}

export let folder: string;

interface Surroundings {
  input?: string | Buffer;
  env?: Record<string, string>;
  url?: string;
}

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

export function push(args: string[], { input = "", env = {}, url = system.url }: Surroundings = {}) {
  const [identifier = "", secret = ""] = Buffer.from(client.auth.slice("Basic ".length), "base64")
    .toString()
    .split(":");
  const child = spawn("sh", ["-c", `exec ${command} "$@"`, "push", ...args], {
    cwd: root,
    env: {
      PATH: [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter),
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? "",
      npm_lifecycle_event: "push",
      INIT_CWD: folder,
      DATAFLOW_URL: url,
      DATAFLOW_CLIENT: identifier,
      DATAFLOW_SECRET: secret,
      ...env,
    },
  });
  const run: Run = { status: null, stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    run.stdout += data;
  });
  child.stderr.on("data", (data) => {
    run.stderr += data;
  });
  child.stdin.end(input);
  const ended = new Promise<Run>((resolve) => child.once("close", (status) => resolve({ ...run, status })));
  return Object.assign(ended, { seen: () => run });
}

export const file = (name: string, content: string | Buffer) => writeFileSync(join(folder, name), content);

export const rows = (count: number) => Array.from({ length: count }, (_, i) => `{"n":${i + 1}}\n`).join("");

export const onlyBatch = async () => {
  const { items } = (await (await get(system.url, client, "/imports")).json()) as { items: Batch[] };
  expect(items).toHaveLength(1);
  return items[0] as Batch;
};

/** Starts what the tests share, and stops it after them. */
export function startPush(): void {
  beforeAll(async () => {
    system = await startSystem();
    folder = mkdtempSync(join(tmpdir(), "dataflow-push-test-"));
  });
  afterAll(async () => {
    await system.stop();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    await becomeClient({ schema });
  });
}

/** The first start in the Docker build: the build stops the node when it answers, and fails if the node cannot start. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { root } from "../../root.cjs";
import { freePort } from "../helpers/port.ts";

const text = readFileSync(join(root, "Dockerfile"), "utf8").replace(/\\\n/g, " ");
const step = /^RUN (.*healthcheck\.mjs.*)$/m.exec(text)?.[1] as string;

async function firstStart(more: Record<string, string> = {}): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), "dataflow-first-"));
  const PATH = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const { NODE_COMPILE_CACHE = "" } = process.env;
  const env = { PATH, NODE_COMPILE_CACHE, SERVICEDIR: "services", PORT: String(await freePort()), ...more };
  const child = spawn("sh", ["-c", step.replaceAll("/tmp/first", join(folder, "first"))], { cwd: root, env });
  const code = await new Promise((resolve) => child.once("close", resolve));
  rmSync(folder, { recursive: true });
  return code;
}

test("ends well once the node has answered", async () => {
  expect(await firstStart()).toBe(0);
});

test("ends the build where the node cannot start", async () => {
  expect(await firstStart({ SERVICES: "nothing-of-ours" })).not.toBe(0);
});

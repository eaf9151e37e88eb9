/** The promise: what README.md says to paste works, and docs/settings.md lists every setting. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, sep } from "node:path";
import type { Setting } from "../../config/parse.ts";
import { settings } from "../../config/settings.ts";
import { root } from "../../root.cjs";
import { makeOrders } from "../../scripts/make-orders.ts";
import type { Batch } from "../helpers/http.ts";
import { blocksOf, pageOf, pasted } from "./docs.kit.ts";

const readme = pageOf("README.md");
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const blocks = blocksOf(readme, "bash").map(([, text]) => text);

interface Rejected {
  record: number;
  line: number;
  errors: { field: string; code: string }[];
}

/** `npm start` runs in a folder that looks like the project's, so that its data/ is not the developer's. */
let folder: string;
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-readme-"));
  for (const name of readdirSync(root)) if (!ofDeveloper.includes(name)) mirror(name);
  const path = [join(root, "node_modules/.bin"), process.env.PATH].join(delimiter);
  const env = { PATH: path, PORT: "0", LOG_FORMAT: "json", ...handlerEnvironment() };
  server = spawn("sh", ["-c", scripts.start], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  url = await listeningAt(server);
});
afterAll(async () => {
  const ended = server.exitCode ?? new Promise((resolve) => server.once("close", resolve));
  server.kill("SIGTERM");
  await ended;
  rmSync(folder, { recursive: true });
});

const ofDeveloper = [".env", ".git", "data", "handlers"];

/**
 * Links to all files of the project. services/ is a real folder that contains links, because Moleculer does not search linked
 * folders.
 */
function mirror(path: string): void {
  const from = join(root, path);
  if (path.split(sep)[0] === "services" && statSync(from).isDirectory()) {
    mkdirSync(join(folder, path));
    for (const name of readdirSync(from)) mirror(join(path, name));
  } else {
    symlinkSync(from, join(folder, path));
  }
}

/** The variables that the README sets before `npm start`. */
function handlerEnvironment(): Record<string, string> {
  const line = /^```sh\n((?:\w+=\S+ )+)npm start$/m.exec(readme)?.[1] ?? "";
  return Object.fromEntries(
    line
      .trim()
      .split(" ")
      .map((pair) => pair.split("=") as [string, string]),
  );
}

function listeningAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let logs = "";
    child.stdout?.on("data", (data) => {
      logs += data;
      const found = /DataFlow listens on (http:\/\/[^"\s]+)/.exec(logs);
      if (found) resolve(found[1] as string);
    });
    child.once("close", () => reject(new Error(`npm start ended:\n${logs}`)));
  });
}

/** The output of bash for the blocks, pasted one after another. */
async function paste(...texts: string[]): Promise<unknown[]> {
  return linesOf(await pasted([texts.join("\n").replaceAll("http://127.0.0.1:3000", url)], { cwd: folder }));
}

/** The output lines without those of `npm run apply`. */
const linesOf = (text: string): unknown[] =>
  text
    .split("\n")
    .filter((line) => line !== "" && !/^([+~]| {4}|Nothing to change)/.test(line))
    .map((line) => JSON.parse(line));

/** The lines of an answer to the partner. */
async function ask<T>(path: string, login: string): Promise<T[]> {
  const headers = { authorization: `Basic ${Buffer.from(login).toString("base64")}` };
  const text = await (await fetch(url + path, { headers })).text();
  return linesOf(text) as T[];
}

async function ended(id: string, login: string): Promise<Batch> {
  for (;;) {
    const [batch] = await ask<Batch>(`/imports/${id}`, login);
    if (batch?.finishedAt) return batch;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const { received, rejected } = makeOrders();

test("the README's curl session imports the orders and shows the result", async () => {
  const [session = "", waiting = ""] = blocks;
  const [batch, ...answers] = await paste(session, waiting);
  const [rows, waited] = [answers.slice(0, 6), answers.slice(6)];
  expect(batch).toMatchObject({
    dataset: "orders",
    status: "completed_with_errors",
    counts: { received, rejected, accepted: received - rejected, duplicate: 0 },
  });
  expect(rows).toHaveLength(6);
  expect(rows[0]).toMatchObject({ line: 188, errors: [{ field: "email", code: "format" }] });
  expect(rows[3]).toMatchObject({ record: 1, data: { quantity: expect.any(Number), currency: "EUR" } });
  expect(waited).toEqual([expect.objectContaining({ status: "completed_with_errors" }), batch, batch]);
});

test("the README's session with a handler books each order once, and refuses large ones", async () => {
  const answers = await paste(...blocks, 'echo "{\\"login\\": \\"$login\\"}"');
  const [dataset, sent, { login }] = answers.slice(-3) as [object, Batch, { login: string }];
  expect(dataset).toMatchObject({ handler: "ledger.book" });
  const batch = await ended(sent.id, login);
  const errors = await ask<Rejected>(`/imports/${sent.id}/errors`, login);
  const booked = readdirSync(join(folder, "data/ledger"))
    .filter((name) => name.startsWith(sent.id))
    .flatMap((name) =>
      readFileSync(join(folder, "data/ledger", name), "utf8")
        .trim()
        .split("\n"),
    )
    .map((line) => JSON.parse(line) as { order_id: string; quantity: number });
  expect(batch.status).toBe("completed_with_errors");
  const byHandler = errors.filter((row) => row.errors[0]?.code === "over_limit");
  expect(byHandler.length).toBeGreaterThan(0);
  expect(batch.counts.rejected).toBe(rejected + byHandler.length);
  expect(booked).toHaveLength(batch.counts.accepted);
  expect(new Set(booked.map((order) => order.order_id)).size).toBe(booked.length);
  expect(Math.max(...booked.map((order) => order.quantity))).toBe(10);
});

test("the table of docs/settings.md has the settings of config/settings.ts", () => {
  const rows = Object.values<Setting<unknown>>(settings).map(({ name, default: value, otherwise, meaning }) => {
    const fallback = value === null ? otherwise : value === "" ? "empty" : `\`${value}\``;
    return `| \`${name}\` | ${fallback} | ${meaning} |`;
  });
  const [, table = ""] =
    /^\| variable \| default \| meaning \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)*)/m.exec(pageOf("docs/settings.md")) ??
    [];
  expect(table.trim().split("\n")).toEqual(rows);
});

test("every command that the README names exists", () => {
  const named = [...readme.matchAll(/npm (?:run (?:-s )?)?([\w:]+)/g)].map(([, name]) => name as string);
  const npmsOwn = ["and", "pack", "install"];
  expect(named.filter((name) => !npmsOwn.includes(name) && !(name in scripts))).toEqual([]);
});

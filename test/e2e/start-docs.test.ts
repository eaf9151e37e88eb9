/**
 * The promise: docs/partners/start.md leads from a secret to an import. Its commands and programs run as they are (except C#).
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestOptions, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../root.cjs";
import type { Batch, TestClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { asked, type Json, startAdmin, url } from "./admin.kit.ts";
import { granted, ownOf } from "./datasets.kit.ts";
import { blocksOf, type Place, pageOf, pasted, ran } from "./docs.kit.ts";

startAdmin();

const page = pageOf("docs/partners/start.md");
const examples = blocksOf(page, "json").map(([, text]) => JSON.parse(text) as Json);
const isPush = (block: string) => block.startsWith("npx dataflow-push ");
const commands = blocksOf(page, "bash").map(([, text]) => text);

let folder: string;
let client: TestClient;
let place: Place;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dataflow-start-"));
  const { orders } = parse(readFileSync(join(root, "examples/datasets/orders.yaml"), "utf8")).datasets;
  expect((await asked("PUT", "/datasets/orders", orders)).status).toBe(201);
  client = await granted("orders");
  place = {
    cwd: folder,
    env: { DATAFLOW_URL: url, DATAFLOW_CLIENT: client.identifier, DATAFLOW_SECRET: client.secret },
  };
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Removes members that differ in each run. */
const fixed = ({ id, finishedAt, ...rest }: Json): Json => rest;

test("the curl session: each answer that the page shows is answered", async () => {
  const out = await pasted(
    commands.filter((block) => !isPush(block)),
    place,
  );
  const answers = out
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  expect(examples).toHaveLength(3);
  for (const example of examples) expect(answers).toContainEqual(expect.objectContaining(fixed(example)));
  // The answers: the list of datasets, the dataset, three ended batches (one of them read again), a refusal, a rejected row.
  expect(answers.filter(({ status }) => status === "completed")).toHaveLength(2);
  expect(out).toContain("\norder_id,order_date,customer_name,");
  expect(readFileSync(join(folder, "rejected.csv"), "utf8")).toContain("29.11.2026");
  const replays = out.match(/^(HTTP|Location|Idempotent)\S* .*/gm)?.map((line) => line.trim());
  const [, location] = replays ?? [];
  expect(location).toMatch(/^Location: \/imports\//);
  const accepted = "HTTP/1.1 202 Accepted";
  expect(replays).toEqual([accepted, location, accepted, location, "Idempotent-Replayed: true"]);
});

describe("programs that send a file", () => {
  beforeEach(() => {
    const [, orders = ""] = /<<'CSV'\n(.*?)^CSV$/ms.exec(page) ?? [];
    writeFileSync(join(folder, "orders.csv"), orders);
  });

  /** Saves the program of a section under its name, and answers the command with which the page starts it. */
  function saved(language: string, changed = (program: string) => program): string {
    const section = page.split("\n## ").find((text) => text.includes(`\`\`\`${language}\n`)) ?? "";
    const [, name = "", command = ""] = /Save this as `(.+?)`, and call `(.+?)`/.exec(section) ?? [];
    const [[, program]] = blocksOf(section, language) as [[string, string]];
    writeFileSync(join(folder, name), changed(program));
    return command;
  }
  const rejected = (line: string) => expect(JSON.parse(line)).toEqual(examples.at(-1));

  test("dataflow-push", async () => {
    mkdirSync(join(folder, "node_modules/.bin"), { recursive: true });
    symlinkSync(join(root, "cli/push.mjs"), join(folder, "node_modules/.bin/dataflow-push"));
    const { stdout, stderr, status } = await ran(commands.find(isPush) as string, place);
    expect({ stdout, status }).toEqual({ stdout: expect.stringMatching(/^completed_with_errors/), status: 2 });
    expect(stderr).toContain("processed 2 records");
    expect(readFileSync(join(folder, "rejected.csv"), "utf8")).toContain("29.11.2026");
  });

  test("Node.js: after a refusal that may pass it sends the file again, with the same key", async () => {
    const keys: unknown[] = [];
    const busy = createServer((req, res) => {
      if (req.method === "POST") keys.push(req.headers["idempotency-key"]);
      if (keys.length === 1)
        return req.resume().once("end", () => res.writeHead(503, { "retry-after": "1" }).end('{"status":503}'));
      const { method, headers } = req;
      req.pipe(
        request(url + req.url, { method, headers } as RequestOptions, (answer: IncomingMessage) => {
          res.writeHead(answer.statusCode ?? 0, answer.headers);
          answer.pipe(res);
        }),
      );
    });
    await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
    const env = { ...place.env, DATAFLOW_URL: `http://127.0.0.1:${(busy.address() as AddressInfo).port}` };
    const { stdout, ...rest } = await ran(saved("js"), { cwd: folder, env });
    busy.close();
    expect(rest).toEqual({ stderr: "", status: 0 });
    const [first = "", ...rows] = stdout.trim().split("\n");
    expect(first).toMatch(/^completed_with_errors {.*accepted: 1, rejected: 1/);
    expect(rows).toHaveLength(1);
    rejected(rows[0] as string);
    expect(keys).toEqual([expect.stringMatching(/^[\w-]{36}$/), keys[0]]);
  });

  const python = spawnSync("python3", ["--version"]).error ? test.skip : test;
  python("Python (skipped without python3)", async () => {
    const { stdout, ...rest } = await ran(saved("python"), place);
    expect(rest).toEqual({ stderr: "", status: 0 });
    const [first = "", ...rows] = stdout.trim().split("\n");
    expect(first).toMatch(/^completed_with_errors {.*'accepted': 1, 'rejected': 1/);
    expect(rows).toHaveLength(1);
    rejected(rows[0] as string);
  });

  const languages = python === test ? ["js", "python"] : ["js"];
  test.each(languages)("%s: a refusal says its code and ends with 1", async (language) => {
    const wrong = { ...place, env: { ...place.env, DATAFLOW_SECRET: "wrong" } };
    const { status, stderr } = await ran(saved(language), wrong);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("401 unauthenticated: ") });
  });

  test.each(languages)("%s: waits for a batch that ends later", async (language) => {
    const held = await granted("orders", { requiresApproval: true });
    const env = { DATAFLOW_URL: url, DATAFLOW_CLIENT: held.identifier, DATAFLOW_SECRET: held.secret };
    // The upload is answered at once, so the program has to poll for the end.
    const command = saved(language, (program) => program.replace("wait=30", "respond-async"));
    const running = ran(command, { cwd: folder, env });
    const early = running.then((run) => Promise.reject(new Error(`It ended early: ${JSON.stringify(run)}`)));
    const heldBatch = async () => {
      const { items } = (await ownOf(held, "/imports")) as { items: Batch[] };
      return items.find(({ status }) => status === "held");
    };
    const batch = await Promise.race([until(heldBatch), early]);
    expect((await asked("POST", `/batches/${batch.id}/approve`)).status).toBe(200);
    expect(await running).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringMatching(/^completed_with_err/),
    });
  });
});

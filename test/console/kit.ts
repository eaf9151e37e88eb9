/** One real system on SQLite and one Chromium, shared by the tests of a file. */
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { admin, newClient, post, type TestClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { canRun, lackOf, type ServerName } from "../helpers/servers.ts";
import { skipAll } from "../helpers/skip.ts";
import { type System, type SystemOptions, startSystem } from "../helpers/system.ts";
import { Visit, type VisitOptions, whoOf } from "./visit.ts";

export type { Visit } from "./visit.ts";

/** Debian's two packages of Chromium. Both have the same engine; the headless shell takes half of the time. */
const installed = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"].find((path) => existsSync(path));
const CHROMIUM = process.env.TEST_CHROMIUM ?? installed ?? "/usr/bin/chromium";
/** A deadline for each test. The longest test takes a quarter of this time. */
const LONGEST_TEST_MS = 60_000;
const ARGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--no-first-run"];
/** Makes `*.test` mean this machine. Browsers trust 127.0.0.1 more than other hosts, so security tests need names. */
ARGS.push("--host-resolver-rules=MAP *.test 127.0.0.1");
/** Turns V8's optimizer off: a page in a test ends before optimized code would repay the time to compile it. */
ARGS.push("--js-flags=--no-opt");

export interface ConsoleOptions extends SystemOptions {
  /** Starts another system than the usual one in this process. `needs`: the servers that it uses. */
  other?: { needs: ServerName[]; start(): Promise<Pick<System, "url" | "stop">> };
}

export interface Seed {
  /** The seed's client. Its records need an `id`, and an `amount` above 0. */
  client: TestClient;
  /** The seed's batch: 40 records, of which 4 are rejected. */
  batchId: string;
}

/** What the tests of a file share. */
export interface Console {
  system: System;
  url: string;
  seed: Seed;
  visit(options?: VisitOptions): Promise<Visit>;
}

/**
 * A test file calls this function at its top. Without Chromium the tests are skipped with a message; with CI=true that is an
 * error. The returned object is filled before the first test.
 */
export function startConsole({ other, ...options }: ConsoleOptions = {}): Console {
  const lack = existsSync(CHROMIUM) ? null : `Chromium at ${CHROMIUM} (TEST_CHROMIUM)`;
  const world = {} as Console;
  // A test whose browser hangs should fail soon.
  jest.setTimeout(patience(LONGEST_TEST_MS));
  if (!canRun("the console", [lack, ...(other?.needs ?? []).map((name) => lackOf(name))])) {
    skipAll();
    return world;
  }
  let browser: Browser;
  let visits: Visit[] = [];
  /** Windows that can serve another test, because nothing in them has changed. */
  const windows = new Map<string, Visit>();
  beforeAll(async () => {
    const env = { POLL_INTERVAL: "250ms", WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", ...options.env };
    const started = other ? other.start() : startSystem({ ...options, env });
    const [system, found] = await Promise.all([started, chromium.launch({ executablePath: CHROMIUM, args: ARGS })]);
    browser = found;
    Object.assign(world, { system, url: system.url, seed: await seedOf(system.url) });
  });
  afterEach(async () => {
    await Promise.all(
      visits.map(async (visit) => {
        if (visit.who && (await visit.leave()) && !windows.has(visit.who)) windows.set(visit.who, visit);
        else await visit.context.close();
      }),
    );
    visits = [];
  });
  afterAll(async () => {
    await browser?.close();
    await world.system?.stop();
  });
  world.visit = async (wanted = {}) => {
    const who = whoOf(wanted, world);
    const visit = (who && windows.get(who)) || (await Visit.begin(browser, world, wanted));
    if (who) windows.delete(who);
    visits.push(visit);
    await visit.enter(wanted);
    return visit;
  };
  return world;
}

async function seedOf(url: string): Promise<Seed> {
  const schema = {
    type: "object",
    required: ["id"],
    properties: { id: { type: "string" }, amount: { type: "number", exclusiveMinimum: 0 } },
  };
  const client = await newClient(url, { schema });
  const rows = Array.from({ length: 40 }, (_, index) => `a-${index},${index % 10 === 9 ? "-3" : index + 1}`);
  const response = await post(url, client, ["id,amount", ...rows].join("\n"), "text/csv");
  const { id } = (await response.json()) as { id: string };
  await until(async () => {
    const batch = (await (await admin(url, `/batches/${id}`)).json()) as { status: string };
    return batch.status === "completed_with_errors";
  });
  return { client, batchId: id };
}

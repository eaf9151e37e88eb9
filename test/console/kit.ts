/**
 * One real system on SQLite and one Chromium for the tests of a file. A visit is a window of its own: its own cookie and its own list of
 * what went wrong in it.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { admin, newClient, post, type TestClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { canRun, lackOf, type ServerName } from "../helpers/servers.ts";
import { skipAll } from "../helpers/skip.ts";
import { ADMIN_TOKEN, type System, type SystemOptions, startSystem } from "../helpers/system.ts";

/** Debian's two: the same engine, and the first one without windows, which takes half of the time. */
const installed = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"].find((path) => existsSync(path));
const CHROMIUM = process.env.TEST_CHROMIUM ?? installed ?? "/usr/bin/chromium";
/** The longest test takes a quarter of it. */
const LONGEST_TEST_MS = 60_000;
const ARGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--no-first-run"];
/** Names of hosts of which a browser knows nothing good, unlike of 127.0.0.1. */
ARGS.push("--host-resolver-rules=MAP *.test 127.0.0.1");

export type Role = "viewer" | "operator" | "admin" | "partner";

export interface VisitOptions {
  /** Who is logged in; nobody where omitted. */
  role?: Role;
  /** Of a partner; the client of the seed where omitted. */
  client?: TestClient;
  width?: number;
  height?: number;
  theme?: "light" | "dark";
  /** `#/batches` */
  path?: string;
  /** Of another node than the first. */
  url?: string;
}

export interface ConsoleOptions extends SystemOptions {
  /** Another system than one in this process, with the servers that it needs. */
  other?: { needs: ServerName[]; start(): Promise<Pick<System, "url" | "stop">> };
}

export interface Seed {
  /** Its records need `id` and an `amount` above 0. */
  client: TestClient;
  /** 40 records, 4 of them rejected. */
  batchId: string;
}

/** What a file of tests holds while it runs. */
export interface Console {
  system: System;
  url: string;
  seed: Seed;
  visit(options?: VisitOptions): Promise<Visit>;
}

/**
 * To be called at the top of a test file. Without Chromium its tests are skipped, aloud; with CI=true that is an error.
 * What it answers is filled before the first test.
 */
export function startConsole({ other, ...options }: ConsoleOptions = {}): Console {
  const lack = existsSync(CHROMIUM) ? null : `Chromium at ${CHROMIUM} (TEST_CHROMIUM)`;
  const world = {} as Console;
  // A browser that does not answer ends its test soon.
  jest.setTimeout(patience(LONGEST_TEST_MS));
  if (!canRun("the console", [lack, ...(other?.needs ?? []).map((name) => lackOf(name))])) {
    skipAll();
    return world;
  }
  let browser: Browser;
  let visits: Visit[] = [];
  beforeAll(async () => {
    const env = { POLL_INTERVAL: "50ms", WEBHOOK_ALLOWED_HOSTS: "127.0.0.1", ...options.env };
    const started = other ? other.start() : startSystem({ ...options, env });
    const [system, found] = await Promise.all([started, chromium.launch({ executablePath: CHROMIUM, args: ARGS })]);
    browser = found;
    Object.assign(world, { system, url: system.url, seed: await seedOf(system.url) });
  });
  afterEach(async () => {
    await Promise.all(visits.map((visit) => visit.context.close()));
    visits = [];
  });
  afterAll(async () => {
    await browser?.close();
    await world.system?.stop();
  });
  world.visit = async (wanted = {}) => {
    const visit = await Visit.begin(browser, world, wanted);
    visits.push(visit);
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

let operators = 0;

/** A new operator's token. */
export async function tokenOf(url: string, role: Exclude<Role, "partner">): Promise<string> {
  if (role === "admin") return ADMIN_TOKEN;
  const body = JSON.stringify({ name: `${role}-${++operators}`, role });
  const response = await admin(url, "/operators", { method: "POST", body });
  return ((await response.json()) as { token: string }).token;
}

export class Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, and what the browser blocked. Answers of the API such as 404 are none. */
  readonly faults: string[] = [];
  /** Requests to other hosts. */
  readonly foreign: string[] = [];
  private readonly world: Console;
  private readonly url: string;

  private constructor(page: Page, world: Console, url: string) {
    this.page = page;
    this.context = page.context();
    this.world = world;
    this.url = url;
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("console", (message) => {
      const text = message.text();
      if (["error", "warning"].includes(message.type()) && !text.startsWith("Failed to load resource:"))
        this.faults.push(text);
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && url.origin !== this.url) this.foreign.push(request.url());
    });
  }

  static async begin(browser: Browser, world: Console, wanted: VisitOptions): Promise<Visit> {
    const { role, width = 1280, height = 800, theme = "light", path, url = world.url } = wanted;
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      baseURL: url,
      ignoreHTTPSErrors: true,
    });
    context.setDefaultTimeout(patience(10_000));
    await context.addInitScript(
      "window.blocked = []; addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.blocked.push(violatedDirective + ' ' + blockedURI));",
    );
    const visit = new Visit(await context.newPage(), world, url);
    if (role) await visit.logIn(role, wanted.client);
    if (path !== undefined) await visit.open(path);
    return visit;
  }

  /** By the API; how people do it is shown in shell.test.ts. */
  async logIn(role: Role, client: TestClient = this.world.seed.client): Promise<void> {
    const { url } = this;
    const data =
      role === "partner"
        ? { clientIdentifier: client.identifier, secret: client.secret }
        : { token: await tokenOf(url, role) };
    const answer = await this.context.request.post("/session", { data, headers: { origin: url } });
    if (!answer.ok()) throw new Error(`POST /session: ${answer.status()} ${await answer.text()}`);
  }

  /** `#/batches`, or `/` where nobody is logged in. Waits until its title is there. */
  async open(path: string): Promise<void> {
    await this.page.goto(`/${path.replace(/^\/?#?/, "#")}`);
    await this.page.locator("h1").first().waitFor();
    await this.settled();
  }

  /** Until nothing loads any more. */
  async settled(): Promise<void> {
    // Not by waitForFunction: it evaluates a text in the page, which the page's policy forbids.
    await until(async () => (await this.page.locator(".loading").count()) === 0);
  }

  /** What the page shows, as text. */
  text(selector = "main"): Promise<string> {
    return this.page.locator(selector).first().innerText();
  }

  /**
   * Nothing went wrong: no error of a script, nothing blocked, no request to another host; and axe finds nothing, in both themes.
   */
  async clean(): Promise<void> {
    const blocked = await this.page.evaluate<string[]>("window.blocked");
    expect({ faults: this.faults, blocked, foreign: this.foreign }).toEqual({ faults: [], blocked: [], foreign: [] });
    await this.page.emulateMedia({ colorScheme: "light" });
    expect(await this.violations("{}")).toEqual([]);
    // Of the rules only this one sees colours, and the others take most of the time.
    await this.page.emulateMedia({ colorScheme: "dark" });
    expect(await this.violations("{ runOnly: ['color-contrast'] }")).toEqual([]);
  }

  /** What axe finds. `options`: as axe takes them, in text. */
  private async violations(options: string): Promise<string[]> {
    if (!(await this.page.evaluate<boolean>("'axe' in window"))) await this.page.evaluate(axe.source);
    const found = await this.page.evaluate<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
      `axe.run(document, { resultTypes: ['violations'], ...${options} }).then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) })))`,
    );
    return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}\n${node.failureSummary}`));
  }

  /** A picture of the whole page, where TEST_SHOTS names a folder. */
  async shoot(name: string): Promise<void> {
    const { TEST_SHOTS: folder } = process.env;
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }
}

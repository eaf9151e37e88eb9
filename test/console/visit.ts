/** What a person sees and does in one window of the browser: its own cookie, and its own list of what went wrong in it. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { admin, type TestClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import type { Console } from "./kit.ts";

/** As short as it comes: each page that is judged has to read it. */
const axe = `${readFileSync(require.resolve("axe-core/axe.min.js"), "utf8")};0`;

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
  /**
   * A window that no other test has had, and none will have: for tests of cookies, of the first load, of routes, and of what a page
   * keeps beyond its address (drafts, tastes, a pause). Without a role it is always one.
   */
  own?: boolean;
}

/** Whose window serves a visit; null: a new one, for this visit alone. */
export function whoOf({ role, client, url, own }: VisitOptions, world: Console): string | null {
  if (!role || own) return null;
  const { identifier } = client ?? world.seed.client;
  return [url ?? world.url, role, role === "partner" && identifier].filter(Boolean).join(" ");
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
  readonly who: string | null;

  private constructor(page: Page, world: Console, url: string, who: string | null) {
    this.page = page;
    this.context = page.context();
    this.world = world;
    this.url = url;
    this.who = who;
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

  /** A new window, where the one of `wanted` is logged in. */
  static async begin(browser: Browser, world: Console, wanted: VisitOptions): Promise<Visit> {
    const { role, url = world.url } = wanted;
    const context = await browser.newContext({ baseURL: url, ignoreHTTPSErrors: true, reducedMotion: "reduce" });
    context.setDefaultTimeout(patience(10_000));
    await context.addInitScript(
      "window.blocked = []; addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => window.blocked.push(violatedDirective + ' ' + blockedURI));",
    );
    const visit = new Visit(await context.newPage(), world, url, whoOf(wanted, world));
    if (role) await visit.logIn(role, wanted.client);
    return visit;
  }

  /** What a visit begins with. */
  async enter({ width = 1280, height = 800, theme = "light", path }: VisitOptions): Promise<void> {
    await this.page.setViewportSize({ width, height });
    await this.page.emulateMedia({ colorScheme: theme });
    if (path !== undefined) await this.open(path);
  }

  /** Ends a visit: goes where nothing is read. Answers whether the window can serve another one: nothing is wrong or open in it. */
  async leave(): Promise<boolean> {
    const { page, who, faults, foreign } = this;
    if (who === null || faults.length + foreign.length > 0 || !page.url().startsWith(this.url)) return false;
    try {
      await page.evaluate("for (const close of document.querySelectorAll('.toast button')) close.click()");
      await page.goto("/#/nowhere");
      // Who leaves something that is not saved is asked.
      await page.locator("dialog[open], h1:text-is('There is no such page')").first().waitFor();
      const left = "dialog[open], .toast, button.age.paused, main.stale";
      return await page.evaluate<boolean>(`document.querySelector("${left}") === null`);
    } catch {
      return false;
    }
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
    const hash = path.replace(/^\/?#?/, "#");
    // The title of another page does not count. With the same path it is the same page.
    await this.page.evaluate(
      `if (location.hash.split("?")[0] !== ${JSON.stringify(hash.split("?")[0])}) for (const title of document.querySelectorAll("h1")) title.dataset.left = ""`,
    );
    await this.page.goto(`/${hash}`);
    await this.page.locator("h1:not([data-left])").first().waitFor();
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

  /** Nothing went wrong: no error of a script, nothing blocked, no request to another host. */
  async unharmed(): Promise<void> {
    const blocked = await this.page.evaluate<string[]>("window.blocked");
    expect({ faults: this.faults, blocked, foreign: this.foreign }).toEqual({ faults: [], blocked: [], foreign: [] });
  }

  /**
   * Nothing went wrong, and axe finds nothing, in both themes: in the dialog that is open, else in `part`, else on the whole page. What
   * axe takes grows with what it reads; a page that is judged as a whole once is judged by the part that changes afterwards.
   */
  async clean(part?: string): Promise<void> {
    await this.unharmed();
    await this.page.emulateMedia({ colorScheme: "light" });
    expect(await this.violations(part, "{}")).toEqual([]);
    // Of the rules only this one sees colours, and the others take as long again.
    await this.page.emulateMedia({ colorScheme: "dark" });
    expect(await this.violations(part, "{ runOnly: ['color-contrast'] }")).toEqual([]);
  }

  /** What axe finds. `options`: as axe takes them, in text. */
  private async violations(part: string | undefined, options: string): Promise<string[]> {
    if (!(await this.page.evaluate<boolean>("'axe' in window"))) await this.page.evaluate(axe);
    const place = `document.querySelector("dialog[open]") ?? ${part ? JSON.stringify(part) : "document"}`;
    const found = await this.page.evaluate<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
      `axe.run(${place}, { preload: false, resultTypes: ['violations'], ...${options} }).then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) })))`,
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

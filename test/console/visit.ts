/** What a person sees and does in one window of the browser. Each window has its own cookie, and its own list of errors. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { admin, type TestClient } from "../helpers/http.ts";
import { patience, until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import type { Console } from "./kit.ts";

/** The minified source of axe. Each page that axe judges has to read it. */
const axe = `${readFileSync(require.resolve("axe-core/axe.min.js"), "utf8")};0`;

export type Role = "viewer" | "operator" | "admin" | "partner";

type Theme = "light" | "dark";

export interface VisitOptions {
  /** Who logs in. Left out: nobody. */
  role?: Role;
  /** The partner who logs in. Left out: the client of the seed. */
  client?: TestClient;
  width?: number;
  height?: number;
  theme?: Theme;
  /** The path to open, such as `#/batches`. */
  path?: string;
  /** The URL of another node than the first. */
  url?: string;
  /**
   * Whether the test needs a window that no other test uses. Tests of cookies, of the first load and of routes need one, and so
   * do tests of what a page keeps outside its address (drafts, preferences, a pause). A visit without a role always has one.
   */
  own?: boolean;
}

/** Names the window that can serve a visit. Null: the visit needs a new window for itself. */
export function whoOf({ role, client, url, own }: VisitOptions, world: Console): string | null {
  if (!role || own) return null;
  const { identifier } = client ?? world.seed.client;
  return [url ?? world.url, role, role === "partner" && identifier].filter(Boolean).join(" ");
}

let operators = 0;

/** Creates an operator with this role, and answers its token. */
export async function tokenOf(url: string, role: Exclude<Role, "partner">): Promise<string> {
  if (role === "admin") return ADMIN_TOKEN;
  const body = JSON.stringify({ name: `${role}-${++operators}`, role });
  const response = await admin(url, "/operators", { method: "POST", body });
  return ((await response.json()) as { token: string }).token;
}

export class Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts, and what the browser has blocked. Answers of the API such as 404 do not count. */
  readonly faults: string[] = [];
  /** Requests to other hosts. */
  readonly foreign: string[] = [];
  private readonly world: Console;
  private readonly url: string;
  readonly who: string | null;
  private theme: Theme = "light";

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

  /** Opens a new window, and logs in as the role of `wanted`. */
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

  /** Sets the window's size and theme, and opens the first page. */
  async enter({ width = 1280, height = 800, theme = "light", path }: VisitOptions): Promise<void> {
    await this.page.setViewportSize({ width, height });
    await this.setTheme(theme);
    if (path !== undefined) await this.open(path);
  }

  private async setTheme(theme: Theme): Promise<void> {
    this.theme = theme;
    await this.page.emulateMedia({ colorScheme: theme });
  }

  /**
   * Ends a visit: opens a page that reads nothing. Answers whether the window can serve another visit, which it cannot after an
   * error or with an open dialog.
   */
  async leave(): Promise<boolean> {
    const { page, who, faults, foreign } = this;
    if (who === null || faults.length + foreign.length > 0 || !page.url().startsWith(this.url)) return false;
    try {
      await page.evaluate("for (const close of document.querySelectorAll('.toast button')) close.click()");
      await page.goto("/#/nowhere");
      // A page with unsaved changes opens a dialog that asks.
      await page.locator("dialog[open], h1:text-is('There is no such page')").first().waitFor();
      const left = "dialog[open], .toast, button.age.paused, main.stale";
      return await page.evaluate<boolean>(`document.querySelector("${left}") === null`);
    } catch {
      return false;
    }
  }

  /** Logs in through the API. The tests of shell.test.ts show how people log in. */
  async logIn(role: Role, client: TestClient = this.world.seed.client): Promise<void> {
    const { url } = this;
    const data =
      role === "partner"
        ? { clientIdentifier: client.identifier, secret: client.secret }
        : { token: await tokenOf(url, role) };
    const answer = await this.context.request.post("/session", { data, headers: { origin: url } });
    if (!answer.ok()) throw new Error(`POST /session: ${answer.status()} ${await answer.text()}`);
  }

  /** Opens a page, such as `#/batches`, or `/` if nobody is logged in. Waits until the page's title is shown. */
  async open(path: string): Promise<void> {
    const hash = path.replace(/^\/?#?/, "#");
    // Marks the title of the present page, so that only the title of the next page counts. If the path stays the same, so does
    // the title.
    await this.page.evaluate(
      `if (location.hash.split("?")[0] !== ${JSON.stringify(hash.split("?")[0])}) for (const title of document.querySelectorAll("h1")) title.dataset.left = ""`,
    );
    await this.page.goto(`/${hash}`);
    await this.page.locator("h1:not([data-left])").first().waitFor();
    await this.settled();
  }

  /** Drops a file on the page, as a person does with a mouse. */
  async drop(name: string, text: string | Buffer): Promise<void> {
    const base64 = Buffer.from(text).toString("base64");
    const dispatch = (event: "dragover" | "drop") =>
      this.page.evaluate<boolean>(`(() => {
        const bytes = Uint8Array.from(atob("${base64}"), (letter) => letter.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], ${JSON.stringify(name)}, { lastModified: 1 }));
        return dispatchEvent(new DragEvent("${event}", { dataTransfer, cancelable: true }));
      })()`);
    // As a browser does: a file is dropped only where the page says during the drag that it takes files.
    await until(async () => !(await dispatch("dragover")));
    await dispatch("drop");
  }

  /** Waits until nothing is loading. */
  async settled(): Promise<void> {
    // Playwright's `waitForFunction` would evaluate text in the page, which the page's content security policy forbids.
    await until(async () => (await this.page.locator(".loading").count()) === 0);
  }

  /** What the page shows, as text. */
  text(selector = "main"): Promise<string> {
    return this.page.locator(selector).first().innerText();
  }

  /** Checks that there was no error of a script, nothing was blocked, and no request went to another host. */
  async unharmed(): Promise<void> {
    const blocked = await this.page.evaluate<string[]>("window.blocked");
    expect({ faults: this.faults, blocked, foreign: this.foreign }).toEqual({ faults: [], blocked: [], foreign: [] });
  }

  /**
   * Checks that nothing went wrong and that axe finds nothing, in both themes: in the open dialog, else in `part`, else on the
   * whole page. The time that axe takes grows with the size of what it reads. So a test judges the whole page once, and later
   * only the part that has changed.
   */
  async clean(part?: string): Promise<void> {
    await this.unharmed();
    expect(await this.violations(part, "{}")).toEqual([]);
    // The other theme needs only this rule: the other rules do not depend on colours and take as much time again.
    await this.setTheme(this.theme === "light" ? "dark" : "light");
    expect(await this.violations(part, "{ runOnly: ['color-contrast'] }")).toEqual([]);
  }

  /** Runs axe and answers its findings. `options`: axe's options as the text of an object's members. */
  private async violations(part: string | undefined, options: string): Promise<string[]> {
    if (!(await this.page.evaluate<boolean>("'axe' in window"))) await this.page.evaluate(axe);
    const place = `document.querySelector("dialog[open]") ?? ${part ? JSON.stringify(part) : "document"}`;
    const found = await this.page.evaluate<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
      `axe.run(${place}, { preload: false, resultTypes: ['violations'], ...${options} }).then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) })))`,
    );
    return found.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}\n${node.failureSummary}`));
  }

  /** Takes a picture of the whole page if TEST_SHOTS names a folder. */
  async shoot(name: string): Promise<void> {
    const { TEST_SHOTS: folder } = process.env;
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }
}

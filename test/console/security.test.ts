/**
 * The promise: no page of another site can act for a person who is logged in, show the console in a frame, or run text in the
 * console.
 */
import { createServer as createPlain, type RequestListener, request, type Server } from "node:http";
import { createServer as createTls } from "node:https";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { newAuthority } from "../helpers/certificates.ts";
import { accepted, admin, batchWhen, newClient } from "../helpers/http.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { startConsole, type Visit } from "./kit.ts";

const world = startConsole();
const authority = newAuthority();
const servers: Server[] = [];

afterAll(async () => {
  authority.remove();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve).closeAllConnections())));
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A server for a test page. With `https` it has a certificate. */
const serverOf = (scheme: string, listener: RequestListener): Server =>
  scheme === "http"
    ? createPlain(listener)
    : createTls(authority.issue("DNS:console.test,DNS:other.console.test,DNS:evil.test"), listener);

/** A proxy that ends TLS, as deploy/nginx.conf does. */
const proxy: RequestListener = (asked, answer) => {
  const headers = { ...asked.headers, "x-forwarded-proto": "https" };
  const on = request(`${world.url}${asked.url}`, { method: asked.method, headers }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    response.pipe(answer);
  });
  answer.on("close", () => on.destroy());
  on.on("error", () => answer.destroy());
  asked.pipe(on);
};

const evilPage: RequestListener = (_, answer) =>
  answer.setHeader("content-type", "text/html").end("<!doctype html><title>Win a prize</title><p>Hello</p>");

/** The path and the status of each POST that the node has answered. */
const answered: [string, number][] = [];
beforeAll(() => {
  const { server } = world.system.broker.getLocalService("api") as unknown as { server: Server };
  server.prependListener("request", ({ method, url = "" }, response) => {
    if (method === "POST") response.on("finish", () => answered.push([url, response.statusCode]));
  });
});

/** Makes a page send every kind of POST that a browser allows to `target`. Answers the statuses of the node's answers. */
async function forged(page: Page, target: string, path: string, body: object): Promise<number[]> {
  answered.length = 0;
  const statuses = () => answered.flatMap(([url, status]) => (url === path ? [status] : []));
  const json = JSON.stringify(body);
  const call = (mode: string, type: string) =>
    `fetch(${JSON.stringify(target + path)}, { method: "POST", mode: "${mode}", credentials: "include", headers: { "content-type": "${type}" }, body: ${JSON.stringify(json)}, signal: AbortSignal.timeout(20000) }).then(() => "sent", () => "refused")`;
  await page.evaluate(call("no-cors", "text/plain"));
  expect(await page.evaluate(call("cors", "text/plain"))).toBe("refused");
  expect(await page.evaluate(call("cors", "application/json"))).toBe("refused");
  // The name and the value of the form's only field are the two halves of the JSON.
  const name = json.slice(0, -1);
  await page.evaluate(`(() => {
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", enctype: "text/plain", action: ${JSON.stringify(target + path)} });
    const field = document.createElement("input");
    Object.assign(field, { name: ${JSON.stringify(`${name},"x":"`)}, value: '"}' });
    form.append(field);
    document.body.append(form);
    // Not before the browser has answered this call: the page goes away with it.
    setTimeout(() => form.submit());
  })()`);
  await page.waitForURL(target + path);
  // A browser may send nothing at all for a call with CORS.
  await until(
    () => statuses().length >= 2,
    () => `two answers: ${JSON.stringify(answered)}`,
    10_000,
  );
  return statuses();
}

async function changes(): Promise<number> {
  const { items } = (await (await admin(world.url, "/audit?limit=200")).json()) as { items: { action: string }[] };
  return items.filter(({ action }) => !action.startsWith("login")).length;
}

describe.each(["http", "https"])("over %s", (scheme) => {
  let target: string;
  /**
   * Where attacking pages come from: `sibling` is another origin of the same site, so browsers send the cookie to the node;
   * `stranger` is another site.
   */
  let evil: Record<"sibling" | "stranger", string>;

  beforeAll(async () => {
    const port = scheme === "http" ? Number(new URL(world.url).port) : await listening(serverOf(scheme, proxy));
    const evilPort = await listening(serverOf(scheme, evilPage));
    target = `${scheme}://console.test:${port}`;
    evil = {
      sibling: `${scheme}://other.console.test:${evilPort}`,
      stranger: `${scheme}://evil.test:${evilPort}`,
    };
  });

  test("the console works, a cookie from a login over TLS is sent over TLS only, and no other origin can act with it", async () => {
    const visit = await world.visit({ url: target, path: "/" });
    const { page, context } = visit;
    await page.getByLabel("Token").fill(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.locator("button.age.live").waitFor();
    expect(await context.cookies()).toMatchObject([
      {
        name: "dataflow_session",
        secure: scheme === "https",
        httpOnly: true,
        sameSite: "Strict",
        domain: "console.test",
      },
    ]);
    await page.goto(`${target}/#/nodes`);
    await page.getByRole("button", { name: "Empty caches" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Empty caches" }).click();
    await page.getByText("The caches of all nodes are empty.").waitFor();
    const before = await changes();
    for (const [who, origin] of Object.entries(evil)) {
      for (const [path, body] of [
        ["/admin/operators", { name: "mallory", role: "admin" }],
        ["/session", { token: ADMIN_TOKEN }],
      ] as const) {
        const other = await context.newPage();
        await other.goto(origin);
        const statuses = await forged(other, target, path, body);
        // The browser sends no cookie with a stranger's call, so the node sees no login.
        const refusal = who === "stranger" && path !== "/session" ? 401 : 403;
        expect([who, path, [...new Set(statuses)]]).toEqual([who, path, [refusal]]);
      }
    }
    expect(await changes()).toBe(before);
    expect(await context.cookies()).toHaveLength(1);
    // Over plain HTTP the browser reports that it ignores this header.
    const faults = visit.faults.filter((text) => !/Cross-Origin-Opener-Policy header has been ignored/.test(text));
    expect([faults, await page.evaluate("window.blocked"), visit.foreign]).toEqual([[], [], []]);
  });

  test("no other page can show the console in a frame, not even one of the same site", async () => {
    const visit = await world.visit({ url: evil.sibling });
    const { page } = visit;
    await page.goto("/");
    const framed = async (url: string) => {
      await page.evaluate(`(() => {
        const frame = document.createElement("iframe");
        frame.src = ${JSON.stringify(url)};
        document.body.replaceChildren(frame);
        return new Promise((resolve) => (frame.onload = resolve));
      })()`);
      return page.frames().at(-1)?.locator("body").innerText();
    };
    // First shows that a frame's text can be read at all, so that an empty frame below proves a refusal.
    expect(await framed("data:text/html,DataFlow unauthenticated")).toBe("DataFlow unauthenticated");
    for (const path of ["/", "/docs", "/admin/stats"])
      expect([path, await framed(target + path)]).toEqual([
        path,
        expect.not.stringMatching(/DataFlow|unauthenticated|Credentials/),
      ]);
  });
});

/** Hostile text: markup, an escape sequence of browsers, a mark that reverses the order of letters, and control characters. */
const markup =
  '<x-hacked></x-hacked><script>window.hacked=1</script><img src=x onerror="window.hacked=1">\u202Egnp.exe"&amp;';
const nasty = `${markup}\u0007\u0000`;

test("markup, bidi marks and control characters in names and values are text on every page", async () => {
  const schema = {
    type: "object",
    properties: { "<x-hacked>amount</x-hacked>\u202E": { type: "number" } },
    description: markup,
  };
  const named = { identifier: `nasty-${process.pid}`, name: markup };
  const webhook = { url: "http://127.0.0.1:1/hook", events: ["batch.completed"] };
  const client = await newClient(world.url, { schema, webhook }, named);
  const body = `${JSON.stringify({ "<x-hacked>amount</x-hacked>\u202E": nasty })}\n${JSON.stringify({ [nasty]: nasty })}`;
  const { id } = await accepted(world.url, client, body);
  await batchWhen(world.url, client, id);
  const put = await admin(world.url, "/datasets/nasty", {
    method: "PUT",
    body: JSON.stringify({ description: markup }),
  });
  const granted = await admin(world.url, `/clients/${client.id}/datasets/nasty`, { method: "PUT", body: "{}" });
  const paused = await admin(world.url, `/clients/${client.id}/pause`, {
    method: "POST",
    body: JSON.stringify({ reason: markup }),
  });
  expect([put.ok, granted.ok, paused.ok]).toEqual([true, true, true]);
  const delivery = await until(async () => {
    const { items } = (await (await admin(world.url, `/deliveries?batch=${id}`)).json()) as { items: { id: string }[] };
    return items[0]?.id;
  });
  const things: Record<string, string> = { batches: id, clients: client.id, deliveries: delivery, datasets: "nasty" };

  const seen = new Set<string>();
  for (const side of ["operator", "partner"] as const) {
    const visit = await world.visit({ role: side === "operator" ? "admin" : "partner", client, path: "#/" });
    for (const path of await pathsOf(visit, side)) {
      const there = path.replace(/^\/(\w+)\/:\w+/, (_, group) => `/${group}/${things[group]}`);
      if (there.includes(":")) continue;
      await visit.open(`#${there}`);
      seen.add(`${side} ${path}`);
      expect([
        path,
        await visit.page.evaluate(
          "[window.hacked ?? 0, document.scripts.length, document.querySelectorAll('x-hacked, img[src=x]').length]",
        ),
      ]).toEqual([path, [0, 2, 0]]);
      expect([path, visit.faults, await visit.page.evaluate("window.blocked"), visit.foreign]).toEqual([
        path,
        [],
        [],
        [],
      ]);
    }
  }
  expect([...seen]).toEqual(
    expect.arrayContaining(["operator /", "operator /audit", "operator /deliveries/:id", "partner /"]),
  );
});

test("a link cannot put text into the commands that people copy into a shell", async () => {
  const path = `#/developers?dataset=${encodeURIComponent('";reboot;"')}`;
  const visit = await world.visit({ role: "partner", path });
  expect(await visit.text()).toContain("curl");
  expect(await visit.text()).not.toContain("reboot");
});

/** The paths of all pages, as the console itself lists them. */
const pathsOf = ({ page }: Visit, side: string) =>
  page.evaluate<string[]>(
    `import(document.querySelector("script[type=module]").src.replace("main.js", "pages/index.js")).then(({ pages }) => pages.filter((page) => page.side === "${side}").map(({ path }) => path))`,
  );

test("a name cannot look like another one: characters that reverse the order of letters are shown", async () => {
  const name = "Acme \u202egpj.\u2066exe";
  const { id } = await newClient(world.url, {}, { identifier: "turning-around", name });
  const visit = await world.visit({ role: "viewer", path: "#/clients?q=turning-around" });
  const { page } = visit;
  await page.locator("tbody tr", { hasText: "Acme \\u202egpj.\\u2066exe" }).waitFor();
  await visit.open(`#/clients/${id}`);
  expect(await visit.text()).toContain("\\u202egpj.");
  expect(await page.evaluate<boolean>(`/[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText)`)).toBe(false);
  await visit.unharmed();
});

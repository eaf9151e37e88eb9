/** The promise: `GET /docs` shows the OpenAPI document only with files of this node, and serves no other file. */
import { runInNewContext } from "node:vm";
import { type System, startSystem } from "../helpers/system.ts";
import { guideTests } from "./docs.guide.suite.ts";

let system: System;

describe("the guide", () => guideTests(() => system.url));

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

const get = (path: string, init: RequestInit = {}) => fetch(`${system.url}${path}`, { redirect: "manual", ...init });

/** The URLs that a page refers to, as a browser resolves them. */
async function references(): Promise<{ page: Response; urls: URL[]; html: string }> {
  const page = await get("/docs");
  const html = await page.text();
  const urls = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, to = ""]) => new URL(to, page.url));
  return { page, html, urls };
}

test("every file that /docs refers to is served by this node, with its type", async () => {
  const { page, urls } = await references();
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  const answers = await Promise.all(urls.map((url) => fetch(url)));
  const found = urls.map((url, index) => [
    url.origin,
    url.pathname,
    answers[index]?.status,
    answers[index]?.headers.get("content-type")?.split(";")[0],
  ]);
  expect(found).toEqual([
    [system.url, "/docs/favicon-32x32.png", 200, "image/png"],
    [system.url, "/docs/swagger-ui.css", 200, "text/css"],
    [system.url, "/openapi.json", 200, "application/json"],
    [system.url, "/docs/swagger-ui-bundle.js", 200, "text/javascript"],
    [system.url, "/docs/api.docs.js", 200, "text/javascript"],
  ]);
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  expect(Math.min(...bodies.map((body) => body.length))).toBeGreaterThan(100);
  const css = bodies[1] as string;
  expect([...css.matchAll(/url\((?!["']?data:)[^)]*\)|@import[^;]*/g)].map(String)).toEqual([]);
});

test("the page's policy allows nothing from other hosts and no inline script", async () => {
  const { page, html } = await references();
  const policy = page.headers.get("content-security-policy")?.split("; ");
  expect(policy).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
  expect(html).not.toMatch(/<script>|<style|style=|\son\w+=/);
  expect(page.headers.get("x-content-type-options")).toBe("nosniff");
});

test("the viewer loads our document, and no online validator", async () => {
  const calls: object[] = [];
  const script = await (await get("/docs/api.docs.js")).text();
  runInNewContext(script, { SwaggerUIBundle: (options: object) => calls.push(options) });
  expect(calls).toEqual([expect.objectContaining({ url: "openapi.json", dom_id: "#api", validatorUrl: null })]);
  expect(await (await get("/docs")).text()).toContain('id="api"');
});

test("/docs/ redirects to /docs, where relative links work", async () => {
  const response = await get("/docs/");
  expect(response.status).toBe(308);
  expect(new URL(response.headers.get("location") as string, response.url).href).toBe(`${system.url}/docs`);
});

test("files are cached for an hour, and sent compressed, whole, or as 304", async () => {
  const path = "/docs/swagger-ui.css";
  const whole = await get(path, { headers: { "accept-encoding": "identity" } });
  const text = await whole.text();
  const packed = await get(path, { headers: { "accept-encoding": "gzip" } });
  expect([whole.headers.get("content-encoding"), packed.headers.get("content-encoding")]).toEqual([null, "gzip"]);
  expect(Number(packed.headers.get("content-length"))).toBeLessThan(text.length / 3);
  expect(await packed.text()).toBe(text);
  expect(whole.headers.get("cache-control")).toBe("public, max-age=3600");
  const never = await get(path, { headers: { "accept-encoding": "gzip;q=0" } });
  expect(never.headers.get("content-encoding")).toBeNull();
  // A large body that nobody reads would keep its connection and the process open.
  expect(await never.text()).toBe(text);
  const head = await get(path, { method: "HEAD", headers: { "accept-encoding": "identity" } });
  expect([head.status, await head.text(), head.headers.get("etag")]).toEqual([200, "", whole.headers.get("etag")]);
});

test.each(["/docs", "/docs/swagger-ui.css", "/openapi.json"])(
  "%s has another tag compressed than plain",
  async (path) => {
    const as = async (encoding: string, known = "") => {
      const response = await get(path, {
        headers: { "accept-encoding": encoding, ...(known && { "if-none-match": known }) },
      });
      const { headers } = response;
      await response.arrayBuffer();
      return { status: response.status, tag: headers.get("etag") as string, vary: headers.get("vary") };
    };
    const plain = await as("identity");
    const packed = await as("gzip");
    expect(packed.tag).toMatch(/^"[^"]+"$/);
    expect(packed.tag).not.toBe(plain.tag);
    for (const [encoding, { tag }] of [["identity", plain] as const, ["gzip", packed] as const])
      for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"])
        expect(await as(encoding, known)).toEqual({ status: 304, tag, vary: "Accept-Encoding" });
    // The tag of the compressed form counts, because that form would be sent.
    expect(await as("gzip", plain.tag)).toMatchObject({ status: 200, tag: packed.tag });
    expect(await as("identity", packed.tag)).toMatchObject({ status: 200, tag: plain.tag });
  },
);

test.each([
  ["gzip", "gzip"],
  ["*", "gzip"],
  ["br, gzip;q=0.2", "gzip"],
  ["GZIP", "gzip"],
  ["gzip;q=0", null],
  ["gzip;q=0.000, *", null],
  ["identity, gzip;q=0.5", null],
  ["*;q=0", null],
  ["notgzip", null],
  ["", null],
])("Accept-Encoding: %s is answered as %s", async (accepted, sent) => {
  const response = await get("/docs", { headers: { "accept-encoding": accepted } });
  expect(response.headers.get("content-encoding")).toBe(sent);
  expect(await response.text()).toContain("<!doctype html>");
});

test.each([
  "/docs/nothing.js",
  "/docs/api.docs.html",
  "/docs/package.json",
  "/docs/..%2fapi.service.ts",
  "/docs/%2e%2e/%2e%2e/package.json",
  "/docs/..%5c..%5cpackage.json",
  "/docs/%2fetc%2fpasswd",
  "/docs/swagger-ui.css%00",
  "/docs/__proto__",
  "/docs/constructor",
  "/docs/swagger-ui.css/more",
])("%s is not found", async (path) => {
  const response = await get(path);
  expect(response.status).toBe(404);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
});

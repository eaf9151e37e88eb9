/** The promise: no cache stores an answer with a secret, and a long answer is compressed for clients that accept that. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { openApi } from "../../services/api/openapi/document.ts";
import { newClient } from "../helpers/http.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { asAdmin, asked, bearer, newOperator, startOperators, system } from "./operators.kit.ts";

startOperators();

describe("an answer with a secret", () => {
  const webhook = { url: "https://receiver.example/hooks" };

  test("is stored nowhere", async () => {
    const client = await newClient(system.url);
    const { name } = await newOperator("viewer");
    const clients = `/clients/${client.id}`;
    const shown = {
      own: await asked("POST", "/account/rotate-secret", { authorization: client.auth }),
      client: await asAdmin("POST", "/clients", { clientIdentifier: "kept-nowhere", name: "x", policy: { webhook } }),
      key: await asAdmin("POST", `${clients}/keys`, { name: "nightly" }),
      webhook: await asAdmin("PATCH", `${clients}/policy`, { webhook }),
      webhookAgain: await asAdmin("POST", `${clients}/rotate-webhook-secret`),
      secret: await asAdmin("POST", `${clients}/rotate-secret`),
      operator: await asAdmin("POST", "/operators", { name: `${name}-2`, role: "viewer" }),
      token: await asAdmin("POST", `/operators/${name}/rotate`),
    };
    for (const [what, { headers, body }] of Object.entries(shown)) {
      expect([what, JSON.stringify(body)]).toEqual([what, expect.stringMatching(/"(secret|token)":"/)]);
      expect([what, headers.get("cache-control")]).toEqual([what, "no-store"]);
    }
    expect((await asAdmin("GET", `${clients}/policy`)).headers.get("cache-control")).toBeNull();
  });

  test("is documented so, wherever one is", () => {
    const document = openApi();
    const schemas = document.components.schemas as Record<string, unknown>;
    const text = (value: unknown) =>
      JSON.stringify(value).replace(/"#\/components\/schemas\/(\w+)"/g, (_all, name) => JSON.stringify(schemas[name]));
    const answers = Object.entries(document.paths).flatMap(([path, calls]) =>
      Object.entries(calls as Record<string, { responses: Record<string, { headers?: object; content?: unknown }> }>)
        .flatMap(([method, { responses }]) =>
          Object.entries(responses).map(([status, answer]) => ({ name: `${method} ${path} ${status}`, ...answer })),
        )
        .filter(({ content }) => content !== undefined && /hown in this answer only/.test(text(content))),
    );
    expect(answers.length).toBeGreaterThan(5);
    for (const { name, headers = {} } of answers) expect([name, "Cache-Control" in headers]).toEqual([name, true]);
  });
});

describe("a long answer", () => {
  interface Sent {
    headers: IncomingMessage["headers"];
    bytes: Buffer;
  }

  /** Reads the answer's raw bytes, because `fetch` would decompress them. */
  async function wire(
    path: string,
    encoding: string | null,
    { method = "GET", body }: { method?: string; body?: object } = {},
  ): Promise<Sent> {
    const headers = { ...bearer(ADMIN_TOKEN), ...(encoding !== null && { "accept-encoding": encoding }) };
    const sent = request(`${system.url}/admin${path}`, {
      method,
      headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    });
    sent.end(body && JSON.stringify(body));
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return { headers: response.headers, bytes: await buffer(response) };
  }

  beforeAll(async () => {
    for (let i = 0; i < 20; i++) await newOperator("viewer");
  });

  test("is packed for who takes gzip, and is the same", async () => {
    const plain = await wire("/operators", null);
    expect(plain.headers).toMatchObject({ vary: "Accept-Encoding", "content-length": `${plain.bytes.length}` });
    expect(plain.headers["content-encoding"]).toBeUndefined();
    for (const encoding of ["gzip", "gzip, deflate, br, zstd", "*"]) {
      const { headers, bytes } = await wire("/operators", encoding);
      expect(headers).toMatchObject({
        vary: "Accept-Encoding",
        "content-encoding": "gzip",
        "content-type": "application/json; charset=utf-8",
        "content-length": `${bytes.length}`,
      });
      expect(bytes.length).toBeLessThan(plain.bytes.length / 3);
      expect(gunzipSync(bytes).equals(plain.bytes)).toBe(true);
    }
    for (const encoding of ["identity", "br", "gzip;q=0", ""])
      expect((await wire("/operators", encoding)).bytes).toEqual(plain.bytes);
  });

  test("has the same head for HEAD", async () => {
    const [get, head] = [await wire("/operators", "gzip"), await wire("/operators", "gzip", { method: "HEAD" })];
    for (const name of ["content-encoding", "content-length", "content-type", "vary"])
      expect([name, head.headers[name]]).toEqual([name, get.headers[name]]);
    expect(head.bytes).toHaveLength(0);
  });

  test("says all that it depends on", async () => {
    expect((await wire("/audit", "gzip")).headers).toMatchObject({
      vary: "Accept, Accept-Encoding",
      "content-encoding": "gzip",
    });
  });

  test("is not touched where it is short, has a secret, or has a tag", async () => {
    const short = await wire("/operators?limit=1", "gzip");
    expect([short.headers["content-encoding"], short.headers.vary]).toEqual([undefined, undefined]);
    const client = await newClient(system.url, { schema: { description: "x".repeat(3_000) } });
    const policy = await wire(`/clients/${client.id}/policy`, "gzip");
    expect(policy.bytes.length).toBeGreaterThan(3_000);
    expect([policy.headers["content-encoding"], policy.headers.etag]).toEqual([undefined, '"1"']);
    const webhook = { url: `https://receiver.example/${"x".repeat(1_500)}` };
    const body = { clientIdentifier: "long-answer", name: "x", policy: { webhook } };
    const secret = await wire("/clients", "gzip", { method: "POST", body });
    expect(secret.bytes.length).toBeGreaterThan(1_500);
    expect(secret.headers["content-encoding"]).toBeUndefined();
    expect(secret.bytes.toString()).toContain('"secret":"');
  });
});

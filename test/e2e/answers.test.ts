/** The promise: no cache keeps an answer with a secret, and a long answer is sent packed to whoever takes that. */
import { openApi } from "../../services/api/openapi/document.ts";
import { newClient } from "../helpers/http.ts";
import { asAdmin, asked, newOperator, startOperators, system } from "./operators.kit.ts";

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

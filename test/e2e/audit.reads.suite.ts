/** The promise: no GET changes anything. The test calls all of them and compares the database before and after. */
import { tableNames } from "../../database/schema/names.ts";
import { accepted, batchWhen, newClient, type TestClient } from "../helpers/http.ts";
import { type Operation, operations } from "../helpers/openapi.ts";
import { until } from "../helpers/patience.ts";
import { ADMIN_TOKEN } from "../helpers/system.ts";
import { asked, databaseOf, system } from "./audit.kit.ts";

type Login = { authorization: string } | { cookie: string };

/**
 * These tables change by themselves or because of the request: locks of pings, pending events, figures of nodes, uses of clients
 * and keys.
 */
const moving = ["batch_lock", "clock_doubt", "outbox", "stat_minute", "stat_hour", "client_usage", "client_key_use"];

export function readsChangeNothing(): void {
  describe("no GET changes anything", () => {
    let client: TestClient;
    let ids: Record<string, string>;

    beforeAll(async () => {
      const webhook = { url: "https://receiver.example/hook", events: ["batch.completed"] };
      client = await newClient(system.url, { schema: { properties: { n: { type: "integer" } } }, webhook });
      const { id } = await accepted(system.url, client, '{"n":1}\n{"n":"x"}');
      await batchWhen(system.url, client, id);
      await asked("PUT", "/datasets/reads", { description: "A" });
      await asked("PUT", `/clients/${client.id}/datasets/reads`, {});
      await asked("POST", "/operators", { name: "reads", role: "viewer" });
      const key = await asked("POST", `/clients/${client.id}/keys`, { name: "reads" });
      const erasure = await asked("POST", "/erasures", { dataset: "reads", where: { email: "a@b.example" } });
      const deliveries = await until(async () => {
        const { items } = (await asked("GET", `/deliveries?batch=${id}`)).body;
        return items.length > 0 && items;
      });
      // A delivery that is tried again would change by itself.
      const path = `/deliveries/${deliveries[0].id}`;
      await asked("PATCH", `/clients/${client.id}/policy`, { webhook: { events: ["batch.held"] } });
      await asked("POST", `${path}/replay`);
      await until(async () => (await asked("GET", path)).body.status === "failed");
      ids = {
        batches: id,
        imports: id,
        clients: client.id,
        deliveries: deliveries[0].id,
        erasures: erasure.body.id,
        datasets: "reads",
        operators: "reads",
        key: key.body.id,
      };
      await until(async () => (await asked("GET", `/erasures/${ids.erasures}`)).body.status === "done");
    });

    /** All rows that a read might change. */
    async function contents(): Promise<Record<string, string>> {
      const { sequelize } = databaseOf();
      const tables = tableNames.filter((name) => !moving.includes(name));
      const dumped = await Promise.all(
        tables.map(
          async (name) => [name, JSON.stringify((await sequelize.query(`SELECT * FROM "${name}"`))[0])] as const,
        ),
      );
      return Object.fromEntries(dumped);
    }

    const pathOf = ({ path }: Operation) => {
      const group = path.replace(/^\/admin/, "").split("/")[1] as string;
      return path
        .replace(/\{(id|name)\}/, (_, what) => ids[group] ?? `no-${what}`)
        .replace("{name}", "reads")
        .replace("{keyId}", ids.key as string);
    };

    async function read(operation: Operation, headers: Login): Promise<number> {
      const ending = new AbortController();
      const response = await fetch(`${system.url}${pathOf(operation)}`, { headers, signal: ending.signal });
      // Some event streams never end.
      if (response.headers.get("content-type")?.startsWith("text/event-stream")) ending.abort();
      await response.arrayBuffer().catch(() => undefined);
      return response.status;
    }

    test("by tokens and by sessions", async () => {
      const login = async (body: object) => {
        const headers = { "content-type": "application/json", origin: system.url };
        const answer = await fetch(`${system.url}/session`, { method: "POST", headers, body: JSON.stringify(body) });
        return { cookie: answer.headers.getSetCookie()[0]?.split(";")[0] as string };
      };
      const operator: Login[] = [{ authorization: `Bearer ${ADMIN_TOKEN}` }, await login({ token: ADMIN_TOKEN })];
      const partner: Login[] = [
        { authorization: client.auth },
        await login({ clientIdentifier: client.identifier, secret: client.secret }),
      ];
      const gets = operations.filter(({ method }) => method === "GET");
      const before = await contents();
      const counts = { found: 0, all: 0 };
      for (const operation of gets)
        for (const headers of operation.path.startsWith("/admin") ? operator : partner) {
          const status = await read(operation, headers);
          counts.all++;
          if (status < 300) counts.found++;
          const isRefused =
            [401, 403].includes(status) && !(operation.path === "/session" && "authorization" in headers);
          expect([operation.path, status < 500, isRefused]).toEqual([operation.path, true, false]);
        }
      // Some calls are answered 404, because no file or node has the name.
      expect(counts.found).toBeGreaterThan(counts.all * 0.85);
      const after = await contents();
      expect(Object.keys(before).filter((name) => before[name] !== after[name])).toEqual([]);
      expect(Object.keys(before)).toEqual(expect.arrayContaining(["audit", "batch", "client", "operator", "policy"]));
    });
  });
}

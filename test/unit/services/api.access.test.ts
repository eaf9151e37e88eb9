import { ServiceBroker } from "moleculer";
import { loadConfig } from "../../../config/config.ts";
import { writeLines } from "../../../lib/log/lines.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import { type AccessLog, accessLogOf } from "../../../services/api/http/access.ts";
import type { ApiRequest } from "../../../services/api/http/head.ts";

const written: string[] = [];
beforeEach(() => {
  written.length = 0;
  jest.spyOn(console, "log").mockImplementation((text) => void written.push(text));
});
afterEach(() => jest.restoreAllMocks());

function logOf(env: Record<string, string>) {
  const broker = new ServiceBroker(brokerOptions(loadConfig({ ADMIN_TOKEN: "x".repeat(24), ...env })));
  return accessLogOf(broker);
}

/** Logs a request that has ended in this way. */
function ended(log: AccessLog | null, req: object, how: object): void {
  const socket = { bytesRead: 10, bytesWritten: 20, remoteAddress: "::ffff:192.0.2.1" };
  const request = { method: "GET", headers: {}, socket, $params: {}, ...req };
  log?.ended(request as unknown as ApiRequest, { route: "/imports", status: 200, isCut: false, ms: 1, ...how });
}

test.each<Record<string, string>>([{ ACCESS_LOG: "false" }, { LOG_LEVEL: "warn" }])("with %j there is none", (env) => {
  expect(logOf(env)).toBeNull();
});

test("lines are written together, at once at the end of the process or of the node", () => {
  const log = logOf({ LOG_FORMAT: "json" });
  written.length = 0;
  for (const status of [200, 503]) ended(log, {}, { route: "/health/ready", status });
  ended(log, { $params: { id: "x\u001b[2J" } }, { route: "/imports/:id", isCut: true });
  expect(written).toEqual([]);
  writeLines();
  expect(written).toHaveLength(1);
  const lines = written[0]?.split("\n").map((line) => JSON.parse(line)) ?? [];
  expect(lines).toMatchObject([
    { route: "/health/ready", status: 503, address: "192.0.2.1", bytesIn: 10, bytesOut: 20 },
    { route: "/imports/:id", status: 200, aborted: true },
  ]);
  expect(lines[1]).not.toHaveProperty("batchId");
});

test("people read the same values behind the text, and no value passes for another one", () => {
  const log = logOf({ LOG_FORMAT: "pretty" });
  written.length = 0;
  const caller = { client: { identifier: 'a" client=b\u001b[2J' } };
  ended(log, { caller }, { status: null });
  writeLines();
  expect(written[0]).toContain("GET /imports (no answer) ");
  expect(written[0]).toContain(
    ' client="a\\" client=b\\u001b[2J" method=GET route=/imports bytesIn=10 bytesOut=20 ms=',
  );
});

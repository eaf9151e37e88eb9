import type { Server } from "node:http";
import { type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import { loadConfig } from "../../../config/config.ts";
import { Problem, type ProblemCode, problems } from "../../../lib/errors.ts";
import { brokerOptions } from "../../../moleculer.config.ts";
import api from "../../../services/api/api.service.ts";
import type { Client } from "../../../services/clientCache/clientCache.contract.ts";
import { defaultPolicy } from "../../../services/policy/policy.document.ts";
import { until } from "../../helpers/patience.ts";
import type { System } from "../../helpers/system.ts";
import { standIn, startNode } from "../contracts/kit.ts";

/** The api with partners that the test controls. */
const client = { id: 1, publicId: "acme-id", identifier: "acme", status: "active" } as Client;
let recognise: () => unknown;
let consume: () => unknown;
let list: () => unknown;
let ping: () => unknown;
let pingRedis: () => unknown;
let pingRabbit: () => unknown;
const asked: unknown[] = [];

const spent = { limit: 600, windowSeconds: 60, retryAfterSeconds: 0 };
const partners: ServiceSchema[] = [
  standIn("clientCache", { recognise: () => recognise() }),
  standIn("policy", { get: () => ({ version: 0, policy: defaultPolicy }) }),
  standIn("rateLimiter", {
    consume(ctx) {
      asked.push(ctx.params);
      return consume();
    },
    ping: () => pingRedis(),
  }),
  standIn("batch", {
    find: async () => ({ batches: await list(), next: null }),
    get: () => {
      throw new Error("broken");
    },
    ping: () => ping(),
  }),
  standIn("outbox", { ping: () => pingRabbit() }),
];

let system: System;
beforeAll(async () => {
  system = await startNode({ services: ["api"], env: { LOG_LEVEL: "fatal" }, extra: partners });
});
afterAll(() => system.stop());
beforeEach(() => {
  asked.length = 0;
  recognise = () => client;
  consume = () => ({ ...spent, allowed: true, remaining: 599, resetSeconds: 42 });
  list = () => [];
  ping = () => 1;
  pingRedis = () => null;
  pingRabbit = () => null;
});

const basic = { authorization: `Basic ${Buffer.from("acme:secret").toString("base64")}`, connection: "close" };
const get = (path = "/imports", node = system) => fetch(`${node.url}${path}`, { headers: basic });

/** Collects what the api logs as an error from now on. */
function errorsLogged(): () => unknown[][] {
  const { logger } = system.broker.getLocalService("api") as Service;
  const spy = jest.spyOn(logger, "error");
  return () => {
    const { calls } = spy.mock;
    spy.mockRestore();
    return calls;
  };
}

async function refused(response: Response, code: ProblemCode) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as Record<string, unknown>;
  const { status, title } = problems[code];
  expect({ ...body, answered: response.status }).toMatchObject({ code, status, title, answered: status });
  return body;
}

describe("a request of a client", () => {
  test("a request is spent once, by the policy's rate, and shown in the headers", async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(asked).toEqual([{ clientId: "acme-id", limit: 600, windowSeconds: 60 }]);
    expect(response.headers.get("RateLimit-Policy")).toBe('"requests";q=600;w=60');
    expect(response.headers.get("RateLimit")).toBe('"requests";r=599;t=42');
  });

  test("a request beyond the rate is refused; Retry-After covers the window and the limiter's own time", async () => {
    const wait = async (resetSeconds: number, retryAfterSeconds: number) => {
      consume = () => ({ ...spent, allowed: false, remaining: 0, resetSeconds, retryAfterSeconds });
      const response = await get();
      const body = await refused(response, "quota-exceeded");
      expect(body).toMatchObject({
        type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "violated-policies": ["requests"],
      });
      expect(response.headers.get("RateLimit")).toBe(`"requests";r=0;t=${resetSeconds}`);
      return response.headers.get("Retry-After");
    };
    expect([await wait(42, 7), await wait(7, 42)]).toEqual(["42", "42"]);
  });

  test("a request without a login, or of a disabled client, spends nothing", async () => {
    recognise = () => null;
    const response = await get();
    await refused(response, "unauthenticated");
    expect(response.headers.get("WWW-Authenticate")).toContain("Basic");
    recognise = () => ({ ...client, status: "disabled" });
    await refused(await get(), "client-disabled");
    expect(asked).toEqual([]);
  });
});

describe("a failing service", () => {
  test("that throws a problem is answered with that problem, its members and headers", async () => {
    list = () => {
      throw new Problem("unavailable", "The database is away.", { headers: { "Retry-After": "5" }, limit: 3 });
    };
    const logged = errorsLogged();
    const response = await get();
    expect(logged()).toEqual([]);
    expect(await refused(response, "unavailable")).toMatchObject({
      type: "urn:dataflow:problem:unavailable",
      detail: "The database is away.",
      limit: 3,
    });
    expect(response.headers.get("Retry-After")).toBe("5");
  });

  test("that throws an unexpected error is answered without details", async () => {
    list = () => {
      throw new Error("SELECT secret FROM /work/data.db");
    };
    const logged = errorsLogged();
    expect(JSON.stringify(await refused(await get(), "internal"))).not.toMatch(/SELECT|work|Error|stack/);
    expect(logged()).toEqual([["Request failed:", expect.any(Error), { values: { requestId: expect.any(String) } }]]);
  });

  test("that throws an unexpected error about a batch has it in its line", async () => {
    const logged = errorsLogged();
    const batchId = "01936b2e-7cd9-7e0b-9a53-0d6a3f7f9a10";
    await refused(await get(`/imports/${batchId}`), "internal");
    expect(logged()).toEqual([
      ["Request failed:", expect.any(Error), { values: { requestId: expect.any(String), batchId } }],
    ]);
  });

  test("that is gone is answered with 503", async () => {
    const node = await startNode({ services: ["api"], env: { LOG_LEVEL: "fatal" }, extra: partners });
    await node.broker.destroyService(node.broker.getLocalService("rateLimiter") as Service);
    const response = await get("/imports", node);
    await refused(response, "unavailable");
    expect(response.headers.get("Retry-After")).toBe("5");
    await node.stop();
  });
});

type Ready = { status: string; checks: Record<string, unknown> };

/** Waits for an answer that is as wanted, because an answer may be up to a second old. */
async function readyOnce(isWanted: (ready: Ready) => boolean): Promise<[code: number, ready: Ready]> {
  let found: [number, Ready] = [0, { status: "", checks: {} }];
  await until(async () => {
    const response = await get("/health/ready");
    found = [response.status, (await response.json()) as Ready];
    return isWanted(found[1]);
  });
  return found;
}

test("readiness checks within a second share one database check", async () => {
  let asked = 0;
  ping = () => ++asked;
  await readyOnce(() => asked > 0);
  const began = performance.now();
  const answers = await Promise.all(Array.from({ length: 50 }, () => get("/health/ready").then((res) => res.json())));
  const seconds = (performance.now() - began) / 1_000;
  for (const answer of answers) expect(answer).toMatchObject({ checks: { database: { status: "up" } } });
  // The first check may have been made just before the requests.
  expect(asked).toBeLessThanOrEqual(1 + Math.ceil(seconds));
});

test("/health/ready shows whether the database answers, /health/live only the process", async () => {
  expect(await readyOnce(({ status }) => status === "ok")).toEqual([
    200,
    {
      status: "ok",
      checks: { database: { status: "up", latencyMs: expect.any(Number) }, redis: "off", rabbitmq: "off" },
    },
  ]);
  ping = () => {
    throw new Error("away");
  };
  expect(await readyOnce(({ status }) => status === "unavailable")).toMatchObject([
    503,
    { checks: { database: { status: "down" } } },
  ]);
  expect((await get("/health/live")).status).toBe(200);
});

test("ready is degraded while Redis or RabbitMQ is away, and still ready", async () => {
  const [up, down] = [{ status: "up", latencyMs: 2.35 }, { status: "down" }];
  const readyWith = async (redis: () => unknown, rabbit: () => unknown, wanted: unknown[]) => {
    [pingRedis, pingRabbit] = [redis, rabbit];
    const isAsWanted = ({ status, checks }: Ready) =>
      status !== "unavailable" && JSON.stringify([checks.redis, checks.rabbitmq]) === JSON.stringify(wanted);
    const [code, { status }] = await readyOnce(isAsWanted);
    return [code, status];
  };
  const answers = () => 2.3456;
  const away = () => {
    throw new Error("away");
  };
  expect(await readyWith(answers, answers, [up, up])).toEqual([200, "ok"]);
  expect(await readyWith(answers, away, [up, down])).toEqual([200, "degraded"]);
  expect(await readyWith(away, answers, [down, up])).toEqual([200, "degraded"]);
});

test("a stop finishes running requests, and only then closes", async () => {
  const node = await startNode({ services: ["api"], env: { LOG_LEVEL: "fatal" }, extra: partners });
  const gate = Promise.withResolvers<unknown[]>();
  let isRunning = false;
  list = () => {
    isRunning = true;
    return gate.promise;
  };
  const running = get("/imports", node);
  await until(() => isRunning);
  const service = node.broker.getLocalService("api") as unknown as { isStopping: boolean };
  const stopping = node.stop();
  await until(() => service.isStopping);
  gate.resolve([]);
  expect((await running).status).toBe(200);
  await stopping;
  await expect(get("/imports", node)).rejects.toThrow("fetch failed");
});

/** An api with these services and with stand-ins for the others. It is not started yet. */
function brokerWith(services: ServiceSchema[]): ServiceBroker {
  const options = brokerOptions(loadConfig({ LOG_LEVEL: "fatal", PORT: "0", ADMIN_TOKEN: "x".repeat(24) }));
  const broker = new ServiceBroker({ ...options, skipProcessEventRegistration: true });
  broker.createService({ ...api, settings: { ...api.settings } });
  for (const service of [...services, { name: "imports" }, { name: "operator" }, { name: "audit" }])
    broker.createService(service);
  return broker;
}

test("a stop waits for the work of a request whose client has hung up", async () => {
  const broker = brokerWith(partners);
  const service = broker.getLocalService("api") as unknown as {
    runningRequests: Set<Promise<unknown>>;
    drain(): Promise<void>;
  };
  const work = Promise.withResolvers<void>();
  service.runningRequests.add(work.promise);
  let isDrained = false;
  const drained = service.drain().then(() => {
    isDrained = true;
  });
  // The server has no connection, so all but the work is over before the next turn of the event loop.
  await new Promise(setImmediate);
  expect(isDrained).toBe(false);
  work.resolve();
  await drained;
  await broker.stop();
});

test("the api opens no port once its node stops, also if a partner appears", async () => {
  const gate = Promise.withResolvers<void>();
  const [first, ...others] = partners;
  const broker = brokerWith([{ ...(first as ServiceSchema), started: () => gate.promise }, ...others]);
  const { server } = broker.getLocalService("api") as unknown as { server: Server };
  const listen = jest.spyOn(server, "listen");
  const starting = expect(broker.start()).rejects.toThrow("The start was given up: the node stops.");
  const stopping = broker.stop();
  await starting;
  gate.resolve();
  await stopping;
  expect(listen).not.toHaveBeenCalled();
});

test("the api starts only with its partners on the node", async () => {
  const broker = brokerWith(partners.slice(1));
  await expect(broker.start()).rejects.toThrow("SERVICES: expected clientCache on the node of api");
  await broker.stop();
});

/** A Redis that refuses the login is a wrong setting and ends the start. A Redis that is away does not. */
import { Redis } from "ioredis";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { brokerOptions } from "../../../moleculer.config.ts";
import batchLock from "../../../services/batchLock/batchLock.service.ts";
import rateLimiter from "../../../services/rateLimiter/rateLimiter.service.ts";
import { configFor } from "../../helpers/amqp.ts";
import { freePort } from "../../helpers/port.ts";
import { describeRedis, type RedisServer, startRedis } from "../../helpers/redis.ts";

describeRedis("a Redis that refuses the login", () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
    const admin = new Redis(server.url);
    await admin.config("SET", "requirepass", "right");
    admin.disconnect();
  });
  afterAll(() => server.remove());

  const at = (parts: Partial<URL>) => Object.assign(new URL(server.url), parts).href;
  const right = () => at({ password: "right" });

  async function started(schema: ServiceSchema, env: Record<string, string>): Promise<string> {
    const broker = new ServiceBroker({
      ...brokerOptions(
        configFor("login", { AMQP_URL: "", DATABASE_URL: "sqlite::memory:", LOG_LEVEL: "fatal", ...env }),
      ),
      skipProcessEventRegistration: true,
    });
    broker.createService({ ...schema });
    try {
      await broker.start();
      return "started";
    } catch (error) {
      return (error as Error).message;
    } finally {
      await broker.stop();
    }
  }

  const cases = [
    ["a wrong password", { password: "hunter2" }, /WRONGPASS/],
    ["a wrong user", { username: "bob", password: "hunter2" }, /WRONGPASS/],
    ["no password", {}, /NOAUTH/],
    ["no such database", { password: "right", pathname: "/99" }, /DB index/],
  ] as const;
  test.each(cases)("%s ends the start; the message names REDIS_URL, and no secret", async (_name, parts, found) => {
    const told = await started(rateLimiter, { REDIS_URL: at(parts) });
    expect(told).toMatch(/^REDIS_URL: expected a user, password and database that Redis at redis:.* accepts; found /);
    expect(told).toMatch(found);
    expect(told).not.toMatch(/hunter2/);
  });

  test("a lock node that refuses the login is named; one that is away is not", async () => {
    const away = `redis://127.0.0.1:${await freePort()}`;
    const wrong = await started(batchLock, {
      REDIS_URL: right(),
      REDIS_LOCK_NODES: `${right()},${server.url},${away}`,
    });
    expect(wrong).toMatch(/^REDIS_LOCK_NODES: expected .*; found NOAUTH/);
    expect(await started(batchLock, { REDIS_URL: right(), REDIS_LOCK_NODES: `${right()},${away}` })).toBe("started");
  });
});

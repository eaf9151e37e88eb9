/** The settings that operators see say what is in force and where it is from, and have no secret. */
import { loadConfig } from "../../config/config.ts";
import { toldSettings } from "../../config/told.ts";

const TOKEN = "a-token-of-more-than-24-characters";
const env = {
  ADMIN_TOKEN: TOKEN,
  DATABASE_URL: "postgres://me:hidden-1@db/flow?sslmode=require",
  REDIS_URL: "rediss://:hidden-3@redis:6380",
  REDIS_LOCK_NODES: "redis://:hidden-4@one:6379,redis://:hidden-5@two:6379,redis://three:6379",
  TABLE_DATABASES: "shop=postgres://u:hidden-6@shop/db",
  AMQP_URL: "amqp://u:hidden-7@rabbit,amqp://u:hidden-8@other",
  ALERT_WEBHOOK: "https://hooks.example:8443/services/hidden-9?token=hidden-10",
  NAMESPACE: "flow",
  PORT: " 8080 ",
};

test("what is set is shown as it was set, URLs without credentials, secrets as set", () => {
  const all = toldSettings(loadConfig(env));
  const told = (wanted: string) => {
    const { value, source } = all.find(({ name }) => name === wanted) ?? {};
    return [value, source];
  };
  expect(JSON.stringify(all)).not.toMatch(/hidden|a-token/);
  expect(told("ADMIN_TOKEN")).toEqual(["set", "environment"]);
  expect(told("PORT")).toEqual(["8080", "environment"]);
  expect(told("HOST")).toEqual(["127.0.0.1", "default"]);
  expect(told("DATABASE_URL")).toEqual(["postgres://***@db/flow", "environment"]);
  expect(told("TABLE_DATABASES")).toEqual(["shop=postgres://***@shop/db", "environment"]);
  expect(told("AMQP_URL")).toEqual(["amqp://***@rabbit, amqp://***@other", "environment"]);
  expect(told("ALERT_WEBHOOK")).toEqual(["https://hooks.example:8443/…", "environment"]);
  expect(told("TRACING_URL")).toEqual([expect.any(String), "default"]);
});

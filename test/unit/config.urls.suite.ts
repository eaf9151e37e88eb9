/** Parameters of URLs are checked before their drivers see them, and logs show no secret of a URL. */
import { maskUrl } from "../../config/config.ts";
import { faultsOf, production } from "./config.kit.ts";

export function urlTests(): void {
  test.each([
    ["AMQP_URL", "amqp://a?heartbeat=abc", '"amqp://…" with a heartbeat that is not seconds, 0 to 65535 as entry 1'],
    ["AMQP_URL", "amqp://a?frameMax=1", "with a frameMax that is not 0 or bytes, 8192 to 999999999 as entry 1"],
    ["AMQP_URL", "amqp://a?channelMax=1", "with a channelMax that is not 0 or a number, 16 to 65535 as entry 1"],
    [
      "AMQP_URL",
      "amqp://a,amqp://b?channelMax=1",
      "with a channelMax that is not 0 or a number, 16 to 65535 as entry 2",
    ],
    ["REDIS_URL", "redis://a?db=abc", '"redis://…" with a db that is not a database\'s number, 0 to 99999'],
    ["REDIS_URL", "redis://a/1?keyPrefix=hunter2", "with a parameter that is none of db, family"],
    ["OIDC_ISSUER", "http://login.example", '"http://…"'],
    ["OIDC_ISSUER", "https://u:p@login.example", '"https://…"'],
    ["OIDC_ISSUER", "https://login.example/?tenant=a", '"https://…"'],
    ["ALERT_WEBHOOK", "https://u:hunter2@hooks.example/x", '"https://…"'],
    ["ALERT_WEBHOOK", "https://hooks.example/hunter2#a", '"https://…"'],
    ["ALERT_WEBHOOK", "https://hooks.example/hunter2 x", '"https://…"'],
    ["ALERT_WEBHOOK", "ftp://hooks.example/hunter2", '"ftp://…"'],
    ["ALERT_WEBHOOK", "hooks.example/services/hunter2", "30 characters, not shown"],
    ["ALERT_WEBHOOK", `https://hooks.example/hunter2${"x".repeat(2048)}`, '"https://…"'],
    ["ALERT_QUEUE_AGE", "300", '"300"'],
    ["REDIS_LOCK_NODES", "redis://a,redis://b?family=x", "with a family that is not 0, 4 or 6 as entry 2"],
    [
      "DATABASE_URL",
      "postgres://a/b?statement_timeout=abc",
      "with a statement_timeout that is not 0 or milliseconds, 1000",
    ],
    ["DATABASE_URL", "postgres://a/b?query_timeout=1", "with a query_timeout that is not 0 or milliseconds, 1000"],
    ["DATABASE_URL", "postgresql://a/b?sslmode=none", '"postgresql://…" with a sslmode that is not disable, prefer,'],
    ["DATABASE_URL", "postgres://a/b?ssl=false", '"postgres://…" with a ssl that is not true, 0 or no-verify'],
    ["DATABASE_URL", "postgres://a/b?password=hunter2", "with a password that is not before the ?"],
    ["DATABASE_URL", "postgres://a/b?stream=hunter2", "with a stream that is not left out"],
  ])("%s takes no %s", (name, value, found) => {
    const [fault, ...others] = faultsOf({ ...production, [name]: value });
    expect([fault?.name, others]).toEqual([name, []]);
    expect(fault?.found).toContain(found);
    expect(fault?.found).not.toContain("hunter2");
  });

  test.each([
    ["ALERT_WEBHOOK", "https://outlook.example/webhook/1@2/IncomingWebhook/3?a=b"],
    ["ALERT_WEBHOOK", "http://mattermost:8065/hooks/x"],
    ["AMQP_URL", "amqp://a?heartbeat=30&frameMax=0&channelMax=100"],
    ["AMQP_URL", "amqps://a?connection_timeout=10000&verify=verify_peer"],
    ["REDIS_URL", "rediss://a?db=3&family=0"],
    ["DATABASE_URL", "postgres://a/b?sslmode=require&channel_binding=require&pgbouncer=true&connect_timeout=10"],
    ["DATABASE_URL", "postgres://a/b?host=/var/run/postgresql&statement_timeout=0&application_name=x"],
    ["DATABASE_URL", "mssql://u:p@a/b?encrypt=true"],
  ])("%s may be %s", (name, value) => {
    expect(faultsOf({ ...production, [name]: value })).toEqual([]);
  });

  test("a URL in a log has neither user nor password nor query", () => {
    expect(maskUrl("postgres://u:hunter2@db:5432/x?password=hunter2")).toBe("postgres://***@db:5432/x");
    expect(maskUrl("redis://cache:6379/1")).toBe("redis://cache:6379/1");
    expect(maskUrl("redis://:hunter2")).toBe('"redis://…"');
    expect(maskUrl("sqlite:./data/x.db")).toBe("sqlite:./data/x.db");
  });
}

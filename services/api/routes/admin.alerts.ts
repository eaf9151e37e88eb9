/** The call by which an operator tests the chat that gets alerts. */
import { Problem } from "../../../lib/errors.ts";
import { count, described, instant, type JsonSchema, orNull, record, text } from "../../../lib/json-schema.ts";
import { actors } from "../../actors.ts";
import { type Exchange, json, type Reply } from "../http/exchange.ts";
import { noBody } from "../http/input.ts";
import { time } from "./views.ts";

/** The schema of what `testAlert` answers. */
export const alertTestSchema: JsonSchema = record({
  host: text("Where it was sent. The rest of ALERT_WEBHOOK is a secret."),
  at: instant,
  status: described("Of the chat's answer; null: there was none.", orNull(count)),
  error: described("Why the chat has not got it; null: it has.", orNull(text())),
  ms: { type: "number", minimum: 0 },
});

/** How often alerts may be tested. The limit protects the people who read the chat. */
const TESTS = { clientId: "alert-test", limit: 10, windowSeconds: 60 };

export async function testAlert(exchange: Exchange): Promise<Reply> {
  await noBody(exchange);
  const spent = await actors.rateLimiter.consume(exchange.ctx, TESTS);
  if (!spent.allowed)
    throw new Problem("quota-exceeded", "At most ten tests of the chat a minute are allowed.", {
      "violated-policies": ["alert-tests"],
      headers: { "Retry-After": String(Math.max(spent.retryAfterSeconds, 1)) },
    });
  const { host, at, status, error, ms } = await actors.alerts.test(exchange.ctx, {});
  return json(200, { host, at: time(at), status, error, ms });
}

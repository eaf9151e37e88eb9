import { Webhook } from "standardwebhooks";

/** The headers of Standard Webhooks 1.0.0. Each valid secret signs, so a receiver can verify during a rotation. */
export function signed(id: string, body: string, secrets: readonly string[], at: Date): Record<string, string> {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(" "),
  };
}

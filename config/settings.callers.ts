import { choice, duration, list, matching, networkHost, optional, proxy, setting } from "./parse.ts";
import { alertUrl, issuerUrl } from "./urls.ts";

const claimName = matching(/^[\x21-\x7e]{1,128}$/, "the name of a claim, 1 to 128 visible ASCII characters");

/**
 * Settings about callers: who may call and from where, what the console offers, which hosts webhooks may reach, and where alerts
 * go.
 */
export const callerSettings = {
  oidcIssuer: optional(
    "OIDC_ISSUER",
    "none",
    issuerUrl,
    "The issuer (OpenID Connect) whose tokens operators and clients may use.",
  ),
  oidcAudience: optional(
    "OIDC_AUDIENCE",
    "none",
    matching(/^\S{1,255}$/, "1 to 255 characters without blanks"),
    "The audience that a token of OIDC_ISSUER must have in its claim aud.",
  ),
  oidcRoleClaim: optional(
    "OIDC_ROLE_CLAIM",
    "none",
    claimName,
    "The claim of a token that has an operator's roles, such as roles or realm_access.roles.",
  ),
  oidcClientClaim: optional(
    "OIDC_CLIENT_CLAIM",
    "none",
    claimName,
    "The claim of a token that has a client's identifier, such as azp.",
  ),
  trustedProxies: optional(
    "TRUSTED_PROXIES",
    "none",
    list(proxy),
    "The proxies in front of the API whose X-Forwarded-For is trusted: addresses or CIDR ranges, separated by commas.",
  ),
  hasConsole: setting(
    "CONSOLE",
    "true",
    choice({ true: true, false: false }),
    "Whether the API serves the console, the web page for operators and partners.",
  ),
  consolePartners: setting(
    "CONSOLE_PARTNERS",
    "true",
    choice({ true: true, false: false }),
    "Whether partners may log in to the console. Their programs can use the API either way.",
  ),
  consoleLabel: optional(
    "CONSOLE_LABEL",
    "none",
    matching(/^[\x20-\x7e]{1,40}$/, "up to 40 visible characters, such as production"),
    "The name of the environment, shown on every page of the console.",
  ),
  partnersRotate: setting(
    "PARTNERS_ROTATE",
    "false",
    choice({ true: true, false: false }),
    "Whether partners may rotate their own secret.",
  ),
  webhookAllowedHosts: optional(
    "WEBHOOK_ALLOWED_HOSTS",
    "none",
    list(networkHost),
    "Hosts in private networks that webhooks may be sent to: names, addresses or CIDR ranges, separated by commas.",
  ),
  alertWebhook: optional(
    "ALERT_WEBHOOK",
    "none",
    alertUrl,
    "The URL of a chat's incoming webhook, such as Slack's. It is told of failed batches, held batches, a long wait in the queue, and deliveries that are given up.",
    "host",
  ),
  alertQueueAgeMs: setting(
    "ALERT_QUEUE_AGE",
    "5m",
    duration("1s", "a shorter wait is usual"),
    "How long the oldest claimable batch may wait before ALERT_WEBHOOK is told.",
  ),
};

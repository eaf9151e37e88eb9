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
    "The company's own issuer (OpenID Connect), whose tokens are operators and clients.",
  ),
  oidcAudience: optional(
    "OIDC_AUDIENCE",
    "none",
    matching(/^\S{1,255}$/, "1 to 255 characters without blanks"),
    "What the tokens of OIDC_ISSUER must be for: their claim aud.",
  ),
  oidcRoleClaim: optional(
    "OIDC_ROLE_CLAIM",
    "none",
    claimName,
    "The claim with an operator's roles, such as roles or realm_access.roles.",
  ),
  oidcClientClaim: optional(
    "OIDC_CLIENT_CLAIM",
    "none",
    claimName,
    "The claim with the identifier of a client, such as azp.",
  ),
  trustedProxies: optional(
    "TRUSTED_PROXIES",
    "none",
    list(proxy),
    "Proxies before the API whose X-Forwarded-For is believed: addresses, CIDR.",
  ),
  hasConsole: setting(
    "CONSOLE",
    "true",
    choice({ true: true, false: false }),
    "Whether the API serves the console, the page for operators and partners.",
  ),
  consolePartners: setting(
    "CONSOLE_PARTNERS",
    "true",
    choice({ true: true, false: false }),
    "Whether partners may log in to the console. Their programs may use the API anyway.",
  ),
  consoleLabel: optional(
    "CONSOLE_LABEL",
    "none",
    matching(/^[\x20-\x7e]{1,40}$/, "up to 40 visible characters, such as production"),
    "Names the environment on every page of the console.",
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
    "Private webhook targets that are allowed: names, addresses, CIDR.",
  ),
  alertWebhook: optional(
    "ALERT_WEBHOOK",
    "none",
    alertUrl,
    "Chat that is told of failed and held batches, a late queue and lost deliveries: an incoming webhook as Slack has it.",
    "host",
  ),
  alertQueueAgeMs: setting(
    "ALERT_QUEUE_AGE",
    "5m",
    duration("1s", "a shorter wait is usual"),
    "How long the oldest claimable batch may wait before ALERT_WEBHOOK is told.",
  ),
};

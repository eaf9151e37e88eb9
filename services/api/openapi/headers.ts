/** The header fields of answers. */
import { type JsonSchema, text } from "../../../lib/json-schema.ts";
import { codingNames } from "../http/codings.ts";

interface Header {
  description: string;
  schema: JsonSchema;
  example: unknown;
}

const like = (pattern: string): JsonSchema => ({ type: "string", pattern });
const seconds: JsonSchema = { type: "integer", minimum: 0 };

const all = {
  "X-Request-Id": {
    description: "The id that the request sent, if it is valid, else a new one. The logs and the batch have it too.",
    schema: like("^[!-~]{1,128}$"),
    example: "0193b2f0-6c1e-7a55-8d1f-5a0e4bb1c0de",
  },
  "RateLimit-Policy": {
    description:
      "The quotas (draft-ietf-httpapi-ratelimit-headers-10), on every answer that spends a request. 401, 403, 405 and unknown paths spend none.",
    schema: like('^"requests";q=\\d+;w=\\d+'),
    example: '"requests";q=600;w=60',
  },
  RateLimit: {
    description: "How many requests are left, and the seconds until the window ends.",
    schema: like('^"requests";r=\\d+;t=\\d+$'),
    example: '"requests";r=599;t=42',
  },
  "Retry-After": { description: "Seconds after which to ask again.", schema: seconds, example: 1 },
  Location: {
    description: "Where the new resource is.",
    schema: like("^/"),
    example: "/imports/0193b2f0-7a10-7c3e-9a53-2f6d1c9be001",
  },
  "Set-Cookie": {
    description: "The session's cookie: `HttpOnly`, `SameSite=Strict`, and `Secure` where the request came by TLS.",
    schema: like("^dataflow_session="),
    example: "dataflow_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0",
  },
  ETag: { description: "The version; for If-None-Match or If-Match.", schema: like('^"[^"]+"$'), example: '"v3"' },
  "Cache-Control": {
    description: "Whether the answer may be cached. An answer with a secret or a token is `no-store`.",
    schema: text(),
    example: "no-cache",
  },
  Vary: { description: "What the answer depends on.", schema: text(), example: "Accept" },
  "Preference-Applied": {
    description: "The wait that was applied.",
    schema: like("^wait=\\d+$"),
    example: "wait=30",
  },
  "Content-Disposition": {
    description: "A file name to save it under.",
    schema: like('^attachment; filename="[\\w.-]+"$'),
    example: 'attachment; filename="0193b2f0-7a10-7c3e-9a53-2f6d1c9be001-errors.csv"',
  },
  "Repr-Digest": {
    description: "The SHA-256 of the body (RFC 9530): the batch's `checksum`.",
    schema: like("^sha-256=:[\\w+/]+=*:$"),
    example: "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
  },
  "Idempotent-Replayed": {
    description: "This is the answer that the first upload with this key got.",
    schema: { const: "true" },
    example: "true",
  },
  "WWW-Authenticate": {
    description: "How to log in.",
    schema: like("^(Basic|Bearer|Session) "),
    example: 'Bearer realm="dataflow"',
  },
  Allow: { description: "The methods of this path.", schema: text(), example: "GET, HEAD" },
  Accept: { description: "Media types that are accepted.", schema: text(), example: "application/json" },
  "Accept-Encoding": { description: "Encodings that are accepted.", schema: text(), example: codingNames.join(", ") },
  "Content-Security-Policy": {
    description: "Nothing loads from another host.",
    schema: text(),
    example: "default-src 'none'",
  },
  "Cross-Origin-Opener-Policy": {
    description: "Pages of other sites get no handle of this one.",
    schema: { const: "same-origin" },
    example: "same-origin",
  },
  "Permissions-Policy": { description: "What the page may not use.", schema: text(), example: "camera=()" },
  "X-Frame-Options": { description: "The page stands in no frame.", schema: { const: "DENY" }, example: "DENY" },
} as const satisfies Record<string, Header>;

export type HeaderName = keyof typeof all;
export const headers: Record<HeaderName, Header> = all;

/** References to headers by their names. A header whose name ends with `?` is not always present. */
export const headerRefs = (names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(
    names.map((name) => {
      const header = name.replace("?", "");
      return [header, { $ref: `#/components/headers/${header}${name.endsWith("?") ? "" : ".always"}` }];
    }),
  );

const names = Object.keys(headers) as HeaderName[];

/** Each header in two forms, optional and always present. Forms that are not used (`isUsed`) are left out. */
export const headerComponents = (isUsed: (component: string) => boolean): Record<string, unknown> =>
  Object.fromEntries(
    names
      .flatMap((name) => [
        [name, headers[name]] as const,
        [`${name}.always`, { ...headers[name], required: true }] as const,
      ])
      .filter(([component]) => isUsed(component)),
  );

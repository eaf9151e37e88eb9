/** How paths are read and matched. moleculer-web calls these functions by name. */
import type { ServerResponse } from "node:http";
import { Problem } from "../../../lib/errors.ts";
import type { AliasOfGateway, ApiState } from "./gateway.ts";
import type { ApiRequest } from "./head.ts";
import { type Answering, answerError } from "./problems.ts";

/** Paths that people type, and where those paths redirect. Relative links of a page would not work below `/docs/`. */
const moved: Record<string, string | undefined> = { "/docs/": "../docs", "/docs/guide/": "../guide" };

/**
 * Answers the path without the query, because each handler reads its query itself, and strictly. moleculer-web drops
 * one slash at the end of a path.
 */
export function pathOf({ url = "/" }: ApiRequest): { url: string; query: object } {
  const [path = "/"] = url.split("?", 1);
  return { url: path.length > 1 && path.endsWith("/") ? `${path}/` : path, query: {} };
}

/**
 * The route for a path and a method. HEAD is handled as GET, and Node leaves out the body by itself. False if no route
 * matches.
 */
export function aliasFor({ aliases }: Pick<ApiState, "aliases">, url: string, method?: string) {
  const asked = method === "HEAD" ? "GET" : method;
  for (const alias of aliases) {
    const params = asked !== undefined && alias.isMethod(asked) && alias.match(url);
    if (params) return { alias, params };
  }
  return false;
}

/** Answers a request that no route matches: 308 if the path has moved, 405 if the path has other methods, else 404. */
export function answerUnknown(api: Pick<ApiState, "aliases"> & Answering, req: ApiRequest, res: ServerResponse): void {
  const url = req.parsedUrl ?? "/";
  const place = moved[url];
  if (place) return void res.writeHead(308, { Location: place }).end();
  const allowed = api.aliases.filter((alias: AliasOfGateway) => alias.match(url)).map(({ method }) => method);
  if (allowed.includes("GET")) allowed.push("HEAD");
  const problem =
    allowed.length === 0
      ? new Problem("not-found", "There is nothing at this path.")
      : new Problem(
          "method-not-allowed",
          `This path does not take ${req.method}. The header Allow lists what it takes.`,
          {
            headers: { Allow: [...new Set(allowed)].join(", ") },
          },
        );
  answerError(api, req, res, problem);
}

/**
 * The routes in the form of moleculer-web. Each alias sends its handler's answer, and each group names the check of the
 * caller.
 */
import type { ServerResponse } from "node:http";
import { exchangeOf, type Handle, type HandledRequest, sendJson } from "../http/exchange.ts";
import type { Api, CalledByName } from "../http/gateway.ts";
import { clientRoutes } from "./routes.clients.ts";
import { operatorRoutes } from "./routes.operators.ts";
import { openRoutes } from "./routes.ts";

type Next = (error?: unknown) => void;

/** A route's handler as moleculer-web calls it. */
function alias(handle: Handle) {
  return function (this: Api, req: HandledRequest, res: ServerResponse, next: Next) {
    const answered: Promise<unknown> = handle(exchangeOf(req, res))
      .then((reply) => {
        // A stop would wait for a connection that stays open, so the connection closes with this answer.
        if (this.isStopping) res.shouldKeepAlive = false;
        if (reply) sendJson(res, reply);
      }, next)
      .catch(next)
      .finally(() => this.runningRequests.delete(answered));
    this.runningRequests.add(answered);
  };
}

const aliases = (routes: Record<string, Handle>) =>
  Object.fromEntries(Object.entries(routes).map(([route, handle]) => [route, alias(handle)]));

const route = (path: string, routes: Record<string, unknown>, authentication: keyof CalledByName) => ({
  // Two groups of routes have the path `/`. With the same name, the second group would replace the first.
  name: `${path} ${authentication}`,
  path,
  aliases: routes,
  mappingPolicy: "restrict",
  bodyParsers: false,
  // A load balancer blocks a path such as `/metrics` by its exact spelling, so no other spelling may work.
  pathToRegexpOptions: { sensitive: true, trailing: false },
  mergeParams: true,
  logging: false,
  authentication,
});

/** The groups of routes, each with the service's method that checks the caller. */
export const gatewayRoutes = [
  route("/admin", aliases(operatorRoutes), "authenticateOperator"),
  ...Object.entries(openRoutes).map(([path, routes]) => route(path, aliases(routes), "authenticateNobody")),
  route("/", aliases(clientRoutes), "authenticateClient"),
];

/**
 * The HTTP API. The service authenticates the caller (client, operator or anybody), counts the request against the rate
 * limit, and calls the services of this node for everything else. It keeps no state but the counts of failed logins. A
 * refusal never breaks a connection before the client could read the answer. A stopping node answers 503 while it
 * finishes running requests.
 */

import type { ServerResponse } from "node:http";
import ApiGateway from "moleculer-web";
import { configOf } from "../../config/config.ts";
import { counter, readWhenAsked } from "../../lib/metrics/figures.ts";
import { listen, originForm } from "../../lib/net/listen.ts";
import { type Defined, define, fields } from "../../mixins/define.ts";
import { partnersMixin } from "../../mixins/partners.ts";
import { actors } from "../actors.ts";
import { BATCH_WRITTEN, type BatchNews } from "../batch/batch.contract.ts";
import type { Client } from "../clientCache/clientCache.contract.ts";
import { uuidv7 } from "../ids.ts";
import type { EventOf } from "../messages.ts";
import type { CloudEvent } from "../outbox/outbox.domain.ts";
import { adminToken } from "./http/adminToken.ts";
import { Admissions } from "./http/admissions.ts";
import { admitClient } from "./http/admit.ts";
import { noteFailedLogins, noteKeyUses } from "./http/audit.ts";
import { authenticatedOperator, refuseIfStopping } from "./http/auth.ts";
import { Connections, connectionBounds } from "./http/connections.ts";
import { type AliasOfGateway, type Api, type ApiState, type CalledByName, restSpan } from "./http/gateway.ts";
import { type ApiRequest, headChecked } from "./http/head.ts";
import { KeyUses, RefusedKeys } from "./http/keys.ts";
import { FailedLogins } from "./http/logins.ts";
import { oidcOf } from "./http/oidc.wanted.ts";
import { OpenExports, OpenFeeds, OpenFiles, OpenStreams } from "./http/open.ts";
import { aliasFor, answerUnknown, pathOf } from "./http/paths.ts";
import { answerError } from "./http/problems.ts";
import { Cursors } from "./http/sealed.ts";
import { Served } from "./http/served.ts";
import { Sessions } from "./http/sessions.ts";
import { finishRequests } from "./http/shutdown.ts";
import { clientOwner, standingOfOperator } from "./http/standing.ts";
import { traced } from "./http/traced.ts";
import { BatchWatches, newsOf } from "./http/watches.ts";
import { gatewayRoutes } from "./routes/aliases.ts";
import { admitOperator } from "./routes/audited.ts";
import { feedOf } from "./routes/feed.source.ts";

/** The request ids that are accepted from callers: visible ASCII, short enough for a log line. */
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
/** How often the credentials of long requests are checked again. A change without an event is noticed this late. */
const RECHECK_MS = 5_000;

const watched = { name: "dataflow_watched_batches", help: "Batches that requests wait for.", type: "gauge" } as const;
const streaming = { name: "dataflow_event_streams", help: "Open event streams.", type: "gauge" } as const;
const sessions = { name: "dataflow_sessions_total", help: "Logins for the console, by how they ended." };

const api = define({
  name: "api",
  mixins: [
    ApiGateway,
    partnersMixin("clientCache", "operator", "audit", "rateLimiter", "policy", "imports", "batch", "outbox"),
  ],

  state: fields<ApiState>(),

  // moleculer-web's actions would let anybody on the broker change the routes of a running node.
  actions: { addRoute: false, removeRoute: false, listAliases: false, rest: restSpan },

  settings: {
    /** How often the failed logins of each address are written to the audit. */
    failedLoginsMs: 60_000,
    /** Times that replace those of oidc.issuer.ts. */
    oidc: {} as object,
    /** How often the uses of keys are written. */
    keyUsesMs: 1_000,
    // An upload may take hours, so there is no limit for a whole request. Only a silent upload is ended (408).
    requestTimeout: 0,
    logRequest: null,
    logResponse: null,
    logRequestParams: null,
    logRouteRegistration: null,
    use: [headChecked],
    rootCallOptions(options: { requestID?: string }, req: ApiRequest, res: ServerResponse) {
      // Every answer has this header, because some answers carry what a partner sent, and no browser may take such a
      // text for a page.
      res.setHeader("X-Content-Type-Options", "nosniff");
      // No page may show an answer in a frame. Even a page of the same site may not, because its frames have the
      // session.
      res.setHeader("X-Frame-Options", "DENY");
      const own = req.headers["x-request-id"];
      options.requestID = typeof own === "string" && REQUEST_ID.test(own) ? own : uuidv7();
      // moleculer-web would route an OPTIONS request by the method that this header names. The API has no routes for
      // CORS.
      delete req.headers["access-control-request-method"];
    },
    routes: gatewayRoutes,
    onError(this: Api, req: ApiRequest, res: ServerResponse, error: Error) {
      answerError(this, req, res, error);
    },
  },

  created() {
    const { maxConnections: most, trustedProxies } = configOf(this.broker);
    const served = new Served(this.broker);
    const answer = (req: ApiRequest, res: ServerResponse) => {
      req.url = originForm(req.url);
      traced(req, res, () => {
        served.watch(req, res);
        this.httpHandler(req, res);
      });
    };
    this.failedLogins = new FailedLogins(trustedProxies);
    this.refusedKeys = new RefusedKeys();
    this.keyUses = new KeyUses();
    const bounds = {
      ...connectionBounds,
      most,
      trustedProxies,
      ...(this.settings as { connections?: object }).connections,
    };
    const refused: Served["refused"] = (...given) => served.refused(...given);
    this.connections = new Connections(this.broker, this.server, { answer, refused }, bounds);
    this.runningRequests = new Set();
    this.watches = new BatchWatches({
      read: (seen) => actors.batch.changed(this.broker, { seen }),
      onFailure: (error) =>
        this.logger.debug("Reading batches for waiting requests failed, the next read is in 2 s:", error),
    });
    this.feed = feedOf(this.broker, (error) =>
      this.logger.debug("A look for event streams failed, the next is in 1 s:", error),
    );
    this.feeds = new OpenFeeds();
    this.broker.localBus.on(BATCH_WRITTEN, (news: BatchNews) => this.news(news));
    this.streams = new OpenStreams();
    this.exports = new OpenExports();
    this.files = new OpenFiles();
    this.admissions = new Admissions();
    readWhenAsked(this.broker, watched, () => [{ value: this.watches.size }]);
    readWhenAsked(this.broker, streaming, () => [{ value: this.streams.size + this.feeds.size }]);
    this.logins = counter(this.broker, sessions, "outcome", ["begun", "refused"], { label: "role", usual: "partner" });
    this.oidc = null;
    this.isStopping = false;
    // moleculer-web's own `listen` would end the process if the port is taken, and would hang on other errors.
    this.settings = Object.assign({}, this.settings, { server: false });
    this.server.removeAllListeners("error");
    Object.assign(this.server, { requireHostHeader: false });
  },

  events: {
    "batch.created"({ params }: { params: CloudEvent }) {
      this.news(newsOf(params, false));
    },
    // The node that committed the change sends this event.
    "batch.ready"({ params }: { params: CloudEvent }) {
      this.news(newsOf(params, false));
    },
    "client.changed"({ params: { id } }: { params: Client }) {
      return this.admissions.recheck(clientOwner(id));
    },
    // The node that handles a logout sends this event.
    "session.ended"({ params: { id } }: { params: EventOf<"session.ended"> }) {
      this.admissions.endSession(id);
    },
    "batch.completed"({ params }: { params: CloudEvent }) {
      this.news(newsOf(params, true));
    },
    "batch.validated"({ params }: { params: CloudEvent }) {
      this.news(newsOf(params, true));
    },
    "batch.held"({ params }: { params: CloudEvent }) {
      this.news(newsOf(params, false));
    },
    "batch.undone"({ params }: { params: CloudEvent }) {
      this.news(newsOf(params, true));
    },
  },

  methods: {
    /** Notices that a batch has changed, on this or another node. */
    news(news: BatchNews) {
      this.watches.news(news);
      this.feed.news(news);
    },

    async authenticateClient(_ctx: never, _route: never, req: ApiRequest, res: ServerResponse, alias: AliasOfGateway) {
      await admitClient(this, req, res, alias);
      return null;
    },

    async authenticateOperator(
      _ctx: never,
      _route: never,
      req: ApiRequest,
      res: ServerResponse,
      alias: AliasOfGateway,
    ) {
      refuseIfStopping(this);
      const { operator, session } = await authenticatedOperator(req, res, this);
      req.operator = operator;
      this.admissions.enter(`operator ${operator.name}`, standingOfOperator(this, req, operator, session), req, res);
      this.connections.know(req.socket, true);
      await admitOperator(this, req, req.operator, alias);
      return null;
    },

    async authenticateNobody(_ctx: never, _route: never, req: ApiRequest) {
      this.connections.know(req.socket, false);
      return null;
    },

    /** Answers an error. moleculer-web's own handler would log every 5xx answer once more, with its stack. */
    errorHandler(req: ApiRequest, res: ServerResponse, error: Error) {
      answerError(this, req, res, error);
    },

    parseQueryString(req: ApiRequest) {
      return pathOf(req);
    },

    resolveAlias(url: string, method?: string) {
      return aliasFor(this, url, method);
    },

    send404(req: ApiRequest, res: ServerResponse) {
      answerUnknown(this, req, res);
    },
  },

  drain() {
    return finishRequests(this);
  },

  async started() {
    this.adminToken = await adminToken(this.broker);
    this.cursors = new Cursors(this.adminToken);
    this.sessions = new Sessions(this.adminToken, configOf(this.broker).consolePartners);
    this.oidc = await oidcOf(configOf(this.broker), this.settings.oidc, (...told) => this.logger.warn(...told));
    const { port: wanted, host, keepAliveMs } = configOf(this.broker);
    // The proxy must be the first to close an idle connection. If the node closed first, the proxy could send a request
    // into a closing connection.
    this.server.keepAliveTimeout = keepAliveMs;
    const port = await listen(this.server, { setting: "PORT", port: wanted, host });
    this.connections.watch();
    this.server.on("error", (error) => this.logger.error("The HTTP server failed:", error));
    this.rechecks = setInterval(() => this.admissions.recheckAll(), RECHECK_MS);
    this.failures = setInterval(() => void noteFailedLogins(this), this.settings.failedLoginsMs);
    this.uses = setInterval(() => void noteKeyUses(this), this.settings.keyUsesMs);
    this.logger.info(`DataFlow listens on http://${host}:${port}`);
  },
});

export default api satisfies Defined<CalledByName>;

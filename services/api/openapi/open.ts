/** The calls that anybody may make, by their paths. */
import { record, schemaRef } from "../../../lib/json-schema.ts";
import { readiness } from "./examples.system.ts";
import { type Answer, type Call, content, textOf } from "./kit.ts";

const kept: Answer["headers"] = ["ETag", "Cache-Control", "Vary"];
const same: Answer = { description: "Nothing has changed since the answer with that ETag.", headers: kept };

const consoleHeaders: Answer["headers"] = [
  ...kept,
  "Content-Security-Policy",
  "Cross-Origin-Opener-Policy",
  "Permissions-Policy",
  "X-Frame-Options",
];

const consoleFile: Omit<Call, "id"> = {
  summary: "A file of the console",
  description: "The page names its files by the hash of all of them; with another hash they are not found.",
  parameters: ["If-None-Match"],
  answers: {
    200: {
      description: "The file, which never changes.",
      headers: kept,
      content: {
        ...content(textOf("text/javascript", "A module."), { module: "// …" }, "text/javascript"),
        ...content(textOf("text/css", "A style sheet."), { style: "body {}" }, "text/css"),
        ...content(textOf("text/markdown", "What the codes of errors mean."), { text: "# Errors" }, "text/markdown"),
        "image/svg+xml": { schema: { description: "An image." }, examples: {} },
      },
    },
    304: same,
  },
  problems: ["validation", "too-many-streams"],
};

const guidePage: Omit<Call, "id" | "summary"> = {
  parameters: ["If-None-Match"],
  answers: {
    200: {
      description: "A page that loads nothing from another host, or a picture of one.",
      headers: [...kept, "Content-Security-Policy"],
      content: {
        ...content(textOf("text/html", "HTML."), { page: "<!doctype html>" }, "text/html"),
        "image/png": { schema: { description: "An image." }, examples: {} },
      },
    },
    304: { ...same, headers: [...kept, "Content-Security-Policy"] },
  },
  problems: ["validation", "too-many-streams"],
};

export const openCalls: Record<string, Call> = {
  "GET /": {
    id: "getConsole",
    summary: "The console, for people",
    parameters: ["If-None-Match"],
    answers: {
      200: {
        description: "A page that loads nothing from another host. It uses the calls of this document alone.",
        headers: consoleHeaders,
        content: content(textOf("text/html", "HTML."), { page: "<!doctype html>" }, "text/html"),
      },
      304: { ...same, headers: consoleHeaders },
    },
    problems: ["validation", "not-found", "too-many-streams"],
  },
  "GET /console/:hash/:asset": { id: "getConsoleFile", ...consoleFile },
  "GET /console/:hash/:folder/:asset": { id: "getConsoleModule", ...consoleFile },
  "GET /health/live": {
    id: "isLive",
    summary: "Whether the process runs",
    answers: {
      200: {
        description: "It runs.",
        content: content(record({ status: { const: "ok" } }), { live: { status: "ok" } }),
      },
    },
  },
  "GET /health/ready": {
    id: "isReady",
    summary: "Whether this node can serve",
    answers: {
      200: {
        description: "`degraded`: it serves without Redis or RabbitMQ.",
        content: content(schemaRef("Readiness"), { ready: readiness }),
      },
      503: {
        description: "`unavailable`: the database is away or takes no writes, or the node starts or stops.",
        content: content(schemaRef("Readiness"), {
          stopping: { status: "unavailable", checks: { ...readiness.checks, database: { status: "down" } } },
        }),
      },
    },
  },
  "GET /metrics": {
    id: "getMetrics",
    summary: "Metrics of this node, for Prometheus",
    answers: {
      200: {
        description: "Prometheus' text format, or OpenMetrics where `Accept` prefers it.",
        headers: ["Vary"],
        content: {
          ...content(
            textOf("text/plain", "Prometheus' text format, version 0.0.4."),
            { metrics: "# TYPE dataflow_event_streams gauge\ndataflow_event_streams 0\n" },
            "text/plain",
          ),
          ...content(
            textOf("application/openmetrics-text", "OpenMetrics 1.0, with exemplars of traces."),
            { metrics: "# TYPE dataflow_event_streams gauge\ndataflow_event_streams 0\n# EOF\n" },
            "application/openmetrics-text",
          ),
        },
      },
    },
    problems: ["validation"],
  },
  "GET /openapi.json": {
    id: "getOpenApi",
    summary: "This document",
    parameters: ["If-None-Match"],
    answers: {
      200: {
        description: "OpenAPI 3.1.",
        headers: kept,
        content: content(
          {
            ...record({ openapi: { const: "3.1.1" }, info: { type: "object" }, paths: { type: "object" } }),
            additionalProperties: true,
          },
          {
            document: { openapi: "3.1.1", info: { title: "DataFlow", version: "0.2.0" }, paths: {} },
          },
        ),
      },
      304: same,
    },
    problems: ["validation", "too-many-streams"],
  },
  "GET /docs": {
    id: "getDocs",
    summary: "This document, to read and to try",
    parameters: ["If-None-Match"],
    answers: {
      200: {
        description: "A page that loads nothing from another host.",
        headers: [...kept, "Content-Security-Policy"],
        content: content(textOf("text/html", "HTML."), { page: "<!doctype html>" }, "text/html"),
      },
      304: { ...same, headers: [...kept, "Content-Security-Policy"] },
    },
    problems: ["validation", "too-many-streams"],
  },
  "GET /docs/guide": { id: "getGuide", summary: "The documentation of this version, to read", ...guidePage },
  "GET /docs/guide/:page": { id: "getGuidePage", summary: "A page of the documentation", ...guidePage },
  "GET /docs/guide/:section/:chapter": {
    id: "getGuideFile",
    summary: "A page or a picture of the documentation",
    ...guidePage,
  },
  "GET /docs/:file": {
    id: "getDocsFile",
    summary: "A file of that page",
    parameters: ["If-None-Match"],
    answers: {
      200: {
        description: "The file.",
        headers: kept,
        content: {
          ...content(textOf("text/javascript", "A script."), { script: "// …" }, "text/javascript"),
          ...content(textOf("text/css", "A style sheet."), { style: "body {}" }, "text/css"),
          "image/png": { schema: { description: "An image." }, examples: {} },
        },
      },
      304: same,
    },
    problems: ["validation", "too-many-streams"],
  },
};

/** The calls of clients about datasets, and the calls of operators below `/admin`. */
import { knownFormats } from "../../../formats/formats.ts";
import { schemaRef } from "../../../lib/json-schema.ts";
import { completeDataset, datasetForClient } from "../../policy/policy.schema.ts";
import { pageSchema } from "../http/pages.ts";
import { draftSchema } from "../routes/admin.datasets.ts";
import { clientCalls } from "./clients.ts";
import { cursor } from "./examples.ts";
import { type Answer, bodyProblems, type Call, content, noBody, textOf } from "./kit.ts";

const orders = {
  description: "Orders of the day, as CSV.",
  formats: ["csv", "ndjson"],
  schema: {
    type: "object",
    required: ["order_id"],
    properties: { order_id: { type: "string" }, quantity: { type: "integer", minimum: 0 } },
  },
  uniqueKey: "order_id",
} as const;
const whole = completeDataset({ ...orders, formats: [...orders.formats] });
const override = { maxErrors: 10 };
const granted = { name: "orders", override, effective: { ...whole, ...override } };
const listed = {
  name: "orders",
  description: orders.description,
  version: 3,
  changedAt: "2026-11-23T08:00:00.000Z",
  clients: 12,
};

const self = "/datasets/orders";
const links = { self, imports: `${self}/imports`, template: `${self}/template` };

const asDataset = (description: string): Answer => ({
  description,
  headers: ["ETag"],
  content: content(schemaRef("Dataset"), { orders: whole }),
});
const asGrant = (description: string): Answer => ({
  description,
  content: content(schemaRef("Grant"), { orders: granted }),
});
const patch = (example: object) => ({
  ...content(schemaRef("DatasetPatch"), { change: example }, "application/merge-patch+json"),
  ...content(schemaRef("DatasetPatch"), { change: example }),
});
const gone: Record<number, Answer> = { 204: { description: "It is gone." } };

export const datasetCalls = {
  "GET /datasets": {
    id: "listOwnDatasets",
    summary: "List what you may send",
    description: "`default` is your own policy: `POST /imports` sends to it.",
    answers: {
      200: {
        description: "Your datasets.",
        content: content(schemaRef("OwnDatasets"), {
          datasets: { items: [{ name: "orders", description: whole.description, formats: whole.formats, links }] },
        }),
      },
    },
  },
  "GET /datasets/:name": {
    id: "getOwnDataset",
    summary: "See what you may send to a dataset",
    answers: {
      200: {
        description: "The dataset, as it is for you.",
        content: content(schemaRef("OwnDataset"), { orders: datasetForClient("orders", whole) }),
      },
    },
  },
  "GET /datasets/:name/template": {
    id: "getTemplate",
    summary: "Get an example file",
    description: "It can be imported as it is: with the columns that the dataset has, and one example record.",
    parameters: ["templateFormat"],
    answers: {
      200: {
        description: "The file.",
        headers: ["Content-Disposition"],
        content: {
          ...content(
            textOf("text/csv", "A header and a row."),
            { orders: "order_id,quantity\r\ntext,1\r\n" },
            "text/csv",
          ),
          ...content(
            textOf("application/x-ndjson", "A record.", { type: "object" }),
            { orders: '{"order_id":"text","quantity":1}\n' },
            "application/x-ndjson",
          ),
          ...content(knownFormats.xlsx.schema, {}, knownFormats.xlsx.mediaTypes[0]),
        },
      },
    },
    problems: ["unsupported-media-type"],
  },
  "POST /datasets/:name/imports": {
    ...clientCalls["POST /imports"],
    id: "createDatasetImport",
    summary: "Import records to a dataset",
  },
} satisfies Record<string, Call>;

export const datasetOperatorCalls = {
  "GET /datasets": {
    id: "listDatasets",
    summary: "List the datasets by name",
    parameters: ["limit", "cursor"],
    answers: {
      200: {
        description: "A page.",
        content: content(pageSchema("ListedDataset"), { page: { items: [listed], next: cursor } }),
      },
    },
  },
  "GET /datasets/:name": {
    id: "getDataset",
    summary: "See a dataset",
    parameters: ["datasetVersion"],
    answers: { 200: asDataset("The whole dataset.") },
  },
  "POST /datasets/check": {
    id: "checkDataset",
    summary: "Check a draft of a dataset",
    description:
      "Either `dataset`, as `PUT` takes it, or `patch` with the `name` of a dataset, as `PATCH` takes it. Nothing is changed. With `client` (its id) the answer is the dataset of that client, with its override. 422 has pointers below `/dataset` or `/patch`.",
    body: { content: content(draftSchema, { draft: { dataset: orders, name: "orders" }, new: { dataset: {} } }) },
    answers: {
      200: { description: "The whole dataset.", content: content(schemaRef("Dataset"), { orders: whole }) },
    },
    problems: [...bodyProblems, "conflict"],
  },
  "PUT /datasets/:name": {
    id: "putDataset",
    summary: "Make or replace a dataset",
    description:
      "409 with `overrides` if it makes overrides of clients invalid: then nothing changes. `default` is taken: it is each client's own policy.",
    parameters: ["If-Match", "dryRun"],
    body: { content: content(schemaRef("DatasetInput"), { usual: {}, orders }) },
    answers: { 200: asDataset("It was replaced."), 201: asDataset("It is new.") },
    problems: [...bodyProblems, "conflict", "precondition-failed"],
  },
  "PATCH /datasets/:name": {
    id: "changeDataset",
    summary: "Change a dataset",
    parameters: ["If-Match", "dryRun"],
    body: { content: patch({ maxErrors: 100, description: null }) },
    answers: { 200: asDataset("The whole dataset.") },
    problems: [...bodyProblems, "conflict", "precondition-failed"],
  },
  "DELETE /datasets/:name": {
    id: "deleteDataset",
    summary: "Delete a dataset",
    description: "409 while clients have it, or a batch of it has not ended. Its name may be given again.",
    parameters: ["If-Match"],
    body: noBody,
    answers: gone,
    problems: [...bodyProblems, "conflict", "precondition-failed"],
  },
  "GET /clients/:id/datasets": {
    id: "listGrants",
    summary: "List a client's datasets by name",
    parameters: ["limit", "cursor"],
    answers: {
      200: {
        description: "A page.",
        content: content(pageSchema("Grant"), { page: { items: [granted], next: null } }),
      },
    },
  },
  "GET /clients/:id/datasets/:name": {
    id: "getGrant",
    summary: "See a client's dataset",
    answers: { 200: asGrant("The dataset, with the client's override.") },
  },
  "PUT /clients/:id/datasets/:name": {
    id: "grantDataset",
    summary: "Give a client a dataset",
    description: "The body is a JSON merge patch over the dataset, for this client alone; `{}` changes nothing.",
    body: { content: { ...content(schemaRef("DatasetPatch"), { plain: {}, override }) } },
    answers: { 200: asGrant("The client has another override."), 201: asGrant("The client has the dataset now.") },
    problems: [...bodyProblems, "conflict"],
  },
  "DELETE /clients/:id/datasets/:name": {
    id: "revokeDataset",
    summary: "Take a dataset away from a client",
    description: "New uploads are refused. Batches that are there go on.",
    body: noBody,
    answers: gone,
    problems: bodyProblems,
  },
} satisfies Record<string, Call>;

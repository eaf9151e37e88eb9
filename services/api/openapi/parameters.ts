/** The parameters of requests. Each has an example, which a test sends. */
import { readableKinds } from "../../../formats/content.ts";
import { choice, flag, id, text } from "../../../lib/json-schema.ts";
import { docsFiles } from "../routes/open.ts";
import { templateFormats } from "../routes/template.ts";
import { ids } from "./examples.ts";
import { figureParameters } from "./parameters.figures.ts";
import { headerParameters } from "./parameters.headers.ts";
import { type Parameter, query } from "./parameters.kit.ts";
import { listParameters } from "./parameters.lists.ts";
import { reportParameters } from "./parameters.reports.ts";

const all = {
  ...listParameters,
  ...figureParameters,
  ...reportParameters,
  format: query(
    "format",
    "What the body is, where the `Content-Type` cannot be set; it goes first. Of a form, what its file is.",
    choice(readableKinds.map(({ name }) => name)),
    "ndjson",
  ),
  corrects: query(
    "corrects",
    "The id of an ended batch of the same dataset: the body is its file of rejected records, corrected. `_record` and `_errors` are taken off.",
    id,
    ids.batch,
  ),
  validateOnly: query(
    "validateOnly",
    "The batch is read and checked, and ends `validated`. Nothing is delivered until it is committed.",
    flag,
    false,
  ),
  only: query(
    "only",
    "`rejected`: a new batch of the rejected records of one that has ended.",
    choice(["rejected"]),
    "rejected",
  ),
  tryClient: query(
    "client",
    "The id of a client: its override of the dataset, its own fields and its unique keys count. Omitted: those of the batch's client.",
    id,
    ids.client,
  ),
  tryBatch: query("batch", "The id of a batch whose kept body is checked.", id, ids.batch),
  tryOnly: query("only", "`rejected`: only the rejected records of the batch.", choice(["rejected"]), "rejected"),
  dryRun: query("dryRun", "`true`: the answer is what the change would come to, and nothing changes.", flag, true),
  policyVersion: query(
    "version",
    "This version instead of the one in force; 0: the defaults. 404 with the versions that are `kept`, where it is none of them.",
    { type: "integer", minimum: 0 },
    0,
  ),
  datasetVersion: query(
    "version",
    "This version instead of the one in force, also of a dataset that was deleted. 404 with the versions that are `kept`, where it is none of them.",
    { type: "integer", minimum: 1 },
    1,
  ),
  tableDatabase: query(
    "database",
    "A name of TABLE_DATABASES. Omitted: the database of DATABASE_URL.",
    text(),
    "warehouse",
  ),
  templateFormat: query("format", "The format of the file.", choice(templateFormats), "ndjson"),
  ...headerParameters,
} satisfies Record<string, Parameter>;

export type ParameterName = keyof typeof all;
export const parameters: Record<ParameterName, Parameter> = all;

/** The parameters that paths have, by name. */
const ofPath: Record<string, Pick<Parameter, "description" | "schema" | "example">> = {
  id: { description: "Its id.", schema: id, example: ids.batch },
  keyId: { description: "The id of a key, or `default`.", schema: text(), example: ids.key },
  name: { description: "The name of the dataset or the operator.", schema: text(), example: "orders" },
  hash: {
    description: "Of all files of the console, as its page names it.",
    schema: text(),
    example: "2xVn0bQzJt4kZ1aA",
  },
  folder: { description: "A folder of the console.", schema: text(), example: "ui" },
  page: { description: "A page of the guide.", schema: text(), example: "errors" },
  section: { description: "A folder of the guide.", schema: text(), example: "partners" },
  chapter: { description: "A page or a picture in it.", schema: text(), example: "start" },
  asset: { description: "A file of the console.", schema: text(), example: "main.js" },
  node: { description: "The name of a node.", schema: text(), example: "worker-1" },
  file: { description: "A file of the page.", schema: choice(docsFiles), example: docsFiles[0] },
};

/** The parameters that a path has, such as `id` in `/imports/{id}`. */
export const pathParameters = (path: string): unknown[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({ in: "path", name, required: true, ...ofPath[name] }));

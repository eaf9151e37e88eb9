/** The policy as JSON Schema, built from its fields, for the OpenAPI document. */
import { type JsonSchema, orNull, record } from "../../lib/json-schema.ts";
import { completeDataset, datasetForClient, isDatasetField, isForClients } from "./policy.dataset.document.ts";
import { defaultPolicy, policyFields } from "./policy.document.ts";

type Members = Record<string, JsonSchema>;
const withDefaults = (properties: Members, defaults: object): Members =>
  Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      Object.hasOwn(defaults, name) ? { ...schema, default: (defaults as Members)[name] } : schema,
    ]),
  );

const members: Members = Object.fromEntries(
  Object.entries(policyFields).map(([name, { check, meaning }]) => [name, { ...check.schema, description: meaning }]),
);

/** What an operator may send. Absent members have their defaults. */
export { completeDataset, datasetForClient, defaultPolicy };

export const policyInput: JsonSchema = {
  type: "object",
  description: "A policy, whole or partial. Absent members have their defaults.",
  properties: withDefaults(members, defaultPolicy),
  additionalProperties: false,
};

/** The whole policy in force. The answer to a change of the webhook's receiver also has `webhook.secret`. */
export const policyOutput: JsonSchema = {
  description: "A whole policy.",
  ...record(Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, whole(schema, name)]))),
};

const ofDataset = (all: Members): Members =>
  Object.fromEntries(Object.entries(all).filter(([name]) => isDatasetField(name)));

/** What an operator may send of a dataset. */
export const datasetInput: JsonSchema = {
  type: "object",
  description: "A dataset, whole or partial. Absent members have their defaults.",
  properties: withDefaults(ofDataset(members), defaultPolicy),
  additionalProperties: false,
};

export const datasetOutput: JsonSchema = {
  description: "A whole dataset.",
  ...record(
    Object.fromEntries(Object.entries(ofDataset(members)).map(([name, schema]) => [name, whole(schema, name)])),
  ),
};

const shown = Object.entries(members).filter(([name]) => isForClients(name));

/** What a client sees of a dataset. */
export const ownDatasetOutput: JsonSchema = {
  description: "What you may send.",
  ...record({
    name: { type: "string" },
    ...Object.fromEntries(shown.map(([name, schema]) => [name, whole(schema, name)])),
  }),
};

/** A JSON merge patch (RFC 7396) of a dataset. */
export const datasetPatch: JsonSchema = {
  ...patchOf(datasetInput),
  description: "A JSON merge patch: null restores the default.",
};

/** Marks all members as required: our own answers leave nothing out. */
function whole({ additionalProperties: _, required: __, ...schema }: JsonSchema, name: string): JsonSchema {
  if (!schema.properties) return schema;
  const properties = schema.properties as Members;
  const secret = { type: "string", description: "Shown only in the answer that gives the webhook another receiver." };
  return {
    ...schema,
    ...record(name === "webhook" ? { ...properties, secret } : properties, ["secret"]),
    type: schema.type,
  };
}

/** A JSON merge patch (RFC 7396): null restores a default. */
export const policyPatch: JsonSchema = {
  ...patchOf(policyInput),
  description: "A JSON merge patch: null restores the default.",
};

function patchOf({ required: _, default: __, ...schema }: JsonSchema): JsonSchema {
  if (!schema.properties) return schema;
  const properties = Object.entries(schema.properties).map(([name, member]) => [name, nullable(patchOf(member))]);
  return { ...schema, properties: Object.fromEntries(properties) };
}

function nullable(schema: JsonSchema): JsonSchema {
  return Array.isArray(schema.type) ? schema : orNull(schema);
}

/**
 * Sequelize models of the tables that are not hot. The hot table ClientQueue has a model only for pauses. The services
 * own them: `clientCache` owns Client and writes pauses, `operator` owns Operator, and `policy` owns Policy, the tables
 * of datasets and WebhookSecret. `clientCache` and `policy` write an event of each change to the outbox, in the same
 * transaction. All three write Audit with their changes. The clock mixin owns ClockDoubt. `clientCache` and `retention`
 * write Erasure.
 */
import { DataTypes, type Model, type ModelAttributes, type ModelStatic, type Sequelize } from "sequelize";
import type { ColumnKind } from "./dialect.ts";
import type { Names } from "./schema/names.ts";
import type { Attributes, NewRow, Table } from "./schema/table.ts";
import {
  audit,
  client,
  clientQueue,
  clockDoubt,
  datasetGrant,
  datasetPin,
  documentVersion,
  endedScope,
  erasure,
  operator,
  outbox,
  policy,
  sharedDataset,
  webhookSecret,
} from "./schema/tables.ts";

type RowOf<T extends Table> = Model<Attributes<T>, NewRow<T>> & Attributes<T>;
export type ClientRow = RowOf<typeof client>;
export type ClientQueueRow = RowOf<typeof clientQueue>;
export type OperatorRow = RowOf<typeof operator>;
export type PolicyRow = RowOf<typeof policy>;
export type DatasetRow = RowOf<typeof sharedDataset>;
export type GrantRow = RowOf<typeof datasetGrant>;
export type PinRow = RowOf<typeof datasetPin>;
export type DocumentVersionRow = RowOf<typeof documentVersion>;
export type EndedScopeRow = RowOf<typeof endedScope>;
export type ErasureEntry = RowOf<typeof erasure>;
export type AuditEntry = RowOf<typeof audit>;
export type OutboxEntry = RowOf<typeof outbox>;
export type WebhookSecretRow = RowOf<typeof webhookSecret>;
export type ClockDoubtRow = RowOf<typeof clockDoubt>;

export interface Models {
  Audit: ModelStatic<AuditEntry>;
  Outbox: ModelStatic<OutboxEntry>;
  Client: ModelStatic<ClientRow>;
  ClientQueue: ModelStatic<ClientQueueRow>;
  Operator: ModelStatic<OperatorRow>;
  Policy: ModelStatic<PolicyRow>;
  SharedDataset: ModelStatic<DatasetRow>;
  DatasetGrant: ModelStatic<GrantRow>;
  DatasetPin: ModelStatic<PinRow>;
  DocumentVersion: ModelStatic<DocumentVersionRow>;
  EndedScope: ModelStatic<EndedScopeRow>;
  Erasure: ModelStatic<ErasureEntry>;
  WebhookSecret: ModelStatic<WebhookSecretRow>;
  ClockDoubt: ModelStatic<ClockDoubtRow>;
}

const types: Record<ColumnKind, () => unknown> = {
  id: () => DataTypes.BIGINT,
  int: () => DataTypes.INTEGER,
  bigint: () => DataTypes.BIGINT,
  double: () => DataTypes.DOUBLE,
  uuid: () => DataTypes.UUID,
  name: () => DataTypes.STRING(255),
  text: () => DataTypes.TEXT,
  hash: () => DataTypes.BLOB,
  key: () => DataTypes.BLOB,
  bytes: () => DataTypes.BLOB,
};

/** A new object for each column, because Sequelize writes the column's name into it. */
function attributesOf({ columns, key }: Table): ModelAttributes {
  const attributes = columns.map(({ name, kind, isNull }) => [
    name,
    { type: types[kind](), allowNull: isNull, primaryKey: key.includes(name), autoIncrement: kind === "id" },
  ]);
  return Object.fromEntries(attributes);
}

export function defineModels(sequelize: Sequelize, names: Names): Models {
  const define = <T extends Table>(name: string, table: T) =>
    sequelize.define<RowOf<T>, Attributes<T>>(name, attributesOf(table), {
      ...names.model(table.name),
      timestamps: false,
      underscored: true,
      freezeTableName: true,
    });
  return {
    Client: define("Client", client),
    ClientQueue: define("ClientQueue", clientQueue),
    Operator: define("Operator", operator),
    Policy: define("Policy", policy),
    SharedDataset: define("SharedDataset", sharedDataset),
    DatasetGrant: define("DatasetGrant", datasetGrant),
    DatasetPin: define("DatasetPin", datasetPin),
    DocumentVersion: define("DocumentVersion", documentVersion),
    EndedScope: define("EndedScope", endedScope),
    Erasure: define("Erasure", erasure),
    Audit: define("Audit", audit),
    Outbox: define("Outbox", outbox),
    WebhookSecret: define("WebhookSecret", webhookSecret),
    ClockDoubt: define("ClockDoubt", clockDoubt),
  };
}

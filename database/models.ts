/**
 * The tables that are not hot, by Sequelize. `clientCache` owns Client, `policy` owns Policy and WebhookSecret; of the outbox, which is
 * `batch`'s, they only write the events of their own changes, in the same transaction. ClockDoubt is the clock mixin's.
 */
import { DataTypes, type Model, type ModelAttributes, type ModelStatic, type Sequelize } from "sequelize";
import type { ColumnKind } from "./dialect.ts";
import type { Names } from "./schema/names.ts";
import type { Attributes, NewRow, Table } from "./schema/table.ts";
import { client, clockDoubt, outbox, policy, webhookSecret } from "./schema/tables.ts";

type RowOf<T extends Table> = Model<Attributes<T>, NewRow<T>> & Attributes<T>;
export type ClientRow = RowOf<typeof client>;
export type PolicyRow = RowOf<typeof policy>;
export type OutboxEntry = RowOf<typeof outbox>;
export type WebhookSecretRow = RowOf<typeof webhookSecret>;
export type ClockDoubtRow = RowOf<typeof clockDoubt>;

export interface Models {
  Outbox: ModelStatic<OutboxEntry>;
  Client: ModelStatic<ClientRow>;
  Policy: ModelStatic<PolicyRow>;
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

/** Made anew for each column: Sequelize writes the column's name into the object. */
function attributesOf({ columns, key }: Table): ModelAttributes {
  const attributes = columns.map(({ name, kind, isNull }) => [
    name,
    { type: types[kind](), allowNull: isNull, primaryKey: key.includes(name), autoIncrement: kind === "id" },
  ]);
  return Object.fromEntries(attributes);
}

export function defineModels(sequelize: Sequelize, names: Names): Models {
  const define = <T extends Table>(name: string, table: T) =>
    sequelize.define(name, attributesOf(table), {
      ...names.model(table.name),
      timestamps: false,
      underscored: true,
      freezeTableName: true,
    }) as unknown as ModelStatic<RowOf<T>>;
  return {
    Client: define("Client", client),
    Policy: define("Policy", policy),
    Outbox: define("Outbox", outbox),
    WebhookSecret: define("WebhookSecret", webhookSecret),
    ClockDoubt: define("ClockDoubt", clockDoubt),
  };
}

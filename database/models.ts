/**
 * The tables that are not hot, by Sequelize. `clientCache` owns Client, `policy` owns Policy and WebhookSecret; of the outbox, which is
 * `batch`'s, they only write the events of their own changes, in the same transaction.
 */
import {
  type CreationOptional,
  type DataType,
  DataTypes,
  type InferAttributes,
  type InferCreationAttributes,
  type Model,
  type ModelStatic,
  type Sequelize,
} from "sequelize";

export interface ClientRow extends Model<InferAttributes<ClientRow>, InferCreationAttributes<ClientRow>> {
  id: CreationOptional<number>;
  /** UUIDv7: what everyone outside sees. */
  publicId: string;
  identifier: string;
  name: string;
  /** SHA-256 of the secret. */
  secretHash: Buffer;
  oldSecretHash: CreationOptional<Buffer | null>;
  oldSecretUntil: CreationOptional<number | null>;
  status: "active" | "disabled";
  policyVersion: number;
  version: number;
  changedAt: number;
  createdAt: number;
}

export interface PolicyRow extends Model<InferAttributes<PolicyRow>, InferCreationAttributes<PolicyRow>> {
  clientId: number;
  version: number;
  /** The JSON text of the policy. */
  body: string;
  createdAt: number;
}

export interface OutboxEntry extends Model<InferAttributes<OutboxEntry>, InferCreationAttributes<OutboxEntry>> {
  id: CreationOptional<number>;
  topic: string;
  body: string;
  dueAt: number;
  attempts: number;
}

export interface WebhookSecretRow
  extends Model<InferAttributes<WebhookSecretRow>, InferCreationAttributes<WebhookSecretRow>> {
  clientId: number;
  secret: string;
  /** JSON of [{secret, until}]: those that a rotation left valid for a while. */
  oldSecrets: string;
  changedAt: number;
}

export interface Models {
  Outbox: ModelStatic<OutboxEntry>;
  Client: ModelStatic<ClientRow>;
  Policy: ModelStatic<PolicyRow>;
  WebhookSecret: ModelStatic<WebhookSecretRow>;
}

// Made anew for each column: Sequelize writes the column's name into the object.
const required = (type: DataType) => ({ type, allowNull: false });
const long = () => required(DataTypes.BIGINT);
const name = () => required(DataTypes.STRING(255));

export function defineModels(sequelize: Sequelize): Models {
  const table = (tableName: string) => ({ tableName, timestamps: false, underscored: true, freezeTableName: true });
  const Client = sequelize.define<ClientRow>(
    "Client",
    {
      id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
      publicId: required(DataTypes.STRING(36)),
      identifier: name(),
      name: name(),
      secretHash: required(DataTypes.BLOB),
      oldSecretHash: { type: DataTypes.BLOB, allowNull: true },
      oldSecretUntil: { type: DataTypes.BIGINT, allowNull: true },
      status: name(),
      policyVersion: long(),
      version: long(),
      changedAt: long(),
      createdAt: long(),
    },
    table("client"),
  );
  const Policy = sequelize.define<PolicyRow>(
    "Policy",
    {
      clientId: { ...long(), primaryKey: true },
      version: { ...long(), primaryKey: true },
      body: required(DataTypes.TEXT),
      createdAt: long(),
    },
    table("policy"),
  );
  const Outbox = sequelize.define<OutboxEntry>(
    "Outbox",
    {
      id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
      topic: name(),
      body: required(DataTypes.TEXT),
      dueAt: long(),
      attempts: required(DataTypes.INTEGER),
    },
    table("outbox"),
  );
  const WebhookSecret = sequelize.define<WebhookSecretRow>(
    "WebhookSecret",
    {
      clientId: { ...long(), primaryKey: true },
      secret: name(),
      oldSecrets: required(DataTypes.TEXT),
      changedAt: long(),
    },
    table("webhook_secret"),
  );
  return { Client, Policy, Outbox, WebhookSecret };
}

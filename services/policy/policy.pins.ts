/** Pins: the policies that batches of datasets were accepted under. The first upload creates a pin, and it never changes. */
import { UniqueConstraintError } from "sequelize";
import type { Database } from "../../database/database.ts";
import { rowsWhere } from "../../database/model-reads.ts";
import type { PinRow } from "../../database/models.ts";
import { jsonValue } from "../../formats/check/json-value.ts";
import { bounded } from "../../lib/batching/recent.ts";
import type { DatasetOfBatch, PolicyVersion } from "./policy.contract.ts";
import type { Policy } from "./policy.document.ts";
import { completePolicy } from "./policy.rules.ts";

/** The versions that a pin is made from: those of the client's policy, of the dataset, and of the grant. */
interface Versions {
  clientId: number;
  dataset: string;
  policyVersion: number;
  datasetVersion: number;
  grantVersion: number;
}

interface Body {
  policy: Policy;
  dataset: DatasetOfBatch;
}

/** A policy has up to 64 kB. */
const MOST_KNOWN = 1_000;

export class DatasetPins {
  private readonly known = bounded<string, PolicyVersion>(MOST_KNOWN);
  private readonly byId = bounded<string, PolicyVersion>(MOST_KNOWN);
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  /** The pin of these versions, as a policy version. It is negative, so it never equals one of the client's own versions. */
  async of(versions: Versions, body: Body): Promise<PolicyVersion> {
    const key = Object.values(versions).join(":");
    const known = this.known.get(key);
    if (known) return known;
    const version = -(await this.idOf(versions, body));
    const pinned = { version, ...body, dataset: { ...body.dataset, version: versions.datasetVersion } };
    this.known.set(key, pinned);
    return pinned;
  }

  /** The pinned version. Null: the pin was deleted, or belongs to another client. */
  async stored(clientId: number, version: number): Promise<PolicyVersion | null> {
    const key = `${clientId}:${version}`;
    const known = this.byId.get(key);
    if (known) return known;
    const [row] = await rowsWhere(this.database.models.DatasetPin, { id: -version, clientId });
    if (!row) return null;
    const { policy, dataset } = jsonValue(row.get("body") as string) as Body;
    const datasetVersion = Number(row.get("datasetVersion"));
    const pinned = { version, policy: completePolicy(policy), dataset: { ...dataset, version: datasetVersion } };
    this.byId.set(key, pinned);
    return pinned;
  }

  private async idOf(versions: Versions, body: Body): Promise<number> {
    const { DatasetPin } = this.database.models;
    const find = async () => (await rowsWhere(DatasetPin, { ...versions }))[0];
    const found = (await find()) ?? (await this.make(versions, body)) ?? (await find());
    return Number(found?.id);
  }

  /** Stores a pin. Null: another upload has stored it first. */
  private async make(versions: Versions, body: Body): Promise<PinRow | null> {
    const createdAt = await this.database.now();
    try {
      return await this.database.models.DatasetPin.create({ ...versions, body: JSON.stringify(body), createdAt });
    } catch (error) {
      if (error instanceof UniqueConstraintError) return null;
      throw error;
    }
  }
}

/** The versions of policies and datasets that operators can look at: who has changed what, and when. */

/** Names a document: a client's policy, or a dataset. */
export interface DocumentName {
  /** 0 for a dataset. */
  clientId: number;
  /** Empty for a client's policy. */
  dataset: string;
}

export const policyOf = (clientId: number): DocumentName => ({ clientId, dataset: "" });
export const datasetOf = (dataset: string): DocumentName => ({ clientId: 0, dataset });

/** How many versions of each document are kept: the newest ones. */
export const KEPT_VERSIONS = 100;

export interface VersionRow {
  version: number;
  /** Epoch ms. */
  at: number;
  /** Who has made the version. Null: unknown. */
  who: string | null;
  /** JSON of the fields that differ from the version before. Null: unknown. */
  changed: string | null;
  /** 1: this version deleted the dataset. */
  isDeletion: number;
}

export interface VersionQuery extends DocumentName {
  /** Only versions before this one. */
  before?: number | undefined;
  limit: number;
}

/** Both inclusive. */
export interface VersionSpan {
  from: number;
  to: number;
}

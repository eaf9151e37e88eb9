/**
 * The types of the data that the console reads. They come from the services, so that the console no longer compiles when a
 * service renames a field. Only this file of the console imports from the services.
 */
import type { ComponentType } from "preact";
import type { auditView } from "../services/api/routes/admin.audit.ts";
import type { grantView } from "../services/api/routes/admin.datasets.ts";
import type { erasureView } from "../services/api/routes/admin.erasures.ts";
import type { keyView } from "../services/api/routes/admin.keys.ts";
import type { operatorView } from "../services/api/routes/admin.operators.ts";
import type { versionView } from "../services/api/routes/admin.versions.ts";
import type { deliveryView, sendingView } from "../services/api/routes/deliveries.ts";
import type {
  batchView,
  clientView,
  detailsView,
  listedBatchView,
  listedClientView,
  operatorBatchView,
} from "../services/api/routes/views.ts";
import type { BatchState } from "../services/batch/batch.domain.ts";
import type { HistoryItem } from "../services/batch/batch.history.domain.ts";
import type { ErrorSummary, RecordErrors, ClientNeed as StoredNeed } from "../services/batch/batch.reads.domain.ts";
import type { CheckedBody } from "../services/imports/imports.domain.ts";
import type { AnswerOf } from "../services/messages.ts";
import type { Check, NodeFigures, Readiness, SystemStats } from "../services/monitor/monitor.contract.ts";
import type { OperatorRole } from "../services/operator/operator.domain.ts";
import type { Dataset, ListedDataset as DatasetListed, Policy } from "../services/policy/policy.contract.ts";

import type { Figures } from "../services/stats/stats.domain.ts";

export type { BatchState, Check, NodeFigures, OperatorRole, Policy, Readiness, SystemStats };

/** A batch as partners see it. */
export type Batch = ReturnType<typeof batchView>;
/** A batch as operators see it. */
export type OperatorBatch = Awaited<ReturnType<typeof operatorBatchView>>;
/** An item of the operators' list of batches. */
export type ListedBatch = ReturnType<typeof listedBatchView>;
/** `GET /admin/batches/{id}`. */
export type WholeBatch = ListedBatch & ReturnType<typeof detailsView>;
export type HistoryEntry = Omit<HistoryItem, "at"> & { at: string };
export type { ErrorSummary };
export type ErrorGroup = ErrorSummary["groups"][number];
/** A rejected record, with its errors. */
export type Rejected = Omit<RecordErrors, "seq"> & { record: number; corrected?: true };
/** The answer of `GET …/rules`: the differences between the rules of a batch and the present rules. */
export interface BatchRules {
  dataset: string;
  version: { batch: number | null; now: number | null };
  isKept: boolean;
  /** The values before and after, by pointer. `truncated`: how many further changes there are. */
  changes: Record<string, unknown> | null;
}
/** Where the cells of a body's records are. Missing for formats without cells. */
export interface Layout {
  columns: string[];
  delimiter: string | null;
  quote: string | null;
}
/** The answer of `GET …/errors` as JSON. */
export interface RejectedPage {
  items: Rejected[];
  next: number | null;
  layout?: Layout;
  truncated?: true;
  records?: number;
}

/** An item of the versions of a policy or a dataset. */
export type DocumentVersion = Omit<ReturnType<typeof versionView>, "at"> & { at: string; deleted?: true };
export type AuditEntry = ReturnType<typeof auditView>;
export type Delivery = Awaited<ReturnType<typeof deliveryView>>;
export type WholeDelivery = Delivery & ReturnType<typeof sendingView>;
type Migrations = AnswerOf<"batch.migrations">;
export type SystemDescription = AnswerOf<"monitor.system"> & {
  database: { kind: Migrations["kind"]; migrations: Omit<Migrations, "kind"> };
};
export type Operator = ReturnType<typeof operatorView>;
export type Client = ReturnType<typeof clientView>;
export type ListedClient = ReturnType<typeof listedClientView>;
/** A client in the answer of `GET /admin/stats/attention`. */
export interface ClientNeed {
  kind: StoredNeed["kind"];
  client: Pick<Client, "id" | "clientIdentifier" | "name">;
  used: number;
  limit: number;
  since: string | null;
}
export type ClientKey = ReturnType<typeof keyView>;
export type Grant = ReturnType<typeof grantView>;
export type Erasure = ReturnType<typeof erasureView>;
export type Usage = AnswerOf<"monitor.usage"> & { streams: { open: number; limit: number } };
/** An entry of the list of datasets. */
export type ListedDataset = Omit<DatasetListed, "changedAt"> & { changedAt: string };

/** The answer to a check of the beginning of a file. */
export type CheckedFile = Omit<CheckedBody, "records"> & {
  records: { record: number; line: number | null; raw: string; data: unknown; errors: RecordFault[] }[];
};
/** A fault of a record. */
export interface RecordFault {
  field: string;
  code: string;
  message: string;
  value?: string | undefined;
}
/** A dataset as its partner sees it. */
export type OwnDataset = { name: string } & Dataset;
export interface OwnDatasetItem {
  name: string;
  description: string | null;
  formats: string[];
}
/** What `GET /account` answers. */
export interface Account {
  id: string;
  clientIdentifier: string;
  name: string;
  status: string;
  createdAt: string;
  features: { rotateSecret: boolean };
  key: { name: string; expiresAt: string | null; scopes: string[] } | null;
  secret: { createdAt: string | null; previousValidUntil: string | null };
  webhook: {
    url: string;
    events: string[];
    secret: { createdAt: string; previousValidUntil: string | null };
  } | null;
}

/** What `GET /session` answers. */
export interface Session {
  role: OperatorRole | "partner";
  name: string;
  client?: Client;
  expiresAt: string;
}

/** What the node writes into the page (services/api/routes/console.ts). */
export interface PageSettings {
  version: string;
  label: string | null;
  partners: boolean;
  tokenFile: string | null;
}

/** The answer of `GET /admin/stats/history`. It has only the series that were asked for. */
export interface History {
  step: "10s" | "1m" | "1h" | "1d";
  from: string;
  partial: boolean;
  series: Partial<Record<keyof Figures | "claimLatencyMs", (number | null)[]>>;
}

/** A page of a list. */
export interface Listed<T> {
  items: T[];
  next: string | null;
}

export type Query = Record<string, string>;

/** What a page's component gets. */
export interface PageProps {
  /** The parts of the path that the page's pattern names. */
  params: Record<string, string>;
  /** The filters in the address. */
  query: Query;
}

/** A line of pages/index.js. */
export interface PageEntry {
  /** Such as `/batches/:id`. */
  path: string;
  title: string;
  side: "operator" | "partner";
  /** The lowest role that may open the page. Left out: every operator may. */
  role?: OperatorRole;
  /** The page's entry in the navigation. `key`: pressing `g` and this letter opens the page. */
  nav?: { icon: string; key: string };
  /** The path of the page that the navigation marks while this page is open. */
  under?: string;
  /** A style sheet that only this page needs, such as `pages/batch.css`. It is loaded with the page. */
  style?: string | string[];
  load(): Promise<{ default: ComponentType<PageProps> }>;
}

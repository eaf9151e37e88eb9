/** The tables of alerts for the operators' chat. */
import type { AlertSubject, Pending } from "../../services/alerts/alerts.domain.ts";
import { json, table } from "./table.ts";

/** A row for each kind of alert. The node that holds the row writes the alert's line and sends it. */
export const alert = table(
  "alert",
  {
    kind: "name",
    dueAt: "bigint",
    /** The claim of the node that holds the row. Null: no node holds it. */
    claim: "uuid?",
    /** Failed attempts to send the line, since the last success. */
    tries: "int",
    /** What the holder has taken from the notes and not yet sent. */
    pending: json<Pending | null>("text?"),
  },
  { key: ["kind"], writers: ["alerts"] },
);

/** Facts that alerts will report. A note is deleted once the holder of its kind has taken it into `alert.pending`. */
export const alertNote = table(
  "alert_note",
  { publicId: "uuid", kind: "name", at: "bigint", about: json<AlertSubject>() },
  { key: ["publicId"], writers: ["outbox", "webhook", "alerts"] },
);

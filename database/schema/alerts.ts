/** The tables of alerts for the operators' chat. */
import type { AlertSubject, Pending } from "../../services/alerts/alerts.domain.ts";
import { json, table } from "./table.ts";

/** A row for each kind of alert, whose holder makes and sends its line. */
export const alert = table(
  "alert",
  {
    kind: "name",
    dueAt: "bigint",
    /** The holder. Null: nobody. */
    claim: "uuid?",
    /** How often in a row the line could not be sent. */
    tries: "int",
    /** What is left to tell. */
    pending: json<Pending | null>("text?"),
  },
  { key: ["kind"], writers: ["alerts"] },
);

/** What is to be told, until the holder of its kind has taken it in. */
export const alertNote = table(
  "alert_note",
  { publicId: "uuid", kind: "name", at: "bigint", about: json<AlertSubject>() },
  { key: ["publicId"], writers: ["outbox", "webhook", "alerts"] },
);

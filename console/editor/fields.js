/** The order and the names of the form's fields. A field that this table does not know comes last. */

/** @type {[title: string, lead: string, fields: string[]][]} */
export const groups = [
  ["What is sent", "For whoever sends it.", ["description", "formats"]],
  ["Records", "What one record is, and by what it is known.", ["schema", "uniqueKey", "uniqueKeyDays", "sensitive"]],
  ["Reading files", "How the text of a file becomes records.", ["read"]],
  ["Records with faults", "What happens to them.", ["onInvalid", "maxErrors", "maxStoredErrors"]],
  ["Sizes", "What is larger is refused.", ["maxBytes", "maxRecords", "maxRecordBytes"]],
  [
    "Limits of this client",
    "Over all its datasets.",
    ["rate", "bytesPerDay", "recordsPerDay", "maxConcurrentBatches", "weight", "maxConcurrentUploads"],
  ],
  ["When batches run", "What they wait for.", ["requiresApproval", "approveWhen", "window", "order"]],
  ["The same file again", "By the content of the file.", ["dedup", "dedupHours"]],
  [
    "Where records go",
    "And what happens when that fails.",
    ["handler", "table", "handlerTimeoutMs", "chunkRecords", "maxAttempts", "backoff"],
  ],
  ["Webhook", "Who is told.", ["webhook"]],
  ["How long it is kept", "After that it is deleted.", ["validatedHours", "keepBodyDays", "retentionDays"]],
];

/** @type {Record<string, string>} */
const labels = {
  maxBytes: "Largest file",
  maxRecords: "Most records of a file",
  maxRecordBytes: "Largest record",
  schema: "Schema of a record",
  read: "How files are read",
  onInvalid: "A record with faults",
  maxErrors: "Most rejected records",
  maxStoredErrors: "Faults in the report",
  sensitive: "Sensitive fields",
  rate: "Requests",
  bytesPerDay: "Bytes a day",
  recordsPerDay: "Records a day",
  maxConcurrentBatches: "Batches at once",
  maxConcurrentUploads: "Uploads at once",
  requiresApproval: "Approval",
  approveWhen: "Approval only when",
  window: "Hours in which batches run",
  dedup: "A file that came before",
  dedupHours: "Content is remembered for",
  uniqueKey: "Unique key",
  uniqueKeyDays: "A key lasts",
  table: "Table of your own",
  handlerTimeoutMs: "Time for a chunk",
  chunkRecords: "Records of a chunk",
  maxAttempts: "Attempts",
  backoff: "Wait between attempts",
  validatedHours: "Checked batches are kept",
  keepBodyDays: "Files are kept",
  retentionDays: "Batches are kept",
  url: "URL",
};

/** @type {Record<string, Record<string, string>>} what a choice means, by field */
export const choices = {
  onInvalid: { skip: "skip it, deliver the others", rejectBatch: "fail the whole batch" },
  requiresApproval: {
    true: "before a batch is checked",
    false: "not wanted",
    afterValidation: "after a batch is checked",
  },
  order: { none: "any order", fifo: "one after another" },
  dedup: { allow: "import it again", reject: "refuse it", returnExisting: "answer with the earlier batch" },
  unknownColumns: { keep: "keep them", drop: "leave them out", refuse: "refuse the file" },
  mode: {
    insert: "add rows",
    ignore: "add rows, leave those that are there",
    upsert: "add or change rows",
    update: "change rows that are there",
    delete: "delete rows",
  },
  absent: { keep: "leave the column as it is", null: "empty the column" },
  type: { exponential: "longer each time", fixed: "always the same" },
};

/** @param {string} name `maxAttempts` as "Max attempts", or our own word */
export const labelOf = (name) => {
  if (labels[name] !== undefined) return labels[name];
  const words = name.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/**
 * The field that a typed text means. A field with this name comes before a field whose description only mentions it.
 * @param {string[]} names in their order
 * @param {string} text in small letters
 */
export function meantBy(names, text) {
  const rank = (/** @type {string} */ name) => {
    const own = [name.toLowerCase(), labelOf(name).toLowerCase()];
    if (own.includes(text)) return 0;
    return own.some((one) => one.startsWith(text)) ? 1 : own.some((one) => one.includes(text)) ? 2 : 3;
  };
  return names.toSorted((a, b) => rank(a) - rank(b))[0];
}

/**
 * The groups with the fields that the document has.
 * @param {string[]} names
 */
export function groupsOf(names) {
  const known = new Set(groups.flatMap(([, , fields]) => fields));
  const rest = names.filter((name) => !known.has(name));
  const all = [...groups, /** @type {const} */ (["More", "", rest])];
  return all
    .map(([title, lead, fields]) => ({ title, lead, fields: fields.filter((name) => names.includes(name)) }))
    .filter(({ fields }) => fields.length > 0);
}

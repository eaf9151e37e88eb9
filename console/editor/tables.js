/** Tables that the database has, and the one that a draft names. */

/** @typedef {{ name: string, columns: { name: string }[] }} TableThere */

/** The schemas in which PostgreSQL, SQL Server and SQLite look for a table that is named without one. */
const USUAL_SCHEMA = /^(public|dbo|main)\./;

/** `public.orders` is `orders`. @param {string} listed @param {unknown} written */
export const isSameTable = (listed, written) =>
  typeof written === "string" && listed.replace(USUAL_SCHEMA, "") === written.replace(USUAL_SCHEMA, "");

/** Each table once: the draft's own as it is written there. @param {TableThere[]} tables @param {unknown} written */
export const namesOf = (tables, written) =>
  tables.map(({ name }) => (isSameTable(name, written) ? /** @type {string} */ (written) : name));

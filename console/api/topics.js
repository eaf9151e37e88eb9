/**
 * Says which events belong to which topics. The page has one stream for all lists, and each list gets only the events of its own
 * topics.
 */

/**
 * @param {string[]} topics such as `stats`, `batches`, `batch:ID`
 * @param {string} name of the event
 * @param {any} data
 */
export function isAbout(topics, name, data) {
  switch (name) {
    case "batch":
      return topics.includes("batches") || topics.includes(`batch:${data?.id}`);
    case "delivery":
      return topics.includes("deliveries");
    default:
      return topics.includes("stats");
  }
}

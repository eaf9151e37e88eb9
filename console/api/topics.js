/** Which events of the stream are about which topics. A page has one stream for all of its lists, and each is to hear only of its own. */

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

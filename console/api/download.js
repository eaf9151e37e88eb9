/**
 * Downloads files whose type needs an `Accept` header, which a link cannot send. Other files are plain links, so that the page
 * does not hold them in memory.
 */

import { toastProblem } from "../ui/toast.js";
import { urlOf, withQuery } from "./client.js";
import { problemOf } from "./problem.js";

/**
 * @param {string} path
 * @param {Record<string, string | undefined>} query
 * @param {string} type `text/csv`
 * @param {string} name of the file
 */
export async function download(path, query, type, name) {
  try {
    const response = await fetch(urlOf(withQuery(path, query)), {
      headers: { Accept: type },
      credentials: "same-origin",
    });
    if (!response.ok) throw await problemOf(response);
    save(await response.blob(), name);
  } catch (error) {
    toastProblem(`${name} could not be made`, error);
  }
}

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

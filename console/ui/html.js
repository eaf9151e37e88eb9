/** Makes elements from `html` templates. A value in a template becomes a text node or a property, never markup. */
import htm from "htm";
import { h } from "preact";

/** @import { VNode } from "preact" */

/** Characters that reverse the order in which letters are shown. With one, a name can look like another name. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
const escaped = (/** @type {string} */ letter) => `\\u${letter.charCodeAt(0).toString(16)}`;

/** @param {unknown} child @returns {unknown} */
function visible(child) {
  if (typeof child === "string") return child.replace(TURNING, escaped);
  return Array.isArray(child) ? child.map(visible) : child;
}

/** Works as Preact's `h`, but texts show these characters as `\\u202e`, as error reports do. */
const element = (/** @type {any} */ type, /** @type {any} */ props, /** @type {unknown[]} */ ...children) =>
  h(type, props, .../** @type {any[]} */ (children.map(visible)));

/** @type {(strings: TemplateStringsArray, ...values: unknown[]) => VNode} */
export const html = /** @type {any} */ (htm).bind(element);

/** Markup: `html` makes elements. Every value in it is a text node or a property, never markup. */
import htm from "htm";
import { h } from "preact";

/** @import { VNode } from "preact" */

/** @type {(strings: TemplateStringsArray, ...values: unknown[]) => VNode} */
export const html = /** @type {any} */ (htm).bind(h);

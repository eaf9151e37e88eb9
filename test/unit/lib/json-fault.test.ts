/** The promise: the fault of a text that is not JSON is at the first character with which no JSON can begin. */
import { faultOf } from "../../../lib/json-fault.ts";

const END = "end";

test.each<[text: string, place: number | typeof END]>([
  ["", 0],
  [" \n", END],
  ["{", END],
  ['{"a": 1', END],
  ['{"a": }', 6],
  ['{"a":1,}', 7],
  ["[1,]", 3],
  ["[1 2]", 3],
  ["[1}", 2],
  ["{} x", 3],
  ["{a: 1}", 1],
  ['{"a" 1}', 5],
  ["// note", 0],
  ["\u00a0{}", 0],
  ["nope", 1],
  ["nul", END],
  ["[truex]", 5],
  ["[1 nope]", 3],
  ["{nope: 1}", 1],
  ["-", END],
  ["-x", 1],
  ["01", 1],
  ["1.x", 2],
  ["[1.]", 3],
  ["1e+", END],
  ["[2 1.]", 3],
  ['"never', END],
  ['"esc\\', END],
  ['"\\u00', END],
  ['"a\\u00zz"', 6],
  ['"\\q"', 2],
  ['"\\', END],
  ['"a\tb"', 2],
  ['["a\nb"]', 3],
  ['[1 "\\q"]', 3],
  ['[1 "a\tb"]', 3],
  ['[1 "\\u00zz"]', 3],
  ['[1 "never', 3],
  ['{"\\q": 1}', 3],
  ['{"\u0001": 1}', 2],
])("%j: %s", (text, place) => {
  expect(() => JSON.parse(text)).toThrow(SyntaxError);
  expect(faultOf(text)).toBe(place === END ? text.length : place);
});

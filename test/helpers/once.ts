/**
 * For test files that run again on another database (jest.config.cjs). `once` marks tests whose result does not depend on the
 * database, or whose statements other tests of the file send too. They run on SQLite only.
 */
const isAgain = Boolean(process.env.TEST_DATABASE);

export const testOnce = isAgain ? test.skip : test;
export const describeOnce = isAgain ? describe.skip : describe;

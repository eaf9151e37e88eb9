/**
 * For files that run again on another database (jest.config.cjs): tests of what is decided before a statement, or by statements that
 * the file's other tests send too. They run on SQLite alone.
 */
const isAgain = Boolean(process.env.TEST_DATABASE);

export const testOnce = isAgain ? test.skip : test;
export const describeOnce = isAgain ? describe.skip : describe;

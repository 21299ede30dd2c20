// The contract's schema of the list, as a function that throws when an answer breaks it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

export function validator(schema) {
  const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
  addFormats(ajv);
  const validate = ajv.compile(schema);
  return (value) => assert.ok(validate(value), `${ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
}

export const checkList = validator(JSON.parse(readFileSync(new URL('../contract.schema.json', import.meta.url), 'utf8')));

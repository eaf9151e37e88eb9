/** One fault of a record: path of the field, stable code, sentence. */
export interface RecordFault {
  field: string;
  code: string;
  message: string;
}

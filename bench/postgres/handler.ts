/** A handler that reports when its first line ran, by the clock that all processes of the machine share. */
export default {
  name: "probe",
  actions: {
    take: {
      importHandler: true,
      handler({ params }: { params: { batchId: string } }) {
        process.send?.({ id: params.batchId, at: String(process.hrtime.bigint()) });
      },
    },
  },
};

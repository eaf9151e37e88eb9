/** A handler that reports when its first line ran. All processes of the machine share the clock that it reads. */
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

# Starts a node with the settings of its environment. Node takes this shell's place, so that signals reach it.
#   sh scripts/start.sh [CODE [RUNNER]]     CODE: the folder of the code; RUNNER: moleculer-runner. The repository's by default.
#
# Memory is kept flat under large bodies: a young generation of 8 MB is enough for one chunk (V8's own choice grows to
# 100 MB), moleculer.config.ts has the old one collected sooner, and what is free of the heap's end goes back to the system. Up
# to 16 MB of it stay, for buffers of a chunk's size: with glibc's own thresholds each of them is new memory, and filling that
# costs a third of an import's CPU time on a virtual machine.
#
# What Node has compiled is kept: each start after the first takes 0.6 s of a core less. Where it may not write, it does without.
code=${1:+$1/}
runner=${2:-node_modules/moleculer/bin/moleculer-runner.mjs}
config=$(echo "$code"moleculer.config.[tj]s)
exec env SERVICEDIR="${code}services" NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-node_modules/.cache/node-compile}" \
  MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=4194304 MALLOC_TRIM_THRESHOLD_=16777216 \
  node --max-semi-space-size=8 "$runner" \
  --config "$config" --mask "**/*.service${config##*moleculer.config}"

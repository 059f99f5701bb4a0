# cmake -DBUILD=build-tree -DSCRATCH=folder -P install.cmake: leaves a fresh installation in SCRATCH/prefix.
file(REMOVE_RECURSE "${SCRATCH}/first" "${SCRATCH}/prefix")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/first" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${SCRATCH}/first" "${SCRATCH}/prefix")
# The program finds its libraries wherever the package stands.
execute_process(COMMAND "${SCRATCH}/prefix/bin/tapegrad" ops tanh OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

# The catalogue: a library of its own that lists every op (samples, formulas, benchmark cases), for the tests, the tools and the documents.
# A program that only computes does not link to it and carries none of that.
#
# The list is made at build time from the op files themselves, src/ops/ROOM/OP.cpp (and the few that the engine needs, in src/tape): those with a TAPEGRAD_CATALOGUE( line. Static
# initialisers could not do it: a linker drops from an archive the objects that nothing refers to.
file(GLOB op_files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/ops/*/*.cpp" "${CMAKE_CURRENT_SOURCE_DIR}/src/tape/*.cpp")
set(registry "${CMAKE_CURRENT_BINARY_DIR}/catalogue_registry.cpp")
set(generator "${PROJECT_SOURCE_DIR}/cmake/GenerateCatalogue.cmake")
add_custom_command(
  OUTPUT "${registry}"
  COMMAND "${CMAKE_COMMAND}" "-DOP_FILES=${op_files}" "-DREGISTRY=${registry}" -P "${generator}"
  DEPENDS ${op_files} "${generator}"
  COMMENT "Listing the ops" VERBATIM)
add_library(tapegrad_catalogue STATIC "${registry}")
tapegrad_package_library(catalogue)
target_link_libraries(tapegrad_catalogue PUBLIC tapegrad::core)

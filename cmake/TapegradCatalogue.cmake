# A catalogue: a library of its own that lists every entry (samples, formulas, benchmark cases), for the tests, the tools and the
# documents. A program that only computes does not link to it and carries none of that.
#
#   tapegrad_catalogue(NAME LIBRARY MACRO NAMESPACE ENTRY FUNCTION FILES...)
#
# makes tapegrad::NAME beside tapegrad::LIBRARY, whose function NAMESPACE::FUNCTION() gives a pointer to the ENTRY of each line
# MACRO(family, entry, Struct) in FILES. The list is made at build time. Static initialisers could not do it: a linker drops from an
# archive the objects that nothing refers to.
function(tapegrad_catalogue name library macro namespace entry function)
  set(registry "${CMAKE_CURRENT_BINARY_DIR}/${name}_registry.cpp")
  set(generator "${PROJECT_SOURCE_DIR}/cmake/GenerateCatalogue.cmake")
  add_custom_command(
    OUTPUT "${registry}"
    COMMAND "${CMAKE_COMMAND}" "-DFILES=${ARGN}" "-DREGISTRY=${registry}" "-DMACRO=${macro}" "-DNAMESPACE=${namespace}"
            "-DENTRY=${entry}" "-DFUNCTION=${function}" -P "${generator}"
    DEPENDS ${ARGN} "${generator}"
    COMMENT "Listing the entries of ${name}" VERBATIM)
  add_library(tapegrad_${name} STATIC "${registry}")
  set_target_properties(tapegrad_${name} PROPERTIES UNITY_BUILD OFF)  # or clang-tidy, before any build, would miss the registry
  tapegrad_package_library(${name})
  target_link_libraries(tapegrad_${name} PUBLIC tapegrad::${library})
endfunction()

# cmake -DFILES=... -DREGISTRY=... -DMACRO=... -DNAMESPACE=... -DENTRY=... -DFUNCTION=... -P GenerateCatalogue.cmake: writes the source
# that lists every entry (see TapegradCatalogue.cmake).
cmake_minimum_required(VERSION 3.25)
set(names "")
foreach(file ${FILES})
  file(STRINGS "${file}" lines REGEX "^[ \t]*${MACRO}\\(")
  foreach(line ${lines})
    if(NOT line MATCHES "${MACRO}\\([ ]*([A-Za-z0-9_]+)[ ]*,[ ]*([A-Za-z0-9_]+)[ ]*,")
      message(FATAL_ERROR "${file}: expected ${MACRO}(family, entry, Struct) on one line, got: ${line}")
    endif()
    set(family "${CMAKE_MATCH_1}")
    set(name "${CMAKE_MATCH_2}")
    # An op's family is its folder and its name its file's.
    if("${file}" MATCHES "/ops/([^/]+)/([^/]+)\\.cpp$")
      if(NOT "${family}/${name}" STREQUAL "${CMAKE_MATCH_1}/${CMAKE_MATCH_2}")
        message(FATAL_ERROR "${file}: expected ${MACRO}(${CMAKE_MATCH_1}, ${CMAKE_MATCH_2}, ...), got: ${line}")
      endif()
    endif()
    if(name IN_LIST names)
      message(FATAL_ERROR "two entries are called ${name}; an entry's name must be its own")
    endif()
    list(APPEND names ${name})
  endforeach()
endforeach()
list(SORT names)
list(LENGTH names count)

set(declarations "")
set(entries "")
foreach(name ${names})
  string(APPEND declarations "const ${ENTRY}& entry_${name}();\n")
  string(APPEND entries "&entry_${name}(), ")
endforeach()

file(CONFIGURE OUTPUT "${REGISTRY}" @ONLY CONTENT [[
// Written by the build from the sources' @MACRO@ lines; do not edit.
#include <array>
#include <span>

namespace @NAMESPACE@ {

struct @ENTRY@;
@declarations@
std::span<const @ENTRY@* const> @FUNCTION@();

std::span<const @ENTRY@* const> @FUNCTION@() {
  static const std::array<const @ENTRY@*, @count@> entries{@entries@};
  return entries;
}

}  // namespace @NAMESPACE@
]])

# cmake -DOP_FILES=... -DREGISTRY=... -P GenerateCatalogue.cmake: writes the source that lists every op (see TapegradCatalogue.cmake).
cmake_minimum_required(VERSION 3.25)
set(names "")
foreach(file ${OP_FILES})
  file(STRINGS "${file}" entry REGEX "^[ \t]*TAPEGRAD_CATALOGUE\\(" LIMIT_COUNT 1)
  if(entry)
    get_filename_component(name "${file}" NAME_WE)
    if(name IN_LIST names)
      message(FATAL_ERROR "two op files are called ${name}.cpp; an op's name must be its own")
    endif()
    list(APPEND names ${name})
  endif()
endforeach()
list(SORT names)
list(LENGTH names count)

set(declarations "")
set(entries "")
foreach(name ${names})
  string(APPEND declarations "const OpEntry& entry_${name}();\n")
  string(APPEND entries "&entry_${name}(), ")
endforeach()

file(CONFIGURE OUTPUT "${REGISTRY}" @ONLY CONTENT [[
// Written by the build from the files under core/src/ops; do not edit.
#include <array>
#include <span>

namespace tapegrad::catalogue {

struct OpEntry;
@declarations@
std::span<const OpEntry* const> all_ops();

std::span<const OpEntry* const> all_ops() {
  static const std::array<const OpEntry*, @count@> entries{@entries@};
  return entries;
}

}  // namespace tapegrad::catalogue
]])

# tapegrad_read_again(VARIABLE SOURCES...): sets VARIABLE to those of SOURCES that name themselves to be read again, once per processor.
function(tapegrad_read_again variable)
  set(read_again "")
  foreach(source ${ARGN})
    file(STRINGS "${source}" names_itself REGEX "^#define HWY_TARGET_INCLUDE" LIMIT_COUNT 1)
    if(names_itself)
      list(APPEND read_again "${source}")
    endif()
  endforeach()
  set(${variable} "${read_again}" PARENT_SCOPE)
endfunction()

# tapegrad_compile_together(TARGET SOURCES...)
#
# What a unity build is for sources that Highway reads once per processor: of those among SOURCES that name themselves to be read
# again, as many as the target's UNITY_BUILD_BATCH_SIZE says are compiled as one that names itself. The headers, Highway's above all,
# are read once for them.
function(tapegrad_compile_together target)
  tapegrad_read_again(read_again ${ARGN})
  set_source_files_properties(${read_again} PROPERTIES HEADER_FILE_ONLY ON)
  get_target_property(batch_size ${target} UNITY_BUILD_BATCH_SIZE)
  if(NOT batch_size)  # no limit
    set(batch_size -1)
  endif()
  set(number 0)
  while(read_again)
    list(SUBLIST read_again 0 ${batch_size} batch)
    list(REMOVE_ITEM read_again ${batch})
    set(piece "${CMAKE_CURRENT_BINARY_DIR}/together/${target}_${number}.cpp")
    list(TRANSFORM batch REPLACE "(.+)" "#include \"\\1\"" OUTPUT_VARIABLE includes)
    list(JOIN includes "\n" includes)
    # Each source names itself, and Highway asks for the name after each processor.
    set(name_it "#undef HWY_TARGET_INCLUDE\n#define HWY_TARGET_INCLUDE \"${piece}\"\n")
    file(CONFIGURE OUTPUT "${piece}" CONTENT "${name_it}#include <hwy/foreach_target.h>\n${includes}\n${name_it}" @ONLY)
    set_source_files_properties("${piece}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    target_sources(${target} PRIVATE "${piece}")
    math(EXPR number "${number} + 1")
  endwhile()
endfunction()

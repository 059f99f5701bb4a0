# What tests of a command line share: PROGRAM, and SCRATCH, the folder that it works in.
cmake_path(GET PROGRAM STEM program_name)
string(ASCII 27 escape)

# run(expected_result regex...): runs PROGRAM with ARGUMENTS; every regex must match what it prints, and neither terminal codes nor
# UNWANTED, a regex, may be in it. Sets out, what it prints on the standard output.
function(run expected)
  execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE err
                  WORKING_DIRECTORY "${SCRATCH}")
  if(NOT result STREQUAL expected)
    message(FATAL_ERROR "${program_name} ${ARGUMENTS}: expected ${expected}, ended with ${result}\n${out}\n${err}")
  endif()
  foreach(regex IN LISTS ARGN)
    if(NOT "${out}${err}" MATCHES "${regex}")
      message(FATAL_ERROR "${program_name} ${ARGUMENTS}: nothing like \"${regex}\" in\n${out}\n${err}")
    endif()
  endforeach()
  if("${out}${err}" MATCHES "${escape}")
    message(FATAL_ERROR "${program_name} ${ARGUMENTS}: terminal codes in a pipe")
  endif()
  if(UNWANTED AND "${out}${err}" MATCHES "${UNWANTED}")
    message(FATAL_ERROR "${program_name} ${ARGUMENTS}: \"${CMAKE_MATCH_0}\" in\n${out}\n${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

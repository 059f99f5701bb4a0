# cmake -DPROGRAM=program -P expect_failure.cmake: the program fails, by its one wrong case alone, and says why.
execute_process(COMMAND "${PROGRAM}" RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "the wrong gradient passed:\n${output}")
endif()
foreach(words
    "gradcheck: wrong" "worst elements" "constant factor: analytic = 2 × numeric" "a factor 2 too much" "reproduce" "doubled")
  string(FIND "${output}" "${words}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "no \"${words}\" in the output:\n${output}")
  endif()
endforeach()
string(REGEX MATCHALL "gradcheck: wrong" failures "${output}")
list(LENGTH failures count)
if(NOT count EQUAL 1 OR NOT output MATCHES "[^0-9]1 (failure is detected|FAILED TEST\n)")  # as Boost.Test and GoogleTest count
  message(FATAL_ERROR "expected one failure, of ${count} wrong gradients:\n${output}")
endif()

# The same for both consumers: a program for each target that they have of the package, and those of examples/api; each is a test, but for those that
# train where nothing is optimised: they take minutes there.
foreach(target tapegrad core nn optim)
  add_executable(uses_${target} "${CMAKE_CURRENT_LIST_DIR}/shapes.cpp")
  target_link_libraries(uses_${target} PRIVATE tapegrad::${target})
  add_test(NAME uses_${target} COMMAND uses_${target})
endforeach()

if(TARGET tapegrad::suite)
  add_executable(uses_suite "${CMAKE_CURRENT_LIST_DIR}/suite.cpp")
  target_link_libraries(uses_suite PRIVATE tapegrad::suite)
  add_test(NAME uses_suite COMMAND uses_suite check)
endif()

file(GLOB programs CONFIGURE_DEPENDS "${TAPEGRAD_API_PROGRAMS}/*.cpp")
foreach(program ${programs})
  get_filename_component(name ${program} NAME_WE)
  add_executable(${name} ${program})
  target_link_libraries(${name} PRIVATE tapegrad::tapegrad fmt::fmt)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" OR NOT name MATCHES "^(generating|training)$")
    add_test(NAME ${name} COMMAND ${name})
  endif()
endforeach()

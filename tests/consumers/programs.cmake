# The same for both consumers: a program for each target of the package, and those of examples/api; each is a test, but for those that
# train where nothing is optimised: they take minutes there.
foreach(target tapegrad core nn optim)
  add_executable(uses_${target} "${CMAKE_CURRENT_LIST_DIR}/shapes.cpp")
  target_link_libraries(uses_${target} PRIVATE tapegrad::${target})
  add_test(NAME uses_${target} COMMAND uses_${target})
endforeach()

file(GLOB programs CONFIGURE_DEPENDS "${TAPEGRAD_API_PROGRAMS}/*.cpp")
foreach(program ${programs})
  get_filename_component(name ${program} NAME_WE)
  add_executable(${name} ${program})
  target_link_libraries(${name} PRIVATE tapegrad::tapegrad fmt::fmt)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" OR NOT name MATCHES "^(generating|training)$")
    add_test(NAME ${name} COMMAND ${name})
  endif()
endforeach()

# Settings shared by tapegrad's own targets; never by those who link to it.
function(tapegrad_own_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef
    -ffp-contract=off                       # same bits in every kernel: multiply-add only where it is written
    # Calls inside a file of a library may be inlined, as clang does it anyway.
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:$<TARGET_PROPERTY:POSITION_INDEPENDENT_CODE>>>:-fno-semantic-interposition>
    -ffunction-sections -fdata-sections     # a program carries only the ops it uses (and no derivations)
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # g++ 12 sees overlaps in std::string operator+ that are not there (GCC bug 105651)
    # Where several sources are compiled as one, g++ warns of types in an unnamed namespace that are not in the file that it was given.
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
    $<$<BOOL:${TAPEGRAD_WERROR}>:-Werror>)
  if(TAPEGRAD_SANITIZE)
    # Pointers are computed so often that to check the sums takes a twentieth of all compiling, of unrolled loops two thirds;
    # AddressSanitizer sees where they lead.
    target_compile_options(${target} PRIVATE -fsanitize=${TAPEGRAD_SANITIZE} -fno-sanitize=pointer-overflow -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${TAPEGRAD_SANITIZE})
  endif()
endfunction()

# tapegrad_precompile(TARGET [HEADERS...] [REUSE_FROM TARGET])
#
# Compiles once what most sources of a target include of others' headers, with those given here: no header of our own, whose warnings
# would be lost. Sources include whatever they use all the same: where there is ccache, ./dev builds without precompiled headers.
function(tapegrad_precompile target)
  # Of vector intrinsics that come from a precompiled header, g++ takes constants for variables where it does not optimise.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE MATCHES "^(Release|RelWithDebInfo|MinSizeRel)$")
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 precompile "" "REUSE_FROM" "")
  if(precompile_REUSE_FROM)
    target_precompile_headers(${target} REUSE_FROM ${precompile_REUSE_FROM})
  else()
    target_precompile_headers(${target} PRIVATE ${precompile_UNPARSED_ARGUMENTS}
      <algorithm> <cmath> <functional> <map> <memory> <mutex> <optional> <span> <string> <unordered_map> <variant> <vector> <fmt/format.h>)
  endif()
  if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    # GCC bug 105651 again: where <string> comes from a precompiled header, g++ 12 does not pass over what it believes to see in it.
    target_compile_options(${target} PRIVATE "$<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow;-Wno-array-bounds>")
  endif()
endfunction()

# A program whose main.cpp reads options with CLI11 and leaves all work to its libraries: unoptimised, it compiles in half the time.
function(tapegrad_command_line target)
  find_package(CLI11 2.1 REQUIRED)
  target_link_libraries(${target} PRIVATE CLI11::CLI11)
  target_compile_options(${target} PRIVATE -O0)
endfunction()

# What every library of the package has: its name in it, position-independent code, a version.
function(tapegrad_package_library name)
  add_library(tapegrad::${name} ALIAS tapegrad_${name})
  set_target_properties(tapegrad_${name} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON
    CXX_VISIBILITY_PRESET default VISIBILITY_INLINES_HIDDEN OFF  # whatever a project around it has set for its own
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    INSTALL_RPATH "$ORIGIN")  # shared libraries of the package find each other wherever it stands
  tapegrad_own_target(tapegrad_${name})
  set_property(GLOBAL APPEND PROPERTY TAPEGRAD_PACKAGE_LIBRARIES tapegrad_${name})
endfunction()

# A library floor: every source under src/; every header under include/ is public and installed.
function(tapegrad_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/src/*.cpp")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/include/*.hpp")
  add_library(tapegrad_${name} ${sources})
  target_sources(tapegrad_${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${CMAKE_CURRENT_SOURCE_DIR}/include" FILES ${headers})
  target_include_directories(tapegrad_${name} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}/src")
  tapegrad_package_library(${name})
endfunction()

# Header-only libraries that only our own sources see. They are no part of the package: whoever
# links to an installed tapegrad does not need them.
function(tapegrad_link_headers_only target)
  foreach(library ${ARGN})
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${library}>)
  endforeach()
endfunction()
